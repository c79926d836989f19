"""Changes between two inventories."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import worlds
from worlds import DAY, SEEN, access, contractor, gap, grant, key, placement, rows, store

from residency.inventory.diff import diff
from residency.inventory.tables import EntityRow, Rows

LATER = SEEN + dt.timedelta(days=1)


def owner(share: float, start: dt.date) -> EntityRow:
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
