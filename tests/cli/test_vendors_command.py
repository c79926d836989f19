"""``residency providers vendors``, ``vendor`` and ``lint`` as their users meet them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from vendor_world import VENDOR

from residency.cli import main
from residency.cli.providers import _vendor_rows
from residency.collect.contractors import read_register
from residency.collect.register_add import entry_for, with_entry
from residency.data import DataFolders
from residency.vendors import load_vendors

ROOT = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 11, 25)
Answer = tuple[int, str, str]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A ``--data`` folder with the made-up vendor."""
    (tmp_path / "providers/saas").mkdir(parents=True)
    (tmp_path / "providers/saas/comet.yaml").write_text(VENDOR, encoding="utf-8")
    return tmp_path


def test_vendors_are_listed_with_the_seats_of_their_owners(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    code, out, _ = call(capsys, "providers", "vendors", "--data", str(mine), "--format", "json")
    rows = {row["vendor"]: row for row in json.loads(out)}
    assert code == 0
    assert len(rows) >= 13
    comet = rows["comet"]
    assert (comet["party"], comet["seats"], comet["owner_seats"]) == (["comet-kk"], ["JP"], ["US", "unknown"])
    assert (comet["storage"], comet["offered"], comet["staff"]) == (
        ["US", "unknown"],
        ["Japan", "Europe"],
        ["US", "VN"],
    )
    code, out, _ = call(capsys, "providers", "vendors", "--data", str(mine))
    assert code == 0
    assert "comet" in out


def test_a_vendor_is_shown_with_a_source_on_every_line(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    code, out, _ = call(capsys, "providers", "vendor", "comet", "--data", str(mine), "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert all(row["source"].startswith("https://comet.example/") and row["says"] and row["line"] for row in rows)
    what = [row["what"] for row in rows]
    for part in ("contract for JP", "80.0% owner of Comet, Inc.", "foothold: establishment", "storage, default"):
        assert part in what
    assert what.count("seat") == 3
    assert what[-1] == "AWS accounts"
    code, out, _ = call(capsys, "providers", "vendor", "comet", "--data", str(mine))
    assert code == 0
    assert "Comet Desk / コメットデスク (comet), support-desk" in out
    assert "sub-processors: https://comet.example/subprocessors" in out


def test_owners_follow_the_day(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    _, out, _ = call(
        capsys, "providers", "vendor", "comet", "--data", str(mine), "--as-of", "2019-12-31", "--format", "json"
    )
    assert not any("Comet Fund" in row["who"] for row in json.loads(out))


def test_a_vendor_that_is_not_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "providers", "vendor", "nobody")
    assert code == 2
    assert err.count("\n") == 1
    assert "no vendor 'nobody'; `residency providers vendors` names all" in err


def test_hostile_names_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    text = VENDOR.replace("en: Comet Desk", 'en: "Comet\\e[2J Desk"').replace("says: Tokyo", 'says: "\\e[31mTokyo"', 1)
    text = text.replace('says: "\\e[31mTokyo" and Osaka', 'says: "\\e[31mTokyo"')
    (mine / "providers/saas/comet.yaml").write_text(text, encoding="utf-8")
    code, out, _ = call(capsys, "providers", "vendor", "comet", "--data", str(mine))
    assert code == 0
    assert "\x1b" not in out


def test_lint_counts_files_and_prints_notices(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    code, out, _ = call(capsys, "providers", "lint", "--data", str(mine), "--as-of", "2040-01-01")
    assert code == 0
    assert "comet.yaml review: was due for review by 2027-05-01" in out
    assert "vendors: no faults," in out
    _, out, _ = call(capsys, "providers", "lint", "--data", str(mine), "--as-of", "2040-01-01", "--format", "json")
    rows = [row for row in json.loads(out) if row["file"].endswith("comet.yaml")]
    assert [(row["subject"], row["notice"]) for row in rows] == [("review", "was due for review by 2027-05-01")]


def test_lint_refuses_faulty_files_with_file_and_line(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    (mine / "providers/saas/comet.yaml").write_text(VENDOR.replace("seat: US", "seat: QQ"), encoding="utf-8")
    code, _, err = call(capsys, "providers", "lint", "--data", str(mine))
    assert code == 2
    assert "comet.yaml:10: comet-inc: seat 'QQ' is no country [country]" in err


def test_every_vendor_is_shown_and_added(tmp_path: Path) -> None:
    """Nothing about a vendor is left out, and the row that is added is one the register takes."""
    catalogue = load_vendors(DataFolders(ROOT))
    assert len(catalogue) >= 80
    register = tmp_path / "register.csv"
    register.write_text("id,name,seat,staff_countries,storage_countries,parent_name\n", encoding="utf-8")
    for key in catalogue:
        rows = list(_vendor_rows(catalogue, key, DAY))
        said = {row["what"].split(",")[0].split(" for ")[0] for row in rows}
        assert said >= {"contract", "storage", "staff access"}, key
        assert all(row["source"] or row["note"] for row in rows), key
        register.write_bytes(with_entry(register, entry_for(catalogue, key, customer="JP", day=DAY)))
    found = {row.contractor_id: row for row in read_register(register)["contractors"]}
    assert set(found) == set(catalogue)
    # what the catalogue does not know is never "none"
    assert all(row.staff_countries and row.storage_countries for row in found.values())
