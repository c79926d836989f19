"""Snapshots: an immutable folder of Parquet files with a manifest, here or at a URL; written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.errors import SnapshotError, StorageError
from residency.inventory.place import MANIFEST, Place, digest, place_of
from residency.inventory.tables import SCHEMA_VERSION, TABLES, Rows, from_arrow

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset

    from residency.inventory.staging import Staging

__all__ = ["Snapshot", "open_snapshot", "write_snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened snapshot.

    Parameters
    ----------
    place
        Where it lies.
    manifest
        Schema version, SHA-256 and row count of each file, scope, tool and catalogue versions.
    """

    place: Place
    manifest: Mapping[str, Any]

    def path(self, table: str) -> Path:
        """The table's Parquet file; one at a URL is fetched first.

        Raises
        ------
        SnapshotError
            When there is no such table.
        """
        if table not in TABLES:
            raise SnapshotError(f"no table {table!r}; there are {', '.join(TABLES)}")
        return self.place.file(f"{table}.parquet")

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.manifest["files"][f"{table}.parquet"]["rows"])

    def attach(self, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
        """Make the table known to a database as ``name``; it is read when it is asked for, piece by piece."""
        from residency.inventory.staging import parquet

        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {parquet(self.path(table))}")

    def dataset(self, table: str) -> pyarrow.dataset.Dataset:
        """The table as an Arrow data set, which reads only what is asked for."""
        import pyarrow.dataset as ds

        return ds.dataset(str(self.path(table)), format="parquet")

    def table(self, table: str) -> pa.Table:
        """The table in Arrow form."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path(table))

    def to_pandas(self, table: str) -> pd.DataFrame:
        """The table as a data frame; times are UTC, lists are tuples, missing numbers are NA."""
        data = self.table(table)
        frame: pd.DataFrame = data.to_pandas()
        for field in data.schema:
            if str(field.type).startswith("list"):
                frame[field.name] = frame[field.name].map(tuple)
        return frame

    def rows(self, *tables: str) -> Rows:
        """Every row of the named tables, or of all, as written: for inventories that fit into memory."""
        result = Rows()
        for name in tables or TABLES:
            result.tables[name] = list(from_arrow(name, self.table(name)))
        return result

    def verify(self) -> None:
        """Compare every file with the manifest.

        Raises
        ------
        SnapshotError
            When a file is missing or was changed.
        """
        for name, entry in self.manifest["files"].items():
            file, shown = self.place.file(name), f"{self.place.name}/{name}"
            if not file.is_file():
                raise SnapshotError(
                    f"{shown}: is missing; the snapshot is damaged, take it from a backup or sweep again"
                )
            if digest(file) != entry["sha256"]:
                raise SnapshotError(f"{shown}: was changed after it was written; take it from a backup or sweep again")


def write_snapshot(
    folder: Path | str,
    rows: Rows | Iterable[Rows | Mapping[str, pa.Table]],
    scope: Mapping[str, Any],
    versions: Mapping[str, str],
) -> Snapshot:
    """Write all tables, and let them appear at ``folder`` in one step.

    A local folder is written beside its place and moved there. At a URL the manifest is written last: a folder
    without one is no snapshot.

    Parameters
    ----------
    folder
        A path or an fsspec URL. Must hold no snapshot yet: snapshots are never changed.
    rows
        Rows, or batches of rows or of Arrow tables by name, taken one at a time. Sorted and freed of duplicates, so
        that the same rows give the same bytes; what does not fit into memory goes to disk meanwhile.
    scope, versions
        Kept in the manifest.

    Raises
    ------
    SnapshotError
        When the folder exists.
    StorageError
        When the disk or the service refuses; no snapshot is left behind.
    """
    import duckdb

    from residency.inventory.staging import Staging

    place = place_of(folder)
    refuse_taken(place)
    try:
        with place.scratch() as part:
            with Staging(part) as staging:
                for batch in (rows,) if isinstance(rows, Rows) else rows:
                    staging.add(batch)
                files = {f"{name}.parquet": _write_table(part, name, staging) for name in TABLES}
            manifest = {
                "schema": SCHEMA_VERSION,
                "files": files,
                "scope": dict(scope),
                "versions": dict(sorted(versions.items())),
            }
            text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
            (part / MANIFEST).write_text(text + "\n", encoding="utf-8")
            place.publish(part, [*files, MANIFEST])
    except OSError as error:
        raise StorageError(place.name, error.strerror or str(error)) from error
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise StorageError(place.name, str(error).splitlines()[0]) from error
    return Snapshot(place, manifest)


def _write_table(part: Path, name: str, staging: Staging) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from residency.inventory.staging import ROW_GROUP
    from residency.inventory.tables import arrow_schema

    file, count = part / f"{name}.parquet", 0
    with pq.ParquetWriter(file, arrow_schema(name), compression="zstd", version="2.6") as writer:
        for piece in staging.ordered(name):
            writer.write_table(piece, row_group_size=ROW_GROUP)
            count += piece.num_rows
    return {"sha256": digest(file), "rows": count}


def refuse_taken(place: Place) -> None:
    """Raise SnapshotError when a snapshot cannot be written there."""
    if place.taken():
        raise SnapshotError(f"{place.name}: exists already and snapshots are never changed; name another folder")


def open_snapshot(folder: Path | str, *, verify: bool = True) -> Snapshot:
    """Open a snapshot by path or URL, by default checking every file against the manifest.

    Raises
    ------
    SnapshotError
        When the folder is no snapshot, is of another schema, or is damaged.
    """
    place = place_of(folder)
    content = place.manifest()
    if content is None:
        raise SnapshotError(f"{place.name}: is not a snapshot (no {MANIFEST}); `residency sweep` makes one")
    file = f"{place.name}/{MANIFEST}"
    try:
        manifest = json.loads(content.decode("utf-8"))
        schema = manifest["schema"]
        entries = manifest["files"].items()
        listed = {name for name, entry in entries if isinstance(entry["sha256"], str) and entry["rows"] >= 0}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(f"{file}: is not readable ({error}); take it from a backup or sweep again") from None
    if schema != SCHEMA_VERSION:
        raise SnapshotError(f"{place.name}: has schema {schema}, this version reads {SCHEMA_VERSION}")
    if listed != {f"{name}.parquet" for name in TABLES}:
        raise SnapshotError(f"{file}: lists other files than a snapshot has; take it from a backup or sweep again")
    snapshot = Snapshot(place, manifest)
    if verify:
        snapshot.verify()
    return snapshot
