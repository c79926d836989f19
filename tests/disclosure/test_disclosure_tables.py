"""Which country stands on which axis of the policy, and when none may be stated."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from policy_worlds import CHAT, HOME, at_home, codes, policy_of, unit
from worlds import CONFIG, access, contractor, gap, grant, holdings, inputs, law_with_eu, placement, rows, store

from residency.disclosure.render import render_json
from residency.disclosure.tables import AXES, policy
from residency.inventory.tables import Rows

ABROAD = {"equipment", "equipment-third-party", "contractors", "storage-providers", "environment"}


def test_nothing_abroad_and_all_seen_may_be_stated() -> None:
    found = policy_of()
    assert found.gaps == ()
    assert all(block.absence and not block.rows for block in found.blocks)


@pytest.mark.parametrize(
    "extra",
    [
        [unit("denied")],
        [unit("throttled")],
        [unit("skipped")],
        [unit("failed")],
        [gap("listing")],
        [gap("scope", kind="")],
        [gap("log")],
        [gap("key", "box")],
        [gap("grants", "box")],
        [gap("placement", "box")],
        [gap("detail", "box")],
        [grant("box", "stranger")],
    ],
    ids=lambda extra: f"{type(extra[0]).__name__}-{getattr(extra[0], 'status', getattr(extra[0], 'field', ''))}",
)
def test_any_gap_forbids_a_no(extra: list[Any]) -> None:
    found = policy_of(*extra)
    assert len(found.gaps) == 1
    assert not any(block.absence for block in found.blocks)


def test_a_gap_and_its_unit_are_counted_once() -> None:
    assert len(policy_of(unit("denied", region="eu-berlin-1"), gap("listing")).gaps) == 1
    assert len(policy_of(unit("denied", region="other"), gap("listing")).gaps) == 2


def test_no_sweep_no_register_and_no_classification_forbid_a_no() -> None:
    assert policy(inputs(Rows(), ())).gaps == ("no cloud was swept", "no contractor register was read")
    loose = at_home(store("loose"), held=holdings(["box"], **CHAT))
    assert policy(loose).gaps == ("1 stores are not classified: what they hold is not known",)


@pytest.mark.parametrize("grants", [grant("box", "public"), grant("box", "own", external="no")])
def test_grants_that_entrust_nobody_forbid_nothing(grants: Any) -> None:
    kind = "public" if grants.principal == "public" else "account"
    assert policy_of(dataclasses.replace(grants, principal_kind=kind)).gaps == ()


def test_a_server_abroad_is_on_the_axis_of_equipment() -> None:
    found = policy_of(store("far"), placement("far", "eu-berlin-1"))
    (row,) = found.block("equipment").rows
    assert (row.code, row.certainty, row.services, row.roles) == ("DE", "seen", ("chat",), ("primary",))
    assert row.because == ("far: primary at eu-berlin-1 (ListVolumes)",)
    assert codes(found, "contractors") == set()
    assert codes(found, "environment") == {"DE", "QZ"}


def test_a_server_in_japan_by_a_foreign_provider_is_on_the_axis_of_providers_only() -> None:
    found = policy_of(
        dataclasses.replace(store("near"), provider="quasar"),
        dataclasses.replace(placement("near", "tokyo", provider="nippon"), provider="quasar"),
    )
    assert codes(found, "equipment") == set()
    assert codes(found, "storage-providers") == {"QZ"}
    assert not found.block("storage-providers").absence


def test_the_operator_of_a_place_is_a_provider_too() -> None:
    found = policy_of(store("far"), placement("far", "eu-berlin-1"))
    assert {(row.code, row.party) for row in found.block("storage-providers").rows} == {
        ("DE", "Quasar Data Centers GmbH"),
        ("QZ", "Quasar Holding Ltd"),
    }


def test_a_contractor_abroad_is_on_the_axis_of_contractors_only() -> None:
    found = policy_of(contractor("maker", seat="JP", staff_countries=("QZ",)))
    assert codes(found, "contractors") == {"QZ"}
    assert codes(found, "equipment") == set() == codes(found, "storage-providers")


@pytest.mark.parametrize("location", ["", "nowhere", "global"])
def test_an_unknown_place_names_the_third_party(location: str) -> None:
    found = policy_of(store("far"), placement("far", location))
    (row,) = found.block("equipment-third-party").rows
    assert (row.code, row.party) == ("ZZ", "Quasar Cloud")
    assert codes(found, "equipment") == set()


@pytest.mark.parametrize(
    ("location", "expected"), [("eu", {("EU", "seen")}), ("twin", {("DE", "seen"), ("FR", "seen")})]
)
def test_places_of_several_countries(location: str, expected: set[tuple[str, str]]) -> None:
    found = policy_of(store("far"), placement("far", location))
    assert {(row.code, row.certainty) for row in found.block("equipment").rows} == expected


def test_what_a_store_may_hold_is_possible() -> None:
    held = holdings(["box"], **CHAT) + holdings(["far"], chat_communication__content="unknown")
    (row,) = policy_of(store("far"), placement("far", "eu-berlin-1"), held=held).block("equipment").rows
    assert row.certainty == "possible"
    held = holdings(["box"], **CHAT) + holdings(["far"])
    assert policy_of(store("far"), placement("far", "eu-berlin-1"), held=held).block("equipment").rows == ()


@pytest.mark.parametrize(
    ("fields", "equipment", "third"),
    [
        ({"storage_countries": ("QZ",)}, {("QZ", "seen")}, set()),
        ({"storage_countries": ("unknown",)}, set(), {("Maker", "seen")}),
        ({"access_mode": "own-systems"}, set(), {("Maker", "seen")}),
        ({"access_mode": "unknown"}, set(), {("Maker", "possible")}),
        ({"access_mode": "remote-plaintext"}, set(), set()),
    ],
)
def test_where_a_contractor_keeps_data(fields: dict[str, Any], equipment: set[Any], third: set[Any]) -> None:
    found = policy_of(contractor("maker", **fields))
    assert {(row.code, row.certainty) for row in found.block("equipment").rows} == equipment
    assert {(row.party, row.certainty) for row in found.block("equipment-third-party").rows} == third


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (access("maker-1", "QZ"), {("QZ", "seen")}),
        (access("maker-1", "QZ", denied=3), {("QZ", "possible")}),
        (access("maker-1", None), {("ZZ", "possible")}),
        (access("own-1", "QZ"), set()),
    ],
)
def test_logins_of_contractors(row: Any, expected: set[Any]) -> None:
    found = policy_of(contractor("maker", principals=("maker-*", "")), row)
    assert {(item.code, item.certainty) for item in found.block("contractors").rows} == expected


def test_contractors_that_do_not_count() -> None:
    assert codes(policy_of(contractor("maker", seat="QZ", access_mode="none")), "contractors") == set()
    assert codes(policy_of(contractor("maker", seat="QZ", end=policy_of().as_of)), "contractors") == set()
    below = contractor("maker", seat="QZ", entrusted_by="helper")
    assert codes(policy_of(below), "contractors") == {"QZ"}
    hidden = CONFIG.model_copy(update={"show_subcontractors": False})
    assert codes(policy_of(below, config=hidden), "contractors") == set()
    assert codes(policy_of(contractor("maker", seat="unknown", staff_countries=())), "contractors") == {"ZZ"}


def test_home_may_be_a_group() -> None:
    europe = CONFIG.model_copy(update={"home": "EU"})
    found = policy_of(store("far"), placement("far", "eu"), law=law_with_eu(), config=europe)
    assert codes(found, "equipment") == {"JP"}
    assert "DE" not in codes(found, "storage-providers")


def test_what_the_law_file_says_and_what_is_not_on_file() -> None:
    found = policy_of(contractor("maker", seat="QZ", staff_countries=("FR",)))
    rows_of = {row.code: row for row in found.block("contractors").rows}
    assert rows_of["QZ"].system == "yes"
    assert rows_of["QZ"].links == ("https://law.example/qz/2019/12",)
    assert (rows_of["FR"].system, rows_of["FR"].summary_ja, rows_of["FR"].links) == ("unknown", "", ())


def test_reasons_are_five_examples_and_a_count() -> None:
    many = [item for n in range(8) for item in (store(f"far{n}"), placement(f"far{n}", "eu-berlin-1"))]
    (row,) = policy_of(*many).block("equipment").rows
    assert len(row.because) == 6
    assert row.because[-1] == "and 3 more"


def test_json_is_the_same_bytes_and_says_whether_it_is_complete() -> None:
    found = policy_of(gap("listing"))
    assert render_json(found) == render_json(found)
    data = json.loads(render_json(found))
    assert data["complete"] is False
    assert set(data["axes"]) == set(AXES) == ABROAD
    assert not any(axis["absence_may_be_stated"] for axis in data["axes"].values())


def test_an_unknown_provider_is_a_third_party_somewhere() -> None:
    inventory = rows(unit(), HOME, store("far", provider="nebula"))
    inventory.add(dataclasses.replace(placement("far", "x", provider="nebula"), provider="nebula"))
    found = policy(inputs(inventory, holdings(["far"], **CHAT)))
    assert {(row.code, row.party) for row in found.block("storage-providers").rows} == {("ZZ", "nebula")}
