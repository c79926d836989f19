"""What was asked, and when absence may be stated."""

from __future__ import annotations

from typing import Any

import pytest
from worlds import SEEN, gap

from residency.inventory.coverage import coverage
from residency.inventory.tables import Unit
from residency.model import UNIT_STATUSES


def unit(status: Any, region: str = "eu", kind: str = "k") -> Unit:
    return Unit(
        provider="quasar", account="1", region=region, kind=kind, status=status, started_at=SEEN, finished_at=SEEN
    )


@pytest.mark.parametrize("status", UNIT_STATUSES)
def test_only_what_hides_nothing_is_complete(status: Any) -> None:
    hides = status in {"denied", "throttled", "skipped", "failed"}
    assert coverage([unit("seen"), unit(status, "us")], []).complete is not hides


def test_nothing_asked_is_not_complete() -> None:
    assert not coverage([], []).complete


def test_any_gap_is_incomplete() -> None:
    found = coverage([unit("seen")], [gap("key", "a")])
    assert (found.complete, found.gaps) == (False, (("denied", 1),))


def test_counts() -> None:
    found = coverage([unit("seen"), unit("denied", "us"), unit("seen", "ap"), unit("empty", kind="l")], [])
    assert [(row.kind, row.counts, row.complete) for row in found.rows] == [
        ("k", (("seen", 2), ("denied", 1)), False),
        ("l", (("empty", 1),), True),
    ]
    assert found.statuses == (("seen", 2), ("empty", 1), ("denied", 1))
