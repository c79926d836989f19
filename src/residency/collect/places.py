"""What the drivers of asset inventories share: names of places brought to the catalogue's form, and how a unit ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from residency.collect.plan import UnitKey
from residency.inventory.tables import Gap, Key, Origin, Placement, Rows, Unit
from residency.model import COMPLETE_STATUSES, Cause, UnitStatus
from residency.providers import Providers

__all__ = [
    "Trouble",
    "fold",
    "listing_gaps",
    "origin_of",
    "pair_in",
    "place_gap",
    "read_rows",
    "unit_of",
    "unread_gaps",
]

_CAUSES: dict[str, Cause] = {
    "denied": "denied",
    "throttled": "throttled",
    "skipped": "skipped",
    "unsupported": "unsupported",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer did not come, or came short: how the unit ends, the provider's code, one line for the reader."""

    status: UnitStatus
    code: str
    message: str

    @property
    def cause(self) -> Cause:
        """The same as a gap's cause."""
        return _CAUSES.get(self.status, "malformed" if self.code == "malformed" else "failed")

    @property
    def hides(self) -> bool:
        """Whether stores may be hidden behind it."""
        return self.status not in COMPLETE_STATUSES


def fold(catalogue: Providers, provider: str, name: str) -> tuple[str, str]:
    """(provider, region) as the catalogue writes them; a name it does not know stays as it is.

    Takes full resource names (``projects/p/instanceConfigs/nam3``, a zone's URL), looks in the service's own name space
    first and in the cloud's after it: a bucket may lie in a plain region.
    """
    short = name.strip().rstrip("/").rsplit("/", 1)[-1].strip()
    spaces = [provider]
    if provider in catalogue and (root := catalogue.root(provider).id) != provider:
        spaces.append(root)
    for space in spaces:
        if found := catalogue.find(space, short):
            return found.provider, found.region
    return provider, short


def pair_in(catalogue: Providers) -> Callable[[str, str], str | None]:
    """The catalogue's paired region of a place, for `Asked.pair_of`."""

    def pair_of(provider: str, location: str) -> str | None:
        found = catalogue.find(*fold(catalogue, provider, location))
        return found.paired if found else None

    return pair_of


def read_rows(
    rows: Rows, catalogue: Providers, provider: str, *, target: Callable[[str], str], key: Callable[[Key], Key]
) -> Rows:
    """The same rows with places in the catalogue's form, targets as store identifiers and keys taken apart."""
    result = Rows()
    for name, items in rows.tables.items():
        for item in items:
            changed = item
            if isinstance(item, Placement):
                space, place = (
                    fold(catalogue, item.location_provider, item.location)
                    if item.location
                    else (item.location_provider, "")
                )
                changed = replace(
                    item, location_provider=space, location=place, target=target(item.target) if item.target else ""
                )
            elif isinstance(item, Key):
                changed = key(item)
            if getattr(changed, "region", "") not in {"", "global"}:
                changed = replace(changed, region=fold(catalogue, provider, changed.region)[1])
            result.tables[name].append(changed)
    return result


def unit_of(
    key: UnitKey, stores: int, trouble: Trouble | None, calls: int, started: dt.datetime, finished: dt.datetime
) -> Unit:
    """The unit's one row. A listing that came short is never ``empty``, and never ``seen``."""
    return Unit(
        provider=key.provider,
        account=key.account,
        region=key.region,
        kind=key.kind,
        status=trouble.status if trouble else "seen" if stores else "empty",
        code=trouble.code if trouble else "",
        message=trouble.message if trouble else "",
        stores=stores,
        calls=calls,
        started_at=started,
        finished_at=finished,
    )


def as_map(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one: recorded answers hold anything."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """The value where it is text, else none."""
    return value if isinstance(value, str) else ""


def origin_of(row: Origin) -> dict[str, Any]:
    """Where a row was seen, for another row of the same origin."""
    return {name: getattr(row, name) for name in ("provider", "account", "region", "kind", "call", "seen_at")}


def place_gap(
    provider: str,
    account: str,
    kind: str,
    call: str,
    seen_at: dt.datetime,
    trouble: Trouble,
    field: str = "listing",
    region: str = "global",
) -> Gap:
    """The gap of a place that did not answer, or not all of it."""
    return Gap(
        provider=provider,
        account=account,
        region=region,
        kind=kind,
        call=call,
        seen_at=seen_at,
        field=field,
        cause=trouble.cause,
        message=trouble.message,
    )


def listing_gaps(key: UnitKey, trouble: Trouble | None, call: str, seen_at: dt.datetime) -> Iterable[Gap]:
    """The gap of a unit whose listing came short."""
    if trouble is not None and trouble.hides:
        yield place_gap(key.provider, key.account, key.kind, call, seen_at, trouble, region=key.region)


def unread_gaps(provider: str, account: str, unread: Mapping[str, int], seen_at: dt.datetime) -> Iterable[Gap]:
    """A gap for each sort of recorded answers that no kind reads: what they hold was not judged."""
    for what, count in sorted(unread.items()):
        message = f"{count} recorded answer{'s' if count > 1 else ''} that no kind reads: {what}"[:500]
        trouble = Trouble("unsupported", "unread", message)
        yield place_gap(provider, account, "", "import", seen_at, trouble)
