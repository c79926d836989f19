"""When the published text and the inventory disagree: each kind of difference in one small text."""

from __future__ import annotations

from typing import Any

import pytest
from policy_worlds import at_home
from worlds import contractor, gap, placement, store

from residency.disclosure.drift import Difference, drift, drift_of_text
from residency.disclosure.markers import begin_marker, end_marker, find_blocks
from residency.disclosure.render import LANGUAGES, Language, render_blocks, render_policy
from residency.disclosure.tables import Axis, policy
from residency.graph import Inputs

FAR = (store("far"), placement("far", "eu-berlin-1"))


def differences(world: Inputs, axis: Axis, text: str, language: Language = "ja") -> list[Difference]:
    content = f"{begin_marker(axis, language)}\n{text}\n{end_marker(axis)}\n".encode()
    expected = {(name, language): block for name, block in render_blocks(policy(world), world, language).items()}
    return drift(find_blocks(content, "p.md"), policy(world), world, expected)


def kinds(found: list[Difference]) -> list[tuple[str, str]]:
    return [(item.kind, item.code) for item in found]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("world", [at_home(), at_home(gap()), at_home(*FAR, contractor("maker", seat="QZ"))])
def test_what_was_rendered_does_not_differ(world: Inputs, language: Language) -> None:
    text = render_policy(policy(world), world, language)
    expected = {(axis, language): block for axis, block in render_blocks(policy(world), world, language).items()}
    assert drift(find_blocks(text.encode(), "p.md"), policy(world), world, expected) == []
    crlf = text.replace("\n", "\r\n").encode()
    assert drift(find_blocks(crlf, "p.md"), policy(world), world, expected) == []
    assert drift_of_text(text, policy(world), world, language) == []


@pytest.mark.parametrize(
    ("extra", "axis", "text", "expected"),
    [
        (FAR, "equipment", "フランスに保存しています。", [("missing", "DE"), ("extra", "FR")]),
        (FAR, "equipment", "該当するものはありません。", [("missing", "DE"), ("absence", "")]),
        (FAR, "equipment", "なし", [("missing", "DE"), ("absence", "")]),
        ((gap(),), "equipment", "該当するものはありません。", [("absence", "")]),
        (FAR, "equipment", "| 国・地域 | 制度の有無 |\n|---|---|\n| ドイツ | なし |", [("system", "DE")]),
        (FAR, "equipment", "ドイツに保存しています。", [("wording", "")]),
        ((), "equipment", "クアゾニアに保存しています。", [("extra", "QZ")]),
        ((), "equipment", "ドイツに保存しています。", [("extra", "DE")]),
        (
            (contractor("maker", seat="IN"),),
            "contractors",
            "インドネシアの委託先",
            [("missing", "IN"), ("extra", "ID")],
        ),
        (
            (contractor("maker", seat="US", staff_countries=("US",)),),
            "contractors",
            "アメリカ合衆国の委託先",
            [("wording", "")],
        ),
        (
            (contractor("maker", seat="unknown", staff_countries=("JP",)),),
            "contractors",
            "委託先があります。",
            [("missing", "ZZ")],
        ),
        (
            (contractor("maker", seat="unknown", staff_countries=("JP",)),),
            "contractors",
            "Makerに委託しています。",
            [("wording", "")],
        ),
        (FAR, "environment", "- **ドイツ** — フランスとは異なる制度\n- **クアゾニア** — 制度", [("wording", "")]),
    ],
)
def test_each_kind_of_difference(extra: Any, axis: Axis, text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds(differences(at_home(*extra), axis, text)) == expected


@pytest.mark.parametrize(
    ("extra", "text", "expected"),
    [
        (FAR, "Stored in Germany.", [("wording", "")]),
        (FAR, "None.", [("missing", "DE"), ("absence", "")]),
        (
            (contractor("m", seat="GN", staff_countries=("GN",)),),
            "Contractors in Equatorial Guinea.",
            [("missing", "GN"), ("extra", "GQ")],
        ),
        ((contractor("m", seat="US", staff_countries=("US",)),), "Contact us.", [("missing", "US")]),
        ((contractor("m", seat="US", staff_countries=("US",)),), "In the united states of america.", [("wording", "")]),
    ],
)
def test_english(extra: Any, text: str, expected: list[tuple[str, str]]) -> None:
    axis: Axis = "equipment" if extra is FAR else "contractors"
    assert kinds(differences(at_home(*extra), axis, text, "en")) == expected


def test_a_difference_says_what_it_rests_on() -> None:
    (first, *_) = differences(at_home(*FAR), "equipment", "なし")
    assert first.message == "ドイツ (DE) is concerned; the text does not name it"
    assert first.because == ("far: primary at eu-berlin-1 (ListVolumes)",)
    held: list[Any] = []
    loose = at_home(*FAR, gap(), held=held)
    assert kinds(differences(loose, "equipment", "該当なし")) == [("absence", "")]


def test_a_policy_without_markers_must_name_every_country() -> None:
    world = at_home(*FAR, contractor("maker", seat="QZ", staff_countries=("QZ",)))
    found = drift_of_text("ドイツに保存しています。", policy(world), world, "ja")
    assert kinds(found) == [("missing", "QZ"), ("missing", "QZ")]
    assert [item.axis for item in found] == ["contractors", "storage-providers"]
    assert drift_of_text("ドイツとクアゾニア", policy(world), world, "ja") == []
