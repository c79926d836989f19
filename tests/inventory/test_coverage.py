"""What was asked, and when absence may be stated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import SEEN, gap, rows

from residency.inventory.coverage import coverage, coverage_of
from residency.inventory.snapshot import write_snapshot
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


UNITS = st.lists(
    st.builds(unit, st.sampled_from(UNIT_STATUSES), st.sampled_from(["eu", "us"]), st.sampled_from(["k", "l", ""])),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(UNITS, st.lists(st.builds(gap, st.sampled_from(["key", "log"]), st.sampled_from(["a", "b"])), max_size=4))
def test_counted_in_columns_and_by_hand(tmp_path_factory: pytest.TempPathFactory, units: Any, gaps: Any) -> None:
    inventory = rows(*units, *gaps).sorted()
    found = coverage(inventory["units"], inventory["gaps"])
    assert coverage_of(inventory) == found
    folder = tmp_path_factory.mktemp("s") / "k=v"
    assert coverage_of(write_snapshot(folder, inventory, {}, {})) == found
    for row in found.rows:
        for status, count in row.counts:
            assert count == sum((item.kind, item.status) == (row.kind, status) for item in inventory["units"])
    assert sum(count for _, count in found.statuses) == len(inventory["units"])
    assert sum(count for _, count in found.gaps) == len(inventory["gaps"])
