"""One more row for a contractor register, filled from the vendor catalogue; all else in the file stays as it is.

CSV and YAML keep every byte that was there. In a workbook one row is put into the first sheet's own part, and all other
parts are kept byte for byte.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.collect.contractors import (
    RegisterWords,
    decoded,
    delimiter_of,
    fold_name,
    read_register,
    register_words,
    titles_of,
)
from residency.dates import in_force
from residency.entities import Entity, owners_of
from residency.errors import Fault, InputError, RegisterError
from residency.escape import plain
from residency.jurisdictions import Jurisdictions
from residency.model import NO_PARENT
from residency.providers import UNBOUNDED
from residency.vendors import UNKNOWN, Vendor, Vendors

__all__ = ["Entry", "Open", "entry_for", "with_entry"]

Cell = str | list[str]
_MODE = "own-systems"
_VALUES = frozenset({"seat", "staff_countries", "storage_countries", "parent_seat", "access_mode"})
"""Columns whose words have a Japanese form."""


@dataclass(frozen=True, slots=True)
class Open:
    """Something an entry leaves open, and the page on which to check it."""

    column: str
    what: str
    page: str


@dataclass(slots=True)
class Entry:
    """One row to add: its cells by column, what they leave open, and what the register has no cell for."""

    cells: dict[str, Cell]
    open: list[Open] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def entry_for(
    vendors: Vendors,
    key: str,
    *,
    customer: str,
    day: dt.date,
    entry_id: str | None = None,
    services: tuple[str, ...] = (),
    location: str | None = None,
) -> Entry:
    """The register entry for a vendor.

    Parameters
    ----------
    customer
        Alpha-2 code of the organisation's seat: it decides with whom the contract is made.
    day
        The day for which parties and owners are taken.
    entry_id
        The entry's id; the vendor's own when left out.
    location
        A storage location on offer; the default when left out.

    Raises
    ------
    InputError
        When there is no such vendor or location.
    """
    if key not in vendors:
        raise InputError(f"no vendor {key!r}; `residency providers vendors` names all")
    vendor = vendors[key]
    place = vendor.place(location)
    if place is None:
        offered = ", ".join(item.name for item in vendor.storage.offered) or "none"
        raise InputError(f"{key} offers no location {location!r}; on offer: {offered}")
    entry = Entry({"id": entry_id or key})
    _party(entry, vendors, vendor, customer, day)
    page = vendor.subprocessors.page if vendor.subprocessors else ""
    found: list[tuple[list[str], Any]] = []
    for access in vendor.staff_access:
        found.append(([*access.countries, UNKNOWN] if access.partial else access.countries, access.source))
        if access.searched:
            entry.notes.append(f"staff: {access.searched}")
    entry.cells["staff_countries"] = _countries(entry, "staff_countries", found, page)
    entry.cells["storage_countries"] = _countries(entry, "storage_countries", [(place.countries, place.source)], page)
    if place.note:
        entry.notes.append(f"storage: {place.note}")
    entry.cells["access_mode"] = _MODE
    entry.cells["services"] = list(services)
    entry.cells["purpose"] = f"{vendor.name.en}: {', '.join(vendor.services)}"
    entry.cells["principals"] = list(vendor.aws_accounts)
    entry.cells["endpoints"] = list(vendor.domains)
    return entry


def _party(entry: Entry, vendors: Vendors, vendor: Vendor, customer: str, day: dt.date) -> None:
    parties = vendor.parties(customer, day)
    if not parties:
        entry.cells |= {"name": vendor.name.en, "seat": UNKNOWN}
        page = vendor.contracting[0].source.url
        entry.open.append(Open("seat", f"with whom customers in {customer} contract is not on file", page))
        return
    party = parties[0]
    for other in parties[1:]:
        entry.notes.append(f"the contract may also be with {vendors.entities[other.entity].name}; check yours")
    entity = vendors.entities[party.entity]
    entry.cells |= {"name": entity.name, "seat": entity.seat}
    _doubt(entry, "name", party.source)
    _doubt(entry, "seat", entity.source)
    if entity.seat == UNKNOWN:
        entry.open.append(Open("seat", UNKNOWN, entity.source.url or ""))
    _parent(entry, vendors.entities, party.entity, day)


def _parent(entry: Entry, entities: Mapping[str, Entity], key: str, day: dt.date) -> None:
    """The register has one parent a row: the one with the largest share; the others and those above are told."""
    stakes = [stake for stake in entities[key].owners if in_force(stake, day) and stake.relation != "licensor"]
    if not stakes:
        if (top := entities[key].top) is not None:
            entry.cells["parent_name"] = NO_PARENT
            _doubt(entry, "parent_name", top.source)
        return
    first = max(stakes, key=lambda stake: stake.share or 0.0)
    parent = entities[first.entity]
    entry.cells |= {"parent_name": parent.name, "parent_seat": parent.seat}
    if first.share is not None:
        entry.cells["parent_share"] = f"{first.share:g}"
    else:
        entry.open.append(Open("parent_share", UNKNOWN, first.source.url or ""))
    _doubt(entry, "parent_name", first.source)
    if parent.seat == UNKNOWN:
        entry.open.append(Open("parent_seat", UNKNOWN, parent.source.url or ""))
    for step in owners_of(entities, key, day):
        if step.stake != first:
            owner = entities[step.parent]
            entry.notes.append(f"{step.stake.relation} of {entities[step.child].name}: {owner.name} ({owner.seat})")


def _countries(entry: Entry, column: str, found: list[tuple[list[str], Any]], page: str) -> list[str]:
    """Codes of all entries; the register takes no group and no "anywhere", so that these become unknown."""
    codes: set[str] = set()
    for countries, source in found:
        where = source.url if source is not None else page
        for code in countries:
            if code == "EU":
                text = "somewhere in the EU, written as unknown: name the countries if you know them"
                entry.open.append(Open(column, text, where))
            elif code == UNBOUNDED:
                entry.open.append(Open(column, "any country, by the vendor's own word; written as unknown", where))
            elif code == UNKNOWN:
                entry.open.append(Open(column, UNKNOWN, where))
            codes.add(UNKNOWN if code in {"EU", UNBOUNDED} else code)
        if source is not None and set(countries) != {UNKNOWN}:
            _doubt(entry, column, source)
    return sorted(codes, key=lambda code: (code == UNKNOWN, code))


def _doubt(entry: Entry, column: str, source: Any) -> None:
    if source.confidence == "low":
        entry.open.append(Open(column, "from general knowledge, not confirmed", source.url or ""))


def with_entry(path: Path, entry: Entry, jurisdictions: Jurisdictions | None = None) -> bytes:
    """The register's content with one more entry.

    Raises
    ------
    RegisterError
        When the register is faulty, has the id already, or would be faulty with the entry.
    InputError
        When the entry cannot be written into a file of this sort.
    """
    before = read_register(path, jurisdictions)
    wanted = str(entry.cells["id"])
    if any(row.contractor_id == wanted for row in before["contractors"]):
        text = f"{wanted!r} stands in the register already; choose another with --id"
        raise RegisterError([Fault(str(path), 0, text, "duplicate")])
    words, raw = register_words(), path.read_bytes()
    if raw.startswith(b"PK\x03\x04"):
        content = _into_xlsx(path, raw, entry, words)
    elif path.suffix.lower() in {".yaml", ".yml"}:
        content = _into_yaml(path, raw, entry, words)
    else:
        content = _into_csv(path, raw, entry, words)
    after = read_register(path, jurisdictions, content)
    kept = set(before["contractors"])
    if {row for row in after["contractors"] if row.contractor_id != wanted} != kept or len(after["contractors"]) != (
        len(kept) + 1
    ):
        raise InputError(f"{path}: the entry cannot be added without touching others; add it by hand")
    return content


def _row(path: Path, titles: list[str], entry: Entry, words: RegisterWords) -> list[str]:
    """The cells of a row below ``titles``, in the language of the header."""
    known = titles_of(words)
    japanese = any(not title.isascii() for title in titles)
    columns = [known.get(fold_name(title), "") for title in titles]
    for column, cell in entry.cells.items():
        if column not in columns and cell:
            shown = cell if isinstance(cell, str) else "; ".join(cell)
            entry.notes.append(f"{path.name} has no column {column}: {shown} was not written")
    return ["; ".join(_worded(column, entry, words, japanese)) for column in columns]


def _worded(column: str, entry: Entry, words: RegisterWords, japanese: bool) -> list[str]:
    cell = entry.cells.get(column, "")
    values = [plain(value) for value in ([cell] if isinstance(cell, str) else cell)]
    if not japanese or column not in _VALUES:
        return values
    unknown = next(word for word in words.words["unknown"] if not word.isascii())
    forms = {UNKNOWN: unknown, _MODE: words.access_modes[_MODE][0]}
    return [forms.get(value, value) for value in values]


def _into_csv(path: Path, raw: bytes, entry: Entry, words: RegisterWords) -> bytes:
    text, encoding = decoded(raw) or ("", "utf-8")
    delimiter = delimiter_of(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    titles = next(row for row in rows if any(cell.strip() for cell in row))
    newline = "\r\n" if "\r\n" in text else "\n"
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerow(_row(path, titles, entry, words))
    added = ("" if text.endswith(("\n", "\r")) else newline) + out.getvalue()
    if encoding == "utf-16":
        encoding = "utf-16-le" if raw.startswith(b"\xff\xfe") else "utf-16-be"
    try:
        return raw + added.encode("utf-8" if encoding == "utf-8-sig" else encoding)
    except UnicodeEncodeError as error:
        text = f"{path}: {error.object[error.start : error.end]!r} cannot be written in CP932; save it as CSV UTF-8"
        raise InputError(text) from None


def _into_yaml(path: Path, raw: bytes, entry: Entry, words: RegisterWords) -> bytes:
    import yaml

    text = raw.decode("utf-8")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    sequence = root.value[0][1]
    titles: dict[str, str] = {}
    for item in sequence.value:
        for title, _ in item.value:
            titles[titles_of(words)[fold_name(title.value)]] = title.value
    japanese = any(not title.isascii() for title in titles.values())
    lines = []
    for column in words.columns:
        values = _worded(column, entry, words, japanese)
        if not any(values):
            continue
        title = titles.get(column, words.columns[column].ja if japanese else column)
        many = isinstance(entry.cells[column], list)
        lines.append(f"{title}: {json.dumps(values if many else values[0], ensure_ascii=False)}")
    newline = "\r\n" if "\r\n" in text else "\n"
    empty = sequence.flow_style and not sequence.value
    if (sequence.flow_style and not empty) or re.search(r"(?m)^(\.\.\.|---)\s*$", text[sequence.start_mark.index :]):
        raise InputError(f"{path}: its list has a form that cannot be added to; write each entry on a line with `- `")
    indent = " " * (2 if empty else sequence.start_mark.column)
    block = newline.join([f"{indent}- {lines[0]}", *(f"{indent}  {line}" for line in lines[1:])]) + newline
    if empty:
        head, tail = text[: sequence.start_mark.index].rstrip(" "), text[sequence.end_mark.index :]
        return (head + newline + block.removesuffix(newline) + (tail or newline)).encode("utf-8")
    return (text + ("" if text.endswith("\n") else newline) + block).encode("utf-8")


def _into_xlsx(path: Path, raw: bytes, entry: Entry, words: RegisterWords) -> bytes:
    import zipfile

    import openpyxl
    from openpyxl.utils import get_column_letter

    book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
    sheet: Any = book.worksheets[0]
    sheet.reset_dimensions()
    filled = [
        (number, list(cells))
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1)
        if any(cell is not None and str(cell).strip() for cell in cells)
    ]
    titles = ["" if cell is None else str(cell) for cell in filled[0][1]]
    values = {
        get_column_letter(position): value
        for position, value in enumerate(_row(path, titles, entry, words), start=1)
        if value
    }
    with zipfile.ZipFile(io.BytesIO(raw)) as old:
        member = _member(old, sheet.title)
        changed = _with_row(old.read(member).decode("utf-8"), filled[-1][0] + 1, values)
        if changed is None:
            raise InputError(f"{path}: its first sheet has a form that cannot be added to; save it as .xlsx again")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as new:
            for info in old.infolist():
                new.writestr(info, changed.encode("utf-8") if info.filename == member else old.read(info))
    return out.getvalue()


def _member(book: Any, title: str) -> str:
    """The part of a workbook that holds a sheet."""
    from xml.etree import ElementTree

    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
    sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).iter(f"{main}sheet")
    wanted = next(item.get(relation) for item in sheets if item.get("name") == title)
    targets = {item.get("Id"): item.get("Target") or "" for item in ElementTree.fromstring(book.read(_RELATIONS))}
    target = targets[wanted]
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


_RELATIONS = "xl/_rels/workbook.xml.rels"


def _with_row(xml: str, number: int, values: Mapping[str, str]) -> str | None:
    """The sheet with one row of texts; an empty row of that number gives way."""
    from xml.sax.saxutils import escape

    end = re.search(r"</((?:\w+:)?)sheetData>", xml)
    if end is None:
        return None
    prefix = end.group(1)
    cells = "".join(
        f'<{prefix}c r="{letter}{number}" t="inlineStr"><{prefix}is><{prefix}t xml:space="preserve">{escape(value)}'
        f"</{prefix}t></{prefix}is></{prefix}c>"
        for letter, value in values.items()
    )
    row = f'<{prefix}row r="{number}">{cells}</{prefix}row>'
    at, until = end.start(), end.start()
    for found in re.finditer(rf'<{prefix}row\b[^>]*?\sr="(\d+)"[^>]*?(?:/>|>.*?</{prefix}row>)', xml, re.S):
        if int(found.group(1)) >= number:
            at = found.start()
            until = found.end() if int(found.group(1)) == number else at
            break
    xml = xml[:at] + row + xml[until:]
    return re.sub(
        r'(<(?:\w+:)?dimension ref="[A-Z]+\d+:[A-Z]+)(\d+)"',
        lambda match: f'{match.group(1)}{max(number, int(match.group(2)))}"',
        xml,
        count=1,
    )
