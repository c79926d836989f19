"""What the demo tells: read from the computed rows, tables and scores, never from the list of what was planted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from residency.disclosure.drift import Difference, drift
from residency.disclosure.markers import find_blocks
from residency.disclosure.render import LANGUAGES, render_blocks
from residency.disclosure.tables import Policy
from residency.graph import Inputs, is_principal_of
from residency.inventory.tables import Access, Contractor, Rows
from residency.providers import UNBOUNDED
from residency.scoring import Cell, Scores

__all__ = ["Copy", "Country", "Findings", "Mismatch", "Outsider", "Unseen", "find"]

_COPIES = {"replica", "failover", "backup"}


@dataclass(frozen=True, slots=True)
class Country:
    """A country where user information lies on equipment, and the store or register entry that says so."""

    code: str
    named: bool
    certain: bool
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """A copy that leaves the home: which store, in what role, from where to where."""

    store: str
    kind: str
    role: str
    home: tuple[str, ...]
    abroad: tuple[str, ...]
    location: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A contractor seen at work from a country that the register does not name for it."""

    contractor: str
    registered: tuple[str, ...]
    country: str
    principals: int
    events: int
    first: dt.date
    last: dt.date


@dataclass(frozen=True, slots=True, order=True)
class Outsider:
    """An identity outside the organisation that can reach a store, and is no contractor of the register."""

    principal: str
    access: str
    certain: bool
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Unseen:
    """A part that was not seen: whose, why, how many listings it hides; ``account`` may be a number of accounts."""

    provider: str
    account: str
    cause: str
    units: int
    message: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the summary prints."""

    countries: tuple[Country, ...]
    copies: tuple[Copy, ...]
    unbounded: tuple[str, ...]
    mismatches: tuple[Mismatch, ...]
    chains: tuple[tuple[Contractor, ...], ...]
    outsiders: tuple[Outsider, ...]
    unclassified: tuple[str, ...]
    unseen: tuple[Unseen, ...]
    top: tuple[Cell, ...]
    drift: tuple[Difference, ...]


def find(inputs: Inputs, scores: Scores, tables: Policy, published: bytes) -> Findings:
    """Look through everything that was computed.

    Parameters
    ----------
    published
        The policy that is published, with markers.
    """
    expected: dict[tuple[str, str], str] = {
        (axis, name): text for name in LANGUAGES for axis, text in render_blocks(tables, inputs, name).items()
    }
    differences = tuple(drift(find_blocks(published, "the published policy"), tables, inputs, expected))
    third = tables.block("equipment-third-party")
    return Findings(
        countries=tuple(_countries(tables, differences)),
        copies=tuple(_copies(inputs)),
        unbounded=tuple(dict.fromkeys(row.party for row in third.rows)),
        mismatches=tuple(_mismatches(inputs)),
        chains=tuple(_chains(inputs.rows["contractors"])),
        outsiders=tuple(_outsiders(inputs)),
        unclassified=tuple(_unclassified(inputs)),
        unseen=tuple(sorted(_unseen(inputs.rows))),
        top=tuple(_top(scores)),
        drift=differences,
    )


def _countries(tables: Policy, differences: Iterable[Difference]) -> Iterator[Country]:
    missing = {item.code for item in differences if item.axis == "equipment" and item.kind == "missing"}
    rows = tables.block("equipment").rows
    for code in dict.fromkeys(row.code for row in rows):
        own = [row for row in rows if row.code == code]
        named = tuple(dict.fromkeys(text.split(": ", 1)[0] for row in own for text in row.because))
        yield Country(code, code not in missing, any(row.certainty == "seen" for row in own), named)


def _copies(inputs: Inputs) -> Iterator[Copy]:
    """Copies abroad of stores that hold users' information and whose content also lies at home."""
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    holding = {item.store_id for item in inputs.holdings if item.held != "no"}
    names = {store.store_id: store.name for store in inputs.rows["stores"]}
    placed: dict[str, list[tuple[str, str, tuple[str, ...], str]]] = {}
    for row in inputs.rows["placements"]:
        found = inputs.providers.locate(row.location_provider, row.location or None, inputs.as_of)
        countries = tuple(sorted(found.countries))
        placed.setdefault(row.store_id, []).append((row.role, row.location, countries, row.kind))
    result: set[Copy] = set()
    for store, places in placed.items():
        if store not in holding:
            continue
        at_home = {code for _, _, countries, _ in places for code in countries if code in home}
        for role, location, countries, kind in places:
            abroad = tuple(code for code in countries if code not in home)
            if at_home and abroad and (role in _COPIES or set(countries) & home):
                result.add(Copy(names.get(store, store), kind, role, tuple(sorted(at_home)), abroad, location))
    yield from sorted(result)


def _mismatches(inputs: Inputs) -> Iterator[Mismatch]:
    for item in inputs.rows["contractors"]:
        registered = {item.seat, *item.staff_countries}
        seen: dict[str, list[Access]] = {}
        for row in inputs.rows["access"]:
            answered = row.verdict == "country" and len(row.countries) == 1 and row.denied < row.count
            if not answered or row.countries[0] in registered:
                continue
            if is_principal_of(item, row.principal, row.principal_account):
                seen.setdefault(row.countries[0], []).append(row)
        for country, rows in sorted(seen.items()):
            yield Mismatch(
                item.name,
                tuple(sorted(registered)),
                country,
                len({row.principal for row in rows}),
                sum(row.count - row.denied for row in rows),
                min(row.first for row in rows).date(),
                max(row.last for row in rows).date(),
            )


def _chains(contractors: list[Contractor]) -> Iterator[tuple[Contractor, ...]]:
    """Re-entrustment from the first contractor to the last."""
    by_id = {item.contractor_id: item for item in contractors}
    entrusting = {item.entrusted_by for item in contractors}
    for item in sorted(contractors, key=lambda item: item.contractor_id):
        if not item.entrusted_by or item.contractor_id in entrusting:
            continue
        chain = [item]
        while (above := by_id.get(chain[0].entrusted_by)) is not None and above not in chain:
            chain.insert(0, above)
        yield tuple(chain)


def _outsiders(inputs: Inputs) -> Iterator[Outsider]:
    names = {store.store_id: store.name for store in inputs.rows["stores"]}
    holding = {item.store_id for item in inputs.holdings if item.held != "no"}
    found: dict[tuple[str, str, bool], set[str]] = {}
    for row in inputs.rows["grants"]:
        known = any(is_principal_of(item, row.principal, row.principal_account) for item in inputs.rows["contractors"])
        if row.external != "no" and not known and row.store_id in holding:
            key = (row.principal, row.access, row.external == "yes")
            found.setdefault(key, set()).add(names.get(row.store_id, row.store_id))
    for (principal, access, certain), stores in sorted(found.items()):
        yield Outsider(principal, access, certain, tuple(sorted(stores)))


def _unclassified(inputs: Inputs) -> Iterator[str]:
    """Stores of which no rule says anything."""
    decided = {item.store_id for item in inputs.holdings if item.held != "unknown"}
    for store in inputs.rows["stores"]:
        if store.store_id not in decided:
            yield store.name


def _unseen(rows: Rows) -> Iterator[Unseen]:
    """Gaps by cloud, cause and reason; accounts with the same reason stand together."""
    told: dict[tuple[str, str, str], str] = {}
    units: dict[tuple[str, str, str], int] = {}
    for gap in rows["gaps"]:
        key = (gap.provider, gap.account, gap.cause)
        units[key] = units.get(key, 0) + (gap.field != "scope")
        if gap.field == "scope" or key not in told:
            told[key] = _without(gap.message, gap.account)
    alike: dict[tuple[str, str, str, int], list[str]] = {}
    for key, message in told.items():
        provider, account, cause = key
        alike.setdefault((provider, cause, message, units[key]), []).append(account)
    for (provider, cause, message, count), accounts in alike.items():
        where = accounts[0] if len(accounts) == 1 else f"{len(accounts)} accounts"
        yield Unseen(provider, where, cause, count * len(accounts), " ".join(message.split()))


def _without(message: str, account: str) -> str:
    """A message without the account's name before it, so that equal reasons are equal."""
    for start in (f"account {account}", f"project {account}", account):
        message = message.removeprefix(start)
    return message.lstrip(": ")


def _top(scores: Scores) -> Iterator[Cell]:
    """For each jurisdiction the cell that is highest for certain, highest first."""
    best: dict[str, Cell] = {}
    for cell in scores.cells:
        known = best.get(cell.jurisdiction)
        if cell.seen.lo > 0 and cell.jurisdiction != UNBOUNDED and (known is None or _rank(cell) < _rank(known)):
            best[cell.jurisdiction] = cell
    yield from sorted(best.values(), key=_rank)


def _rank(cell: Cell) -> tuple[float, float, str, str, str]:
    return (-cell.seen.lo, -cell.seen.hi, cell.jurisdiction, cell.dataset, cell.channel)
