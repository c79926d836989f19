"""How much of an order is judgement: ranks of jurisdictions when the numbers of the rubric are perturbed.

Follows OECD/JRC, *Handbook on Constructing Composite Indicators* (2008), step 7: uncertainty analysis by sampling all
uncertain inputs together, and sensitivity analysis by moving them one at a time.

What is ranked is L·(1 − λ·G), the exposure of data of the highest sensitivity that lies there, runs there, or is
opened from there for certain and is readable: the same data in every jurisdiction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from residency.interval import Interval
from residency.jurisdictions import Jurisdictions
from residency.method.judgement import Judgement
from residency.model import CHANNELS, Channel
from residency.rubric import legal_power, safeguards

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Bound",
    "RankRange",
    "Reversal",
    "constants",
    "exposures",
    "perturbed",
    "rank_ranges",
    "ranked",
    "reversals",
    "settled",
    "summary",
    "with_constant",
]

Bound = Literal["hi", "lo"]
"""``hi`` ranks by what may not be denied, where an unknown counts in full; ``lo`` by what is known to be there."""


@dataclass(frozen=True, slots=True)
class RankRange:
    """Where a jurisdiction ranks over all draws; 1 is the highest exposure. ``base`` is the unperturbed rank."""

    code: str
    base: int
    low: int
    median: float
    high: int


@dataclass(frozen=True, slots=True, order=True)
class Reversal:
    """Two jurisdictions whose order one constant alone turns round."""

    channel: Channel
    bound: Bound
    constant: str
    factor: float
    above: str
    below: str


def exposures(
    jurisdictions: Jurisdictions,
    judgement: Judgement,
    day: dt.date,
    *,
    channels: Iterable[Channel] = CHANNELS,
    codes: Iterable[str] | None = None,
) -> dict[Channel, dict[str, Interval]]:
    """L·(1 − λ·G) of each jurisdiction on each channel, in order of code."""
    names = sorted(codes if codes is not None else jurisdictions)
    cap = judgement.strengths.constants["safeguard_cap"].value
    guards = {code: safeguards(jurisdictions.get(code), code, judgement, day).value for code in names}
    result: dict[Channel, dict[str, Interval]] = {}
    for channel in channels:
        result[channel] = {}
        for code in names:
            power = legal_power(jurisdictions.get(code), code, channel, judgement, day).value
            guard = guards[code]
            result[channel][code] = Interval(power.lo * (1 - cap * guard.hi), power.hi * (1 - cap * guard.lo))
    return result


def ranked(values: Mapping[str, Interval], bound: Bound = "hi") -> dict[str, int]:
    """Rank of each by one bound, ties broken by the other; 1 is the highest, equals share a rank."""
    keys = {
        code: (round(value.hi, 9), round(value.lo, 9)) if bound == "hi" else (round(value.lo, 9), round(value.hi, 9))
        for code, value in values.items()
    }
    return {code: 1 + sum(other > key for other in keys.values()) for code, key in keys.items()}


def settled(values: Mapping[str, Interval]) -> dict[str, tuple[int, int]]:
    """Best and worst rank that each can have whatever the unknowns turn out to be."""
    return {
        code: (
            1 + sum(other.lo > value.hi for other in values.values()),
            len(values) - sum(other.hi < value.lo for other in values.values()),
        )
        for code, value in values.items()
    }


def perturbed(judgement: Judgement, spread: float, generator: np.random.Generator) -> Judgement:
    """The judgement with each weight, grade and the safeguard cap moved by a factor in [1 − spread, 1 + spread].

    Values stay within [0, 1]; the weights of a power keep their sum.
    """
    data = judgement.model_dump(by_alias=True)
    grades = data["grades"]

    def factor() -> float:
        return float(1 + generator.uniform(-spread, spread))

    def shake(table: dict[str, Any]) -> None:
        for name, value in table.items():
            if isinstance(value, float | int):
                table[name] = min(1.0, max(0.0, value * factor()))

    for words in grades["power"]["grades"].values():
        shake(words)
    shake(grades["power"]["holder"])
    shake(grades["power"]["reach"])
    weights = {name: item["value"] * factor() for name, item in grades["power"]["weights"].items()}
    _keep_sum(grades["power"]["weights"], weights)
    shake(grades["safeguard"]["values"])
    for words in grades["safeguard"]["attributes"].values():
        shake(words)
    shake(grades["safeguard"]["commitments"])
    for item in grades["safeguard"]["weights"].values():
        item["value"] = min(1.0, max(1e-6, item["value"] * factor()))
    cap = data["strengths"]["constants"]["safeguard_cap"]
    cap["value"] = min(1.0, cap["value"] * factor())
    return Judgement.model_validate(data)


def _keep_sum(table: dict[str, Any], weights: Mapping[str, float]) -> None:
    total, before = sum(weights.values()), sum(item["value"] for item in table.values())
    for name, value in weights.items():
        table[name]["value"] = min(1.0, value * before / total)


def constants(judgement: Judgement) -> list[str]:
    """Paths of all numbers that `perturbed` moves; parts are parted by a slash, since names may hold a dot."""
    data = judgement.model_dump(by_alias=True)
    return [*_numbers(data["grades"], "grades"), "strengths/constants/safeguard_cap/value"]


def _numbers(table: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}/{name}")
        elif isinstance(value, float) and value != 0:
            yield f"{path}/{name}"


def with_constant(judgement: Judgement, path: str, factor: float) -> Judgement:
    """The judgement with one number multiplied; values stay within [0, 1], the weights of a power keep their sum."""
    data = judgement.model_dump(by_alias=True)
    *parents, last = path.split("/")
    table = data
    for name in parents:
        table = table[name]
    if parents[:3] == ["grades", "power", "weights"]:
        weights = {name: item["value"] for name, item in data["grades"]["power"]["weights"].items()}
        weights[parents[3]] *= factor
        _keep_sum(data["grades"]["power"]["weights"], weights)
    else:
        table[last] = min(1.0, table[last] * factor)
    return Judgement.model_validate(data)


def rank_ranges(
    jurisdictions: Jurisdictions,
    judgement: Judgement,
    channel: Channel,
    day: dt.date,
    generator: np.random.Generator,
    *,
    draws: int = 200,
    spread: float = 0.2,
    codes: Iterable[str] | None = None,
    bound: Bound = "hi",
) -> list[RankRange]:
    """Rank range of each jurisdiction by one bound of L·(1 − λ·G) on a channel, in order of base rank.

    Parameters
    ----------
    generator
        Source of randomness; the same generator state gives the same answer.
    draws
        Number of samples, at least 1.
    spread
        Half-width of the factor, in [0, 1).
    bound
        ``hi`` as scores are ranked, ``lo`` by what is known alone.
    """
    names = sorted(codes if codes is not None else jurisdictions)

    def ranks(with_judgement: Judgement) -> dict[str, int]:
        values = exposures(jurisdictions, with_judgement, day, channels=[channel], codes=names)
        return ranked(values[channel], bound)

    base = ranks(judgement)
    sampled = [ranks(perturbed(judgement, spread, generator)) for _ in range(draws)]
    return summary(base, sampled)


def summary(base: Mapping[str, int], sampled: Sequence[Mapping[str, int]]) -> list[RankRange]:
    """Range of each over the samples, in order of base rank."""
    import numpy as np

    result = []
    for code, rank in base.items():
        found = [sample[code] for sample in sampled]
        result.append(RankRange(code, rank, min(found), float(np.median(found)), max(found)))
    return sorted(result, key=lambda item: (item.base, item.code))


def reversals(
    jurisdictions: Jurisdictions, judgement: Judgement, day: dt.date, *, spread: float = 0.2, step: float = 0.1
) -> list[Reversal]:
    """Pairs at least ``step`` apart on a bound whose order one constant, moved by ``spread`` alone, turns round."""
    base = exposures(jurisdictions, judgement, day)
    result = []
    for path in constants(judgement):
        for factor in (1 - spread, 1 + spread):
            moved = exposures(jurisdictions, with_constant(judgement, path, factor), day)
            for channel, values in base.items():
                bounds: tuple[Bound, ...] = ("hi", "lo")
                for bound in bounds:
                    before = {code: getattr(value, bound) for code, value in values.items()}
                    after = {code: getattr(value, bound) for code, value in moved[channel].items()}
                    result += [
                        Reversal(channel, bound, path, round(factor, 9), one, two)
                        for one in values
                        for two in values
                        if before[one] - before[two] >= step and after[two] - after[one] > 1e-9
                    ]
    return sorted(result)
