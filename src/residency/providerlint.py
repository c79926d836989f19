"""Notices about providers and vendors that are no faults: what is due for review, and what stays open upwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from residency.data import DataFolders
from residency.dates import in_force
from residency.entities import Entity
from residency.errors import Fault, FaultsError
from residency.providers import Providers, load_providers
from residency.vendors import ANY, Vendors, load_vendors
from residency.yamlfile import load

__all__ = ["Notice", "load_both", "notices"]

_HOME = "JP"
"""Customers whose contracting party every file should name."""


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """Something to look at in one file."""

    file: str
    subject: str
    message: str


def load_both(folders: DataFolders) -> tuple[Providers, Vendors]:
    """Both catalogues.

    Raises
    ------
    FaultsError
        With every fault of every file of both.
    """
    faults: list[Fault] = []
    providers: Providers | None = None
    vendors: Vendors | None = None
    try:
        providers = load_providers(folders)
    except FaultsError as error:
        faults.extend(error.faults)
    try:
        vendors = load_vendors(folders)
    except FaultsError as error:
        faults.extend(error.faults)
    if providers is None or vendors is None:
        raise FaultsError(faults)
    return providers, vendors


def notices(providers: Providers, vendors: Vendors, folders: DataFolders, day: dt.date) -> list[Notice]:
    """All notices for a day, sorted."""
    found = [*_due(providers, vendors, folders, day), *_parties(providers, vendors, day), *_replaced(folders)]
    for key, provider in providers.items():
        found.extend(_open_chains(f"providers/{key}/provider.yaml", provider.entities, day))
    for key, vendor in vendors.items():
        found.extend(_open_chains(vendors.file(key), vendor.entities, day))
    return sorted(set(found))


def _due(providers: Providers, vendors: Vendors, folders: DataFolders, day: dt.date) -> Iterator[Notice]:
    files = [(f"providers/{key}/provider.yaml", item.review_by) for key, item in providers.items()]
    files += [(vendors.file(key), item.review_by) for key, item in vendors.items()]
    for label, path in folders.files("providers/*/regions.yaml"):
        files.append((label, dt.date.fromisoformat(str(load(path, label).data["review_by"]))))
    for file, review_by in files:
        if day >= review_by:
            yield Notice(file, "review", f"was due for review by {review_by}")


def _parties(providers: Providers, vendors: Vendors, day: dt.date) -> Iterator[Notice]:
    for key, provider in providers.items():
        if provider.kind == "namespace":
            continue
        owner = provider
        while not owner.contracting and owner.part_of is not None:
            owner = providers[owner.part_of]
        current = [item for item in owner.contracting if in_force(item, day)]
        if not any({_HOME, ANY} & set(item.customers) for item in current):
            yield Notice(f"providers/{key}/provider.yaml", "contracting", f"no party for customers in {_HOME}")
    for key, vendor in vendors.items():
        if not vendor.parties(_HOME, day):
            yield Notice(vendors.file(key), "contracting", f"no party for customers in {_HOME}")


def _replaced(folders: DataFolders) -> Iterator[Notice]:
    """Files of the user's own that are read instead of ours."""
    first: dict[str, str] = {}
    for label, path in folders.files("providers/saas/*.yaml"):
        if path.stem in first:
            yield Notice(label, path.stem, f"is read instead of {first[path.stem]}")
        first.setdefault(path.stem, label)


def _open_chains(file: str, entities: Mapping[str, Entity], day: dt.date) -> Iterator[Notice]:
    """Legal persons at the end of a chain whose file does not say why it ends there."""
    for key, entity in entities.items():
        if entity.top is None and not entity.note and not any(in_force(stake, day) for stake in entity.owners):
            yield Notice(file, key, "has no owner, no `top` and no note that says why its chain ends here")
