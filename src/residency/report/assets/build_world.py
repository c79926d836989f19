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
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Point = tuple[float, float]

WIDTH = 1000.0
SCALE = 5  # units of the drawing per step: coordinates are whole numbers of a fifth
MARKER_AREA = 12.0  # below this the country gets a circle as well
MERIDIAN = 11.0  # the middle of the map: its edge then runs through the Bering Strait and cuts no country
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


def frame(place: Point) -> Point:
    """A place (longitude, latitude) in the drawing's units."""
    half, _ = project(180, 0)
    factor = WIDTH / (2 * half)
    x, y = project(place[0] - MERIDIAN, place[1])
    _, top = project(0, NORTH)
    return (x + half) * factor, (top - y) * factor


def decode(topology: dict[str, Any]) -> list[list[Point]]:
    """Arcs as lists of places; a step over the date line goes on past 180 degrees."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points: list[Point] = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append(beside(points[-1] if points else None, (x * sx + tx, max(y * sy + ty, -89.9))))
        arcs.append(points)
    return arcs


def beside(last: Point | None, place: Point) -> Point:
    """The same place, counted in the turn of the globe in which the last one was."""
    if last is None:
        return place
    return place[0] - 360 * round((place[0] - last[0]) / 360), place[1]


def windows(points: Sequence[Point]) -> Iterator[list[Point]]:
    """The parts of a ring that lie in each turn of the globe, brought back to the map (Sutherland–Hodgman)."""
    low = math.floor((min(lon for lon, _ in points) - MERIDIAN + 180) / 360)
    high = math.floor((max(lon for lon, _ in points) - MERIDIAN + 180) / 360)
    for turn in range(low, high + 1):
        west = MERIDIAN - 180 + 360 * turn
        part = clip(clip(list(points), west, 1), west + 360, -1)
        if part:
            yield [(lon - 360 * turn, lat) for lon, lat in part]


def clip(points: list[Point], edge: float, side: int) -> list[Point]:
    """What of a ring lies east (side 1) or west (side -1) of a meridian."""
    kept: list[Point] = []
    for last, place in zip([points[-1], *points[:-1]], points, strict=True) if points else []:
        was, now = (last[0] - edge) * side >= 0, (place[0] - edge) * side >= 0
        if was != now:
            share = (edge - last[0]) / (place[0] - last[0])
            kept.append((edge, last[1] + share * (place[1] - last[1])))
        if now:
            kept.append(place)
    return kept


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

    drawn = [frame(place) for place in points]

    def weight(index: int) -> float:
        return area([drawn[before[index]], drawn[index], drawn[after[index]]])

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
        arc = list(arcs[index] if index >= 0 else arcs[~index][::-1])
        if points:
            shift = beside(points[-1], arc[0])[0] - arc[0][0]
            arc = [(lon + shift, lat) for lon, lat in arc[1:]]
        points.extend(arc)
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
    steps = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise(kept)]
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
    _, bottom = frame((MERIDIAN, SOUTH))
    shapes: dict[str, str] = {}
    size: dict[str, float] = {}
    main: dict[str, tuple[float, Point]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        code = numeric.get(geometry.get("id", ""), "XK" if name == "Kosovo" else "")
        if code == "AQ":
            continue
        for rings in polygons(geometry):
            for outer in windows(ring(rings[0], full)):
                drawn = [frame(place) for place in outer]
                extent = area(drawn)
                size[code] = size.get(code, 0.0) + extent
                main[code] = max(main.get(code, (0.0, (0.0, 0.0))), (extent, centre(drawn)))
            if area([frame(place) for place in ring(rings[0], full)]) >= smallest:
                parts = [part for item in rings for part in windows(ring(item, short))]
                shapes[code] = shapes.get(code, "") + "".join(path([frame(place) for place in part]) for part in parts)
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
    parser.add_argument("--threshold", type=float, default=0.09, help="least triangle a point must span")
    parser.add_argument("--smallest", type=float, default=0.25, help="least island that is drawn")
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
