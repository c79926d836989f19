"""Coverage: what was asked, how each unit ended, and what a policy may therefore not deny."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from residency.inventory.tables import Gap, Tables, Unit
from residency.model import COMPLETE_STATUSES, UNIT_STATUSES

__all__ = ["Coverage", "CoverageRow", "coverage", "coverage_of"]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """Units of one (provider, account, kind) counted by status."""

    provider: str
    account: str
    kind: str
    counts: tuple[tuple[str, int], ...]

    @property
    def complete(self) -> bool:
        """Whether nothing can be hidden here."""
        return all(status in COMPLETE_STATUSES for status, count in self.counts if count)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of all units and gaps. ``complete`` only when every unit and every detail was seen."""

    rows: tuple[CoverageRow, ...]
    statuses: tuple[tuple[str, int], ...]
    gaps: tuple[tuple[str, int], ...]

    @property
    def complete(self) -> bool:
        """Whether absence may be stated."""
        return not self.gaps and bool(self.rows) and all(row.complete for row in self.rows)


def coverage(units: Iterable[Unit], gaps: Iterable[Gap]) -> Coverage:
    """Count units by status and gaps by cause."""
    counts = Counter((unit.provider, unit.account, unit.kind, unit.status) for unit in units)
    return _coverage(((*key, count) for key, count in counts.items()), Counter(gap.cause for gap in gaps))


def coverage_of(inventory: Tables) -> Coverage:
    """The same for a snapshot of any size: only its counts are made into rows."""
    from residency.inventory.staging import database

    connection = database()
    try:
        for table in ("units", "gaps"):
            inventory.attach(connection, table, table)
        units = connection.execute("SELECT provider, account, kind, status, count(*) FROM units GROUP BY ALL")
        counts = units.fetchall()
        return _coverage(counts, dict(connection.execute("SELECT cause, count(*) FROM gaps GROUP BY ALL").fetchall()))
    finally:
        connection.close()


def _coverage(units: Iterable[tuple[str, str, str, str, int]], causes: Mapping[str, int]) -> Coverage:
    table: dict[tuple[str, str, str], Counter[str]] = {}
    total: Counter[str] = Counter()
    for provider, account, kind, status, count in units:
        table.setdefault((provider, account, kind), Counter())[status] += count
        total[status] += count

    def ordered(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
        return tuple((status, counts[status]) for status in UNIT_STATUSES if counts[status])

    rows = tuple(CoverageRow(*key, ordered(counts)) for key, counts in sorted(table.items()))
    return Coverage(rows, ordered(total), tuple(sorted(causes.items())))
