"""Nested address blocks made flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Block", "flatten"]

Block = tuple[int, int, Any]
"""First address, first address after, value."""


def flatten(blocks: Iterable[Block]) -> Iterator[Block]:
    """Disjoint pieces of nested or disjoint blocks, in order; each carries the value of the innermost block.

    A block whose value is None lends its space to the block around it.
    """
    ordered = sorted(blocks, key=lambda item: (item[0], -item[1]))
    stack: list[Block] = []
    at = 0
    for block in [*ordered, (1 << 129, 1 << 129, None)]:
        while stack and stack[-1][1] <= block[0]:
            end = stack[-1][1]
            if at < end:
                yield at, end, _inner(stack)
                at = end
            stack.pop()
        if stack and at < block[0]:
            yield at, block[0], _inner(stack)
        at = max(at, block[0])
        stack.append(block)


def _inner(stack: list[Block]) -> Any:
    return next((value for _, _, value in reversed(stack) if value is not None), None)
