"""Legal persons and who owns them: the chains along which a foreign law reaches an operator."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from residency.dates import in_force
from residency.errors import Fault
from residency.jurisdictions import Confidence, Day
from residency.yamlfile import Loaded, StrictModel

__all__ = ["Entity", "Foothold", "OwnershipStep", "Stake", "Top", "check_entities", "owners_of"]

_CONTROL = 0.5


class EntitySource(StrictModel):
    """Where a fact about a legal person was read: a page, or for the contractor register a row named in ``says``."""

    url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    says: str | None = None
    read: Day | None = None
    confidence: Confidence


class Stake(StrictModel):
    """A holding in an entity. ``share`` is a fraction in (0, 1]; left out where only control is published."""

    entity: str
    share: float | None = Field(default=None, gt=0, le=1)
    relation: Literal["owner", "branch", "licensor"] = "owner"
    start: Day | None = Field(default=None, alias="from")
    end: Day | None = Field(default=None, alias="to")
    source: EntitySource


class Foothold(StrictModel):
    """Another state whose law reaches the entity itself: an establishment, a listing, a state holding."""

    country: str
    why: Literal["establishment", "listing", "staff", "state-holding", "services"]
    note: str | None = None
    source: EntitySource


class Top(StrictModel):
    """Why a chain of ownership ends at this entity: nobody above it can direct it as a company would.

    ``dispersed``: listed or widely held, no shareholder controls; ``persons``: natural persons control (a family,
    founders with more votes); ``members``: employees, members or an association hold it; ``state``: a government holds
    it. Holders without control may still stand in ``owners``. An entity with neither owners nor ``top`` has owners
    nobody has looked up: they are unknown, not absent.
    """

    why: Literal["dispersed", "persons", "members", "state"]
    note: str | None = None
    source: EntitySource


class Entity(StrictModel):
    """A legal person: its seat and owners. ``seat`` is an alpha-2 code, or ``unknown``."""

    name: str = Field(min_length=1)
    seat: str
    incorporated: str | None = None
    owners: list[Stake] = Field(default_factory=list)
    top: Top | None = None
    footholds: list[Foothold] = Field(default_factory=list)
    note: str | None = None
    source: EntitySource

    def owners_known(self, as_of: dt.date) -> bool:
        """Whether the file says who is above on a day: an owner, or that the chain ends here. Otherwise the owners are
        unknown, not absent."""
        return self.top is not None or any(
            stake.relation == "owner" and in_force(stake, as_of) for stake in self.owners
        )


@dataclass(frozen=True, slots=True)
class OwnershipStep:
    """One step up: ``child`` is owned by ``parent`` on the day asked for."""

    child: str
    parent: str
    stake: Stake


def owners_of(entities: Mapping[str, Entity], start: str, as_of: dt.date) -> Iterator[OwnershipStep]:
    """Every step of every chain upward from ``start``, each pair once, breadth first."""
    queue, seen = [start], {start}
    while queue:
        child = queue.pop(0)
        entity = entities.get(child)
        for stake in entity.owners if entity else []:
            if not in_force(stake, as_of):
                continue
            yield OwnershipStep(child, stake.entity, stake)
            if stake.entity not in seen:
                seen.add(stake.entity)
                queue.append(stake.entity)


def check_entities(
    own: Mapping[str, Entity], every: Mapping[str, Entity], named: Set[str], label: str, loaded: Loaded
) -> Iterator[Fault]:
    """Faults of one file's entities: owners not ``named``, malformed seats, a top with controlling owners, rings."""
    for key, entity in own.items():
        if entity.seat != "unknown" and not (len(entity.seat) == 2 and entity.seat.isupper()):
            line = loaded.line(("entities", key, "seat"))
            yield Fault(label, line, f"{key}: seat {entity.seat!r} is not an alpha-2 code or unknown", "country")
        for position, stake in enumerate(entity.owners):
            line = loaded.line(("entities", key, "owners", position))
            if stake.entity not in named:
                yield Fault(label, line, f"{key}: no entity {stake.entity!r}", "reference")
            held = stake.relation == "owner" and stake.end is None
            if entity.top is not None and held and (stake.share is None or stake.share > _CONTROL):
                message = f"{key}: `top` ends the chain, but {stake.entity!r} may control it: a share of at most half"
                yield Fault(label, line, message, "top")
        if any(step.parent == key for step in owners_of(every, key, dt.date.max)):
            yield Fault(label, loaded.line(("entities", key)), f"{key} owns itself through its owners", "ring")
