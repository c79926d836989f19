from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.collect.contractors import fold_name, known_country_names, read_register, template_csv
from residency.data import DataFolders
from residency.errors import Fault, RegisterError
from residency.inventory.tables import Contractor, EntityRow, Rows
from residency.jurisdictions import Group, Jurisdictions, load_jurisdictions
from residency.method.facts import FactWords

COLUMNS = [
    "id",
    "name",
    "seat",
    "staff_countries",
    "storage_countries",
    "access_mode",
    "services",
    "data_classes",
    "purpose",
    "principals",
    "endpoints",
    "entrusted_by",
    "parent_name",
    "parent_seat",
    "parent_share",
    "start",
    "end",
]


def csv_of(*rows: dict[str, str], header: list[str] | None = None) -> str:
    names = header or COLUMNS
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines) + "\r\n"


def read(folder: Path, text: str | bytes, name: str = "register.csv", catalogue: Jurisdictions | None = None) -> Rows:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_register(folder / name, catalogue)


def faults(
    folder: Path, text: str | bytes, name: str = "register.csv", catalogue: Jurisdictions | None = None
) -> list[str]:
    with pytest.raises(RegisterError) as caught:
        read(folder, text, name, catalogue)
    return [str(fault).replace(str(folder / name), "R") for fault in caught.value.faults]


def one(folder: Path, **cells: str) -> Contractor:
    (row,) = read(folder, csv_of({"id": "c1", "name": "A", **cells}))["contractors"]
    assert isinstance(row, Contractor)
    return row


FULL = {
    "id": "007",
    "name": "Quasar Support K.K.",
    "seat": "JP",
    "staff_countries": "Viet Nam; 日本",
    "storage_countries": "Singapore",
    "access_mode": "remote-plaintext",
    "services": "chat, mail\nchat",
    "data_classes": "contents",
    "purpose": "support",
    "principals": "arn:aws:iam::012345678912:role/support",
    "endpoints": "203.0.113.0/24",
    "parent_name": "Quasar Holding Ltd",
    "parent_seat": "unknown",
    "parent_share": "51%",
    "start": "2026-04-01",
    "end": "2027-03-31",
}


def expected(file: Path, line: int) -> Contractor:
    return Contractor(
        contractor_id="007",
        name="Quasar Support K.K.",
        seat="JP",
        staff_countries=("JP", "VN"),
        storage_countries=("SG",),
        access_mode="remote-plaintext",
        services=("chat", "mail"),
        data_classes=("contents",),
        purpose="support",
        principals=("arn:aws:iam::012345678912:role/support",),
        endpoints=("203.0.113.0/24",),
        start=dt.date(2026, 4, 1),
        end=dt.date(2027, 4, 1),  # the register names the last day
        source=f"{file} row {line}",
    )


def test_a_full_row(tmp_path: Path) -> None:
    rows = read(tmp_path, csv_of(FULL))
    file = tmp_path / "register.csv"
    assert rows["contractors"] == [expected(file, 2)]
    source = f"{file} row 2"
    assert rows["entities"] == [
        EntityRow(
            entity_id="007",
            name="Quasar Support K.K.",
            seat="JP",
            owner_id="owner:quasarholdingltd",
            share=0.51,
            source=source,
        ),
        EntityRow(entity_id="owner:quasarholdingltd", name="Quasar Holding Ltd", seat="unknown", source=source),
    ]


JAPANESE = [
    "委託先ID",
    "委託先名",
    "所在国",
    "従事者の所在国",
    "保管国",
    "取扱形態",
    "対象サービス",
    "情報区分",
    "委託業務",
    "利用者ID",
    "接続元",
    "再委託元",
    "親会社名",
    "親会社所在国",
    "出資比率",
    "開始日",
    "終了日",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_every_encoding_and_language_reads_the_same(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = csv_of({ja: FULL.get(name, "") for ja, name in zip(JAPANESE, COLUMNS, strict=True)}, header=JAPANESE)
    rows = read(tmp_path, text.replace('","', f'"{delimiter}"').encode(encoding))
    assert rows["contractors"] == [expected(tmp_path / "register.csv", 2)]


def test_bytes_of_no_known_encoding(tmp_path: Path) -> None:
    assert faults(tmp_path, b"id,name\n1,\x81\xff\xfe\n") == [
        "R: neither UTF-8 nor CP932; save it as CSV UTF-8 [encoding]"
    ]


@pytest.mark.parametrize(
    ("cell", "countries"),
    [
        ("", ("unknown",)),
        ("  ", ("unknown",)),
        ("不明", ("unknown",)),
        ("Unknown", ("unknown",)),
        ("JP; unknown", ("JP", "unknown")),
        ("ＪＰ", ("JP",)),
        ("NO", ("NO",)),
        ("JP、US，VN；SG/", None),
        ("日本、米国，ベトナム；シンガポール", ("JP", "SG", "US", "VN")),
        ("United States of America", ("US",)),
        ("the Netherlands", ("NL",)),
        ("korea, republic of", ("KR",)),
        ("Korea, Republic of", ("KR",)),
        ("cote d'ivoire", ("CI",)),
        ("Côte d’Ivoire", ("CI",)),
        ("Türkiye\nTurkey", ("TR",)),
        ("Bosnia & Herzegovina", ("BA",)),
        ("ボスニア・ヘルツェゴビナ", ("BA",)),
        ("コソボ", ("XK",)),
        ("イギリス,JP,JP", ("GB", "JP")),
    ],
)
def test_country_cells(tmp_path: Path, cell: str, countries: tuple[str, ...] | None) -> None:
    if countries is None:
        assert len(faults(tmp_path, csv_of({"id": "1", "name": "A", "staff_countries": cell}))) == 1
    else:
        assert one(tmp_path, staff_countries=cell).staff_countries == countries


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("Japn", "'Japn' is no country; did you mean Japan (JP)?"),
        ("シンガポル", "did you mean シンガポール (SG)?"),
        ("jp", "'jp' is no country; did you mean JP?"),
        ("no", "'no' is no country; did you mean NO?"),
        ("QQ", "'QQ' is no country"),
        ("none", "'none' is no country"),
        ("12", "'12' is no country; write an alpha-2 code, a country's name, or unknown"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)' is no country"),
        ("#REF!", "#REF! is a spreadsheet error, not a value"),
    ],
)
def test_a_word_that_is_no_country(tmp_path: Path, cell: str, message: str) -> None:
    (fault,) = faults(tmp_path, csv_of({"id": "1", "name": "A", "staff_countries": cell}))
    assert message in fault
    assert fault.startswith("R:2: row 2, column 'staff_countries': ")


@pytest.mark.parametrize("cell", ["none", "なし", "該当なし"])
def test_none_is_said_for_storage_only(tmp_path: Path, cell: str) -> None:
    assert one(tmp_path, storage_countries=cell).storage_countries == ()
    assert one(tmp_path).storage_countries == ("unknown",)
    assert (
        "`none` stands alone"
        in faults(tmp_path, csv_of({"id": "1", "name": "A", "storage_countries": f"{cell}; JP"}))[0]
    )
    assert "is no country" in faults(tmp_path, csv_of({"id": "1", "name": "A", "seat": cell}))[0]


def law(groups: dict[str, Group], folder: Path) -> Jurisdictions:
    return Jurisdictions({}, groups, {}, FactWords.model_construct())


def test_a_group_is_no_country(tmp_path: Path) -> None:
    group = Group.model_validate(
        {"name": {"en": "European Union", "ja": "欧州連合"}, "members": {}, "source": "https://example.org"}
    )
    catalogue = law({"EU": group}, tmp_path)
    (fault,) = faults(tmp_path, csv_of({"id": "1", "name": "A", "seat": "EU"}), catalogue=catalogue)
    assert "'EU' is no country; it is a group: name its countries, or write unknown" in fault


def test_names_of_the_catalogue_are_known(tmp_path: Path) -> None:
    from residency.method.facts import load_fact_words

    data = Path(__file__).resolve().parents[1] / "data" / "law"
    catalogue = load_jurisdictions(DataFolders(data), load_fact_words())
    names = known_country_names(catalogue)
    assert names[fold_name("クアゾニア")] == names[fold_name("quazonia")] == "QZ"
    (row,) = read(tmp_path, csv_of({"id": "1", "name": "A", "seat": "QZ"}), catalogue=catalogue)["contractors"]
    assert row.seat == "QZ"


def test_all_of_iso_3166_is_known_and_no_name_means_two() -> None:
    import residency.countries as module
    from residency.yamlfile import load

    loaded = load(Path(module.__file__).with_name("countries.yaml"))
    assert loaded.faults == ()
    entries = {**loaded.data["countries"], **loaded.data["user_assigned"]}
    assert len(loaded.data["countries"]) == 249
    assert {"NO", "JP", "TW", "AX"} <= set(entries)
    meaning: dict[str, str] = {}
    for code, entry in entries.items():
        for name in {fold_name(name) for name in (entry["en"], entry["ja"], *entry.get("also", []))}:
            assert meaning.setdefault(name, code) == code, name
    assert known_country_names() == meaning


@pytest.mark.parametrize(
    ("cell", "mode"),
    [
        ("", "unknown"),
        ("On-Site", "on-site"),
        ("own systems", "own-systems"),
        ("リモートアクセス", "remote-plaintext"),
        ("none", "none"),
        ("不明", "unknown"),
    ],
)
def test_access_modes(tmp_path: Path, cell: str, mode: str) -> None:
    assert one(tmp_path, access_mode=cell).access_mode == mode


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-04-01", (2026, 4, 1)),
        ("2026/4/1", (2026, 4, 1)),
        ("2026年4月1日", (2026, 4, 1)),
        ("２０２６．４．１", (2026, 4, 1)),
        ("", None),
    ],
)
def test_days(tmp_path: Path, cell: str, day: tuple[int, int, int] | None) -> None:
    assert one(tmp_path, start=cell).start == (dt.date(*day) if day else None)


@pytest.mark.parametrize(
    ("cell", "share"),
    [("51%", 0.51), ("51 ％", 0.51), ("0.51", 0.51), ("1", 1.0), ("100%", 1.0), ("", None), ("不明", None)],
)
def test_shares(tmp_path: Path, cell: str, share: float | None) -> None:
    rows = read(tmp_path, csv_of({"id": "1", "name": "A", "parent_name": "P", "parent_share": cell}))
    assert next(row for row in rows["entities"] if row.entity_id == "1").share == share


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"access_mode": "remote-plain"},
            "column 'access_mode': 'remote-plain' is no access mode; did you mean remote-p",
        ),
        ({"access_mode": "x"}, "it is one of own-systems, remote-plaintext,"),
        ({"start": "2026-13-01"}, "column 'start': '2026-13-01' is not a day; write it as YYYY-MM-DD"),
        ({"start": "April"}, "'April' is not a day"),
        ({"start": "46113"}, "'46113' is not a day"),  # a serial number means nothing outside a spreadsheet
        ({"start": "2026-04-01", "end": "2026-03-31"}, "column 'end': 2026-03-31 is before the start, 2026-04-01"),
        ({"name": ""}, "column 'name': is empty"),
        ({"id": ""}, "column 'id': is empty"),
        ({"entrusted_by": "c9"}, "column 'entrusted_by': no contractor has the id 'c9'"),
        ({"entrusted_by": "c1"}, "column 'entrusted_by': entrusts itself: c1 → c1"),
        ({"parent_share": "51%"}, "column 'parent_share': there is no parent_name it belongs to"),
        ({"parent_seat": "US"}, "column 'parent_seat': there is no parent_name it belongs to"),
        ({"parent_name": "P", "parent_share": "51"}, "'51' is not a share; write 51% or 0.51"),
        ({"parent_name": "P", "parent_share": "0"}, "'0' is not a share"),
        ({"parent_name": "P", "parent_share": "-1"}, "'-1' is not a share"),
        ({"parent_name": "a"}, "column 'parent_name': a company is not its own parent"),
    ],
)
def test_one_clear_fault_for_a_bad_cell(tmp_path: Path, cells: dict[str, str], message: str) -> None:
    (fault,) = faults(tmp_path, csv_of({"id": "c1", "name": "A", **cells}))
    assert fault.startswith("R:2: row 2, ")
    assert message in fault


def test_all_faults_at_once_sorted_by_row(tmp_path: Path) -> None:
    text = csv_of(
        {"id": "c1", "name": "A", "seat": "Japn", "start": "soon"},
        {"id": "c1", "name": "", "access_mode": "x"},
        {"id": "c3", "name": "C", "entrusted_by": "c33"},
    )
    found = faults(tmp_path, text)
    assert [(fault.split(":")[1], fault.rsplit("[")[-1].strip("]")) for fault in found] == [
        ("2", "country"),
        ("2", "day"),
        ("3", "mode"),
        ("3", "duplicate"),
        ("3", "required"),
        ("4", "reference"),
    ]
    assert "no contractor has the id 'c33'; did you mean c3?" in found[-1]
    assert "'c1' stands on row 2 too" in found[3]


def test_reentrustment_is_a_chain_and_no_ring(tmp_path: Path) -> None:
    chain = [{"id": f"c{n}", "name": f"N{n}", "entrusted_by": f"c{n - 1}" if n else ""} for n in range(4)]
    rows = read(tmp_path, csv_of(*reversed(chain)))
    assert {row.contractor_id: row.entrusted_by for row in rows["contractors"]} == {
        "c0": "",
        "c1": "c0",
        "c2": "c1",
        "c3": "c2",
    }
    chain[0]["entrusted_by"] = "c2"
    found = faults(tmp_path, csv_of(*chain))
    assert len(found) == 3  # c3 hangs from the ring but is not in it
    assert "entrusts itself: c0 → c2 → c1 → c0" in found[0]


def test_a_parent_may_be_another_contractor(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        csv_of(
            {"id": "c1", "name": "Child", "parent_name": "The Parent, Inc.", "parent_seat": "US"},
            {"id": "c2", "name": "THE PARENT INC", "seat": "US"},
            {"id": "c3", "name": "Other", "parent_name": "Elsewhere", "parent_seat": "DE"},
            {"id": "c4", "name": "Third", "parent_name": "ELSEWHERE"},
        ),
    )
    assert [(row.entity_id, row.owner_id, row.seat) for row in rows["entities"]] == [
        ("c1", "c2", "unknown"),
        ("c2", "", "US"),
        ("c3", "owner:elsewhere", "unknown"),
        ("c4", "owner:elsewhere", "unknown"),
        ("owner:elsewhere", "", "DE"),
    ]


def test_that_there_is_no_parent_is_said_and_not_left_open(tmp_path: Path) -> None:
    rows = read(tmp_path, csv_of({"id": "c1", "name": "A", "parent_name": "none"}, {"id": "c2", "name": "B"}))
    assert [(row.entity_id, row.owner_id) for row in rows["entities"]] == [("c1", "none"), ("c2", "")]


def test_a_contractor_called_none_is_not_taken_for_no_parent(tmp_path: Path) -> None:
    """The owner named here has an id that means the opposite elsewhere."""
    found = faults(
        tmp_path,
        csv_of({"id": "none", "name": "X", "seat": "US"}, {"id": "c2", "name": "B", "parent_name": "X"}),
    )
    assert any("column 'id'" in fault for fault in found)


def test_a_parent_sits_in_one_country(tmp_path: Path) -> None:
    (fault,) = faults(
        tmp_path,
        csv_of(
            {"id": "c1", "name": "A", "parent_name": "P", "parent_seat": "US"},
            {"id": "c2", "name": "B", "parent_name": "P", "parent_seat": "DE"},
        ),
    )
    assert "row 3, column 'parent_seat': 'P' sits in US on row 2, here in DE" in fault


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["R: the register is empty; it needs a header row [header]"]),
        ("\r\n,,\r\n", ["R: the register is empty; it needs a header row [header]"]),
        ("id\r\n1\r\n", ["R:1: column 'name' (委託先名) is missing [column]"]),
        ("id,name,seet\r\n1,A,JP\r\n", ["R:1: unknown column 'seet'; did you mean seat? [column]"]),
        ("id,name,zzzzzz\r\n1,A,JP\r\n", ["R:1: unknown column 'zzzzzz' [column]"]),
        ("id,name,ID\r\n1,A,2\r\n", ["R:1: columns 'id' and 'ID' are both id [column]"]),
        ("id,name\r\n1,A,B\r\n", ["R:2: row 2: cell 3 ('B') has no header [column]"]),
        ("id,name,\r\n1,A,B\r\n", ["R:2: row 2: cell 3 ('B') has no header [column]"]),
        ("id,name\r\n1\r\n", ["R:2: row 2, column 'name': is empty [required]"]),
        ('id,name\r\n1,"A\r\n', ["R:2: not CSV: unexpected end of data [csv]"]),
    ],
)
def test_headers_and_shapes(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert faults(tmp_path, text) == messages


def test_empty_rows_are_left_out_and_lines_stay_right(tmp_path: Path) -> None:
    text = 'id,name,seat\r\n\r\n1,"A\r\nB",JP\r\n,,\r\n2,C,Japn\r\n'
    assert faults(tmp_path, text) == [
        "R:6: row 6, column 'seat': 'Japn' is no country; did you mean Japan (JP)? [country]"
    ]


def test_hostile_cells_stay_text(tmp_path: Path) -> None:
    nasty = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "\u202eevil",
        "a\x00b",
        "'; DROP TABLE x",
    ]
    rows = read(tmp_path, csv_of(*({"id": text, "name": text, "purpose": text} for text in nasty)))
    assert sorted(row.name for row in rows["contractors"]) == sorted(nasty)
    assert all(row.name == row.purpose == row.contractor_id for row in rows["contractors"])


# Spreadsheets


def workbook(*rows: list[Any], epoch1904: bool = False) -> bytes:
    book = openpyxl.Workbook()
    if epoch1904:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        book.epoch = CALENDAR_MAC_1904
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_spreadsheet_reads_as_csv_does(tmp_path: Path) -> None:
    rows = read(tmp_path, workbook(COLUMNS, [FULL.get(name) for name in COLUMNS]), "register.xlsx")
    assert rows["contractors"] == [expected(tmp_path / "register.xlsx", 2)]


def test_spreadsheet_numbers_days_and_formulas(tmp_path: Path) -> None:
    header = ["id", "name", "parent_name", "parent_share", "start", "end", "purpose"]
    raw = workbook(
        header,
        [7, "A", "P", 0.51, dt.datetime(2026, 4, 1), dt.date(2027, 3, 31), "=1+1"],
        [8.0, "B", None, None, 46113, 46113.5, '=HYPERLINK("http://evil.example","x")'],
        [None, None],
    )
    first, second = read(tmp_path, raw, "register.xlsx")["contractors"]
    assert (first.contractor_id, first.start, first.end) == ("7", dt.date(2026, 4, 1), dt.date(2027, 4, 1))
    assert first.purpose == "=1+1"
    assert (second.contractor_id, second.start, second.end) == ("8", dt.date(2026, 4, 1), dt.date(2026, 4, 2))
    assert second.purpose.startswith("=HYPERLINK")


def test_spreadsheet_serial_numbers_follow_the_workbooks_calendar(tmp_path: Path) -> None:
    raw = workbook(["id", "name", "start"], ["1", "A", 46113 - 1462], epoch1904=True)
    (row,) = read(tmp_path, raw, "register.xlsx")["contractors"]
    assert row.start == dt.date(2026, 4, 1)


def test_spreadsheet_faults_name_the_row(tmp_path: Path) -> None:
    raw = workbook(["id", "name", "seat", "start"], [], ["1", "#N/A", "Japn", True], ["2", "B", "JP", 1e12])
    assert faults(tmp_path, raw, "register.xlsx") == [
        "R:3: row 3, column 'name': #N/A is a spreadsheet error, not a value [value]",
        "R:3: row 3, column 'name': is empty [required]",
        "R:3: row 3, column 'seat': 'Japn' is no country; did you mean Japan (JP)? [country]",
        "R:3: row 3, column 'start': 'true' is not a day; write it as YYYY-MM-DD [day]",
        "R:4: row 4, column 'start': '1000000000000' is not a day; write it as YYYY-MM-DD [day]",
    ]


def test_a_broken_workbook_is_one_fault(tmp_path: Path) -> None:
    good = workbook(["id", "name"], ["1", "A"])
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("x", "y")
    for raw in (good[:200], good[: len(good) // 2], empty.getvalue()):
        (fault,) = faults(tmp_path, raw, "register.xlsx")
        assert "not a readable workbook" in fault
    assert "the register is empty" in faults(tmp_path, workbook(), "register.xlsx")[0]


# YAML


def test_yaml_reads_as_csv_does(tmp_path: Path) -> None:
    text = """\
contractors:
  - id: "007"
    委託先名: Quasar Support K.K.
    seat: JP
    staff_countries: [Viet Nam, 日本]
    storage_countries: Singapore
    access_mode: remote-plaintext
    services: [chat, mail]
    data_classes: contents
    purpose: support
    principals: ["arn:aws:iam::012345678912:role/support"]
    endpoints: [203.0.113.0/24]
    parent_name: Quasar Holding Ltd
    parent_share: 0.51
    start: 2026-04-01
    end: 2027-03-31
"""
    assert read(tmp_path, text, "r.yaml")["contractors"] == [expected(tmp_path / "r.yaml", 2)]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("contractors: []\nmore: 1\n", ["R:1: needs one key, `contractors`, with a list of entries [schema]"]),
        ("- id: 1\n", ["R:1: needs one key, `contractors`, with a list of entries [schema]"]),
        ("contractors: [1]\n", ["R:1: entry 1 is not a mapping of columns [schema]"]),
        ("contractors:\n  - id: 1\n    id: 2\n", ["R:3: duplicate key 'id', first on line 2 [duplicate-key]"]),
        ("contractors:\n  - {id: 1, ID: 2, name: A}\n", ["R:2: columns 'id' and 'ID' are both id [column]"]),
        (
            "contractors:\n  - id: 1\n    nam: A\n",
            [
                "R:2: column 'name' (委託先名) is missing [column]",
                "R:3: unknown column 'nam'; did you mean name? [column]",
            ],
        ),
        (
            "contractors:\n  - {id: 1, name: [A, B]}\n",
            [
                "R:2: row 2, column 'name': is empty [required]",
                "R:2: row 2, column 'name': takes one value, not a list [value]",
            ],
        ),
        (
            "contractors:\n  - {id: 1, name: A, seat: {x: y}}\n",
            ["R:2: row 2, column 'seat': takes a value, not a mapping [value]"],
        ),
        (
            "contractors:\n  - {id: 1, name: A, seat: NO, staff_countries: [NO, no]}\n",
            ["R:2: row 2, column 'staff_countries': 'no' is no country; did you mean NO? [country]"],
        ),
    ],
)
def test_yaml_faults(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert faults(tmp_path, text, "r.yaml") == messages


def test_a_missing_file_is_a_register_error(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match=r"gone\.csv: cannot be read: No such file"):
        read_register(tmp_path / "gone.csv")


# The template


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_template_is_read_back_without_its_example(tmp_path: Path, language: Any) -> None:
    text = template_csv(language)
    assert text.startswith("\ufeff")
    rows = read(tmp_path, text)
    assert rows.tables == Rows().tables
    filled = text.replace("#example", "c1")
    (row,) = read(tmp_path, filled)["contractors"]
    assert (row.staff_countries, row.storage_countries, row.end) == (("JP", "VN"), (), dt.date(2027, 4, 1))


def test_the_templates_columns_are_documented() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "contractor-register.md"
    header = template_csv().lstrip("\ufeff").splitlines()[0].split(",")
    assert header == COLUMNS
    assert [line.split("`")[1] for line in page.read_text().splitlines() if line.startswith("| `")][
        : len(header)
    ] == header


CELL = st.one_of(st.text(max_size=12), st.sampled_from(["JP", "unknown", "none", "", "2026-04-01", "51%", "c1", "=A1"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)), max_size=4))
def test_any_cells_give_rows_or_faults_with_their_place(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(csv_of(*rows).encode("utf-8", "replace"))
    found = Rows()
    refused: tuple[Fault, ...] = ()
    try:
        found = read_register(file)
    except RegisterError as error:
        refused = error.faults
    filled = [row for row in rows if any(cell.strip() for cell in row.values())]
    kept = [row for row in filled if not row["id"].strip().startswith("#example")]
    assert refused or len(found["contractors"]) == len(kept)
    for row in found["contractors"]:
        assert row.contractor_id
        assert row.name
        assert row.seat
        assert row.staff_countries


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.yaml", "a.xlsx"]))
def test_any_bytes_give_rows_or_faults(tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str) -> None:
    file = tmp_path_factory.getbasetemp() / name
    for content in (raw, b"PK\x03\x04" + raw):
        file.write_bytes(content)
        with pytest.raises(RegisterError):
            read_register(file)
