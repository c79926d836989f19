"""The country tables of the published policy, each row with what it rests on.

Axes follow 電気通信事業法施行規則 22条の2の23 三号: where the equipment is (ロ(1), ロ(2)),
where the contractor is (ハ), where the provider of a storage service is (ニ);
and APPI art. 32 with 施行令 10条 (外的環境の把握). One flow may stand on several.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from residency.classify import Held
from residency.dates import in_force
from residency.entities import owners_of
from residency.graph import Inputs, is_principal_of
from residency.inventory.coverage import coverage
from residency.inventory.tables import Contractor
from residency.model import COMPLETE_STATUSES
from residency.providers import UNBOUNDED

__all__ = ["AXES", "Axis", "Block", "Policy", "PolicyRow", "policy"]

Axis = Literal["equipment", "equipment-third-party", "contractors", "storage-providers", "environment"]
AXES: tuple[Axis, ...] = ("equipment", "equipment-third-party", "contractors", "storage-providers", "environment")
Certainty = Literal["seen", "possible"]
JOINT = "; "
"""Between names of legal persons, which hold commas themselves."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One country (or third party) on one axis.

    Parameters
    ----------
    code
        Alpha-2 code, ``EU``, or ``ZZ`` for a country that cannot be told.
    party
        The third parties' names, where the axis names any, joined with `JOINT`.
    services
        Ids of services concerned, sorted.
    roles
        What for: placement roles, or the contractor's purpose.
    certainty
        ``seen`` when it is so; ``possible`` when it cannot be excluded.
    system
        Whether the country has a system that may affect proper handling: ``yes``, ``no`` or ``unknown``.
    because
        What the row rests on, at most five examples, then a count.
    """

    axis: Axis
    code: str
    party: str
    services: tuple[str, ...]
    roles: tuple[str, ...]
    certainty: Certainty
    system: Literal["yes", "no", "unknown"]
    summary_en: str
    summary_ja: str
    links: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """All rows of an axis. Without rows, ``absence`` says whether none may be stated."""

    axis: Axis
    rows: tuple[PolicyRow, ...]
    absence: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The tables of one day with the gaps that forbid a no."""

    as_of: dt.date
    home: str
    blocks: tuple[Block, ...]
    gaps: tuple[str, ...]

    def block(self, axis: Axis) -> Block:
        """The block of an axis."""
        return next(block for block in self.blocks if block.axis == axis)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "as_of": self.as_of.isoformat(),
            "home": self.home,
            "complete": not self.gaps,
            "gaps": list(self.gaps),
            "axes": {
                block.axis: {
                    "absence_may_be_stated": block.absence,
                    "rows": [{name: _plain(getattr(row, name)) for name in row.__slots__} for row in block.rows],
                }
                for block in self.blocks
            },
        }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class _Finding:
    axis: Axis
    code: str
    party: str
    services: frozenset[str]
    role: str
    certainty: Certainty
    because: str


def policy(inputs: Inputs) -> Policy:
    """Build every table for the day of the inputs."""
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    findings = [item for item in _findings(inputs) if item.code not in home]
    findings += [
        _Finding("environment", item.code, "", item.services, item.role, item.certainty, item.because)
        for item in findings
        if item.code != UNBOUNDED
    ]
    gaps = tuple(_gaps(inputs))
    blocks = []
    for axis in AXES:
        rows = _rows([item for item in findings if item.axis == axis], axis, inputs)
        blocks.append(Block(axis, rows, absence=not gaps and not rows))
    return Policy(inputs.as_of, inputs.config.home, tuple(blocks), gaps)


def _findings(inputs: Inputs) -> Iterator[_Finding]:
    yield from _stored(inputs)
    yield from _contracted(inputs)


def _stored(inputs: Inputs) -> Iterator[_Finding]:
    held: dict[str, dict[str, Held]] = {}
    for holding in inputs.holdings:
        if holding.held != "no":
            held.setdefault(holding.store_id, {})[holding.dataset] = holding.held
    names = {store.store_id: store.name for store in inputs.rows["stores"]}
    providers: dict[tuple[str, str], dict[tuple[str, Certainty], str]] = {}
    for row in inputs.rows["placements"]:
        datasets = held.get(row.store_id)
        if not datasets:
            continue
        found = inputs.providers.locate(row.location_provider, row.location or None, inputs.as_of)
        because = (
            f"{names.get(row.store_id, row.store_id)}: {row.role} at {row.location or 'a place not known'} ({row.call})"
        )
        for services, certain in _services(datasets):
            for code in sorted(found.countries):
                if code == UNBOUNDED:
                    party = _provider_name(inputs, row.provider)
                    yield _Finding("equipment-third-party", code, party, services, row.role, certain, because)
                else:
                    some = len(found.countries) > 1 and found.holds == "some"
                    yield _Finding("equipment", code, "", services, row.role, "possible" if some else certain, because)
            for service in services:
                used = providers.setdefault((row.provider, found.operator or ""), {})
                used.setdefault((service, certain), because)
    for (provider, operator), used in sorted(providers.items()):
        for code, party, why in _provider_seats(inputs, provider, operator):
            for (service, certain), because in sorted(used.items()):
                said = f"{why}; {because}"
                yield _Finding("storage-providers", code, party, frozenset({service}), "storage service", certain, said)


def _services(datasets: Mapping[str, Held]) -> Iterator[tuple[frozenset[str], Certainty]]:
    """Services whose information a store holds for certain, and those whose it may hold besides."""
    certain = frozenset(name.split("/", 1)[0] for name, value in datasets.items() if value == "yes")
    possible = frozenset(name.split("/", 1)[0] for name in datasets) - certain
    if certain:
        yield certain, "seen"
    if possible:
        yield possible, "possible"


def _provider_name(inputs: Inputs, provider: str) -> str:
    return inputs.providers.root(provider).name.en if provider in inputs.providers else provider


def _provider_seats(inputs: Inputs, provider: str, operator: str) -> Iterator[tuple[str, str, str]]:
    """Countries in which a storage provider is located: contracting party, operators, and owners up to the ultimate."""
    entities = inputs.providers.entities
    if provider not in inputs.providers:
        yield UNBOUNDED, provider, "the catalogue does not know this provider"
        return
    root = inputs.providers.root(provider)
    item = inputs.providers[provider]
    seat = inputs.config.organisation.seat
    contracts = [c for c in item.contracting or root.contracting if in_force(c, inputs.as_of)]
    parties = [c.entity for c in contracts if seat in c.customers]
    parties = parties or [c.entity for c in contracts if "*" in c.customers]
    starts = dict.fromkeys([*parties, *filter(None, [operator or item.operator or root.operator])])
    named: dict[tuple[str, str], str] = {}
    for start in starts:
        chain = [start, *(step.parent for step in owners_of(entities, start, inputs.as_of))]
        for entity_id in chain:
            entity = entities.get(entity_id)
            if entity is not None:
                code = UNBOUNDED if entity.seat == "unknown" else entity.seat
                named.setdefault((code, entity.name), f"{root.name.en}: {entity.name}")
    if not named:
        named[(UNBOUNDED, root.name.en)] = f"{root.name.en}: no legal person on file"
    for (code, name), why in sorted(named.items()):
        yield code, name, why


def _contracted(inputs: Inputs) -> Iterator[_Finding]:
    contractors = [item for item in inputs.rows["contractors"] if _active(item, inputs.as_of)]
    for item in contractors:
        if item.access_mode == "none" or (item.entrusted_by and not inputs.config.show_subcontractors):
            continue
        services = frozenset(item.services or [service.id for service in inputs.config.services])
        role = item.purpose or item.access_mode
        chain = f" (re-entrusted by {item.entrusted_by})" if item.entrusted_by else ""
        places = [("seat", item.seat), *(("staff", code) for code in item.staff_countries or ("unknown",))]
        keeps = item.access_mode in {"own-systems", "unknown"}
        places += [("storage", code) for code in item.storage_countries or (("unknown",) if keeps else ())]
        for what, code in places:
            known = UNBOUNDED if code == "unknown" else code
            because = f"{item.name}{chain}: {what} {code} ({item.source})"
            if what != "storage" or item.storage_countries:
                yield _Finding("contractors", known, item.name, services, role, "seen", because)
            if what == "storage":
                sure: Certainty = "possible" if item.access_mode == "unknown" else "seen"
                if known == UNBOUNDED:
                    yield _Finding("equipment-third-party", known, item.name, services, role, sure, because)
                else:
                    yield _Finding("equipment", known, "", services, role, sure, because)
    for row in inputs.rows["access"]:
        for item in contractors:
            if not is_principal_of(item, row.principal, row.principal_account):
                continue
            services = frozenset(item.services or [service.id for service in inputs.config.services])
            when = f"{row.first:%Y-%m-%d} to {row.last:%Y-%m-%d}"
            because = f"{item.name}: {row.count} events by {row.principal} from {row.ip}, {when} ({row.source})"
            opened = row.denied < row.count
            if row.verdict == "country":
                certain: Certainty = "seen" if len(row.countries) == 1 and opened else "possible"
                for code in row.countries:
                    yield _Finding("contractors", code, item.name, services, "observed access", certain, because)
            elif row.verdict in {"indeterminate", "unknown"}:
                yield _Finding("contractors", UNBOUNDED, item.name, services, "observed access", "possible", because)


@dataclass(frozen=True, slots=True)
class _Period:
    start: dt.date | None
    end: dt.date | None


def _active(item: Contractor, day: dt.date) -> bool:
    return in_force(_Period(item.start, item.end), day)


def _rows(findings: Iterable[_Finding], axis: Axis, inputs: Inputs) -> tuple[PolicyRow, ...]:
    """One row a country; one a party where the country is not known, and for contractors, whose work differs.

    Services that are only possibly concerned stand in a row of their own, so that no row says more than is known.
    """
    grouped: dict[tuple[str, str], list[_Finding]] = {}
    for item in findings:
        apart = axis == "contractors" or item.code == UNBOUNDED
        grouped.setdefault((item.code, item.party if apart else ""), []).append(item)
    return tuple(
        _row(axis, code, part, inputs) for (code, _), items in sorted(grouped.items()) for part in _parts(axis, items)
    )


def _parts(axis: Axis, items: list[_Finding]) -> Iterator[list[_Finding]]:
    """The certain findings, and what the possible ones add to them."""
    certain = [item for item in items if item.certainty == "seen"]
    known: frozenset[str] = frozenset().union(*(item.services for item in certain))
    if certain:
        yield certain
    more = [
        replace(item, services=item.services - known)
        for item in items
        if item.certainty == "possible" and not (certain and (axis == "environment" or item.services <= known))
    ]
    if more:
        yield more


def _row(axis: Axis, code: str, items: list[_Finding], inputs: Inputs) -> PolicyRow:
    reasons = list(dict.fromkeys(item.because for item in items))
    shown = reasons[:5] + ([f"and {len(reasons) - 5} more"] if len(reasons) > 5 else [])
    system, english, japanese, links = _law(code, inputs)
    return PolicyRow(
        axis=axis,
        code=code,
        party=JOINT.join(sorted({item.party for item in items if item.party})),
        services=tuple(sorted(frozenset().union(*(item.services for item in items)))),
        roles=tuple(sorted({item.role for item in items})),
        certainty="seen" if any(item.certainty == "seen" for item in items) else "possible",
        system=system,
        summary_en=english,
        summary_ja=japanese,
        links=links,
        because=tuple(shown),
    )


def _law(code: str, inputs: Inputs) -> tuple[Literal["yes", "no", "unknown"], str, str, tuple[str, ...]]:
    """What may be printed of a country's system. Anything not on file, stale or not yet dated is unknown."""
    country = inputs.jurisdictions.get(code)
    if country is None:
        return "unknown", "", "", ()
    said = country.disclosure
    links = [country.instruments[cite.instrument].ppc_survey for cite in said.cite]
    links += [country.instruments[cite.instrument].url for cite in said.cite]
    value = "unknown" if country.stale(inputs.as_of) and said.value == "no" else said.value
    return value, said.summary.en, said.summary.ja, tuple(dict.fromkeys(link for link in links if link))


def _gaps(inputs: Inputs) -> Iterator[str]:
    """Everything that forbids stating absence, one line each."""
    counted = coverage(inputs.rows["units"], ())
    if not counted.rows:
        yield "no cloud was swept"
    open_units = {
        (unit.provider, unit.account, unit.region, unit.kind)
        for unit in inputs.rows["units"]
        if unit.status not in COMPLETE_STATUSES
    }
    for row in counted.rows:
        short = ", ".join(f"{count} {status}" for status, count in row.counts if status not in COMPLETE_STATUSES)
        if short:
            yield f"{row.provider} {row.account} {row.kind}: {short}"
    for gap in inputs.rows["gaps"]:
        if gap.field == "listing" and (gap.provider, gap.account, gap.region, gap.kind) in open_units:
            continue  # counted with its unit
        where = gap.store_id or "/".join(part for part in (gap.provider, gap.account, gap.region, gap.kind) if part)
        yield f"{where}: {gap.field} {gap.cause} ({gap.message})"
    if not inputs.rows["contractors"] and inputs.config.contractors is None:
        yield "no contractor register was read"
    known = {holding.store_id for holding in inputs.holdings if holding.held != "unknown"}
    unclassified = {store.store_id for store in inputs.rows["stores"]} - known
    if unclassified:
        yield f"{len(unclassified)} stores are not classified: what they hold is not known"
    strangers = set(_strangers(inputs))
    if strangers:
        shown = ", ".join(sorted(strangers)[:3])
        yield f"{len(strangers)} outside identities can reach stores and the register names none of them: {shown}"


def _strangers(inputs: Inputs) -> Iterator[str]:
    """Identities outside the organisation with a grant on user information that no contractor accounts for."""
    holding = {item.store_id for item in inputs.holdings if item.held != "no"}
    contractors = [item for item in inputs.rows["contractors"] if _active(item, inputs.as_of)]
    for grant in inputs.rows["grants"]:
        outside = grant.external == "yes" and grant.principal_kind != "public" and grant.store_id in holding
        if outside and not any(is_principal_of(item, grant.principal, grant.principal_account) for item in contractors):
            yield grant.principal
