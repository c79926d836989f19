"""Grants to accounts of vendors, and names of the register that the catalogue knows more about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from vendor_world import VENDOR
from worlds import contractor, grant, holdings, inputs, key, placement, rows, store

from residency.graph import Inputs, build
from residency.interval import ZERO, Interval
from residency.inventory.tables import EntityRow, Grant, Rows
from residency.known_accounts import KnownAccount
from residency.model import Channel
from residency.scoring import score
from residency.vendors import Vendor, Vendors
from residency.yamlfile import parse

DATASET = "chat/communication.content"
ACCOUNT = "210987654321"


def comet(*edits: tuple[str, str]) -> Vendors:
    text = VENDOR
    for old, new in (("    seat: US", "    seat: QZ"), *edits):
        assert old in text, old
        text = text.replace(old, new, 1)
    return Vendors({"comet": Vendor.model_validate(parse(text).data)})


def to_account(account: str = ACCOUNT, **fields: Any) -> Grant:
    return dataclasses.replace(
        grant("a", f"arn:aws:iam::{account}:root"), provider="aws", principal_account=account, **fields
    )


def world(*extra: Any, vendors: Vendors | None = None, known: Mapping[str, KnownAccount] | None = None) -> Inputs:
    inventory: Rows = rows(store("a"), placement("a", "eu-berlin-1"), key("a", "none"), *extra)
    plain = inputs(inventory, holdings(["a"], chat_communication__content="yes"))
    return dataclasses.replace(plain, vendors=vendors or Vendors({}), known=known or {})


def value(found: Inputs, country: str, channel: Channel) -> Interval:
    cell = score(found).cell(DATASET, country, channel)
    return cell.value if cell else ZERO


def labels(found: Inputs) -> list[str]:
    return [tie.label for group in build(found).groups for tie in group.ties]


def test_an_account_of_a_vendor_is_tied_to_its_company_for_our_country() -> None:
    found = world(to_account(), vendors=comet())
    heads = {head for _, head, *_ in build(found).graph.edges}
    assert ("entity", "comet-kk") in heads
    assert ("owner", "comet-inc") in heads
    assert value(found, "QZ", "control").hi > value(world(to_account()), "QZ", "control").hi
    assert f"read granted to Comet K.K. (arn:aws:iam::{ACCOUNT}:root)" in labels(found)
    assert f"read granted to arn:aws:iam::{ACCOUNT}:root (Comet Desk)" in labels(found)


def test_the_seat_and_staff_of_a_vendor_are_certain_ways_and_anywhere_stays_possible() -> None:
    vendors = comet(("    seat: JP", "    seat: QZ"))
    before, after = world(to_account()), world(to_account(), vendors=vendors)
    assert value(before, "QZ", "access").lo == 0
    assert value(after, "QZ", "access").lo > 0
    for country in ("QZ", "DE", "ZZ"):
        assert value(after, country, "access").hi >= value(before, country, "access").hi
    staffed = world(to_account(), vendors=comet(("[US, VN]", "[QZ, EU]\n    partial: true")))
    assert value(staffed, "QZ", "access").lo > 0


def test_what_a_list_says_is_never_certain() -> None:
    vendors = comet(("    seat: JP", "    seat: QZ"))
    known = {"100000000001": KnownAccount(name="Comet", vendor="comet")}
    found = world(to_account("100000000001"), vendors=vendors, known=known)
    assert value(found, "QZ", "access").lo == 0
    assert value(found, "QZ", "control").hi > value(world(to_account("100000000001")), "QZ", "control").hi
    assert "read granted to arn:aws:iam::100000000001:root (Comet, after a list)" in labels(found)


def test_a_name_without_a_vendor_is_shown_and_changes_no_score() -> None:
    known = {"100000000001": KnownAccount(name="Meteor")}
    found, plain = world(to_account("100000000001"), known=known), world(to_account("100000000001"))
    assert "read granted to arn:aws:iam::100000000001:root (Meteor, after a list)" in labels(found)
    for channel in ("storage", "operation", "control", "access"):
        assert value(found, "QZ", channel) == value(plain, "QZ", channel)


@pytest.mark.parametrize("fields", [{"provider": "gcp"}, {"external": "no"}])
def test_accounts_of_other_clouds_and_our_own_are_nobodys(fields: dict[str, Any]) -> None:
    row = dataclasses.replace(to_account(), **fields)
    assert not any("Comet" in label for label in labels(world(row, vendors=comet())))


def test_an_entry_of_the_register_goes_before_the_catalogue() -> None:
    party = contractor("maker", principals=(ACCOUNT,), access_mode="none")
    found = labels(world(to_account(), party, vendors=comet()))
    assert any("granted to Maker" in label for label in found)
    assert not any("Comet" in label for label in found)


# names of the register


def entity(key: str, name: str, seat: str, owner: str = "") -> EntityRow:
    return EntityRow(entity_id=key, name=name, seat=seat, owner_id=owner, source="register.csv:2")


def test_the_chain_above_a_parent_of_the_register_comes_from_the_catalogue() -> None:
    parent = (entity("desk", "Desk Ltd", "JP", "owner:comet"), entity("owner:comet", "COMET K.K.", "JP"))
    register = (contractor("desk", access_mode="remote-plaintext"), *parent)
    plain = inputs(rows(*register), holdings([]))
    found = dataclasses.replace(plain, vendors=comet())
    assert ("owner", "comet-inc") in set(build(found).graph.nodes) - set(build(plain).graph.nodes)
    assert value(plain, "QZ", "control") == ZERO
    assert value(found, "QZ", "control").hi > 0


def test_a_contractor_of_the_catalogue_keeps_the_owners_it_was_given() -> None:
    register = (
        contractor("c", access_mode="remote-plaintext"),
        entity("c", "Comet K.K.", "JP", "owner:x"),
        entity("owner:x", "X", "QZ"),
    )
    vendors = comet(("seat: QZ", "seat: US"))
    nodes = set(build(world(*register, vendors=vendors)).graph.nodes)
    assert {("owner", "owner:x"), ("owner", "comet-inc"), ("country", "IE")} <= nodes


def test_another_name_changes_nothing() -> None:
    register = (contractor("c"), entity("c", "Comets K.K.", "JP"))
    assert set(build(world(*register)).graph.edges) == set(build(world(*register, vendors=comet())).graph.edges)
