"""Changes between two inventories."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import custodies, grants, locations, logins, worlds
from worlds import DAY, SEEN, access, contractor, gap, grant, key, placement, rows, store

from residency.inventory.diff import _IDENTITY, _PASSING, Change, diff
from residency.inventory.snapshot import write_snapshot
from residency.inventory.tables import TABLES, EntityRow, Rows

LATER = SEEN + dt.timedelta(days=1)


def owner(share: float, start: dt.date | None) -> EntityRow:
    return EntityRow(entity_id="c", name="C", seat="JP", owner_id="o", share=share, start=start, source="x")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [store("a")], [("stores", "added", ())]),
        ([store("a")], [], [("stores", "removed", ())]),
        ([store("a")], [dataclasses.replace(store("a"), seen_at=LATER, call="Other")], []),
        ([store("a")], [dataclasses.replace(store("a"), name="b")], [("stores", "changed", (("name", "a", "b"),))]),
        (
            [placement("a", "eu")],
            [placement("a", "twin")],
            [("placements", "removed", ()), ("placements", "added", ())],
        ),
        (
            [key("a", "none")],
            [key("a", "external", "JP")],
            [("keys", "changed", (("custody", "none", "external"), ("manager_country", "", "JP")))],
        ),
        ([grant("a", "p")], [grant("a", "p", external="no")], [("grants", "changed", (("external", "yes", "no"),))]),
        ([gap()], [dataclasses.replace(gap(), message="other words")], []),
        ([contractor("c")], [contractor("c", seat="QZ")], [("contractors", "changed", (("seat", "JP", "QZ"),))]),
        (
            [owner(0.3, DAY), owner(0.6, DAY + dt.timedelta(days=9))],
            [owner(0.4, DAY), owner(0.6, DAY + dt.timedelta(days=9))],
            [("entities", "changed", (("share", "0.3", "0.4"),))],
        ),
        ([access("p", "QZ")], [access("p", "QZ", count=9)], [("access", "changed", (("count", "3", "9"),))]),
    ],
)
def test_changes(before: list[Any], after: list[Any], expected: list[Any]) -> None:
    found = diff(rows(*before), rows(*after))
    assert sorted((change.table, change.change, change.fields) for change in found) == sorted(expected)


@settings(max_examples=25, deadline=None)
@given(worlds(), worlds())
def test_nothing_differs_from_itself_and_swapping_swaps(one: Any, two: Any) -> None:
    a, b = rows(*one.items).sorted(), rows(*two.items).sorted()
    assert diff(a, a) == []
    swap = {"added": "removed", "removed": "added", "changed": "changed"}
    forth = {(change.table, change.change, change.identity) for change in diff(a, b)}
    assert {(table, swap[change], identity) for table, change, identity in forth} == {
        (change.table, change.change, change.identity) for change in diff(b, a)
    }
    assert len(diff(Rows(), a)) <= len(one.items)


IDS = st.sampled_from(["a", "b"])
ITEMS = st.one_of(
    IDS.map(store),
    st.builds(lambda name: dataclasses.replace(store(name), name="other", seen_at=LATER), IDS),
    st.builds(placement, IDS, locations),
    st.builds(lambda name, custody, call: dataclasses.replace(key(name, custody), call=call), IDS, custodies, IDS),
    IDS.flatmap(grants),
    st.builds(gap, st.sampled_from(["key", "grants"]), IDS),
    logins,
    st.builds(owner, st.sampled_from([0.25, 0.5]), st.sampled_from([DAY, None])),
    st.builds(lambda countries: contractor("c", staff_countries=countries), st.sampled_from([("JP",), ("JP", "QZ")])),
)
ITEM_LISTS = st.lists(ITEMS, max_size=10)


def by_hand(before: Rows, after: Rows) -> list[Change]:
    """The same with sets of tuples."""
    found = []
    for table, names in _IDENTITY.items():
        values = [field.name for field in dataclasses.fields(TABLES[table]) if field.name not in {*names, *_PASSING}]
        sides: list[dict[Any, set[Any]]] = [defaultdict(set), defaultdict(set)]
        for side, inventory in zip(sides, (before, after), strict=True):
            for row in inventory[table]:
                side[tuple(getattr(row, name) for name in names)].add(tuple(getattr(row, name) for name in values))
        for identity in sides[0].keys() | sides[1].keys():
            old, new = sides[0][identity], sides[1][identity]
            gone, came = sorted(old - new), sorted(new - old)
            key = tuple(zip(names, map(str, identity), strict=True))
            for was, now in zip(gone, came, strict=False):
                differ = [item for item in zip(values, map(str, was), map(str, now), strict=True) if item[1] != item[2]]
                found.append(Change(table, "changed", key, tuple(differ)))
            said = max(len(old), len(new)) > 1
            for row in gone[len(came) :]:
                fields = tuple((name, str(value), "") for name, value in zip(values, row, strict=True) if str(value))
                found.append(Change(table, "removed", key, fields if said else ()))
            for row in came[len(gone) :]:
                fields = tuple((name, "", str(value)) for name, value in zip(values, row, strict=True) if str(value))
                found.append(Change(table, "added", key, fields if said else ()))
    tables = list(TABLES)
    return sorted(found, key=lambda item: (tables.index(item.table), item.identity, item.change, item.fields))


@settings(max_examples=40, deadline=None)
@given(ITEM_LISTS, ITEM_LISTS, st.randoms())
def test_as_by_hand_and_order_and_duplicates_change_nothing(one: list[Any], two: list[Any], chance: Any) -> None:
    before, after = rows(*one), rows(*two)
    found = diff(before, after)
    assert found == by_hand(before, after)
    mixed = [*one, *one]
    chance.shuffle(mixed)
    assert diff(rows(*mixed), after) == found
    mirrored = {"added": "removed", "removed": "added", "changed": "changed"}
    assert {(item.table, mirrored[item.change], item.identity, _turned(item)) for item in diff(after, before)} == {
        (item.table, item.change, item.identity, item.fields) for item in found
    }


def _turned(change: Change) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, new, old) for name, old, new in change.fields)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEM_LISTS, ITEM_LISTS)
def test_snapshots_differ_as_their_rows_do(
    tmp_path_factory: pytest.TempPathFactory, one: list[Any], two: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("s") / "odd [1] * ' k=v ?"
    before, after = (write_snapshot(folder / str(n), rows(*items), {}, {}) for n, items in enumerate((one, two)))
    assert diff(before, after) == diff(rows(*one), rows(*two)) == diff(before, rows(*two))
    assert diff(before, before) == []


def test_one_key_of_several_is_not_lost() -> None:
    """Two rows of one identity: the one that went is listed, with what it said."""
    both = rows(store("a"), key("a", "none"), key("a", "external", "JP"))
    one = rows(store("a"), key("a", "none"))
    (change,) = diff(both, one)
    assert (change.table, change.change, change.identity) == ("keys", "removed", (("store_id", "a"),))
    assert ("custody", "external", "") in change.fields
    assert ("manager_country", "JP", "") in change.fields
    (change,) = diff(rows(key("a", "none"), key("a", "unknown")), rows(key("a", "none"), key("a", "external")))
    assert (change.change, change.fields) == ("changed", (("custody", "unknown", "external"),))
