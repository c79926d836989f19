"""SQL over a snapshot with DuckDB: every table by its name, and ``placed``, which adds countries from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.errors import InputError
from residency.inventory.snapshot import Snapshot
from residency.inventory.tables import TABLES

if TYPE_CHECKING:
    import duckdb

    from residency.providers import Region

__all__ = ["Answer", "connect", "query"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Column names and rows of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def connect(snapshot: Snapshot, regions: Iterable[Region] = ()) -> duckdb.DuckDBPyConnection:
    """An in-memory database with a view for each table, ``regions`` and ``placed``; nothing can be written or loaded.

    ``placed`` has one row for each (placement, country); a location the catalogue does not know has country ``ZZ``.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    for name in TABLES:
        path = str(snapshot.path(name)).replace("'", "''")
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
    connection.execute(
        "CREATE TABLE regions (provider VARCHAR, region VARCHAR, countries VARCHAR[], kind VARCHAR, operator VARCHAR)"
    )
    found = [(item.provider, item.region, list(item.countries), item.kind, item.operator) for item in regions]
    if found:
        connection.executemany("INSERT INTO regions VALUES (?, ?, ?, ?, ?)", found)
    connection.execute(
        "CREATE VIEW placed AS SELECT p.*, unnest(coalesce(r.countries, ['ZZ'])) AS country FROM placements p "
        "LEFT JOIN regions r ON r.provider = p.location_provider AND lower(r.region) = lower(p.location)"
    )
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(snapshot: Snapshot, sql: str, regions: Iterable[Region] = ()) -> Answer:
    """Run one statement.

    Raises
    ------
    InputError
        When the SQL is wrong; the message is DuckDB's first line and names the tables there are.
    """
    import duckdb

    connection = connect(snapshot, regions)
    try:
        result = connection.sql(sql)
        if result is None:  # a statement that answers no rows
            return Answer((), ())
        table = result.to_arrow_table()  # fetchall would need pytz for times
        return Answer(tuple(table.column_names), tuple(zip(*(column.to_pylist() for column in table.columns), strict=True)))
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        tables = ", ".join([*TABLES, "regions", "placed"])
        raise InputError(f"query: {reason}; tables: {tables}") from None
    finally:
        connection.close()
