"""Rows out of files of any size: JSON, JSON lines, CSV and Parquet, each gzipped or not."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from residency.collect.imports.functions import parsed
from residency.collect.json_stream import LIMIT, Element, elements
from residency.errors import InputError

__all__ = ["Head", "head_of", "json_rows", "members", "opened", "parquet_rows", "table_rows"]

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_HEAD = 1 << 16
_CHUNK = 1 << 18
_WIDEST = 64 << 20
_NAMES = ("name", "id", "arn", "title", "resource_name", "resource_id")
_WORDS: Mapping[str, Any] = {"": None, "null": None, "<null>": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: enough to tell what it is. ``form``: json, csv or parquet."""

    form: str
    text: str


def head_of(path: Path) -> Head:
    """Look at a file's beginning.

    Raises
    ------
    InputError
        When the file cannot be read or holds no text.
    """
    with opened(path) as handle:
        raw = handle.read(_HEAD)
    if raw.startswith(_PARQUET):
        return Head("parquet", "")
    text = raw.decode("utf-8-sig", errors="replace").lstrip()
    if not text:
        raise InputError(f"{path}: the file is empty")
    return Head("json" if text[0] in "{[" else "csv", text)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzipped.

    Raises
    ------
    InputError
        When the file cannot be read or its packing is broken.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == _GZIP
            plain.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=plain) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield plain
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def json_rows(handle: IO[bytes], wrappers: tuple[str, ...], limit: int = LIMIT) -> Iterator[Element]:
    """Objects of a list, of JSON lines, or of a list that an object wraps; broken ones with their line."""
    yield from elements(handle, wrappers, limit)


def table_rows(handle: IO[bytes], keep_text: Callable[[str], bool] | None = None) -> Iterator[Element]:
    """Rows of a CSV file with a header. Cells with JSON are read, empty ones are null, ``true`` and ``false`` booleans.

    ``keep_text``: columns whose cells stay as they are; names and identifiers always do.
    """
    kept = csv.field_size_limit(LIMIT)
    try:
        text = io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text, strict=True)
        try:
            names = [name.strip() for name in next(reader)]
            if len(set(names)) != len(names):
                yield Element(1, None, "the header names a column twice")
                return
            plain = frozenset(name for name in names if _is_name(name) or (keep_text is not None and keep_text(name)))
            while True:
                line = reader.line_num + 1
                cells = next(reader)
                if not cells:
                    continue
                if len(cells) != len(names):
                    yield Element(line, None, f"a row of {len(cells)} cells under a header of {len(names)}")
                elif any(_is_broken(cell) for cell in cells):
                    yield Element(line, None, "not UTF-8")
                else:
                    pairs = zip(names, cells, strict=True)
                    yield Element(line, {name: cell if name in plain and cell else _cell(cell) for name, cell in pairs})
        except StopIteration:
            return
        except csv.Error as error:
            yield Element(reader.line_num + 1, None, f"not CSV ({error}); the rest of the file was not read")
        finally:
            text.detach()
    finally:
        csv.field_size_limit(kept)


def parquet_rows(path: Path) -> Iterator[Element]:
    """Rows of a Parquet file, a batch at a time; the line is the row's number.

    Raises
    ------
    InputError
        When the file is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield Element(number, {str(name): _value(str(name), value) for name, value in row.items()})
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not Parquet that can be read ({type(error).__name__})") from error


def members(handle: IO[bytes], name: str, aside: Callable[[str, Any], None] | None = None) -> Iterator[Element]:
    """Every member of the list that the outermost object holds under a name, whatever stands before it.

    ``aside`` is told of the object's other values. What is broken ends the reading, with its line.
    """
    text = _Text(handle)
    try:
        text.take("{")
        while text.peek() != "}":
            key = text.value()
            text.take(":")
            if key == name and text.peek() == "[":
                text.take("[")
                while text.peek() != "]":
                    line = text.line
                    yield Element(line, text.value())
                    text.comma("]")
                text.take("]")
            else:
                value = text.value()
                if aside is not None:
                    aside(str(key), value)
            text.comma("}")
    except (ValueError, RecursionError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not JSON"
        yield Element(text.line, None, f"{reason}; the rest of the file was not read")


def _is_name(column: str) -> bool:
    lower = column.lower()
    return lower in _NAMES or lower.endswith(("_name", "_id", "_arn", "name", "identifier"))


def _is_broken(cell: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in cell) if not cell.isascii() else False


def _cell(cell: str) -> Any:
    word = cell.strip().lower() if len(cell) < 8 else cell
    return _WORDS[word] if word in _WORDS else parsed(cell)


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str) and not _is_name(name):
        return parsed(value)
    return value


class _Text:
    """JSON text that is read on as it is needed; ``line`` counts from 1."""

    __slots__ = ("_at", "_buffer", "_decode", "_ended", "_handle", "_scan", "line")

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder().raw_decode
        self._buffer, self._at, self._ended, self.line = "", 0, False, 1

    def peek(self) -> str:
        """The next character that is no space."""
        while True:
            while self._at < len(self._buffer):
                character = self._buffer[self._at]
                if character not in " \t\r\n":
                    return character
                self.line += character == "\n"
                self._at += 1
            if not self._more(_CHUNK):
                raise ValueError("the file ends")

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise ValueError(wanted)
        self._at += 1

    def comma(self, closing: str) -> None:
        """Step over a comma, unless the list or object ends."""
        if self.peek() != closing:
            self.take(",")
            if self.peek() == closing:
                raise ValueError(closing)

    def value(self) -> Any:
        """The next value, however long up to a limit."""
        self.peek()
        size = _CHUNK
        while True:
            try:
                value, end = self._scan(self._buffer, self._at)
                if end < len(self._buffer) or self._ended:
                    self.line += self._buffer.count("\n", self._at, end)
                    self._at = end
                    return value
            except ValueError:
                if self._ended or len(self._buffer) - self._at > _WIDEST:
                    raise
            self._more(size)
            size *= 2

    def _more(self, size: int) -> bool:
        raw = self._handle.read(size)
        self._ended = not raw
        self._buffer = self._buffer[self._at :] + self._decode.decode(raw, final=not raw)
        self._at = 0
        return bool(raw)
