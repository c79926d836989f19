"""From one record to rows: a pure function of the kind's rules, the record, and where it came from."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jmespath.exceptions import JMESPathError

from residency.collect.functions import OPTIONS, arn_part
from residency.collect.grants import Scope, grants_of
from residency.collect.imports.paths import chains
from residency.collect.spec import UNLISTED, Kind, PlacementRule, expression
from residency.inventory.tables import Gap, Key, Label, Placement, Rows, Store
from residency.model import Cause

__all__ = ["Asked", "Failure", "Record", "elements", "map_record", "misshapen", "search"]

_ROOT = re.compile(r"(?P<path>\w+(?:\.\w+)*)(?P<list>\[|\Z)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Where and when a record was asked for, and what to know about the place of asking.

    ``pair_of(provider, location)`` answers the catalogue's paired region or None.
    """

    provider: str
    account: str
    region: str
    kind: str
    partition: str
    seen_at: dt.datetime
    scope: Scope
    pair_of: Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A detail call that gave no usable answer."""

    cause: Cause
    message: str
    call: str
    fields: tuple[str, ...]


@dataclass(slots=True)
class Record:
    """A listed item with the answers about it; ``failed`` names the answers that did not come (by ``into``)."""

    data: dict[str, Any]
    call: str
    failed: dict[str, Failure] = field(default_factory=dict)


def search(text: str, data: Any) -> Any:
    """Evaluate JMESPath; a function given a value of the wrong type answers None, as a missing path does."""
    try:
        return expression(text).search(data, options=OPTIONS)
    except JMESPathError:
        return None


def misshapen(items: str | None, page: Any) -> str:
    """Why a page of a listing cannot be read where its items should stand; empty where it can.

    An answer of another shape would otherwise pass for one without items.
    """
    if (match := _ROOT.match(items or "")) is None:
        return ""
    value = page
    for name in match["path"].split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    if match["list"] and not isinstance(value, list):
        return f"{match['path']} is not a list"
    if not isinstance(value, list | dict):
        return f"{match['path']} holds no items"
    if isinstance(value, list) and any(item is None or isinstance(item, list) for item in value):
        return f"{match['path']} holds what is no item"
    return ""


def map_record(kind: Kind, record: Record, asked: Asked) -> Rows:
    """Read one record by its kind's rules.

    Returns
    -------
    Rows
        One store with at least one placement and one key row; gaps for everything a failed or unreadable answer left
        open. No rows when the kind's ``when`` says the item is none of its stores. A record without a readable
        identifier answers one gap.
    """
    context = {
        "provider": asked.provider,
        "account": asked.account,
        "region": asked.region,
        "partition": asked.partition,
    }
    data = {**record.data, "ctx": context}
    rows = Rows()
    if kind.when and not search(kind.when, data):
        return rows
    origin: dict[str, Any] = {
        "provider": asked.provider,
        "account": asked.account,
        "region": _text(search(kind.region, data)) if kind.region else asked.region,
        "kind": asked.kind,
        "call": record.call,
        "seen_at": asked.seen_at,
    }
    origin["region"] = origin["region"] or asked.region
    store_id, name = _text(search(kind.id, data)), _text(search(kind.name, data)) if kind.name else ""
    if data.get(UNLISTED) and not arn_part(store_id, "service") and "ctx.region" not in kind.id:
        # descriptions may leave the identifier to the listing; what they are about is a store all the same
        name = name or store_id
        store_id = "/".join([asked.kind, asked.region, name]) if name else ""
    if not store_id:
        message = f"an item of {asked.kind} has no readable identifier ({kind.id})"
        rows.add(Gap(**origin, field="listing", cause="malformed", message=message))
        return rows
    store_id = _said_in_full(store_id, record.data) if "ctx.region" in kind.id else store_id
    own = arn_part(store_id, "region")
    if own and not kind.region and asked.region != own and kind.scope == "regional":
        # the answer itself says where it is from; the region that was asked comes second
        context["region"] = origin["region"] = own
    rows.add(Store(**origin, store_id=store_id, name=name or store_id, holds=kind.holds))
    for failure in dict.fromkeys(record.failed.values()):
        for unknown in failure.fields:
            origin_of_gap = {**origin, "call": failure.call}
            rows.add(
                Gap(**origin_of_gap, store_id=store_id, field=unknown, cause=failure.cause, message=failure.message)
            )
    for number, rule in enumerate(kind.placements):
        before = len(rows["placements"])
        _place(rule, number, data, record, origin, store_id, asked, rows)
        if len(rows["placements"]) == before and (name := _unsaid(kind, (rule.each or rule.when,), data)):
            rows.add(_unsaid_gap(origin, store_id, "placement", name))
    if not rows["placements"]:
        rows.add(
            Placement(
                **origin,
                store_id=store_id,
                role="primary",
                location_provider=asked.provider,
                location="",
                evidence="no rule gave a place",
            ),
            Gap(**origin, store_id=store_id, field="placement", cause="malformed", message="the answer names no place"),
        )
    rows.add(*_custody(kind, data, record, origin, store_id))
    for rule_ in kind.grants:
        if any(need in record.failed for need in rule_.needs):
            continue
        source = rule_.policy or rule_.bindings or rule_.principals or rule_.acl
        if name := _unsaid(kind, (source,), data):
            rows.add(_unsaid_gap(origin, store_id, "grants", name))
        for item in grants_of(rule_, data, asked.scope, search):
            if isinstance(item, str):
                rows.add(Gap(**origin, store_id=store_id, field="grants", cause="malformed", message=item))
            else:
                rows.add(item.row(origin, store_id))
    rows.add(*_labels(kind, data, origin, store_id))
    return rows


def _place(
    rule: PlacementRule,
    number: int,
    data: Mapping[str, Any],
    record: Record,
    origin: dict[str, Any],
    store_id: str,
    asked: Asked,
    rows: Rows,
) -> None:
    missing = [need for need in rule.needs if need in record.failed]
    if missing:
        failure = record.failed[missing[0]]
        rows.add(
            Placement(
                **{**origin, "call": failure.call},
                store_id=store_id,
                role=rule.role,
                location_provider=rule.location_provider or asked.provider,
                location="",
                evidence=f"{failure.cause}: {missing[0]}",
                note=rule.note or "",
            )
        )
        return
    for element in elements(rule.each, data):
        if rule.when and not search(rule.when, element):
            continue
        provider = rule.location_provider or asked.provider
        location = rule.fixed or (_text(search(rule.location, element)) if rule.location else "")
        evidence = (rule.fixed and f"fixed: {rule.fixed}") or rule.location or "target"
        if rule.pair and location:
            evidence, location = f"pair of {location}", asked.pair_of(provider, location) or ""
        target = _text(search(rule.target, element)) if rule.target else ""
        rows.add(
            Placement(
                **origin,
                store_id=store_id,
                role=rule.role,
                location_provider=provider,
                location=location,
                target=target,
                evidence=evidence,
                note=rule.note or "",
            )
        )
        if not location and not target:
            message = f"{rule.role}: the answer names no place (rule {number + 1}, {evidence})"
            rows.add(Gap(**origin, store_id=store_id, field="placement", cause="malformed", message=message))


def _unsaid(kind: Kind, texts: Iterable[str | None], data: Mapping[str, Any]) -> str:
    """The first name these expressions read that only the listing would say, of an item known without its listing."""
    asked = {call.into for call in kind.detail}
    for chain in (chain for text in texts if text for chain in sorted(chains(text)) if chain[0] not in asked):
        value: Any = data
        for name in chain:
            if isinstance(value, Mapping) and name not in value and value.get(UNLISTED):
                return name
            value = value.get(name) if isinstance(value, Mapping) else None
    return ""


def _unsaid_gap(origin: dict[str, Any], store_id: str, unknown: str, name: str) -> Gap:
    message = f"{name} is not known: the listing that says it was not recorded"
    return Gap(**origin, store_id=store_id, field=unknown, cause="failed", message=message)


def elements(each: str | None, data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a placement rule sees: the record itself, or each element with the record as ``root``."""
    if each is None:
        yield {**data, "root": data}
        return
    found = search(each, data)
    for element in found if isinstance(found, list) else [] if found is None else [found]:
        inner = element if isinstance(element, dict) else {"item": element}
        yield {**inner, "root": data}


def _custody(
    kind: Kind, data: Mapping[str, Any], record: Record, origin: dict[str, Any], store_id: str
) -> Iterator[Key | Gap]:
    view = {**data, "root": data}
    for rule in kind.key:
        missing = [need for need in rule.needs if need in record.failed]
        if missing:
            failure = record.failed[missing[0]]
            yield Key(**origin, store_id=store_id, custody="unknown", evidence=f"{failure.cause}: {missing[0]}")
            return
        key_id = _text(search(rule.id, view)) if rule.id else ""
        holds = bool(search(rule.when, view)) if rule.when else (bool(key_id) or rule.id is None)
        unsaid = "" if holds and key_id else _unsaid(kind, (rule.when, rule.id), data)
        if unsaid:
            yield Key(**origin, store_id=store_id, custody="unknown", evidence=f"failed: {unsaid}")
            yield _unsaid_gap(origin, store_id, "key", unsaid)
            return
        if holds:
            yield Key(
                **origin,
                store_id=store_id,
                custody=rule.custody,
                key_id=key_id,
                key_location=_text(search(rule.location, view)) if rule.location else "",
                key_account=_text(search(rule.account, view)) if rule.account else "",
                manager=_text(search(rule.manager, view)) if rule.manager else "",
                manager_country=_text(search(rule.manager_country, view)) if rule.manager_country else "",
                evidence=rule.when or rule.id or "default of the kind",
            )
            return
        if odd := _odd(rule.id or "", data):  # a key may well be named there, in a form that is not known
            yield Key(**origin, store_id=store_id, custody="unknown", evidence=f"malformed: {odd} is no object")
            return
    yield Key(**origin, store_id=store_id, custody="unknown", evidence="no rule holds")


def _odd(text: str, data: Mapping[str, Any]) -> str:
    """The first name on the way to what an expression reads that holds a text where an object should be."""
    for chain in sorted(chains(text)) if text else ():
        value: Any = data
        for depth, name in enumerate(chain[:-1], 1):
            value = value.get(name) if isinstance(value, Mapping) else None
            if isinstance(value, str) and value:
                return ".".join(chain[:depth])
    return ""


def _labels(kind: Kind, data: Mapping[str, Any], origin: dict[str, Any], store_id: str) -> Iterator[Label]:
    for rule in kind.labels:
        if rule.map:
            found = search(rule.map, data)
            pairs = list(found.items()) if isinstance(found, dict) else []
        else:
            found = search(rule.pairs or "", data) if rule.pairs else None
            items = found if isinstance(found, list) else []
            pairs = [(item.get(rule.key), item.get(rule.value)) for item in items if isinstance(item, dict)]
        for key, value in pairs:
            if key is not None:
                yield Label(**origin, store_id=store_id, key=str(key), value="" if value is None else str(value))


def _said_in_full(made: str, data: Mapping[str, Any], depth: int = 3) -> str:
    """The ARN an answer gives the same resource, where one made of its name and of the region asked differs from it.

    Lists hold what belongs to other resources.
    """
    wanted = arn_part(made, "service"), arn_part(made, "resource")
    for value in data.values() if all(wanted) else ():
        if isinstance(value, dict) and depth > 1:
            if (found := _said_in_full(made, value, depth - 1)) != made:
                return found
        elif (arn_part(value, "service"), arn_part(value, "resource")) == wanted and arn_part(value, "region"):
            return str(value)
    return made


def _text(value: Any) -> str:
    """Identifiers and names as text; anything else is not readable."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""
