"""Best paths: how strongly a node is tied to each jurisdiction on a channel, with the path that shows it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from residency.graph import Node_, Source, Tie, World
from residency.interval import Interval, maximum
from residency.model import CHANNELS, Channel
from residency.trace import Node, combine, leaf

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Reach", "Step", "attachment", "reaches", "tie_strength"]


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path."""

    tail: Node_
    head: Node_
    strength: Interval
    label: str
    source: Source

    def node(self) -> Node:
        """The step as a leaf of a trace."""
        return leaf("row", self.label, self.strength, **dict(self.source))


@dataclass(frozen=True, slots=True)
class Reach:
    """The path with the best lower bound (empty when nothing is certain) and the one with the best upper bound."""

    lo: tuple[Step, ...]
    hi: tuple[Step, ...]


def reaches(world: World) -> Mapping[Channel, Mapping[Node_, Mapping[str, Reach]]]:
    """For each channel and each node that a group is tied to: the best paths to every jurisdiction."""
    result: dict[Channel, dict[Node_, dict[str, Reach]]] = {}
    for channel in CHANNELS:
        plain = _collapse(world.graph, channel)
        starts = sorted({tie.node for group in world.groups for tie in group.ties if channel in tie.channels})
        result[channel] = {start: _from(plain, start, world) for start in starts if start in plain}
    return result


def _collapse(graph: nx.MultiDiGraph[Node_], channel: Channel) -> nx.DiGraph[Node_]:
    """One edge for each pair of nodes: the strongest for either bound."""
    import networkx as nx

    plain: nx.DiGraph[Node_] = nx.DiGraph()
    for tail, head, data in graph.edges(data=True):
        if channel not in data["channels"] or tail[0] == "group":
            continue
        step = Step(tail, head, data["strength"], data["label"], data["source"])
        if not plain.has_edge(tail, head):
            plain.add_edge(tail, head, lo=step, hi=step)
            continue
        kept = plain.edges[tail, head]
        if (step.strength.lo, step.label) > (kept["lo"].strength.lo, kept["lo"].label):
            kept["lo"] = step
        if (step.strength.hi, step.strength.lo, step.label) > (
            kept["hi"].strength.hi,
            kept["hi"].strength.lo,
            kept["hi"].label,
        ):
            kept["hi"] = step
    for group_node in [("country", code) for code in world_countries(graph)]:
        plain.add_node(group_node)
    return plain


def world_countries(graph: nx.MultiDiGraph[Node_]) -> Iterator[str]:
    """Codes of all jurisdictions in the graph."""
    return (name for sort, name in graph.nodes if sort == "country")


def _from(plain: nx.DiGraph[Node_], start: Node_, world: World) -> dict[str, Reach]:
    found: dict[str, dict[str, tuple[Step, ...]]] = {}
    for bound in ("lo", "hi"):
        for code, steps in _best(plain, start, bound, world).items():
            found.setdefault(code, {})[bound] = steps
    return {code: Reach(ways.get("lo", ()), ways["hi"]) for code, ways in sorted(found.items()) if "hi" in ways}


def _best(plain: nx.DiGraph[Node_], start: Node_, bound: str, world: World) -> dict[str, tuple[Step, ...]]:
    import networkx as nx

    def weight(_tail: Node_, _head: Node_, data: dict[str, Any]) -> float | None:
        value = getattr(data[bound].strength, bound)
        return -math.log(value) if value > 0 else None

    _, found = nx.single_source_dijkstra(plain, start, weight=weight)
    paths: dict[Node_, list[Node_]] = dict(found)  # type: ignore[arg-type]
    return {
        code: tuple(plain.edges[pair][bound] for pair in pairwise(way))
        for code in world.universe
        if (way := paths.get(("country", code))) is not None
    }


def strength_of(steps: tuple[Step, ...], tie: Tie) -> Interval:
    """Product of a tie and the steps behind it."""
    lo, hi = tie.strength.lo, tie.strength.hi
    for step in steps:
        lo *= step.strength.lo
        hi *= step.strength.hi
    return Interval(lo, hi)


def tie_strength(
    ties: Iterable[Tie], channel: Channel, code: str, reach: Mapping[Node_, Mapping[str, Reach]]
) -> Interval:
    """A: how strongly a group is tied to a jurisdiction on a channel; the best path for each bound."""
    return maximum(value for value, _, _ in _ways(ties, channel, code, reach))


def attachment(ties: Iterable[Tie], channel: Channel, code: str, reach: Mapping[Node_, Mapping[str, Reach]]) -> Node:
    """`tie_strength` as a trace: the path of each bound, or one path for both.

    Raises
    ------
    ValueError
        When no path exists.
    """
    ways = _ways(ties, channel, code, reach)
    if not ways:
        raise ValueError(f"no path to {code} by {channel}")
    top_hi = max(ways, key=lambda way: (way[0].hi, way[0].lo))
    top_lo = max(ways, key=lambda way: (way[0].lo, way[0].hi))
    chosen = [top_hi] if top_lo[0].lo <= top_hi[0].lo else [top_lo, top_hi]
    nodes = [
        combine(
            "product",
            "path",
            [leaf("row", tie.label, tie.strength, **dict(tie.source)), *(step.node() for step in steps)],
        )
        for _, tie, steps in chosen
    ]
    return combine("max", f"A: tie to {code} by {channel}", nodes)


def _ways(
    ties: Iterable[Tie], channel: Channel, code: str, reach: Mapping[Node_, Mapping[str, Reach]]
) -> list[tuple[Interval, Tie, tuple[Step, ...]]]:
    found: list[tuple[Interval, Tie, tuple[Step, ...]]] = []
    for tie in ties:
        if channel not in tie.channels:
            continue
        if tie.node == ("country", code):
            found.append((tie.strength, tie, ()))
            continue
        known = reach.get(tie.node, {}).get(code)
        if known is not None:
            found.extend(
                (strength_of(steps, tie), tie, steps) for steps in dict.fromkeys((known.hi, known.lo)) if steps
            )
    return found
