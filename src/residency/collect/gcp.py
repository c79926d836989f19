"""Google Cloud: the resource hierarchy, then one Cloud Asset Inventory answer for all kinds of a scope.

The inventory is asked once for an organisation where that is allowed, else project by project; where it refuses a kind,
the service's own list is asked (``list.path``). A refusal anywhere leaves its units as they ended and a gap, never a
shorter list. Two refusals look alike and are not: a service that is not enabled holds nothing (``disabled``), while an
inventory that is not enabled, a VPC Service Controls perimeter or an organisation policy hides what is there.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from residency.collect.boundary import boundary
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, map_record, misshapen, search
from residency.collect.places import (
    Trouble,
    as_list,
    as_map,
    as_text,
    listing_gaps,
    pair_in,
    place_gap,
    read_rows,
    unit_of,
)
from residency.collect.plan import Job, Plan, UnitKey
from residency.collect.spec import LISTED, Call, Kind
from residency.errors import CredentialsError
from residency.inventory.tables import Gap, Key, Rows, Unit
from residency.providers import Providers

if TYPE_CHECKING:
    from google.api_core.retry import Retry

__all__ = [
    "DISCOVERY",
    "GcpClients",
    "GcpDriver",
    "Project",
    "Tree",
    "asks_service",
    "gcp_clients",
    "read_assets",
    "short_of",
    "trouble_of",
    "wrap",
]

PROVIDER = "gcp"
REGION = "global"
INVENTORY = "cloudasset"
PAGE = 1000
"""Largest page the inventory gives."""
DISCOVERY = (
    "resourcemanager.organizations.get",
    "resourcemanager.folders.list",
    "resourcemanager.projects.get",
    "resourcemanager.projects.list",
)
"""Permissions planning needs beside those of the kinds."""
_MANAGER = "//cloudresourcemanager.googleapis.com/"
_PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"
_ABOVE = ("cloudresourcemanager.googleapis.com/Folder", "cloudresourcemanager.googleapis.com/Organization")
_TOO_LONG = 414
"""HTTP status of an address that names more types than the server takes."""
_READ_ONLY = "https://www.googleapis.com/auth/cloud-platform.read-only"
_KEY = re.compile(
    r"(?:.*?/)?(projects/(?P<account>[^/]+)/locations/(?P<location>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+)"
)
_TYPE_HOSTS = {
    "bigtable.googleapis.com": "bigtableadmin.googleapis.com",
    "cloudsql.googleapis.com": "sqladmin.googleapis.com",
}
"""Services whose assets are named by one host and typed by another."""
_PLACE = re.compile(r"/(?:locations|zones|regions)/([^/]+)(?:/|\Z)")
_URL = re.compile(r"https?://(?:www\.)?(?P<host>[^/]+)/(?:(?P<service>[a-z]+)/)?[^/]*?/?(?P<path>projects/.+)")
_WORDS = re.compile(r"\{(\w+)\}")
_CALLED = re.compile(r"\A(?:GET|POST) \S+: ")
_UNREACHED = ("unreachable", "unreachables", "missingZones", "failedLocation")
_PERIMETER = ("SECURITY_POLICY_VIOLATED", "vpcServiceControlsUniqueIdentifier", "VPC_SERVICE_CONTROLS")
_CONSTRAINT = ("RESOURCE_USAGE_RESTRICTION_VIOLATED", "constraints/", "organization policy")


@dataclass(frozen=True, slots=True)
class GcpClients:
    """What the driver asks with. ``endpoint`` gives the address of a service's host, ``retry`` how to ask again."""

    organizations: Any
    folders: Any
    projects: Any
    assets: Any
    session: Any
    endpoint: Callable[[str], str]
    retry: Retry


def gcp_clients(
    *, endpoint: str | None = None, credentials: Any = None, pause: float = 1.0, patience: float = 120.0
) -> GcpClients:
    """Clients over REST.

    Parameters
    ----------
    endpoint
        Address of a server that answers for every service (``http://127.0.0.1:1234``), without credentials; a service's
        own list is asked under its host's name as first folder.
    credentials
        google-auth credentials; Application Default Credentials when left out.
    pause, patience
        Seconds before the first repetition of a throttled call, and in all.

    Raises
    ------
    CredentialsError
        When there are none.
    """
    import google.auth
    import google.auth.exceptions
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type
    from google.auth.credentials import AnonymousCredentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud import asset_v1, resourcemanager_v3

    if credentials is None and endpoint is not None:
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    if credentials is None:
        try:
            credentials, _ = google.auth.default(scopes=[_READ_ONLY])
        except google.auth.exceptions.DefaultCredentialsError as error:
            message = "no Google Cloud credentials; run `gcloud auth application-default login`, then again"
            raise CredentialsError(message) from error

    def client(kind: Any) -> Any:
        options: dict[str, Any] = {"credentials": credentials}
        if endpoint is not None:
            scheme, _, host = endpoint.partition("://")
            options |= {"host": host, "url_scheme": scheme}
        return kind(transport=kind.get_transport_class("rest")(**options))

    again = if_exception_type(
        exceptions.TooManyRequests, exceptions.ServiceUnavailable, exceptions.BadGateway, exceptions.GatewayTimeout
    )
    return GcpClients(
        organizations=client(resourcemanager_v3.OrganizationsClient),
        folders=client(resourcemanager_v3.FoldersClient),
        projects=client(resourcemanager_v3.ProjectsClient),
        assets=client(asset_v1.AssetServiceClient),
        session=AuthorizedSession(credentials),  # type: ignore[no-untyped-call]
        endpoint=lambda host: f"{endpoint}/{host}" if endpoint is not None else f"https://{host}",
        retry=Retry(predicate=again, initial=pause, maximum=pause * 30, timeout=patience),
    )


def trouble_of(error: Exception, asked_service: str = INVENTORY) -> Trouble:
    """How a unit ends after an error of Google's libraries.

    Parameters
    ----------
    error
        What was raised.
    asked_service
        Host name's first part of the service that was asked: only the store's own service can be ``disabled``.
    """
    from google.api_core import exceptions

    if isinstance(error, exceptions.RetryError) and isinstance(error.cause, Exception):
        error = error.cause
    text = _CALLED.sub("", " ".join(str(getattr(error, "message", error)).split()))[:500]
    if not isinstance(error, exceptions.GoogleAPICallError):
        return Trouble("failed", type(error).__name__, f"no usable answer: {text or type(error).__name__}")
    reasons = {str(item.get("reason", "")) for item in error.errors or () if isinstance(item, Mapping)}
    reason = str(error.reason or "") or next(iter(sorted(reasons - {""})), "") or str(error.code and int(error.code))
    everything = f"{reason} {' '.join(sorted(reasons))} {error}"
    if isinstance(error, exceptions.TooManyRequests) or reason in {"RATE_LIMIT_EXCEEDED", "rateLimitExceeded"}:
        return Trouble("throttled", reason, f"throttled: {text}; sweep again with fewer workers")
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        if reason in {"SERVICE_DISABLED", "accessNotConfigured"}:
            if asked_service == INVENTORY:
                return Trouble("failed", reason, f"the Cloud Asset API is not enabled, enable it: {text}")
            return Trouble("disabled", reason, f"{asked_service} is not enabled: {text}")
        if any(mark in everything for mark in _PERIMETER):
            return Trouble("denied", "VPC_SERVICE_CONTROLS", f"a service perimeter hides what is there: {text}")
        if any(mark in everything for mark in _CONSTRAINT):
            return Trouble("denied", "ORG_POLICY", f"an organisation policy refuses the question: {text}")
        return Trouble("denied", reason, f"denied: {text}")
    return Trouble("failed", reason, f"no usable answer: {text}")


@dataclass(frozen=True, slots=True, order=True)
class Project:
    """A project with its two names and its place in the hierarchy."""

    id: str
    number: str
    parent: str
    organisation: str
    state: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The hierarchy as far as it was seen; ``refused`` are the places that were not let in."""

    organisations: tuple[str, ...]
    domains: frozenset[str]
    projects: tuple[Project, ...]
    refused: tuple[tuple[str, Trouble, str], ...]

    def scope(self) -> Scope:
        """Whose identities are the organisation's own."""
        names = {name for project in self.projects for name in (project.id, project.number)}
        complete = bool(self.organisations) and not self.refused
        return Scope(accounts=frozenset(names), domains=self.domains, complete=complete)


@dataclass(slots=True)
class _Inventory:
    """Assets by type, and which types came short."""

    assets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    calls: int = 0


@dataclass(slots=True)
class GcpDriver:
    """Google Cloud under one set of credentials.

    Parameters
    ----------
    clients, kinds, catalogue
        What to ask with, what to look for, what the names of places mean.
    now
        The clock.
    organisation
        ``organizations/123``: this one only. All that can be seen when left out.
    wanted
        Project ids: these only.
    whole
        Ask the inventory for a whole organisation at once.
    """

    clients: GcpClients
    kinds: Mapping[str, Kind]
    catalogue: Providers
    now: Callable[[], dt.datetime]
    organisation: str | None = None
    wanted: tuple[str, ...] = ()
    whole: bool = True
    _tree: Tree | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def provider(self) -> str:
        """Catalogue id."""
        return PROVIDER

    def tree(self) -> Tree:
        """The hierarchy, asked for once."""
        with self._lock:
            if self._tree is None:
                self._tree = _Walk(self.clients, self.organisation, self.wanted).tree()
            return self._tree

    def known(self) -> Tree:
        """The hierarchy."""
        return self.tree()

    def recall(self, known: Tree) -> None:
        """Take over the hierarchy."""
        self._tree = known

    def plan(self) -> Plan:
        """One job for an organisation, or one for each project; refused places end here with all their units."""
        tree = self.tree()
        moment = self.now()
        jobs: list[Job] = []
        gaps: list[Gap] = []
        units: list[Unit] = []
        open_ = [project for project in tree.projects if project.state == "ACTIVE"]
        whole = self.whole and not self.wanted
        single = sum(not kind.list_.asset_type for kind in self.kinds.values())
        for organisation in tree.organisations if whole else ():
            accounts = [organisation, *(item.id for item in open_ if item.organisation == organisation)]
            keys = tuple(sorted(key for account in accounts for key in self._keys(account)))
            estimated = 3 + single * (len(accounts) - 1)
            jobs.append(Job(f"{PROVIDER}/{organisation}", keys, estimated_calls=estimated))
        covered = set(tree.organisations) if whole else set()
        for project in open_:
            if project.organisation not in covered:
                jobs.append(Job(f"{PROVIDER}/projects/{project.id}", tuple(self._keys(project.id)), 3 + single))
        closed = [
            (
                project.id,
                Trouble(
                    "skipped", project.state, f"project {project.id} is {project.state}: content may still be kept"
                ),
                "cloudresourcemanager.ListProjects",
            )
            for project in tree.projects
            if project.state != "ACTIVE"
        ]
        asked = {key.account for job in jobs for key in job.units}
        for account, trouble, call in (*tree.refused, *closed):
            gaps.append(place_gap(PROVIDER, account, "*", call, moment, trouble, "scope"))
            if account not in asked:  # one row for every unit, however often its place refused
                asked.add(account)
                units += [unit_of(key, 0, trouble, 0, moment, moment) for key in self._keys(account)]
        notes = () if tree.organisations else ("no organisation was visible: other projects may exist",)
        return Plan(tuple(sorted(jobs)), tuple(gaps), tuple(units), notes)

    def run(self, job: Job) -> Rows:
        """Answer every unit of the job."""
        started = self.now()
        place = job.name.removeprefix(f"{PROVIDER}/")
        wanted = {key.kind: self.kinds[key.kind] for key in job.units}
        rows = Rows()
        found = self._ask(place, wanted, rows)
        calls = found.calls
        accounts = sorted({key.account for key in job.units})
        parts = dict.fromkeys(accounts, found)
        if place.startswith("organizations/") and found.troubles and not any(found.assets.values()):
            # the organisation as a whole is not ours to ask: each project may be
            for account in accounts:
                if account != place:
                    parts[account] = self._ask(f"projects/{account}", wanted, rows)
                    calls += parts[account].calls
        owner = {project.number: project.id for project in self.tree().projects}
        scope = self.tree().scope()
        known = set(accounts)
        inventories = {id(listed): listed for listed in parts.values()}
        grouped = {mark: _by_account(listed, owner, known, place) for mark, listed in inventories.items()}
        asked = {kind.list_.asset_type for kind in wanted.values()}
        for key in sorted(job.units):
            kind = wanted[key.kind]
            asset_type = kind.list_.asset_type or ""
            listed = parts[key.account]
            assets = grouped[id(listed)]
            trouble = listed.troubles.get(asset_type)
            mine = assets.get((key.account, asset_type), [])
            call = f"cloudasset.ListAssets {place} {asset_type}"
            user = kind.list_.args.get("used_by", "")
            unused = user in asked and user not in listed.troubles and (key.account, user) not in assets
            own = asks_service(kind) and key.account != place and not unused
            if own and (not asset_type or (trouble is not None and trouble.hides and not mine)):
                more, trouble, count = self._ask_service(kind, key.account, trouble)
                mine, calls = [*mine, *more], calls + count
                if more or not asset_type:
                    call = f"{(kind.list_.path or '').split('?')[0]} {key.account}"
            part, count = self._stores(kind, key, mine, call, scope, started)
            rows.extend(part)
            rows.add(*listing_gaps(key, trouble, call, started))
            rows.add(unit_of(key, len(part["stores"]), trouble, calls + count, started, self.now()))
            calls = 0  # the shared calls count once, with the first unit
        return rows

    def _keys(self, account: str) -> Iterator[UnitKey]:
        return (UnitKey(PROVIDER, account, REGION, kind) for kind in sorted(self.kinds))

    def _ask(self, place: str, wanted: Mapping[str, Kind], rows: Rows) -> _Inventory:
        """All assets of a place, with their IAM and organisation policies merged in."""
        types = sorted({kind.list_.asset_type for kind in wanted.values() if kind.list_.asset_type})
        found = self._list(place, types, "RESOURCE")
        if set(types) == set(found.troubles) and not any(found.assets.values()):
            return found
        for into, content in (("iam", "IAM_POLICY"), ("orgPolicy", "ORG_POLICY")):
            some = sorted(
                {
                    kind.list_.asset_type
                    for kind in wanted.values()
                    if kind.list_.asset_type and any(_asks(call, content) for call in kind.detail)
                }
            )
            if not some:
                continue
            policies = self._list(place, some, content)
            found.calls += policies.calls
            _merge(found, policies, into)
        _inherit(found)
        return found

    def _list(self, place: str, types: Sequence[str], content: str) -> _Inventory:
        from google.api_core.exceptions import BadRequest

        found = _Inventory()
        request = {"parent": place, "asset_types": list(types), "content_type": content, "page_size": PAGE}
        with boundary() as caught:
            found.calls += 1
            pages = self.clients.assets.list_assets(request=request, retry=self.clients.retry).pages
            for number, page in enumerate(pages):
                found.calls += bool(number)
                for asset in page.assets:
                    plain = _plain(asset)
                    found.assets.setdefault(plain["assetType"], []).append(plain)
        split: list[Sequence[str]] = []
        if isinstance(caught.error, BadRequest) and len(types) > 1:
            split = [[one] for one in types]  # one type the inventory refuses must not cost the others
        elif getattr(caught.error, "code", None) == _TOO_LONG and len(types) > 1:
            split = [types[: len(types) // 2], types[len(types) // 2 :]]
        if split:
            for some in split:
                part = self._list(place, some, content)
                found.calls += part.calls
                found.troubles |= part.troubles
                found.assets |= part.assets
        elif caught.error is not None:
            found.troubles |= dict.fromkeys(types, trouble_of(caught.error))
        return found

    def _ask_service(
        self, kind: Kind, account: str, before: Trouble | None
    ) -> tuple[list[dict[str, Any]], Trouble | None, int]:
        """The service's own list, where the inventory refused or does not know the kind; its policies stay unknown."""
        host, _, path = (kind.list_.path or "").replace("{project}", account).partition("/")
        url, _, query = f"/{path}".partition("?")
        parameters = dict(parse_qsl(query))
        found: list[dict[str, Any]] = []
        short: Trouble | None = None
        calls = 0
        failed = {}
        if before is not None:
            failed["iam"] = Failure(before.cause, before.message, "cloudasset.ListAssets IAM_POLICY", ("grants",))
        with boundary() as caught:
            while True:
                calls += 1
                body = self._get(host, url, parameters)
                found += [{**asset, "_failed": {**asset["_failed"], **failed}} for asset in wrap(kind, body, account)]
                short = short or short_of(kind, body)
                token = body.get("nextPageToken") if isinstance(body, dict) else None
                if not token:
                    return found, short, calls
                parameters = {**parameters, "pageToken": token}
        if caught.error is None:
            return found, None, calls
        trouble = trouble_of(caught.error, host.split(".")[0])
        if trouble.code in {"404", "NOT_FOUND", "notFound"} and kind.list_.items == "@":
            return found, None, calls
        return found, trouble, calls

    def _get(self, host: str, path: str, parameters: Mapping[str, str]) -> Any:
        from google.api_core import exceptions

        def once() -> Any:
            response = self.clients.session.get(f"{self.clients.endpoint(host)}{path}", params=parameters, timeout=60)
            if response.status_code >= 400:
                raise exceptions.from_http_response(response)  # type: ignore[no-untyped-call]
            return response.json()

        return self.clients.retry(once)()

    def _stores(
        self, kind: Kind, key: UnitKey, assets: Iterable[dict[str, Any]], call: str, scope: Scope, moment: dt.datetime
    ) -> tuple[Rows, int]:
        rows, calls = Rows(), 0
        for asset in assets:
            record, count = self._record(kind, asset, call)
            calls += count
            account = _foreign(asset, key) or key.account
            asked = Asked(PROVIDER, account, REGION, key.kind, PROVIDER, moment, scope, pair_in(self.catalogue))
            rows.extend(read_assets(map_record(kind, record, asked), self.catalogue))
        return rows, calls

    def _record(self, kind: Kind, asset: dict[str, Any], call: str) -> tuple[Record, int]:
        failed = dict(asset.get("_failed", {}))
        record = Record({name: value for name, value in asset.items() if name != "_failed"}, call, failed)
        calls = 0
        for detail in kind.detail:
            if detail.service == INVENTORY or not detail.into or (detail.when and not search(detail.when, record.data)):
                continue
            values = {
                name: search(value[1:] or "@", record.data) if str(value).startswith("@") else value
                for name, value in detail.args.items()
            }
            name = f"{detail.service} {detail.operation}"
            missing = sorted(name for name, value in values.items() if not isinstance(value, str) or not value)
            if missing:
                message = f"cannot ask {name}: the item has no {', '.join(missing)}"
                failed[detail.into] = Failure("malformed", message, name, tuple(detail.gives))
                continue
            calls += 1
            with boundary() as caught:
                record.data[detail.into] = self._get(detail.service or "", (detail.path or "").format(**values), {})
            if caught.error is not None:
                trouble = trouble_of(caught.error, (detail.service or "").split(".")[0])
                if trouble.code in detail.absent:
                    record.data[detail.into] = None
                else:
                    failed[detail.into] = Failure(trouble.cause, trouble.message, name, tuple(detail.gives))
        return record, calls


@dataclass(slots=True)
class _Walk:
    """Down the hierarchy, noting every place that refuses."""

    clients: GcpClients
    organisation: str | None
    wanted: tuple[str, ...]
    projects: dict[str, Project] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, Trouble, str]] = field(default_factory=list)

    def tree(self) -> Tree:
        if self.wanted:
            for name in self.wanted:
                for item in self._all("GetProject", name, partial(self._one, f"projects/{name}")):
                    self._keep(item, "")
            return Tree((), frozenset(), self._sorted(), tuple(self.refused))
        organisations = self._organisations()
        for name in sorted(organisations):
            self._down(name, name)
        if self.organisation is None:
            search_all = self.clients.projects.search_projects
            for item in self._all("SearchProjects", "projects", lambda: search_all(retry=self.clients.retry)):
                self._keep(item, self.places.get(item.parent, ""))  # of an organisation only where its place was seen
        domains = frozenset(domain for domain in organisations.values() if "." in domain)
        return Tree(tuple(sorted(organisations)), domains, self._sorted(), tuple(self.refused))

    def _one(self, name: str) -> list[Any]:
        return [self.clients.projects.get_project(name=name, retry=self.clients.retry)]

    def _organisations(self) -> dict[str, str]:
        client, retry = self.clients.organizations, self.clients.retry
        if self.organisation is not None:
            name = self.organisation
            found = list(self._all("GetOrganization", name, lambda: [client.get_organization(name=name, retry=retry)]))
            return {item.name: item.display_name for item in found} or {name: ""}
        found = list(
            self._all("SearchOrganizations", "organizations", lambda: client.search_organizations(retry=retry))
        )
        return {item.name: item.display_name for item in found}

    def _down(self, parent: str, organisation: str) -> None:
        retry = self.clients.retry
        self.places[parent] = organisation
        request = {"parent": parent, "show_deleted": True}
        for item in self._all(
            "ListProjects", parent, lambda: self.clients.projects.list_projects(request=request, retry=retry)
        ):
            self._keep(item, organisation)
        below = list(
            self._all("ListFolders", parent, lambda: self.clients.folders.list_folders(parent=parent, retry=retry))
        )
        for folder in below:
            self._down(folder.name, organisation)

    def _keep(self, item: Any, organisation: str) -> None:
        number = item.name.removeprefix("projects/")
        known = self.projects.get(number)
        if known is None or (organisation and not known.organisation):
            self.projects[number] = Project(item.project_id, number, item.parent, organisation, item.state.name)

    def _sorted(self) -> tuple[Project, ...]:
        return tuple(sorted(self.projects.values()))

    def _all(self, operation: str, place: str, ask: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        with boundary() as caught:
            yield from ask()
        if caught.error is not None:
            trouble = trouble_of(caught.error, "cloudresourcemanager")
            if trouble.status == "disabled":
                trouble = Trouble("failed", trouble.code, f"the Resource Manager API is not enabled: {trouble.message}")
            note = replace(trouble, message=f"{place}: {trouble.message}")
            self.refused.append((place, note, f"cloudresourcemanager.{operation}"))


def asks_service(kind: Kind) -> bool:
    """Whether the service's own list answers for all places of a project at once, so that a sweep may ask it."""
    return _WORDS.findall(kind.list_.path or "") == ["project"]


def wrap(kind: Kind, body: Any, account: str = "", parent: str = "", location: str = "") -> list[dict[str, Any]]:
    """Items of a service's own list in the inventory's form, so that one set of rules reads both.

    Parameters
    ----------
    kind, body
        Whose list it is, and the answer.
    account, parent, location
        What the address said: the project, the place the list belongs to (``folders/1``), the location.
    """
    found = search(kind.list_.items or "@", body)
    items = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    naming = str(kind.list_.args.get("name", "@name")).removeprefix("@")
    context = {"account": account, "parent": parent or f"projects/{account}", "location": location}
    call = f"{(kind.list_.path or '').partition('/')[0]} list"
    short = {LISTED: Failure("skipped", "the service's own list leaves it out", call, tuple(kind.list_.omits))}
    wrapped: list[dict[str, Any]] = []
    for item in items:
        name = search(naming, {**item, "ctx": context}) if isinstance(item, dict) else None
        name = name if isinstance(name, str) else ""
        place = _PLACE.search(name)
        wrapped.append(
            {
                "name": name,
                "assetType": kind.list_.asset_type,
                "ancestors": [],
                "resource": {
                    "data": item,
                    "location": place.group(1) if place else location,
                    "parent": name.rsplit("/", 2)[0] if name.count("/") > 4 else "",
                },
                "_failed": short if kind.list_.omits else {},
            }
        )
    return wrapped


def read_assets(rows: Rows, catalogue: Providers) -> Rows:
    """Rows with Google's names of places, targets and keys brought to one form."""
    return read_rows(rows, catalogue, PROVIDER, target=_target, key=_key)


def _plain(asset: Any) -> dict[str, Any]:
    """The asset as its JSON; a name without the leading slashes gets them."""
    plain: dict[str, Any] = type(asset).to_dict(asset, preserving_proto_field_name=False, use_integers_for_enums=False)
    return normal(plain)


def normal(asset: Mapping[str, Any]) -> dict[str, Any]:
    """One form for an asset of the API and of an export (``asset_type``, ``iam_policy``, a name without ``//``)."""
    name = as_text(asset.get("name"))
    name = name if name.startswith("//") or not name else f"//{name}"
    asset_type = as_text(asset.get("assetType")) or as_text(asset.get("asset_type"))
    if asset_type.startswith("google.") and (host := name[2:].partition("/")[0]):
        # the first exports: google.cloud.storage.Bucket
        asset_type = f"{_TYPE_HOSTS.get(host, host)}/{asset_type.rpartition('.')[2]}"
    result: dict[str, Any] = {
        "name": name,
        "assetType": asset_type,
        "ancestors": as_list(asset.get("ancestors")) or _path(asset.get("ancestryPath") or asset.get("ancestry_path")),
    }
    if resource := as_map(asset.get("resource")):
        place = _PLACE.search(name)  # older exports have no location beside the data
        result["resource"] = {**resource, "location": resource.get("location") or (place.group(1) if place else "")}
        data = resource.get("data")
        if isinstance(data, Mapping) and "storageLocation" in data:  # and name lists of Compute Engine in the singular
            result["resource"]["data"] = {"storageLocations": data["storageLocation"], **data}
    for into, names in (("iam", ("iamPolicy", "iam_policy")), ("orgPolicy", ("orgPolicy", "org_policy"))):
        value = next((asset[item] for item in names if asset.get(item)), None)
        if value is not None:
            result[into] = value
    return result


def _path(text: Any) -> list[str]:
    """Ancestors, nearest first, of a path from above (``organizations/1/folders/2/projects/p``, older: singular)."""
    parts = as_text(text).split("/")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return [f"{kind.removesuffix('s')}s/{name}" for kind, name in pairs if name][::-1]


def _merge(found: _Inventory, policies: _Inventory, into: str) -> None:
    by_name = {asset["name"]: asset for assets in policies.assets.values() for asset in assets}
    for asset_type, assets in found.assets.items():
        trouble = policies.troubles.get(asset_type)
        for asset in assets:
            other = by_name.pop(asset["name"], None)
            if other is not None and into in other:
                asset[into] = other[into]
            if trouble is not None:
                field_ = "grants" if into == "iam" else "labels"
                call = f"cloudasset.ListAssets {'IAM_POLICY' if into == 'iam' else 'ORG_POLICY'}"
                asset.setdefault("_failed", {})[into] = Failure(trouble.cause, trouble.message, call, (field_,))
    for asset in by_name.values():  # a policy without its resource: the store exists, its place is unknown
        found.assets.setdefault(asset["assetType"], []).append(asset)


def _inherit(found: _Inventory) -> None:
    """Give each project the bindings of the places above it: they reach whatever is in it."""
    places = {asset["name"].removeprefix(_MANAGER): asset for kind in _ABOVE for asset in found.assets.get(kind, ())}
    for asset in found.assets.get(_PROJECT_TYPE, ()):
        names = [name for name in _ancestors(asset) if not name.startswith("projects/")]
        above = {name: places.get(name, {}) for name in names}
        policies = [place.get("iam") or {} for place in above.values()]
        asset["above"] = [binding for policy in policies for binding in policy.get("bindings") or ()]
        unseen = [name for name, place in above.items() if not place or "iam" in place.get("_failed", {})]
        if unseen:
            message = f"who may reach it through {', '.join(unseen)} was not seen"
            note = Failure("skipped", message, "cloudasset.ListAssets IAM_POLICY", ("grants",))
            asset.setdefault("_failed", {})["above"] = note


def _asks(call: Call, content: str) -> bool:
    return call.service == INVENTORY and call.args.get("contentType") == content


def _ancestors(asset: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(item) for item in asset.get("ancestors") or ())


def _account(asset: Mapping[str, Any], owner: Mapping[str, str], accounts: set[str], place: str) -> str:
    """The unit's account an asset belongs to: its project where planned, else the place that was asked."""
    if place.startswith("projects/"):
        return place.removeprefix("projects/")
    for ancestor in _ancestors(asset):
        kind, _, number = ancestor.partition("/")
        if kind == "projects":
            name = owner.get(number, number)
            return name if name in accounts else place
    return place


def _by_account(
    found: _Inventory, owner: Mapping[str, str], accounts: set[str], place: str
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Assets by the account of their unit and their type."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for asset_type, assets in found.assets.items():
        for asset in assets:
            grouped.setdefault((_account(asset, owner, accounts, place), asset_type), []).append(asset)
    return grouped


def _foreign(asset: Mapping[str, Any], key: UnitKey) -> str:
    """The project of an asset that came with the organisation but was not in the hierarchy we saw."""
    if not key.account.startswith("organizations/"):
        return ""
    first = next(iter(_ancestors(asset)), "")
    return first if first.startswith("projects/") else ""


def short_of(kind: Kind, body: Any) -> Trouble | None:
    """Places a list over all locations could not reach (services say so under four names), or an unreadable list."""
    if not isinstance(body, dict):
        return Trouble("failed", "malformed", f"no usable answer: {str(body)[:80]!r} is not an object")
    if wrong := misshapen(kind.list_.items, body):
        return Trouble("failed", "malformed", f"no usable answer: {wrong}")
    missed = [place for name in _UNREACHED for place in as_list(body.get(name))]
    scopes = as_map(body.get("items")).items()
    missed += [name for name, scope in scopes if as_map(as_map(scope).get("warning")).get("code") == "UNREACHABLE"]
    if missed:
        places = ", ".join(str(item) for item in missed)[:300]
        return Trouble("failed", "unreachable", f"the service could not reach: {places}")
    return None


def _target(text: str) -> str:
    """A receiving store's identifier; Compute Engine gives addresses instead of names."""
    if match := _URL.fullmatch(text):
        host = match["host"] if match["host"] != "googleapis.com" else f"{match['service'] or 'compute'}.googleapis.com"
        return f"//{host}/{match['path']}"
    return text


def _key(key: Key) -> Key:
    """A key's identifier as its own store's, with the place and project it names."""
    match = _KEY.match(key.key_id)
    if match is None:
        return key
    return replace(
        key,
        key_id=f"//cloudkms.googleapis.com/{match.group(1)}",
        key_location=key.key_location or match["location"],
        key_account=key.key_account or match["account"],
    )
