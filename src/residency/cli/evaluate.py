"""``residency evaluate``: the yearly evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import ConfigFile, DataFolder, day
from residency.cli.output import line, to_json, write_text
from residency.errors import InputError


def evaluate(
    before: Annotated[str, typer.Argument(help="Snapshot from the start of the year, a folder or URL.")],
    after: Annotated[str, typer.Argument(help="Snapshot from its end, a folder or URL.")],
    config: ConfigFile = Path("residency.yaml"),
    start: Annotated[
        str | None, typer.Option("--from", help="First day; the first snapshot's day when left out.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Day after the last; the second snapshot's day when left out.")
    ] = None,
    data: DataFolder = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.md and evaluation.json.")] = None,
) -> None:
    """Compare two snapshots over a business year: inventory, contractors, foreign law, exposure, gaps, measures.

    Example: residency evaluate snapshots/2025-04-01 snapshots/2026-03-31 --out evaluation
    """
    from residency.assess import assemble, load_catalogues, read_config, snapshot_day
    from residency.evaluation import evaluate as compare
    from residency.evaluation import evaluation_markdown
    from residency.inventory.snapshot import open_snapshot

    catalogues = load_catalogues(data, config)
    settings = read_config(config, catalogues)
    first, second = open_snapshot(before), open_snapshot(after)
    days = day(start, snapshot_day(first)), day(end, snapshot_day(second))
    if days[1] <= days[0]:
        raise InputError(f"evaluate: --to {days[1]} must be later than --from {days[0]}")
    result = compare(
        assemble(first.rows(), settings, catalogues, days[0]), assemble(second.rows(), settings, catalogues, days[1])
    )
    if out is None:
        line(evaluation_markdown(result).rstrip())
        return
    write_text(out / "evaluation.md", evaluation_markdown(result))
    write_text(out / "evaluation.json", to_json(result.to_dict()))
    line(f"{out}: evaluation.md, evaluation.json")
