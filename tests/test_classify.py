"""What a store holds: the order of precedence, one table."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from worlds import CONFIG, store

from residency.classify import classify
from residency.config import Config
from residency.inventory.tables import Label

CONTENT, PROVIDED, OBSERVED = "chat/communication.content", "chat/user.provided", "shop/user.observed"
NAMED = {"match": {"store": "arn:a"}, "service": "shop"}
BY_NAME = {"match": {"name": "log-*"}, "service": "chat", "classes": ["user.provided"]}
NOTHING = {"match": {"tag": {"env": "test*"}}, "holds": "nothing", "reason": "made-up users only"}
BY_CLASS = {"match": {"kind": "quasar.*", "provider": "quasar", "account": "1"}, "classes": ["user.observed"]}


def config(*rules: Any) -> Config:
    return Config.model_validate({**CONFIG.model_dump(exclude={"method"}), "classification": {"rules": list(rules)}})


def labels(**tags: str) -> list[Label]:
    item = store("arn:a")
    origin = {name: getattr(item, name) for name in ("provider", "account", "region", "kind", "call", "seen_at")}
    return [Label(**origin, store_id="arn:a", key=key.replace("__", ":"), value=value) for key, value in tags.items()]


@pytest.mark.parametrize(
    ("rules", "tags", "held", "evidence"),
    [
        ([], {}, "???", "no rule decides"),
        ([BY_NAME], {}, "nyn", "classification.rules[0]: name log-*"),
        ([BY_NAME, NAMED], {}, "nn?", "classification.rules[1] names the store"),
        ([NAMED], {"residency__service": "chat"}, "nn?", "classification.rules[0] names the store"),
        ([BY_NAME], {"residency__service": "shop"}, "nn?", "tag residency:service=shop"),
        ([BY_NAME], {"residency__class": "communication.content"}, "?nn", "tag residency:class=communication.content"),
        (
            [],
            {"residency__service": "chat", "residency__class": "user.provided"},
            "nyn",
            "tag residency:service=chat and tag residency:class=user.provided",
        ),
        # a class that the service does not declare denies nothing of those it does
        ([], {"residency__service": "chat", "residency__class": "user.observed"}, "??n", "tag residency:service=chat"),
        ([BY_NAME], {"residency__service": "typo"}, "nyn", "classification.rules[0]"),
        (
            [NOTHING, BY_NAME],
            {"env": "testing"},
            "nnn",
            "classification.rules[0]: tag {'env': 'test*'}: made-up users only",
        ),
        ([NOTHING, BY_NAME], {"env": "prod"}, "nyn", "classification.rules[1]"),
        ([BY_CLASS], {}, "nn?", "classification.rules[0]: kind quasar.*"),
    ],
)
def test_precedence(rules: list[Any], tags: dict[str, str], held: str, evidence: str) -> None:
    item = dataclasses.replace(store("arn:a"), name="log-7")
    found = classify([item], labels(**tags), config(*rules), {})
    words = {"?": "unknown", "y": "yes", "n": "no"}
    assert {holding.dataset: holding.held for holding in found} == dict(
        zip((CONTENT, PROVIDED, OBSERVED), (words[letter] for letter in held), strict=True)
    )
    assert all(holding.evidence.startswith(evidence) for holding in found)


@pytest.mark.parametrize(
    ("content", "rules", "held"),
    [
        ("control", [], {"no"}),
        ("flow", [], {"unknown"}),
        ("data", [], {"unknown"}),
        ("control", [NAMED], {"no", "unknown"}),
    ],
)
def test_kinds_that_keep_no_user_content(content: str, rules: list[Any], held: set[str]) -> None:
    found = classify([store("arn:a")], [], config(*rules), {"quasar.disk.volume": content})
    assert {holding.held for holding in found} == held


def test_a_store_of_credentials_may_hold_facility_information() -> None:
    services = [{"id": "chat", "name": {"en": "C", "ja": "C"}, "classes": ["facility", "user.provided"]}]
    one = Config.model_validate({**CONFIG.model_dump(exclude={"method"}), "services": services})
    found = classify([store("a")], [], one, {"quasar.disk.volume": "control"})
    assert {holding.dataset: holding.held for holding in found} == {
        "chat/facility": "unknown",
        "chat/user.provided": "no",
    }


def test_every_store_against_every_dataset_in_order() -> None:
    found = classify([store("b"), store("a")], [], CONFIG, {})
    assert [holding.store_id for holding in found] == ["a"] * 3 + ["b"] * 3
