"""Ties from stores, contractors, grants and logins to countries, each in the smallest world that shows it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
import worlds
from worlds import (
    CONFIG,
    access,
    contractor,
    gap,
    grant,
    holdings,
    inputs,
    key,
    law_with_eu,
    made_up_law,
    placement,
    rows,
    store,
)

from residency.graph import ANYWHERE, build
from residency.interval import ZERO, Interval
from residency.inventory.tables import EntityRow, Rows
from residency.model import NO_PARENT, KindWords
from residency.scoring import Cell, Scores, score
from residency.trace import leaves

CHAT = {"chat_communication__content": "yes"}
DATASET = "chat/communication.content"


def scored(inventory: Rows, *names: str, **changes: Any) -> Scores:
    return score(inputs(inventory, holdings(names, **CHAT), **changes))


def value(scores: Scores, country: str, channel: Any) -> Interval:
    cell = scores.cell(DATASET, country, channel)
    return cell.value if cell else ZERO


def one(*extra: Any, location: str = "eu-berlin-1", custody: str = "none") -> Rows:
    return rows(store("a"), placement("a", location), key("a", custody), *extra)


@pytest.mark.parametrize(
    "other",
    [
        [placement("b", "eu-paris-1"), key("b")],
        [placement("b", "eu-berlin-1", "log"), key("b")],
        [placement("b", "eu-berlin-1"), key("b", "none")],
        [placement("b", "eu-berlin-1"), key("b"), key("b", "external", "JP")],
        [placement("b", "eu-berlin-1")],
        [placement("b", "eu-berlin-1"), key("b"), grant("b", "stranger")],
        [placement("b", "eu-berlin-1"), key("b"), gap("grants", "b")],
    ],
)
def test_stores_that_differ_are_not_grouped(other: list[Any]) -> None:
    inventory = rows(store("a"), placement("a", "eu-berlin-1"), key("a"), store("b"), *other)
    assert len(build(inputs(inventory, holdings(["a", "b"], **CHAT))).groups) == 2


@pytest.mark.parametrize(
    "change", [{"condition": "unknown"}, {"access": "write"}, {"external": "unknown"}, {"principal_account": "77"}]
)
def test_stores_whose_grants_differ_are_not_grouped(change: dict[str, str]) -> None:
    inventory = rows(store("a"), store("b"), grant("a", "p"), dataclasses.replace(grant("b", "p"), **change))
    assert len(build(inputs(inventory, holdings(["a", "b"], **CHAT))).groups) == 2


def test_equal_stores_are_one_group_that_names_its_members() -> None:
    names = [f"s{number}" for number in range(5)]
    inventory = rows(*(item for name in names for item in (store(name), placement(name, "twin"), key(name))))
    inventory.add(store("s1"))
    (group,) = build(inputs(inventory, holdings(names, **CHAT))).groups
    assert (group.count, group.members, group.example) == (5, tuple(names), "s0")


def test_a_store_in_a_place_is_tied_to_the_country_the_operator_and_the_owner() -> None:
    scores = scored(one(), "a")
    assert value(scores, "DE", "storage").hi == pytest.approx(95)
    assert value(scores, "DE", "operation").hi == pytest.approx(85.5)
    assert value(scores, "QZ", "control").hi > 0
    assert value(scores, "US", "control").hi > 0
    assert value(scores, "FR", "storage") == ZERO


@pytest.mark.parametrize("location", ["", "no-such-region", "global"])
def test_an_unknown_place_may_be_in_any_country(location: str) -> None:
    scores = scored(one(location=location), "a")
    assert value(scores, "QZ", "storage").hi > 0
    assert value(scores, "QZ", "storage").lo == 0
    assert value(scores, "ZZ", "storage").hi > 90


def test_who_runs_an_unknown_place_is_unknown_though_the_contract_is_known() -> None:
    assert value(scored(one(location="no-such-region"), "a"), "QZ", "operation").hi > 0
    assert value(scored(one(), "a"), "QZ", "operation") == ZERO


def test_a_provider_that_the_catalogue_does_not_know_is_tied_to_every_country() -> None:
    inventory = rows(store("a", provider="nebula"), placement("a", "x1", provider="nebula"), key("a", "none"))
    scores = scored(inventory, "a")
    for channel in ("storage", "operation", "control"):
        assert value(scores, "ZZ", channel).hi > 90


def test_a_multi_region_may_be_in_each_member_and_is_in_the_group() -> None:
    scores = scored(one(location="eu"), "a", law=law_with_eu())
    assert value(scores, "DE", "storage").hi > 0
    assert value(scores, "EU", "storage").hi > 0
    europe = CONFIG.model_copy(update={"home": "EU"})
    at_home = scored(one(location="eu"), "a", law=law_with_eu(), config=europe)
    assert {cell.jurisdiction for cell in at_home.cells} <= {"QZ", "US", "JP", "ZZ"}


@pytest.mark.parametrize(
    ("row", "lo", "hi"),
    [
        (access("maker-1", "QZ"), 1.0, 1.0),
        (access("maker-1", "QZ", denied=3), 0.0, 0.5),
        (access("maker-1", None), 0.0, 1.0),
    ],
)
def test_logins_of_a_contractor_tie_it_to_where_they_came_from(row: Any, lo: float, hi: float) -> None:
    party = contractor("maker", principals=("maker-*",))
    country = "ZZ" if row.verdict != "country" else "QZ"
    cell = scored(rows(party, row)).cell(DATASET, country, "access")
    assert cell is not None
    (path,) = cell.trace.children[3].children
    assert (path.children[1].value.lo, path.children[1].value.hi) == (lo, hi)


def test_a_login_that_no_contractor_accounts_for_may_have_opened_any_store_of_the_account() -> None:
    assert value(scored(one(access("someone", "QZ")), "a"), "QZ", "access").hi > 0
    assert value(scored(one(access("someone", "QZ", account="2")), "a"), "QZ", "access") == ZERO


def test_a_grant_to_a_contractor_reaches_where_its_staff_sit() -> None:
    party = contractor(
        "maker", staff_countries=("QZ",), principals=("maker-*",), services=(), data_classes=(), access_mode="none"
    )
    scores = scored(one(party, grant("a", "maker-7")), "a")
    assert value(scores, "QZ", "access").lo > 0


@pytest.mark.parametrize(
    ("change", "lo", "hi"),
    [({}, False, True), ({"condition": "unknown"}, False, True), ({"external": "no"}, False, False)],
)
def test_a_grant_to_a_stranger_may_reach_any_country(change: dict[str, str], lo: bool, hi: bool) -> None:
    found = value(scored(one(dataclasses.replace(grant("a", "stranger"), **change)), "a"), "QZ", "access")
    assert (found.lo > 0, found.hi > 0) == (lo, hi)


def test_a_re_entrusted_contractor_is_reached_through_the_first() -> None:
    first = contractor("first", staff_countries=("JP",))
    second = contractor("second", staff_countries=("QZ",), entrusted_by="first", access_mode="none")
    found = scored(rows(first, second))
    assert value(found, "QZ", "access").lo > 0


@pytest.mark.parametrize(
    ("fields", "country", "hi"),
    [
        ({"access_mode": "own-systems", "storage_countries": ("QZ",)}, "QZ", True),
        ({"access_mode": "own-systems"}, "QZ", True),
        ({"access_mode": "remote-plaintext"}, "QZ", False),
        ({"access_mode": "unknown"}, "QZ", True),
        ({"access_mode": "none", "storage_countries": ("QZ",)}, "QZ", False),
        ({"access_mode": "own-systems", "storage_countries": ("QZ",), "end": dt.date(2026, 1, 1)}, "QZ", False),
        ({"access_mode": "own-systems", "storage_countries": ("QZ",), "services": ("shop",)}, "QZ", False),
    ],
)
def test_what_a_contractor_keeps_itself(fields: dict[str, Any], country: str, hi: bool) -> None:
    assert (value(scored(rows(contractor("maker", **fields))), country, "storage").hi > 0) == hi


def entity(name: str, seat: str, owner: str = "", share: float | None = None) -> EntityRow:
    return EntityRow(entity_id=name, name=name.title(), seat=seat, owner_id=owner, share=share, source="owners.csv:2")


@pytest.mark.parametrize(
    ("owners", "lo", "hi"),
    [
        ([entity("maker", "JP", "parent", 1.0), entity("parent", "QZ")], False, True),
        ([entity("maker", "JP", "parent", 1.0)], False, True),  # nothing is on file about the parent
        ([entity("maker", "JP", "parent", 0.2), entity("parent", "QZ")], False, True),
        ([entity("maker", "JP", "parent", 1.0), entity("parent", "JP")], False, False),
    ],
)
def test_owners_of_a_contractor(owners: list[EntityRow], lo: bool, hi: bool) -> None:
    found = value(scored(rows(contractor("maker"), *owners)), "QZ", "control")
    assert (found.lo > 0, found.hi > 0) == (lo, hi)


def test_a_legal_person_can_be_a_contractor_and_the_parent_of_another() -> None:
    owners = [entity("maker", "JP", "parent", 1.0), entity("parent", "JP", "top", 1.0), entity("top", "QZ")]
    both = rows(contractor("maker"), contractor("parent"), *owners)
    assert (
        value(scored(both), "QZ", "control").hi
        == value(scored(rows(contractor("parent"), *owners)), "QZ", "control").hi
    )


def test_a_gap_of_listing_reaches_everywhere_a_gap_of_logs_by_access_only() -> None:
    listing, logs = scored(rows(gap("listing"))), scored(rows(gap("log")))
    assert {cell.channel for cell in listing.cells} == {"storage", "operation", "control", "access"}
    assert {cell.channel for cell in logs.cells} == {"access"}
    assert all(cell.seen == ZERO and cell.value.lo == 0 for cell in (*listing.cells, *logs.cells))


@pytest.mark.parametrize(("what", "channel"), [("grants", "access"), ("placement", "storage"), ("detail", "access")])
def test_a_gap_of_one_store(what: str, channel: str) -> None:
    assert value(scored(one(gap(what, "a")), "a"), "QZ", channel).hi > 0
    assert value(scored(one(gap("labels", "a")), "a"), "QZ", channel) == ZERO


def test_a_store_without_placement_may_be_anywhere() -> None:
    assert value(scored(rows(store("a")), "a"), "QZ", "storage").hi > 0
    assert ANYWHERE in build(inputs(rows(store("a")), holdings(["a"], **CHAT))).graph


@pytest.mark.parametrize(
    ("custody", "manager", "lo", "hi"),
    [("none", "", 1.0, 1.0), ("external", "JP", 0.6, 0.6), ("external", "DE", 0.6, 1.0), ("external", "", 0.6, 1.0)],
)
def test_what_a_key_leaves_readable(custody: str, manager: str, lo: float, hi: float) -> None:
    cell = scored(rows(store("a"), placement("a", "eu-berlin-1"), key("a", custody, manager)), "a").cell(
        DATASET, "DE", "storage"
    )
    assert cell is not None
    (path,) = cell.trace.children[3].children
    assert (path.children[2].value.lo, path.children[2].value.hi) == (lo, hi)


def test_every_leaf_of_every_trace_has_a_source_or_names_an_unknown() -> None:
    party = contractor("maker", staff_countries=("QZ",), principals=("maker-*",), storage_countries=("QZ",))
    scores = scored(one(party, access("maker-1", "QZ"), gap("listing")), "a")
    seen = [item for cell in scores.cells for item in leaves(cell.trace)]
    for item in seen:
        assert item.source or item.kind in {"constant", "unknown"} or "may be" in item.label, item
    facts = [item for item in seen if item.kind == "fact"]
    assert facts
    assert all({"file", "cite", "url", "says"} <= dict(item.source).keys() for item in facts)


def test_each_bound_has_its_own_witness() -> None:
    inventory = rows(store("may"), placement("may", "eu-berlin-1"), key("may", "none"))
    inventory.add(store("does"), placement("does", "eu-berlin-1", "log"), key("does", "none"))
    held = holdings(["may"], chat_communication__content="unknown") + holdings(["does"], **CHAT)
    law = law_with_facts_of("DE")
    cell = score(inputs(inventory, held, law=law)).cell(DATASET, "DE", "storage")
    assert cell is not None
    assert cell.witness == ("does", "may")
    (path,) = [node for node in cell.trace.children if node.label == "best path"]
    assert (path.value.lo, path.value.hi) == (0.7, 1.0)


def law_with_facts_of(code: str) -> Any:
    """The made-up law, given to another country too."""
    from residency.jurisdictions import Jurisdictions

    law = made_up_law()
    return Jurisdictions(
        {**law, code: law["QZ"].model_copy(update={"code": code})}, law.groups, law.commitments, law.words
    )


def test_what_stands_for_a_gap_is_left_out_of_seen() -> None:
    plain = worlds.rows(worlds.store("a"), worlds.placement("a", "eu-berlin-1"), worlds.key("a"))
    held = worlds.holdings(["a"], chat_communication__content="yes")
    without = score(worlds.inputs(plain, held))
    for field in ("placement", "grants", "listing"):
        gap = worlds.gap(field, "" if field == "listing" else "a")
        found = score(worlds.inputs(worlds.rows(*plain["stores"], *plain["placements"], *plain["keys"], gap), held))
        for cell in found.cells:
            plainly = without.cell(cell.dataset, cell.jurisdiction, cell.channel)
            assert cell.seen == (plainly.seen if plainly else ZERO)
            assert cell.tie == (plainly.tie if plainly else "unseen")
            assert cell.value.hi >= cell.seen.hi
        assert len(found.cells) > len(without.cells)


def test_an_unknown_place_still_shows_with_whom_the_contract_is_made() -> None:
    rows = worlds.rows(worlds.store("a"), worlds.placement("a", ""), worlds.key("a"), worlds.gap("placement", "a"))
    found = score(worlds.inputs(rows, worlds.holdings(["a"], chat_communication__content="yes")))
    cell = found.cell("chat/communication.content", "QZ", "control")
    assert cell is not None
    assert cell.tie == "seen"
    storage = found.cell("chat/communication.content", "QZ", "storage")
    assert storage is not None
    assert storage.tie == "unseen"


def test_a_grant_on_the_account_reaches_every_store_in_it() -> None:
    account = dataclasses.replace(worlds.store("settings"), kind="quasar.account.settings")
    grant = dataclasses.replace(worlds.grant("settings", "998877665544"), kind="quasar.account.settings")
    rows = worlds.rows(account, grant, worlds.store("a"), worlds.placement("a", "eu-berlin-1"), worlds.key("a"))
    held = worlds.holdings(["a"], chat_communication__content="yes")
    kinds = {"quasar.disk.volume": KindWords("data", "plaintext"), "quasar.account.settings": KindWords("control")}
    wide = kinds | {"quasar.account.settings": KindWords("control", account_wide=True)}

    def access(words: Mapping[str, KindWords]) -> list[Cell]:
        return [cell for cell in score(worlds.inputs(rows, held, kinds=words)).cells if cell.channel == "access"]

    assert not access(kinds)
    assert {cell.tie for cell in access(wide)} == {"possible"}


def test_a_bare_name_is_another_identity_in_every_account() -> None:
    rows = worlds.rows(
        worlds.store("a"),
        worlds.placement("a", "eu-berlin-1"),
        worlds.key("a"),
        worlds.store("b", account="2"),
        worlds.placement("b", "eu-berlin-1"),
        worlds.key("b"),
        worlds.access("root", "QZ", account="1"),
        worlds.access("root", "US", account="2"),
    )
    held = [
        *worlds.holdings(["a"], chat_communication__content="yes"),
        *worlds.holdings(["b"], shop_user__observed="yes"),
    ]
    found = score(worlds.inputs(rows, held))
    reached = {(cell.dataset, cell.jurisdiction) for cell in found.cells if cell.channel == "access"}
    assert ("chat/communication.content", "QZ") in reached
    assert ("shop/user.observed", "US") in reached
    assert ("chat/communication.content", "US") not in reached


@pytest.mark.parametrize("field", ["listing", "scope", "log", "placement", "grants", "key", "labels", "detail"])
def test_a_gap_of_no_store_may_hide_something_whatever_its_field(field: str) -> None:
    rows = worlds.rows(worlds.store("a"), worlds.placement("a", "eu-berlin-1"), worlds.key("a"), worlds.gap(field))
    found = score(worlds.inputs(rows, worlds.holdings(["a"], chat_communication__content="yes")))
    cell = found.cell("chat/communication.content", "US", "access")
    assert cell is not None
    assert (cell.tie, cell.value.hi > 0) == ("unseen", True)


def test_a_chain_of_owners_that_ends_without_a_word_may_lead_anywhere() -> None:
    """An empty parent cell is unknown; `none`, a named parent, and a catalogue's `top` end the chain."""

    def reaches(*more: Any) -> bool:
        graph = build(inputs(rows(contractor("desk", seat="JP", staff_countries=("JP",)), *more), [])).graph
        edges = [(tail, label["label"]) for tail, head, label in graph.edges(data=True) if head == ANYWHERE]
        return any("is not on file" in label for tail, label in edges)

    assert reaches(entity("desk", "JP"))
    assert not reaches(entity("desk", "JP", NO_PARENT))
    assert not reaches(entity("desk", "JP", "owner:acme"), entity("owner:acme", "US"))
