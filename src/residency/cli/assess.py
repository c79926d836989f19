"""``residency assess``: exposure of every dataset to every jurisdiction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, FormatOption, SnapshotFolder, load_inputs
from residency.cli.output import Format, emit, line

LIMIT = 40


def assess(
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset, service/class.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Score a snapshot: lower and upper bound, 0 to 100, with and without what was not seen.

    Example: residency assess --as-of 2026-03-31 --format csv
    """
    from residency.scoring import score

    inputs, _, _ = load_inputs(config, data, snapshot, as_of)
    scores = score(inputs)
    rows = [
        {
            "dataset": cell.dataset,
            "jurisdiction": cell.jurisdiction,
            "channel": cell.channel,
            "lo": cell.value.lo,
            "hi_seen": cell.seen.hi,
            "hi": cell.value.hi,
            "band": inputs.judgement.band(cell.value.hi).name,
            "witness": " | ".join(cell.witness),
        }
        for cell in sorted(scores.cells, key=lambda c: (-c.seen.hi, -c.seen.lo, -c.value.hi, c.dataset, c.jurisdiction))
        if dataset is None or cell.dataset == dataset
    ]
    shown = rows if form is not Format.table else rows[:LIMIT]
    emit(shown, ["dataset", "jurisdiction", "channel", "lo", "hi_seen", "hi", "band", "witness"], form)
    if form is Format.table:
        if len(rows) > len(shown):
            line(f"… and {len(rows) - len(shown)} more cells; --format csv prints all")
        line(
            f"as of {inputs.as_of}, home {inputs.config.home}, method {inputs.judgement.version}; "
            "an ordinal index, not a probability"
        )
        for item in inputs.judgement.overrides:
            line(f"override: {item.path} = {item.value} ({item.reason})")
