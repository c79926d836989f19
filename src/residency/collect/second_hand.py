"""What an inventory service says beside what the services themselves say: the first-hand word counts.

Pure: two passes over the rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from residency.inventory.tables import Gap, Rows, Unit
from residency.model import COMPLETE_STATUSES

__all__ = ["first_hand"]

_SECOND_HAND = "AWS Config"
_OF_STORES = ("stores", "placements", "keys", "grants", "labels", "gaps")


def first_hand(rows: Rows) -> Rows:
    """The rows without what an inventory service says of stores that were described first-hand.

    A store that only the inventory service lists stays. Where the sweep asked its unit and the answer was complete, the
    two disagree: a gap of the listing says so, because a listing that leaves a store out may leave out others.
    """
    second = [store for store in rows["stores"] if _is_second(store)]
    if not second:
        return rows
    described = {store.store_id for store in rows["stores"] if not _is_second(store)}
    kept = Rows(dict(rows.tables))
    for name in _OF_STORES:
        kept.tables[name] = [row for row in rows[name] if not (_is_second(row) and row.store_id in described)]
    units: dict[tuple[str, str, str, str], Unit] = {_unit_of(unit): unit for unit in rows["units"]}
    for store in second:
        unit = units.get(_unit_of(store)) or units.get(_unit_of(replace(store, region="global")))
        if store.store_id in described or unit is None or unit.status not in COMPLETE_STATUSES:
            continue
        kept.tables["gaps"].append(
            Gap(
                provider=store.provider,
                account=store.account,
                region=unit.region,
                kind=store.kind,
                call=store.call,
                seen_at=store.seen_at,
                field="listing",
                cause="unresolved",
                message=f"{_SECOND_HAND} lists {store.store_id}, the service's own listing ({unit.status}) does not:"
                " deleted since, or left out",
            )
        )
    return kept


def _is_second(row: Any) -> bool:
    return bool(row.call.startswith(_SECOND_HAND))


def _unit_of(row: Any) -> tuple[str, str, str, str]:
    return row.provider, row.account, row.region, row.kind
