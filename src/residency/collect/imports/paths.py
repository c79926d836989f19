"""What an expression reads: the chains of names that lead from a record to the values it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from residency.collect.spec import expression

__all__ = ["Chain", "begins", "calls", "chains", "dotted", "is_selecting", "negates_too_much", "present", "put"]

Chain = tuple[str, ...]

_LEFT_FIRST = frozenset({"projection", "value_projection", "filter_projection", "index_expression"})
_SELECTING = frozenset({"comparator", "not_expression", "and_expression", "multi_select_dict", "multi_select_list"})


@lru_cache(maxsize=4096)
def chains(text: str) -> frozenset[Chain]:
    """Every chain of names an expression reads, as far as the names are plain.

    ``a.b[0].c || d`` reads ``a.b`` and ``d``: what lies inside a list is part of the list.
    """
    found: set[Chain] = set()
    _end(_read(expression(text).parsed, (), found), found)
    return frozenset(found)


@lru_cache(maxsize=4096)
def calls(text: str) -> frozenset[str]:
    """Names of the functions an expression calls."""
    return frozenset(node["value"] for node in _nodes(expression(text).parsed) if node["type"] == "function_expression")


@lru_cache(maxsize=4096)
def is_selecting(text: str) -> bool:
    """Whether an expression gives a value even where it finds nothing, as a comparison does."""
    return any(node["type"] in _SELECTING for node in _nodes(expression(text).parsed))


def negates_too_much(text: str) -> bool:
    """Whether ``!a.b`` is written, which JMESPath reads as ``(!a).b`` and never finds anything."""
    return any(
        node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression"
        for node in _nodes(expression(text).parsed)
    )


def begins(chain: Chain, start: Chain) -> bool:
    """Whether a chain lies at or below another one."""
    return chain[: len(start)] == start


def dotted(chain: Chain) -> str:
    """The chain as text."""
    return ".".join(chain)


def present(row: Any, chain: Chain, depth: int | None = None) -> bool:
    """Whether a row says anything at a chain; a null on the way is said, a name that is missing is not.

    ``depth``: how many names must be there; what lies deeper is taken as complete.
    """
    for name in chain[:depth]:
        if row is None:
            return True
        if not isinstance(row, Mapping) or name not in row:
            return False
        row = row[name]
    return True


def put(data: dict[str, Any], chain: Chain, value: Any) -> None:
    """Set a value below objects that are made on the way."""
    for name in chain[:-1]:
        inner = data.get(name)
        if not isinstance(inner, dict):
            inner = data[name] = {}
        data = inner
    data[chain[-1]] = value


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: Any) -> list[Any]:
    """The expressions inside one; a slice has numbers instead."""
    return [child for child in node["children"] if isinstance(child, dict)]


def _end(chain: Chain | None, found: set[Chain]) -> None:
    if chain:
        found.add(chain)


def _read(node: Any, at: Chain | None, found: set[Chain]) -> Chain | None:
    """The chain a node's value stands at, None where that is inside a list or made; what is read is put into found."""
    kind, children = node["type"], _children(node)
    if kind == "field":
        return None if at is None else (*at, node["value"])
    if kind in {"identity", "current"}:
        return at
    if kind == "subexpression" or kind == "pipe":
        for child in children:
            at = _read(child, at, found)
        return at
    if kind == "flatten":
        return _read(children[0], at, found)
    if kind in _LEFT_FIRST:
        _end(_read(children[0], at, found), found)
        for child in children[1:]:
            _read(child, None, found)
        return None
    for child in children:
        _end(_read(child, at if kind != "expref" else None, found), found)
    return None
