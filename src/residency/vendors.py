"""The vendor catalogue: who stands behind the services that operators entrust user data to, and where they keep it.

One file a vendor, ``providers/saas/<id>.yaml``. Legal persons share one name space with ``providers/*/provider.yaml``:
a company that stands there already is named by its id and not described again. What is not published is written
``unknown``; it is never left out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from residency.countries import load_countries
from residency.data import DataFolders
from residency.dates import in_force
from residency.entities import Entity, check_entities
from residency.errors import Fault, FaultsError
from residency.jurisdictions import Day, Names
from residency.providers import UNBOUNDED, Contracting, Provider, Source, StaffAccess, SubProcessors
from residency.yamlfile import Loaded, Path_, StrictModel, load_sound, names_of

__all__ = ["ANY", "UNKNOWN", "Category", "Place", "Storage", "Vendor", "Vendors", "load_vendors", "staff_countries"]

UNKNOWN = "unknown"
ANY = "*"
"""Customers of any country that has no contracting party of its own."""

Category = Literal[
    "support-desk",
    "crm",
    "messaging",
    "email",
    "analytics",
    "attribution",
    "cdn",
    "monitoring",
    "logging",
    "payment",
    "identity",
    "collaboration",
    "ai-api",
    "survey",
    "forms",
    "storage",
    "database-service",
    "video",
    "call-center",
    "marketing-automation",
    "e-signature",
    "hr",
    "contract-management",
    "error-tracking",
    "feature-flags",
    "push-notification",
    "sms",
    "fraud-detection",
    "search",
    "translation",
    "document",
    "project-management",
    "code-hosting",
    "security",
    "backup",
    "other",
]
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z]\Z")
_RECALLED = "general knowledge"


class DefaultPlace(StrictModel):
    """Where data lies when a customer chooses nothing. ``unknown`` may stand beside countries that are known."""

    countries: list[str] = Field(min_length=1)
    note: str | None = None
    source: Source


class Place(DefaultPlace):
    """A storage location a customer can choose."""

    name: str = Field(min_length=1)


class Storage(StrictModel):
    """Storage locations: the default, and those on offer."""

    default: DefaultPlace
    offered: list[Place] = Field(default_factory=list)


class Vendor(StrictModel):
    """One vendor: its companies, whom a customer contracts with, where data lies and who may reach it."""

    id: str
    name: Names
    category: Category
    services: list[str] = Field(min_length=1)
    reviewed: Day
    review_by: Day
    entities: dict[str, Entity] = Field(default_factory=dict)
    contracting: list[Contracting] = Field(min_length=1)
    storage: Storage
    staff_access: list[StaffAccess] = Field(min_length=1)
    subprocessors: SubProcessors | None = None
    domains: list[str] = Field(default_factory=list)
    aws_accounts: list[str] = Field(default_factory=list)
    aws_accounts_source: Source | None = None
    note: str | None = None

    def place(self, name: str | None = None) -> DefaultPlace | None:
        """The storage location of that name, whatever its case; the default without a name."""
        if name is None:
            return self.storage.default
        return next((item for item in self.storage.offered if item.name.casefold() == name.casefold()), None)

    def parties(self, customer: str, day: dt.date) -> tuple[Contracting, ...]:
        """Whom a customer of a country contracts with on a day; several where the file says so, none when unknown."""
        current = [item for item in self.contracting if in_force(item, day)]
        exact = [item for item in current if customer in item.customers]
        return tuple(exact or (item for item in current if ANY in item.customers))


class Vendors(Mapping[str, Vendor]):
    """All vendors by id, and every legal person of both catalogues.

    Parameters
    ----------
    vendors
        By id.
    entities
        Legal persons of ``providers/*/provider.yaml``; those of the vendors are added.
    places
        For each vendor the file it was read from, and its parsed form.
    """

    def __init__(
        self,
        vendors: Mapping[str, Vendor],
        entities: Mapping[str, Entity] | None = None,
        places: Mapping[str, tuple[str, Loaded]] | None = None,
    ) -> None:
        self._vendors = dict(sorted(vendors.items()))
        self._places = dict(places or {})
        own = {key: entity for vendor in self._vendors.values() for key, entity in vendor.entities.items()}
        self.entities: dict[str, Entity] = {**(entities or {}), **own}
        self._accounts = {account: key for key, vendor in self._vendors.items() for account in vendor.aws_accounts}

    def __getitem__(self, key: str) -> Vendor:
        return self._vendors[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._vendors)

    def __len__(self) -> int:
        return len(self._vendors)

    def file(self, key: str) -> str:
        """The file a vendor was read from."""
        return self._places[key][0] if key in self._places else f"providers/saas/{key}.yaml"

    def line(self, key: str, path: Path_) -> int:
        """The line of a key path in a vendor's file."""
        return self._places[key][1].line(path) if key in self._places else 0

    def of_account(self, account: str) -> str | None:
        """The vendor that publishes an AWS account as its own."""
        return self._accounts.get(account)

    def of_host(self, host: str) -> tuple[str, ...]:
        """The vendors one of whose domains is ``host`` or a parent of it; also takes an address such as a@b.example."""
        name = host.rpartition("@")[2].casefold().rstrip(".")
        return tuple(
            key
            for key, vendor in self._vendors.items()
            if any(name == domain or name.endswith(f".{domain}") for domain in vendor.domains)
        )


def staff_countries(vendor: Vendor) -> tuple[str, ...]:
    """Countries from which a vendor's staff may reach customer data, sorted; ``unknown`` among them where the list is
    not whole or the vendor says that it may be anywhere."""
    codes = {code for item in vendor.staff_access for code in item.countries}
    if UNBOUNDED in codes or any(item.partial for item in vendor.staff_access):
        codes = codes - {UNBOUNDED} | {UNKNOWN}
    return tuple(sorted(codes))


def load_vendors(folders: DataFolders) -> Vendors:
    """Read ``providers/saas/*.yaml``; a file of the overlay replaces ours of the same name.

    Raises
    ------
    FaultsError
        With every fault of every vendor's file. Faults of ``provider.yaml`` files are `load_providers`' to tell.
    """
    faults: list[Fault] = []
    files: dict[str, tuple[str, Vendor, Loaded]] = {}
    broken: set[str] = set()
    for label, path in folders.files("providers/saas/*.yaml"):
        vendor, loaded, found = load_sound(Vendor, path, label)
        faults.extend(found)
        if vendor is None:
            continue
        if found:
            broken.add(path.stem)
        if getattr(vendor, "id", path.stem) != path.stem:
            faults.append(Fault(label, loaded.line(("id",)), f"id {vendor.id!r} must be the file's stem", "stem"))
        files[path.stem] = (label, vendor, loaded)
    entities, named = _provider_entities(folders)
    owners: dict[str, str] = dict.fromkeys(named, "providers/*/provider.yaml")
    every = dict(entities)
    for label, vendor, loaded in files.values():
        for key in names_of(loaded.data, "entities"):
            if key in owners:
                text = f"{key} stands in {owners[key]} too; name it by its id instead of a second description"
                faults.append(Fault(label, loaded.line(("entities", key)), text, "entity"))
            owners.setdefault(key, label)
        every.update(getattr(vendor, "entities", {}))
    accounts: dict[str, str] = {}
    for label, vendor, loaded in files.values():
        check = _Check(label, loaded)
        faults.extend(check_entities(getattr(vendor, "entities", {}), every, owners.keys(), label, loaded))
        faults.extend(check.all(vendor, owners))
        for number, account in enumerate(getattr(vendor, "aws_accounts", [])):
            if account in accounts:
                text = f"{account} stands in {accounts[account]} too"
                faults.append(check.fault(("aws_accounts", number), text, "account"))
            accounts[account] = label
    if faults:
        raise FaultsError(faults)
    return Vendors(
        {key: vendor for key, (_, vendor, _) in files.items()},
        entities,
        {key: (label, loaded) for key, (label, _, loaded) in files.items()},
    )


def _provider_entities(folders: DataFolders) -> tuple[dict[str, Entity], set[str]]:
    """Sound legal persons of the provider catalogue, and the names of all, sound or not."""
    entities: dict[str, Entity] = {}
    named: set[str] = set()
    for label, path in folders.files("providers/*/provider.yaml"):
        provider, loaded, _ = load_sound(Provider, path, label)
        named.update(names_of(loaded.data, "entities"))
        entities.update(getattr(provider, "entities", {}))
    return entities, named


@dataclass(frozen=True, slots=True)
class _Check:
    """The rules of one file beyond its schema. A section that is wrong as a whole is absent and is passed over."""

    label: str
    loaded: Loaded

    def fault(self, path: Path_, message: str, rule: str) -> Fault:
        return Fault(self.label, self.loaded.line(path), message, rule)

    def all(self, vendor: Vendor, named: Iterable[str]) -> Iterator[Fault]:
        yield from self.heading(vendor)
        yield from self.persons(vendor)
        yield from self.contracts(getattr(vendor, "contracting", []), named)
        yield from self.places(vendor)
        yield from self.addresses(vendor)
        yield from self.sources(self.loaded.data, ())

    def heading(self, vendor: Vendor) -> Iterator[Fault]:
        key = getattr(vendor, "id", "")
        if key and not _ID.match(key):
            yield self.fault(("id",), f"id {key!r} must be lower-case words joined by hyphens", "id")
        for name in names_of(self.loaded.data, "entities"):
            if not _ID.match(name):
                text = f"{name!r} must be lower-case words joined by hyphens"
                yield self.fault(("entities", name), text, "id")
        first, second = getattr(vendor, "reviewed", None), getattr(vendor, "review_by", None)
        if first and second and second <= first:
            yield self.fault(("review_by",), "`review_by` must be later than `reviewed`", "review")
        services = getattr(vendor, "services", [])
        if len(set(services)) != len(services):
            yield self.fault(("services",), "a service stands twice", "duplicate")

    def persons(self, vendor: Vendor) -> Iterator[Fault]:
        known = load_countries()
        for key, entity in getattr(vendor, "entities", {}).items():
            here: Path_ = ("entities", key)
            if entity.seat != UNKNOWN and len(entity.seat) == 2 and entity.seat.isupper() and entity.seat not in known:
                yield self.fault((*here, "seat"), f"{key}: seat {entity.seat!r} is no country", "country")
            if entity.incorporated is not None and entity.incorporated not in known:
                text = f"{key}: incorporated {entity.incorporated!r} is no country"
                yield self.fault((*here, "incorporated"), text, "country")
            for number, hold in enumerate(entity.footholds):
                if hold.country not in known:
                    text = f"{key}: foothold in {hold.country!r}, which is no country"
                    yield self.fault((*here, "footholds", number), text, "country")
            for number, stake in enumerate(entity.owners):
                yield from self.period(stake, (*here, "owners", number))

    def contracts(self, contracting: Iterable[Contracting], named: Iterable[str]) -> Iterator[Fault]:
        names, known = frozenset(named), {*load_countries(), ANY}
        seen: dict[tuple[str, str], list[Contracting]] = {}
        for number, item in enumerate(contracting):
            here: Path_ = ("contracting", number)
            if item.entity not in names:
                yield self.fault(here, f"no entity {item.entity!r}", "reference")
            for code in item.customers:
                if code not in known:
                    text = f"customers: {code!r} is no alpha-2 code; `{ANY}` stands for all others"
                    yield self.fault(here, text, "country")
                earlier = seen.setdefault((code, item.entity), [])
                if any(_overlap(item, other) for other in earlier):
                    yield self.fault(here, f"{item.entity} stands twice for {code} at one time", "duplicate")
                earlier.append(item)
            yield from self.period(item, here)

    def period(self, item: Any, path: Path_) -> Iterator[Fault]:
        if item.start and item.end and item.end <= item.start:
            yield self.fault(path, "`to` must be later than `from`", "period")

    def places(self, vendor: Vendor) -> Iterator[Fault]:
        storage = getattr(vendor, "storage", None)
        if storage is not None:
            yield from self.countries(storage.default.countries, ("storage", "default", "countries"))
            names = [item.name.casefold() for item in storage.offered]
            for number, item in enumerate(storage.offered):
                here: Path_ = ("storage", "offered", number)
                yield from self.countries(item.countries, here)
                if item.name.casefold() in names[:number]:
                    yield self.fault(here, f"location {item.name!r} stands twice", "duplicate")
        for number, access in enumerate(getattr(vendor, "staff_access", [])):
            yield from self.countries(access.countries, ("staff_access", number))

    def countries(self, codes: list[str], path: Path_) -> Iterator[Fault]:
        known = {*load_countries(), "EU", UNKNOWN}
        for code in codes:
            if code not in known:
                yield self.fault(path, f"{code!r} is no alpha-2 code, EU or {UNKNOWN}", "country")
        if len(set(codes)) != len(codes):
            yield self.fault(path, "a country stands twice", "country")

    def addresses(self, vendor: Vendor) -> Iterator[Fault]:
        domains = getattr(vendor, "domains", [])
        for number, domain in enumerate(domains):
            if not _DOMAIN.match(domain):
                text = f"{domain!r} is no domain; write it in lower case without scheme or path"
                yield self.fault(("domains", number), text, "domain")
            if domain in domains[:number]:
                yield self.fault(("domains", number), f"{domain} stands twice", "duplicate")
        accounts = getattr(vendor, "aws_accounts", [])
        for number, account in enumerate(accounts):
            if not _ACCOUNT.match(account):
                yield self.fault(("aws_accounts", number), f"{account!r} is no AWS account of 12 digits", "account")
        source = getattr(vendor, "aws_accounts_source", None)
        if accounts and source is None:
            yield self.fault(("aws_accounts",), "needs `aws_accounts_source`: where the vendor says so", "uncited")
        if source is not None and not accounts:
            yield self.fault(("aws_accounts_source",), "there are no aws_accounts it belongs to", "uncited")

    def sources(self, data: Any, path: Path_) -> Iterator[Fault]:
        """Every source names a page and says what it says; what was not read admits that."""
        if isinstance(data, list):
            for number, item in enumerate(data):
                yield from self.sources(item, (*path, number))
        if not isinstance(data, dict):
            return
        for key, value in data.items():
            here: Path_ = (*path, key)
            if not str(key).endswith("source") or not isinstance(value, dict):
                yield from self.sources(value, here)
                continue
            says, confidence = str(value.get("says") or ""), value.get("confidence")
            if not value.get("url"):
                yield self.fault(here, "needs `url`: the page, or the official place to check", "uncited")
            if not says:
                yield self.fault(here, "needs `says`: what the page says, in your own words", "uncited")
            elif confidence == "low" and _RECALLED not in says:
                yield self.fault(here, f"low confidence: `says` must hold “from {_RECALLED}”", "confidence")
            elif confidence == "high" and _RECALLED in says:
                yield self.fault(here, f"{_RECALLED} is low confidence, not high", "confidence")


def _overlap(one: Contracting, other: Contracting) -> bool:
    first, last = dt.date.min, dt.date.max
    return (one.start or first) < (other.end or last) and (other.start or first) < (one.end or last)
