"""Steampipe and CloudQuery: exported tables as CSV, JSON, JSON lines or Parquet, named after the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.collect.imports.items import Item, Problem
from residency.collect.imports.stream import Head, json_rows, members, opened, parquet_rows, table_rows
from residency.collect.json_stream import Element
from residency.errors import InputError

__all__ = ["sql_items", "table_of"]

_TABLE = re.compile(r"(?:aws|gcp|azure)_[a-z0-9_]*[a-z0-9]")
_NUMBERS = re.compile(r"(_[0-9]+)+\Z")
_WRAPPED = re.compile(r'\{\s*"(columns|rows|metadata)"\s*:')


def sql_items(path: Path, head: Head, names: frozenset[str]) -> Iterator[Item | Problem]:
    """Rows of one table.

    Raises
    ------
    InputError
        When the file's name does not tell the table.
    """
    table = table_of(path, names)
    if head.form == "parquet":
        yield from _items(parquet_rows(path), table, {})
        return
    with opened(path) as handle:
        facts: dict[str, Any] = {}
        if head.form == "csv":
            elements = table_rows(handle)
        elif _WRAPPED.match(head.text):
            elements = members(handle, "rows", facts.__setitem__)
        else:
            elements = json_rows(handle, ("rows",))
        yield from _items(elements, table, facts)


def table_of(path: Path, names: frozenset[str]) -> str:
    """The table a file holds: its name, or that of its folder, up to a number or an ending.

    Raises
    ------
    InputError
        When neither looks like a table.
    """
    guesses: list[str] = []
    for text in (path.name, path.parent.name):
        match = _TABLE.match(text)
        guesses += [match.group(0), _NUMBERS.sub("", match.group(0))] if match else []
    known = [name for name in guesses if name in names]
    found = next(iter([*known, *guesses[1::2]]), None)
    if found is None:
        raise InputError(
            f"{path}: the name does not tell the table; name it after its table, such as aws_s3_bucket.csv"
        )
    return found


def _items(elements: Iterator[Element], table: str, facts: dict[str, Any]) -> Iterator[Item | Problem]:
    for element in elements:
        row = element.value
        if isinstance(row, list) and isinstance(facts.get("columns"), list):
            columns = [str(item.get("name") if isinstance(item, dict) else item) for item in facts["columns"]]
            row = dict(zip(columns, row, strict=True)) if len(columns) == len(row) else None
        if element.problem or not isinstance(row, dict):
            yield Problem(element.line, element.problem or "a row is not an object")
        else:
            yield Item(table, row, element.line)
