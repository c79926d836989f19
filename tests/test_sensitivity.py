"""Rank ranges: reproducible, complete, and wider when the numbers move more."""

from __future__ import annotations

import numpy as np
import pytest
import worlds

from residency.method.judgement import load_judgement
from residency.model import CHANNELS
from residency.sensitivity import perturbed, rank_ranges


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
    """China stays among the three highest for access, Japan among the three lowest for storage."""
    law = worlds.real_law()
    judgement = load_judgement()
    access = {i.code: i for i in rank_ranges(law, judgement, "access", worlds.DAY, np.random.default_rng(5), draws=40)}
    storage = {
        i.code: i for i in rank_ranges(law, judgement, "storage", worlds.DAY, np.random.default_rng(5), draws=40)
    }
    assert access["CN"].high <= len(law) // 2
    assert storage["JP"].low >= len(law) - 3
