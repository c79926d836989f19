"""The command tree."""

from __future__ import annotations

from typing import Annotated

import typer

from residency.cli import (
    assess,
    check,
    demo,
    diff,
    disclose,
    evaluate,
    explain,
    importing,
    init,
    law,
    providers,
    query,
    registers,
    report,
    sweep,
    whatif,
)

__all__ = ["build_app"]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"residency {version('residency')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """In which countries user information sits, who handles it from where, and which foreign laws can reach it.

    Start: residency demo
    """


def build_app() -> typer.Typer:
    """All commands, in the order of work."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command("demo")(demo.demo)
    app.command("init")(init.init)
    app.command("sweep")(sweep.sweep)
    app.command("import")(importing.import_)
    app.add_typer(registers.app, name="contractors")
    app.command("logs")(registers.logs)
    app.command("assess")(assess.assess)
    app.command("explain")(explain.explain)
    app.command("whatif")(whatif.whatif)
    app.command("disclose")(disclose.disclose)
    app.command("check")(check.check)
    app.command("evaluate")(evaluate.evaluate)
    app.command("report")(report.report)
    app.command("diff")(diff.diff)
    app.command("query")(query.query)
    app.add_typer(law.app, name="law")
    app.add_typer(providers.app, name="providers")
    return app
