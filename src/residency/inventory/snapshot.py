"""Snapshots: an immutable folder of Parquet files with a manifest; written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.errors import SnapshotError, StorageError
from residency.inventory.tables import SCHEMA_VERSION, TABLES, Rows, row_from, to_arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Snapshot", "open_snapshot", "write_snapshot"]

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened snapshot.

    Parameters
    ----------
    folder
        Where it lies.
    manifest
        Schema version, SHA-256 and row count of each file, scope, tool and catalogue versions.
    """

    folder: Path
    manifest: Mapping[str, Any]

    def path(self, table: str) -> Path:
        """The table's Parquet file.

        Raises
        ------
        SnapshotError
            When there is no such table.
        """
        if table not in TABLES:
            raise SnapshotError(f"no table {table!r}; there are {', '.join(TABLES)}")
        return self.folder / f"{table}.parquet"

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

    def rows(self) -> Rows:
        """Every row of every table, as written."""
        result = Rows()
        for name in TABLES:
            result.tables[name] = list(self._rows_of(name))
        return result

    def _rows_of(self, table: str) -> Iterator[Any]:
        for batch in self.table(table).to_batches():
            for values in batch.to_pylist():
                yield row_from(table, values)

    def verify(self) -> None:
        """Compare every file with the manifest.

        Raises
        ------
        SnapshotError
            When a file is missing or was changed.
        """
        for name, entry in self.manifest["files"].items():
            file = self.folder / name
            if not file.is_file():
                raise SnapshotError(
                    f"{file}: is missing; the snapshot is damaged, take it from a backup or sweep again"
                )
            if _digest(file) != entry["sha256"]:
                raise SnapshotError(f"{file}: was changed after it was written; take it from a backup or sweep again")


def write_snapshot(folder: Path, rows: Rows, scope: Mapping[str, Any], versions: Mapping[str, str]) -> Snapshot:
    """Write all tables beside ``folder`` and move them there in one step.

    Parameters
    ----------
    folder
        Must not exist yet: snapshots are never changed.
    rows
        Sorted and freed of duplicates before writing, so that the same rows give the same bytes.
    scope, versions
        Kept in the manifest.

    Raises
    ------
    SnapshotError
        When the folder exists.
    StorageError
        When the disk refuses; nothing is left behind.
    """
    import pyarrow.parquet as pq

    if folder.exists():
        raise SnapshotError(f"{folder}: exists already and snapshots are never changed; name another folder")
    ordered = rows.sorted()
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        files: dict[str, dict[str, Any]] = {}
        for name in TABLES:
            file = part / f"{name}.parquet"
            pq.write_table(to_arrow(name, ordered[name]), file, compression="zstd", version="2.6")
            _sync(file)
            files[file.name] = {"sha256": _digest(file), "rows": len(ordered[name])}
        manifest = {
            "schema": SCHEMA_VERSION,
            "files": files,
            "scope": dict(scope),
            "versions": dict(sorted(versions.items())),
        }
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
        (part / MANIFEST).write_text(text + "\n", encoding="utf-8")
        _sync(part / MANIFEST)
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        raise StorageError(folder, error.strerror or str(error)) from error
    finally:
        if part is not None:  # gone already when it was moved into place
            shutil.rmtree(part, ignore_errors=True)
    return Snapshot(folder, manifest)


def open_snapshot(folder: Path, *, verify: bool = True) -> Snapshot:
    """Open a snapshot, by default checking every file against the manifest.

    Raises
    ------
    SnapshotError
        When the folder is no snapshot, is of another schema, or is damaged.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise SnapshotError(f"{folder}: is not a snapshot (no {MANIFEST}); `residency sweep` makes one")
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        schema = manifest["schema"]
        listed = {name for name, entry in manifest["files"].items() if isinstance(entry["sha256"], str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(f"{file}: is not readable ({error}); take it from a backup or sweep again") from None
    if schema != SCHEMA_VERSION:
        raise SnapshotError(f"{folder}: has schema {schema}, this version reads {SCHEMA_VERSION}")
    if listed != {f"{name}.parquet" for name in TABLES}:
        raise SnapshotError(f"{file}: lists other files than a snapshot has; take it from a backup or sweep again")
    snapshot = Snapshot(folder, manifest)
    if verify:
        snapshot.verify()
    return snapshot


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _sync(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
