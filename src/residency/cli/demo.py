"""``residency demo``: the whole line on an example organisation, without any cloud account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.output import line


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write; only an earlier demo's is replaced.")] = Path(
        "demo-output"
    ),
) -> None:
    """Sweep an example organisation on stand-ins for three clouds, score it, write policy and report.

    Nothing leaves this machine: the stand-ins answer on loopback, and your own credentials are not used.

    Example: residency demo
    """
    from residency.cli.sweep import progress_bar
    from residency.demo.run import run_demo
    from residency.demo.summary import summary_lines

    made = run_demo(out, progress_bar)
    for text in summary_lines(made):
        line(text)
