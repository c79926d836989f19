"""The computation as a tree: every score carries what it was computed from, and replaying the tree gives the score.

A leaf is a cited fact, a named constant, an inventory row or an unknown. An inner node has an operation that is
recomputed from its children by `replay`; nothing is explained by a second code path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from residency.interval import Interval, geometric_mean, hull, maximum, product

__all__ = ["Leaf", "Node", "Operation", "combine", "fact", "leaf", "leaves", "render", "replay", "to_dict"]

Operation = Literal["product", "max", "geomean", "sum", "hull", "complement", "widen", "pick"]
Leaf = Literal["fact", "constant", "row", "unknown"]


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a computation.

    Parameters
    ----------
    kind
        An operation, or what sort of leaf it is.
    label
        What the number means, in a few words.
    value
        The number.
    children
        What an operation was applied to.
    weights
        For ``geomean`` and ``sum``; for ``widen`` the half-width.
    source
        For leaves: citation, file and line, or call and row; plain values only.
    note
        A remark, such as how many alternatives were not larger.
    """

    kind: Operation | Leaf
    label: str
    value: Interval
    children: tuple[Node, ...] = ()
    weights: tuple[float, ...] = ()
    source: tuple[tuple[str, str], ...] = ()
    note: str = field(default="")


def _compute(kind: str, values: Sequence[Interval], weights: Sequence[float]) -> Interval:
    if kind == "product":
        return product(values)
    if kind == "max":
        return maximum(values)
    if kind == "hull":
        return hull(values)
    if kind == "geomean":
        return geometric_mean(values, weights)
    if kind == "sum":
        lo = sum(w * v.lo for v, w in zip(values, weights, strict=True))
        hi = sum(w * v.hi for v, w in zip(values, weights, strict=True))
        return Interval(min(lo, 1.0), min(hi, 1.0))
    if kind == "complement":
        (only,) = values
        return only.scale(weights[0]).complement()
    if kind == "widen":
        (only,) = values
        return Interval(max(0.0, only.lo - weights[0]), min(1.0, only.hi + weights[0]))
    if kind == "pick":
        (only,) = values
        return only
    raise ValueError(f"not an operation: {kind}")


def combine(
    kind: Operation, label: str, children: Iterable[Node], weights: Iterable[float] = (), note: str = ""
) -> Node:
    """Apply an operation to child nodes; ``complement`` computes ``1 − weight·x``."""
    parts, factors = tuple(children), tuple(weights)
    return Node(kind, label, _compute(kind, [part.value for part in parts], factors), parts, factors, (), note)


def leaf(kind: Leaf, label: str, value: Interval, /, note: str = "", **source: Any) -> Node:
    """A leaf; ``source`` entries that are empty are left out."""
    kept = tuple((key, str(item)) for key, item in source.items() if item not in (None, "", ()))
    return Node(kind, label, value, (), (), kept, note)


def fact(label: str, value: Interval, /, note: str = "", **source: Any) -> Node:
    """A leaf of kind ``fact``."""
    return leaf("fact", label, value, note, **source)


def replay(node: Node) -> Interval:
    """Compute the tree again from its leaves."""
    if not node.children:
        return node.value
    return _compute(node.kind, [replay(child) for child in node.children], node.weights)


def leaves(node: Node) -> Iterator[Node]:
    """Every leaf, left to right."""
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


def to_dict(node: Node) -> dict[str, Any]:
    """Plain data for JSON: empty fields are left out."""
    data: dict[str, Any] = {"kind": node.kind, "label": node.label, "lo": node.value.lo, "hi": node.value.hi}
    if node.note:
        data["note"] = node.note
    if node.weights:
        data["weights"] = list(node.weights)
    if node.source:
        data["source"] = dict(node.source)
    if node.children:
        data["children"] = [to_dict(child) for child in node.children]
    return data


def render(node: Node, depth: int | None = None) -> Iterator[tuple[int, str]]:
    """(indent, line) pairs, parents before children, down to ``depth`` levels."""

    def lines(item: Node, level: int) -> Iterator[tuple[int, str]]:
        sign = {"product": "×", "max": "max", "geomean": "mean", "complement": "1−", "sum": "Σ"}.get(
            item.kind, item.kind
        )
        source = "; ".join(f"{key} {value}" for key, value in item.source)
        tail = "".join(f" — {text}" for text in (source, item.note) if text)
        yield level, f"{item.value}  {sign}  {item.label}{tail}"
        if depth is None or level + 1 < depth:
            for child in item.children:
                yield from lines(child, level + 1)

    yield from lines(node, 0)
