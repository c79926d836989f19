"""Country shapes of the report's map, from ``assets/world.json`` (made by ``assets/build_world.py``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["Geography", "geography"]


@dataclass(frozen=True, slots=True)
class Geography:
    """SVG paths and markers by alpha-2 code, in a drawing of ``width`` by ``height``.

    The path under the empty code is land that has no ISO code. A small country has a marker, some have only that.
    """

    width: int
    height: int
    shapes: Mapping[str, str]
    markers: Mapping[str, tuple[int, int]]
    source: str

    @property
    def codes(self) -> frozenset[str]:
        """Every code that is drawn."""
        return frozenset(self.shapes) | frozenset(self.markers)


@lru_cache(maxsize=1)
def geography() -> Geography:
    """Read the shapes once."""
    data = json.loads(Path(__file__).with_name("assets").joinpath("world.json").read_text(encoding="ascii"))
    width, height = data["size"]
    markers = {code: (x, y) for code, (x, y) in data["markers"].items()}
    return Geography(width, height, data["shapes"], markers, data["source"])
