"""``residency contractors`` as its users meet it: check, template, add, accounts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import worlds
from vendor_world import VENDOR

from residency.cli import main
from residency.inventory.snapshot import write_snapshot
from residency.inventory.tables import Sweep

LIST = """\
- name: Comet Desk
  source: ['https://comet.example/aws']
  accounts: ['100000000001']
- {name: 'Meteor', accounts: ['100000000002']}
"""
Answer = tuple[int, str, str]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a register, a list of accounts, and a data folder with the made-up vendor."""
    (tmp_path / "mine/providers/saas").mkdir(parents=True)
    (tmp_path / "mine/providers/saas/comet.yaml").write_text(VENDOR, encoding="utf-8")
    (tmp_path / "contractors.csv").write_text("id,name,seat,staff_countries\na,A,JP,JP\n", encoding="utf-8")
    (tmp_path / "accounts.yaml").write_text(LIST, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_template_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "contractors", "template")
    assert code == 0
    assert out.startswith("\ufeffid,name,seat")
    _, out, _ = call(capsys, "contractors", "template", "--language", "ja")
    assert out.startswith("\ufeff委託先ID,委託先名,所在国")


def test_add_writes_the_row_and_says_what_to_check(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    before = (project / "contractors.csv").read_bytes()
    code, out, _ = call(capsys, "contractors", "add", "comet", "--data", "mine", "--services", "chat, shop")
    assert code == 0
    assert (project / "contractors.csv").read_bytes() == before + b"comet,Comet K.K.,JP,US; VN\n"
    assert "contractors.csv: comet added" in out
    assert "check storage_countries: unknown; https://comet.example/places" in out
    assert "note: owner of Comet, Inc.: Comet Fund (unknown)" in out
    assert "note: contractors.csv has no column services: chat; shop was not written" in out
    code, out, _ = call(capsys, "contractors", "check", "contractors.csv")
    assert code == 0
    assert "2 contractors, no faults" in out


def test_add_refuses_an_id_that_is_there_and_leaves_the_file(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    before = (project / "contractors.csv").read_bytes()
    code, _, err = call(capsys, "contractors", "add", "comet", "--data", "mine", "--id", "a")
    assert code == 2
    assert "'a' stands in the register already; choose another with --id" in err
    assert (project / "contractors.csv").read_bytes() == before


def test_add_takes_the_party_of_the_organisations_seat(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    (project / "residency.yaml").write_text("organisation: {seat: FR}\n", encoding="utf-8")
    _, out, _ = call(capsys, "contractors", "add", "comet", "--data", "mine", "--format", "json")
    told = json.loads(out)
    assert told["entry"]["name"] == "Comet, Inc."
    assert {"column": "parent_seat", "what": "unknown", "page": "https://comet.example/owners"} in told["open"]
    for text in ("organisation: 1\n", "- a\n", "organisation: {seat: [x]}\n"):
        (project / "residency.yaml").write_text(text, encoding="utf-8")
        options = ("--data", "mine", "--id", f"c{len(text)}", "--format", "json")
        _, out, _ = call(capsys, "contractors", "add", "comet", *options)
        assert json.loads(out)["entry"]["name"] == "Comet K.K."


def test_add_prints_csv_of_what_is_open(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    code, out, _ = call(
        capsys, "contractors", "add", "comet", "--data", "mine", "--location", "Japan", "--format", "csv"
    )
    assert code == 0
    assert out == "column,what,page\n"


def _snapshot(project: Path) -> None:
    sweep = Sweep(
        sweep_id="s",
        started_at=worlds.SEEN,
        finished_at=worlds.SEEN,
        scope="{}",
        tool_version="0",
        catalogue="2026-10-01",
    )
    grants = [
        dataclasses.replace(
            worlds.grant("a", f"arn:aws:iam::{account}:root"),
            provider="aws",
            principal_account=account,
            external=external,
        )
        for account, external in (("100000000001", "yes"), ("210987654321", "unknown"), ("100000000002", "no"))
    ]
    rows = worlds.rows(sweep, worlds.store("a"), *grants)
    write_snapshot(project / "snapshots/2026-10-31", rows, {}, {})


def test_accounts_names_who_holds_what_grants_name(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    _snapshot(project)
    code, out, _ = call(capsys, "contractors", "accounts", "accounts.yaml", "--data", "mine", "--format", "json")
    rows = {row["account"]: row for row in json.loads(out)}
    assert code == 0
    assert (rows["100000000001"]["vendor"], rows["100000000001"]["grants"]) == ("comet", 1)
    assert (rows["100000000002"]["name"], rows["100000000002"]["grants"]) == ("Meteor", 0)
    assert (rows["210987654321"]["name"], rows["210987654321"]["published_by_vendor"]) == ("comet", True)
    text = (project / "known-accounts.yaml").read_text(encoding="utf-8")
    assert text.startswith("# AWS accounts by their owner")
    code, out, _ = call(capsys, "contractors", "accounts", "accounts.yaml", "--data", "mine")
    assert "known-accounts.yaml: 2 accounts, 2 of vendors in the catalogue" in out
    assert "grants of the snapshot name 2 of them" in out
    assert (project / "known-accounts.yaml").read_text(encoding="utf-8") == text, "the same again"


def test_accounts_keeps_what_people_wrote_themselves(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    (project / "known-accounts.yaml").write_text(
        "list: l\nsha256: s\naccounts:\n  '100000000002': {name: Ours, own: true}\n  '100000000009': {name: Gone}\n",
        encoding="utf-8",
    )
    code, out, _ = call(capsys, "contractors", "accounts", "accounts.yaml", "--data", "mine", "--format", "json")
    rows = {row["account"]: row["name"] for row in json.loads(out)}
    assert code == 0
    assert rows == {"100000000001": "Comet Desk", "100000000002": "Ours"}


def test_hostile_names_of_a_list_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    _snapshot(project)
    (project / "accounts.yaml").write_text('- {name: "\\e[2JComet", accounts: ["100000000001"]}\n', encoding="utf-8")
    code, out, _ = call(capsys, "contractors", "accounts", "accounts.yaml", "--data", "mine")
    assert code == 0
    assert "Comet" in out
    assert "\x1b" not in out


def test_scoring_reads_the_names_beside_residency_yaml(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    from residency.assess import load_catalogues

    call(capsys, "contractors", "accounts", "accounts.yaml", "--data", "mine")
    catalogues = load_catalogues(project / "mine", project / "residency.yaml")
    assert catalogues.known["100000000001"].vendor == "comet"
    assert "comet" in catalogues.vendors
    assert load_catalogues().known == {}
