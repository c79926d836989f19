"""The demo's output folder: made aside and moved into place, and never over somebody else's files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from residency.errors import ConfigError, StorageError

__all__ = ["MARKER", "fill_folder"]

MARKER = ".residency-demo"
"""Lists the files a demo wrote, one a line: only those are ever replaced."""


@contextmanager
def fill_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write into, whose files replace an earlier demo's when the block ends well.

    Raises
    ------
    ConfigError
        When the folder holds something and no demo made it.
    StorageError
        When the disk refuses.
    """
    earlier = _earlier(folder)
    try:
        folder.resolve().parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.resolve().name}.", dir=folder.resolve().parent))
    except OSError as error:
        raise StorageError(folder, error.strerror or str(error)) from error
    try:
        yield work
        try:
            _move(work, folder, earlier)
        except OSError as error:
            raise StorageError(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(work: Path, folder: Path, earlier: list[str]) -> None:
    new = sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file())
    (work / MARKER).write_text("".join(f"{name}\n" for name in new), encoding="utf-8")
    for name in earlier:
        (folder / name).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True) if earlier else ():
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    for name in (*new, MARKER):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).replace(folder / name)


def _earlier(folder: Path) -> list[str]:
    """Files an earlier demo wrote; none for a new or empty folder."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    marker = folder / MARKER
    if not marker.is_file():
        raise ConfigError(f"{folder}: is not a folder of an earlier demo and is left as it is; name another with --out")
    names = marker.read_text(encoding="utf-8").splitlines()
    return [name for name in names if name and not PurePosixPath(name).is_absolute() and ".." not in name.split("/")]
