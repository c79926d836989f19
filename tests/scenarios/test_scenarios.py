"""Reference scenarios with the real catalogues: the order of exposure that every method version must keep."""

from __future__ import annotations

import datetime as dt
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from worlds import access, contractor, holdings, inputs, key, placement, real_law, rows, store

from residency.data import data_folders
from residency.interval import ZERO, Interval
from residency.jurisdictions import Jurisdictions
from residency.model import KindWords
from residency.providers import Providers, load_providers
from residency.scoring import Scores, score
from residency.yamlfile import load

HERE = Path(__file__).parent
DAY = dt.date(2026, 12, 1)
DATASET = "chat/communication.content"
STEPS: list[list[dict[str, Any]]] = [
    [{**step, "id": f"{step['id']}-{name}", "place": place} for name, place in step["places"].items()]
    if "places" in step
    else [step]
    for step in load(HERE / "scenarios.yaml").data["order"]
]
SCENARIOS = [scenario for step in STEPS for scenario in step]
PAIRS = [(one, two) for lower, higher in pairwise(STEPS) for one in lower for two in higher]


@cache
def law() -> Jurisdictions:
    return real_law()


@cache
def providers() -> Providers:
    return load_providers(data_folders(HERE / "overlay"))


@cache
def scored(name: str) -> Scores:
    scenario = next(item for item in SCENARIOS if item["id"] == name)
    provider, location = scenario["place"]
    inventory = rows(
        store("box", provider=provider, kind="x.disk.volume"),
        placement("box", location, provider=provider),
        key("box", scenario["custody"], scenario.get("manager_country", "")),
    )
    if party := scenario.get("contractor"):
        inventory.add(
            contractor("maker", seat=party["seat"], staff_countries=tuple(party["staff"]), principals=("maker-*",)),
            *(access("maker-engineer", country) for country in party["staff"]),
        )
    held = holdings(["box"], chat_communication__content="yes")
    kinds = {"x.disk.volume": KindWords("data", "plaintext")}
    return score(inputs(inventory, held, law=law(), providers=providers(), kinds=kinds, as_of=DAY))


def exposure(name: str) -> Interval:
    return scored(name).by_dataset.get(DATASET, ZERO)


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{one['id']}{one['below']}{two['id']}" for one, two in PAIRS])
def test_order(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, two = pair
    lower, higher = exposure(one["id"]), exposure(two["id"])
    assert lower.lo <= higher.lo
    assert lower.hi <= higher.hi
    if one["below"] == "<":
        assert lower != higher


@pytest.mark.parametrize(
    ("name", "jurisdiction", "channel"),
    [
        ("japan-us-cloud-external-keys-in-japan", "US", "control"),
        ("japan-us-cloud-provider-keys", "US", "control"),
        ("eu-member-state-same-cloud-ireland", "IE", "storage"),
        ("eu-member-state-same-cloud-germany", "US", "control"),
        ("japan-opened-from-china", "CN", "access"),
        ("stored-in-china", "CN", "storage"),
    ],
)
def test_what_decides(name: str, jurisdiction: str, channel: str) -> None:
    highest = max(scored(name).cells, key=lambda cell: (cell.value.hi, cell.value.lo))
    assert (highest.jurisdiction, highest.channel) == (jurisdiction, channel)


@pytest.mark.parametrize("name", ["ireland", "germany", "france"])
def test_a_member_state_adds_its_own_law_to_that_of_the_owner(name: str) -> None:
    scores, japan = scored(f"eu-member-state-same-cloud-{name}"), scored("japan-us-cloud-provider-keys")
    code = {"ireland": "IE", "germany": "DE", "france": "FR"}[name]
    assert scores.by_jurisdiction["US"] == japan.by_jurisdiction["US"]
    assert scores.by_jurisdiction[code].lo > japan.by_jurisdiction["US"].lo
    assert code not in japan.by_jurisdiction


def test_japan_by_a_japanese_operator_is_exposed_to_nobody_abroad() -> None:
    assert exposure("japan-japanese-operator") == ZERO
