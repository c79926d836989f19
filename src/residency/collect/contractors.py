"""The contractor register: a CSV, XLSX or YAML file that people keep → `Contractor` and `EntityRow` rows.

Every bad cell is reported at once, with row and column. An empty country cell means unknown, never none. Cells are
text: nothing is evaluated, a formula least of all.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from residency.countries import load_countries
from residency.errors import Fault, RegisterError
from residency.inventory.tables import Contractor, EntityRow, Rows
from residency.jurisdictions import Jurisdictions
from residency.model import ACCESS_MODES, NO_PARENT
from residency.yamlfile import StrictModel, load_model, parse

__all__ = [
    "RegisterWords",
    "decoded",
    "delimiter_of",
    "fold_name",
    "known_country_names",
    "read_register",
    "register_words",
    "template_csv",
    "titles_of",
]

UNKNOWN = "unknown"
_HERE = Path(__file__).resolve().parent
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([%％]?)\Z")
_DAY = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*日?\Z")
_CODE = re.compile(r"[A-Z]{2}\Z")


class _Column(StrictModel):
    kind: Literal["text", "country", "countries", "list", "mode", "day", "share", "id"]
    ja: str
    also: list[str]
    required: bool = False
    none: bool = False


class RegisterWords(StrictModel):
    """Columns of the register, the headers people write, and the words of its cells."""

    columns: dict[str, _Column]
    words: dict[Literal["unknown", "none"], list[str]]
    access_modes: dict[str, list[str]]
    separators: list[str]
    spreadsheet_errors: list[str]
    comment: str
    example: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Record:
    """One row: its line, and by column the header as written and the cell."""

    line: int
    cells: dict[str, tuple[str, Any]]


@dataclass(slots=True)
class _Reading:
    """What is needed to read cells, and the faults found so far."""

    file: str
    words: RegisterWords
    countries: Mapping[str, str]
    groups: frozenset[str] = frozenset()
    epoch: dt.datetime | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: int, message: str, rule: str, column: str = "") -> None:
        place = f"row {line}, column {column!r}: " if column else ""
        self.faults.append(Fault(self.file, line, place + message, rule))

    def is_word(self, word: Literal["unknown", "none"], text: str) -> bool:
        return unicodedata.normalize("NFKC", text).casefold() in self.words.words[word]


def read_register(path: Path, jurisdictions: Jurisdictions | None = None, content: bytes | None = None) -> Rows:
    """Read a register; the kind of file is told from its content, YAML from its name.

    Parameters
    ----------
    path
        ``.csv`` (UTF-8 or CP932), ``.xlsx`` (first sheet) or ``.yaml`` with a list ``contractors``.
    jurisdictions
        Adds its names to the countries known.
    content
        What to read instead of what the file holds now.

    Raises
    ------
    RegisterError
        With every bad cell of the file.
    """
    groups = frozenset(jurisdictions.groups) if jurisdictions is not None else frozenset()
    reading = _Reading(str(path), register_words(), known_country_names(jurisdictions), groups)
    try:
        raw = path.read_bytes() if content is None else content
    except OSError as error:
        raise RegisterError([Fault(str(path), 0, f"cannot be read: {error.strerror}", "unreadable")]) from None
    if raw.startswith(b"PK\x03\x04"):
        records = list(_from_xlsx(raw, reading))
    elif path.suffix.lower() in {".yaml", ".yml"}:
        records = list(_from_yaml(raw, reading))
    else:
        records = list(_from_csv(raw, reading))
    rows = _rows(records, reading)
    if reading.faults:
        raise RegisterError(reading.faults)
    return rows.sorted()


def known_country_names(jurisdictions: Jurisdictions | None = None) -> dict[str, str]:
    """Alpha-2 code by name, folded as `fold_name` does: ISO 3166-1 in English and Japanese, and the catalogue."""
    names: dict[str, str] = {}
    for code, entry in load_countries().items():
        for name in (entry.en, entry.ja, *entry.also):
            names[fold_name(name)] = code
    for code, item in (jurisdictions or {}).items():
        if _CODE.match(code):
            names.setdefault(fold_name(item.name.en), code)
            names.setdefault(fold_name(item.name.ja), code)
    return names


def fold_name(name: str) -> str:
    """A name without case, width, accents, spaces and punctuation, and without a leading ``the``."""
    wide = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    plain = unicodedata.normalize("NFC", "".join(mark for mark in wide if not "\u0300" <= mark <= "\u036f"))
    return "".join(mark for mark in plain.removeprefix("the ") if mark.isalnum())


def template_csv(language: Literal["en", "ja"] = "en") -> str:
    """An empty register with its header and one example row, which reading leaves out.

    The text begins with a byte order mark, so that spreadsheets take it for UTF-8.
    """
    words = register_words()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.ja if language == "ja" else name for name, column in words.columns.items()])
    writer.writerow([words.example[name] for name in words.columns])
    return "\ufeff" + out.getvalue()


def register_words() -> RegisterWords:
    """The words as shipped."""
    model, _, faults = load_model(RegisterWords, _HERE / "register_columns.yaml", "register_columns.yaml")
    if model is None:
        raise RegisterError(faults)
    return model


# Files → records


def _from_csv(raw: bytes, reading: _Reading) -> Iterator[_Record]:
    found = decoded(raw)
    if found is None:
        reading.fault(0, "neither UTF-8 nor CP932; save it as CSV UTF-8", "encoding")
        return
    lines = csv.reader(io.StringIO(found[0], newline=""), delimiter=delimiter_of(found[0]), strict=True)
    rows: list[tuple[int, list[Any]]] = []
    line = 1
    try:
        for cells in lines:
            rows.append((line, list(cells)))
            line = lines.line_num + 1
    except csv.Error as error:
        reading.fault(line, f"not CSV: {error}", "csv")
    yield from _from_rows(rows, reading)


def decoded(raw: bytes) -> tuple[str, str] | None:
    """The text of a CSV file and the encoding it is in; None when it is in none that is read."""
    utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp932"):
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return None


def delimiter_of(text: str) -> str:
    """What divides the cells of a CSV text: comma, tab or semicolon, whichever its first line has most of."""
    return max(",\t;", key=text.partition("\n")[0].count)


def _from_xlsx(raw: bytes, reading: _Reading) -> Iterator[_Record]:
    import zipfile
    import zlib
    from xml.etree.ElementTree import ParseError

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # Formulas stay text: data_only would take results that another program computed.
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=False, keep_links=False)
        sheet: Any = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size may be wrong
        reading.epoch = book.epoch
        rows = [(number, list(cells)) for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1)]
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, InvalidFileException, ParseError),
        *(KeyError, IndexError, ValueError, TypeError),
    ) as error:
        reading.fault(0, f"not a readable workbook ({type(error).__name__}); save it as .xlsx again", "workbook")
        return
    yield from _from_rows(rows, reading)


def _from_rows(rows: list[tuple[int, list[Any]]], reading: _Reading) -> Iterator[_Record]:
    filled = [(line, cells) for line, cells in rows if any(_plain(cell) for cell in cells)]
    if not filled:
        if not reading.faults:
            reading.fault(0, "the register is empty; it needs a header row", "header")
        return
    header_line, titles = filled[0]
    columns = _header(header_line, [_plain(cell) for cell in titles], reading)
    for line, cells in filled[1:]:
        record: dict[str, tuple[str, Any]] = {}
        for position, (name, title) in columns.items():
            record[name] = (title, cells[position] if position < len(cells) else None)
        for position, cell in enumerate(cells):
            if _plain(cell) and (position >= len(titles) or not _plain(titles[position])):
                reading.fault(line, f"row {line}: cell {position + 1} ({_shown(cell)}) has no header", "column")
        yield _Record(line, record)


def _header(line: int, titles: list[str], reading: _Reading) -> dict[int, tuple[str, str]]:
    known = titles_of(reading.words)
    columns: dict[int, tuple[str, str]] = {}
    taken: dict[str, str] = {}
    for position, title in enumerate(titles):
        if not title:
            continue
        name = known.get(fold_name(title))
        if name is None:
            hint = _suggestion(fold_name(title), known)
            reading.fault(line, f"unknown column {_shown(title)}{hint}", "column")
        elif name in taken:
            reading.fault(line, f"columns {taken[name]!r} and {title!r} are both {name}", "column")
        else:
            taken[name] = title
            columns[position] = (name, title)
    _required(line, taken, reading)
    return columns


def _required(line: int, present: Mapping[str, Any], reading: _Reading) -> None:
    for name, column in reading.words.columns.items():
        if column.required and name not in present:
            reading.fault(line, f"column {name!r} ({column.ja}) is missing", "column")


def titles_of(words: RegisterWords) -> dict[str, str]:
    """Column by header, folded as `fold_name` does."""
    return {
        fold_name(title): name for name, column in words.columns.items() for title in (name, column.ja, *column.also)
    }


def _from_yaml(raw: bytes, reading: _Reading) -> Iterator[_Record]:
    loaded = parse(raw, reading.file)
    reading.faults.extend(loaded.faults)
    entries = loaded.data.get("contractors") if isinstance(loaded.data, dict) else None
    if loaded.faults:
        return
    if not isinstance(entries, list) or set(loaded.data) != {"contractors"}:
        reading.fault(1, "needs one key, `contractors`, with a list of entries", "schema")
        return
    known = titles_of(reading.words)
    for position, entry in enumerate(entries):
        line = loaded.line(("contractors", position))
        if not isinstance(entry, dict):
            reading.fault(line, f"entry {position + 1} is not a mapping of columns", "schema")
            continue
        record: dict[str, tuple[str, Any]] = {}
        for title, value in entry.items():
            name = known.get(fold_name(title))
            at = loaded.line(("contractors", position, title))
            if name is None:
                reading.fault(at, f"unknown column {_shown(title)}{_suggestion(fold_name(title), known)}", "column")
            elif name in record:
                reading.fault(at, f"columns {record[name][0]!r} and {title!r} are both {name}", "column")
            else:
                record[name] = (title, value)
        _required(line, record, reading)
        yield _Record(line, record)


# Records → rows


def _rows(records: list[_Record], reading: _Reading) -> Rows:
    rows = Rows()
    read: list[tuple[_Record, dict[str, Any]]] = []
    lines: dict[str, int] = {}
    for record in records:
        key = _plain(record.cells.get("id", ("", ""))[1])
        if key.startswith(reading.words.comment):
            continue
        values = {name: _value(name, column, record, reading) for name, column in reading.words.columns.items()}
        if values["id"] in lines:
            title = record.cells["id"][0]
            reading.fault(
                record.line, f"{_shown(values['id'])} stands on row {lines[values['id']]} too", "duplicate", title
            )
        elif values["id"] == NO_PARENT:
            reading.fault(
                record.line, f"{NO_PARENT} stands for no parent; take another id", "id", record.cells["id"][0]
            )
        elif values["id"]:
            lines[values["id"]] = record.line
        start, end = values["start"], values["end"]
        if start and end and end < start:
            reading.fault(record.line, f"{end} is before the start, {start}", "period", record.cells["end"][0])
        read.append((record, values))
    _check_chain(read, lines, reading)
    owners = _owners(read, reading)
    if reading.faults:
        return rows
    seen_owners: set[str] = set()
    for record, values in read:
        source = f"{reading.file} row {record.line}"
        rows.add(
            Contractor(
                contractor_id=values["id"],
                name=values["name"],
                seat=values["seat"],
                staff_countries=values["staff_countries"],
                storage_countries=values["storage_countries"],
                access_mode=values["access_mode"],
                services=values["services"],
                data_classes=values["data_classes"],
                purpose=values["purpose"],
                principals=values["principals"],
                endpoints=values["endpoints"],
                entrusted_by=values["entrusted_by"],
                start=values["start"],
                # The register names the last day; periods here end on the first day after.
                end=values["end"] + dt.timedelta(days=1) if values["end"] else None,
                source=source,
            )
        )
        owner = owners.get(record.line)
        rows.add(
            EntityRow(
                entity_id=values["id"],
                name=values["name"],
                seat=values["seat"],
                owner_id=owner.id if owner else "",
                share=values["parent_share"],
                source=source,
            )
        )
        if owner and owner.id not in {NO_PARENT, *lines, *seen_owners}:
            seen_owners.add(owner.id)
            rows.add(EntityRow(entity_id=owner.id, name=owner.name, seat=owner.seat, source=source))
    return rows


def _check_chain(read: list[tuple[_Record, dict[str, Any]]], lines: Mapping[str, int], reading: _Reading) -> None:
    """Re-entrustment leads to entries of the register and ends somewhere."""
    above = {values["id"]: values["entrusted_by"] for _, values in read}
    for record, values in read:
        named = values["entrusted_by"]
        if not named:
            continue
        title = record.cells["entrusted_by"][0]
        if named not in lines:
            hint = _suggestion(named, {key: key for key in lines})
            reading.fault(record.line, f"no contractor has the id {_shown(named)}{hint}", "reference", title)
            continue
        chain = [values["id"]]
        while (step := above.get(chain[-1], "")) and step not in chain:
            chain.append(step)
        if step == values["id"]:
            ring = " → ".join([*chain, step])
            reading.fault(record.line, f"entrusts itself: {ring}", "ring", title)


@dataclass(slots=True)
class _Owner:
    id: str
    name: str
    seat: str
    line: int


def _owners(read: list[tuple[_Record, dict[str, Any]]], reading: _Reading) -> dict[int, _Owner]:
    """The parent of each row: another contractor of that id or name, or a company of its own."""
    owners: dict[str, _Owner] = {}
    for record, values in read:
        owner = _Owner(values["id"], values["name"], values["seat"], record.line)
        for key in (values["id"], values["name"]):
            owners.setdefault(fold_name(key) or key, owner)
    found: dict[int, _Owner] = {}
    for record, values in read:
        name, seat = values["parent_name"], values["parent_seat"]
        none = reading.is_word("none", name)
        if not name or none:
            for column in ("parent_seat", "parent_share"):
                title, cell = record.cells.get(column, (column, None))
                if _plain(cell):
                    reading.fault(record.line, "there is no parent_name it belongs to", "parent", title)
            if none:
                found[record.line] = _Owner(NO_PARENT, "", UNKNOWN, record.line)
            continue
        key = fold_name(name) or name
        owner = owners.setdefault(key, _Owner(f"owner:{key}", name, seat, record.line))
        if owner.id == values["id"]:
            reading.fault(record.line, "a company is not its own parent", "ring", record.cells["parent_name"][0])
        elif owner.seat == UNKNOWN:
            owner.seat = seat
        elif seat not in {UNKNOWN, owner.seat}:
            title = record.cells["parent_seat"][0]
            reading.fault(
                record.line, f"{_shown(name)} sits in {owner.seat} on row {owner.line}, here in {seat}", "parent", title
            )
        found[record.line] = owner
    return found


# Cells → values


def _value(name: str, column: _Column, record: _Record, reading: _Reading) -> Any:
    title, cell = record.cells.get(name, (name, None))
    if isinstance(cell, str) and cell.strip() in reading.words.spreadsheet_errors:
        reading.fault(record.line, f"{cell.strip()} is a spreadsheet error, not a value", "value", title)
        cell = None
    if isinstance(cell, list) and column.kind not in {"countries", "list"}:
        reading.fault(record.line, "takes one value, not a list", "value", title)
        cell = None
    if isinstance(cell, dict):
        reading.fault(record.line, "takes a value, not a mapping", "value", title)
        cell = None

    def fault(message: str, rule: str) -> None:
        reading.fault(record.line, message, rule, title)

    if column.kind == "day":
        return _day(cell, reading, fault)
    if column.kind == "share":
        return _share(cell, reading, fault)
    if column.kind == "list":
        return tuple(dict.fromkeys(_parts(cell, reading)))
    if column.kind == "countries":
        return _countries(cell, column, reading, fault)
    text = _plain(cell)
    if column.kind == "country":
        return _country(text, reading, fault) if text else UNKNOWN
    if column.kind == "mode":
        return _mode(text, reading, fault)
    if column.required and not text and name in record.cells:
        fault("is empty", "required")
    return text


def _parts(cell: Any, reading: _Reading) -> list[str]:
    if isinstance(cell, list):
        return [text for item in cell if (text := _plain(item))]
    text = _plain(cell)
    for separator in reading.words.separators:
        text = text.replace(separator, "\n")
    return [part.strip() for part in text.splitlines() if part.strip()]


def _countries(cell: Any, column: _Column, reading: _Reading, fault: Any) -> tuple[str, ...]:
    whole = _plain(cell)
    parts = [whole] if whole and fold_name(whole) in reading.countries else _parts(cell, reading)
    if not parts:
        return (UNKNOWN,)
    if column.none and any(reading.is_word("none", part) for part in parts):
        if len(parts) > 1:
            fault("`none` stands alone", "country")
        return ()
    return tuple(sorted({_country(part, reading, fault) for part in parts}))


def _country(text: str, reading: _Reading, fault: Any) -> str:
    codes = set(reading.countries.values())
    wide = unicodedata.normalize("NFKC", text)
    if wide in codes:
        return wide
    if reading.is_word("unknown", text):
        return UNKNOWN
    if (found := reading.countries.get(fold_name(text))) is not None:
        return found
    hint = "; write an alpha-2 code, a country's name, or unknown"
    if wide.upper() in reading.groups:
        hint = "; it is a group: name its countries, or write unknown"
    elif wide.upper() in codes:
        hint = f"; did you mean {wide.upper()}?"
    elif close := difflib.get_close_matches(fold_name(text), reading.countries, n=1):
        hint = f"; did you mean {_country_name(close[0], reading)} ({reading.countries[close[0]]})?"
    fault(f"{_shown(text)} is no country{hint}", "country")
    return UNKNOWN


def _country_name(folded: str, reading: _Reading) -> str:
    entry = load_countries().get(reading.countries[folded])
    names = [entry.en, entry.ja, *entry.also] if entry else []
    return next((name for name in names if fold_name(name) == folded), folded)


def _mode(text: str, reading: _Reading, fault: Any) -> str:
    if not text:
        return UNKNOWN
    known = {fold_name(word): mode for mode, words in reading.words.access_modes.items() for word in (mode, *words)}
    found = known.get(fold_name(text))
    if found is None:
        options = ", ".join(ACCESS_MODES)
        fault(f"{_shown(text)} is no access mode{_suggestion(fold_name(text), known)}; it is one of {options}", "mode")
        return UNKNOWN
    return found


def _day(cell: Any, reading: _Reading, fault: Any) -> dt.date | None:
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool) and reading.epoch is not None:
        from openpyxl.utils.datetime import from_excel

        try:
            moment: Any = from_excel(cell, reading.epoch)
        except (ValueError, OverflowError):
            moment = None
        if isinstance(moment, dt.datetime):
            return moment.date()
    text = _plain(cell)
    if not text:
        return None
    try:
        match = _DAY.match(unicodedata.normalize("NFKC", text))
        if match:
            return dt.date(*map(int, match.groups()))
    except ValueError:
        pass
    fault(f"{_shown(text)} is not a day; write it as YYYY-MM-DD", "day")
    return None


def _share(cell: Any, reading: _Reading, fault: Any) -> float | None:
    text = unicodedata.normalize("NFKC", _plain(cell))
    if not text or reading.is_word("unknown", text):
        return None
    match = _SHARE.match(text)
    share = float(match.group(1)) / (100 if match.group(2) else 1) if match else 0.0
    if not 0 < share <= 1:
        fault(f"{_shown(text)} is not a share; write 51% or 0.51", "share")
        return None
    return share


def _plain(cell: Any) -> str:
    """A cell as text: numbers without a trailing ``.0``, days in ISO, a formula as it is written."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, list | tuple):
        return "; ".join(_plain(item) for item in cell)
    return str(getattr(cell, "text", cell)).strip()


def _suggestion(folded: str, known: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(folded, known, n=1)
    return f"; did you mean {known[close[0]]}?" if close else ""


def _shown(value: Any) -> str:
    text = repr(_plain(value))
    return text if len(text) <= 60 else text[:57] + "..."
