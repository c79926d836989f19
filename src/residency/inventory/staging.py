"""Rows on their way into a snapshot: gathered batch by batch, given back in order and without duplicates.

The order is that of the columns from left to right: texts by code point, times and numbers by value, lists by their
first difference, what is missing before what is there. It depends on the rows alone, not on how they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from residency.inventory.tables import TABLES, Rows, arrow_schema, to_arrow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ROW_GROUP", "Staging", "database"]

ROW_GROUP = 131_072
"""Rows of a Parquet row group."""
_SLICE = 32_768
"""Rows made into columns at a time."""
_MEMORY = "1GB"


def database(scratch: Path | None = None) -> Any:
    """An empty DuckDB in memory. Beyond a gigabyte it spills into ``scratch``; without one it never touches the disk."""
    import duckdb

    connection = duckdb.connect(":memory:")
    if scratch is not None:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute("SET temp_directory = ?", [str(scratch) if scratch else ""])
    return connection


class Staging:
    """Tables under construction.

    Parameters
    ----------
    scratch
        A folder of ours, for what does not fit into memory; it is emptied by whoever made it.
    """

    def __init__(self, scratch: Path) -> None:
        self._connection = database(scratch)
        self._connection.execute("SET preserve_insertion_order = false")
        self._known: set[str] = set()

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, batch: Rows | Mapping[str, pa.Table]) -> None:
        """Take rows over, as `Rows` or as an Arrow table for each table's name."""
        if isinstance(batch, Rows):
            for name, rows in batch.tables.items():
                for start in range(0, len(rows), _SLICE):
                    self._insert(name, to_arrow(name, rows[start : start + _SLICE]))
        else:
            for name, data in batch.items():
                schema = arrow_schema(name)
                self._insert(name, data.select(schema.names).cast(schema))

    def _insert(self, name: str, data: pa.Table) -> None:
        connection = self._connection
        connection.register("_batch", data)
        verb = f"INSERT INTO {name}" if name in self._known else f"CREATE TABLE {name} AS"
        connection.execute(f"{verb} SELECT * FROM _batch")
        connection.unregister("_batch")
        self._known.add(name)

    def ordered(self, name: str) -> Iterator[pa.Table]:
        """The table in pieces of `ROW_GROUP` rows and a last, smaller one; none for an empty table."""
        import pyarrow as pa

        schema = arrow_schema(name)
        if name not in self._known:
            return
        found = self._connection.sql(f"SELECT * FROM {name} ORDER BY ALL ASC NULLS FIRST")
        pieces = (
            pa.Table.from_batches([batch]).cast(schema)
            for batch in pa.RecordBatchReader.from_stream(found)
            if batch.num_rows
        )
        yield from _even(_distinct(pieces), schema)


def _distinct(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Sorted rows that are not the same as the row before."""
    import pyarrow as pa

    last: pa.Table | None = None
    for piece in pieces:
        joined = piece if last is None else pa.concat_tables([last, piece])
        same = _repeats(joined)
        fresh = joined.slice(1).filter(pa.array(~same)) if same.any() else joined.slice(1)
        yield fresh if last is not None else pa.concat_tables([joined.slice(0, 1), fresh])
        last = piece.slice(piece.num_rows - 1)


def _repeats(data: pa.Table) -> Any:
    """For each row but the first, whether it is the row before once more."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    same = np.ones(max(data.num_rows - 1, 0), dtype=bool)
    lists = []
    for column in data.columns:
        if pa.types.is_list(column.type):
            lists.append(column)  # Arrow does not compare lists
            continue
        above, below = column.slice(0, len(same)), column.slice(1)
        equal = pc.fill_null(pc.equal(above, below), False)
        both_missing = pc.and_(pc.is_null(above), pc.is_null(below))
        same &= pc.or_(equal, both_missing).to_numpy(zero_copy_only=False)
    for number in np.flatnonzero(same) if lists else ():
        same[number] = all(column[int(number)] == column[int(number) + 1] for column in lists)
    return same


def _even(pieces: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of equal size, so that files do not depend on how the rows came."""
    import pyarrow as pa

    held, count = [schema.empty_table()], 0
    for piece in pieces:
        held.append(piece)
        count += piece.num_rows
        if count >= ROW_GROUP:
            joined = pa.concat_tables(held)
            whole = count - count % ROW_GROUP
            for start in range(0, whole, ROW_GROUP):
                yield joined.slice(start, ROW_GROUP).combine_chunks()
            held, count = [joined.slice(whole)], count - whole
    if count:
        yield pa.concat_tables(held).combine_chunks()
