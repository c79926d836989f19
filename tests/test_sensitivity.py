"""Rank ranges: reproducible, complete, and wider when the numbers move more."""

from __future__ import annotations

import numpy as np
import pytest
import worlds

from residency.data import data_folders
from residency.interval import Interval
from residency.jurisdictions import load_jurisdictions
from residency.method.facts import load_fact_words
from residency.method.judgement import load_judgement
from residency.model import CHANNELS
from residency.sensitivity import (
    Bound,
    RankRange,
    constants,
    perturbed,
    rank_ranges,
    ranked,
    reversals,
    settled,
    with_constant,
)


def test_nothing_moves_without_a_spread() -> None:
    law = worlds.real_law()
    for item in rank_ranges(
        law, load_judgement(), "storage", worlds.DAY, np.random.default_rng(1), draws=3, spread=0.0
    ):
        assert item.low == item.base == item.high == item.median


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_country_has_a_range_around_its_rank(channel: str) -> None:
    law = worlds.real_law()

    def ranges(seed: int) -> list[object]:
        generator = np.random.default_rng(seed)
        return list(rank_ranges(law, load_judgement(), channel, worlds.DAY, generator, draws=15))  # type: ignore[arg-type]

    found = ranges(7)
    assert found == ranges(7)
    assert {item.code for item in found} == set(law)  # type: ignore[attr-defined]
    for item in found:
        assert 1 <= item.low <= item.median <= item.high <= len(law)  # type: ignore[attr-defined]


def test_the_weights_of_a_power_keep_their_sum() -> None:
    judgement = load_judgement()
    moved = perturbed(judgement, 0.2, np.random.default_rng(3))
    assert moved != judgement
    total = sum(item.value for item in moved.grades.power.weights.values())
    assert total == pytest.approx(sum(item.value for item in judgement.grades.power.weights.values()))


def test_no_rank_is_the_work_of_one_draw() -> None:
    """By what is known, China stays among the five highest for access; by what may not be denied, Japan stays lowest.

    The upper bound does not put China first: whatever is unknown of a country counts there in full.
    """
    law = worlds.real_law()
    judgement = load_judgement()

    def ranges(bound: Bound) -> dict[str, RankRange]:
        generator = np.random.default_rng(5)
        found = rank_ranges(law, judgement, "access", worlds.DAY, generator, draws=40, bound=bound)
        return {item.code: item for item in found}

    assert ranges("lo")["CN"].high <= 5
    assert ranges("hi")["JP"].low >= len(law) - 3


def test_settled_ranks_hold_whatever_the_unknowns_turn_out_to_be() -> None:
    values = {"QA": Interval(0.6, 0.8), "QB": Interval(0.0, 1.0), "QC": Interval(0.1, 0.2), "QD": Interval(0.2, 0.3)}
    assert settled(values) == {"QA": (1, 2), "QB": (1, 4), "QC": (2, 4), "QD": (2, 4)}
    assert ranked(values, "hi") == {"QA": 2, "QB": 1, "QC": 4, "QD": 3}
    assert ranked(values, "lo") == {"QA": 1, "QB": 4, "QC": 3, "QD": 2}


def test_one_constant_moves_alone_and_weights_keep_their_sum() -> None:
    judgement = load_judgement()
    before = judgement.grades.power.weights
    after = with_constant(judgement, "grades/power/weights/scope/value", 1.2).grades.power.weights
    assert sum(item.value for item in after.values()) == pytest.approx(sum(item.value for item in before.values()))
    assert after["scope"].value > before["scope"].value
    assert after["secrecy"].value < before["secrecy"].value
    moved = with_constant(judgement, "grades/safeguard/weights/safeguard.redress/value", 0.8).grades
    assert moved.safeguard.weights["safeguard.redress"].value == pytest.approx(0.8)
    assert moved.power == judgement.grades.power
    for path in constants(judgement):
        assert with_constant(judgement, path, 0.8) != judgement


def test_only_what_is_near_changes_places_by_one_constant() -> None:
    law = load_jurisdictions(data_folders(), load_fact_words(), only=("JP", "CN", "US", "GB"))
    assert reversals(law, load_judgement(), worlds.DAY, step=0.0) != []
    assert reversals(law, load_judgement(), worlds.DAY, step=0.2) == []
