"""The law catalogue: one dated, cited file per country, read strictly and with every fault at once.

A file holds facts, never a score. Which keys and attributes exist is said in ``method/facts.yaml``; what they are
worth, in ``method/grades.yaml``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError

from residency.data import DataFolders
from residency.dates import in_force, overlaps
from residency.errors import Fault, FaultsError
from residency.method.facts import FactKey, FactWords
from residency.yamlfile import Loaded, Path_, StrictModel, load_model, load_sound, names_of

__all__ = [
    "RATIFIED",
    "Citation",
    "Commitment",
    "CommitmentList",
    "Disclosure",
    "FactEntry",
    "Group",
    "Instrument",
    "Jurisdiction",
    "Jurisdictions",
    "LawChange",
    "load_jurisdictions",
]

Confidence = Literal["high", "medium", "low"]
InstrumentKind = Literal["statute", "regulation", "order", "treaty", "decision", "guidance"]
COMMON_FIELDS = frozenset({"from", "to", "value", "cite", "confidence", "searched", "note", "review_by"})
_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{2,8})?\Z")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def _to_day(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a day; write it as YYYY-MM-DD") from None
    return value


Day = Annotated[dt.date, BeforeValidator(_to_day)]


class Names(StrictModel):
    """A text in English and Japanese."""

    en: str = Field(min_length=1)
    ja: str = Field(min_length=1)


class Title(StrictModel):
    """Title of an instrument: English, and as enacted."""

    en: str = Field(min_length=1)
    original: str = Field(min_length=1)


class Validity(StrictModel):
    """A period in which an instrument binds; ``to`` is the first day it no longer does."""

    start: Day = Field(alias="from")
    end: Day | None = Field(default=None, alias="to")
    note: str | None = None


class Instrument(StrictModel):
    """A law, order, treaty or decision that facts rest on; one that is not in force has no period of it."""

    title: Title
    citation: str = Field(min_length=1)
    kind: InstrumentKind
    in_force: list[Validity]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    ppc_survey: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    note: str | None = None


class Citation(StrictModel):
    """Where in an instrument a fact stands, in our own words, and the page that was read if another than its url."""

    instrument: str
    at: str = Field(min_length=1)
    says: str = Field(min_length=1)
    source: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")


class FactEntry(StrictModel):
    """What is so, from when to when, and how we know.

    ``value`` is one of the key's values, ``unknown`` (then ``searched`` says what was looked at) or ``disputed``
    (then ``note`` says by whom).
    """

    start: Day = Field(alias="from")
    end: Day | None = Field(default=None, alias="to")
    value: str
    attributes: dict[str, str] = Field(default_factory=dict)
    cite: list[Citation] = Field(default_factory=list)
    confidence: Confidence | None = None
    searched: str | None = None
    note: str | None = None
    review_by: Day | None = None

    @property
    def known(self) -> bool:
        """Whether the entry says anything."""
        return self.value != "unknown"


class Disclosure(StrictModel):
    """The sentence a policy may print: whether the country has a system that may affect proper handling."""

    value: Literal["yes", "no", "unknown"]
    summary: Names
    cite: list[Citation] = Field(default_factory=list)
    confidence: Confidence | None = None
    searched: str | None = None


class _File(StrictModel):
    code: str
    name: Names
    parent: str | None = None
    reviewed: Day
    review_by: Day
    instruments: dict[str, Instrument]
    facts: dict[str, list[dict[str, Any]]]
    findings: dict[str, list[dict[str, Any]]]
    disclosure: dict[Literal["may_affect"], Disclosure]


class Jurisdiction(StrictModel):
    """One country or sub-jurisdiction with all its facts."""

    code: str
    name: Names
    parent: str | None
    reviewed: dt.date
    review_by: dt.date
    instruments: dict[str, Instrument]
    facts: dict[str, tuple[FactEntry, ...]]
    disclosure: Disclosure
    file: str
    lines: dict[str, int]

    def at(self, key: str, as_of: dt.date) -> tuple[FactEntry, ...]:
        """Entries of ``key`` in force on ``as_of``; one for each parallel regime, none when nothing is recorded."""
        return tuple(entry for entry in self.facts[key] if in_force(entry, as_of))

    def stale(self, as_of: dt.date) -> bool:
        """Whether the file is past its review date: its facts then count as less certain."""
        return as_of >= self.review_by


class Group(StrictModel):
    """A named set of countries with dated membership."""

    name: Names
    members: dict[str, Validity]
    source: str = Field(pattern=r"^https?://[^\s]+$")
    note: str | None = None


class Commitment(StrictModel):
    """A country's place on an international list."""

    start: Day | None = Field(default=None, alias="from")
    end: Day | None = Field(default=None, alias="to")
    status: str = "member"
    reference: str | None = None
    scope: str | None = None
    source: str = Field(pattern=r"^https?://[^\s]+$")
    confidence: Confidence
    note: str | None = None


RATIFIED = "ratified"
"""Status of a country that ratified a treaty which is not in force for it."""


class CommitmentList(StrictModel):
    """An international list, such as EU adequacy decisions, with its entries by jurisdiction code."""

    title: Names
    kind: Literal["adequacy", "treaty", "declaration", "scheme", "survey", "restriction", "agreement"]
    note: str | None = None
    reviewed: Day
    entries: dict[str, Commitment]


HORIZON = dt.date(2021, 10, 22)
"""The catalogue says what was in force on any day from this one on: what starts on it was in force before, or is not
known to have begun later."""


class LawChange(StrictModel):
    """A fact or instrument that begins or ends on a day."""

    date: dt.date
    country: str
    change: Literal["begins", "ends"]
    subject: str
    value: str
    instrument_id: str | None
    title_en: str | None
    source_url: str | None
    confidence: str | None
    note: str | None


class Jurisdictions(Mapping[str, Jurisdiction]):
    """All files by code, with groups and international lists."""

    def __init__(
        self,
        files: Mapping[str, Jurisdiction],
        groups: Mapping[str, Group],
        commitments: Mapping[str, CommitmentList],
        words: FactWords,
    ) -> None:
        self._files = dict(sorted(files.items()))
        self.groups = dict(groups)
        self.commitments = dict(commitments)
        self.words = words

    def __getitem__(self, code: str) -> Jurisdiction:
        return self._files[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def members(self, code: str, as_of: dt.date) -> frozenset[str]:
        """Countries a code stands for on a day: a group's members, or the country itself."""
        group = self.groups.get(code)
        if group is None:
            return frozenset({code})
        return frozenset(member for member, period in group.members.items() if in_force(period, as_of))

    def name(self, code: str, language: Literal["en", "ja"] = "en") -> str:
        """Common name of a country or group; the code itself when no file has it."""
        item = self._files.get(code) or self.groups.get(code)
        return code if item is None else str(getattr(item.name, language))

    def changes(self, start: dt.date, end: dt.date) -> list[LawChange]:
        """Everything that begins or ends on a day in ``start <= day < end``, in order of date and country.

        What starts on `HORIZON` is no beginning: it was in force before.
        """
        return sorted(
            (change for change in self._all_changes if start <= change.date < end),
            key=lambda change: (change.date, change.country, change.subject, change.change != "ends", change.value),
        )

    @cached_property
    def _all_changes(self) -> list[LawChange]:
        return [change for item in self._files.values() for change in _changes(item)]


def _read_at(entry: object) -> str | None:
    """The page on which a fact was read, where it is not the instrument's own."""
    cites = getattr(entry, "cite", None)
    return cites[0].source if cites else None


def _changes(item: Jurisdiction) -> Iterator[LawChange]:
    def make(day: dt.date, change: Any, subject: str, value: str, ref: str | None, entry: Any) -> LawChange:
        instrument = item.instruments.get(ref) if ref else None
        return LawChange(
            date=day,
            country=item.code,
            change=change,
            subject=subject,
            value=value,
            instrument_id=ref,
            title_en=instrument.title.en if instrument else None,
            source_url=_read_at(entry) or (instrument.url if instrument else None),
            confidence=getattr(entry, "confidence", None),
            note=entry.note,
        )

    for ref, instrument in item.instruments.items():
        for period in instrument.in_force:
            if period.start != HORIZON:
                yield make(period.start, "begins", "instrument", "in force", ref, period)
            if period.end:
                yield make(period.end, "ends", "instrument", "in force", ref, period)
    for key, entries in item.facts.items():
        for entry in entries:
            if not entry.known:
                continue
            first = entry.cite[0].instrument if entry.cite else None
            if entry.start != HORIZON:
                yield make(entry.start, "begins", key, entry.value, first, entry)
            if entry.end:
                yield make(entry.end, "ends", key, entry.value, first, entry)


def load_jurisdictions(folders: DataFolders, words: FactWords, *, only: Iterable[str] | None = None) -> Jurisdictions:
    """Read the catalogue.

    Parameters
    ----------
    folders
        Where the data is. A file of the same code in the overlay adds instruments and replaces facts key by key.
    words
        The closed list of keys, from ``method/facts.yaml``.
    only
        Codes to read; all when left out.

    Raises
    ------
    FaultsError
        With every fault of every file.
    """
    wanted = None if only is None else frozenset(only)
    faults: list[Fault] = []
    groups, commitments = _lists(folders, faults)
    files: dict[str, Jurisdiction] = {}
    for label, path in folders.files("jurisdictions/[A-Z]*.yaml"):
        if wanted is not None and path.stem not in wanted:
            continue
        raw, loaded, found = load_sound(_File, path, label)
        faults.extend(found)
        if raw is None:
            continue
        item, found = _check(raw, loaded, path.stem, words, commitments, files.get(path.stem))
        faults.extend(found)
        if item is not None:
            files[item.code] = item
    if faults:
        raise FaultsError(faults)
    return Jurisdictions(files, groups, commitments, words)


class _Groups(StrictModel):
    groups: dict[str, Group]


class _Commitments(StrictModel):
    lists: dict[str, CommitmentList]


def _lists(folders: DataFolders, faults: list[Fault]) -> tuple[dict[str, Group], dict[str, CommitmentList]]:
    groups: dict[str, Group] = {}
    lists: dict[str, CommitmentList] = {}
    for label, path in folders.files("jurisdictions/_groups.yaml"):
        parsed, _, found = load_model(_Groups, path, label)
        faults.extend(found)
        groups.update(parsed.groups if parsed else {})
    for label, path in folders.files("jurisdictions/_commitments.yaml"):
        kept, _, found = load_model(_Commitments, path, label)
        faults.extend(found)
        lists.update(kept.lists if kept else {})
    return groups, lists


def _check(
    raw: _File,
    loaded: Loaded,
    stem: str,
    words: FactWords,
    commitments: Mapping[str, CommitmentList],
    base: Jurisdiction | None,
) -> tuple[Jurisdiction | None, list[Fault]]:
    faults: list[Fault] = []

    def fault(path: Path_, message: str, rule: str) -> None:
        faults.append(Fault(loaded.file, loaded.line(path), message, rule))

    # fields and entries that the schema refused are absent here, and have been reported
    part = {name: getattr(raw, name, None) for name in _File.model_fields}
    own: Mapping[str, Instrument] = part["instruments"] or {}
    if part["code"] is not None and (raw.code != stem or not _CODE.match(raw.code)):
        fault(("code",), f"code {raw.code!r} must be the file's stem {stem!r}, as XX or XX-NAME", "stem")
    if part["reviewed"] and part["review_by"] and raw.review_by <= raw.reviewed:
        fault(("review_by",), "review_by must be later than reviewed", "review")
    for ref, instrument in own.items():
        if not _ID.match(ref):
            fault(("instruments", ref), f"instrument id {ref!r} must be lower-case words joined by hyphens", "id")
        for position, period in enumerate(instrument.in_force):
            if period.end is not None and period.end <= period.start:
                fault(("instruments", ref, "in_force", position), "`to` must be later than `from`", "period")
        for _, second in overlaps(instrument.in_force):
            position = instrument.in_force.index(second)  # type: ignore[arg-type]
            fault(("instruments", ref, "in_force", position), "in_force periods overlap", "overlap")
    instruments = {**(base.instruments if base else {}), **own}
    named = {*instruments, *names_of(loaded.data, "instruments")}
    used: set[str] = set()
    facts: dict[str, tuple[FactEntry, ...]] = {}
    for section, group_names in (("facts", {"power", "safeguard"}), ("findings", {"finding"})):
        table: dict[str, list[dict[str, Any]]] | None = part[section]
        if table is None:
            continue
        reported = set(names_of(loaded.data, section)) - set(table)
        for key in table:
            if key not in words.keys or words.keys[key].group not in group_names:
                fault((section, key), f"unknown key {key!r}; the closed list is in method/facts.yaml", "fact-key")
        for key, word in words.keys.items():
            if word.group not in group_names:
                continue
            if key not in table:
                if key in reported:
                    continue
                if base is None:
                    fault((section,), f"{key} is missing; write `value: unknown` with what was searched", "missing")
                else:
                    facts[key] = base.facts[key]
                continue
            facts[key] = _entries((section, key), table[key], word, words, named, commitments, used, fault)
    may = (part["disclosure"] or {}).get("may_affect")
    if may is not None:
        _check_support(("disclosure", "may_affect"), may, named, used, fault)
    elif part["disclosure"] is not None and "may_affect" not in names_of(loaded.data, "disclosure"):
        fault(("disclosure",), "may_affect is missing", "missing")
    sections_read = all(part[section] is not None for section in ("facts", "findings", "disclosure"))
    for ref in own:
        if ref not in used and sections_read:
            fault(("instruments", ref), f"instrument {ref!r} is cited by no fact", "unused-instrument")
    if faults or may is None or any(part[name] is None for name in ("code", "name", "reviewed", "review_by")):
        return None, faults
    lines = {".".join(map(str, path)): line for path, line in loaded.lines.items() if len(path) in {2, 3}}
    return (
        Jurisdiction(
            code=raw.code,
            name=raw.name,
            parent=raw.parent,
            reviewed=raw.reviewed,
            review_by=raw.review_by,
            instruments=instruments,
            facts=facts,
            disclosure=may,
            file=loaded.file,
            lines=lines,
        ),
        faults,
    )


def _entries(
    at: Path_,
    rows: list[dict[str, Any]],
    word: FactKey,
    words: FactWords,
    instruments: Set[str],
    commitments: Mapping[str, CommitmentList],
    used: set[str],
    fault: Any,
) -> tuple[FactEntry, ...]:
    if not rows:
        fault(at, f"{at[-1]} has no entry; write `value: unknown` with what was searched", "missing")
    entries: dict[int, FactEntry] = {}
    for position, row in enumerate(rows):
        here = (*at, position)
        plain = {key: value for key, value in row.items() if key in COMMON_FIELDS}
        attributes = {key: value for key, value in row.items() if key not in COMMON_FIELDS}
        for name, value in attributes.items():
            if name not in word.attributes:
                fault((*here, name), f"unknown key {name!r} for {at[-1]}", "attribute")
            elif not words.allows(word.attributes[name], value, commitments):
                fault(
                    (*here, name), f"{name}: {value!r} is none of {words.options(word.attributes[name])}", "attribute"
                )
        try:
            entry = FactEntry.model_validate({**plain, "attributes": {k: str(v) for k, v in attributes.items()}})
        except ValidationError as error:
            for item in error.errors(include_url=False):
                where = (*here, *item["loc"])
                text = "required key is missing" if item["type"] == "missing" else str(item["msg"])
                fault(where, f"{'.'.join(map(str, where[len(at) :]))}: {text.removeprefix('Value error, ')}", "schema")
            cites = plain.get("cite")
            used |= {
                str(cite.get("instrument"))
                for cite in (cites if isinstance(cites, list) else [])
                if isinstance(cite, dict)
            }
            continue
        if entry.end is not None and entry.end <= entry.start:
            fault(here, "`to` must be later than `from`", "period")
        if entry.value not in {*word.values, "unknown", "disputed"}:
            options = ", ".join([*word.values, "unknown", "disputed"])
            fault((*here, "value"), f"value {entry.value!r} is none of {options}", "value")
        needs = entry.value not in {"unknown", "no"} or (entry.value == "no" and word.group != "power")
        for name in word.attributes:
            if needs and name not in attributes and not (entry.value == "no" and name in {"list", "regime"}):
                fault(here, f"{at[-1]}: attribute {name!r} is missing; `unknown` is allowed", "attribute")
        _check_support(here, entry, instruments, used, fault)
        entries[position] = entry
    by_regime: dict[str, list[FactEntry]] = {}
    for entry in entries.values():
        by_regime.setdefault(entry.attributes.get(word.parallel or "", ""), []).append(entry)
    for regime, items in by_regime.items():
        for _, second in overlaps(items):
            place = (*at, max(position for position, entry in entries.items() if entry is second))
            same = f" with the same {word.parallel} {regime!r}" if regime else ""
            fault(place, f"{at[-1]}: periods overlap{same}", "overlap")
    return tuple(entries.values())


def _check_support(here: Path_, item: Any, instruments: Set[str], used: set[str], fault: Any) -> None:
    for position, cite in enumerate(item.cite):
        used.add(cite.instrument)
        if cite.instrument not in instruments:
            fault((*here, "cite", position), f"no instrument {cite.instrument!r} in this file", "citation")
    if item.value == "unknown":
        if not item.searched:
            fault(here, "unknown needs `searched`: what was looked at", "searched")
        return
    if not item.cite:
        fault(here, f"value {item.value!r} has no citation", "uncited")
    if item.confidence is None:
        fault(here, f"value {item.value!r} has no confidence ({', '.join(get_args(Confidence))})", "confidence")
    if item.value == "disputed" and not getattr(item, "note", None):
        fault(here, "disputed needs `note`: who holds what", "disputed")
