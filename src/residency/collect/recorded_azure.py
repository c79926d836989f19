"""Recorded answers of Azure Resource Manager and Resource Graph, read through the same rules as live ones.

Shapes: ``{"interactions": [{request, response: {body: {data}}}]}``, ``{"networkCallRecords": [{Method, Uri,
Response}]}``, a bare answer (``{"value": […]}``, a Resource Graph answer, one resource) or a list of resources. An
answer a rule needs and the recording does not hold is a gap, never an absence.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    table_rows,
    vault_of,
)
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, search
from residency.collect.places import pair_in
from residency.collect.spec import Kind
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["AzureAnswers", "read_azure_answers"]


@dataclass(slots=True)
class AzureAnswers:
    """Resources by identifier, answers by address, subscriptions by id."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)

    def rows(self, kinds: Mapping[str, Kind], catalogue: Providers, *, seen_at: dt.datetime, scope: Scope) -> Rows:
        """Everything read, mapped; resources of other types are left out."""
        rows = Rows()
        pair_of = pair_in(catalogue)
        vaults: dict[str, tuple[str, str, str]] = {}
        for row in self.resources.values():
            if row["type"].startswith("microsoft.keyvault/"):
                vaults |= vault_of(row)
        for name, record in self.records(kinds, catalogue):
            account = _account(record.data["id"])
            asked = Asked(PROVIDER, account, REGION, name, PROVIDER, seen_at, scope, pair_of)
            rows.extend(map_resource(kinds[name], record, asked))
        return read_resources(rows, catalogue, vaults)

    def records(self, kinds: Mapping[str, Kind], catalogue: Providers) -> Iterator[tuple[str, Record]]:
        """Every resource as its kind's rules see it."""
        by_type = {kind.list_.asset_type: name for name, kind in kinds.items()}
        for row in self.resources.values():
            if (name := by_type.get(row["type"])) is not None:
                owner = self.subscriptions.get(_account(row["id"]))
                record = resource_record(row, owner, pair_in(catalogue), "recorded answer")
                self._details(kinds[name], record)
                yield name, record

    def take(self, url: str, body: Any) -> None:
        """Read one more answer."""
        address = unquote(urlsplit(url).path).rstrip("/").lower()
        if address:
            self.bodies[address] = body
        for item in _items(body):
            _keep(item, self)

    def _details(self, kind: Kind, record: Record) -> None:
        for detail in kind.detail:
            if not detail.into or (detail.when and not search(detail.when, record.data)):
                continue
            path = (detail_path(detail, record.data) or "").split("?")[0].lower()
            below = [body for name, body in self.bodies.items() if name.rpartition("/")[0] == path]
            if path in self.bodies:
                record.data[detail.into] = self.bodies[path]
            elif below:  # asked for one by one
                record.data[detail.into] = {"value": below}
            else:
                message = f"the recording has no answer of arm.{detail.operation}"
                record.failed[detail.into] = Failure("skipped", message, f"arm.{detail.operation}", tuple(detail.gives))


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
        for url, body in _answers(content):
            found.take(url, body)
    return found


def _answers(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict) and "interactions" in content:
        for item in content["interactions"]:
            body = item["response"]["body"]
            if int((item["response"].get("status") or {}).get("code") or 0) < 400:
                yield str(item["request"]["uri"]), body.get("data", body) if isinstance(body, dict) else body
    elif isinstance(content, dict) and "networkCallRecords" in content:
        for item in content["networkCallRecords"]:
            answer = item.get("Response") or {}
            if item.get("Method") == "GET" and str(answer.get("StatusCode")) == "200":
                try:
                    yield str(item.get("Uri")), json.loads(answer.get("Body") or "null")
                except ValueError:
                    continue
    else:
        yield "", content


def _items(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        yield from (item for item in body["value"] if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("data"), list | dict):
        yield from table_rows(body["data"])
    elif isinstance(body, list):
        yield from (item for item in body if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("id"), str):
        yield body


def _account(name: str) -> str:
    return name.split("/")[2] if name.startswith("/subscriptions/") and name.count("/") > 1 else ""


def _keep(item: dict[str, Any], found: AzureAnswers) -> None:
    if item.get("subscriptionId") and str(item.get("id", "")).count("/") == 2:
        name = str(item["subscriptionId"])
        managed = tuple(sorted(str(one.get("tenantId")) for one in item.get("managedByTenants") or ()))
        found.subscriptions[name] = Subscription(
            name, str(item.get("displayName", "")), str(item.get("tenantId", "")), str(item.get("state", "")), managed
        )
        return
    row = normal(item)
    if row["id"] and row["type"]:
        known = found.resources.get(row["id"], {})
        found.resources[row["id"]] = row if row.get("properties") or not known.get("properties") else known
