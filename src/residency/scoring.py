"""Exposure of datasets to foreign law: an ordinal index from 0 to 100, in intervals, with the tree it came from.

``X(d,j,c) = 100 · S_d · L_jc · (1 − λ·G_j) · max_r (h_dr · A_rjc · V_rj)``; then maxima over channels, datasets and
jurisdictions. Not a probability, and not legal advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from residency.graph import Group, Inputs, Tie, World, build
from residency.interval import UNKNOWN, ZERO, Interval, maximum
from residency.model import CHANNELS, Channel
from residency.paths import attachment, reaches, tie_strength
from residency.providers import UNBOUNDED
from residency.rubric import decryption, legal_power, safeguards
from residency.trace import Leaf, Node, combine, leaf

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cell", "Scores", "Tied", "score"]

Tied = Literal["seen", "possible", "unseen"]
_TIES: tuple[Tied, ...] = ("seen", "possible", "unseen")


@dataclass(frozen=True, slots=True)
class Cell:
    """One (dataset, jurisdiction, channel).

    Parameters
    ----------
    value
        0–100: what is known to be so, and what cannot be excluded.
    seen
        The same without what was not seen: the upper bound if every gap turned out empty.
    trace
        The computation, in [0, 1].
    seen_trace
        The computation of ``seen``; None when it is zero.
    witness
        Names of the groups whose paths give the lower and the upper bound.
    tie
        Whether the data is tied to the jurisdiction, whatever its law: ``seen`` for certain, ``possible`` from what was
        seen, or ``unseen`` when only a gap could hide a tie.
    """

    dataset: str
    jurisdiction: str
    channel: Channel
    value: Interval
    seen: Interval
    trace: Node
    seen_trace: Node | None
    witness: tuple[str, ...]
    tie: Tied


@dataclass(frozen=True)
class Scores:
    """All cells above nothing, with the maxima a report prints. Bands and ranks use the upper bound."""

    cells: tuple[Cell, ...]
    world: World
    inputs: Inputs

    def _highest(self, key: Callable[[Cell], Any], value: Callable[[Cell], Interval]) -> dict[Any, Interval]:
        found: dict[Any, list[Interval]] = {}
        for cell in self.cells:
            found.setdefault(key(cell), []).append(value(cell))
        ordered = {name: maximum(values) for name, values in found.items()}
        return dict(sorted(ordered.items(), key=lambda item: (-item[1].hi, -item[1].lo, str(item[0]))))

    @cached_property
    def by_pair(self) -> Mapping[tuple[str, str], Interval]:
        """X(d, j), highest first."""
        return self._highest(lambda cell: (cell.dataset, cell.jurisdiction), lambda cell: cell.value)

    @cached_property
    def by_jurisdiction(self) -> Mapping[str, Interval]:
        """X(j), highest first."""
        return self._highest(lambda cell: cell.jurisdiction, lambda cell: cell.value)

    @cached_property
    def seen_by_jurisdiction(self) -> Mapping[str, Interval]:
        """X(j) as if every gap were empty, highest first."""
        return self._highest(lambda cell: cell.jurisdiction, lambda cell: cell.seen)

    @cached_property
    def by_dataset(self) -> Mapping[str, Interval]:
        """X(d), highest first."""
        return self._highest(lambda cell: cell.dataset, lambda cell: cell.value)

    def cell(self, dataset: str, jurisdiction: str, channel: Channel) -> Cell | None:
        """One cell; None means the score is zero."""
        return self._index.get((dataset, jurisdiction, channel))

    @cached_property
    def _index(self) -> Mapping[tuple[str, str, str], Cell]:
        return {(cell.dataset, cell.jurisdiction, cell.channel): cell for cell in self.cells}

    def top(self, jurisdiction: str, dataset: str | None = None) -> list[Cell]:
        """Cells of a jurisdiction: certain ties first, then highest upper bound from what was seen."""
        found = [
            cell
            for cell in self.cells
            if cell.jurisdiction == jurisdiction and (dataset is None or cell.dataset == dataset)
        ]
        return sorted(
            found,
            key=lambda cell: (
                _TIES.index(cell.tie),
                -cell.seen.hi,
                -cell.seen.lo,
                -cell.value.hi,
                cell.dataset,
                cell.channel,
            ),
        )

    def to_pandas(self) -> pd.DataFrame:
        """One row a cell: service, data_class, jurisdiction, channel, lo, hi, seen_lo, seen_hi, band, tie, witness."""
        import pandas as pd

        judgement = self.inputs.judgement
        return pd.DataFrame(
            [
                {
                    "service": cell.dataset.split("/", 1)[0],
                    "data_class": cell.dataset.split("/", 1)[1],
                    "jurisdiction": cell.jurisdiction,
                    "channel": cell.channel,
                    "lo": cell.value.lo,
                    "hi": cell.value.hi,
                    "seen_lo": cell.seen.lo,
                    "seen_hi": cell.seen.hi,
                    "band": judgement.band(cell.value.hi).name,
                    "tie": cell.tie,
                    "witness": " | ".join(cell.witness),
                }
                for cell in self.cells
            ],
            columns=[
                "service",
                "data_class",
                "jurisdiction",
                "channel",
                "lo",
                "hi",
                "seen_lo",
                "seen_hi",
                "band",
                "tie",
                "witness",
            ],
        )


def score(inputs: Inputs, *, grouped: bool = True, also: Iterable[str] = ()) -> Scores:
    """Compute every cell for the day of the inputs; ``grouped`` and ``also`` as for `residency.graph.build`."""
    world = build(inputs, grouped=grouped, also=also)
    reach = reaches(world)
    law = _Law(inputs)
    datasets = sorted({dataset.id for dataset in inputs.config.datasets()})
    holds = {group.name: dict(group.holds) for group in world.groups}
    cells: list[Cell] = []
    for channel in CHANNELS:
        for code in world.universe:
            tied, seen = _tied(world, holds, channel, code, reach[channel], law)
            for dataset in datasets:
                cell = _cell(dataset, code, channel, tied, seen, reach[channel], law)
                if cell is not None:
                    cells.append(cell)
    cells.sort(key=lambda cell: (cell.dataset, cell.jurisdiction, cell.channel))
    return Scores(tuple(cells), world, inputs)


class _Law:
    """Grades of the day, each computed once."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self._kept: dict[tuple[str, ...], Node] = {}

    def _graded(self, code: str, grade: Callable[[Any, str], Node], *key: str) -> Node:
        if (code, *key) not in self._kept:
            catalogue = self.inputs.jurisdictions
            if code in catalogue.groups and code not in catalogue:
                members = sorted(catalogue.members(code, self.inputs.as_of))
                nodes = [grade(catalogue.get(member), member) for member in members]
                self._kept[(code, *key)] = combine("hull", f"any member of {code}", nodes)
            else:
                self._kept[(code, *key)] = grade(catalogue.get(code), code)
        return self._kept[(code, *key)]

    def power(self, code: str, channel: Channel) -> Node:
        judgement, day = self.inputs.judgement, self.inputs.as_of
        return self._graded(code, lambda item, name: legal_power(item, name, channel, judgement, day), "L", channel)

    def guarantees(self, code: str) -> Node:
        judgement, day = self.inputs.judgement, self.inputs.as_of
        return self._graded(code, lambda item, name: safeguards(item, name, judgement, day), "G")

    def decryption(self, code: str) -> Node:
        judgement, day = self.inputs.judgement, self.inputs.as_of
        return self._graded(code, lambda item, name: decryption(item, name, judgement, day), "D")

    def readability(self, group: Group, code: str, channel: Channel) -> Node:
        """V: what the reached bytes reveal to a jurisdiction."""
        use = "access" if channel == "access" else "rest"
        key = (code, "V", use, repr(group.keys), group.in_use)
        if key not in self._kept:
            self._kept[key] = self._readability(group, code, channel)
        return self._kept[key]

    def _readability(self, group: Group, code: str, channel: Channel) -> Node:
        table = self.inputs.judgement.strengths.readability
        if channel == "access":
            return leaf("constant", "V: authorised use is served plaintext", table.authorised_use.interval)
        floor = leaf("constant", "ρ: metadata", table.metadata_floor.interval, reason=table.metadata_floor.reason)
        held = [self._key(custody, manager, code) for custody, manager in group.keys]
        use = table.in_use[group.in_use]
        served = leaf("constant", f"T: {group.in_use} in use", use.interval, reason=use.reason)
        return combine("max", "V: readability", [floor, *held, served])

    def _key(self, custody: str, manager: str, code: str) -> Node:
        """K: whether a jurisdiction can have plaintext keys."""
        judged = self.inputs.judgement.strengths.readability.custody[custody]
        kind: Leaf = "unknown" if custody == "unknown" else "constant"
        if custody != "external":
            return leaf(kind, f"K: keys {custody}", judged.interval, reason=judged.reason)
        if manager == code:
            return combine("pick", f"K: the external key manager sits in {code}", [self.decryption(code)])
        members = self.inputs.jurisdictions.members
        if manager in {"", "unknown", UNBOUNDED} or code == UNBOUNDED:
            return leaf("unknown", "K: where the external key manager sits is not known", UNKNOWN)
        if manager in members(code, self.inputs.as_of) or code in members(manager, self.inputs.as_of):
            return leaf("unknown", f"K: the external key manager in {manager} may be in {code}", UNKNOWN)
        return leaf("constant", f"K: the external key manager sits in {manager}", judged.interval, reason=judged.reason)


@dataclass(frozen=True, slots=True)
class _Tied:
    """A group with A·V towards one jurisdiction on one channel."""

    group: Group
    ties: tuple[Tie, ...]
    strength: Interval
    holds: Mapping[str, Interval]


def _tied(
    world: World, holds: Mapping[str, Mapping[str, Interval]], channel: Channel, code: str, reach: Any, law: _Law
) -> tuple[list[_Tied], list[_Tied]]:
    """Groups with any tie, and the same without what stands for gaps."""
    every, seen = [], []
    for group in world.groups:
        whole = _one(group, group.ties, holds[group.name], channel, code, reach, law)
        if whole is None:
            continue
        every.append(whole)
        ties = tuple(tie for tie in group.ties if not tie.gap)
        part = whole if ties == group.ties else _one(group, ties, holds[group.name], channel, code, reach, law)
        if part is not None and not group.gap:
            seen.append(part)
    return every, seen


def _one(
    group: Group,
    ties: tuple[Tie, ...],
    holds: Mapping[str, Interval],
    channel: Channel,
    code: str,
    reach: Any,
    law: _Law,
) -> _Tied | None:
    tie = tie_strength(ties, channel, code, reach)
    if tie.hi <= 0:
        return None
    readable = law.readability(group, code, channel).value
    return _Tied(group, ties, Interval(tie.lo * readable.lo, tie.hi * readable.hi), holds)


_Holding = list[tuple[_Tied, Interval]]


def _cell(
    dataset: str, code: str, channel: Channel, tied: list[_Tied], seen: list[_Tied], reach: Any, law: _Law
) -> Cell | None:
    def holding(items: list[_Tied]) -> _Holding:
        return [(item, item.holds[dataset]) for item in items if item.holds.get(dataset, ZERO) != ZERO]

    every, without = holding(tied), holding(seen)
    if not every:
        return None
    node, witness = _exposure(dataset, code, channel, every, reach, law)
    if node.value.hi <= 0:
        return None
    part = node if without == every else _exposure(dataset, code, channel, without, reach, law)[0] if without else None
    certain = any(item.strength.lo * held.lo > 0 for item, held in without)
    return Cell(
        dataset=dataset,
        jurisdiction=code,
        channel=channel,
        value=node.value.scale(100),
        seen=part.value.scale(100) if part else ZERO,
        trace=node,
        seen_trace=part,
        witness=tuple(dict.fromkeys(item.group.name for item in witness)),
        tie="seen" if certain else "possible" if without else "unseen",
    )


def _exposure(
    dataset: str, code: str, channel: Channel, holding: _Holding, reach: Any, law: _Law
) -> tuple[Node, list[_Tied]]:
    def bounds(pair: tuple[_Tied, Interval]) -> tuple[float, float, str]:
        item, held = pair
        return held.lo * item.strength.lo, held.hi * item.strength.hi, item.group.name

    top_hi = max(holding, key=lambda pair: (bounds(pair)[1], bounds(pair)[0], pair[0].group.name))
    top_lo = max(holding, key=lambda pair: (bounds(pair)[0], bounds(pair)[1], pair[0].group.name))
    chosen = [top_hi] if bounds(top_lo)[0] <= bounds(top_hi)[0] else [top_lo, top_hi]
    nodes = []
    for item, held in chosen:
        group = item.group
        many = f", one of {group.count} alike" if group.count > 1 else ""
        h = leaf("row" if held.is_point else "unknown", f"h: holds {dataset}", held, **dict(group.source))
        nodes.append(
            combine(
                "product",
                f"{group.example}{many}",
                [h, attachment(item.ties, channel, code, reach), law.readability(group, code, channel)],
            )
        )
    rest = len(holding) - len(chosen)
    judgement = law.inputs.judgement
    data_class = judgement.classes[dataset.split("/", 1)[1]]
    sensitivity = leaf(
        "constant", f"S: {data_class.name.en}", Interval.point(data_class.sensitivity), reason=data_class.reason
    )
    cap = judgement.strengths.constants["safeguard_cap"].value
    node = combine(
        "product",
        f"{dataset} to {code} by {channel}",
        [
            sensitivity,
            law.power(code, channel),
            combine("complement", "1 − λ·G", [law.guarantees(code)], [cap]),
            combine("max", "best path", nodes, note=f"{rest} others are not higher" if rest else ""),
        ],
    )
    return node, [item for item, _ in chosen]
