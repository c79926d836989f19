"""Intervals, traces, days, the two catalogues: the ground everything else stands on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import DAY, gap, holdings, inputs, key, made_up_providers, placement, rows, store

from residency.countries import country_names, load_countries
from residency.dates import in_force, overlaps, parse_day
from residency.entities import owners_of
from residency.errors import ConfigError, CredentialsError, Fault, FaultsError, IncompleteError, StorageError
from residency.interval import ONE, UNKNOWN, ZERO, Interval, geometric_mean, hull, maximum, product
from residency.jurisdictions import Validity
from residency.providers import open_on
from residency.scoring import score
from residency.trace import combine, leaf, replay

unit = st.floats(0, 1)
intervals = st.tuples(unit, unit).map(lambda pair: Interval(min(pair), max(pair)))


@given(st.lists(intervals, min_size=1, max_size=4), st.data())
def test_operations_hold_whatever_the_operands_hold(items: list[Interval], data: st.DataObject) -> None:
    points = [Interval.point(data.draw(st.floats(item.lo, item.hi))) for item in items]
    weights = [data.draw(st.floats(0.1, 2)) for _ in items]
    for operation in (product, maximum, hull, lambda some: geometric_mean(some, weights)):
        assert operation(items).contains(operation(points), 1e-9)
    assert items[0].complement().contains(points[0].complement())


@pytest.mark.parametrize("bounds", [(1, 0), (float("nan"), 1), (0, float("inf"))])
def test_what_is_no_interval(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Interval(*bounds)


def test_edges_of_operations() -> None:
    assert (product([]), maximum([])) == (ONE, ZERO)
    assert geometric_mean([ZERO, ONE], [1, 1]) == ZERO
    assert (str(Interval(0.25, 0.5)), str(ONE), UNKNOWN.width) == ("[0.25, 0.5]", "1", 1.0)
    with pytest.raises(ValueError, match="hull of nothing"):
        hull([])
    for items, weights in (([], []), ([ONE], [0.0]), ([ONE], [1.0, 1.0])):
        with pytest.raises(ValueError, match="as many positive weights"):
            geometric_mean(items, weights)


def test_a_trace_that_is_no_operation() -> None:
    with pytest.raises(ValueError, match="not an operation"):
        combine("guess", "x", [leaf("row", "y", ONE)])  # type: ignore[arg-type]
    node = combine("complement", "x", [leaf("row", "y", ONE)], [0.5])
    assert replay(node) == Interval.point(0.5)


@pytest.mark.parametrize(("text", "good"), [("2026-11-23", True), ("23.11.2026", False), ("2026-02-30", False)])
def test_days(text: str, good: bool) -> None:
    if good:
        assert parse_day(text) == dt.date(2026, 11, 23)
        return
    with pytest.raises(ConfigError, match=f"--as-of: '{text}' is not a day; write it as YYYY-MM-DD"):
        parse_day(text, "--as-of")


@pytest.mark.parametrize(("offset", "expected"), [(-1, False), (0, True), (9, True), (10, False)])
def test_periods_are_half_open(offset: int, expected: bool) -> None:
    period = Validity.model_validate({"from": DAY, "to": DAY + dt.timedelta(days=10)})
    assert in_force(period, DAY + dt.timedelta(days=offset)) is expected


def test_overlaps() -> None:
    def period(start: str, end: str | None = None) -> Validity:
        return Validity.model_validate({"from": start, "to": end})

    one, two, three = period("2020-01-01", "2021-01-01"), period("2021-01-01"), period("2020-06-01", "2020-07-01")
    assert overlaps([two, one]) == []
    assert overlaps([two, one, three]) == [(one, three)]
    assert len(overlaps([two, two])) == 1


def test_errors_say_where_and_end_with_their_code() -> None:
    faults = [Fault("b.yaml", 3, "x", "r"), Fault("a.yaml", 0, "y"), Fault("b.yaml", 3, "x", "r")]
    assert str(FaultsError(faults)) == "a.yaml: y [schema]\nb.yaml:3: x [r]"
    assert (FaultsError.exit_code, CredentialsError.exit_code, IncompleteError.exit_code) == (2, 2, 3)
    assert "free space or choose another folder" in str(StorageError("x", "full"))


def test_names_of_countries() -> None:
    assert len(load_countries().keys() - {"XK"}) == 249  # Kosovo has a user-assigned code only
    assert country_names("ja")["DE"] == "ドイツ"


@pytest.mark.parametrize(
    ("provider", "name", "countries", "known"),
    [
        ("quasar", "eu-berlin-1", {"DE"}, True),
        ("quasar", "eu-berlin-1b", {"DE"}, True),
        ("quasar", "europe", {"EU"}, True),
        ("quasar", "global", {"ZZ"}, True),
        ("quasar", "mars-1", {"ZZ"}, False),
        ("quasar", "", {"ZZ"}, False),
        ("quasar", None, {"ZZ"}, False),
        ("nebula", "eu-berlin-1", {"ZZ"}, False),
    ],
)
def test_locate(provider: str, name: str | None, countries: set[str], known: bool) -> None:
    found = made_up_providers().locate(provider, name)
    assert (set(found.countries), found.known, found.bounded) == (countries, known, "ZZ" not in countries)


def test_regions_and_owners() -> None:
    catalogue = made_up_providers()
    region = catalogue.find("quasar", "eu-paris-1")
    assert region is not None
    assert not open_on(region, dt.date(2019, 4, 30))
    assert open_on(region, DAY)
    assert [step.parent for step in owners_of(catalogue.entities, "quasar-dc", DAY)] == ["quasar-holding"]
    assert list(owners_of(catalogue.entities, "quasar-dc", dt.date(2017, 1, 1))) == []
    assert catalogue.root("quasar").id == "quasar"


def test_maxima_bands_and_frames() -> None:
    inventory = rows(store("a"), placement("a", "eu-berlin-1"), key("a", "none"), gap())
    scores = score(inputs(inventory, holdings(["a"], chat_communication__content="yes")))
    assert scores.by_jurisdiction["ZZ"].hi == max(value.hi for value in scores.by_jurisdiction.values())
    assert scores.seen_by_jurisdiction["DE"].hi <= scores.by_jurisdiction["DE"].hi
    assert scores.by_dataset["chat/communication.content"].hi == max(
        value.hi for value in scores.by_jurisdiction.values()
    )
    assert scores.by_pair["chat/communication.content", "DE"] == scores.by_jurisdiction["DE"]
    frame = scores.to_pandas()
    assert len(frame) == len(scores.cells)
    assert set(frame["band"]) <= {"low", "moderate", "elevated", "high"}
    assert scores.top("DE", "chat/communication.content")[0].channel == "storage"
    assert scores.cell("chat/communication.content", "JP", "storage") is None
    empty: Any = score(inputs(rows(), ()))
    assert list(empty.to_pandas().columns) == list(frame.columns)
