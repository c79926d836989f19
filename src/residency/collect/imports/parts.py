"""Rows that say more of a row of another type: a bucket's policy may be a resource of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from residency.collect.imports.functions import look
from residency.collect.imports.items import Item
from residency.collect.imports.spec import ForeignPart, ForeignType, Source

__all__ = ["Parts"]

Placed = tuple[Path, Item]


@dataclass(slots=True)
class Parts:
    """Holds rows back until all files were read, and then joins them.

    Parameters
    ----------
    source
        The format read.
    types
        What is known of foreign types.
    """

    source: Source
    types: Mapping[tuple[Source, str], ForeignType]
    _wholes: dict[str, list[Placed]] = field(default_factory=dict)
    _parts: list[tuple[list[str], ForeignPart, Placed]] = field(default_factory=list)

    def hold(self, path: Path, item: Item) -> bool:
        """Whether the row waits: it is a part, or parts may say more of it."""
        own = self.types.get((self.source, item.type))
        if own is not None and own.parts:
            self._wholes.setdefault(item.type, []).append((path, item))
            return True
        names = [
            name
            for (source, name), foreign in self.types.items()
            if source == self.source and item.type in foreign.parts
        ]
        if names:
            part = self.types[self.source, names[0]].parts[item.type]
            self._parts.append((names, part, (path, item)))
        return bool(names)

    def joined(self) -> Iterator[Placed]:
        """The rows with what their parts say; a part whose other row is not there makes one of its own, and one that
        may be of several resources stays what it is."""
        alone: dict[tuple[str, str], Placed] = {}
        for names, part, (path, item) in self._parts:
            at = _columns(part.at, item)
            found = [
                (rows, number)
                for rows in (self._wholes.get(name, []) for name in names)
                for number, (_, row) in enumerate(rows)
                if any(row.row.get(key) == at[key] for key in at)
            ]
            if not at or len({_same(rows[number][1]) for rows, number in found}) > 1:
                yield path, item
                continue
            given = {column: look(text, item.row) for column, text in part.gives.items()}
            for rows, number in found:
                rows[number] = _with(rows[number], given, part)
            if not found:
                key = (names[0], repr(sorted(at.items())))
                first = path, replace(item, type=names[0], row={**at, **_columns(part.alone, item)}, whole=False)
                alone[key] = _with(alone.get(key, first), given, part)
        for rows in self._wholes.values():
            yield from rows
        yield from alone.values()
        self._wholes.clear()
        self._parts.clear()


def _columns(texts: Mapping[str, str], item: Item) -> dict[str, Any]:
    found = {column: look(text, item.row) for column, text in texts.items()}
    return {column: value for column, value in found.items() if value}


def _with(placed: Placed, given: Mapping[str, Any], part: ForeignPart) -> Placed:
    path, item = placed
    told = {column: value for column, value in given.items() if value is not None}
    if part.several:
        told = {column: [*(item.row.get(column) or []), value] for column, value in told.items()}
    return path, replace(item, row={**item.row, **told})


def _same(item: Item) -> str:
    """What tells one resource from another; an older instance of the same one is not another."""
    return str(item.row.get("arn") or item.row.get("id") or "")
