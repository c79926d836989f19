"""Proves kinds offline: every operation, argument and path exists in the SDK's own service model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from residency.collect.aws import GLOBAL, Listing, gather
from residency.collect.functions import FUNCTION_NAMES
from residency.collect.mapping import Record, elements, search
from residency.collect.recorded import RecordedDoor, read_fixture
from residency.collect.spec import Call, Kind, expression
from residency.errors import Fault, InputError

__all__ = ["lint_fixtures", "lint_kinds"]

_IAM = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+\Z")
_CONTEXT = ("provider", "account", "region", "partition")


def lint_kinds(kinds: Mapping[str, Kind]) -> list[Fault]:
    """Check the AWS kinds against botocore's models; kinds of other clouds are left alone.

    Faults: services, operations and arguments that do not exist or are missing, paths into members that do not exist,
    functions that do not exist, IAM actions that do not look like one, and rules that read an answer without naming it
    in ``needs`` (its failure would read as absence).
    """
    faults: list[Fault] = []
    for name, kind in kinds.items():
        if name.startswith("aws."):
            faults.extend(_Linter(name, kind).run())
    return sorted(set(faults))


def lint_fixtures(kinds: Mapping[str, Kind], folder: Path) -> list[Fault]:
    """Check that every AWS kind has answers in ``folder/<kind>/*.json`` which reach every expression of the kind."""
    faults: list[Fault] = []
    for name, kind in kinds.items():
        if not name.startswith("aws."):
            continue
        files = sorted((folder / name).glob("*.json"))
        if not files:
            faults.append(Fault(name, 0, f"no fixture in {folder.name}/{name}/", "fixture"))
            continue
        missed = dict(kind.expressions())
        try:
            for path in files:
                for where in _reached(kind, path):
                    missed.pop(where, None)
        except InputError as error:
            faults.append(Fault(name, 0, str(error), "fixture"))
            continue
        for where, text in missed.items():
            place = ".".join(str(part) for part in where)
            faults.append(Fault(name, 0, f"{place}: no fixture reaches {text!r}", "fixture"))
    return sorted(set(faults))


def _reached(kind: Kind, path: Path) -> Iterator[tuple[str | int, ...]]:
    account, region = "111122223333", "eu-west-1"
    door = RecordedDoor(read_fixture(path, kind), account, region)
    place = GLOBAL if kind.scope == "global" else region
    context = {"provider": "aws", "account": account, "region": place, "partition": "aws"}

    def pages(service: str, where: str, operation: str, args: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        return door.pages(account, service, where, operation, args)

    listing = Listing(kind, pages, region, context)
    listed = list(listing)
    if listing.refusal is not None:
        raise InputError(f"{path.name}: {listing.refusal}")
    if listed:
        yield ("list", "items")
        yield from (("list", "within", number, "items") for number, _ in enumerate(kind.list_.within))
    for record in gather(kind, listed, pages, region, context):
        yield from _reached_by(kind, record, context)


def _reached_by(kind: Kind, record: Record, context: Mapping[str, str]) -> Iterator[tuple[str | int, ...]]:
    data: dict[str, Any] = {**record.data, "ctx": context}
    wheres = dict(kind.expressions())
    for where, text in wheres.items():
        section = where[0]
        views: list[Any] = [data]
        if where == ("list", "items") or (where[:2] == ("list", "within") and where[-1] == "items"):
            continue
        if section == "detail" and where[2] == "items":
            call = kind.detail[int(where[1])]
            if call.into and data.get(call.into):
                yield where
            continue
        if section == "placements" and where[2] != "each":
            rule = kind.placements[int(where[1])]
            views = [item for item in elements(rule.each, data) if where[2] == "when" or _holds(rule.when, item)]
        elif section == "key":
            views = [{**data, "root": data}]
        if any(_says(search(text, view)) for view in views):
            yield where


def _holds(when: str | None, view: Any) -> bool:
    return not when or bool(search(when, view))


def _says(value: Any) -> bool:
    return value not in (None, False, "", [], {})


# --- types ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Many:
    """A list of something; ``of`` is None where that is not known."""

    of: Any


@dataclass(slots=True)
class _Record:
    """The record an expression sees: names to types. ``answers`` are names of detail answers."""

    members: dict[str, Any]
    answers: frozenset[str] = frozenset()
    touched: set[str] = field(default_factory=set)


_SCALAR = object()


def _type(shape: Any) -> Any:
    """A botocore shape as a type: the shape itself for objects and maps."""
    if shape is None:
        return _Record({})
    if shape.type_name == "list":
        return _Many(_type(shape.member))
    return shape if shape.type_name in {"structure", "map"} else _SCALAR


class _Linter:
    def __init__(self, name: str, kind: Kind) -> None:
        self._name, self._kind = name, kind
        self._faults: list[Fault] = []

    def run(self) -> list[Fault]:
        kind = self._kind
        if not kind.list_.service:
            self._fault("list: names no service", "call")
            return self._faults
        context = _Record({"ctx": _Record(dict.fromkeys(_CONTEXT, _SCALAR))})
        if kind.list_.region:
            self._walk(kind.list_.region, context, "list.region")
        for number, outer in enumerate(kind.list_.within):
            context.members[outer.into or ""] = self._listed(outer, context, f"list.within.{number}")
        element = self._listed(kind.list_, context, "list")
        record = _Record(
            {**context.members, **_fields(element)}, frozenset(call.into for call in kind.detail if call.into)
        )
        for number, call in enumerate(kind.detail):
            self._detail(number, call, record)
        for where, text in (("id", kind.id), ("name", kind.name), ("region", kind.region), ("when", kind.when)):
            if text:
                self._walk(text, record, where)
        self._rules(record)
        return self._faults

    def _listed(self, call: Call, view: _Record, where: str) -> Any:
        """The type of one element of a listing."""
        self._arguments(call, view, where)
        output = self._call(call, where)
        found = self._walk(call.items, output, f"{where}.items") if call.items else output
        return found.of if isinstance(found, _Many) else found

    def _arguments(self, call: Call, view: _Record, where: str) -> None:
        for value in call.args.values():
            if isinstance(value, str) and value.startswith("@"):
                self._walk(value[1:] or "@", view, f"{where}.args")

    def _detail(self, number: int, call: Call, record: _Record) -> None:
        where = f"detail.{number}"
        for text in (call.when, call.region):
            if text:
                self._walk(text, record, where)
        self._arguments(call, record, where)
        if not call.gives:
            self._fault(f"{where}: `gives` says nothing, so its failure would not say what is unknown", "gives")
        answer = self._call(call, where)
        if call.items:
            answer = self._walk(call.items, answer, f"{where}.items")
        if call.into:
            record.members[call.into] = answer
        else:
            record.members.update(_fields(answer))

    def _rules(self, record: _Record) -> None:
        kind = self._kind
        for number, place in enumerate(kind.placements):
            view, where = record, f"placements.{number}"
            record.touched.clear()
            if place.each:
                found = self._walk(place.each, record, where)
                view = _Record({**_fields(found.of if isinstance(found, _Many) else found), "root": record})
            else:
                view = _Record({**record.members, "root": record}, record.answers, record.touched)
            for text in (place.when, place.location, place.target):
                if text:
                    self._walk(text, view, where)
            self._needs(record.touched, place.needs, where)
        needed: list[str] = []
        for number, key in enumerate(kind.key):
            record.touched.clear()
            needed += key.needs
            view = _Record({**record.members, "root": record}, record.answers, record.touched)
            for text in (key.when, key.id, key.location, key.account, key.manager, key.manager_country):
                if text:
                    self._walk(text, view, f"key.{number}")
            # the names of a key manager only add to what the rule says already
            said = {name for name in record.touched if name in needed or key.when is None or name in key.when}
            self._needs(said, needed, f"key.{number}")
        for number, grant in enumerate(kind.grants):
            record.touched.clear()
            source = grant.policy or grant.bindings or grant.principals or grant.acl or "@"
            self._walk(source, record, f"grants.{number}")
            self._needs(record.touched, grant.needs, f"grants.{number}")
        for number, label in enumerate(kind.labels):
            record.touched.clear()
            found = self._walk(label.pairs or label.map or "@", record, f"labels.{number}")
            if label.pairs and isinstance(found, _Many):
                pair = _Record(_fields(found.of))
                for text in (label.key, label.value):
                    self._walk(text, pair, f"labels.{number}")
            self._needs(record.touched, label.needs, f"labels.{number}")

    def _needs(self, touched: set[str], needs: list[str], where: str) -> None:
        for name in sorted(touched - set(needs)):
            self._fault(f"{where}: reads {name} but does not name it in `needs`", "needs")

    def _call(self, call: Call, where: str) -> Any:
        """Check one call; the type of its answer, None when it has none."""
        service = call.service or self._kind.list_.service or ""
        for action in call.iam:
            if not _IAM.match(action):
                self._fault(f"{where}: {action!r} is not an IAM action", "iam")
        model = _model(service)
        if model is None:
            self._fault(f"{where}: botocore knows no service {service!r}", "service")
            return None
        if call.operation not in model.operation_names:
            self._fault(f"{where}: {service} has no operation {call.operation!r}", "operation")
            return None
        for name in call.also:
            other, _, said = name.partition(".")
            known = _model(other)
            if known is None or said not in known.operation_names:
                self._fault(f"{where}: also: botocore knows no {name}", "operation")
        operation = model.operation_model(call.operation)
        takes = operation.input_shape.members if operation.input_shape else {}
        for name in call.args:
            if name not in takes:
                self._fault(f"{where}: {call.operation} takes no {name!r}", "argument")
        for name in operation.input_shape.required_members if operation.input_shape else []:
            if name not in call.args:
                self._fault(f"{where}: {call.operation} needs {name!r}", "argument")
        return _type(operation.output_shape)

    def _fault(self, message: str, rule: str) -> None:
        self._faults.append(Fault(self._name, 0, message, rule))

    def _walk(self, text: str, view: Any, where: str) -> Any:
        return self._node(expression(text).parsed, view, where)

    def _node(self, node: Mapping[str, Any], view: Any, where: str) -> Any:
        kind, children = node["type"], node.get("children", [])
        if kind == "field":
            return self._member(view, node["value"], where)
        if kind in {"current", "identity"}:
            return view
        if kind == "literal":
            return _SCALAR
        if kind in {"subexpression", "pipe"}:
            for child in children:
                view = self._node(child, view, where)
            return view
        if kind in {"index_expression"}:
            for child in children:
                view = self._node(child, view, where)
            return view
        if kind == "index":
            return view.of if isinstance(view, _Many) else None
        if kind == "slice":
            return view
        if kind == "flatten":
            inner = self._node(children[0], view, where)
            if not isinstance(inner, _Many):
                return _Many(None)
            return inner.of if isinstance(inner.of, _Many) else inner
        if kind in {"projection", "value_projection", "filter_projection"}:
            left = self._node(children[0], view, where)
            element = left.of if isinstance(left, _Many) else None
            if kind == "filter_projection":
                self._node(children[2], element, where)
            return _Many(self._node(children[1], element, where))
        if kind == "function_expression":
            found = [self._node(child, view, where) for child in children]
            if node["value"] not in FUNCTION_NAMES:
                self._fault(f"{where}: there is no function {node['value']}()", "function")
            if node["value"] == "values" and getattr(found[0], "type_name", "") == "map":
                return _Many(_type(found[0].value))
            if node["value"] in {"having", "not_null"}:
                return found[0] if found else None
            return None
        # selections, comparisons and logic: all sides are looked at, the first that is known gives the type
        found = [self._node(child, view, where) for child in children]
        if kind == "multi_select_list":
            return _Many(found[0] if found else None)
        if kind == "and_expression":
            return found[-1]
        return next((item for item in found if item is not None), None) if kind == "or_expression" else _SCALAR

    def _member(self, view: Any, name: str, where: str) -> Any:
        if view is None:
            return None
        if isinstance(view, _Record):
            if name in view.answers:
                view.touched.add(name)
            if name not in view.members:
                self._fault(f"{where}: the record has no {name!r}", "path")
                return None
            return view.members[name]
        if view is not _SCALAR and not isinstance(view, _Many):
            if view.type_name == "map":
                return _type(view.value)
            if name in view.members:
                return _type(view.members[name])
            self._fault(f"{where}: {view.name} has no member {name!r}", "path")
            return None
        shown = "a list" if isinstance(view, _Many) else "plain text or a number"
        self._fault(f"{where}: {name!r} is looked for in {shown}", "path")
        return None


def _fields(element: Any) -> dict[str, Any]:
    """What an element adds to a record: its members, or itself as ``item``."""
    if isinstance(element, _Record):
        return dict(element.members)
    if element is not None and element is not _SCALAR and not isinstance(element, _Many):
        if element.type_name == "structure":
            return {name: _type(shape) for name, shape in element.members.items()}
        return {}
    return {"item": element}


@lru_cache(maxsize=256)
def _model(service: str) -> Any:
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    try:
        return botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return None
