"""Recorded answers in place of the SDK: the driver asks the same door, and files answer.

Shapes read: ``service.Operation_N.json`` with ``{"status_code", "data"}`` and times as ``{"__class__": "datetime"}``;
bare replies named ``list-things__argument.json``; and a kind's own ``{"list": …, "details": {Operation: …}}``, where an
answer is a reply, a list of replies, or ``{"error": {"Code", "Message"}}``.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from residency.collect import engine
from residency.collect.aws import AwsConfig, AwsDriver
from residency.collect.mapping import search
from residency.collect.refusals import CallError, Refusal, classify
from residency.collect.resolve import resolve
from residency.collect.spec import Kind
from residency.collect.unlisted import texts, unlisted
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["Answer", "RecordedDoor", "read_answers", "read_fixture", "replay"]

_NUMBERED = re.compile(r"(?P<service>.+)\.(?P<operation>[A-Za-z0-9]+)_(?P<number>[0-9]+)\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+\Z")
_SHORTEST = 3  # shorter arguments ("-", "*") say nothing about which answer is meant
_NOTHING = frozenset({"none", "true", "false"})  # in a file's name: an argument that names no item


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded reply: its pages, or the refusal. ``ordered``: the n-th reply is for the n-th call, and the only
    one for all; otherwise a reply is for the call whose arguments it names. ``about``: the argument its file names.
    ``listing``: all replies that name no argument are answers to the call, as from several regions. ``inner``: such a
    listing is of what lies in one item of another, and whatever names another item is about that. ``region``: what its
    folder is called; it answers no call to another one, unless the call is the same ``everywhere``."""

    service: str
    operation: str
    pages: tuple[dict[str, Any], ...]
    refusal: Refusal | None
    text: str
    ordered: bool = False
    about: str = ""
    listing: bool = False
    inner: bool = False
    region: str = ""
    everywhere: bool = False

    def goes_on(self) -> bool:
        """Whether the last of its pages names a further one."""
        if not self.pages:
            return False
        tokens, more = _paging(self.service, self.operation)
        return bool(search(more, self.pages[-1]) if more else any(search(token, self.pages[-1]) for token in tokens))


class RecordedDoor:
    """A door that answers from records.

    A call gets the record that names its arguments, or else the next one that was not used; a call without a record
    is refused, never answered with nothing. A record whose file names an argument is for that one alone, and one that
    was used is for the same arguments again: it may well mention another item, as the one that gets a copy.

    Parameters
    ----------
    answers
        The records, in the order in which they were made.
    account, region, partition
        Whose they are: what the discovery calls answer when no record does.
    """

    def __init__(self, answers: Iterable[Answer], account: str, region: str, partition: str = "aws") -> None:
        self._answers = list(answers)
        self._used: dict[int, str] = {}
        self._lock = threading.Lock()
        self.account, self.region, self.partition = account, region, partition
        self.asked: list[tuple[str, str]] = []

    def pages(
        self, account: str, service: str, region: str, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The pages of the record that answers this call."""
        with self._lock:
            self.asked.append((service, operation))
            answers = self._pick(service, operation, args, region) or self._discovery(service, operation)
        if not answers:
            raise CallError(Refusal("NotRecorded", f"no record of {service}:{operation}", "failed", "failed"))
        for answer in answers:
            yield from answer.pages
        for answer in answers:
            if answer.refusal is not None:
                raise CallError(answer.refusal)
        if answers[-1].goes_on():
            message = f"{service}:{operation}: the page after the last one recorded was not"
            raise CallError(Refusal("NotRecorded", message, "failed", "failed"))

    def enter(self, account: str, fetch: Callable[[], dict[str, Any]]) -> None:
        """Records need no credentials, but the call for them is answered like any other."""
        fetch()

    def start(self) -> str:
        """The region of the records."""
        return self.region

    def regions(self, partition: str) -> tuple[str, frozenset[str]]:
        """The regions of the records are all there are."""
        return self.region, frozenset({self.region, *filter(None, (answer.region for answer in self._answers))})

    def _pick(self, service: str, operation: str, args: Mapping[str, Any], region: str) -> list[Answer]:
        fitting = [n for n, item in enumerate(self._answers) if (item.service, item.operation) == (service, operation)]
        if any(answer.region for answer in self._answers):
            here = [n for n in fitting if self._answers[n].region == region]
            free = [n for n in fitting if not self._answers[n].region and region == self.region]
            fitting = here or free or [n for n in fitting if self._answers[n].everywhere]
        if fitting and self._answers[fitting[0]].ordered:
            left = [n for n in fitting if n not in self._used] or (fitting if len(fitting) == 1 else [])
            self._used.update(dict.fromkeys(left[:1], ""))
            return [self._answers[n] for n in left[:1]]
        chosen = self._chosen(fitting, args)
        if len(chosen) == 1:
            self._used.setdefault(chosen[0], _key(args))
            later = (n for n in fitting if n > chosen[0] and not self._answers[n].about)
            while self._answers[chosen[-1]].goes_on() and self._used.get(n := next(later, -1), "") in ("", _key(args)):
                if n < 0:
                    break
                chosen.append(n)  # the next page, recorded as the next answer
                self._used[n] = _key(args)
        return [self._answers[n] for n in chosen]

    def _chosen(self, fitting: list[int], args: Mapping[str, Any]) -> list[int]:
        """The records of a call that are the answer to it; several where a listing was recorded several times."""
        answers = self._answers
        abouts = {n: _fits(answers[n].about, args) for n in fitting if answers[n].about}
        if any(abouts.values()):
            return [max(abouts, key=lambda n: (abouts[n], -n))]
        words = [value for value in _values(args) if isinstance(value, str) and len(value) >= _SHORTEST]
        listed = any(answers[n].listing for n in fitting)
        # what is named after another item is not about this one, unless it is all there is of a whole listing
        open_ = [n for n in fitting if n not in abouts or (answers[n].listing and not (answers[n].inner and words))]
        told = {n: _tells(answers[n], args) for n in fitting}
        scores = {n: sum(_names(answers[n].text, word) for word in words) for n in open_}
        named = [n for n in fitting if told[n]]
        if not named:
            again = [n for n in open_ if self._used.get(n) == _key(args)]
            named = again or [n for n in open_ if scores[n] and (listed or n not in self._used)]
        if named:
            return [max(named, key=lambda n: (told[n], scores.get(n, 0), n not in self._used, -n))]
        return open_ if listed else [n for n in open_ if n not in self._used][:1]

    def _discovery(self, service: str, operation: str) -> list[Answer]:
        replies: dict[tuple[str, str], dict[str, Any]] = {
            ("sts", "GetCallerIdentity"): {
                "Account": self.account,
                "Arn": f"arn:{self.partition}:sts::{self.account}:assumed-role/reader/replay",
            },
            ("organizations", "ListAccounts"): {"Accounts": [{"Id": self.account, "State": "ACTIVE"}]},
            ("account", "ListRegions"): {
                "Regions": [{"RegionName": name, "RegionOptStatus": "ENABLED"} for name in sorted(self.regions("")[1])]
            },
        }
        reply = replies.get((service, operation))
        return [] if reply is None else [Answer(service, operation, (reply,), None, "")]


def read_answers(folder: Path, kinds: Mapping[str, Kind], unread: Counter[str] | None = None) -> list[Answer]:
    """Read a folder of recorded replies to the calls of these kinds, and the folders in it.

    Where descriptions were recorded without the listing that named their items, a listing is made of them that ends
    in a refusal (`unlisted`).

    Parameters
    ----------
    folder
        It, or folders in it, may be called after the region that was asked. Where several services have a call of that
        name, what the reply holds decides, then what its file and its folder are called.
    kinds
        The kinds to be read.
    unread
        Counts the replies to calls that no kind makes, by what they are called.
    """
    services, others = _services(kinds), _others(kinds)
    listings = {(kind.list_.service, kind.list_.operation) for kind in kinds.values()}
    inner = {(kind.list_.service, kind.list_.operation) for kind in kinds.values() if kind.list_.within}
    everywhere = {
        (call.service or kind.list_.service, call.operation)
        for kind in kinds.values()
        if kind.scope == "global"
        for call in kind.calls()
    } | {("organizations", "ListAccounts")}
    operations = dict.fromkeys([*services, *(name[1] for name in others)])
    found: list[Answer] = []
    for path in sorted(folder.rglob("*.json"), key=lambda path: (path.parent, *_order(path))):
        match = _NUMBERED.match(path.stem)
        call, _, about = path.stem.partition("__")
        owner, operation = ("", match["operation"]) if match else _said(call, operations, services)
        read = _organisation(match, operation, path)
        for (service, name), meanings in others.items():
            if name == operation and (match is None or _is_named(service, match["service"])):
                read += _meant(_answer(service, name, _read(path), path.name), meanings, listings)
        named = [name for name in services.get(operation, ()) if match is None or _is_named(name, match["service"])]
        if named:
            service = named[0] if len(named) == 1 else owner or _likeliest(named, operation, path)
            answer = _answer(service, operation, _read(path), path.name)
            key = (service, operation)
            answer = replace(answer, listing=key in listings, inner=key in inner)
            read.append(answer if match else replace(answer, about=about, text=f"{answer.text} {about}"))
        if not read and unread is not None:
            unread[f"{match['service']}:{match['operation']}" if match else call] += 1
        within = (folder.name, *path.parent.relative_to(folder).parts)
        region = next((name for name in reversed(within) if _REGION.match(name)), "")
        found += (
            replace(item, region=region, everywhere=(item.service, item.operation) in everywhere) for item in read
        )
    made = [
        Answer(
            item.service, item.operation, (item.page,), item.refusal, json.dumps(item.page), region=region,
            everywhere=(item.service, item.operation) in everywhere,
        )
        for region in sorted({answer.region for answer in found})
        for item in unlisted([answer for answer in found if answer.region == region], kinds)
    ]  # fmt: skip
    return found + made


def read_fixture(path: Path, kind: Kind) -> list[Answer]:
    """Read one of a kind's own files of answers."""
    content = _read(path)
    if not isinstance(content, dict) or "list" not in content:
        raise InputError(f'{path}: holds no "list"; write {{"list": …, "details": {{…}}}}')
    service = kind.list_.service or ""
    found = [_answer(service, kind.list_.operation, content["list"], path.name)]
    services = {call.operation: call.service or service for call in (*kind.list_.within, *kind.detail)}
    for operation, given in content.get("details", {}).items():
        if operation not in services:
            raise InputError(f"{path}: details: the kind makes no call {operation}")
        several = given if isinstance(given, list) else [given]
        found += [_answer(services[operation], operation, item, path.name) for item in several]
    return [replace(item, ordered=True) for item in found]


def replay(
    door: RecordedDoor,
    kinds: Mapping[str, Kind],
    providers: Providers,
    *,
    config: AwsConfig | None = None,
    seen_at: dt.datetime = dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
) -> Rows:
    """Sweep records with the real driver: plan, run, account for every unit, resolve."""
    driver = AwsDriver(kinds, providers, door, config or AwsConfig(workers=1), clock=lambda: seen_at)
    plan = driver.plan()
    rows = Rows()
    rows.add(*plan.gaps, *plan.units)
    for job in plan.jobs:
        rows.extend(engine.answer(driver, job, lambda: seen_at))
    driver.close()
    return resolve(rows, providers).sorted()


def _organisation(match: re.Match[str] | None, operation: str, path: Path) -> list[Answer]:
    """Which accounts are one's own, where that was recorded, or was asked and refused."""
    if match is not None and match["service"] != "organizations":
        return []
    if operation not in ("ListAccounts", "list-accounts", "DescribeOrganization", "describe-organization"):
        return []
    answer = _answer("organizations", "ListAccounts", _read(path), path.name)
    told = operation.endswith("ccounts") or answer.refusal is not None
    return [answer] if told and (answer.refusal or any("Accounts" in page for page in answer.pages)) else []


def _likeliest(services: list[str], operation: str, path: Path) -> str:
    """Of several services that have this call the one whose answer this is: by what it holds, then by its folder."""
    folder = path.parent.name.lower().replace("_", "-")
    content = _read(path)
    data = content.get("data", content) if isinstance(content, dict) else content
    return min(services, key=lambda name: (_strange(_output(name, operation), data), not folder.startswith(name)))


@functools.cache
def _paging(service: str, operation: str) -> tuple[tuple[str, ...], str]:
    """Where a page names the next one, and where it says whether there is one."""
    import botocore.exceptions
    import botocore.session

    try:
        found = botocore.session.get_session().get_paginator_model(service).get_paginator(operation)
    except (ValueError, botocore.exceptions.BotoCoreError):
        return ("NextToken", "nextToken"), ""
    tokens = found.get("output_token", ())
    return tuple([tokens] if isinstance(tokens, str) else tokens), str(found.get("more_results", ""))


def _output(service: str, operation: str) -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model(service).operation_model(operation).output_shape


def _strange(shape: Any, data: Any) -> int:
    """How many names in an answer the service's own answers do not have."""
    if isinstance(data, list):
        inner = shape.member if getattr(shape, "type_name", "") == "list" else None
        return sum(_strange(inner, item) for item in data) if inner is not None else 0
    if not isinstance(data, dict) or getattr(shape, "type_name", "") != "structure":
        return 0
    members = shape.members
    return sum(
        _strange(members[key], value) if key in members else 1
        for key, value in data.items()
        if key != "ResponseMetadata"
    )


def _others(kinds: Mapping[str, Kind]) -> dict[tuple[str, str], dict[tuple[str, str], str]]:
    """Calls that no kind makes and whose answers mean those of calls they do make: (call made, expression)."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for kind in kinds.values():
        for call in kind.calls():
            for name, text in call.also.items():
                service, _, operation = name.partition(".")
                made = (call.service or kind.list_.service or "", call.operation)
                found.setdefault((service, operation), {})[made] = text
    return found


def _meant(
    answer: Answer, meanings: Mapping[tuple[str, str], str], listings: set[tuple[str | None, str]]
) -> Iterator[Answer]:
    """The answers of calls that kinds make, out of one that says the same."""
    for (service, operation), text in meanings.items():
        if answer.refusal is not None:
            yield replace(answer, service=service, operation=operation)
        for page in answer.pages:
            made = search(text, page)
            for item in made if isinstance(made, list) else [made]:
                if isinstance(item, dict):
                    text_of = json.dumps(item, ensure_ascii=False, default=str)
                    listing = (service, operation) in listings
                    yield Answer(service, operation, (item,), None, text_of, listing=listing)


def _answer(service: str, operation: str, content: Any, file: str) -> Answer:
    text = json.dumps(content, ensure_ascii=False)
    pages = content if isinstance(content, list) else [content]
    kept: list[dict[str, Any]] = []
    for page in pages:
        if not isinstance(page, dict):
            raise InputError(f"{file}: {operation}: a reply is an object")
        data = page.get("data") if "status_code" in page else page
        if not isinstance(data, dict):
            raise InputError(f"{file}: {operation}: the data of a reply is an object; record it anew")
        if (refusal := _refusal(page, data)) is not None:
            return Answer(service, operation, tuple(kept), refusal, text)
        try:
            kept.append({key: _times(value) for key, value in data.items() if key != "ResponseMetadata"})
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{file}: {operation}: a time in it is damaged ({error}); record it anew") from error
    return Answer(service, operation, tuple(kept), None, text)


def _refusal(page: Mapping[str, Any], data: Mapping[str, Any]) -> Refusal | None:
    """What a reply refuses with; one that only its HTTP status gives away is no empty answer either."""
    error = data.get("Error") or data.get("error")
    said = error if isinstance(error, dict) else {}
    if "Code" in said:
        return classify(str(said["Code"]), str(said.get("Message", "")))
    meta = data.get("ResponseMetadata")
    status = page.get("status_code", meta.get("HTTPStatusCode") if isinstance(meta, dict) else None)
    if status is None or str(status).startswith("2"):
        return None
    return classify(str(status), str(said.get("Message") or data.get("message") or ""))


def _times(value: Any) -> Any:
    if isinstance(value, list):
        return [_times(item) for item in value]
    if isinstance(value, dict):
        if value.get("__class__") == "datetime":
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return dt.datetime(**{part: value[part] for part in parts}, tzinfo=dt.UTC)
        return {key: _times(item) for key, item in value.items()}
    return value


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error


def _services(kinds: Mapping[str, Kind]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in kinds.values():
        for call in kind.calls():
            service = call.service or kind.list_.service or ""
            if service not in found.setdefault(call.operation, []):
                found[call.operation].append(service)
    return found


def _said(name: str, operations: Iterable[str], services: Mapping[str, list[str]]) -> tuple[str, str]:
    """The service, where it is said, and the operation of a file's name: ``describe-things``, ``DescribeThings``,
    ``describe_things``, ``service-describe-things``."""
    from botocore import xform_name

    plain = name.replace("_", "-").replace(".", "-")
    for operation in operations:
        text = xform_name(operation, "-")
        if name == operation or plain == text:
            return "", operation
        for service in services.get(operation, ()):
            if plain in (f"{service}-{text}", f"{service}-{operation}"):
                return service, operation
    return "", name


def _is_named(service: str, name: str) -> bool:
    """Whether a recording's name for a service (its endpoint's first label) means this one."""
    if service == name:
        return True
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    return name in (model.endpoint_prefix, model.service_id.hyphenize())


def _values(args: Mapping[str, Any]) -> list[Any]:
    return [item for value in args.values() for item in (value if isinstance(value, list) else [value])]


def _key(args: Mapping[str, Any]) -> str:
    return json.dumps(args, sort_keys=True, default=str)


def _fits(about: str, args: Mapping[str, Any]) -> int:
    """How much of a file's name the arguments of a call explain, if they explain all of it (``my_bucket_1`` is
    ``my-bucket-1``); otherwise nothing: ``photos_2`` is not about ``photos``."""
    left, found = f"_{_slug(about)}_", 0
    for value in sorted({_slug(str(value)) for value in _values(args)} - {""}, key=len, reverse=True):
        while f"_{value}_" in left:
            left, found = left.replace(f"_{value}_", "__", 1), found + len(value)
    return 0 if set(filter(None, left.split("_"))) - _NOTHING else found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _tells(answer: Answer, args: Mapping[str, Any]) -> bool:
    """Whether the answer says itself, under the argument's name, what was asked about."""
    wanted = {(name.lower(), value) for name, value in args.items() if isinstance(value, str)}
    several = [(name, value) for name, values in args.items() if isinstance(values, list) for value in values]
    wanted |= {(name.lower().removesuffix("s"), value) for name, value in several if isinstance(value, str)}
    wanted |= {("arn", value) for _, value in wanted if value.startswith("arn:")}
    return any((key.lower(), text) in wanted for page in answer.pages for key, text in texts(page))


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _order(path: Path) -> tuple[str, int]:
    match = _NUMBERED.match(path.stem)
    return (f"{match['service']}.{match['operation']}", int(match["number"])) if match else (path.stem, 0)
