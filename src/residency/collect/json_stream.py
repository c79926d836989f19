"""JSON objects out of a file of any size, one at a time, in memory bounded by the largest of them.

Read are: one object, several after one another, one a line, a list, and an object that wraps a list. What is broken
is reported with its line, and reading goes on behind it where that is possible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["LIMIT", "Element", "elements"]

LIMIT = 16 << 20
"""Bytes one object may have; CloudTrail's largest event is 1 MB."""

_CHUNK = 1 << 20
_HEAD = 1 << 16
_SPACE = re.compile(rb"[\s,]*")
# Everything up to the next bracket, strings stepped over; possessive, so that it cannot backtrack.
_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\]])', re.DOTALL)
_SCALAR = rb'(?:"(?:[^"\\\n]|\\.)*+"|[-+0-9.eE]++|true|false|null|\[\s*\]|\{\s*\})'
_LOOSE = re.compile(rb"[^,\]\n]*")


class Source(Protocol):
    """What is read from: an open binary file."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Element:
    """One value with the line it starts on, or what is wrong there."""

    line: int
    value: Any
    problem: str = ""


def elements(source: Source, wrappers: tuple[str, ...], limit: int = LIMIT) -> Iterator[Element]:
    """Every object of a file, in order.

    Parameters
    ----------
    source
        An open binary file of UTF-8.
    wrappers
        Keys under which an object may hold the list that is meant, such as ``Records``.
    limit
        Bytes one object may have.
    """
    names = b"|".join(re.escape(name.encode()) for name in wrappers)
    wrapped = re.compile(
        rb'\{(?:\s*+"[^"\\\n]*+"\s*+:\s*+' + _SCALAR + rb'\s*+,)*?\s*+"(?:' + names + rb')"\s*+:\s*+\['
    )
    window = _Window(source, limit)
    window.fill(3)
    if window.buffer.startswith(b"\xef\xbb\xbf"):
        window.drop(3)
    if not window.skip(_SPACE):
        yield Element(1, None, "the file is empty")
    while window.skip(_SPACE):
        opening = window.buffer[window.at : window.at + 1]
        if opening == b"[":
            window.drop(1)
            yield from _list(window)
        elif opening == b"{":
            window.fill(_HEAD)
            if match := wrapped.match(window.buffer, window.at):
                window.drop(match.end() - window.at)
                line = window.line
                yield from _list(window)
                # What follows the list in its object.
                if not window.done and not window.close():
                    yield Element(line, None, "the file ends inside the object that holds this list")
                    return
            else:
                yield from _object(window)
        else:
            line = window.line
            window.drop_line()
            yield Element(line, None, "not JSON")


def _object(window: _Window) -> Iterator[Element]:
    """One object: a line of its own, or spread over several lines."""
    line = window.line
    length = window.line_length()
    if length is not None:
        text = window.peek(length)
        element = _read(line, text.rstrip(b" \t\r\n,"))
        if not element.problem:
            window.drop(length)
            yield element
            return
        # A new object at the start of the next line can only belong to a list; otherwise this line is broken.
        window.fill(length + 1)
        following = window.buffer[window.at + length : window.at + length + 1]
        inside = text.rstrip()[-1:] in (b"[", b",", b":")
        if window.flat or (following == b"{" and not inside):
            window.drop(length)
            yield element
            return
        end = window.end_of_value()
        if end is not None:
            whole = _read(line, window.peek(end))
            window.drop(length if whole.problem else end)
            yield whole
            return
        window.flat = True  # looked to the end once; not again for every broken line
        window.drop(length)
        yield element if following else Element(line, None, "the file ends inside an object")
        return
    window.drop_line()
    yield Element(line, None, f"a line is longer than {window.limit >> 20} MiB")


def _list(window: _Window) -> Iterator[Element]:
    """The members of a list whose opening bracket was read."""
    while window.skip(_SPACE):
        line = window.line
        opening = window.buffer[window.at : window.at + 1]
        if opening == b"]":
            window.drop(1)
            return
        if opening in (b"{", b"["):
            end = window.end_of_value()
            if end is None:
                problem = "the file ends inside an object" if window.ended else "an object is too large"
                yield Element(line, None, f"{problem}; the rest of the file was not read")
                window.stop()
                return
            yield _read(line, window.peek(end))
            window.drop(end)
        else:
            window.fill(_HEAD)
            match = _LOOSE.match(window.buffer, window.at)
            window.drop(max(1, match.end() - window.at if match else 1))
            yield Element(line, None, "not an object")
    yield Element(window.line, None, "the file ends inside a list")


def _read(line: int, raw: bytes) -> Element:
    try:
        return Element(line, json.loads(raw.decode("utf-8")))
    except UnicodeDecodeError:
        return Element(line, None, "not UTF-8")
    except (ValueError, RecursionError):  # nested beyond reason
        return Element(line, None, "not JSON")


class _Window:
    """A piece of a file with a place in it; `line` counts from 1."""

    __slots__ = ("at", "buffer", "done", "ended", "flat", "limit", "line", "source")

    def __init__(self, source: Source, limit: int) -> None:
        self.source, self.limit = source, limit
        self.buffer = b""
        self.at = 0
        self.line = 1
        self.ended = False
        self.done = False
        self.flat = False

    def fill(self, size: int) -> bool:
        """Have at least ``size`` bytes ahead, if the file has them; whether there are."""
        while len(self.buffer) - self.at < size and not self.ended:
            self.more()
        return len(self.buffer) - self.at >= size

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        chunk = self.source.read(_CHUNK)
        if chunk:
            self.buffer = self.buffer[self.at :] + chunk
            self.at = 0
        else:
            self.ended = True
        return not self.ended

    def peek(self, length: int) -> bytes:
        return self.buffer[self.at : self.at + length]

    def drop(self, length: int) -> None:
        self.line += self.buffer.count(b"\n", self.at, self.at + length)
        self.at += length

    def skip(self, pattern: re.Pattern[bytes]) -> bool:
        """Step over what the pattern matches; False at the end of the file."""
        while not self.done:
            match = pattern.match(self.buffer, self.at)
            self.drop(match.end() - self.at if match else 0)
            if self.at < len(self.buffer):
                return True
            if not self.more():
                return False
        return False

    def stop(self) -> None:
        self.done = True

    def line_length(self) -> int | None:
        """Bytes to the end of this line with its line break; None beyond the limit."""
        begin = 0
        while (end := self.buffer.find(b"\n", self.at + begin)) < 0:
            begin = len(self.buffer) - self.at
            if begin > self.limit:
                return None
            if not self.more():
                return begin
        length = end + 1 - self.at
        return length if length <= self.limit else None

    def drop_line(self) -> None:
        while (end := self.buffer.find(b"\n", self.at)) < 0:
            self.drop(len(self.buffer) - self.at)
            if not self.more():
                return
        self.drop(end + 1 - self.at)

    def end_of_value(self) -> int | None:
        """Length of the object or list that starts here; None when the file ends first or it is beyond the limit."""
        return self._matching(0, 0, self.limit)

    def close(self) -> bool:
        """Step behind the bracket that ends the object around this place."""
        end = self._matching(1, 0, self.limit)
        if end is None:
            return False
        self.drop(end)
        return True

    def _matching(self, depth: int, length: int, limit: int) -> int | None:
        while True:
            match = _BRACKET.match(self.buffer, self.at + length)
            if match is None:
                if len(self.buffer) - self.at > limit or not self.more():
                    return None
                continue
            depth += 1 if match.group(1) in b"{[" else -1
            length = match.end() - self.at
            if depth <= 0:
                return length if length <= limit else None
