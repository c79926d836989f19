"""Recordings that hold what was asked about an item, and not the listing that named it.

Somebody who records a description often leaves the listing out. The item is then known from its descriptions alone: a
listing is made of them, which ends in a refusal, because the real one may have named more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from residency.collect.functions import arn_part
from residency.collect.refusals import Refusal
from residency.collect.spec import UNLISTED, Call, Kind

__all__ = ["Listed", "texts", "unlisted"]

_NAMELESS = "not-recorded"


class _Recorded(Protocol):
    """What is read of a recorded answer."""

    @property
    def service(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def pages(self) -> tuple[dict[str, Any], ...]: ...
    @property
    def about(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A listing made of descriptions: one page, and why it is not the whole."""

    service: str
    operation: str
    page: dict[str, Any]
    refusal: Refusal


def unlisted(answers: Sequence[_Recorded], kinds: Mapping[str, Kind]) -> Iterator[Listed]:
    """Listings for kinds whose descriptions were recorded without one.

    Parameters
    ----------
    answers
        The records. ``about``: what a file's name says of the argument, or empty.
    kinds
        The kinds to be read.
    """
    recorded = {(item.service, item.operation) for item in answers}
    owners = _owners(answers, kinds)
    done: set[tuple[str, str]] = set()
    for name, kind in kinds.items():
        chain = [*kind.list_.within, kind.list_]
        missing = [call for call in chain if (_service(call, kind), call.operation) not in recorded]
        if not missing or chain[-1].items is None:
            continue
        if missing[-1] is chain[-1]:
            asked = [call for call in kind.detail if owners.get((_service(call, kind), call.operation)) == name]
        else:
            asked = [chain[chain.index(missing[-1]) + 1]]  # the inner listing tells of its outer
        for call in reversed(missing):
            key = (_service(call, kind), call.operation)
            items = _items(call, asked, answers, kind)
            if not items or key in done:
                break
            done.add(key)
            message = f"{key[0]}:{key[1]} was not recorded; these items are known from what was asked about them"
            yield Listed(*key, _page(call.items or "", items), Refusal("NotRecorded", message, "failed", "failed"))
            asked = [call]


def _service(call: Call, kind: Kind) -> str:
    return call.service or kind.list_.service or ""


def _owners(answers: Iterable[_Recorded], kinds: Mapping[str, Kind]) -> dict[tuple[str, str], str]:
    """Which kind a recorded description belongs to: of several that ask for it one whose listing is there, that it is
    named after, or of which most was recorded. Listings, and what is asked once for all items, describe no item."""
    recorded = {(item.service, item.operation) for item in answers}
    listings = {(_service(call, kind), call.operation) for kind in kinds.values() for call in _chain(kind)}
    claims: dict[tuple[str, str], list[tuple[bool, bool, int, str]]] = {}
    for name, kind in kinds.items():
        own = [(_service(call, kind), call.operation) for call in kind.detail if not call.once]
        for key in {key for key in own if key in recorded and key not in listings}:
            named = name.rpartition(".")[2].replace("_", "") in key[1].lower()
            listed = (_service(kind.list_, kind), kind.list_.operation) in recorded
            claims.setdefault(key, []).append((not listed, not named, -sum(item in recorded for item in own), name))
    return {key: min(found)[-1] for key, found in claims.items()}


def _chain(kind: Kind) -> Iterator[Call]:
    yield from kind.list_.within
    yield kind.list_


def _items(call: Call, asked: Iterable[Call], answers: Iterable[_Recorded], kind: Kind) -> list[Any]:
    """Items of ``call``, one for each recorded answer to one of ``asked`` that is about another.

    Answers that do not say what they are about are about the items that nothing else of the kind was recorded of; those
    left over are about items that nobody names."""
    found: list[dict[str, Any]] = []
    nameless: list[tuple[dict[str, str], list[tuple[dict[str, str], _Recorded]], int]] = []
    for description in asked:
        wanted = _wanted(description, call)
        key = (_service(description, kind), description.operation)
        mine = [answer for answer in answers if wanted and (answer.service, answer.operation) == key]
        told = [
            ({field: _value(argument, field, answer) for argument, field in wanted.items()}, answer) for answer in mine
        ]
        for known, answer in (item for item in told if all(item[0].values())):
            _merge(found, known, answer, wanted.values())
        unsaid = [item for item in told if not all(item[0].values())]
        nameless.append((wanted, unsaid, len(mine) - len(unsaid)))
    named = len(found)
    for wanted, unsaid, said in nameless:
        for number, (known, answer) in enumerate(unsaid[max(0, named - said) :], 1):
            name = f"{_NAMELESS}-{number}"
            _merge(found, {field: value or name for field, value in known.items()}, answer, wanted.values())
    return [item["item"] if set(item) == {"item"} else {**item, UNLISTED: True} for item in found]


def _merge(found: list[dict[str, Any]], known: dict[str, Any], answer: _Recorded, wanted: Iterable[str]) -> None:
    """Add an item, or what an answer says of one that was found."""
    if "item" not in known:  # what a description says of its item, its listing would mostly say too
        known = {**{key: text for page in answer.pages for key, text in texts(page)}, **known}
    same = next((item for item in found if all(item.get(field) == known[field] for field in wanted)), None)
    if same is None:
        found.append(known)
    else:
        same.update(known)


def _wanted(description: Call, call: Call) -> dict[str, str]:
    """Argument to the field of an item it is taken from; only plain fields can be made up from an answer."""
    prefix = f"{call.into}." if call.into else ""
    fields: dict[str, str] = {}
    for argument, value in description.args.items():
        if not isinstance(value, str) or not value.startswith("@"):
            if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and value[0].startswith("@"):
                value = value[0]
            else:
                continue
        field = value[1:].removeprefix(prefix)
        if field.replace("_", "").isalnum():
            fields[argument] = field
    return fields


def _value(argument: str, field: str, answer: _Recorded) -> str:
    """What the answer, or the name of its file, says under the name of the argument or the field."""
    names = {argument.lower(), field.lower()} - {"item"}
    found = [item for page in answer.pages for item in texts(page)]
    if field.lower().endswith("arn"):
        full = next((text for key, text in found if key.lower() in {*names, "arn"} and text.startswith("arn:")), "")
        if full:
            return full
    said = next((text for key, text in found if key.lower() in names), answer.about)
    return said or _protected(field, answer.service, [text for _, text in found])


def _protected(field: str, service: str, found: Iterable[str]) -> str:
    """What a policy on a single resource is for: it names that one, and nothing else, as its resource."""
    documents = [read for text in found if text.lstrip().startswith("{") and isinstance(read := _read(text), dict)]
    statements = [item for document in documents for item in _several(document.get("Statement"))]
    named = [item for each in statements if isinstance(each, dict) for item in _several(each.get("Resource"))]
    arns = {item.split("/")[0] if service == "s3" else item for item in named if isinstance(item, str)}
    if len(arns) != 1 or arn_part(arn := arns.pop(), "service") != service or "*" in arn:
        return ""
    if field.lower().endswith("arn"):
        return arn
    return str(arn_part(arn, "resource")) if service == "s3" and field in ("Name", "Bucket") else ""


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def texts(page: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts of an answer and of the objects in it, with their names. What lies deeper is about something else: the
    bucket in the destination of an inventory is not the bucket that was asked about."""
    inner = [value if isinstance(value, list) else [value] for value in page.values()]
    for item in [page, *(value for values in inner for value in values if isinstance(value, Mapping))]:
        yield from ((key, text) for key, text in item.items() if isinstance(text, str))


def _page(items: str, found: list[Any]) -> dict[str, Any]:
    """A page from which the listing's own expression reads these items: ``A[]``, ``A.B[]``."""
    page: Any = found
    for name in reversed(items.removesuffix("[]").split(".")):
        page = {name: page}
    return dict(page)
