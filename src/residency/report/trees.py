"""Traces for the page: every equal part is kept once, so that thousands of trees stay small."""

from __future__ import annotations

from typing import Any

from residency.escape import plain
from residency.trace import Node

__all__ = ["Forest", "shorten", "witness"]

LONGEST = 400
"""Characters of one text that the page keeps."""
DIGITS = 6


def shorten(text: str, longest: int = LONGEST) -> str:
    """One safe line, cut with an ellipsis when it is longer than the page keeps."""
    line = plain(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def witness(trace: Node) -> tuple[Node, tuple[Node, ...]]:
    """What gives the upper bound of a score: the node of the stores, and the steps of its path."""
    stores = trace.children[-1].children[-1]
    attachment = stores.children[1]
    return stores, attachment.children[-1].children


class Forest:
    """Trees as lists of numbers: nodes refer to texts and to other nodes by position."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self.nodes: dict[tuple[Any, ...], int] = {}
        self._known: dict[int, tuple[Node, int]] = {}

    def text(self, value: str) -> int:
        """Position of a text."""
        return self.texts.setdefault(shorten(value), len(self.texts))

    def add(self, node: Node) -> int:
        """Position of a node; its parts are added before it."""
        known = self._known.get(id(node))
        if known is not None:
            return known[1]
        children = tuple(self.add(child) for child in node.children)
        source = tuple(part for key, value in node.source for part in (self.text(key), self.text(value)))
        flat = (
            self.text(node.kind),
            self.text(node.label),
            _number(node.value.lo),
            _number(node.value.hi),
            children,
            tuple(_number(weight) for weight in node.weights),
            source,
            self.text(node.note) if node.note else -1,
        )
        position = self.nodes.setdefault(flat, len(self.nodes))
        self._known[id(node)] = (node, position)  # holding the node keeps its id from being used again
        return position

    def to_dict(self) -> dict[str, Any]:
        """Plain lists for JSON."""
        return {"texts": list(self.texts), "nodes": [list(node) for node in self.nodes]}


def _number(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
