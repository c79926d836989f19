"""What differs between two snapshots, row by row, without the times of seeing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from residency.inventory.tables import TABLES, Rows

__all__ = ["Change", "diff"]

_IDENTITY = {
    "units": ("provider", "account", "region", "kind"),
    "stores": ("store_id",),
    "placements": ("store_id", "role", "location_provider", "location", "target"),
    "keys": ("store_id",),
    "grants": ("store_id", "principal", "access", "condition"),
    "labels": ("store_id", "key"),
    "gaps": ("provider", "account", "region", "kind", "store_id", "field", "cause"),
    "contractors": ("contractor_id",),
    "entities": ("entity_id", "owner_id", "start"),
    "access": ("provider", "account", "region", "principal", "service", "ip"),
}
_PASSING = frozenset(
    {"seen_at", "started_at", "finished_at", "call", "calls", "evidence", "message", "source", "geo_date", "geo_source"}
)


@dataclass(frozen=True, slots=True)
class Change:
    """One row that came, went or changed. ``identity`` names it; ``fields`` are (name, before, after)."""

    table: str
    change: Literal["added", "removed", "changed"]
    identity: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str, str], ...] = ()


def diff(before: Rows, after: Rows) -> list[Change]:
    """Changes from one inventory to another, in order of table, identity and change.

    Times of seeing, calls and wordings of messages are not changes. A store that went because its unit was not seen
    this time is still listed as removed: the units table says so in the same list.
    """
    return [change for table in TABLES if table in _IDENTITY for change in _of_table(table, before, after)]


def _of_table(table: str, before: Rows, after: Rows) -> Iterator[Change]:
    names = _IDENTITY[table]
    compared = [
        item.name for item in dataclasses.fields(TABLES[table]) if item.name not in names and item.name not in _PASSING
    ]

    def keyed(rows: Rows) -> dict[tuple[str, ...], Any]:
        return {tuple(str(getattr(row, name)) for name in names): row for row in rows[table]}

    old, new = keyed(before), keyed(after)
    for key in sorted(old.keys() | new.keys()):
        identity = tuple(zip(names, key, strict=True))
        if key not in new:
            yield Change(table, "removed", identity)
        elif key not in old:
            yield Change(table, "added", identity)
        else:
            fields = tuple(
                (name, str(getattr(old[key], name)), str(getattr(new[key], name)))
                for name in compared
                if getattr(old[key], name) != getattr(new[key], name)
            )
            if fields:
                yield Change(table, "changed", identity, fields)
