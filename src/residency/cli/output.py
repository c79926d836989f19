"""Printing: tables for people, JSON and CSV for programs; hostile names cannot move the cursor or run in a sheet."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from residency.errors import StorageError
from residency.escape import csv_cell, terminal

__all__ = ["Format", "emit", "line", "to_json", "write_text"]


class Format(StrEnum):
    """How data is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def emit(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Format, title: str = "") -> None:
    """Print rows; columns are named in order, missing values are empty."""
    items = list(rows)
    if form is Format.json:
        sys.stdout.write(to_json([dict(row) for row in items]))
    elif form is Format.csv:
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([csv_cell(_text(row.get(name))) for name in columns] for row in items)
        sys.stdout.write(sink.getvalue())
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in items:
            table.add_row(*(Text(terminal(_text(row.get(name)))) for name in columns))
        Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


def line(text: str = "") -> None:
    """Print one line of our own words and escaped names."""
    sys.stdout.write(f"{text}\n")


def to_json(data: Any) -> str:
    """JSON with days and times as ISO 8601, non-ASCII kept, keys in the order given."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain) + "\n"


def write_text(file: Path, text: str) -> None:
    """Write a result file whole or not at all.

    Raises
    ------
    StorageError
        When the folder cannot be made or the disk refuses.
    """
    from residency.disclosure.markers import write_atomically

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(file, error.strerror or str(error)) from error
    write_atomically(file, text.encode("utf-8"))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return str(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)
