"""Recorded answers of Azure Resource Manager and Resource Graph, read through the same rules as live ones.

Shapes: ``{"interactions": [{request, response: {body: {data}}}]}`` (or ``{"string": "json text"}`` for the body),
``{"networkCallRecords": [{Method, Uri, Response}]}``, a bare answer (``{"value": […]}``, a Resource Graph answer, one
resource) or a list of resources. An answer a rule needs and the recording does not hold is a gap, never an absence;
what no kind reads is counted and named.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from residency.collect.azure import (
    PROVIDER,
    REGION,
    Subscription,
    detail_path,
    map_resource,
    normal,
    read_resources,
    resource_record,
    spread,
    table_rows,
    vault_of,
)
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, search
from residency.collect.places import Trouble, as_list, as_map, pair_in, unread_gaps
from residency.collect.spec import Kind
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.model import UnitStatus
from residency.providers import Providers

__all__ = ["AzureAnswers", "read_azure_answers"]


@dataclass(slots=True)
class AzureAnswers:
    """Resources by identifier, answers by address, subscriptions by id, and what no kind reads.

    ``refusals``: what was answered instead, by address. ``unread_of`` is known once the rows are. A resource without a
    subscription of its own (an assignment of a management group) has the one it was listed in, as ``askedIn``.
    """

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    refusals: dict[str, Trouble] = field(default_factory=dict)
    nameless: int = 0
    formless: set[str] = field(default_factory=set)
    unread_of: Counter[str] = field(default_factory=Counter)

    @property
    def unread(self) -> int:
        """How many resources no kind reads."""
        return self.unread_of.total()

    def rows(self, kinds: Mapping[str, Kind], catalogue: Providers, *, seen_at: dt.datetime, scope: Scope) -> Rows:
        """Everything read, mapped; a gap for each type of resource that no kind reads."""
        rows = Rows()
        pair_of = pair_in(catalogue)
        vaults: dict[str, tuple[str, str, str]] = {}
        # a subscription's own tenant is no stranger to it
        own = {item.tenant for item in self.subscriptions.values() if item.tenant}
        scope = replace(scope, tenants=scope.tenants | own)
        for row in self.resources.values():
            if row["type"].startswith("microsoft.keyvault/"):
                vaults |= vault_of(row)
        for name, record in self.records(kinds, catalogue):
            account = _owner(record.data)
            asked = Asked(PROVIDER, account, REGION, name, PROVIDER, seen_at, scope, pair_of)
            rows.extend(map_resource(kinds[name], record, asked))
        self.unread_of = self._unread(kinds)
        account = next(iter(sorted(self.subscriptions)), "")
        rows.add(*unread_gaps(PROVIDER, account, self.unread_of, seen_at))
        return spread(read_resources(rows, catalogue, vaults))

    def records(self, kinds: Mapping[str, Kind], catalogue: Providers) -> Iterator[tuple[str, Record]]:
        """Every resource as its kinds' rules see it."""
        by_type: dict[str, list[str]] = {}
        for name, kind in kinds.items():
            by_type.setdefault(kind.list_.asset_type or "", []).append(name)
        for row in self.resources.values():
            for name in by_type.get(row["type"], ()):
                owner = self.subscriptions.get(_owner(row))
                record = resource_record(row, owner, pair_in(catalogue), "recorded answer")
                self._details(kinds[name], record)
                yield name, record

    def take(self, url: str, body: Any, status: int = 200) -> None:
        """Read one more answer."""
        address = unquote(urlsplit(url).path).rstrip("/").lower()
        if status >= 400:
            message = f"the recording has {status} there"
            cause: UnitStatus = "denied" if status in {401, 403} else "failed"
            self.refusals.setdefault(address, Trouble(cause, str(status), message))
            return
        if address:
            self.bodies[address] = body
            self.refusals.pop(address, None)  # asked again, and answered
        items: list[dict[str, Any]] = []
        try:
            items.extend(_items(body))
        except ValueError:
            self.nameless += 1
        for item in items:
            self._keep(item, _account(address))
        if not items and isinstance(body, dict) and body and body.get("value") != []:
            self.formless.add(address)

    def _details(self, kind: Kind, record: Record) -> None:
        for detail in kind.detail:
            if not detail.into or (detail.when and not search(detail.when, record.data)):
                continue
            path = (detail_path(detail, record.data) or "").split("?")[0].lower()
            below = [body for name, body in self.bodies.items() if name.rpartition("/")[0] == path]
            refused = self.refusals.get(path)
            self.formless -= {path, *(name for name in self.bodies if name.rpartition("/")[0] == path)}
            if path in self.bodies:
                record.data[detail.into] = self.bodies[path]
            elif below:  # asked for one by one
                record.data[detail.into] = {"value": below}
            elif refused is not None and refused.code in detail.absent:
                record.data[detail.into] = None
            elif refused is not None:
                record.failed[detail.into] = Failure(
                    refused.cause, refused.message, f"arm.{detail.operation}", tuple(detail.gives)
                )
            else:
                message = f"the recording has no answer of arm.{detail.operation}"
                record.failed[detail.into] = Failure("skipped", message, f"arm.{detail.operation}", tuple(detail.gives))

    def _keep(self, item: dict[str, Any], asked_in: str) -> None:
        row = normal(item)
        parts = row["id"].split("/")
        if len(parts) == 3 and parts[1] == "subscriptions":
            if not item.get("subscriptionId"):
                return  # a management group names what is below it, and says no more
            row |= self._subscription(item)
        elif len(parts) == 3 and parts[1] == "tenants":
            row["type"] = "microsoft.resources/tenants"
        if not row["id"] or not row["type"]:
            self.nameless += 1
            return
        key = row["id"]
        if asked_in and not _account(key):
            row["askedIn"], key = asked_in, f"{asked_in} {key}"
        known = self.resources.get(key, {})
        self.resources[key] = row if row.get("properties") or not known.get("properties") else known

    def _subscription(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """What a subscription's row has beside its identifier, in Resource Graph's form."""
        name, inner = str(item["subscriptionId"]), as_map(item.get("properties"))
        tenants = as_list(item.get("managedByTenants") or inner.get("managedByTenants"))
        shown = str(item.get("displayName") or item.get("name") or name)
        state = str(item.get("state") or inner.get("state") or "")
        managed = tuple(sorted({str(as_map(one).get("tenantId")) for one in tenants}))
        self.subscriptions[name] = Subscription(name, shown, str(item.get("tenantId") or ""), state, managed)
        properties = {"state": state, "managedByTenants": [{"tenantId": one} for one in managed], **inner}
        return {"type": "microsoft.resources/subscriptions", "name": shown, "properties": properties}

    def _unread(self, kinds: Mapping[str, Kind]) -> Counter[str]:
        """Types of resources that neither a kind nor a question about a resource of one reads."""
        read = {kind.list_.asset_type for kind in kinds.values()}
        for kind in kinds.values():
            for detail in kind.detail:
                tail = (detail.path or "").rpartition("}/")[2].lower().split("/")
                read.add("/".join([str(kind.list_.asset_type), *tail[::2]]))
                read.add("/".join([*str(kind.list_.asset_type).split("/")[:2], *tail[::2]]))
        found = Counter(row["type"] for row in self.resources.values() if row["type"] not in read)
        if self.nameless:
            found["items without an identifier or a type"] = self.nameless
        for address in self.formless:
            found[f"an answer of {address.rpartition('/providers/')[2] or 'a form that is not known'}"] += 1
        return found


def read_azure_answers(paths: list[Path]) -> AzureAnswers:
    """Read files of any of the shapes.

    Raises
    ------
    InputError
        When a file is not JSON.
    """
    found = AzureAnswers()
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a recorded answer: {error}") from error
        for url, status, body in _answers(content):
            found.take(url, body, status)
    return found


def _answers(content: Any) -> Iterator[tuple[str, int, Any]]:
    """(address, status, body)."""
    if isinstance(content, dict) and isinstance(content.get("interactions"), list):
        for item in map(as_map, content["interactions"]):
            answer, request = as_map(item.get("response")), as_map(item.get("request"))
            status = _status(as_map(answer.get("status")).get("code"))
            if str(request.get("method") or "GET").upper() in {"GET", "POST"}:
                yield str(request.get("uri") or ""), status, _body(answer.get("body"))
    elif isinstance(content, dict) and isinstance(content.get("networkCallRecords"), list):
        for item in map(as_map, content["networkCallRecords"]):
            answer = as_map(item.get("Response"))
            status = _status(answer.get("StatusCode"))
            if item.get("Method") == "GET" and (status == 200 or status >= 400):
                yield str(item.get("Uri")), status, _body({"string": answer.get("Body")})
    else:
        yield "", 200, content


def _status(value: Any) -> int:
    return int(value) if str(value or "").isdigit() else 0


def _body(body: Any) -> Any:
    """What a recorded body says: as data, or as a text of JSON."""
    if not isinstance(body, dict):
        return body
    text = body.get("string")
    if not isinstance(text, str):
        return body.get("data", body) if text is None else None
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _items(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        yield from (item for item in body["value"] if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("data"), list | dict):
        yield from table_rows(body["data"])
    elif isinstance(body, list):
        yield from (item for item in body if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("id"), str):
        yield body


def _owner(row: Mapping[str, Any]) -> str:
    """The subscription a resource is in, or was listed in."""
    return _account(row["id"]) or str(row.get("askedIn") or "")


def _account(name: str) -> str:
    return name.split("/")[2] if name.startswith("/subscriptions/") and name.count("/") > 1 else ""
