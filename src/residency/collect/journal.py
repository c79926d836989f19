"""The journal of a sweep: one line for each finished job, on disk before the job counts as finished."""

from __future__ import annotations

import datetime as dt
import json
import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from residency.errors import SnapshotError, StorageError
from residency.inventory.tables import TABLES, Rows, as_dict, row_from

__all__ = ["Journal"]

_VERSION = 1


class Journal:
    """An append-only file of finished jobs.

    Each line is a checksum, a space and JSON. A last line that was torn by a kill is cut off when the journal is
    opened again; a damaged line before it is refused.

    Parameters
    ----------
    path
        The file; made when it is not there.
    scope
        What the sweep covers, as text; a journal of another scope is refused.
    started_at
        When the sweep began, for a new journal.

    Raises
    ------
    SnapshotError
        When the file is damaged, of another version, or of another scope.
    StorageError
        When the disk refuses a write.
    """

    def __init__(self, path: Path, scope: str, started_at: dt.datetime) -> None:
        self.path = path
        self.done: set[str] = set()
        self.started_at = started_at
        self._file: FileIO | None = None
        end = self._check(scope)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            self._end = end
            if end == 0:
                header = {"journal": _VERSION, "scope": scope, "started_at": started_at.isoformat()}
                self._write(header)
        except OSError as error:
            raise StorageError(path, error.strerror or str(error)) from error

    def append(self, job: str, rows: Rows) -> None:
        """Put a finished job on disk."""
        tables = {name: [as_dict(row) for row in found] for name, found in rows.tables.items() if found}
        try:
            self._write({"job": job, "rows": tables})
        except OSError as error:
            raise StorageError(self.path, error.strerror or str(error)) from error
        self.done.add(job)

    def replay(self) -> Iterator[tuple[str, Rows]]:
        """Finished jobs with their rows, in the order they finished; equal texts of all rows are one object."""
        known: dict[str, str] = {}
        for _, entry in self._entries():
            if "job" in entry:
                rows = Rows()
                for table, found in entry["rows"].items():
                    rows.tables[table].extend(row_from(table, values, known) for values in found)
                yield entry["job"], rows

    def close(self) -> None:
        """Close the file; the journal stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, entry: Any) -> None:
        assert self._file is not None, "the journal is closed"
        text = json.dumps(entry, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        if os.fstat(self._file.fileno()).st_size != self._end:
            self._file.truncate(self._end)  # a line torn by a kill, or by a Ctrl-C in the middle of a write
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())
        self._end += len(line)

    def _check(self, scope: str) -> int:
        """Read what is there; the length of its sound part."""
        if not self.path.exists():
            return 0
        end = 0
        for position, entry in self._entries():
            if end == 0:
                if entry.get("journal") != _VERSION:
                    raise SnapshotError(f"{self.path}: not a journal of this version; start a new sweep")
                if entry["scope"] != scope:
                    raise SnapshotError(
                        f"{self.path}: the journal belongs to a sweep of another scope; use the same options, or"
                        " start a new sweep in another folder"
                    )
                self.started_at = dt.datetime.fromisoformat(entry["started_at"])
            elif not isinstance(entry.get("rows"), dict) or not TABLES.keys() >= entry["rows"].keys():
                raise SnapshotError(f"{self.path}: holds tables of another version; start a new sweep")
            else:
                self.done.add(entry["job"])
            end = position
        return end

    def _entries(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(end of the line, entry) of every sound line."""
        position = 0
        try:
            with self.path.open("rb") as source:
                for number, line in enumerate(source, 1):
                    checksum, _, text = line.rstrip(b"\n").partition(b" ")
                    if not line.endswith(b"\n"):
                        return  # torn by a kill: the job will be asked again
                    position += len(line)
                    if checksum != b"%08x" % zlib.crc32(text):
                        if source.read(1):
                            raise SnapshotError(f"{self.path}:{number}: the line is damaged; start a new sweep")
                        return
                    entry = json.loads(text)
                    if not isinstance(entry, dict):
                        raise SnapshotError(f"{self.path}:{number}: not a journal; start a new sweep")
                    yield position, entry
        except OSError as error:
            raise SnapshotError(f"{self.path}: cannot be read ({error.strerror})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not belong in a row")
