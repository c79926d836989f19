"""Rows on their way into a snapshot: gathered batch by batch, given back in order and without duplicates.

The order is that of the columns from left to right: texts by code point, times and numbers by value, lists by their
first difference, what is missing before what is there. It depends on the rows alone, not on how they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from residency.inventory.tables import Rows, arrow_schema, to_arrow

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["ROW_GROUP", "Staging", "database", "parquet"]

ROW_GROUP = 131_072
"""Rows of a Parquet row group."""
_SLICE = 32_768
"""Rows made into columns, or put on disk, at a time."""
_MEMORY = "1GB"


def database(scratch: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in memory; beyond a gigabyte it spills into ``scratch``, and without one never to disk."""
    import duckdb

    connection = duckdb.connect(":memory:")
    if scratch is not None:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
    connection.execute("SET temp_directory = ?", [str(scratch) if scratch else ""])
    return connection


def parquet(file: Path) -> str:
    """The SQL expression that reads a Parquet file, whatever its folders are called."""
    import glob

    path = glob.escape(str(file)).replace("'", "''")
    return f"read_parquet('{path}', hive_partitioning = false)"


class Staging:
    """Tables under construction: only what is being read or sorted is in memory.

    Parameters
    ----------
    scratch
        A folder of ours; it is emptied by whoever made it.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, batch: Rows | Mapping[str, pa.Table]) -> None:
        """Take rows over, as `Rows` or as an Arrow table for each table's name."""
        if isinstance(batch, Rows):
            for name, rows in batch.tables.items():
                for start in range(0, len(rows), _SLICE):
                    self._take(name, to_arrow(name, rows[start : start + _SLICE]))
        else:
            for name, data in batch.items():
                schema = arrow_schema(name)
                self._take(name, data.select(schema.names).cast(schema))

    def _take(self, name: str, data: pa.Table) -> None:
        waiting = self._waiting.setdefault(name, [])
        waiting.append(data)
        if sum(item.num_rows for item in waiting) >= _SLICE:
            self._flush(name)

    def _flush(self, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        waiting = self._waiting.pop(name, [])
        if waiting:
            if name not in self._writers:
                self._writers[name] = pq.ParquetWriter(self._file(name), arrow_schema(name), compression="lz4")
            self._writers[name].write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)

    def _file(self, name: str) -> Path:
        return self._scratch / f"{name}.unsorted"

    def ordered(self, name: str) -> Iterator[pa.Table]:
        """The table in pieces of `ROW_GROUP` rows and a last, smaller one; none for an empty table.

        Rows that are added later are not in it.
        """
        import pyarrow as pa

        self._flush(name)
        if name not in self._writers:
            return
        self._writers.pop(name).close()
        schema, connection = arrow_schema(name), database(self._scratch)
        try:
            connection.execute("SET preserve_insertion_order = false")
            source = parquet(self._file(name))
            found = connection.sql(f"SELECT * FROM {source} ORDER BY ALL ASC NULLS FIRST")
            pieces = (
                pa.Table.from_batches([batch]).cast(schema)
                for batch in pa.RecordBatchReader.from_stream(found)
                if batch.num_rows
            )
            yield from _even(_distinct(pieces), schema)
        finally:
            connection.close()
            self._file(name).unlink(missing_ok=True)


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

    same = np.ones(data.num_rows - 1, dtype=bool)
    lists = []
    for column in data.columns:
        if pa.types.is_list(column.type):
            lists.append(column)  # Arrow does not compare lists
            continue
        above, below = column.slice(0, len(same)), column.slice(1)
        equal = pc.fill_null(pc.equal(above, below), False)
        if column.null_count:
            equal = pc.or_(equal, pc.and_(pc.is_null(above), pc.is_null(below)))
        same &= equal.to_numpy()
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
