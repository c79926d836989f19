"""SQL over a snapshot with DuckDB: every table by its name; ``placed`` adds countries from the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.errors import InputError
from residency.inventory.snapshot import Snapshot
from residency.inventory.staging import database
from residency.inventory.tables import TABLES

if TYPE_CHECKING:
    import duckdb

    from residency.providers import Location

__all__ = ["Answer", "connect", "query"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Column names and rows of a query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def connect(snapshot: Snapshot, locate: Callable[[str, str], Location] | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory database with a view of each of the snapshot's tables, and ``placed``.

    Nothing else can be read or written. The tables are read piece by piece when a statement asks for them.

    ``placed`` has one row for each (placement, country), from the catalogue's ``locate``; a location that the
    catalogue does not know has country ``ZZ``.
    """
    connection = database()
    for name in TABLES:
        # read through Arrow, so that SQL itself needs no access to files
        connection.register(name, snapshot.dataset(name))
    connection.execute("CREATE TABLE places (location_provider VARCHAR, location VARCHAR, countries VARCHAR[])")
    names = connection.execute("SELECT DISTINCT location_provider, location FROM placements").fetchall()
    found = [(provider, name, sorted(locate(provider, name).countries)) for provider, name in names] if locate else []
    if found:
        connection.executemany("INSERT INTO places VALUES (?, ?, ?)", found)
    connection.execute(
        "CREATE VIEW placed AS SELECT p.*, unnest(coalesce(c.countries, ['ZZ'])) AS country FROM placements p "
        "LEFT JOIN places c USING (location_provider, location)"
    )
    connection.execute("SET python_enable_replacements = false")  # nor are variables of the caller tables
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(snapshot: Snapshot, sql: str, locate: Callable[[str, str], Location] | None = None) -> Answer:
    """Run one statement.

    Raises
    ------
    InputError
        When the SQL is wrong; the message is DuckDB's first line and names the tables there are.
    """
    import duckdb

    connection = connect(snapshot, locate)
    try:
        result = connection.sql(sql)
        if result is None:  # a statement that answers no rows
            return Answer((), ())
        table = result.to_arrow_table()  # fetchall would need pytz for times
        return Answer(
            tuple(table.column_names), tuple(zip(*(column.to_pylist() for column in table.columns), strict=True))
        )
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        tables = ", ".join([*TABLES, "placed"])
        raise InputError(f"query: {reason}; tables: {tables}") from None
    finally:
        connection.close()
