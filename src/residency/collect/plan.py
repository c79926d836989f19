"""What a sweep will do, before it does it: units, grouped into jobs that one call sequence answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from residency.inventory.tables import Gap, Rows, Unit

__all__ = ["Driver", "Job", "Plan", "UnitKey"]


@dataclass(frozen=True, slots=True, order=True)
class UnitKey:
    """One (account, region, kind); ``region`` is ``global`` for kinds that are listed once per account."""

    provider: str
    account: str
    region: str
    kind: str


@dataclass(frozen=True, slots=True, order=True)
class Job:
    """Units that are answered together: one for AWS, all of a scope's kinds for an asset inventory.

    ``name`` is stable over runs: a resumed sweep skips the jobs its journal has.
    """

    name: str
    units: tuple[UnitKey, ...]
    estimated_calls: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a sweep, and what was already not to be seen while planning (an account that cannot be entered).

    ``units`` are units that ended while planning: every unit of a denied account, a disabled region.
    """

    jobs: tuple[Job, ...]
    gaps: tuple[Gap, ...] = ()
    units: tuple[Unit, ...] = ()
    notes: tuple[str, ...] = field(default=())


class Driver(Protocol):
    """One cloud under one set of credentials."""

    @property
    def provider(self) -> str:
        """Catalogue id of the main provider."""
        ...

    def plan(self) -> Plan:
        """Find accounts and regions; a refusal becomes a gap with its units, never a shorter plan."""
        ...

    def known(self) -> Any:
        """What planning learned, as plain data that another process can go on from; no secret is part of it."""
        ...

    def recall(self, known: Any) -> None:
        """Go on from what a driver of the same scope learned while planning in another process."""
        ...

    def run(self, job: Job) -> Rows:
        """Answer every unit of the job with exactly one row in ``units``, and rows for what was found."""
        ...


def unit_count(jobs: Iterable[Job]) -> int:
    """How many units the jobs hold."""
    return sum(len(job.units) for job in jobs)
