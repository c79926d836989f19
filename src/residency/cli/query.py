"""``residency query``: SQL over a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import ConfigFile, DataFolder, FormatOption, SnapshotFolder, find_snapshot
from residency.cli.output import Format, emit


def query(
    sql: Annotated[str, typer.Argument(help="One SQL statement.")],
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Run SQL over a snapshot's tables; `placed` adds the country of every placement.

    Example: residency query "SELECT country, role, count(*) FROM placed GROUP BY ALL ORDER BY 3 DESC"
    """
    from residency.data import data_folders
    from residency.inventory.query import query as run
    from residency.inventory.snapshot import open_snapshot
    from residency.providers import load_providers

    opened = open_snapshot(find_snapshot(snapshot, config))
    answer = run(opened, sql, load_providers(data_folders(data)).locate)
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    emit(rows, answer.columns, form)
