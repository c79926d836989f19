"""What the page shows, as plain rows made from scores and policy alone, in an order that depends on content alone."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from residency.dates import in_force
from residency.disclosure.render import country_namer
from residency.graph import Inputs
from residency.interval import ZERO, Interval
from residency.inventory.coverage import coverage
from residency.inventory.tables import Access, Contractor
from residency.jurisdictions import Citation, FactEntry, Jurisdiction
from residency.model import COMPLETE_STATUSES, Channel
from residency.providers import UNBOUNDED
from residency.report.trees import witness
from residency.scoring import Cell, Scores

__all__ = [
    "AccountRow",
    "ContractorRow",
    "Country",
    "CountryRow",
    "Exposure",
    "GapRow",
    "LawRow",
    "Namer",
    "Observed",
    "PlaceRow",
    "SweepRow",
    "Tie",
    "accounts",
    "contractors",
    "countries",
    "exposures",
    "gaps",
    "laws",
    "namer",
    "hidden_units",
    "nobody",
    "places",
    "share",
    "sweeps",
    "tie",
    "unclassified",
]

Tie = Literal["seen", "possible", "gaps", "none"]
"""How sure it is that a jurisdiction reaches data at all, whatever its law: a path was seen; a path over seen rows is
possible; only what was not seen could hold one; none."""

_ORDER: Mapping[str, int] = {"seen": 0, "possible": 1, "gaps": 2, "none": 3}


@dataclass(frozen=True, slots=True)
class Country:
    """A code with its English and Japanese names."""

    code: str
    en: str
    ja: str


Namer = Callable[[str], Country]


def namer(inputs: Inputs) -> Namer:
    """Names of countries and groups in both languages."""
    english, japanese = country_namer(inputs, "en"), country_namer(inputs, "ja")
    return lambda code: Country(code, english(code), japanese(code))


# exposures


@dataclass(frozen=True, slots=True)
class Exposure:
    """One cell as a row. ``path`` gives the upper bound of what was seen, or of everything when nothing was."""

    number: int
    cell: Cell
    service: str
    data_class: str
    country: Country
    channel: Channel
    tie: Tie
    band: str
    rank: int
    rank_lo: int
    band_with: str
    rank_with: int
    stores: str
    path: tuple[str, ...]


def tie(cell: Cell) -> Tie:
    """How sure a path is, in the page's words; it does not depend on any law."""
    return "gaps" if cell.tie == "unseen" else cell.tie


def band_of(scores: Scores, value: float) -> tuple[str, int]:
    """The name of a band and its place from the bottom."""
    bands = scores.inputs.judgement.strengths.bands
    band = scores.inputs.judgement.band(value)
    return band.name, bands.index(band)


def exposures(scores: Scores, name: Namer, limit: int) -> tuple[list[Exposure], dict[str, int]]:
    """Rows, highest first, and how many were left out by jurisdiction.

    Every jurisdiction keeps its highest cells, the same number for each, so that none drops out of the page.
    """
    services = {service.id: service.name.en for service in scores.inputs.config.services}
    classes = scores.inputs.judgement.classes
    by_country: dict[str, list[Cell]] = {}
    for cell in scores.cells:
        by_country.setdefault(cell.jurisdiction, []).append(cell)
    each = share(map(len, by_country.values()), limit)
    kept: list[Cell] = []
    left: dict[str, int] = {}
    for code, cells in sorted(by_country.items()):
        kept.extend(sorted(cells, key=_order)[:each])
        if len(cells) > each:
            left[code] = len(cells) - each
    rows = []
    for number, cell in enumerate(sorted(kept, key=_order)):
        service, data_class = cell.dataset.split("/", 1)
        stores, steps = witness(cell.seen_trace or cell.trace)
        band, rank = band_of(scores, cell.seen.hi)
        band_with, rank_with = band_of(scores, cell.value.hi)
        rows.append(
            Exposure(
                number,
                cell,
                services.get(service, service),
                classes[data_class].name.en,
                name(cell.jurisdiction),
                cell.channel,
                tie(cell),
                band,
                rank,
                band_of(scores, cell.seen.lo)[1],
                band_with,
                rank_with,
                stores.label,
                tuple(step.label for step in steps),
            )
        )
    return rows, left


def _order(cell: Cell) -> tuple[float | int | str, ...]:
    return (
        _ORDER[tie(cell)],
        -cell.seen.hi,
        -cell.seen.lo,
        -cell.value.hi,
        cell.dataset,
        cell.jurisdiction,
        cell.channel,
    )


def share(sizes: Iterable[int], limit: int) -> int:
    """The largest number that each may keep so that all together keep no more than ``limit``; at least one."""
    ordered = sorted(sizes)
    room = limit
    for number, size in enumerate(ordered):
        even = room // (len(ordered) - number)
        if size > even:
            return max(even, 1)
        room -= size
    return max(ordered, default=1)


# jurisdictions


@dataclass(frozen=True, slots=True)
class CountryRow:
    """One jurisdiction: its maxima, and what lies or sits there."""

    country: Country
    seen: Interval
    value: Interval
    tie: Tie
    band: str
    rank: int
    rank_lo: int
    band_with: str
    rank_with: int
    stores: int
    stores_possible: int
    contractors: tuple[str, ...]
    law: str
    law_note: str
    system: str
    summary: Country


def countries(
    scores: Scores, placed: Sequence[PlaceRow], register: Sequence[ContractorRow], name: Namer
) -> list[CountryRow]:
    """Every jurisdiction with a cell, highest first."""
    inputs = scores.inputs
    ties: dict[str, Tie] = {}
    for cell in scores.cells:
        found = tie(cell)
        if _ORDER[found] < _ORDER[ties.get(cell.jurisdiction, "none")]:
            ties[cell.jurisdiction] = found
    sure: dict[str, set[str]] = {}
    maybe: dict[str, set[str]] = {}
    for place in placed:
        sure.setdefault(place.country.code, set()).update(place.sure)
        maybe.setdefault(place.country.code, set()).update(place.maybe)
    sits: dict[str, set[str]] = {}
    for item in register:
        for code in item.codes:
            sits.setdefault(code, set()).add(item.name)
    rows = []
    for code, value in scores.by_jurisdiction.items():
        seen = scores.seen_by_jurisdiction.get(code, ZERO)
        band, rank = band_of(scores, seen.hi)
        band_with, rank_with = band_of(scores, value.hi)
        law, note, system, summary = _law_state(inputs, code)
        rows.append(
            CountryRow(
                name(code),
                seen,
                value,
                ties.get(code, "none"),
                band,
                rank,
                band_of(scores, seen.lo)[1],
                band_with,
                rank_with,
                len(sure.get(code, ())),
                len(maybe.get(code, set()) - sure.get(code, set())),
                tuple(sorted(sits.get(code, ()))),
                law,
                note,
                system,
                summary,
            )
        )
    return sorted(rows, key=lambda row: (_ORDER[row.tie], -row.seen.hi, -row.seen.lo, -row.value.hi, row.country.code))


def _law_state(inputs: Inputs, code: str) -> tuple[str, str, str, Country]:
    file = inputs.jurisdictions.get(code)
    if file is None:
        if code in inputs.jurisdictions.groups:
            return "group", "any member may be meant", "unknown", Country("", "", "")
        note = "no country, so no law to read" if code == UNBOUNDED else "no file"
        return "none", f"{note}: every power counts as not known", "unknown", Country("", "", "")
    unknown = sum(
        1 for key in file.facts if not any(entry.known for entry in file.at(key, inputs.as_of)) and _is_fact(key)
    )
    total = sum(1 for key in file.facts if _is_fact(key))
    note = f"reviewed {file.reviewed}, {total - unknown} of {total} facts known"
    if file.stale(inputs.as_of):
        note += f"; past its review day {file.review_by}, so it counts as less certain"
    said = file.disclosure
    stale_no = said.value == "no" and file.stale(inputs.as_of)
    return (
        "stale" if file.stale(inputs.as_of) else "file",
        note,
        "unknown" if stale_no else said.value,
        Country("", said.summary.en, said.summary.ja),
    )


def _is_fact(key: str) -> bool:
    return key.split(".", 1)[0] in {"power", "safeguard"}


# where datasets lie


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A dataset in a country: stores by role, those that hold it for certain and those that may."""

    dataset: str
    service: str
    data_class: str
    country: Country
    home: bool
    roles: tuple[tuple[str, int, int], ...]
    sure: frozenset[str]
    maybe: frozenset[str]


def places(inputs: Inputs, name: Namer) -> list[PlaceRow]:
    """Every dataset by country, home too. A store without a reported place lies in a country that cannot be told."""
    held: dict[str, list[tuple[str, bool]]] = {}
    for holding in inputs.holdings:
        if holding.held != "no":
            held.setdefault(holding.store_id, []).append((holding.dataset, holding.held == "yes"))
    spots: dict[str, set[tuple[str, str, bool]]] = {}
    known: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = {}
    for row in inputs.rows["placements"]:
        if row.store_id not in held:
            continue
        key = (row.location_provider, row.location)
        if key not in known:
            found = inputs.providers.locate(row.location_provider, row.location or None, inputs.as_of)
            bounded = len(found.countries) == 1 or found.holds == "all"
            known[key] = (tuple(sorted(found.countries)), bounded)
        codes, certain = known[key]
        spots.setdefault(row.store_id, set()).update((code, row.role, certain) for code in codes)
    for store in inputs.rows["stores"]:
        if store.store_id in held and store.store_id not in spots:
            spots[store.store_id] = {(UNBOUNDED, "place not reported", True)}
    gathered: dict[tuple[str, str], dict[str, tuple[set[str], set[str]]]] = {}

    def put(dataset: str, code: str, role: str, store: str, certain: bool) -> None:
        pair = gathered.setdefault((dataset, code), {}).setdefault(role, (set(), set()))
        pair[0 if certain else 1].add(store)

    for store_id, found_spots in spots.items():
        for dataset, holds in held[store_id]:
            for code, role, certain in found_spots:
                put(dataset, code, role, store_id, holds and certain)
    for item in inputs.rows["contractors"]:
        if not in_force(_Period(item.start, item.end), inputs.as_of):
            continue
        codes = item.storage_countries or (("unknown",) if item.access_mode in {"own-systems", "unknown"} else ())
        for code in codes:
            for entrusted in inputs.config.datasets():
                if (not item.services or entrusted.service in item.services) and (
                    not item.data_classes or entrusted.data_class in item.data_classes
                ):
                    certain = bool(item.services and item.data_classes) and item.access_mode == "own-systems"
                    place = UNBOUNDED if code == "unknown" else code
                    put(entrusted.id, place, "kept by a contractor", f"contractor:{item.contractor_id}", certain)
    services = {service.id: service.name.en for service in inputs.config.services}
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    rows = []
    for (dataset, code), roles in gathered.items():
        service, data_class = dataset.split("/", 1)
        sure = frozenset().union(*(pair[0] for pair in roles.values()))
        maybe = frozenset().union(*(pair[1] for pair in roles.values()))
        counted = tuple((role, len(pair[0]), len(pair[1] - pair[0])) for role, pair in sorted(roles.items()))
        rows.append(
            PlaceRow(
                dataset,
                services.get(service, service),
                inputs.judgement.classes[data_class].name.en,
                name(code),
                code in home,
                counted,
                sure,
                maybe - sure,
            )
        )
    return sorted(rows, key=lambda row: (row.dataset, -len(row.sure), -len(row.maybe), row.country.code))


def unclassified(inputs: Inputs) -> int:
    """How many stores no rule decides for any dataset."""
    decided = {holding.store_id for holding in inputs.holdings if holding.held != "unknown"}
    return sum(1 for store in inputs.rows["stores"] if store.store_id not in decided)


# contractors


@dataclass(frozen=True, slots=True)
class Observed:
    """What the logs say of one country for one contractor. ``alarm``: opened from a country the register lacks."""

    countries: tuple[Country, ...]
    note: str
    events: int
    refused: int
    principals: tuple[str, ...]
    first: dt.date
    last: dt.date
    alarm: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class ContractorRow:
    """A register entry beside what was observed."""

    contractor_id: str
    name: str
    seat: Country | None
    staff: tuple[Country, ...]
    staff_unknown: bool
    storage: tuple[Country, ...]
    mode: str
    purpose: str
    services: tuple[str, ...]
    data_classes: tuple[str, ...]
    principals: tuple[str, ...]
    chain: tuple[str, ...]
    observed: tuple[Observed, ...]
    codes: frozenset[str]
    source: str

    @property
    def mismatch(self) -> bool:
        """Whether a login was seen from a country the register does not name."""
        return any(item.alarm for item in self.observed)


@dataclass(frozen=True, slots=True)
class _Period:
    start: dt.date | None
    end: dt.date | None


def contractors(inputs: Inputs, name: Namer) -> list[ContractorRow]:
    """Contractors of the day, those with a mismatch first."""
    active = [item for item in inputs.rows["contractors"] if in_force(_Period(item.start, item.end), inputs.as_of)]
    by_id = {item.contractor_id: item for item in active}
    rows = []
    for item in active:
        named = {item.seat, *(item.staff_countries or ("unknown",)), *item.storage_countries}
        vague = {UNBOUNDED} if "unknown" in named else set()
        stated = {item.seat, *item.staff_countries} - {"unknown"}
        logs = [row for row in inputs.rows["access"] if _mine(row, item)]
        observed = tuple(_observed(logs, stated, name))
        staff = tuple(name(code) for code in item.staff_countries if code != "unknown")
        opened = {spot.code for one in observed if one.certain and one.events > one.refused for spot in one.countries}
        rows.append(
            ContractorRow(
                contractor_id=item.contractor_id,
                name=item.name,
                seat=None if item.seat == "unknown" else name(item.seat),
                staff=staff,
                staff_unknown=not item.staff_countries or "unknown" in item.staff_countries,
                storage=tuple(name(UNBOUNDED if code == "unknown" else code) for code in item.storage_countries),
                mode=item.access_mode,
                purpose=item.purpose,
                services=item.services,
                data_classes=item.data_classes,
                principals=item.principals,
                chain=tuple(_chain(item, by_id)),
                observed=observed,
                codes=frozenset(
                    stated | vague | {code for code in item.storage_countries if code != "unknown"} | opened
                ),
                source=item.source,
            )
        )
    return sorted(rows, key=lambda row: (not row.mismatch, row.name, row.contractor_id))


def _mine(row: Access, item: Contractor) -> bool:
    return any(
        fnmatchcase(row.principal, pattern) or (row.principal_account and row.principal_account == pattern)
        for pattern in item.principals
    )


def _chain(item: Contractor, by_id: Mapping[str, Contractor]) -> Iterator[str]:
    """Who entrusted it, from the one the organisation entrusted down to the entry itself."""
    names, seen = [item.name], {item.contractor_id}
    above = item.entrusted_by
    while above and above not in seen:
        seen.add(above)
        parent = by_id.get(above)
        names.append(parent.name if parent else f"{above} (not in the register today)")
        above = parent.entrusted_by if parent else ""
    if above:
        names.append("(a ring: the register contradicts itself)")
    yield from reversed(names)


def _observed(logs: Sequence[Access], stated: set[str], name: Namer) -> Iterator[Observed]:
    grouped: dict[tuple[tuple[str, ...], str], list[Access]] = {}
    for row in logs:
        if row.verdict == "country":
            key = (tuple(sorted(row.countries)), "")
        elif row.verdict in {"private", "not-an-address"}:
            key = ((), f"{row.verdict.replace('-', ' ')}: {row.reason}".rstrip(": "))
        else:
            key = ((UNBOUNDED,), f"({row.reason})" if row.reason else "")
        grouped.setdefault(key, []).append(row)
    for (codes, note), rows in sorted(grouped.items()):
        events, refused = sum(row.count for row in rows), sum(row.denied for row in rows)
        places = set(codes) - {UNBOUNDED}
        yield Observed(
            countries=tuple(name(code) for code in codes),
            note=note,
            events=events,
            refused=refused,
            principals=tuple(sorted({row.principal for row in rows})),
            first=min(row.first for row in rows).date(),
            last=max(row.last for row in rows).date(),
            alarm=bool(places) and not places & stated and refused < events,
            certain=len(codes) == 1 and bool(places),
        )


def nobody(inputs: Inputs, name: Namer) -> list[Observed]:
    """Logins of principals that no contractor of the register accounts for."""
    active = [item for item in inputs.rows["contractors"] if in_force(_Period(item.start, item.end), inputs.as_of)]
    logs = [row for row in inputs.rows["access"] if not any(_mine(row, item) for item in active)]
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    return list(_observed(logs, set(home), name))


# coverage and gaps


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of a sweep: units by status, and the kinds in which something may be hidden."""

    provider: str
    account: str
    counts: tuple[tuple[str, int], ...]
    hidden: tuple[str, ...]


def accounts(inputs: Inputs) -> list[AccountRow]:
    """Accounts, those with hidden parts first."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    hidden: dict[tuple[str, str], set[str]] = {}
    for row in coverage(inputs.rows["units"], ()).rows:
        key = (row.provider, row.account)
        counts.setdefault(key, Counter()).update(dict(row.counts))
        if not row.complete:
            hidden.setdefault(key, set()).add(row.kind)
    rows = [
        AccountRow(*key, tuple(sorted(found.items())), tuple(sorted(hidden.get(key, ()))))
        for key, found in counts.items()
    ]
    return sorted(rows, key=lambda row: (not row.hidden, row.provider, row.account))


def hidden_units(inputs: Inputs) -> tuple[int, int]:
    """Units in which something may be hidden, and all units."""
    units = inputs.rows["units"]
    return sum(1 for unit in units if unit.status not in COMPLETE_STATUSES), len(units)


@dataclass(frozen=True, slots=True)
class GapRow:
    """Gaps of one account, field and cause; without ``kinds`` they concern every kind."""

    provider: str
    account: str
    field: str
    cause: str
    kinds: tuple[str, ...]
    count: int
    example: str
    message: str
    call: str


def gaps(inputs: Inputs) -> list[GapRow]:
    """Gaps grouped, largest first."""
    grouped: dict[tuple[str, str, str, str], list[tuple[str, str, str]]] = {}
    kinds: dict[tuple[str, str, str, str], set[str]] = {}
    for gap in inputs.rows["gaps"]:
        key = (gap.provider, gap.account, gap.field, gap.cause)
        grouped.setdefault(key, []).append((gap.store_id or gap.region, gap.message, gap.call))
        kinds.setdefault(key, set()).update({gap.kind} - {"", "*"})
    rows = [GapRow(*key, tuple(sorted(kinds[key])), len(items), *min(items)) for key, items in grouped.items()]
    return sorted(rows, key=lambda row: (-row.count, row.provider, row.account, row.field, row.cause))


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One run of collection."""

    sweep_id: str
    start: str
    end: str
    scope: str
    tool: str
    catalogue: str


def sweeps(inputs: Inputs) -> list[SweepRow]:
    """Runs in the snapshot, oldest first."""
    return [
        SweepRow(
            item.sweep_id,
            f"{item.started_at:%Y-%m-%d %H:%M}",
            f"{item.finished_at:%Y-%m-%d %H:%M} UTC",
            "; ".join(_scope(item.scope)),
            item.tool_version,
            item.catalogue,
        )
        for item in sorted(inputs.rows["sweeps"], key=lambda item: (item.started_at, item.sweep_id))
    ]


def _scope(text: str) -> Iterator[str]:
    """A scope as words: what each cloud was asked for. A scope that is no JSON object is shown as it stands."""
    try:
        scope = json.loads(text)
    except ValueError:
        yield text
        return
    if not isinstance(scope, dict):
        yield text
        return
    for key, value in sorted(scope.items()):
        if isinstance(value, dict):
            parts = [(name, part) for name, part in sorted(value.items()) if part not in (None, [], "", {})]
            said = ", ".join(f"{name} {_words(part)}" for name, part in parts)
            yield f"{key}: {said or 'everything the credentials reach'}"
        elif value is not None:
            yield f"{key}: {_words(value)}"
        else:
            yield f"{key}: not swept"


def _words(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)


# laws


@dataclass(frozen=True, slots=True)
class Cited:
    """One citation: the instrument, where in it, what it says, and where it was read."""

    title: str
    original: str
    citation: str
    at: str
    says: str
    url: str


@dataclass(frozen=True, slots=True)
class LawRow:
    """One fact of one jurisdiction on the day."""

    key: str
    value: str
    attributes: tuple[tuple[str, str], ...]
    since: dt.date | None
    confidence: str
    cites: tuple[Cited, ...]
    note: str


def laws(country: Jurisdiction, as_of: dt.date) -> list[LawRow]:
    """Every fact and finding in force; a key without an entry for the day is not known."""
    rows = []
    for key in country.facts:
        entries = country.at(key, as_of)
        if not entries:
            rows.append(LawRow(key, "unknown", (), None, "", (), f"nothing recorded for {as_of}"))
        rows.extend(_law_row(country, key, entry) for entry in entries)
    return rows


def _law_row(country: Jurisdiction, key: str, entry: FactEntry) -> LawRow:
    note = entry.note or ""
    if entry.searched:
        note = f"{note} searched: {entry.searched}".strip()
    return LawRow(
        key,
        entry.value,
        tuple(entry.attributes.items()),
        entry.start,
        entry.confidence or "",
        tuple(_cited(country, cite) for cite in entry.cite),
        note,
    )


def _cited(country: Jurisdiction, cite: Citation) -> Cited:
    instrument = country.instruments[cite.instrument]
    title = instrument.title
    original = "" if title.original == title.en else title.original
    return Cited(title.en, original, instrument.citation, cite.at, cite.says, cite.source or instrument.url)
