"""Terraform: states (version 4) and ``terraform show -json``. What is marked sensitive is dropped unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from residency.collect.imports.items import Item, Problem
from residency.collect.imports.stream import Head, members, opened
from residency.errors import InputError

__all__ = ["terraform_items"]

_VERSION = 4
_DEEPEST = 200


def terraform_items(path: Path, head: Head) -> Iterator[Item | Problem]:
    """Instances of a state's resources, managed and read ones alike.

    Raises
    ------
    InputError
        When the state is of another version, or the file is none.
    """
    if head.form != "json":
        raise InputError(f"{path}: a Terraform state is JSON")
    facts: dict[str, Any] = {}

    def aside(name: str, value: Any) -> None:
        if name in {"version", "values", "format_version"}:  # outputs may hold anything
            facts[name] = value

    found = False
    with opened(path) as handle:
        for element in members(handle, "resources", aside):
            if facts.get("version", _VERSION) != _VERSION:
                break
            found = True
            if element.problem:
                yield Problem(element.line, element.problem)
            elif isinstance(element.value, dict):
                yield from _instances(element.value, element.line)
            else:
                yield Problem(element.line, "a resource is not an object")
    if facts.get("version", _VERSION) != _VERSION:
        raise InputError(
            f"{path}: a state of version {str(facts['version'])[:20]}; write it anew with terraform 0.12 or later"
        )
    values = facts.get("values")
    if isinstance(values, dict):
        yield from _module(values.get("root_module"), 0)
    elif not found and "version" not in facts and "format_version" not in facts:
        raise InputError(f"{path}: not a Terraform state")


def _instances(resource: Mapping[str, Any], line: int) -> Iterator[Item | Problem]:
    name = str(resource.get("type") or "")
    instances = resource.get("instances")
    for instance in instances if isinstance(instances, list) else []:
        row = instance.get("attributes") if isinstance(instance, dict) else None
        if not isinstance(row, dict):
            yield Problem(line, f"an instance of {name[:100]} has no attributes that can be read")
            continue
        hidden = {_first(path) for path in instance.get("sensitive_attributes") or ()}
        yield Item(name, {} if None in hidden else {key: row[key] for key in row if key not in hidden}, line)


def _module(module: Any, depth: int) -> Iterator[Item | Problem]:
    """A module of ``show -json`` and those inside it."""
    if not isinstance(module, dict):
        return
    if depth > _DEEPEST:
        yield Problem(1, "modules are nested too deeply")
        return
    resources, inner = module.get("resources"), module.get("child_modules")
    for resource in resources if isinstance(resources, list) else []:
        if not isinstance(resource, dict) or not isinstance(resource.get("values"), dict):
            yield Problem(1, "a resource has no values that can be read")
            continue
        marks = resource.get("sensitive_values") or {}
        kept = {
            key: value
            for key, value in resource["values"].items()
            if isinstance(marks, dict) and not _marked(marks.get(key))
        }
        yield Item(str(resource.get("type") or ""), kept)
    for child in inner if isinstance(inner, list) else []:
        yield from _module(child, depth + 1)


def _first(path: Any) -> str | None:
    """The attribute a path of steps starts at; None where that cannot be told, so that nothing may be looked at."""
    step = path[0] if isinstance(path, list) and path else path
    name = step.get("value") if isinstance(step, dict) else step
    return name if isinstance(name, str) else None


def _marked(mark: Any) -> bool:
    if isinstance(mark, dict):
        return any(_marked(item) for item in mark.values())
    if isinstance(mark, list):
        return any(_marked(item) for item in mark)
    return bool(mark)
