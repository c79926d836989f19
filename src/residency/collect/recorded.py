"""Recorded answers in place of the SDK: the driver asks the same door, and files answer.

Shapes read: ``service.Operation_N.json`` with ``{"status_code", "data"}`` and times as ``{"__class__": "datetime"}``;
bare replies named ``list-things__argument.json``; and a kind's own ``{"list": …, "details": {Operation: …}}``, where an
answer is a reply, a list of replies, or ``{"error": {"Code", "Message"}}``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
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
from residency.collect.unlisted import unlisted
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["Answer", "RecordedDoor", "read_answers", "read_fixture", "replay"]

_NUMBERED = re.compile(r"(?P<service>.+)\.(?P<operation>[A-Za-z0-9]+)_(?P<number>[0-9]+)\Z")
_SHORTEST = 3  # shorter arguments ("-", "*") say nothing about which answer is meant


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded reply: its pages, or the refusal. ``ordered``: the n-th reply is for the n-th call, and the only
    one for all; otherwise a reply is for the call whose arguments it names. ``about``: the argument its file names.
    ``listing``: all replies that name no argument are answers to the call, as from several regions."""

    service: str
    operation: str
    pages: tuple[dict[str, Any], ...]
    refusal: Refusal | None
    text: str
    ordered: bool = False
    about: str = ""
    listing: bool = False


class RecordedDoor:
    """A door that answers from records.

    A call gets the record that names its arguments, or else the next one that was not used; a call without a record
    is refused, never answered with nothing.

    Parameters
    ----------
    answers
        The records, in the order in which they were made.
    account, region, partition
        Whose they are: what the discovery calls answer when no record does.
    """

    def __init__(self, answers: Iterable[Answer], account: str, region: str, partition: str = "aws") -> None:
        self._answers = list(answers)
        self._used: set[int] = set()
        self._lock = threading.Lock()
        self.account, self.region, self.partition = account, region, partition
        self.asked: list[tuple[str, str]] = []

    def pages(
        self, account: str, service: str, region: str, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The pages of the record that answers this call."""
        with self._lock:
            self.asked.append((service, operation))
            answers = self._pick(service, operation, args) or self._discovery(service, operation)
        if not answers:
            raise CallError(Refusal("NotRecorded", f"no record of {service}:{operation}", "failed", "failed"))
        for answer in answers:
            yield from answer.pages
        for answer in answers:
            if answer.refusal is not None:
                raise CallError(answer.refusal)

    def enter(self, account: str, fetch: Callable[[], dict[str, Any]]) -> None:
        """Records need no credentials, but the call for them is answered like any other."""
        fetch()

    def start(self) -> str:
        """The region of the records."""
        return self.region

    def regions(self, partition: str) -> tuple[str, frozenset[str]]:
        """The region of the records is all there is."""
        return self.region, frozenset({self.region})

    def _pick(self, service: str, operation: str, args: Mapping[str, Any]) -> list[Answer]:
        fitting = [n for n, item in enumerate(self._answers) if (item.service, item.operation) == (service, operation)]
        if fitting and self._answers[fitting[0]].ordered:
            left = [n for n in fitting if n not in self._used] or (fitting if len(fitting) == 1 else [])
            self._used.update(left[:1])
            return [self._answers[n] for n in left[:1]]
        values = [item for value in args.values() for item in (value if isinstance(value, list) else [value])]
        words = [value for value in values if isinstance(value, str) and len(value) >= _SHORTEST]
        scores = {n: sum(_names(self._answers[n].text, word) for word in words) for n in fitting}
        named = [n for n in fitting if scores[n]]
        if not named and any(self._answers[n].listing for n in fitting):
            return [self._answers[n] for n in fitting]
        fresh = [n for n in fitting if n not in self._used]
        chosen = [max(named, key=lambda n: (scores[n], n not in self._used, -n))] if named else fresh[:1]
        self._used.update(chosen)
        return [self._answers[n] for n in chosen]

    def _discovery(self, service: str, operation: str) -> list[Answer]:
        replies: dict[tuple[str, str], dict[str, Any]] = {
            ("sts", "GetCallerIdentity"): {
                "Account": self.account,
                "Arn": f"arn:{self.partition}:sts::{self.account}:assumed-role/reader/replay",
            },
            ("organizations", "ListAccounts"): {"Accounts": [{"Id": self.account, "State": "ACTIVE"}]},
            ("account", "ListRegions"): {"Regions": [{"RegionName": self.region, "RegionOptStatus": "ENABLED"}]},
        }
        reply = replies.get((service, operation))
        return [] if reply is None else [Answer(service, operation, (reply,), None, "")]


def read_answers(folder: Path, kinds: Mapping[str, Kind]) -> list[Answer]:
    """Read a folder of recorded replies to the calls of these kinds; replies to other calls are left out.

    Where descriptions were recorded without the listing that named their items, a listing is made of them that ends
    in a refusal (`unlisted`).
    """
    services, others = _services(kinds), _others(kinds)
    listings = {(kind.list_.service, kind.list_.operation) for kind in kinds.values()}
    found: list[Answer] = []
    for path in sorted(folder.glob("*.json"), key=_order):
        match = _NUMBERED.match(path.stem)
        call, _, about = path.stem.partition("__")
        operation = match["operation"] if match else _operation(call, [*services, *(name[1] for name in others)])
        for (service, name), meanings in others.items():
            if name == operation and (match is None or _is_named(service, match["service"])):
                found += _meant(_answer(service, name, _read(path), path.name), meanings, listings)
        for service in services.get(operation, ()):
            if match is None or _is_named(service, match["service"]):
                answer = _answer(service, operation, _read(path), path.name)
                answer = replace(answer, listing=(service, operation) in listings)
                found.append(answer if match else replace(answer, about=about, text=f"{answer.text} {about}"))
                break
    made = [
        Answer(item.service, item.operation, (item.page,), item.refusal, json.dumps(item.page))
        for item in unlisted(found, kinds)
    ]
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


def _operation(stem: str, services: Iterable[str]) -> str:
    from botocore import xform_name

    return next((name for name in services if xform_name(name, "-") == stem), stem)


def _is_named(service: str, name: str) -> bool:
    """Whether a recording's name for a service (its endpoint's first label) means this one."""
    if service == name:
        return True
    import botocore.session

    return bool(botocore.session.get_session().get_service_model(service).endpoint_prefix == name)


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _order(path: Path) -> tuple[str, int]:
    match = _NUMBERED.match(path.stem)
    return (f"{match['service']}.{match['operation']}", int(match["number"])) if match else (path.stem, 0)
