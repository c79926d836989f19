"""``residency diff``: what changed between two snapshots."""

from __future__ import annotations

from typing import Annotated

import typer

from residency.cli.options import FormatOption
from residency.cli.output import Format, emit, line


def diff(
    before: Annotated[str, typer.Argument(help="The older snapshot, a folder or URL.")],
    after: Annotated[str, typer.Argument(help="The newer snapshot, a folder or URL.")],
    form: FormatOption = Format.table,
) -> None:
    """List stores, placements, keys, grants, contractors and gaps that came, went or changed.

    Example: residency diff snapshots/2026-03-31 snapshots/2026-09-30
    """
    from residency.inventory.diff import diff as compare
    from residency.inventory.snapshot import open_snapshot

    changes = compare(open_snapshot(before), open_snapshot(after))
    rows = [
        {
            "change": item.change,
            "table": item.table,
            "identity": " ".join(value for _, value in item.identity if value),
            "fields": "; ".join(f"{name}: {old} -> {new}" for name, old, new in item.fields),
        }
        for item in changes
    ]
    emit(rows, ["change", "table", "identity", "fields"], form)
    if form is Format.table:
        line(f"{len(rows)} changes")
