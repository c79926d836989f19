"""Blocks between markers in an operator's own policy file; everything outside stays byte for byte."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from residency.disclosure.tables import AXES, Axis
from residency.errors import PolicyFileError, StorageError

__all__ = ["Found", "begin_marker", "end_marker", "find_blocks", "inject", "write_atomically"]

_BEGIN = re.compile(rb"<!--\s*residency:begin\s+([a-z-]+)(?:\s+lang=(ja|en))?\s*-->[^\S\n]*\r?\n?")
_END = re.compile(rb"<!--\s*residency:end\s+([a-z-]+)\s*-->")


@dataclass(frozen=True, slots=True)
class Found:
    """A block of a policy file: its axis and language, where its text starts and ends (bytes), and the text."""

    axis: Axis
    language: str
    start: int
    end: int
    text: str


def begin_marker(axis: str, language: str) -> str:
    """The line before a block."""
    return f"<!-- residency:begin {axis} lang={language} -->"


def end_marker(axis: str) -> str:
    """The line after a block."""
    return f"<!-- residency:end {axis} -->"


def find_blocks(content: bytes, file: str) -> list[Found]:
    """Every block, in order.

    Raises
    ------
    PolicyFileError
        When there is none, a marker names no axis, stands twice, is not closed, or the text is not UTF-8.
    """
    found: list[Found] = []
    at = 0
    while (begin := _BEGIN.search(content, at)) is not None:
        line = content.count(b"\n", 0, begin.start()) + 1
        axis = begin.group(1).decode()
        if axis not in AXES:
            raise PolicyFileError(f"{file}:{line}: no axis {axis!r}; there are {', '.join(AXES)}")
        end = _END.search(content, begin.end())
        following = _BEGIN.search(content, begin.end())
        if end is None or end.group(1).decode() != axis or (following and following.start() < end.start()):
            raise PolicyFileError(f"{file}:{line}: the block {axis} is not closed; add {end_marker(axis)} after it")
        language = (begin.group(2) or b"ja").decode()
        if any(item.axis == axis and item.language == language for item in found):
            raise PolicyFileError(f"{file}:{line}: the block {axis} ({language}) stands twice; keep one")
        try:
            text = content[begin.end() : end.start()].decode("utf-8")
        except UnicodeDecodeError:
            raise PolicyFileError(f"{file}:{line}: the block {axis} is not UTF-8; save the file as UTF-8") from None
        found.append(Found(axis, language, begin.end(), end.start(), text))  # type: ignore[arg-type]
        at = end.end()
    stray = _END.search(content, at)
    if stray is not None:
        line = content.count(b"\n", 0, stray.start()) + 1
        raise PolicyFileError(f"{file}:{line}: {stray.group(0).decode()} closes no block; add its begin marker")
    if not found:
        example = f"{begin_marker('equipment', 'ja')} … {end_marker('equipment')}"
        raise PolicyFileError(f"{file}: has no markers, so nothing can be filled in or compared; add {example}")
    return found


def inject(content: bytes, blocks: Mapping[tuple[str, str], str], file: str) -> bytes:
    """Replace the text of each block.

    Parameters
    ----------
    blocks
        Text by (axis, language). The file's own line ending is kept.
    """
    newline = "\r\n" if b"\r\n" in content else "\n"
    pieces: list[bytes] = []
    at = 0
    for item in find_blocks(content, file):
        text = blocks[item.axis, item.language].replace("\r\n", "\n").replace("\n", newline)
        before = content[at : item.start]
        pieces += [before, b"" if before.endswith(b"\n") else newline.encode(), text.encode("utf-8")]
        at = item.end
    return b"".join([*pieces, content[at:]])


def write_atomically(file: Path, content: bytes) -> None:
    """Write beside the file and move into place: readers see the old or the new text, never a part.

    Raises
    ------
    StorageError
        When the disk refuses; the old file stays.
    """
    part: str | None = None
    try:
        target = file.resolve()
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        handle, part = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        Path(part).chmod(mode)
        Path(part).replace(target)
    except OSError as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        raise StorageError(file, error.strerror or str(error)) from error
