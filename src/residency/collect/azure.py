"""Microsoft Azure: subscriptions, then one Resource Graph query for all kinds of a subscription, details from ARM.

Resource Graph leaves out, without a word, what the caller may not read. So an answer without rows counts as ``empty``
only where the caller's permissions on the subscription cover the kind; else the unit is ``denied``. Where it refuses,
each provider's own list is asked. A subscription the tenant has but does not show us is a gap with all its units.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from residency.collect.boundary import Caught, boundary
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, map_record, search
from residency.collect.places import (
    Trouble,
    as_list,
    as_map,
    listing_gaps,
    origin_of,
    pair_in,
    place_gap,
    read_rows,
    unit_of,
)
from residency.collect.plan import Job, Plan, UnitKey
from residency.collect.spec import Call, Kind
from residency.errors import CredentialsError
from residency.inventory.tables import Gap, Grant, Key, Rows, Unit
from residency.model import PrincipalKind
from residency.providers import Providers

__all__ = [
    "DISCOVERY",
    "AzureClients",
    "AzureDriver",
    "Subscription",
    "azure_clients",
    "detail_path",
    "misfit",
    "read_resources",
    "spread",
    "table_rows",
    "trouble_of",
]

PROVIDER = "azure"
REGION = "global"
GRAPH = "resourcegraph"
PAGE = 1000
"""Largest page Resource Graph gives."""
DISCOVERY = (
    "Microsoft.Authorization/permissions/read",
    "Microsoft.Management/managementGroups/descendants/read",
    "Microsoft.Resources/subscriptions/read",
)
"""Actions planning needs beside those of the kinds."""
_PERMISSIONS = "Microsoft.Authorization/permissions?api-version=2022-04-01"
_DESCENDANTS = "descendants?api-version=2020-05-01"
_SUBSCRIPTION = "azure.resources.subscription"
_ASSIGNED_BELOW = "azure.authorization.role_assignment_below"
_SINGLE_SETTINGS = (
    "diagnostic settings of single resources are listed one resource at a time and were not read: logs may go to any "
    "of the tenant's storage accounts, event hubs and workspaces, and to a partner's service"
)
_PRINCIPALS: Mapping[str, PrincipalKind] = {
    "User": "user",
    "ServicePrincipal": "user",
    "Group": "group",
    "ForeignGroup": "group",
}
_ROLES: Mapping[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "admin",  # Owner
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "admin",  # User Access Administrator
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "admin",  # Role Based Access Control Administrator
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "write",  # Contributor
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "read",  # Reader
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "admin",  # Storage Blob Data Owner
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "write",  # Storage Blob Data Contributor
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "read",  # Storage Blob Data Reader
}
"""What Azure's own roles allow; any other role is unknown."""
_STORAGE_HOSTS = (".core.windows.net", ".core.chinacloudapi.cn", ".core.usgovcloudapi.net")
_COLUMNS = "id, name, type, kind, location, tags, sku, properties"
_DENIED = {"AuthorizationFailed", "LinkedAuthorizationFailed", "AccessDenied", "SubscriptionNotFound"}
_NOT_REGISTERED = {"MissingSubscriptionRegistration", "SubscriptionNotRegistered"}
_THROTTLED = {"RateLimiting", "TooManyRequests", "SubscriptionRequestsThrottled"}


@dataclass(frozen=True, slots=True)
class AzureClients:
    """What the driver asks with."""

    subscriptions: Any
    graph: Any
    resources: Any


def azure_clients(
    *,
    endpoint: str | None = None,
    base_url: str = "https://management.azure.com",
    credential: Any = None,
    pause: float = 0.8,
    retries: int = 6,
) -> AzureClients:
    """Clients of one Azure cloud.

    Parameters
    ----------
    endpoint
        Address of a server that answers in Azure's place, without credentials (``http://127.0.0.1:1234``).
    base_url
        Resource Manager of a sovereign cloud.
    credential
        azure-identity credential; `DefaultAzureCredential` when left out.
    pause, retries
        Backoff factor in seconds, and how often a throttled call is repeated.
    """
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.resource.subscriptions import SubscriptionClient
    from azure.mgmt.resourcegraph import ResourceGraphClient

    options: dict[str, Any] = {
        "base_url": endpoint or base_url,
        "credential_scopes": [f"{endpoint or base_url}/.default"],
        "retry_total": retries,
        "retry_backoff_factor": pause,
    }
    if endpoint is not None:
        from azure.core.pipeline.policies import SansIOHTTPPolicy

        options["authentication_policy"] = SansIOHTTPPolicy()
        credential = credential or _NoCredential()
    if credential is None:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    return AzureClients(
        subscriptions=SubscriptionClient(credential, **options),
        graph=ResourceGraphClient(credential, **options),
        resources=ResourceManagementClient(credential, "none", **options),
    )


class _NoCredential:
    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise CredentialsError("this server takes no credentials")


def trouble_of(error: Exception) -> Trouble:
    """How a unit ends after an error of Azure's libraries.

    Raises
    ------
    CredentialsError
        When there are no usable credentials at all.
    """
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    text = " ".join(str(getattr(error, "message", error)).split())[:500]
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        raise CredentialsError(f"no usable Azure credentials; run `az login`, then again: {text}") from error
    if not isinstance(error, HttpResponseError):
        return Trouble("failed", type(error).__name__, f"no usable answer: {text or type(error).__name__}")
    status = error.status_code or 0
    code = str(getattr(error.error, "code", None) or status or type(error).__name__)
    if status == 429 or code in _THROTTLED:
        return Trouble("throttled", code, f"throttled: {text}; sweep again with fewer workers")
    if status in {401, 403} or code in _DENIED:
        # a subscription one may not see is answered as one that is not there
        return Trouble("denied", code, f"denied: {text}")
    if code in _NOT_REGISTERED:
        return Trouble("disabled", code, f"the resource provider is not registered: {text}")
    return Trouble("failed", code, f"no usable answer: {text}")


def _trouble(caught: Caught) -> Trouble | None:
    return None if caught.error is None else trouble_of(caught.error)


@dataclass(frozen=True, slots=True, order=True)
class Subscription:
    """A subscription and who else manages it (Azure Lighthouse)."""

    id: str
    name: str
    tenant: str
    state: str
    managed_by: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """As a record shows it."""
        return {
            "subscriptionId": self.id,
            "displayName": self.name,
            "tenantId": self.tenant,
            "managedByTenants": [{"tenantId": tenant} for tenant in self.managed_by],
        }


@dataclass(frozen=True, slots=True)
class _Estate:
    subscriptions: tuple[Subscription, ...]
    refused: tuple[tuple[str, Trouble, str], ...]
    notes: tuple[str, ...]

    def scope(self) -> Scope:
        return Scope(
            accounts=frozenset(item.id for item in self.subscriptions),
            tenants=frozenset(item.tenant for item in self.subscriptions if item.tenant),
            complete=not self.refused and not self.notes,
        )


@dataclass(slots=True)
class AzureDriver:
    """Azure under one credential.

    Parameters
    ----------
    clients, kinds, catalogue
        What to ask with, what to look for, what the names of places mean.
    now
        The clock.
    wanted
        Subscription ids: these only. All that can be seen when left out.
    """

    clients: AzureClients
    kinds: Mapping[str, Kind]
    catalogue: Providers
    now: Callable[[], dt.datetime]
    wanted: tuple[str, ...] = ()
    _estate: _Estate | None = None
    _vaults: dict[str, tuple[str, str, str]] | None = None
    _shared: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def provider(self) -> str:
        """Catalogue id."""
        return PROVIDER

    def known(self) -> _Estate:
        """Tenants and subscriptions."""
        return self.estate()

    def recall(self, known: _Estate) -> None:
        """Take over tenants and subscriptions."""
        self._estate = known

    def plan(self) -> Plan:
        """One job for each subscription; refused ones end here with all their units."""
        estate = self.estate()
        moment = self.now()
        jobs: list[Job] = []
        gaps: list[Gap] = []
        units: list[Unit] = []
        single = sum(_own(kind) and "{subscription}" in (kind.list_.path or "") for kind in self.kinds.values())
        calls = 1 + len(_queries_of(self.kinds.values())) + single
        refused = list(estate.refused)
        for item in estate.subscriptions:
            if item.state == "Deleted":
                trouble = Trouble(
                    "skipped", item.state, f"subscription {item.id} is deleted: content may still be kept"
                )
                refused.append((item.id, trouble, "subscriptions.list"))
            else:
                jobs.append(Job(f"{PROVIDER}/{item.id}", tuple(self._keys(item.id)), estimated_calls=calls))
        for account, trouble, call in refused:
            gaps.append(place_gap(PROVIDER, account, "*", call, moment, trouble, "scope"))
            units += [unit_of(key, 0, trouble, 0, moment, moment) for key in self._keys(account)]
        return Plan(tuple(sorted(jobs)), tuple(gaps), tuple(units), estate.notes)

    def run(self, job: Job) -> Rows:
        """Answer every unit of the job."""
        started = self.now()
        account = job.name.removeprefix(f"{PROVIDER}/")
        wanted = {key.kind: self.kinds[key.kind] for key in job.units}
        allowed, calls = self._allowed(account)
        found: dict[str, dict[str, dict[str, Any]]] = {}
        troubles: dict[str, Trouble | None] = {}
        for table, query in _queries_of(wanted.values()).items():
            listed, troubles[table], count = self._query([account], query)
            found |= listed
            calls += count
        read: dict[str, Any] = {}
        rows = Rows()
        for key in sorted(job.units):
            kind = wanted[key.kind]
            mine = found.get(kind.list_.asset_type or "", {})
            trouble = short = troubles.get(_table(kind))
            call = f"resourcegraph.{kind.list_.operation} {account} {kind.list_.asset_type}"
            if kind.list_.path and (_own(kind) or trouble is not None):
                more, trouble, count = self._list(kind, account, read)
                calls += count
                mine = {**mine, **more}
                after = f" after: {short.message}" if short else ""
                call = f"{kind.list_.path.format(subscription=account)}{after}"[:300]
            elif trouble is None:
                trouble = _hidden(allowed, kind, account)
            part, count = self._stores(kind, key, mine.values(), call, started, read)
            rows.extend(part)
            rows.add(*listing_gaps(key, trouble, call, started))
            rows.add(unit_of(key, len(part["stores"]), trouble, calls + count, started, self.now()))
            calls = 0  # the shared calls count once, with the first unit
        return spread(rows)

    def estate(self) -> _Estate:
        """Tenants and subscriptions, asked for once."""
        with self._lock:
            if self._estate is None:
                self._estate = self._look()
            return self._estate

    def _look(self) -> _Estate:
        seen: dict[str, Subscription] = {}
        refused: list[tuple[str, Trouble, str]] = []
        notes: list[str] = []
        if self.wanted:
            for name in self.wanted:
                with boundary() as caught:
                    seen[name] = _subscription(self.clients.subscriptions.subscriptions.get(name))
                if caught.error is not None:
                    refused.append((name, trouble_of(caught.error), "subscriptions.get"))
            return _Estate(tuple(sorted(seen.values())), tuple(refused), ())
        tenants: set[str] = set()
        with boundary() as caught:
            seen = {
                item.subscription_id: _subscription(item) for item in self.clients.subscriptions.subscriptions.list()
            }
            tenants = {str(item.tenant_id) for item in self.clients.subscriptions.tenants.list() if item.tenant_id}
        if caught.error is not None:
            refused.append(("subscriptions", trouble_of(caught.error), "subscriptions.list"))
        for tenant in sorted(tenants):
            below: list[Any] = []
            with boundary() as caught:
                path = f"/providers/Microsoft.Management/managementGroups/{tenant}/{_DESCENDANTS}"
                below = [item for page in self._pages(path) for item in page]
            if caught.error is not None:
                trouble = trouble_of(caught.error)
                notes.append(
                    f"tenant {tenant}: other subscriptions may exist, its root management group: {trouble.message}"
                )
                continue
            for item in below:
                name = str(item.get("name") or "")
                if str(item.get("type") or "").endswith("/subscriptions") and name not in seen:
                    message = (
                        f"denied: subscription {name} is in tenant {tenant}, but may not be read; grant Reader on it"
                    )
                    refused.append((name, Trouble("denied", "NotListed", message), "managementGroups.descendants"))
        return _Estate(tuple(sorted(seen.values())), tuple(refused), tuple(notes))

    def _keys(self, account: str) -> Iterator[UnitKey]:
        return (UnitKey(PROVIDER, account, REGION, kind) for kind in sorted(self.kinds))

    def _get(self, url: str) -> Any:
        from azure.core.rest import HttpRequest

        response = self.clients.resources.send_request(HttpRequest("GET", url))
        response.raise_for_status()
        return json.loads(response.text())

    def _pages(self, url: str) -> Iterator[list[Any]]:
        while url:
            body = self._get(url)
            if not isinstance(body, dict) or not isinstance(body.get("value"), list):
                raise ValueError(f"the answer has no list: {str(body)[:80]!r}")
            yield body["value"]
            url = body.get("nextLink") or ""

    def _allowed(self, account: str) -> tuple[list[Any] | Trouble, int]:
        """What the caller may do on the subscription."""
        calls = 0
        found: list[Any] = []
        with boundary() as caught:
            for page in self._pages(f"/subscriptions/{account}/providers/{_PERMISSIONS}"):
                calls += 1
                found += page
        if caught.error is not None:
            return trouble_of(caught.error), calls + 1
        return found, calls

    def _query(
        self, accounts: list[str], query: str
    ) -> tuple[dict[str, dict[str, dict[str, Any]]], Trouble | None, int]:
        """Rows of a query by type and identifier, and whether some are missing."""
        from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

        found: dict[str, dict[str, dict[str, Any]]] = {}
        token: str | None = None
        calls = seen = 0
        with boundary() as caught:
            while True:
                calls += 1
                options = QueryRequestOptions(result_format="objectArray", top=PAGE, skip_token=token)
                answer = self.clients.graph.resources(
                    QueryRequest(subscriptions=accounts, query=query, options=options)
                )
                for row in table_rows(answer.data):
                    seen += 1
                    kept = normal(row)
                    if kept["id"]:
                        found.setdefault(kept["type"], {})[kept["id"]] = kept
                token = answer.skip_token
                if token:
                    continue
                if str(answer.result_truncated).rsplit(".", 1)[-1].lower() == "true":
                    return found, Trouble("failed", "truncated", "Resource Graph cut its answer short"), calls
                if answer.total_records is not None and answer.total_records > seen:
                    message = f"Resource Graph counted {answer.total_records} rows and gave {seen}"
                    return found, Trouble("failed", "truncated", message), calls
                return found, None, calls
        return found, _trouble(caught), calls

    def _list(
        self, kind: Kind, account: str, read: dict[str, Any]
    ) -> tuple[dict[str, dict[str, Any]], Trouble | None, int]:
        """The provider's own list, where Resource Graph refused or has no table of the kind."""
        path = kind.list_.path or ""
        url = f"{path.format(subscription=account)}?api-version={kind.list_.api_version}"
        lists = read if "{subscription}" in path else self._shared
        with nullcontext() if lists is read else self._lock:
            calls = 0
            if f"list {url}" not in lists:
                found: dict[str, dict[str, Any]] = {}
                with boundary() as caught:
                    for page in self._pages(url):
                        calls += 1
                        for item in page:
                            row = normal(item)
                            found[row["id"]] = row
                trouble = _trouble(caught)
                calls += trouble is not None
                lists[f"list {url}"] = found, trouble
            return *lists[f"list {url}"], calls

    def _stores(
        self,
        kind: Kind,
        key: UnitKey,
        found: Iterable[dict[str, Any]],
        call: str,
        moment: dt.datetime,
        read: dict[str, Any],
    ) -> tuple[Rows, int]:
        rows, calls = Rows(), 0
        owner = next((item for item in self.estate().subscriptions if item.id == key.account), None)
        pair_of = pair_in(self.catalogue)
        asked = Asked(PROVIDER, key.account, REGION, key.kind, PROVIDER, moment, self.estate().scope(), pair_of)
        for row in found:
            record = resource_record(row, owner, pair_of, call)
            if (_reads_properties(kind) and not record.data.get("properties")) or (
                kind.region and not search(kind.region, record.data)
            ):
                calls += 1
                record = self._fill(kind, record, owner, read)
            calls += self._details(kind, record, read)
            rows.extend(map_resource(kind, record, asked))
        return read_resources(rows, self.catalogue, self.vaults() if _has_urls(rows) else {}), calls

    def _fill(self, kind: Kind, record: Record, owner: Subscription | None, read: dict[str, Any]) -> Record:
        """A row cut short (only its identifier, or no properties), read from Resource Manager."""
        body = self._once(f"{record.data['id']}?api-version={kind.list_.api_version}", read)
        if isinstance(body, Trouble):
            record.failed[""] = Failure(body.cause, body.message, "resources.get_by_id", ("placement", "key", "grants"))
            return record
        return resource_record({**record.data, **normal(body)}, owner, pair_in(self.catalogue), record.call)

    def _details(self, kind: Kind, record: Record, read: dict[str, Any]) -> int:
        calls = 0
        for detail in kind.detail:
            if not detail.into or (detail.when and not search(detail.when, record.data)):
                continue
            name = f"arm.{detail.operation}"
            path = detail_path(detail, record.data)
            if path is None:
                message = f"cannot ask {name}: the row lacks what its address needs"
                record.failed[detail.into] = Failure("malformed", message, name, tuple(detail.gives))
                continue
            calls += path not in read
            body = self._once(path, read)
            if isinstance(body, Trouble) and body.code not in detail.absent:
                record.failed[detail.into] = Failure(body.cause, body.message, name, tuple(detail.gives))
            elif not isinstance(body, Trouble) and (wrong := misfit(kind, detail, body)):
                message = f"cannot read the answer of {name}: {wrong}"
                record.failed[detail.into] = Failure("malformed", message, name, tuple(detail.gives))
            else:
                record.data[detail.into] = None if isinstance(body, Trouble) else body
        return calls

    def _once(self, path: str, read: dict[str, Any]) -> Any:
        """A body with all its pages, or the trouble; the same address is asked once in a job."""
        if path not in read:
            with boundary() as caught:
                body = self._get(path)
                link = body.get("nextLink") if isinstance(body, dict) else None
                if not isinstance(body, dict):
                    raise ValueError(f"the answer is not an object: {str(body)[:80]!r}")
                if link and isinstance(body.get("value"), list):
                    body = {**body, "value": [*body["value"], *(item for page in self._pages(link) for item in page)]}
                read[path] = body
            if caught.error is not None:
                read[path] = trouble_of(caught.error)
        return read[path]

    def vaults(self) -> dict[str, tuple[str, str, str]]:
        """Key vaults of all subscriptions by host name: identifier, location, subscription."""
        estate = self.estate()
        with self._lock:
            if self._vaults is None:
                self._vaults = {}
                if estate.subscriptions:
                    query = "resources | where type in~ ('microsoft.keyvault/vaults', 'microsoft.keyvault/managedhsms')"
                    names = [item.id for item in estate.subscriptions]
                    found, _, _ = self._query(names, f"{query} | project {_COLUMNS} | order by id asc")
                    for row in (row for rows in found.values() for row in rows.values()):
                        self._vaults.update(vault_of(row))
            return self._vaults


def table_rows(data: Any) -> Iterator[dict[str, Any]]:
    """Rows of a Resource Graph answer, in its object form or its table form.

    Raises
    ------
    ValueError
        When it is neither.
    """
    if isinstance(data, list):
        yield from (row if isinstance(row, dict) else {} for row in data)
    elif isinstance(data, Mapping) and isinstance(data.get("columns"), list) and isinstance(data.get("rows"), list):
        names = [str(as_map(column).get("name")) for column in data["columns"]]
        yield from (dict(zip(names, as_list(row), strict=True)) for row in data["rows"])
    else:
        raise ValueError(f"Resource Graph answered neither objects nor a table: {str(data)[:80]!r}")


def normal(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its identifier and type in lower case; a type that was left out is read from the identifier, as is
    one that stops short of it."""
    name = str(row.get("id") or "").strip().lower()
    if name and not name.startswith("/"):
        name = f"/{name}"
    kept = {field_: value for field_, value in row.items() if value is not None}
    sort, own = str(row.get("type") or type_of(name)).lower(), type_of(name)
    sort = own if own.startswith(f"{sort}/") else sort  # a part that says it is of the type of its whole
    # a subscription's own settings come under several names
    sort = "microsoft.insights/diagnosticsettings" if sort.endswith("/diagnosticsettings") else sort
    return {**kept, "id": name, "type": sort}


def type_of(name: str) -> str:
    """``microsoft.sql/servers/databases`` from a resource identifier."""
    _, found, tail = name.lower().rpartition("/providers/")
    parts = tail.split("/")
    return "/".join([parts[0], *parts[1::2]]) if found and len(parts) > 2 else ""


def resource_record(
    row: Mapping[str, Any], owner: Subscription | None, pair_of: Callable[[str, str], str | None], call: str
) -> Record:
    """A row as the kinds' rules see it."""
    data = dict(row)
    data.setdefault("name", str(data.get("id", "")).rsplit("/", 1)[-1])
    data["subscription"] = owner.view() if owner else {"managedByTenants": []}
    if isinstance(place := data.get("location"), str):
        data["location"] = place.replace(" ", "").lower()
        if paired := pair_of(PROVIDER, place):
            data["paired"] = paired
    return Record(data, call)


def map_resource(kind: Kind, record: Record, asked: Asked) -> Rows:
    """Rows of one record; a row without properties claims nothing about copies, keys and grants."""
    rows = map_record(kind, record, asked)
    store = rows["stores"][0] if rows["stores"] else None
    if store is None:
        return rows
    origin = origin_of(store)
    if _reads_properties(kind) and not record.data.get("properties") and "" not in record.failed:
        message = "the row was cut short: it has no properties, so copies and keys are not known"
        granted = kind.hook or any("properties" in (rule.principals or "") for rule in kind.grants)
        for field_ in ("placement", "key", "grants") if granted else ("placement", "key"):
            rows.add(Gap(**origin, store_id=store.store_id, field=field_, cause="malformed", message=message))
    if kind.hook == "role_assignment":
        properties = record.data.get("properties") or {}
        rows.tables["grants"] = [_assigned(grant, properties) for grant in rows["grants"]]
    if asked.kind == _SUBSCRIPTION:
        rows.add(Gap(**origin, store_id=store.store_id, field="log", cause="skipped", message=_SINGLE_SETTINGS))
    return rows


def _assigned(grant: Grant, properties: Mapping[str, Any]) -> Grant:
    """A role assignment's grant: what the role allows, and who the principal is as far as the assignment says."""
    role = str(properties.get("roleDefinitionId") or "").rpartition("/")[2].lower()
    sort = str(properties.get("principalType") or "")
    outside = sort == "ForeignGroup" or "#EXT#" in str(properties.get("principalName") or "").upper()
    return replace(
        grant,
        principal_kind=_PRINCIPALS.get(sort, "unknown"),
        access=_ROLES.get(role, "unknown"),
        external="yes" if outside else grant.external,
        condition="unknown" if properties.get("condition") else grant.condition,
        evidence=f"role assignment {role} at {properties.get('scope') or 'an unknown scope'}",
    )


def spread(rows: Rows) -> Rows:
    """The same rows, with the grants of assignments to a resource group or resource at every store below it too."""
    scopes = {label.store_id: label.value.lower().rstrip("/") for label in rows["labels"] if label.key == "scope"}
    below = [grant for grant in rows["grants"] if grant.kind == _ASSIGNED_BELOW]
    control = "azure.authorization."
    stores = sorted({item.store_id for item in rows["stores"] if not item.kind.startswith(control)}) if below else []
    for grant in below:
        scope = scopes.get(grant.store_id, "")
        for store in stores[bisect_left(stores, scope) :] if scope else ():
            if not store.startswith(scope):
                break
            if store == scope or store.startswith(f"{scope}/"):
                rows.add(replace(grant, store_id=store))
    return rows


def vault_of(row: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Host name of a vault row, with what it stands for."""
    properties = row.get("properties") or {}
    host = _host(str(properties.get("vaultUri") or properties.get("hsmUri") or ""))
    parts = str(row["id"]).split("/")
    return {host: (str(row["id"]), str(row.get("location") or ""), parts[2] if len(parts) > 2 else "")} if host else {}


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets of an address that is none
        return None


def read_resources(
    rows: Rows,
    catalogue: Providers,
    vaults: Mapping[str, tuple[str, str, str]],
    names: Mapping[str, str] = MappingProxyType({}),
) -> Rows:
    """Rows with Azure's places, targets and keys brought to one form; a copy to the store itself is none.

    ``names``: identifiers of storage accounts by their names, which are unique in all of Azure and stand for them in
    some answers.
    """

    def target(text: str) -> str:
        plain = text.lower()
        host = _host(plain) or plain
        short = host.partition(".")[0] if host.endswith(_STORAGE_HOSTS) else plain
        return names.get(short, plain)

    def key(item: Key) -> Key:
        host = _host(item.key_id) if item.key_id.startswith("https://") else None
        if host and host in vaults:
            vault, place, account = vaults[host]
            evidence = f"{item.evidence}; {item.key_id}"
            return replace(item, key_id=vault, key_location=place, key_account=account, evidence=evidence)
        return item if host else replace(item, key_id=item.key_id.lower())

    result = read_rows(rows, catalogue, PROVIDER, target=target, key=key)
    result.tables["placements"] = [item for item in result["placements"] if item.target != item.store_id]
    return result


def _subscription(item: Any) -> Subscription:
    state = getattr(item.state, "value", item.state)
    managed = tuple(sorted(str(tenant.tenant_id) for tenant in item.managed_by_tenants or () if tenant.tenant_id))
    return Subscription(
        str(item.subscription_id), str(item.display_name or ""), str(item.tenant_id or ""), str(state), managed
    )


def _queries_of(kinds: Iterable[Kind]) -> dict[str, str]:
    """One query for each of Resource Graph's tables (``list.operation``) the kinds are in."""
    tables: dict[str, set[str]] = {}
    for kind in kinds:
        if not _own(kind):
            tables.setdefault(_table(kind), set()).add(kind.list_.asset_type or "")
    queries: dict[str, str] = {}
    for table, types in sorted(tables.items()):
        named = ", ".join(f"'{kind}'" for kind in sorted(types - {""}))
        queries[table] = f"{table} | where type in~ ({named}) | project {_COLUMNS} | order by id asc"
    return queries


def _table(kind: Kind) -> str:
    return kind.list_.operation.lower()


def _own(kind: Kind) -> bool:
    """Whether the kind is in none of Resource Graph's tables, so that its own list is asked."""
    return kind.list_.service == "arm"


def _reads_properties(kind: Kind) -> bool:
    return any("properties" in text for _, text in kind.expressions())


def _hidden(allowed: list[Any] | Trouble, kind: Kind, account: str) -> Trouble | None:
    """What Resource Graph may have left out without saying so."""
    if isinstance(allowed, Trouble):
        message = f"cannot tell whether rows are left out, permissions on {account}: {allowed.message}"
        return replace(allowed, message=message)
    for action in kind.list_.iam:
        if action.startswith("Microsoft.ResourceGraph/") or permits(allowed, action):
            continue
        message = f"denied: no {action} on the whole subscription, so Resource Graph may leave out rows; grant Reader"
        return Trouble("denied", "NotReadable", message)
    return None


def permits(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Whether one of the permission sets lets the action through."""

    def matches(patterns: Any) -> bool:
        return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in patterns or ())

    return any(matches(item.get("actions")) and not matches(item.get("notActions")) for item in permissions)


def detail_path(call: Call, data: Mapping[str, Any]) -> str | None:
    """The address of a detail call with its version; None where the row lacks what the address needs."""
    values: dict[str, str] = {}
    for name, value in call.args.items():
        text = search(value[1:] or "@", data) if str(value).startswith("@") else value
        if not isinstance(text, str) or not text:
            return None
        values[name] = text
    return f"{(call.path or '').format(**values)}?api-version={call.api_version}"


def misfit(kind: Kind, detail: Call, body: Any) -> str:
    """Why a detail answer cannot be read; empty where it can. An error told with a status of success is none."""
    if not isinstance(body, Mapping):
        return "it is not an object"
    problem = as_map(body.get("error"))
    if problem.get("code") and "value" not in body and "id" not in body:
        return f"it is an error, {problem['code']}"
    if not isinstance(body.get("value"), list) and any(
        f"{detail.into}.value" in text for _, text in kind.expressions()
    ):
        return "it holds no list"
    return ""


def _has_urls(rows: Rows) -> bool:
    return any(item.key_id.startswith("https://") for item in rows["keys"])
