"""The inventory's tables, one frozen dataclass a row; the Parquet schema is derived from the fields.

Identifiers: ``store_id`` is the provider's own full identifier (ARN, ``//service/…`` name, Azure resource id in
lower case), unique over all clouds. ``location`` is a name of the catalogue's ``location_provider``; the empty string
means not known, and then a gap says why. Countries are not stored: they follow from the catalogue on the day asked.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from residency.model import AccessMode, Cause, Custody, External, PrincipalKind, Role, UnitStatus, Verdict

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = [
    "TABLES",
    "Access",
    "Contractor",
    "EntityRow",
    "Gap",
    "Grant",
    "Key",
    "Label",
    "Placement",
    "Row",
    "Rows",
    "Store",
    "Sweep",
    "Tables",
    "Unit",
    "arrow_schema",
    "from_arrow",
    "to_arrow",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a row comes from: whose account, which region was asked, which call answered, when (UTC)."""

    provider: str
    account: str
    region: str
    kind: str
    call: str
    seen_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Origin):
    """Anything that keeps data at rest. ``holds`` says what kind of content, in the kind's own words."""

    store_id: str
    name: str
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement(Origin):
    """A store's content, in one role, at one location.

    ``target`` is the identifier of the store that receives a copy, where the answer names it but not its place.
    ``evidence`` is the path in the answer (or ``target`` / ``pair`` when the location was looked up from there).
    """

    store_id: str
    role: Role
    location_provider: str
    location: str
    target: str = ""
    evidence: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Origin):
    """Who can produce a store's plaintext. ``manager_country`` is set for external key managers where known."""

    store_id: str
    custody: Custody
    key_id: str = ""
    key_location: str = ""
    key_account: str = ""
    manager: str = ""
    manager_country: str = ""
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Origin):
    """An identity that can reach a store. ``access``: what it may do, ``read`` ``write`` ``admin`` or ``unknown``.

    ``condition``: ``none``, ``narrowed`` (understood and applied to the other columns) or ``unknown``.
    """

    store_id: str
    principal: str
    principal_kind: PrincipalKind
    principal_account: str = ""
    access: str = "unknown"
    external: External = "unknown"
    condition: str = "none"
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Origin):
    """A tag or label of a store."""

    store_id: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Origin):
    """Something tried and not seen. Without a ``store_id`` it stands for every store the unit may hold.

    ``field``: what is not known: ``listing`` ``placement`` ``key`` ``grants`` ``labels`` ``detail`` ``log`` ``scope``.
    """

    store_id: str = ""
    field: str
    cause: Cause
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One (account, region, kind) of a sweep and how it ended."""

    provider: str
    account: str
    region: str
    kind: str
    status: UnitStatus
    code: str = ""
    message: str = ""
    stores: int = 0
    calls: int = 0
    started_at: dt.datetime
    finished_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One run of collection: its scope as JSON and the versions that made it."""

    sweep_id: str
    started_at: dt.datetime
    finished_at: dt.datetime
    scope: str
    tool_version: str
    catalogue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contractor:
    """A register entry: a legal person entrusted with handling (委託先). Countries are alpha-2 codes or ``unknown``."""

    contractor_id: str
    name: str
    seat: str
    staff_countries: tuple[str, ...]
    storage_countries: tuple[str, ...]
    access_mode: AccessMode
    services: tuple[str, ...]
    data_classes: tuple[str, ...]
    purpose: str = ""
    principals: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    entrusted_by: str = ""
    start: dt.date | None = None
    end: dt.date | None = None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRow:
    """A legal person from the register, with one owner a row; an entity without a known owner has one row.

    ``owner_id`` is empty where the register names no owner, ``none`` where it says that there is none.
    """

    entity_id: str
    name: str
    seat: str
    owner_id: str = ""
    share: float | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Observed use by one principal from one address; ``count`` events, of which ``denied`` were refused.

    ``countries`` are alpha-2 codes the address may lie in; ``verdict`` says how sure that is.
    """

    provider: str
    account: str
    region: str
    principal: str
    principal_account: str
    service: str
    ip: str
    verdict: Verdict
    countries: tuple[str, ...]
    reason: str
    geo_source: str
    geo_date: str
    count: int
    denied: int
    first: dt.datetime
    last: dt.datetime
    source: str


Row = Store | Placement | Key | Grant | Label | Gap | Unit | Sweep | Contractor | EntityRow | Access

TABLES: Mapping[str, type[Any]] = types.MappingProxyType(
    {
        "sweeps": Sweep,
        "units": Unit,
        "stores": Store,
        "placements": Placement,
        "keys": Key,
        "grants": Grant,
        "labels": Label,
        "gaps": Gap,
        "contractors": Contractor,
        "entities": EntityRow,
        "access": Access,
    }
)
"""Table name to row class, in reading order."""

_NAME_OF = {row: name for name, row in TABLES.items()}


@dataclass(slots=True)
class Rows:
    """Rows gathered for several tables; merging and sorting keep the order of collection out of the result."""

    tables: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def add(self, *rows: Row) -> None:
        """Put each row into its table."""
        for row in rows:
            self.tables[_NAME_OF[type(row)]].append(row)

    def extend(self, other: Rows) -> None:
        """Take over all rows of another set."""
        for name, rows in other.tables.items():
            self.tables[name].extend(rows)

    def __getitem__(self, name: str) -> list[Any]:
        return self.tables[name]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return len(self.tables[table])

    def attach(self, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
        """Make one table known to a database."""
        connection.register(name, to_arrow(table, self.tables[table]))

    def sorted(self) -> Rows:
        """The same rows without duplicates, in the order of a snapshot: by the fields from left to right.

        Texts go by code point, times and numbers by value, and what is missing before what is there.
        """
        return Rows({name: sorted(dict.fromkeys(rows), key=_sort_key) for name, rows in self.tables.items()})


class Tables(Protocol):
    """An inventory by columns: rows in memory, or an opened snapshot of any size."""

    def count(self, table: str) -> int:
        """How many rows a table has."""

    def attach(self, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
        """Make one table known to a database as ``name``, in place of what had the name before."""


def _sort_key(row: Any) -> tuple[Any, ...]:
    values = [getattr(row, item.name) for item in dataclasses.fields(row)]
    return tuple((value is not None, value) for value in values)


def as_dict(row: Row) -> dict[str, Any]:
    """Plain values of a row."""
    return {item.name: getattr(row, item.name) for item in dataclasses.fields(row)}


def row_from(table: str, values: Mapping[str, Any], known: dict[str, str] | None = None) -> Any:
    """The row a journal stored; lists become tuples and ISO texts become days and times again.

    ``known`` holds texts seen before: equal texts of many rows are kept once.
    """
    row, hints = TABLES[table], _hints(table)
    texts = {} if known is None else known
    return row(**{name: _restore(hints[name], value, texts) for name, value in values.items()})


@functools.cache
def _hints(table: str) -> Mapping[str, Any]:
    return typing.get_type_hints(TABLES[table])


def _restore(hint: Any, value: Any, texts: dict[str, str]) -> Any:
    if isinstance(value, str):
        if hint is dt.datetime:
            return _moment(value)
        if hint == dt.date | None:
            return dt.date.fromisoformat(value)
        return texts.setdefault(value, value)
    return tuple(value) if isinstance(value, list) else value


@functools.lru_cache(maxsize=65_536)
def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@functools.cache
def arrow_schema(table: str) -> pa.Schema:
    """The Parquet schema of a table, derived from its row class."""
    import pyarrow as pa

    def arrow_type(hint: Any) -> tuple[Any, bool]:
        origin = typing.get_origin(hint)
        if origin is typing.Literal:
            return pa.string(), False
        if origin is tuple:
            return pa.list_(pa.string()), False
        if origin in {typing.Union, types.UnionType}:
            inner = [item for item in typing.get_args(hint) if item is not type(None)]
            return arrow_type(inner[0])[0], True
        plain = {
            str: pa.string(),
            int: pa.int64(),
            float: pa.float64(),
            dt.datetime: pa.timestamp("us", tz="UTC"),
            dt.date: pa.date32(),
        }
        return plain[hint], False

    hints = typing.get_type_hints(TABLES[table])
    fields = []
    for item in dataclasses.fields(TABLES[table]):
        kind, nullable = arrow_type(hints[item.name])
        fields.append(pa.field(item.name, kind, nullable=nullable))
    return pa.schema(fields)


def to_arrow(table: str, rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table with the table's schema."""
    import pyarrow as pa

    schema, items = arrow_schema(table), list(rows)
    return pa.table([pa.array([getattr(row, f.name) for row in items], f.type) for f in schema], schema=schema)


def from_arrow(table: str, data: pa.Table) -> Iterator[Any]:
    """The rows of an Arrow table; equal values of many rows are one object."""
    import pyarrow as pa

    row, names = TABLES[table], data.schema.names
    known: dict[Any, Any] = {}
    for batch in data.to_batches(max_chunksize=65_536):
        columns: list[list[Any]] = []
        for column in batch.columns:
            if pa.types.is_list(column.type):
                columns.append([tuple(value) for value in column.to_pylist()])
                continue
            coded = column.dictionary_encode()
            words = [known.setdefault(word, word) for word in coded.dictionary.to_pylist()]
            columns.append([None if code is None else words[code] for code in coded.indices.to_pylist()])
        for values in zip(*columns, strict=True):
            yield row(**dict(zip(names, values, strict=True)))
