"""Facts to numbers, for one made-up country."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from worlds import DAY, holdings, inputs, law_with_eu, made_up_law, placement, real_law, rows, store

from residency.data import data_folders
from residency.interval import UNKNOWN, Interval
from residency.jurisdictions import FactEntry, Jurisdiction, Jurisdictions
from residency.lawlint import Notice, notices
from residency.method.judgement import load_judgement
from residency.model import CHANNELS
from residency.providers import load_providers
from residency.rubric import decryption, legal_power, safeguards
from residency.scoring import score
from residency.trace import leaves, render, replay, to_dict

HERE = Path(__file__).parent
LAW, JUDGEMENT = made_up_law(), load_judgement()
QZ = LAW["QZ"]
GOOD = {"regime": "general", "authorisation": "judicial", "scope": "individual", "secrecy": "open"}


def with_entry(key: str, **fields: Any) -> Jurisdiction:
    entry = FactEntry.model_validate({"from": "2020-01-01", "value": "yes", "confidence": "high", **fields})
    return QZ.model_copy(update={"facts": {**QZ.facts, key: (entry,)}})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"attributes": GOOD}, (0.18, 0.18)),
        ({"attributes": {**GOOD, "scope": "unknown"}}, (0.1, 0.5)),  # unknown attribute: as wide as its weight
        ({"value": "unknown"}, (0.0, 1.0)),
        ({"value": "no"}, (0.0, 0.0)),
        ({"value": "no", "confidence": "low"}, (0.0, 0.1)),
        ({"value": "disputed", "attributes": GOOD}, (0.0, 0.18)),
        ({"attributes": GOOD, "review_by": "2026-01-01"}, (0.03, 0.33)),
        ({"attributes": GOOD, "confidence": "low"}, (0.08, 0.28)),
        ({"attributes": GOOD, "from": "2027-01-01"}, (0.0, 1.0)),  # not yet in force: nothing is recorded
        ({"attributes": {**GOOD, "holder": "providers"}}, (0.162, 0.162)),
        ({"attributes": {**GOOD, "holder": "companies"}}, (0.18, 0.18)),
        ({"attributes": {**GOOD, "holder": "everyone"}}, (0.18, 0.18)),
        ({"attributes": {**GOOD, "holder": "unknown"}}, (0.162, 0.18)),
        ({"attributes": {**GOOD, "reach": "practice"}}, (0.126, 0.126)),
        ({"attributes": {**GOOD, "reach": "possession"}}, (0.18, 0.18)),
        ({"attributes": {**GOOD, "reach": "unknown"}}, (0.126, 0.18)),
    ],
)
def test_a_power(fields: dict[str, Any], expected: tuple[float, float]) -> None:
    node = decryption(with_entry("power.key.decryption", **fields), "QZ", JUDGEMENT, DAY)
    assert (node.value.lo, node.value.hi) == pytest.approx(expected)
    assert replay(node) == node.value


@pytest.mark.parametrize(
    ("key", "fields", "expected"),
    [
        ("safeguard.redress", {"attributes": {"forum": "court", "foreigners": "all"}}, (1.0, 1.0)),
        (
            "safeguard.redress",
            {"value": "partly", "attributes": {"forum": "court", "foreigners": "none"}},
            (0.165, 0.165),
        ),
        ("safeguard.redress", {"value": "partly", "attributes": {"forum": "none", "foreigners": "none"}}, (0.1, 0.1)),
        ("safeguard.redress", {"value": "no", "attributes": {"forum": "none"}}, (0.1, 0.1)),
        ("safeguard.redress", {"value": "no", "review_by": "2026-01-01"}, (0.1, 0.25)),
        ("safeguard.redress", {"attributes": {"forum": "unknown", "foreigners": "all"}}, (0.1, 1.0)),
        ("safeguard.redress", {"value": "unknown"}, (0.1, 1.0)),
        ("safeguard.redress", {"value": "disputed", "note": "x"}, (0.1, 1.0)),
        ("safeguard.commitments", {"attributes": {"list": "eu_adequacy"}}, (0.9, 0.9)),
        ("safeguard.commitments", {"value": "no"}, (0.2, 0.2)),
        ("safeguard.commitments", {"value": "disputed", "attributes": {"list": "eu_adequacy"}}, (0.2, 0.9)),
        ("safeguard.commitments", {"attributes": {"list": "eu_adequacy"}, "confidence": "low"}, (0.8, 1.0)),
        ("safeguard.commitments", {"value": "unknown"}, (0.2, 1.0)),
    ],
)
def test_a_guarantee(key: str, fields: dict[str, Any], expected: tuple[float, float]) -> None:
    node = safeguards(with_entry(key, **fields), "QZ", JUDGEMENT, DAY)
    (part,) = (child for child in node.children if child.label.startswith(key))
    assert (part.value.lo, part.value.hi) == pytest.approx(expected)
    assert replay(node) == node.value


def test_a_guarantee_of_no_weight_is_left_out() -> None:
    path = "grades.safeguard.weights.safeguard.redress"
    without = JUDGEMENT.with_overrides({path: {"value": 0, "reason": "r"}})
    node = safeguards(QZ, "QZ", without, DAY)
    assert len(node.children) == len(JUDGEMENT.grades.safeguard.weights) - 1


def test_a_country_without_a_file_is_wholly_unknown() -> None:
    for channel in CHANNELS:
        assert legal_power(None, "XX", channel, JUDGEMENT, DAY).value == UNKNOWN
    assert safeguards(None, "XX", JUDGEMENT, DAY).value == Interval(0.1, 1.0)


def test_a_group_may_be_any_member() -> None:
    inventory = rows(store("a"), placement("a", "eu"))
    scores = score(inputs(inventory, holdings(["a"], chat_communication__content="yes"), law=law_with_eu()))
    cell = scores.cell("chat/communication.content", "EU", "storage")
    assert cell is not None
    assert cell.trace.children[1].kind == "hull"
    assert [child.label for child in cell.trace.children[1].children] == [
        "L: legal power of DE by storage",
        "L: legal power of FR by storage",
    ]


def test_facts_carry_their_article_and_file() -> None:
    found = [item for channel in CHANNELS for item in leaves(legal_power(QZ, "QZ", channel, JUDGEMENT, DAY))]
    facts = [dict(item.source) for item in found if item.kind == "fact"]
    assert facts
    assert all(item["file"].startswith("jurisdictions/QZ.yaml:") and item["says"] and item["url"] for item in facts)
    assert any(item["cite"] == "State Information Act (Act 12 of 2019), s. 14(2)" for item in facts)
    unknown = [dict(item.source) for item in found if item.kind == "unknown"]
    assert any("searched" in item for item in unknown)


def test_a_trace_prints_and_serialises() -> None:
    node = legal_power(QZ, "QZ", "storage", JUDGEMENT, DAY)
    lines = list(render(node))
    assert lines[0][0] == 0
    assert len(list(render(node, depth=1))) == 1
    assert any("art. 112" in text for _, text in lines)
    data = to_dict(node)
    assert (data["kind"], data["lo"], data["hi"]) == ("max", node.value.lo, node.value.hi)
    assert data["children"][0]["children"]


def test_notices() -> None:
    assert notices(LAW, DAY) == []
    late = dt.date(2028, 1, 1)
    assert Notice("QZ", "review", "was due for review by 2027-10-02") in notices(LAW, late)
    aged = Jurisdictions({"QZ": with_entry("power.key.decryption", review_by="2026-01-01")}, {}, {}, LAW.words)
    assert [item.subject for item in notices(aged, DAY)] == ["power.key.decryption", "safeguard.commitments"]
    other = Jurisdictions({"QZ": with_entry("safeguard.commitments", value="no")}, {}, LAW.commitments, LAW.words)
    assert [item.message for item in notices(other, DAY)] == [
        "coe_convention_108 lists the country, its file does not say so"
    ]


def test_a_file_may_tell_of_a_treaty_that_is_ratified_and_need_not() -> None:
    listed = LAW.commitments["coe_convention_108"]
    ratified = {code: entry.model_copy(update={"status": "ratified"}) for code, entry in listed.entries.items()}
    lists = {**LAW.commitments, "coe_convention_108": listed.model_copy(update={"entries": ratified})}
    assert notices(Jurisdictions({"QZ": QZ}, {}, lists, LAW.words), DAY) == []
    silent = with_entry("safeguard.commitments", value="no")
    assert notices(Jurisdictions({"QZ": silent}, {}, lists, LAW.words), DAY) == []


def noticed(key: str, **fields: Any) -> list[str]:
    """Notices on one key of the made-up country, rewritten."""
    changed = Jurisdictions({"QZ": with_entry(key, **fields)}, {}, LAW.commitments, LAW.words)
    return [item.message for item in notices(changed, DAY, root=HERE.parent) if item.subject == key]


CITED = {"instrument": "sia-2019", "at": "s. 14", "says": "so it is"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cite": [CITED]}, None),
        ({"from": "2019-06-30", "cite": [CITED]}, "begins on 2019-06-30, but sia-2019, cited first, on 2019-07-01"),
        ({"from": "2019-06-30", "cite": [CITED], "value": "no"}, None),
        ({"note": "day from general knowledge"}, None),
        ({"note": "from general knowledge; not read"}, "confidence high, but only general knowledge is named"),
        ({"note": "from general knowledge; not read", "confidence": "low"}, None),
        (
            {"cite": [{**CITED, "says": "so it is (general knowledge)"}]},
            "confidence high, but only general knowledge is named",
        ),
        ({"note": "as under power.key.decryption; see QZ"}, None),
        ({"note": "as under power.key.decrypt"}, "refers to power.key.decrypt, which is no fact key"),
        ({"note": "see QX"}, "refers to the file QX, which is not there"),
        ({"note": "rule 4 of docs/explanation/disclosure-criterion.md"}, None),
        ({"note": "docs/explanation/none.md"}, "refers to docs/explanation/none.md, which is not there"),
        ({"note": "https://example.org/docs/explanation/none.md"}, None),
    ],
)
def test_notices_on_one_entry(fields: dict[str, Any], message: str | None) -> None:
    assert noticed("power.key.decryption", **fields) == ([] if message is None else [message])


def test_a_fact_that_outlasts_its_law_is_noticed() -> None:
    law = QZ.instruments["sia-2019"]
    ended = law.model_copy(update={"in_force": law.in_force[:1]})
    item = with_entry("power.key.decryption", cite=[CITED])
    item = item.model_copy(update={"instruments": {**QZ.instruments, "sia-2019": ended}})
    found = notices(Jurisdictions({"QZ": item}, {}, LAW.commitments, LAW.words), DAY)
    assert (
        Notice("QZ", "power.key.decryption", "the fact from 2020-01-01 outlasts all that it cites (2024-01-01)")
        in found
    )


def test_a_country_with_a_region_and_no_file_is_noticed() -> None:
    regions = [("quasar q-1", ["QZ"]), ("quasar q-2", ["QX"]), ("quasar q-3", ["QX", "ZZ"])]
    assert notices(LAW, DAY, regions=regions) == [
        Notice("QX", "file", "quasar q-2 and 1 more may lie there, and there is no file")
    ]


def test_the_catalogue_itself_has_nothing_to_notice() -> None:
    root = HERE.parent
    regions = [(region.region, region.countries) for region in load_providers(data_folders()).regions]
    assert len({code for _, countries in regions for code in countries}) > 50
    found = notices(real_law(), DAY, regions=regions, root=root)
    assert [item for item in found if item.subject != "review"] == []


def test_changes_of_law_are_listed_by_day() -> None:
    found = LAW.changes(dt.date(2024, 1, 1), dt.date(2025, 1, 1))
    assert [(item.date.isoformat(), item.change, item.subject) for item in found] == [
        ("2024-01-01", "ends", "instrument"),
        ("2024-09-01", "begins", "instrument"),
        ("2024-09-01", "begins", "power.control.extraterritorial"),
        ("2024-09-01", "begins", "power.storage.compelled_access"),
    ]
    assert LAW.changes(DAY, DAY) == []
    assert (LAW.name("QZ", "ja"), LAW.name("XX")) == ("クアゾニア", "XX")
