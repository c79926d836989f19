"""Recorded answers of Azure Resource Manager and Resource Graph, read through the same rules as live ones.

Shapes: exchanges as test tools record them (`residency.collect.exchanges`), a bare answer (``{"value": […]}``, a
Resource Graph answer, one resource) or a list of resources. An answer a rule needs and the recording does not hold is a
gap, never an absence; so is a list whose last page is missing, and a refusal. What no kind reads is counted and named.
A resource that only its parts tell of (failover groups without the list of servers) is read from them.
"""

from __future__ import annotations

import datetime as dt
import re
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
    misfit,
    normal,
    read_resources,
    resource_record,
    spread,
    table_rows,
    vault_of,
)
from residency.collect.exchanges import exchanges, read_recording
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, search
from residency.collect.places import Trouble, as_list, as_map, pair_in, place_gap, unread_gaps
from residency.collect.spec import Kind
from residency.inventory.tables import Gap, Rows
from residency.model import UnitStatus
from residency.providers import Providers

__all__ = ["AzureAnswers", "read_azure_answers"]


_POLLED = re.compile(r"/\w*operation\w*/[^/]+\Z")
"""Where the progress of a change is asked for."""


@dataclass(slots=True)
class AzureAnswers:
    """Resources by identifier, answers by address, subscriptions by id, and what no kind reads.

    ``refusals``: what was answered instead, by address. ``cut``: lists whose last recorded page names a further one.
    ``unread_of`` is known once the rows are. A resource without a subscription of its own (an assignment of a
    management group) has the one it was listed in, as ``askedIn``.
    """

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    refusals: dict[str, Trouble] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)
    nameless: int = 0
    formless: set[str] = field(default_factory=set)
    unread_of: Counter[str] = field(default_factory=Counter)
    _told: set[str] = field(default_factory=set, repr=False)

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
        self._imply(kinds)
        for row in self.resources.values():
            if row["type"].startswith("microsoft.keyvault/"):
                vaults |= vault_of(row)
        for name, record in self.records(kinds, catalogue):
            account = _owner(record.data)
            asked = Asked(PROVIDER, account, REGION, name, PROVIDER, seen_at, scope, pair_of)
            rows.extend(map_resource(kinds[name], record, asked))
        self.unread_of = self._unread(kinds)
        accounts = sorted(self.subscriptions) or sorted(set(filter(None, map(_owner, self.resources.values()))))
        account = accounts[0] if accounts else ""
        rows.add(*unread_gaps(PROVIDER, account, self.unread_of, seen_at))
        rows.add(*self._short(kinds, seen_at))
        accounts_of = {
            row["id"].rpartition("/")[2]: row["id"]
            for row in self.resources.values()
            if row["type"] == "microsoft.storage/storageaccounts"
        }
        return spread(read_resources(rows, catalogue, vaults, accounts_of))

    def records(self, kinds: Mapping[str, Kind], catalogue: Providers) -> Iterator[tuple[str, Record]]:
        """Every resource as its kinds' rules see it."""
        by_type: dict[str, list[str]] = {}
        for name, kind in kinds.items():
            by_type.setdefault(kind.list_.asset_type or "", []).append(name)
        below: dict[str, dict[str, Any]] = {}
        for path, item in [*((row["id"], row) for row in self.resources.values()), *self.bodies.items()]:
            below.setdefault(path.rpartition("/")[0], {})[path] = item
        for row in self.resources.values():
            for name in by_type.get(row["type"], ()):
                owner = self.subscriptions.get(_owner(row))
                record = resource_record(row, owner, pair_in(catalogue), "recorded answer")
                self._details(kinds[name], record, below)
                yield name, record

    def take(self, url: str, body: Any, status: int = 200) -> None:
        """Read one more answer."""
        address = _address(url)
        refusal = _refusal(body, status)
        if refusal is not None and not _POLLED.search(address):
            self.refusals.setdefault(address, refusal)
            return
        if address:
            body = self._whole(address, body)
            self.bodies[address] = body
            self.refusals.pop(address, None)  # asked again, and answered
        items: list[dict[str, Any]] = []
        try:
            items.extend(_items(body))
        except ValueError:
            self.nameless += 1
        for item in items:
            self._keep(item, _account(address))
        self._pages(address, body, items)
        said = body.get("value") != [] if isinstance(body, dict) else isinstance(body, str)
        if body and said and not items and not _POLLED.search(address):
            self.formless.add(address)

    def _whole(self, address: str, body: Any) -> Any:
        """A page of a list with the pages before it."""
        before = self.bodies.get(address)
        if address not in self.cut or not isinstance(before, dict) or not isinstance(body, dict):
            return body
        first, second = before.get("value"), body.get("value")
        return {**body, "value": [*first, *second]} if isinstance(first, list) and isinstance(second, list) else body

    def _pages(self, address: str, body: Any, items: list[dict[str, Any]]) -> None:
        """Note whether the list goes on where the recording ends."""
        if not isinstance(body, dict) or not isinstance(body.get("value", body.get("data")), list | dict):
            return
        link = body.get("nextLink") or body.get("@odata.nextLink")
        rows = [normal(item) for item in items]
        sorts = {row["type"] for row in rows}
        sort = sorts.pop() if len(sorts) == 1 else ""
        key = address or f"{_account(rows[0]['id']) if rows else ''} {sort}"
        place = key if address or sort else _address(link if isinstance(link, str) else "") or key
        if link or body.get("$skipToken") or str(body.get("resultTruncated")).lower() == "true":
            self.cut[key] = place
        else:
            self.cut.pop(key, None)

    def _imply(self, kinds: Mapping[str, Kind]) -> None:
        """Resources known only from what was asked about them, or from their parts."""
        wanted: dict[str, set[str]] = {}
        for kind in kinds.values():
            sort = kind.list_.asset_type or ""
            for detail in kind.detail:
                if (detail.path or "").startswith("{") and "/providers/" not in (detail.path or ""):
                    wanted.setdefault(sort, set()).update(_types_of(sort, detail.path or ""))
        for name in [*self.bodies, *(row["id"] for row in self.resources.values())]:
            head, found, tail = name.rpartition("/providers/")
            parts = tail.split("/")
            for end in range(3, len(parts), 2) if found else ():
                above = f"{head}/providers/{'/'.join(parts[:end])}"
                sort = "/".join([parts[0], *parts[1:end:2]])
                if above not in self.resources and "/".join([parts[0], *parts[1::2]]) in wanted.get(sort, ()):
                    self.resources[above] = {"id": above, "type": sort}

    def _short(self, kinds: Mapping[str, Kind], seen_at: dt.datetime) -> Iterator[Gap]:
        """Gaps of lists that were refused, or that end before their last page."""
        sorts = {kind.list_.asset_type: name for name, kind in kinds.items()}
        troubles = [
            (
                place,
                Trouble(
                    "failed", "truncated", f"the recording ends before the last page of {_sort(place) or 'a list'}"
                ),
            )
            for place in self.cut.values()
        ]
        for address, trouble in self.refusals.items():
            if address in self._told or (trouble.code == "404" and not _is_list(address)):
                continue  # a gap of its resource, or the answer to whether there is one
            message = f"{_sort(address) or address or 'an answer'}: {trouble.message}"
            troubles.append((address, replace(trouble, message=message)))
        for place, trouble in sorted(troubles, key=lambda item: (item[0], item[1].message)):
            kind = sorts.get(_sort(place), "")
            yield place_gap(
                PROVIDER, _account(place.strip()) or place.partition(" ")[0], kind, "import", seen_at, trouble
            )

    def _details(self, kind: Kind, record: Record, all_below: Mapping[str, Mapping[str, Any]]) -> None:
        for detail in kind.detail:
            path = (detail_path(detail, record.data) or "").split("?")[0].lower()
            self._told.add(path)
            if not detail.into or (detail.when and not search(detail.when, record.data)):
                continue
            name, gives = f"arm.{detail.operation}", tuple(detail.gives)
            below = all_below.get(path, {})
            refused = self.refusals.get(path)
            self.formless -= {path, *below}
            said = self.bodies.get(path, self.resources.get(path))
            if said is not None and path not in self.bodies and _is_list(path):
                said = {"value": [said]}
            if said is not None and (wrong := misfit(kind, detail, said)):
                message = f"cannot read the answer of {name}: {wrong}"
                record.failed[detail.into] = Failure("malformed", message, name, gives)
            elif said is not None:
                record.data[detail.into] = said
            elif below:
                record.data[detail.into] = {"value": list(below.values())}
                if not self.bodies.keys().isdisjoint(below):
                    message = f"the recording has single answers of {name}, not the list of them"
                    record.failed[f"the list of {detail.into}"] = Failure("skipped", message, name, gives)
            elif refused is not None and refused.code in detail.absent:
                record.data[detail.into] = None
            elif refused is not None:
                record.failed[detail.into] = Failure(refused.cause, refused.message, name, gives)
            else:
                message = f"the recording has no answer of {name}"
                record.failed[detail.into] = Failure("skipped", message, name, gives)

    def _keep(self, item: dict[str, Any], asked_in: str) -> None:
        row = normal(item)
        parts = row["id"].split("/")
        if len(parts) == 3 and parts[1] == "subscriptions":
            if not item.get("subscriptionId"):
                return  # a management group names what is below it, and says no more
            row |= self._subscription(item)
        elif len(parts) == 3 and parts[1] == "tenants":
            row["type"] = "microsoft.resources/tenants"
        elif len(parts) == 5 and parts[3] == "resourcegroups":
            row["type"] = "microsoft.resources/resourcegroups"
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
        name, inner = str(item["subscriptionId"]).lower(), as_map(item.get("properties"))
        tenants = as_list(item.get("managedByTenants") or inner.get("managedByTenants"))
        shown = str(item.get("displayName") or item.get("name") or name)
        state = str(item.get("state") or inner.get("state") or "")
        managed = tuple(sorted({str(as_map(one).get("tenantId")) for one in tenants}))
        self.subscriptions[name] = Subscription(name, shown, str(item.get("tenantId") or ""), state, managed)
        properties = {"state": state, "managedByTenants": [{"tenantId": one} for one in managed], **inner}
        # a recording that masked identifiers may have one for all
        identity = {"id": f"/subscriptions/{name}", "type": "microsoft.resources/subscriptions"}
        return {**identity, "name": shown, "properties": properties}

    def _unread(self, kinds: Mapping[str, Kind]) -> Counter[str]:
        """Types of resources that neither a kind nor a question about a resource of one reads."""
        listed = {kind.list_.asset_type for kind in kinds.values()}
        parts = {
            name
            for kind in kinds.values()
            for detail in kind.detail
            for name in _types_of(str(kind.list_.asset_type), detail.path or "")
        }
        found = Counter(
            row["type"]
            for row in self.resources.values()
            if row["type"] not in listed
            and (row["type"] not in parts or self._told.isdisjoint({row["id"], row["id"].rpartition("/")[0]}))
        )
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
        When a file is neither JSON nor YAML.
    """
    found = AzureAnswers()
    for path in paths:
        for url, status, body in _answers(read_recording(path)):
            found.take(url, body, status)
    return found


def _answers(content: Any) -> Iterator[tuple[str, int, Any]]:
    """(address, status, body). What a change answered is read where it is a resource as it now stands."""
    found = exchanges(content)
    if found is None:
        yield "", 200, content
        return
    for item in found:
        if item.method in {"GET", "POST"} and (item.status in {0, 200} or item.status >= 400):
            if not (item.method == "POST" and item.status >= 400 and not _is_graph(item.url)):
                yield item.url, item.status, item.body
        elif item.method in {"PUT", "PATCH"} and item.status in {200, 201} and _is_resource(item.body):
            yield item.url, item.status, item.body


def _is_graph(url: str) -> bool:
    return _address(url).endswith("/providers/microsoft.resourcegraph/resources")


def _is_resource(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("id"), str) and isinstance(body.get("properties"), dict)


def _items(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict) and isinstance(body.get("value"), list):
        yield from (item for item in body["value"] if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("data"), list | dict):
        yield from table_rows(body["data"])
    elif isinstance(body, list):
        yield from (item for item in body if isinstance(item, dict))
    elif isinstance(body, dict) and isinstance(body.get("id"), str):
        yield body


def _types_of(asset_type: str, path: str) -> set[str]:
    """Types of the resources a detail call answers with: parts of its resource, or of what that is part of."""
    if "/providers/" in path:
        parts = path.rpartition("/providers/")[2].lower().split("/")
        return {"/".join([parts[0], *parts[1::2]])}
    tail = path.rpartition("}/")[2].lower().split("/")
    return {"/".join([asset_type, *tail[::2]]), "/".join([*asset_type.split("/")[:2], *tail[::2]])}


def _address(url: str) -> str:
    try:
        return unquote(urlsplit(url).path).rstrip("/").lower()
    except ValueError:  # brackets of an address that is none
        return ""


def _sort(place: str) -> str:
    """The type a list or a resource is of, from its address."""
    _, found, tail = place.rpartition("/providers/")
    parts = tail.split("/")
    return "/".join([parts[0], *parts[1::2]]) if found else place.rpartition(" ")[2] if " " in place else ""


def _is_list(address: str) -> bool:
    """Whether an address is that of a list of resources, not one resource's."""
    _, found, tail = address.rpartition("/providers/")
    return bool(found) and len(tail.split("/")) % 2 == 0


def _refusal(body: Any, status: int) -> Trouble | None:
    """What an answer says instead of answering: by its status, or by its body alone."""
    problem = as_map(body.get("error")) if isinstance(body, dict) and "value" not in body and "id" not in body else {}
    code = str(problem.get("code") or "")
    if status < 400 and not code:
        return None
    denied = status in {401, 403} or (status < 400 and ("Authorization" in code or "Denied" in code))
    throttled = status == 429 or "TooManyRequests" in code or "Throttl" in code
    cause: UnitStatus = "denied" if denied else "throttled" if throttled else "failed"
    said = f"{status} {code}".strip() if status >= 400 else code
    return Trouble(cause, str(status) if status >= 400 else code, f"the recording has {said} there")


def _owner(row: Mapping[str, Any]) -> str:
    """The subscription a resource is in, or was listed in."""
    return _account(row["id"]) or str(row.get("askedIn") or "")


def _account(name: str) -> str:
    return name.split("/")[2] if name.startswith("/subscriptions/") and name.count("/") > 1 else ""
