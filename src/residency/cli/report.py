"""``residency report``: one HTML page that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, SnapshotFolder, load_inputs
from residency.cli.output import line, write_text


def report(
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
) -> None:
    """Write the report: map, exposures, witness paths, gaps, contractors, citations.

    Example: residency report --out report.html
    """
    from residency.disclosure.tables import policy
    from residency.report.page import render_report
    from residency.scoring import score

    inputs, _, _ = load_inputs(config, data, snapshot, as_of)
    write_text(out, render_report(score(inputs), policy(inputs)))
    line(f"{out}: written, as of {inputs.as_of}")
