"""Strict YAML: every fault of a file in one pass, each with its line.

YAML 1.2 scalars only: ``yes``, ``no``, ``on``, ``off`` stay text (``NO`` is Norway), only ``true`` and ``false``
are booleans; days stay text and are read by the model. Duplicate keys, anchors and tabs are refused. A file is
parsed once and cached by the SHA-256 of its bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from residency.errors import Fault

__all__ = ["Loaded", "Path_", "StrictModel", "dump", "load", "load_model", "load_sound", "names_of", "parse"]

Path_ = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)
_CACHE_VERSION = "1"
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_TOO_DEEP = re.compile(r"([\[{]\s*){200}|([-?]\s+){200}")  # the C loader recurses without a limit of its own
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictModel(BaseModel):
    """Base of every record read from a file: unknown keys are refused, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Plain data of one file with the line of every key path and all faults found while parsing."""

    file: str
    data: Any
    lines: dict[Path_, int]
    faults: tuple[Fault, ...]

    def line(self, path: Path_) -> int:
        """Line of ``path``, or of its nearest known ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(file: Path, label: str | None = None) -> Loaded:
    """Read one file; nothing is raised for faults of content, they are in the answer.

    Parameters
    ----------
    file
        The file to read.
    label
        How the file is named in faults; its path when left out.
    """
    name = label or str(file)
    try:
        raw = file.read_bytes()
    except OSError as error:
        return Loaded(name, None, {}, (Fault(name, 0, f"cannot be read: {error.strerror}", "unreadable"),))
    return _cached(raw, name)


def parse(text: str | bytes, label: str = "<text>") -> Loaded:
    """Like `load` for text at hand."""
    return _parse(text.encode() if isinstance(text, str) else text, label)


def load_model(model: type[ModelT], file: Path, label: str | None = None) -> tuple[ModelT | None, Loaded, list[Fault]]:
    """Read and validate one file against ``model``; returns the instance (or None), the raw data and all faults."""
    loaded = load(file, label)
    faults = list(loaded.faults)
    if faults:
        return None, loaded, faults
    try:
        return model.model_validate(loaded.data), loaded, faults
    except ValidationError as error:
        faults.extend(_fault(loaded, item) for item in error.errors(include_url=False))
        return None, loaded, faults


def load_sound(model: type[ModelT], file: Path, label: str | None = None) -> tuple[ModelT | None, Loaded, list[Fault]]:
    """Like `load_model`, but a faulty file gives whatever of it is sound, so that its meaning is checked too.

    Entries at fault are left out of their section, and a section or field that is wrong as a whole is absent unless
    it has a default. None only when nothing could be read. The instance of a file with faults is for checks alone.
    """
    whole, loaded, faults = load_model(model, file, label)
    if whole is not None or not isinstance(loaded.data, dict):
        return whole, loaded, faults
    kept: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        value = loaded.data.get(info.alias or name)
        if value is None:
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(info.annotation)  # type: ignore[arg-type]
        for data in (value, _without_faults(adapter, value)):
            try:
                kept[name] = adapter.validate_python(data)
                break
            except ValidationError:
                continue
    return model.model_construct(**kept), loaded, faults


def _without_faults(adapter: TypeAdapter[Any], value: Any) -> Any:
    """A section without the entries that its schema refuses."""
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors(include_url=False) if item["loc"]}
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if key not in wrong}
        if isinstance(value, list):
            return [item for index, item in enumerate(value) if index not in wrong]
    return value


def names_of(data: Any, section: str) -> Iterable[str]:
    """Names that a section of a file's data has, sound or not."""
    found = data.get(section) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else ()


def dump(data: Any) -> str:
    """YAML text that `load` reads back: block style, insertion order, days and yes/no unquoted only where text."""
    return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120))


def _fault(loaded: Loaded, item: Any) -> Fault:
    where: Path_ = tuple(item["loc"])
    known = where
    while known and known not in loaded.lines:
        known = known[:-1]
    field = ".".join(str(part) for part in where if not str(part).startswith("function-"))
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "unknown key"
    elif item["type"] == "missing":
        message = "required key is missing"
    elif item["type"] not in {"value_error"}:
        shown = repr(item.get("input"))
        message = f"{message}, not {shown if len(shown) < 60 else shown[:57] + '...'}"
    return Fault(loaded.file, loaded.line(known), f"{field or 'file'}: {message}", "schema")


def _cache_folder() -> Path | None:
    if os.environ.get("RESIDENCY_NO_CACHE"):
        return None
    from platformdirs import user_cache_path

    return user_cache_path("residency") / "yaml"


def _cached(raw: bytes, name: str) -> Loaded:
    folder = _cache_folder()
    if folder is None or len(raw) < 4096:
        return _parse(raw, name)
    entry = folder / f"{hashlib.sha256(_CACHE_VERSION.encode() + raw).hexdigest()}.json"
    try:
        kept = json.loads(entry.read_bytes())
        return Loaded(name, kept["data"], {tuple(path): line for path, line in kept["lines"]}, ())
    except (OSError, ValueError, KeyError, TypeError):
        pass
    loaded = _parse(raw, name)
    if not loaded.faults:
        text = json.dumps({"data": loaded.data, "lines": [[list(path), line] for path, line in loaded.lines.items()]})
        part = entry.with_suffix(f".{os.getpid()}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(entry)
        except OSError:  # a cache that cannot be written costs time, not truth
            part.unlink(missing_ok=True) if folder.is_dir() else None
    return loaded


def _parse(raw: bytes, name: str) -> Loaded:
    faults: list[Fault] = []
    lines: dict[Path_, int] = {}
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Loaded(name, None, {}, (Fault(name, raw[: error.start].count(b"\n") + 1, "not UTF-8", "encoding"),))
    if (deep := _TOO_DEEP.search(text)) is not None:
        line = text.count("\n", 0, deep.start()) + 1
        return Loaded(name, None, {}, (Fault(name, line, "not YAML we read: nested too deeply", "yaml"),))
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        return Loaded(name, None, {}, (Fault(name, line, f"not YAML: {error.problem or error.context}", "yaml"),))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Loaded(name, None, {}, (Fault(name, line, f"not YAML: {error.reason}", "yaml"),))
    except (yaml.YAMLError, RecursionError) as error:
        return Loaded(name, None, {}, (Fault(name, 0, f"not YAML: {str(error).splitlines()[0]}", "yaml"),))
    if node is None:
        return Loaded(name, None, {}, (Fault(name, 0, "the file is empty", "yaml"),))
    seen: set[int] = set()
    data = _build(node, (), name, lines, faults, seen)
    return Loaded(name, data, lines, tuple(faults))


def _build(node: Any, path: Path_, name: str, lines: dict[Path_, int], faults: list[Fault], seen: set[int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in seen:
        faults.append(Fault(name, line, "anchors and aliases are not allowed", "alias"))
        return None
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), name, lines, faults, seen) for index, item in enumerate(node.value)]
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            faults.append(Fault(name, key_line, "a key must be text", "key"))
            continue
        key = str(key_node.value)
        if key in result:
            first = lines[(*path, key)]
            faults.append(Fault(name, key_line, f"duplicate key {key!r}, first on line {first}", "duplicate-key"))
            continue
        lines[(*path, key)] = key_line
        result[key] = _build(value_node, (*path, key), name, lines, faults, seen)
    return result


def _scalar(node: Any) -> Any:
    value = node.value
    if node.style in {"'", '"', "|", ">"}:
        return value
    if value in {"", "~", "null", "Null", "NULL"}:
        return None
    if value in {"true", "True", "TRUE"}:
        return True
    if value in {"false", "False", "FALSE"}:
        return False
    if _INT.match(value) and not (len(value.lstrip("+-")) > 1 and value.lstrip("+-").startswith("0")):
        return int(value)
    if _FLOAT.match(value) and any(mark in value for mark in ".eE"):
        return float(value)
    return value


def walk(data: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every (path, scalar) of plain data, depth first."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk(value, (*path, index))
    else:
        yield path, data
