"""Notices about the law catalogue that are no faults: what is due for review, and lists that disagree with files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from residency.dates import in_force
from residency.jurisdictions import Jurisdictions

__all__ = ["Notice", "notices"]

_NO_PROMISE = frozenset({"survey", "restriction"})
"""Kinds of list that say something about a country without the country having promised anything."""
_BOUND = frozenset({"member", "in-force", "adherent", "designated", "party", "participant", "ratified"})
"""Statuses in which an entry binds; a signature or a negotiation does not."""


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """Something to look at in one country's file."""

    country: str
    subject: str
    message: str


def notices(catalogue: Jurisdictions, day: dt.date) -> list[Notice]:
    """All notices for a day, sorted."""
    return sorted([*_due(catalogue, day), *_one_sided(catalogue)])


def _due(catalogue: Jurisdictions, day: dt.date) -> Iterator[Notice]:
    for code, item in catalogue.items():
        if item.stale(day):
            yield Notice(code, "review", f"was due for review by {item.review_by}")
        for key, entries in item.facts.items():
            for entry in entries:
                if entry.review_by is not None and day >= entry.review_by and in_force(entry, day):
                    yield Notice(code, key, f"was due for review by {entry.review_by}")


def _one_sided(catalogue: Jurisdictions) -> Iterator[Notice]:
    """Lists that name a country whose file does not say so, and the other way round."""
    for code, item in catalogue.items():
        entries = item.facts.get("safeguard.commitments", ())
        said = {entry.attributes.get("list", "") for entry in entries if entry.value == "yes"}
        listed = {
            name
            for name, members in catalogue.commitments.items()
            if members.kind not in _NO_PROMISE and code in members.entries and members.entries[code].status in _BOUND
        }
        for name in sorted(listed - said):
            yield Notice(code, "safeguard.commitments", f"{name} lists the country, its file does not say so")
        for name in sorted(said - listed - {""}):
            yield Notice(code, "safeguard.commitments", f"the file names {name}, which does not list the country")
