"""What differs between two snapshots, row by row, without the times of seeing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from residency.inventory.tables import TABLES, Tables, arrow_schema

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
    """One row that came, went or changed. ``identity`` names it; ``fields`` are (name, before, after).

    Where several rows have the same identity, a row that came or went has its other values as ``fields``.
    """

    table: str
    change: Literal["added", "removed", "changed"]
    identity: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str, str], ...] = ()


def diff(before: Tables, after: Tables) -> list[Change]:
    """Changes from one inventory to another, in order of table, identity and change.

    Times of seeing, calls and wordings of messages are not changes, and rows that differ in nothing else are one. A
    store that went because its unit was not seen this time is still listed as removed: the units table says so in the
    same list.

    Parameters
    ----------
    before, after
        Rows, or opened snapshots of any size: only what differs is made into rows.
    """
    from residency.inventory.staging import database

    connection = database()
    try:
        asked = [table for table in TABLES if table in _IDENTITY and before.count(table) + after.count(table)]
        return [change for table in asked for change in _of_table(connection, table, before, after)]
    finally:
        connection.close()


_ONLY_IN = """
CREATE OR REPLACE TEMP TABLE {made} AS
SELECT *, row_number() OVER (PARTITION BY {names} ORDER BY {all}) AS _nth
FROM (SELECT {all} FROM {here} EXCEPT SELECT {all} FROM {there})
"""
_CHANGES = """
WITH pairs AS (SELECT g._nth AS went, c._nth AS came, {pair}
               FROM gone g FULL JOIN came c ON {g_is_c} AND g._nth = c._nth),
said AS (SELECT 0 AS side, {all} FROM before r SEMI JOIN pairs p ON {r_is_p}
         UNION SELECT 1 AS side, {all} FROM after r SEMI JOIN pairs p ON {r_is_p}),
many AS (SELECT DISTINCT {names} FROM said GROUP BY side, {names} HAVING count(*) > 1)
SELECT p.*, r.{first} IS NOT NULL AS many FROM pairs p LEFT JOIN many r ON {r_is_p}
"""


def _of_table(connection: Any, table: str, before: Tables, after: Tables) -> list[Change]:
    names = _IDENTITY[table]
    schema = arrow_schema(table)
    values = [name for name in schema.names if name not in names and name not in _PASSING]
    before.attach(connection, table, "before")
    after.attach(connection, table, "after")

    def quoted(names: Iterable[str]) -> str:
        return ", ".join(f'"{name}"' for name in names)

    def same(names: Iterable[str], left: str, right: str) -> str:
        return " AND ".join(f'{left}."{name}" IS NOT DISTINCT FROM {right}."{name}"' for name in names)

    words = {"names": quoted(names), "all": quoted((*names, *values))}
    differs = 0
    for made, here, there in (("gone", "before", "after"), ("came", "after", "before")):
        connection.execute(_ONLY_IN.format(made=made, here=here, there=there, **words))
        differs += len(connection.execute(f"SELECT 1 FROM {made} LIMIT 1").fetchall())
    if not differs:
        return []
    sql = _CHANGES.format(
        first=f'"{names[0]}"',
        pair=", ".join(
            [f'coalesce(g."{name}", c."{name}") AS "{name}"' for name in names]
            + [f'{side}."{name}" AS "{side} {name}"' for side in "gc" for name in values]
        ),
        g_is_c=same(names, "g", "c"),
        r_is_p=same(names, "r", "p"),
        **words,
    )
    found = connection.sql(sql).to_arrow_table()

    def texts(column: str, name: str) -> list[str]:
        kind = schema.field(name).type
        items = found[column].cast(kind).to_pylist()
        return [str(tuple(item) if isinstance(item, list) else item) for item in items]

    def rows_of(*columns: list[str]) -> list[tuple[str, ...]]:
        return list(zip(*columns, strict=True)) or [()] * found.num_rows

    ids = rows_of(*(texts(name, name) for name in names))
    olds, news = (rows_of(*(texts(f"{side} {name}", name) for name in values)) for side in "gc")
    flags = zip(*(found[name].to_pylist() for name in ("went", "came", "many")), strict=True)
    changes = [
        _change(table, tuple(zip(names, key, strict=True)), went, came, many, list(zip(values, old, new, strict=True)))
        for key, old, new, (went, came, many) in zip(ids, olds, news, flags, strict=True)
    ]
    return sorted(changes, key=lambda item: (item.identity, item.change, item.fields))


def _change(
    table: str,
    identity: tuple[tuple[str, str], ...],
    went: int | None,
    came: int | None,
    many: bool,
    values: list[tuple[str, str, str]],
) -> Change:
    if went is not None and came is not None:
        return Change(table, "changed", identity, tuple(item for item in values if item[1] != item[2]))
    if went is not None:
        fields = [(name, old, "") for name, old, _ in values if old]
        return Change(table, "removed", identity, tuple(fields) if many else ())
    fields = [(name, "", new) for name, _, new in values if new]
    return Change(table, "added", identity, tuple(fields) if many else ())
