"""``residency.yaml``: who the organisation is, what it may keep, where to look, and how to tell what a store holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from residency.countries import load_countries
from residency.errors import ConfigError, Fault, FaultsError
from residency.jurisdictions import Names
from residency.method.judgement import Override
from residency.yamlfile import StrictModel, load_sound

__all__ = [
    "AwsScope",
    "AzureScope",
    "Classification",
    "Config",
    "Dataset",
    "GcpScope",
    "Rule",
    "Service",
    "load_config",
]


class Organisation(StrictModel):
    """The operator whose policy is written. ``seat`` is an alpha-2 code."""

    id: str
    name: Names
    seat: str = Field(pattern=r"^[A-Z]{2}$")
    domains: list[str] = Field(default_factory=list)
    officer: Names | None = None


class Service(StrictModel):
    """A service offered to users, and the data classes users entrust to it."""

    id: str
    name: Names
    classes: list[str] = Field(min_length=1)


class Aggregator(StrictModel):
    """An AWS Config aggregator of the calling account, and the region it is in."""

    name: str
    region: str


class AwsScope(StrictModel):
    """What to sweep in AWS. ``role`` is assumed in every account of the organisation but the calling one. What
    ``skip_fields`` names is not asked where a call gives nothing else; each store then has a gap for it. Where no
    ``aggregator`` is named, one is looked for, unless ``find_aggregator`` is false."""

    profile: str | None = None
    role: str | None = None
    external_id: str | None = None
    regions: list[str] = Field(default_factory=list)
    kinds: list[str] = Field(default_factory=list)
    accounts: list[str] = Field(default_factory=list)
    skip_accounts: list[str] = Field(default_factory=list)
    own_accounts: list[str] = Field(default_factory=list)
    skip_fields: list[Literal["key", "grants", "labels", "log", "detail"]] = Field(default_factory=list)
    aggregator: Aggregator | None = None
    find_aggregator: bool = True
    home_region: str | None = None
    endpoint: str | None = None


class GcpScope(StrictModel):
    """What to sweep in Google Cloud; ``organization`` is ``organizations/123``, without projects all below it."""

    organization: str | None = None
    projects: list[str] = Field(default_factory=list)
    endpoint: str | None = None


class AzureScope(StrictModel):
    """What to sweep in Azure; without subscriptions, every one the credentials can see, and those must be all."""

    cloud: Literal["azure", "azure-usgov", "azure-china"] = "azure"
    tenant: str | None = None
    subscriptions: list[str] = Field(default_factory=list)
    endpoint: str | None = None


class Scope(StrictModel):
    """The clouds to sweep; a cloud that is left out is not swept and says so."""

    aws: AwsScope | None = None
    gcp: GcpScope | None = None
    azure: AzureScope | None = None


class Match(StrictModel):
    """Conditions that must all hold. Patterns are shell-style (``*``, ``?``)."""

    store: str | None = None
    name: str | None = None
    kind: str | None = None
    provider: str | None = None
    account: str | None = None
    tag: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Match:
        if not (self.store or self.name or self.kind or self.provider or self.account or self.tag):
            raise ValueError("a match needs at least one condition")
        return self


class Rule(StrictModel):
    """What a matching store holds: a service with data classes, or nothing of users (``holds: nothing``)."""

    match: Match
    service: str | None = None
    classes: list[str] = Field(default_factory=list)
    holds: Literal["data", "nothing"] = "data"
    reason: str | None = None

    @model_validator(mode="after")
    def _nothing_needs_reason(self) -> Rule:
        if self.holds == "nothing" and not self.reason:
            raise ValueError("`holds: nothing` needs a `reason`: it lets a policy say no")
        if self.holds == "nothing" and (self.service or self.classes):
            raise ValueError("`holds: nothing` excludes service and classes")
        if self.holds == "data" and not (self.service or self.classes):
            raise ValueError("say `service`, `classes` or both")
        return self


class Classification(StrictModel):
    """Rules in order of precedence, and the tags that name service and class outright."""

    service_tags: list[str] = Field(default_factory=lambda: ["residency:service"])
    class_tags: list[str] = Field(default_factory=lambda: ["residency:class"])
    rules: list[Rule] = Field(default_factory=list)


class Dataset(StrictModel):
    """What users entrusted: a service and a data class."""

    service: str
    data_class: str

    @property
    def id(self) -> str:
        """``service/class``."""
        return f"{self.service}/{self.data_class}"


class Config(StrictModel):
    """The whole of ``residency.yaml``. Paths are relative to the file."""

    organisation: Organisation
    home: str = "JP"
    services: list[Service] = Field(min_length=1)
    scope: Scope = Field(default_factory=Scope)
    contractors: str | None = None
    logs: list[str] = Field(default_factory=list)
    geo_database: str | None = None
    classification: Classification = Field(default_factory=Classification)
    show_subcontractors: bool = True
    measures: dict[str, Names] = Field(default_factory=dict)
    method: dict[str, Override] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_overrides(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("method"), dict):
            named = {k: {"path": k, **v} if isinstance(v, dict) else v for k, v in data["method"].items()}
            return {**data, "method": named}
        return data

    def datasets(self) -> Iterator[Dataset]:
        """Every dataset the services declare, in order."""
        for service in self.services:
            for data_class in service.classes:
                yield Dataset(service=service.id, data_class=data_class)


def load_config(file: Path, classes: frozenset[str], groups: Iterable[str] | None = None) -> Config:
    """Read ``residency.yaml``.

    Parameters
    ----------
    classes
        Data classes that exist, from ``method/classes.yaml``.
    groups
        Groups of countries that can be home, from the law catalogue; ``home`` is not checked without them.

    Raises
    ------
    ConfigError
        When the file is missing.
    FaultsError
        With every fault in it.
    """
    if not file.is_file():
        raise ConfigError(f"{file}: no such file; `residency init` writes one to start from")
    config, loaded, faults = load_sound(Config, file)
    if config is None:
        raise FaultsError(faults)
    services: list[Service] = getattr(config, "services", [])
    declared = {service.id: frozenset(service.classes) for service in services}
    written = loaded.data.get("services") if isinstance(loaded.data, dict) else None
    named = [item.get("id") if isinstance(item, dict) else None for item in written or () if isinstance(written, list)]
    if len(declared) != len(services):
        faults.append(Fault(loaded.file, loaded.line(("services",)), "a service id stands twice", "duplicate"))

    def check(names: list[str], path: tuple[str | int, ...]) -> None:
        for name in names:
            if name not in classes:
                text = f"no data class {name!r}; there are {', '.join(sorted(classes))}"
                faults.append(Fault(loaded.file, loaded.line(path), text, "class"))

    if groups is not None and config.home not in {*load_countries(), *groups}:
        text = f"home: {config.home!r} is no country or group; there are alpha-2 codes and {', '.join(sorted(groups))}"
        faults.append(Fault(loaded.file, loaded.line(("home",)), text, "home"))
    for service in services:
        check(service.classes, ("services", named.index(service.id), "classes"))
    for number, rule in enumerate(config.classification.rules):
        here = ("classification", "rules", number)
        check(rule.classes, (*here, "classes"))
        if rule.service is None:
            continue
        if rule.service not in named:
            text = f"no service {rule.service!r}; there are {', '.join(sorted(declared))}"
            faults.append(Fault(loaded.file, loaded.line((*here, "service")), text, "service"))
        elif undeclared := set(rule.classes) & classes - declared.get(rule.service, classes):
            text = f"{', '.join(sorted(undeclared))}: not declared by service {rule.service!r}; add it there"
            faults.append(Fault(loaded.file, loaded.line((*here, "classes")), text, "class"))
    if faults:
        raise FaultsError(faults)
    return config
