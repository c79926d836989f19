"""Requests and answers that test tools recorded, whatever the tool: cassettes, session records, archives of a browser.

==========================================  ==========================================================================
``{"interactions": […]}``                   vcrpy and what is like it, go-vcr; as JSON or as YAML
``{"networkCallRecords": […]}``             session records of the Azure libraries for Java
``{"Entries": […]}``                        the test proxy of the Azure libraries, session records of those for .NET
``{"recordings": […]}``                     recordings of the Azure libraries for JavaScript
``{"log": {"entries": […]}}``               HTTP Archive (HAR)
``[{"request": …}, …]``                     a plain list of exchanges
==========================================  ==========================================================================
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from residency.collect.places import as_map
from residency.errors import InputError

__all__ = ["SUFFIXES", "Exchange", "exchanges", "read_recording"]

SUFFIXES = (".json", ".jsonl", ".ndjson", ".yaml", ".yml")
"""Names of files that may hold recorded answers."""
_LISTS = ("interactions", "networkCallRecords", "Entries", "recordings")
_METHOD = (("request", "method"), ("Method",), ("RequestMethod",), ("method",))
_ADDRESS = (("request", "uri"), ("request", "url"), ("Uri",), ("RequestUri",), ("url",), ("uri",))
_STATUS = (
    ("response", "status", "code"),
    ("response", "code"),
    ("response", "statusCode"),
    ("response", "status"),
    ("Response", "StatusCode"),
    ("StatusCode",),
    ("statusCode",),
    ("status",),
)
_BODY = (
    ("response", "body"),
    ("response", "content", "text"),
    ("Response", "Body"),
    ("ResponseBody",),
    ("body",),
)
_NUMBER = re.compile(r"\s*([0-9]{3})\b")
_TOO_DEEP = re.compile(r"([\[{]\s*){200}|([-?]\s+){200}")  # the C loader recurses without a limit of its own


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as test tools write it: old ones mark text as Python's."""


for _tag in ("python/unicode", "python/str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer; ``status`` is 0 where none was recorded."""

    method: str
    url: str
    status: int
    body: Any


def read_recording(path: Path) -> Any:
    """What a file of recorded answers holds: JSON, one JSON value a line, or YAML.

    Raises
    ------
    InputError
        When it is none of them.
    """
    try:
        raw = path.read_bytes()
        if path.suffix.lower() in {".yaml", ".yml"}:
            text = raw.decode()
            if _TOO_DEEP.search(text):
                raise ValueError("nested too deeply")
            return yaml.load(text, _Loader)  # a safe loader
        try:
            return json.loads(raw)
        except ValueError:
            lines = [line for line in raw.decode().splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            return [json.loads(line) for line in lines]
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not a recorded answer: {error}") from error


def exchanges(content: Any) -> list[Exchange] | None:
    """The exchanges of a recording; None where the content is an answer itself."""
    if isinstance(content, dict):
        name = next((name for name in _LISTS if isinstance(content.get(name), list)), "")
        if name:
            return list(_read(content[name], name))
        found = as_map(content.get("log")).get("entries")
        return list(_read(found, "entries")) if isinstance(found, list) else None
    if isinstance(content, list) and content and all(map(_is_exchange, content)):
        return list(_read(content, "interactions"))
    return None


def _is_exchange(item: Any) -> bool:
    return isinstance(item, dict) and "id" not in item and bool({"request", "RequestUri", "Uri"} & set(item))


def _read(items: list[Any], form: str) -> Iterator[Exchange]:
    paths = (("response",),) if form == "recordings" else _BODY
    for item in map(as_map, items):
        status = next(filter(None, (_status(_at(item, path)) for path in _STATUS)), 0)
        body = next((value for path in paths if (value := _at(item, path)) is not None), None)
        if (
            form == "interactions"
            and isinstance(body, Mapping)
            and body
            and set(body) <= {"data", "string", "encoding"}
        ):
            body = body.get("data", body.get("string"))
        yield Exchange(_text(item, _METHOD).upper() or "GET", _text(item, _ADDRESS), status, _said(body))


def _at(item: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _text(item: Any, paths: tuple[tuple[str, ...], ...]) -> str:
    return next((value for path in paths if isinstance(value := _at(item, path), str)), "")


def _status(value: Any) -> int:
    """A status as a number, or as ``200 OK``."""
    found = _NUMBER.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    return int(found[1]) if found else 0


def _said(body: Any) -> Any:
    """What a recorded body says: as data, or as a text of JSON; another text stays what it is."""
    if isinstance(body, bytes):
        try:
            body = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
        except (OSError, EOFError, zlib.error, UnicodeDecodeError):
            return None
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body.removeprefix("\ufeff") or "null")
    except (ValueError, RecursionError):
        return body
