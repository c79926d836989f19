"""What would change: the same inventory with one thing otherwise, scored again and compared. Rows are never edited."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_args

from residency.errors import InputError
from residency.graph import Inputs
from residency.interval import ZERO, Interval
from residency.inventory.tables import Key, Placement, Rows
from residency.model import CUSTODIES, Custody
from residency.scoring import Scores, score

__all__ = ["Delta", "compare", "move", "set_custody", "what_if", "without_contractor", "without_copies"]

Edit = Callable[[Rows], Rows]


@dataclass(frozen=True, slots=True)
class Delta:
    """How a (dataset, jurisdiction) would move, 0 to 100."""

    dataset: str
    jurisdiction: str
    before: Interval
    after: Interval


def move(store_id: str, provider: str, location: str) -> Edit:
    """The store's content lies at one location of the catalogue, and nowhere else."""

    def edit(rows: Rows) -> Rows:
        own = [row for row in rows["placements"] if row.store_id == store_id]
        if not own:
            raise InputError(f"whatif: no store {store_id!r} in the snapshot")
        moved: Placement = dataclasses.replace(
            own[0],
            role="primary",
            location_provider=provider,
            location=location,
            target="",
            evidence="what if",
        )
        return _with(rows, placements=[row for row in rows["placements"] if row.store_id != store_id] + [moved])

    return edit


def without_copies(store_id: str) -> Edit:
    """The store has its primary placements only."""

    def edit(rows: Rows) -> Rows:
        _known(rows, store_id)
        kept = [row for row in rows["placements"] if row.store_id != store_id or row.role == "primary"]
        return _with(rows, placements=kept)

    return edit


def set_custody(store_id: str, custody: Custody, manager_country: str = "") -> Edit:
    """The store's key is held otherwise; ``manager_country`` says where an external key manager sits."""
    if custody not in get_args(Custody):
        raise InputError(f"whatif: no custody {custody!r}; there are {', '.join(CUSTODIES)}")

    def edit(rows: Rows) -> Rows:
        _known(rows, store_id)
        store = next(row for row in rows["stores"] if row.store_id == store_id)
        origin = {name: getattr(store, name) for name in ("provider", "account", "region", "kind", "call", "seen_at")}
        new = Key(**origin, store_id=store_id, custody=custody, manager_country=manager_country, evidence="what if")
        return _with(rows, keys=[row for row in rows["keys"] if row.store_id != store_id] + [new])

    return edit


def without_contractor(contractor_id: str) -> Edit:
    """The contractor handles nothing any more, nor do those it re-entrusted to; grants to it stay."""

    def edit(rows: Rows) -> Rows:
        gone = {contractor_id}
        if not any(row.contractor_id == contractor_id for row in rows["contractors"]):
            raise InputError(f"whatif: no contractor {contractor_id!r} in the snapshot")
        while more := {row.contractor_id for row in rows["contractors"] if row.entrusted_by in gone} - gone:
            gone |= more
        return _with(rows, contractors=[row for row in rows["contractors"] if row.contractor_id not in gone])

    return edit


def what_if(inputs: Inputs, edits: Iterable[Edit]) -> tuple[Scores, Scores]:
    """Scores before and after the edits, in order."""
    rows = inputs.rows
    for edit in edits:
        rows = edit(rows)
    before = score(inputs)
    after = score(dataclasses.replace(inputs, rows=rows), also=before.world.universe)
    return score(inputs, also=after.world.universe), after


def compare(before: Scores, after: Scores, *, seen: bool = True) -> list[Delta]:
    """Every pair that moved, largest fall of the upper bound first. ``seen`` leaves gaps out of both."""

    def table(scores: Scores) -> dict[tuple[str, str], Interval]:
        found: dict[tuple[str, str], Interval] = {}
        for cell in scores.cells:
            value = cell.seen if seen else cell.value
            old = found.get((cell.dataset, cell.jurisdiction), ZERO)
            found[cell.dataset, cell.jurisdiction] = Interval(max(old.lo, value.lo), max(old.hi, value.hi))
        return found

    old, new = table(before), table(after)
    moved = [
        Delta(*pair, old.get(pair, ZERO), new.get(pair, ZERO))
        for pair in sorted(old.keys() | new.keys())
        if old.get(pair, ZERO) != new.get(pair, ZERO)
    ]
    return sorted(moved, key=lambda item: (item.after.hi - item.before.hi, item.dataset, item.jurisdiction))


def _known(rows: Rows, store_id: str) -> None:
    if not any(row.store_id == store_id for row in rows["stores"]):
        raise InputError(f"whatif: no store {store_id!r} in the snapshot")


def _with(rows: Rows, **tables: list[Any]) -> Rows:
    return Rows({**rows.tables, **tables})
