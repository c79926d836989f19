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

_MARKER = re.compile(rb"<!--\s*residency:(.*?)-->", re.S)
_BEGIN = re.compile(r"begin\s+(\S+?)(?:\s+lang=(ja|en))?\s*")
_END = re.compile(r"end\s+(\S+)\s*")
_REST_OF_LINE = re.compile(rb"[^\S\n]*\n?")


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
    begun: tuple[Axis, str, int, int] | None = None  # axis, language, line, where its text starts
    for marker in _MARKER.finditer(content):
        line = content.count(b"\n", 0, marker.start()) + 1
        said = marker.group(1).decode("utf-8", "replace").strip()
        begin, end = _BEGIN.fullmatch(said), _END.fullmatch(said)
        if begin is None and end is None:
            example = f"{begin_marker('equipment', 'ja')} or {end_marker('equipment')}"
            raise PolicyFileError(f"{file}:{line}: 'residency:{said}' is no marker; write {example}")
        name = (begin or end).group(1)  # type: ignore[union-attr]
        if begun is not None and (end is None or name != begun[0]):
            raise PolicyFileError(
                f"{file}:{begun[2]}: the block {begun[0]} is not closed; add {end_marker(begun[0])} after it"
            )
        axis = next((axis for axis in AXES if axis == name), None)
        if axis is None:
            raise PolicyFileError(f"{file}:{line}: no axis {name!r}; there are {', '.join(AXES)}")
        if begin is not None:
            language = begin.group(2) or "ja"
            if any((item.axis, item.language) == (axis, language) for item in found):
                raise PolicyFileError(f"{file}:{line}: the block {axis} ({language}) stands twice; keep one")
            rest = _REST_OF_LINE.match(content, marker.end())
            begun = (axis, language, line, rest.end() if rest else marker.end())
        elif begun is None:
            raise PolicyFileError(f"{file}:{line}: {end_marker(axis)} closes no block; add its begin marker")
        else:
            try:
                text = content[begun[3] : marker.start()].decode("utf-8")
            except UnicodeDecodeError:
                raise PolicyFileError(f"{file}:{line}: the block {axis} is not UTF-8; save the file as UTF-8") from None
            found.append(Found(axis, begun[1], begun[3], marker.start(), text))
            begun = None
    if begun is not None:
        raise PolicyFileError(
            f"{file}:{begun[2]}: the block {begun[0]} is not closed; add {end_marker(begun[0])} after it"
        )
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
