"""How much of an order is judgement: ranks of jurisdictions when every number of the rubric is perturbed.

Follows OECD/JRC, *Handbook on Constructing Composite Indicators* (2008), step 7: uncertainty analysis by sampling all
uncertain inputs together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.jurisdictions import Jurisdictions
from residency.method.judgement import Judgement
from residency.model import Channel
from residency.rubric import legal_power, safeguards

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RankRange", "perturbed", "rank_ranges"]


@dataclass(frozen=True, slots=True)
class RankRange:
    """Where a jurisdiction ranks over all draws; 1 is the highest exposure. ``base`` is the unperturbed rank."""

    code: str
    base: int
    low: int
    median: float
    high: int


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
    total, before = sum(weights.values()), sum(item["value"] for item in grades["power"]["weights"].values())
    for name, value in weights.items():
        grades["power"]["weights"][name]["value"] = min(1.0, value * before / total)
    shake(grades["safeguard"]["values"])
    for words in grades["safeguard"]["attributes"].values():
        shake(words)
    shake(grades["safeguard"]["commitments"])
    for item in grades["safeguard"]["weights"].values():
        item["value"] = min(1.0, max(1e-6, item["value"] * factor()))
    cap = data["strengths"]["constants"]["safeguard_cap"]
    cap["value"] = min(1.0, cap["value"] * factor())
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
) -> list[RankRange]:
    """Rank range of each jurisdiction by L·(1 − λ·G) on a channel, in order of base rank.

    Parameters
    ----------
    generator
        Source of randomness; the same generator state gives the same answer.
    draws
        Number of samples, at least 1.
    spread
        Half-width of the factor, in [0, 1).
    """
    import numpy as np

    names = sorted(codes if codes is not None else jurisdictions)

    def ranks(with_judgement: Judgement) -> list[int]:
        cap = with_judgement.strengths.constants["safeguard_cap"].value
        values = []
        for code in names:
            power = legal_power(jurisdictions.get(code), code, channel, with_judgement, day).value
            guard = safeguards(jurisdictions.get(code), code, with_judgement, day).value
            values.append((power.hi * (1 - cap * guard.lo), power.lo * (1 - cap * guard.hi)))
        return [1 + sum(other > value for other in values) for value in values]

    base = ranks(judgement)
    sampled = np.array([ranks(perturbed(judgement, spread, generator)) for _ in range(draws)])
    result = [
        RankRange(code, base[i], int(sampled[:, i].min()), float(np.median(sampled[:, i])), int(sampled[:, i].max()))
        for i, code in enumerate(names)
    ]
    return sorted(result, key=lambda item: (item.base, item.code))
