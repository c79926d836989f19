"""Coverage: what was asked, how each unit ended, and what a policy may therefore not deny."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from residency.inventory.tables import Gap, Unit
from residency.model import COMPLETE_STATUSES, UNIT_STATUSES

__all__ = ["Coverage", "CoverageRow", "coverage"]


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
    table: dict[tuple[str, str, str], Counter[str]] = {}
    total: Counter[str] = Counter()
    for unit in units:
        table.setdefault((unit.provider, unit.account, unit.kind), Counter())[unit.status] += 1
        total[unit.status] += 1
    causes = Counter(gap.cause for gap in gaps)

    def ordered(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
        return tuple((status, counts[status]) for status in UNIT_STATUSES if counts[status])

    rows = tuple(CoverageRow(*key, ordered(counts)) for key, counts in sorted(table.items()))
    return Coverage(rows, ordered(total), tuple(sorted(causes.items())))
