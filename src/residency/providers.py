"""The provider catalogue: which countries a region name means, who operates it, who owns the operator.

Names are looked up by (provider, region): the same word means different places at different providers, and at
different services of one provider (``gcp-gcs`` and ``gcp-spanner`` both know ``asia1``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from residency.data import DataFolders
from residency.dates import in_force
from residency.entities import Entity, check_entities
from residency.errors import Fault, FaultsError
from residency.jurisdictions import Confidence, Day, Names
from residency.yamlfile import Loaded, StrictModel, load_sound, names_of

__all__ = [
    "UNBOUNDED",
    "UNKNOWN",
    "Location",
    "Metadata",
    "Provider",
    "Providers",
    "Region",
    "RegionKind",
    "Source",
    "StaffAccess",
    "load_providers",
]

UNBOUNDED = "ZZ"
"""ISO 3166-1 user-assigned code for a place that is not bounded: any country."""
UNKNOWN = "unknown"
"""Stands in a list of countries that the provider does not publish."""

RegionKind = Literal[
    "region", "local-zone", "wavelength-zone", "dual-region", "multi-region", "global", "logical", "edge", "test"
]
RegionStatus = Literal["open", "restricted", "announced", "closed"]
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


class Source(StrictModel):
    """Where a provider's fact was read and how sure it is (words as in ``method/facts.yaml``)."""

    url: str = Field(pattern=r"^https?://[^\s]+$")
    says: str | None = None
    read: Day | None = None
    confidence: Confidence


class _Region(StrictModel):
    place: str | None = None
    countries: list[str] = Field(min_length=1)
    holds: Literal["all", "some"] | None = None
    kind: RegionKind = "region"
    operator: str | None = None
    status: RegionStatus = "open"
    start: Day | None = Field(default=None, alias="from")
    end: Day | None = Field(default=None, alias="to")
    paired: str | None = None
    parent: str | None = None
    members: list[str] = Field(default_factory=list)
    note: str | None = None
    source: Source | None = None


class _RegionsFile(StrictModel):
    provider: str
    reviewed: Day
    review_by: Day
    source: Source
    aliases: dict[str, str] = Field(default_factory=dict)
    regions: dict[str, _Region]


class Contracting(StrictModel):
    """Who the customer's contract is with, by the customer's country (``*`` for any other)."""

    customers: list[str] = Field(min_length=1)
    entity: str
    start: Day | None = Field(default=None, alias="from")
    end: Day | None = Field(default=None, alias="to")
    source: Source


class _Places(StrictModel):
    """Countries with the page that names them, or ``[unknown]`` with what was searched without finding any.

    ``ZZ`` is not unknown: the provider then says that it may be any country. ``partial``: more countries are possible,
    because only a part of what the provider publishes was read; the list is then a lower bound.
    """

    countries: list[str] = Field(min_length=1)
    partial: bool = False
    note: str | None = None
    searched: str | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _known_or_searched(self) -> Self:
        if UNKNOWN in self.countries:
            if len(self.countries) > 1:
                raise ValueError("`unknown` stands alone")
            if not self.searched:
                raise ValueError("unknown countries need `searched`: where was it looked for?")
            return self
        for code in self.countries:
            if not _COUNTRY.match(code):
                raise ValueError(f"{code!r} is not an ISO 3166-1 alpha-2 code, EU, ZZ or unknown")
        if UNBOUNDED in self.countries and len(self.countries) > 1:
            raise ValueError("ZZ means any country and stands alone")
        if len(set(self.countries)) != len(self.countries):
            raise ValueError("a country stands twice")
        if self.source is None:
            raise ValueError("countries need a `source`")
        return self

    @property
    def known(self) -> bool:
        """Whether the provider publishes the countries."""
        return self.countries != [UNKNOWN]


class StaffAccess(_Places):
    """From which countries the provider's own staff may reach customer data, and under which control.

    ``control``: ``none`` no hold on it is published; ``customer-approval`` the customer must open or allow the access,
    by default or by an option it can buy (the note says which); ``audited`` the provider records accesses and shows
    them to the customer; ``no-access`` the operators have no technical means. ``start`` and ``end`` where dated.
    """

    purpose: Names
    control: Literal["none", "customer-approval", "audited", "no-access", "unknown"] = "unknown"
    start: Day | None = Field(default=None, alias="from")
    end: Day | None = Field(default=None, alias="to")


class Metadata(_Places):
    """Where the provider keeps what it holds *about* the customer: accounts, permissions, configuration, billing."""

    what: Names


class SubProcessors(StrictModel):
    """The page on which the provider lists its sub-processors."""

    page: str = Field(pattern=r"^https?://[^\s]+$")
    note: str | None = None


class Provider(StrictModel):
    """One provider, or one of its partitions or location name spaces (``part_of``)."""

    id: str
    name: Names
    kind: Literal["cloud", "partition", "namespace"] = "cloud"
    part_of: str | None = None
    partition: str | None = None
    operator: str | None = None
    zone: str | None = None
    case_sensitive: bool = True
    reviewed: Day
    review_by: Day
    entities: dict[str, Entity] = Field(default_factory=dict)
    contracting: list[Contracting] = Field(default_factory=list)
    staff_access: list[StaffAccess] = Field(default_factory=list)
    subprocessors: SubProcessors | None = None
    metadata_countries: list[Metadata] = Field(default_factory=list)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """One named location of one provider.

    Parameters
    ----------
    provider, region
        The key.
    countries
        Sorted alpha-2 codes; ``EU`` where the provider promises no more, ``ZZ`` where the location is unbounded.
    holds
        ``all`` when data lies in every one of the countries, ``some`` when in one or more of them.
    kind, status
        What sort of location, and whether customers can use it.
    operator
        Entity id of whoever runs the place.
    paired
        The region a provider's own pairing copies to.
    members
        Regions that make up a dual- or multi-region, where published.
    start, end
        First day open and first day closed, where known.
    """

    provider: str
    region: str
    countries: tuple[str, ...]
    holds: Literal["all", "some"]
    kind: RegionKind
    operator: str | None
    status: RegionStatus
    paired: str | None
    parent: str | None
    members: tuple[str, ...]
    start: dt.date | None
    end: dt.date | None
    place: str | None
    note: str | None
    source: Source
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Location:
    """What a region name means on a day. An unknown name is unbounded, never empty."""

    provider: str
    region: str
    countries: frozenset[str]
    holds: Literal["all", "some"]
    operator: str | None
    paired: str | None
    known: bool
    reason: str

    @property
    def bounded(self) -> bool:
        """Whether the countries are a closed set."""
        return UNBOUNDED not in self.countries


class Providers(Mapping[str, Provider]):
    """All providers by id, with their regions and the legal persons behind them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        regions: Iterable[Region],
        aliases: Mapping[tuple[str, str], str],
    ) -> None:
        self._providers = dict(sorted(providers.items()))
        self.regions: tuple[Region, ...] = tuple(sorted(regions, key=lambda item: (item.provider, item.region)))
        self._by_key = {(item.provider, self._fold(item.provider, item.region)): item for item in self.regions}
        self._aliases = {(provider, self._fold(provider, name)): region for (provider, name), region in aliases.items()}
        self.entities: dict[str, Entity] = {
            key: entity for provider in self._providers.values() for key, entity in provider.entities.items()
        }
        self._zones = {key: re.compile(item.zone) for key, item in self._providers.items() if item.zone}

    def __getitem__(self, key: str) -> Provider:
        return self._providers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    def _fold(self, provider: str, name: str) -> str:
        if self._providers[provider].case_sensitive:
            return name
        return name.replace(" ", "").lower()

    def root(self, provider: str) -> Provider:
        """The provider a name space or partition belongs to; itself for a cloud."""
        item = self._providers[provider]
        while item.part_of is not None:
            item = self._providers[item.part_of]
        return item

    def find(self, provider: str, name: str) -> Region | None:
        """The catalogue's region of that name: exact, alias, or the region of a zone."""
        if provider not in self._providers:
            return None
        folded = self._fold(provider, name)
        found = self._by_key.get((provider, folded))
        if found is None and (provider, folded) in self._aliases:
            found = self._by_key.get((provider, self._fold(provider, self._aliases[provider, folded])))
        if found is None and provider in self._zones and (match := self._zones[provider].fullmatch(folded)):
            region = match.group("region")
            found = self._by_key.get((provider, self._aliases.get((provider, region), region)))
        return found

    def locate(self, provider: str, name: str | None, as_of: dt.date | None = None) -> Location:
        """What a region name means; an empty or unknown name answers ``ZZ`` with the reason, never nothing."""
        region = self.find(provider, name) if name else None
        if region is None:
            reason = f"{provider} has no location {name!r} in the catalogue" if name else "no location was reported"
            return Location(provider, name or "", frozenset({UNBOUNDED}), "some", None, None, False, reason)
        if as_of is not None and region.end is not None and as_of >= region.end:
            reason = f"{provider} {region.region} closed on {region.end}"
        else:
            reason = region.place or region.region
        return Location(
            provider,
            region.region,
            frozenset(region.countries),
            region.holds,
            region.operator,
            region.paired,
            True,
            reason,
        )


def load_providers(folders: DataFolders, *, only: Iterable[str] | None = None) -> Providers:
    """Read ``providers/<id>/provider.yaml`` and ``regions.yaml``.

    Raises
    ------
    FaultsError
        With every fault of every file.
    """
    wanted = None if only is None else frozenset(only)
    faults: list[Fault] = []
    providers: dict[str, Provider] = {}
    places: dict[str, tuple[str, Any]] = {}
    for label, path in folders.files("providers/*/provider.yaml"):
        provider, loaded, found = load_sound(Provider, path, label)
        faults.extend(found)
        if provider is None:
            continue
        if getattr(provider, "id", path.parent.name) != path.parent.name:
            faults.append(Fault(label, loaded.line(("id",)), f"id {provider.id!r} must be its folder's name", "stem"))
        providers[path.parent.name] = provider
        places[path.parent.name] = (label, loaded)
    for key, provider in providers.items():
        label, loaded = places[key]
        if provider.part_of is not None and provider.part_of not in providers:
            faults.append(Fault(label, loaded.line(("part_of",)), f"no provider {provider.part_of!r}", "reference"))
    entities = {key: entity for provider in providers.values() for key, entity in provider.entities.items()}
    named = {*entities, *(key for _, loaded in places.values() for key in names_of(loaded.data, "entities"))}
    for key, provider in providers.items():
        label, loaded = places[key]
        faults.extend(check_entities(provider.entities, entities, named, label, loaded))
        for field, names in (
            ("contracting", [item.entity for item in provider.contracting]),
            ("operator", [provider.operator] if provider.operator else []),
        ):
            for name in names:
                if name not in named:
                    faults.append(Fault(label, loaded.line((field,)), f"no entity {name!r}", "reference"))
    regions: dict[tuple[str, str], Region] = {}
    aliases: dict[tuple[str, str], str] = {}
    for label, path in folders.files("providers/*/regions.yaml"):
        parsed, loaded, found = load_sound(_RegionsFile, path, label)
        faults.extend(found)
        if parsed is None:
            continue
        key = getattr(parsed, "provider", path.parent.name)
        if key != path.parent.name or key not in providers:
            line = loaded.line(("provider",))
            faults.append(Fault(label, line, f"no provider.yaml of id {key!r} beside it", "reference"))
            continue
        own = set(names_of(loaded.data, "regions"))
        for name, raw in getattr(parsed, "regions", {}).items():
            faults.extend(_check_region(name, raw, own, named, label, loaded))
            if not found:
                regions[key, name] = _region(parsed, providers[key], name, raw, label, loaded)
        for alias, name in parsed.aliases.items():
            if name not in own:
                faults.append(Fault(label, loaded.line(("aliases", alias)), f"no region {name!r}", "reference"))
            aliases[key, alias] = name
    if faults:
        raise FaultsError(faults)
    chosen = [item for item in regions.values() if wanted is None or item.provider in wanted]
    return Providers(providers, chosen, aliases)


def _region(parsed: _RegionsFile, owner: Provider, name: str, raw: _Region, label: str, loaded: Any) -> Region:
    spread = raw.holds or ("some" if raw.kind in {"multi-region", "global", "logical", "edge"} else "all")
    return Region(
        provider=parsed.provider,
        region=name,
        countries=tuple(sorted(raw.countries)),
        holds=spread,
        kind=raw.kind,
        operator=raw.operator or owner.operator,
        status=raw.status,
        paired=raw.paired,
        parent=raw.parent,
        members=tuple(raw.members),
        start=raw.start,
        end=raw.end,
        place=raw.place,
        note=raw.note,
        source=raw.source or parsed.source,
        file=label,
        line=loaded.line(("regions", name)),
    )


def _check_region(
    region: str, raw: _Region, regions: Set[str], entities: Set[str], label: str, loaded: Loaded
) -> Iterator[Fault]:
    def fault(field: str, message: str, rule: str) -> Fault:
        return Fault(label, loaded.line(("regions", region, field)), f"{region}: {message}", rule)

    for code in raw.countries:
        if not _COUNTRY.match(code):
            yield fault("countries", f"{code!r} is not an ISO 3166-1 alpha-2 code, EU or ZZ", "country")
    if len(set(raw.countries)) != len(raw.countries):
        yield fault("countries", "a country stands twice", "country")
    if UNBOUNDED in raw.countries and len(raw.countries) > 1:
        yield fault("countries", "ZZ means any country and stands alone", "country")
    if raw.operator is not None and raw.operator not in entities:
        yield fault("operator", f"no entity {raw.operator!r}", "reference")
    for field, names in (("paired", [raw.paired]), ("parent", [raw.parent]), ("members", raw.members)):
        for name in names:
            if name is not None and name not in regions and not _elsewhere(name):
                yield fault(field, f"no region {name!r} in this file", "reference")
    if raw.start and raw.end and raw.end <= raw.start:
        yield fault("to", "`to` must be later than `from`", "period")


def _elsewhere(name: str) -> bool:
    """A member of another name space is written provider:region."""
    return ":" in name


def open_on(region: Region, day: dt.date) -> bool:
    """Whether customers could keep data there on ``day``; an unknown start counts as open."""
    return in_force(region, day) and region.status != "announced"
