"""Make ``world.json``, the country shapes of the report's map, from Natural Earth by way of world-atlas.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python build_world.py --topojson package/countries-50m.json

Arcs are shared between neighbours in TopoJSON, so simplifying arc by arc leaves no slivers between countries.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import heapq
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Point = tuple[float, float]

WIDTH = 1000.0
SCALE = 5  # units of the drawing per step: coordinates are whole numbers of a fifth
MARKER_AREA = 12.0  # below this the country gets a circle as well
SOUTH = -58.0  # Antarctica is left out of the frame
NORTH = 84.0


def project(lon: float, lat: float) -> Point:
    """Equal Earth (Šavrič, Patterson, Jenny 2018): areas keep their proportions."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    theta = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    t2 = theta * theta
    t6 = t2 * t2 * t2
    x = math.radians(lon) * math.cos(theta) / (math.sqrt(3) / 2 * (a1 + 3 * a2 * t2 + t6 * (7 * a3 + 9 * a4 * t2)))
    return x, theta * (a1 + a2 * t2 + t6 * (a3 + a4 * t2))


def frame(lon: float, lat: float) -> Point:
    """A place in the drawing's units."""
    half, _ = project(180, 0)
    factor = WIDTH / (2 * half)
    x, y = project(lon, lat)
    _, top = project(0, NORTH)
    return (x + half) * factor, (top - y) * factor


def decode(topology: dict[str, Any]) -> list[list[Point]]:
    """Arcs as lists of projected points."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append(frame(x * sx + tx, max(y * sy + ty, -89.9)))
        arcs.append(points)
    return arcs


def area(points: Sequence[Point]) -> float:
    """Area inside a ring."""
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def simplify(points: list[Point], threshold: float) -> list[Point]:
    """Visvalingam–Whyatt: drop the point that changes the least area until every one changes more."""
    if len(points) < 3:
        return points
    before = [index - 1 for index in range(len(points))]
    after = [index + 1 for index in range(len(points))]
    alive = [True] * len(points)

    def weight(index: int) -> float:
        return area([points[before[index]], points[index], points[after[index]]])

    queue = [(weight(index), index) for index in range(1, len(points) - 1)]
    heapq.heapify(queue)
    current = {index: value for value, index in queue}
    while queue:
        value, index = heapq.heappop(queue)
        if not alive[index] or current[index] != value:
            continue
        if value >= threshold:
            break
        alive[index] = False
        after[before[index]], before[after[index]] = after[index], before[index]
        for other in (before[index], after[index]):
            if 0 < other < len(points) - 1:
                current[other] = max(value, weight(other))
                heapq.heappush(queue, (current[other], other))
    return [point for point, kept in zip(points, alive, strict=True) if kept]


def ring(indices: Sequence[int], arcs: Sequence[Sequence[Point]]) -> list[Point]:
    """The arcs of one ring, joined; a negative index is an arc run backwards."""
    points: list[Point] = []
    for index in indices:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points.extend(arc[1:] if points else arc)
    return points


def polygons(geometry: dict[str, Any]) -> Iterator[list[list[int]]]:
    """Rings of every polygon."""
    if geometry["type"] == "Polygon":
        yield geometry["arcs"]
    elif geometry["type"] == "MultiPolygon":
        yield from geometry["arcs"]


def path(points: Sequence[Point]) -> str:
    """A closed SVG path with whole, relative steps; empty when nothing is left of it."""
    whole = [(round(x * SCALE), round(y * SCALE)) for x, y in points]
    kept = [point for number, point in enumerate(whole) if number == 0 or point != whole[number - 1]]
    if kept and kept[0] == kept[-1]:
        kept.pop()
    if len(kept) < 3:
        return ""
    steps = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in zip(kept, kept[1:], strict=False)]
    text = f"M{kept[0][0]},{kept[0][1]}l" + " ".join(f"{x},{y}" for x, y in steps)
    return text.replace(",-", "-").replace(" -", "-") + "z"


def centre(points: Sequence[Point]) -> Point:
    """The middle of a ring's box: good enough for a marker on a small country."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def build(topology: dict[str, Any], numeric: dict[str, str], threshold: float, smallest: float) -> dict[str, Any]:
    """Shapes and markers by alpha-2 code; places without a code are one unnamed shape."""
    full = decode(topology)
    short = [simplify(arc, threshold) for arc in full]
    _, bottom = frame(0, SOUTH)
    shapes: dict[str, str] = {}
    size: dict[str, float] = {}
    main: dict[str, tuple[float, Point]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = numeric.get(geometry.get("id", ""), "XK" if name == "Kosovo" else "")
        if code == "AQ":
            continue
        for rings in polygons(geometry):
            outer = ring(rings[0], full)
            extent = area(outer)
            size[code] = size.get(code, 0.0) + extent
            main[code] = max(main.get(code, (0.0, (0.0, 0.0))), (extent, centre(outer)))
            if extent >= smallest:
                shapes[code] = shapes.get(code, "") + "".join(path(ring(item, short)) for item in rings)
    markers = {
        code: [round(value * SCALE) for value in main[code][1]]
        for code in sorted(size)
        if code and (size[code] < MARKER_AREA or not shapes.get(code))
    }
    return {
        "source": "Natural Earth 1:50m cultural vectors 4.1.0 (public domain), by way of world-atlas 2.0.2 (ISC)",
        "projection": "Equal Earth",
        "size": [round(WIDTH * SCALE), round(bottom * SCALE)],
        "shapes": {code: text for code, text in sorted(shapes.items()) if text},
        "markers": markers,
    }


def main() -> None:
    """Read the topology, write ``world.json`` beside this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--topojson", type=Path, required=True, help="countries-50m.json of npm world-atlas")
    parser.add_argument("--threshold", type=float, default=0.18, help="least triangle a point must span")
    parser.add_argument("--smallest", type=float, default=0.5, help="least island that is drawn")
    parser.add_argument("--output", type=Path, default=HERE / "world.json")
    options = parser.parse_args()
    with (HERE / "iso-numeric.csv").open(encoding="ascii", newline="") as file:
        numeric = {row["numeric"]: row["code"] for row in csv.DictReader(file)}
    source = options.topojson.read_bytes()
    world = build(json.loads(source), numeric, options.threshold, options.smallest)
    world["source_sha256"] = hashlib.sha256(source).hexdigest()
    options.output.write_text(
        json.dumps(world, ensure_ascii=True, separators=(",", ":"), sort_keys=True) + "\n", encoding="ascii"
    )


if __name__ == "__main__":
    main()
