"""What the drivers of asset inventories share."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.collect.places import Trouble, fold, listing_gaps, pair_in, unit_of
from residency.collect.plan import UnitKey
from residency.data import DataFolders
from residency.model import COMPLETE_STATUSES, UNIT_STATUSES
from residency.providers import Providers, load_providers

ROOT = Path(__file__).resolve().parents[2]
WHEN = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
KEY = UnitKey("gcp", "p", "global", "gcp.storage.bucket")


@functools.cache
def catalogue() -> Providers:
    return load_providers(DataFolders(ROOT))


@pytest.mark.parametrize(
    ("provider", "name", "expected"),
    [
        ("gcp", "us-central1-f", ("gcp", "us-central1")),
        ("gcp", "https://www.googleapis.com/compute/v1/projects/p/zones/asia-northeast1-b", ("gcp", "asia-northeast1")),
        ("gcp-spanner", "projects/p/instanceConfigs/nam3", ("gcp-spanner", "nam3")),
        ("gcp-gcs", "asia1", ("gcp-gcs", "ASIA1")),
        ("azure", "Japan East", ("azure", "japaneast")),
        ("azure", "no such place", ("azure", "no such place")),
        ("nobody", "x", ("nobody", "x")),
    ],
)
def test_fold(provider: str, name: str, expected: tuple[str, str]) -> None:
    assert fold(catalogue(), provider, name) == expected


def test_pairs() -> None:
    pair_of = pair_in(catalogue())
    assert pair_of("azure", "Japan East") == "japanwest"
    assert pair_of("azure", "no such place") is None


@given(st.sampled_from(["azure", "gcp", "gcp-gcs"]), st.text())
def test_folding_twice_changes_nothing(provider: str, name: str) -> None:
    once = fold(catalogue(), provider, name)
    assert fold(catalogue(), *once) == once


@given(st.sampled_from(UNIT_STATUSES), st.integers(0, 9))
def test_what_hides_is_never_complete_and_always_a_gap(status: str, stores: int) -> None:
    trouble = Trouble(status, "code", "why")  # type: ignore[arg-type]
    unit = unit_of(KEY, stores, trouble, 1, WHEN, WHEN)
    gaps = list(listing_gaps(KEY, trouble, "call", WHEN))
    assert (unit.status in COMPLETE_STATUSES) == (not gaps)
    assert unit.status == status


@given(st.integers(0, 9))
def test_seen_and_empty(stores: int) -> None:
    assert unit_of(KEY, stores, None, 1, WHEN, WHEN).status == ("seen" if stores else "empty")
