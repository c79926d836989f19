"""What-if: the same inventory with one thing otherwise; rows are never edited."""

from __future__ import annotations

from typing import Any

import pytest
import worlds

from residency.errors import InputError
from residency.graph import Inputs
from residency.interval import ZERO
from residency.whatif import compare, move, set_custody, what_if, without_contractor, without_copies


def _world(**fields: Any) -> Inputs:
    rows = worlds.rows(
        worlds.store("a"),
        worlds.placement("a", "eu-berlin-1"),
        worlds.placement("a", "eu-paris-1", "replica"),
        worlds.key("a"),
        worlds.contractor("desk", seat="QZ", staff_countries=("QZ",)),
        worlds.contractor("below", seat="US", staff_countries=("US",), entrusted_by="desk"),
    )
    return worlds.inputs(rows, worlds.holdings(["a"], chat_communication__content="yes"), **fields)


def test_moving_a_store_ends_its_old_places_and_begins_the_new_one() -> None:
    inputs = _world()
    before = [list(rows) for rows in inputs.rows.tables.values()]
    old, new = what_if(inputs, [move("a", "quasar", "eu-paris-1")])
    assert [list(rows) for rows in inputs.rows.tables.values()] == before
    assert old.cell("chat/communication.content", "DE", "storage") is not None
    assert new.cell("chat/communication.content", "DE", "storage") is None
    assert new.cell("chat/communication.content", "FR", "storage") is not None


def test_dropping_copies_leaves_the_primary_place() -> None:
    _, new = what_if(_world(), [without_copies("a")])
    assert new.cell("chat/communication.content", "FR", "storage") is None
    assert new.cell("chat/communication.content", "DE", "storage") is not None


@pytest.mark.parametrize("rows", ["with", "without"])
def test_another_custody_counts_even_where_none_was_recorded(rows: str) -> None:
    inputs = _world()
    if rows == "without":
        inputs.rows["keys"].clear()
    old, new = what_if(inputs, [set_custody("a", "external", "JP")])
    a, b = (scores.cell("chat/communication.content", "QZ", "control") for scores in (old, new))
    assert a is not None
    assert b is not None
    assert b.seen.hi < a.seen.hi


def test_dropping_a_contractor_drops_those_below_it() -> None:
    old, new = what_if(_world(), [without_contractor("desk")])
    assert any(cell.channel == "access" for cell in old.cells)
    assert not any(cell.channel == "access" for cell in new.cells)
    deltas = compare(old, new)
    assert {item.jurisdiction for item in deltas} >= {"QZ", "US"}
    assert all(item.after.hi <= item.before.hi for item in deltas)
    assert [item.after.hi - item.before.hi for item in deltas] == sorted(
        item.after.hi - item.before.hi for item in deltas
    )


def test_both_sides_score_the_same_jurisdictions() -> None:
    """A country that only one side reaches by name is still covered by what is unbounded on the other."""
    rows = worlds.rows(worlds.store("a"), worlds.placement("a", "eu-paris-1"), worlds.key("a"), worlds.gap())
    inputs = worlds.inputs(rows, worlds.holdings(["a"], chat_communication__content="yes"))
    old, new = what_if(inputs, [move("a", "quasar", "eu-berlin-1")])
    assert old.world.universe == new.world.universe
    moved = {(item.dataset, item.jurisdiction): item for item in compare(old, new, seen=False)}
    fallen = moved.get(("chat/communication.content", "FR"))
    assert fallen is None or fallen.after != ZERO


@pytest.mark.parametrize(
    "edit",
    [
        move("nothing", "quasar", "eu-paris-1"),
        without_copies("nothing"),
        set_custody("nothing", "none"),
        without_contractor("nobody"),
    ],
)
def test_what_is_not_there_cannot_be_otherwise(edit: Any) -> None:
    with pytest.raises(InputError, match="whatif: no "):
        what_if(_world(), [edit])


def test_unknown_custody_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="there are provider-managed"):
        set_custody("a", "lost")  # type: ignore[arg-type]
