"""Overrides of judgements: single numbers, with a reason, or an error that names the path."""

from __future__ import annotations

from typing import Any

import pytest

from residency.errors import ConfigError
from residency.interval import Interval
from residency.method.judgement import Judgement, Override, load_judgement

JUDGEMENT = load_judgement()


def at(judgement: Judgement, path: str) -> Any:
    node: Any = judgement.model_dump()
    for part in path.split("/"):
        node = node[part]
    return node


@pytest.mark.parametrize(
    ("path", "value", "where", "expected"),
    [
        ("classes.communication.content.sensitivity", 0.3, "classes/communication.content/sensitivity", 0.3),
        ("strengths.constants.safeguard_cap", 0.7, "strengths/constants/safeguard_cap/value", 0.7),
        ("strengths.role.log", [0.2, 0.6], "strengths/role/log/strength", (0.2, 0.6)),
        (
            "strengths.readability.custody.customer-managed",
            0.5,
            "strengths/readability/custody/customer-managed/strength",
            (0.5, 0.5),
        ),
        ("grades.power.weights.scope", 0.1, "grades/power/weights/scope/value", 0.1),
        ("grades.safeguard.weights.safeguard.redress", 0, "grades/safeguard/weights/safeguard.redress/value", 0),
        ("strengths.majority_share", 0.25, "strengths/majority_share", 0.25),
    ],
)
def test_one_number_is_replaced(path: str, value: Any, where: str, expected: Any) -> None:
    changed = JUDGEMENT.with_overrides({path: {"value": value, "reason": "our own"}})
    assert at(changed, where) == expected
    assert changed.overrides[0].reason == "our own"
    assert changed.version == f"{JUDGEMENT.version}+1"
    assert at(JUDGEMENT, where) != expected, "the method itself is not changed"
    again = changed.with_overrides([Override(path="strengths.role.cache", value=0.1, reason="r")])
    assert [item.path for item in again.overrides] == [path, "strengths.role.cache"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("strengths.role.primry", 0.5, "nothing of that name; see method/*.yaml"),
        ("strengths.role", 0.5, "is not a single number"),
        ("strengths.bands.0", 0.5, "nothing of that name"),
        ("strengths.role.log", 1.5, "is not a range within [0, 1]"),
        ("strengths.role.log", [0.6, 0.2], "is not a range within [0, 1]"),
        ("strengths.constants.safeguard_cap", [0.1, 0.2], "is not a single number"),
        ("strengths.version", 0.5, "is not a single number"),
        ("classes.communication.content.secrecy", 0.5, "is not a single number"),
        ("classes.communication.content.reason", 0.5, "is not a single number"),
        ("", 0.5, "nothing of that name"),
    ],
)
def test_what_cannot_be_set_names_the_path(path: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JUDGEMENT.with_overrides({path: {"value": value, "reason": "r"}})
    assert f"method override {path!r}" in str(caught.value)
    assert message in str(caught.value)


def test_every_guarantee_cannot_be_left_out_of_account() -> None:
    none = {
        f"grades.safeguard.weights.{key}": {"value": 0, "reason": "r"} for key in JUDGEMENT.grades.safeguard.weights
    }
    with pytest.raises(ConfigError, match="at least one safeguard needs a weight above 0"):
        JUDGEMENT.with_overrides(none)


@pytest.mark.parametrize(
    ("score", "band"), [(0, "none"), (0.5, "low"), (10, "moderate"), (25, "elevated"), (45, "high"), (100, "high")]
)
def test_bands(score: float, band: str) -> None:
    assert JUDGEMENT.band(score).name == band


def test_every_judgement_has_a_reason() -> None:
    strengths = JUDGEMENT.strengths
    for table in (strengths.role, strengths.operation, strengths.control, strengths.access, strengths.access_tie):
        assert all(item.reason and isinstance(item.interval, Interval) for item in table.values())
