"""A vendor's entry added to registers of every sort: what was there stays, what is unknown is told."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from vendor_world import VENDOR, vendor_folder

from residency.collect.contractors import read_register, template_csv
from residency.collect.register_add import Entry, entry_for, with_entry
from residency.data import DataFolders
from residency.errors import InputError, RegisterError
from residency.inventory.tables import Contractor, EntityRow
from residency.vendors import Vendors, load_vendors

TODAY = dt.date(2026, 11, 25)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return vendor_folder(tmp_path)


def changed(folder: Path, *edits: tuple[str, str]) -> Vendors:
    text = VENDOR
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / "providers/saas/comet.yaml").write_text(text, encoding="utf-8")
    return load_vendors(DataFolders(folder))


def comet(folder: Path, **options: Any) -> Entry:
    return entry_for(load_vendors(DataFolders(folder)), "comet", **{"customer": "JP", "day": TODAY, **options})


def added(path: Path, raw: bytes, entry: Entry) -> tuple[bytes, Contractor, list[EntityRow]]:
    """The new content, and what the register then says of the vendor."""
    path.write_bytes(raw)
    content = with_entry(path, entry)
    assert path.read_bytes() == raw, "nothing is written here"
    rows = read_register(path, content=content)
    (row,) = [row for row in rows["contractors"] if row.contractor_id == entry.cells["id"]]
    return content, row, rows["entities"]


# the entry


def test_the_entry_holds_what_the_catalogue_says(folder: Path) -> None:
    entry = comet(folder, services=("chat", "shop"))
    assert entry.cells == {
        "id": "comet",
        "name": "Comet K.K.",
        "seat": "JP",
        "parent_name": "Comet, Inc.",
        "parent_seat": "US",
        "parent_share": "1",
        "staff_countries": ["US", "VN"],
        "storage_countries": ["US", "unknown"],
        "access_mode": "own-systems",
        "services": ["chat", "shop"],
        "purpose": "Comet Desk: Comet Desk, Comet Chat",
        "principals": ["210987654321"],
        "endpoints": ["comet.example", "comet-mail.example"],
    }
    assert [(item.column, item.what, item.page) for item in entry.open] == [
        ("storage_countries", "unknown", "https://comet.example/places")
    ]
    assert entry.notes == ["owner of Comet, Inc.: Comet Fund (unknown)"]


def test_the_party_depends_on_the_customers_country(folder: Path) -> None:
    entry = comet(folder, customer="FR")
    assert entry.cells["name"] == "Comet, Inc."
    assert (entry.cells["parent_name"], entry.cells["parent_seat"]) == ("Comet Fund", "unknown")
    assert ("parent_seat", "unknown", "https://comet.example/owners") in {
        (item.column, item.what, item.page) for item in entry.open
    }


def test_a_location_is_chosen_by_name_and_a_group_becomes_unknown(folder: Path) -> None:
    assert comet(folder, location="japan").cells["storage_countries"] == ["JP"]
    europe = comet(folder, location="Europe")
    assert europe.cells["storage_countries"] == ["unknown"]
    assert "somewhere in the EU" in europe.open[0].what
    with pytest.raises(InputError, match="no location 'Mars'; on offer: Japan, Europe"):
        comet(folder, location="Mars")
    with pytest.raises(InputError, match="no vendor 'nobody'"):
        entry_for(Vendors({}), "nobody", customer="JP", day=TODAY)


def test_a_vendor_without_a_known_party_is_entered_with_an_unknown_seat(folder: Path) -> None:
    vendors = changed(folder, ("customers: [JP]", "customers: [KR]"), ('customers: ["*"]', "customers: [TW]"))
    entry = entry_for(vendors, "comet", customer="JP", day=TODAY)
    assert (entry.cells["name"], entry.cells["seat"]) == ("Comet Desk", "unknown")
    assert entry.open[0].what == "with whom customers in JP contract is not on file"


def test_doubt_and_other_parties_and_owners_are_told(folder: Path) -> None:
    vendors = changed(
        folder,
        ("says: party for Japan, confidence: high", "says: from general knowledge, confidence: low"),
        ('customers: ["*"]', "customers: [JP]"),
        ("entity: comet-inc, share: 1,", "entity: comet-inc,"),
        ("    seat: JP\n", "    seat: unknown\n"),
        ("name: Japan, countries: [JP]", "name: Moon, countries: [unknown], note: far"),
    )
    entry = entry_for(vendors, "comet", customer="JP", day=TODAY, location="moon", entry_id="c7")
    told = [(item.column, item.what) for item in entry.open]
    assert told == [
        ("name", "from general knowledge, not confirmed"),
        ("seat", "unknown"),
        ("parent_share", "unknown"),
        ("storage_countries", "unknown"),
    ]
    assert entry.cells["id"] == "c7"
    assert entry.notes[0] == "the contract may also be with Comet, Inc.; check yours"
    assert entry.notes[-1] == "storage: far"


def test_a_company_without_owners_has_no_parent(folder: Path) -> None:
    vendors = changed(folder, ("entity: comet-inc, share: 1,", "entity: comet-inc, share: 1, relation: licensor,"))
    entry = entry_for(vendors, "comet", customer="JP", day=TODAY)
    assert "parent_name" not in entry.cells


# CSV

ENGLISH = "id,name,seat,staff_countries,storage_countries,access_mode,parent_name,parent_seat,parent_share\n"
JAPANESE = "委託先名,委託先ID,所在国,従事者の所在国,保管国,取扱形態,親会社名,親会社所在国,出資比率\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("header", [ENGLISH, JAPANESE])
def test_csv_keeps_every_byte_and_its_own_ways(
    folder: Path, tmp_path: Path, newline: str, last: bool, delimiter: str, encoding: str, header: str
) -> None:
    body = header + ("甲,a,JP,日本,なし,,,,\n" if header == JAPANESE else "a,甲,JP,JP,none,,,,\n")
    text = body.replace(",", delimiter).replace("\n", newline)
    raw = (text if last else text.removesuffix(newline)).encode(encoding)
    content, row, entities = added(tmp_path / "r.csv", raw, comet(folder))
    assert content.startswith(raw)
    assert content.decode(encoding).endswith(newline)
    assert content.decode(encoding).count(newline) == 3
    assert (row.name, row.seat) == ("Comet K.K.", "JP")
    assert (row.staff_countries, row.storage_countries) == (("US", "VN"), ("US", "unknown"))
    assert row.access_mode == "own-systems"
    assert ("Comet, Inc.", "US") in {(item.name, item.seat) for item in entities}
    assert ("不明" in content.decode(encoding)) == (header == JAPANESE)
    assert ("自社システム" in content.decode(encoding)) == (header == JAPANESE)


def test_the_template_can_be_added_to(folder: Path, tmp_path: Path) -> None:
    for language in ("en", "ja"):
        raw = template_csv(language).encode("utf-8")  # type: ignore[arg-type]
        content, row, _ = added(tmp_path / "r.csv", raw, comet(folder, services=("chat",)))
        assert content.startswith(raw)
        assert row.services == ("chat",)
        assert row.principals == ("210987654321",)
        assert row.purpose == "Comet Desk: Comet Desk, Comet Chat"


def test_what_has_no_column_is_told_and_not_lost_in_silence(folder: Path, tmp_path: Path) -> None:
    entry = comet(folder)
    _, row, _ = added(tmp_path / "r.csv", b"\nname,id\nA,a\n", entry)
    assert row.staff_countries == ("unknown",)
    assert "r.csv has no column staff_countries: US; VN was not written" in entry.notes


def test_an_id_that_is_taken_and_a_faulty_register_are_refused(folder: Path, tmp_path: Path) -> None:
    register = tmp_path / "r.csv"
    register.write_text("id,name\ncomet,Other\n", encoding="utf-8")
    with pytest.raises(RegisterError, match=r"'comet' stands in the register already; choose another with --id"):
        with_entry(register, comet(folder))
    register.write_text("id,name,seat\na,A,Atlantis\n", encoding="utf-8")
    with pytest.raises(RegisterError, match="Atlantis"):
        with_entry(register, comet(folder))
    with pytest.raises(RegisterError, match="cannot be read"):
        with_entry(tmp_path / "missing.csv", comet(folder))


def test_a_contradiction_with_another_row_is_refused(folder: Path, tmp_path: Path) -> None:
    register = tmp_path / "r.csv"
    register.write_text('id,name,parent_name,parent_seat\na,A,"Comet, Inc.",FR\n', encoding="utf-8")
    with pytest.raises(RegisterError, match="sits in FR on row 2, here in US"):
        with_entry(register, comet(folder))


def test_a_row_that_would_change_another_is_refused(folder: Path, tmp_path: Path) -> None:
    register = tmp_path / "r.csv"
    register.write_text('id,name,purpose\na,A,"open', encoding="utf-8")
    with pytest.raises(RegisterError):
        with_entry(register, comet(folder))


def test_a_name_that_cp932_lacks_is_refused_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    vendors = changed(folder, ("name: Comet K.K.", "name: Cométe K.K. 한국"))
    register = tmp_path / "r.csv"
    register.write_bytes("委託先ID,委託先名\na,甲\n".encode("cp932"))
    with pytest.raises(InputError, match="cannot be written in CP932; save it as CSV UTF-8"):
        with_entry(register, entry_for(vendors, "comet", customer="JP", day=TODAY))


# YAML


@pytest.mark.parametrize(
    "text",
    [
        "contractors:\n  - id: a\n    name: A # kept\n    staff_countries: [JP]\n",
        "contractors:\n- id: a\n  name: A",
        "# head\r\ncontractors:\r\n    - {id: a, name: A}\r\n# tail\r\n",
    ],
)
def test_yaml_keeps_every_byte_and_its_indent(folder: Path, tmp_path: Path, text: str) -> None:
    content, row, _ = added(tmp_path / "r.yaml", text.encode(), comet(folder, services=("chat",)))
    assert content.startswith(text.encode())
    assert (row.name, row.staff_countries, row.services) == ("Comet K.K.", ("US", "VN"), ("chat",))


def test_yaml_keeps_the_headers_people_write(folder: Path, tmp_path: Path) -> None:
    text = "contractors:\n  - 管理番号: a\n    会社名: 甲\n"
    content, row, _ = added(tmp_path / "r.yml", text.encode(), comet(folder))
    assert '  - 管理番号: "comet"\n    会社名: "Comet K.K."\n    所在国: "JP"\n' in content.decode()
    assert '保管国: ["US", "不明"]' in content.decode()
    assert row.storage_countries == ("US", "unknown")


def test_an_empty_yaml_list_is_begun(folder: Path, tmp_path: Path) -> None:
    content, row, _ = added(tmp_path / "r.yaml", b"# head\ncontractors: []\n# tail\n", comet(folder))
    assert content.startswith(b"# head\ncontractors:\n  - id:")
    assert content.endswith(b"\n# tail\n")
    assert row.seat == "JP"


@pytest.mark.parametrize("text", ["contractors: [{id: a, name: A}]\n", "contractors:\n  - {id: a, name: A}\n...\n"])
def test_yaml_of_another_form_is_refused(folder: Path, tmp_path: Path, text: str) -> None:
    register = tmp_path / "r.yaml"
    register.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="cannot be added to; write each entry on a line"):
        with_entry(register, comet(folder))


# XLSX


def workbook(rows: list[list[object]], *, styled: int = 0) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for number in range(styled):
        sheet.cell(len(rows) + 1 + number, 1).font = openpyxl.styles.Font(bold=True)
    other = book.create_sheet("計算")
    other["A1"] = "=1+1"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("styled", [0, 3])
def test_a_workbook_keeps_every_other_part(folder: Path, tmp_path: Path, styled: int) -> None:
    raw = workbook([["委託先ID", "委託先名", None, "保管国"], ["a", "甲", None, "なし"]], styled=styled)
    content, row, _ = added(tmp_path / "r.xlsx", raw, comet(folder))
    assert (row.name, row.storage_countries) == ("Comet K.K.", ("US", "unknown"))
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(io.BytesIO(content)) as new:
        assert old.namelist() == new.namelist()
        differing = [name for name in old.namelist() if old.read(name) != new.read(name)]
    assert differing == ["xl/worksheets/sheet1.xml"]
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert [cell.value for cell in sheet[3]] == ["comet", "Comet K.K.", None, "US; 不明"]
    assert sheet.max_row == max(3, 2 + styled)


def test_names_in_a_workbook_are_escaped(folder: Path, tmp_path: Path) -> None:
    vendors = changed(folder, ("name: Comet K.K.", 'name: "<Comet> & =1+1 \\e[2J"'))
    entry = entry_for(vendors, "comet", customer="JP", day=TODAY)
    _, row, _ = added(tmp_path / "r.xlsx", workbook([["id", "name"], ["a", "A"]]), entry)
    assert row.name == "<Comet> & =1+1 \ufffd[2J"


def test_parts_with_a_prefix_or_an_absolute_name_are_found(folder: Path, tmp_path: Path) -> None:
    raw = workbook([["id", "name"], ["a", "A"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "xl/_rels/workbook.xml.rels":
                data = data.replace(b'Target="worksheets/', b'Target="/xl/worksheets/')
            new.writestr(info, data)
    _, row, _ = added(tmp_path / "r.xlsx", out.getvalue(), comet(folder))
    assert row.seat == "unknown"


def test_a_sheet_without_rows_to_end_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import residency.collect.register_add as module

    register = tmp_path / "r.xlsx"
    register.write_bytes(workbook([["id", "name"], ["a", "A"]]))
    monkeypatch.setattr(module, "_with_row", lambda *_: None)
    with pytest.raises(InputError, match=r"save it as \.xlsx again"):
        with_entry(register, comet(folder))
