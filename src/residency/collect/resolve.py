"""After all jobs: one store for each identifier, copies placed where their target lies, keys told by who holds them.

Pure, and linear in the rows: three indexes, one pass over each table.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from residency.collect.functions import arn_part, host_region
from residency.collect.second_hand import first_hand
from residency.inventory.tables import Gap, Grant, Key, Label, Placement, Rows, Store
from residency.providers import Providers

__all__ = ["resolve"]

_PROVIDER_ALIAS = re.compile(r"alias/(aws|aws-managed)/")


def resolve(rows: Rows, providers: Providers) -> Rows:
    """Rows with what only the whole sweep can tell.

    - What an inventory service says of a store that was described first-hand is left out (`first_hand`).
    - A store that was seen from several places (a replica lists itself under its primary) is one store.
    - A placement with a ``target`` and no location takes the target's own primary location, else the region in the
      target's ARN or in the address of an AWS host; otherwise it stays unknown, with a gap.
    - A key row that names a key of the sweep takes that key's custody; an AWS-managed alias is the provider's; a key
      that is not in the sweep stays the customer's, noted, with a gap.
    """
    rows = first_hand(rows)
    done = Rows({name: list(found) for name, found in rows.tables.items()})
    homes = _homes(rows["placements"])
    done.tables["stores"] = _one_each(rows["stores"], homes)
    gaps: list[Gap] = []
    places = _places(rows["placements"], homes)
    placed = [place for item in rows["placements"] for place in _placed(item, places, providers, gaps)]
    done.tables["placements"] = _distinct(placed, lambda item: (*_place_of(item), item.note))
    done.tables["keys"] = _distinct(_keys(rows, homes, gaps), _key_of)
    done.tables["grants"] = _distinct(rows["grants"], _grant_of)
    done.tables["labels"] = _distinct(rows["labels"], lambda item: (item.store_id, item.key, item.value))
    done.tables["gaps"].extend(gaps)
    return done


def _homes(placements: Iterable[Placement]) -> dict[str, Placement]:
    """Each store's own primary place, or else its first place that is not a copy to another store."""
    homes: dict[str, Placement] = {}
    for item in placements:
        if item.target:
            continue
        known = homes.get(item.store_id)
        if known is None or _rank(item) < _rank(known):
            homes[item.store_id] = item
    return homes


def _places(placements: Sequence[Placement], homes: dict[str, Placement]) -> dict[str, list[Placement]]:
    """Every place a copied-to store's own content lies at: all of its primary places, or else its home alone."""
    targets = {item.target for item in placements if item.target}
    places: dict[str, list[Placement]] = {}
    for item in placements:
        if item.store_id in targets and item.role == "primary" and not item.target and item.location:
            places.setdefault(item.store_id, []).append(item)
    return {store: places.get(store, [homes[store]]) for store in targets if store in homes}


def _rank(item: Placement) -> tuple[bool, bool, str, str]:
    return item.role != "primary", not item.location, item.location_provider, item.location


def _one_each(stores: Iterable[Store], homes: dict[str, Placement]) -> list[Store]:
    """One row for each identifier: the one seen where the store lies, or else the first by content."""
    chosen: dict[str, Store] = {}

    def rank(store: Store) -> tuple[bool, str, str, str, str, str]:
        home = homes.get(store.store_id)
        away = home is None or store.region != home.location
        return away, store.account, store.region, store.kind, store.name, store.call

    for store in stores:
        known = chosen.get(store.store_id)
        if known is None or rank(store) < rank(known):
            chosen[store.store_id] = store
    return list(chosen.values())


def _placed(
    item: Placement, places: dict[str, list[Placement]], providers: Providers, gaps: list[Gap]
) -> list[Placement]:
    if not item.target or item.location:
        return [item]
    found = places.get(item.target, []) if item.target != item.store_id else []
    known = [place for place in found if place.location]
    if known:
        return [
            replace(
                item,
                location_provider=place.location_provider,
                location=place.location,
                evidence=f"target {item.target}",
            )
            for place in known
        ]
    region = arn_part(item.target, "region") or (host_region(item.target) if item.location_provider == "aws" else None)
    if region is not None and providers.find(item.location_provider, region) is not None:
        # the identifier itself names the place, whether or not we may look there
        return [replace(item, location=region, evidence=f"region of {item.target}")]
    why = "its own place is not known" if found else "it was not in the sweep"
    gaps.append(_gap(item, "placement", f"{item.role}: the place of {item.target} is not known: {why}"))
    return [item]


def _place_of(item: Placement) -> tuple[str, str, str, str, str]:
    return item.store_id, item.role, item.location_provider, item.location, item.target


def _keys(rows: Rows, homes: dict[str, Placement], gaps: list[Gap]) -> Iterator[Key]:
    # of two rows for one key or alias the same one wins whatever the order of collection
    own: dict[str, Key] = {}
    for item in rows["keys"]:
        known = own.get(item.store_id)
        if known is None or _certainty(item) <= _certainty(known):
            own[item.store_id] = item
    aliases = [store for store in rows["stores"] if store.name.startswith("alias/") and store.store_id in own]
    by_alias = {
        (store.provider, store.account, store.region, store.name): store.store_id
        for store in sorted(aliases, key=lambda store: store.store_id)
    }
    for item in rows["keys"]:
        yield _key(item, own, by_alias, homes, gaps)


def _certainty(item: Key) -> tuple[bool, str, str, str, str, str, str]:
    """Least for the row that says most."""
    unknown = item.custody == "unknown"
    return unknown, item.custody, item.key_id, item.manager, item.key_location, *_seen(item)[:2]


def _key_of(item: Key) -> Hashable:
    return (item.store_id, item.custody, item.key_id, item.key_location, item.manager, item.manager_country)


def _key(
    item: Key,
    own: dict[str, Key],
    by_alias: dict[tuple[str, str, str, str], str],
    homes: dict[str, Placement],
    gaps: list[Gap],
) -> Key:
    name = item.key_id
    if not name or name == item.store_id or item.custody not in {"customer-managed", "unknown"}:
        return item
    if _PROVIDER_ALIAS.search(name):
        return replace(item, custody="provider-managed", evidence=f"{item.evidence}; {name} is the provider's key")
    known = next((own[candidate] for candidate in _candidates(item, by_alias) if candidate in own), None)
    if known is not None and known.custody != "unknown":
        home = homes.get(known.store_id)
        return replace(
            item,
            custody=known.custody,
            key_id=known.store_id,
            key_location=item.key_location or known.key_location or (home.location if home else ""),
            key_account=item.key_account or known.key_account or known.account,
            manager=item.manager or known.manager,
            manager_country=item.manager_country or known.manager_country,
            evidence=f"{item.evidence}; key {known.store_id}: {known.evidence}",
        )
    why = "is in the sweep, but who holds it is not known" if known is not None else "was not in the sweep"
    gaps.append(_gap(item, "key", f"the key {name} {why}"))
    return replace(
        item,
        key_account=item.key_account or arn_part(name, "account") or "",
        key_location=item.key_location or arn_part(name, "region") or "",
        evidence=f"{item.evidence}; the key {why}",
    )


def _candidates(item: Key, by_alias: dict[tuple[str, str, str, str], str]) -> Iterator[str]:
    """Store ids the key's name may mean: itself, an alias, a bare key id in the store's own account and region."""
    name = item.key_id
    yield name
    resource = arn_part(name, "resource") or name
    region, account = arn_part(name, "region") or item.region, arn_part(name, "account") or item.account
    if resource.startswith("alias/"):
        target = by_alias.get((item.provider, account, region, resource))
        if target:
            yield target
    elif resource == name:
        partition = arn_part(item.store_id, "partition")
        if partition:
            yield f"arn:{partition}:kms:{item.region}:{item.account}:key/{name.removeprefix('key/')}"


def _gap(item: Placement | Key, field: str, message: str) -> Gap:
    return Gap(
        provider=item.provider,
        account=item.account,
        region=item.region,
        kind=item.kind,
        call=item.call,
        seen_at=item.seen_at,
        store_id=item.store_id,
        field=field,
        cause="unresolved",
        message=message,
    )


def _grant_of(item: Grant) -> Hashable:
    return (
        item.store_id,
        item.principal,
        item.principal_kind,
        item.principal_account,
        item.access,
        item.external,
        item.condition,
        item.evidence,
    )


def _distinct(items: Iterable[Any], mark: Any) -> list[Any]:
    """Rows that say something new; of rows that say the same, the first by where it was seen."""
    chosen: dict[Hashable, Placement | Grant | Label | Key] = {}
    for item in items:
        key = mark(item)
        known = chosen.get(key)
        if known is None or _seen(item) < _seen(known):
            chosen[key] = item
    return list(chosen.values())


def _seen(item: Placement | Grant | Label | Key) -> tuple[str, str, str, str, str]:
    evidence = "" if isinstance(item, Label) else item.evidence
    return item.account, item.region, item.kind, item.call, evidence
