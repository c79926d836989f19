"""Recorded or exported answers of Google Cloud, read through the same rules as live ones.

Shapes: assets of the Cloud Asset Inventory (an export, a list, a search, a history, an analysis of policies), one
answer with its headers (``{"headers", "body"}``), a log of requests (``[{"request", "status", "body"}]``, or as text
with ``---`` between them), and a list of resources as a command prints them. A service's own list is brought to the
inventory's form by the kind's ``list.path``, ``items`` and ``args.name``. What no kind reads is counted and named,
never dropped in silence.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from residency.collect.gcp import PROVIDER, REGION, normal, read_assets, short_of, trouble_of, wrap
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, map_record, search
from residency.collect.places import Trouble, as_list, as_map, as_text, origin_of, pair_in, place_gap, unread_gaps
from residency.collect.spec import LISTED, Call, Kind
from residency.errors import InputError
from residency.inventory.tables import Label, Rows
from residency.providers import Providers

__all__ = ["GcpAnswers", "read_gcp_answers"]

_POLICY_TYPE = "orgpolicy.googleapis.com/Policy"
_UNKNOWN = "unknown"
_VERSION = "(?:v[0-9]+[a-z0-9]*|alpha|beta)"
_FRONT = re.compile(rf"\A(?!projects[/-])(?:[a-z0-9.]+[/-])*?{_VERSION}[/-]")
"""What stands before the name of a resource in an address."""
_PARENT = re.compile(r"(?:\A|/)((?:projects|folders|organizations|billingAccounts)/[^/]+)")
_PROJECT = re.compile(r"(?:\A|/)(?:projects|apps)/([^/]+)")
_PLACE = re.compile(r"/(?:locations|regions|zones)/([^/]+)")
_POLICY = re.compile(r"[/-](?:getIamPolicy|iam)\Z")
_FLAT_PROJECT = re.compile(r"(?:.*-)?projects-(.+)")
_ASKS = re.compile(r":(?:get|list|search|analyze|batchGet|query|aggregated)")
_ACL = re.compile(r"(?:\A|[/-])b[/-](.+)[/-](acl|defaultObjectAcl)(?:[/-][^/]*)?\Z")
"""Access control lists of a bucket, or one entry of them."""
_LOGGED = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|GRPC) \S")
_STATUS_LINE = re.compile(r"^(?:[1-5][0-9]{2} .*|OK|error: .*)$", re.MULTILINE)
_RPC_METHOD = re.compile(r"/google\.([a-z0-9_.]+?)\.(v[0-9][a-z0-9]*)\.[A-Za-z]+/(List|Get)([A-Za-z]*)\Z")
_RPC_HOST = ".rpc"
_RPC_ERROR = re.compile(r"\bcode = ([A-Za-z]+)")
_RPC_STATUS = {"NotFound": 404, "PermissionDenied": 403, "Unauthenticated": 401, "ResourceExhausted": 429}
_LINK = re.compile(r"https://[a-z0-9.-]+\.googleapis\.com(?::[0-9]+)?/")
_COMMON = "www.googleapis.com"
_OLD_PATH = re.compile(rf"/([a-z]+)(/{_VERSION}/projects/.*)")
_GONE = 404
_LONGEST = 255
_HIT = "a search hit says neither where copies are nor who holds the key"


@dataclass(slots=True)
class GcpAnswers:
    """Assets by kind, refusals by kind, bodies by address, access control lists by bucket (their entries by entity),
    pages by kind and address (whether a further one was named), and what no kind reads (how many, and what it was)."""

    assets: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    pages: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    unread_of: Counter[str] = field(default_factory=Counter)

    @property
    def unread(self) -> int:
        """How many answers and assets no kind reads."""
        return self.unread_of.total()

    def rows(
        self, kinds: Mapping[str, Kind], catalogue: Providers, *, account: str, seen_at: dt.datetime, scope: Scope
    ) -> Rows:
        """Everything read, mapped; a gap for every refused list and for whatever no kind reads."""
        rows = Rows()
        pair_of = pair_in(catalogue)
        for name, record in self.records(kinds):
            owner = _owner(record.data, account)
            part = map_record(
                kinds[name], record, Asked(PROVIDER, owner, REGION, name, PROVIDER, seen_at, scope, pair_of)
            )
            rows.extend(_with_hit(part, record.data.get("hit") or {}))
        for name, trouble in sorted(self.troubles.items()):
            if trouble.hides:
                call = (kinds[name].list_.path or name).split("?")[0]
                rows.add(place_gap(PROVIDER, account, name, call, seen_at, trouble))
        for (name, address), further in sorted(self.pages.items()):
            if all(further):
                trouble = Trouble("skipped", "page", f"the recording ends before the last page of {address}")
                rows.add(place_gap(PROVIDER, account, name, address, seen_at, trouble))
        rows.add(*unread_gaps(PROVIDER, account, self.unread_of, seen_at))
        return read_assets(rows, catalogue)

    def records(self, kinds: Mapping[str, Kind] | None = None) -> Iterator[tuple[str, Record]]:
        """Every asset as its kind's rules see it, with the recorded answers to the kind's further questions."""
        for name, assets in sorted(self.assets.items()):
            for asset in assets.values():
                failed = dict(asset.get("_failed", {}))
                data = {key: value for key, value in asset.items() if key != "_failed"}
                if lists := self.lists.get(asset["name"]):
                    resource = as_map(data.get("resource"))
                    said = {into: list(entries.values()) for into, entries in lists.items()}
                    data["resource"] = {**resource, "data": {**as_map(resource.get("data")), **said}}
                record = Record(data, "recorded answer", failed)
                for detail in (kinds or {})[name].detail if kinds else ():
                    self._detail(detail, record)
                yield name, record

    def take(self, url: str, status: int, body: Any, kinds: Mapping[str, Kind], account: str = "") -> None:
        """Read one more answer; an empty address for assets in the inventory's own form."""
        _Reader(self, kinds, account).read(url, status, body)

    def _detail(self, detail: Call, record: Record) -> None:
        if not detail.path or not detail.into or (detail.when and not search(detail.when, record.data)):
            return
        values = {key: search(str(value)[1:] or "@", record.data) for key, value in detail.args.items()}
        body = self.bodies.get(_flat(detail.path.format(**values)))
        if body is not None:
            record.data[detail.into] = body
        else:
            call = f"{detail.service} {detail.operation}"
            message = f"the recording has no answer of {call}"
            record.failed[detail.into] = Failure("skipped", message, call, tuple(detail.gives))


def read_gcp_answers(paths: list[Path], kinds: Mapping[str, Kind], *, account: str = "") -> GcpAnswers:
    """Read files of any of the shapes.

    Raises
    ------
    InputError
        When a file is neither JSON nor one object of JSON a line nor a log of requests.
    """
    found = GcpAnswers()
    for path in paths:
        for content in _contents(path):
            for url, status, body in _answers(content, path):
                found.take(url, status, body, kinds, account)
    return found


def _contents(path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8-sig")
        try:
            return [json.loads(text)]
        except ValueError:
            if _LOGGED.match(text):
                return [[_logged(part) for part in re.split(r"^---$", text, flags=re.MULTILINE) if part.strip()]]
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            return [[json.loads(line) for line in lines]]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a recorded answer: {error}") from error


def _logged(part: str) -> dict[str, Any]:
    """One request of a log in text: the request, its headers and body, the status line, headers and body."""
    request, _, rest = part.strip().partition("\n")
    found = _STATUS_LINE.search(rest)
    if found is None:
        return {"request": request, "status": 0, "body": None}
    asked, answered = f"\n{rest[: found.start()]}", rest[found.end() :]
    return {
        "request": request,
        "request_body": _json_after_headers(asked),
        "status": found.group(),
        "body": _json_after_headers(answered),
    }


def _json_after_headers(text: str) -> Any:
    body = text.partition("\n\n")[2].strip()
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return body


def _rpc(item: Mapping[str, Any]) -> tuple[str, int, Any] | None:
    """A call by gRPC as the address it would have by HTTP; None: no reading."""
    method = _RPC_METHOD.search(str(item.get("request")).partition(" ")[2].strip())
    if method is None:
        return None
    package, version, verb, noun = method.groups()
    asked, body = as_map(item.get("request_body")), item.get("body")
    if noun == "IamPolicy":
        name = f"{as_text(asked.get('resource'))}:getIamPolicy"
    elif verb == "List":
        name = f"{as_text(asked.get('parent') or asked.get('project'))}/{noun[:1].lower()}{noun[1:]}"
    else:
        name = as_text(asked.get("name")) or as_text(as_map(body).get("name"))
    error = str(item.get("status"))
    code = _RPC_ERROR.search(error)
    status = _RPC_STATUS.get(code.group(1), 500) if code else 500 if error.startswith("error") else 200
    told = {"error": {"code": status, "message": error, "status": code.group(1) if code else ""}}
    host = re.sub(r"[^a-z0-9]", "", package)
    return f"//{host}{_RPC_HOST}/{version}/{name}", status, body if status < 400 else told


def _answers(content: Any, path: Path) -> Iterator[tuple[str, int, Any]]:
    """(address, status, body); an empty address for an inventory export."""
    if isinstance(content, dict) and "body" in content:
        headers = as_map(content.get("headers"))
        if re.match(r"(?:patch|put|delete)-", path.stem):
            return  # a change, not a reading
        # the recording's own file name stands in for an address it did not keep
        name = re.sub(r"\A(?:get|post)-|_[0-9]+\Z", "", path.stem)
        host = re.match(r"([a-z0-9.-]+?\.googleapis\.com)-", name)
        flat = f"//{host.group(1)}.{_UNKNOWN}/{name[host.end() :]}" if host else f"//{_UNKNOWN}/{name}"
        url = str(headers.get("content-location") or flat)
        yield url, _status(headers.get("status") or 200), content["body"]
    elif isinstance(content, list) and content and isinstance(content[0], dict) and "request" in content[0]:
        for item in map(as_map, content):
            method, _, url = str(item.get("request")).partition(" ")
            if method == "GRPC" and (found := _rpc(item)):
                yield found
            elif method == "GET" or (method == "POST" and _ASKS.search(url)):
                yield url.split()[0] if url else "", _status(item.get("status") or 0), item.get("body")
    else:
        yield "", 200, content


def _status(value: Any) -> int:
    first = str(value).split()[0]
    return int(first) if first.isdigit() else 0


@dataclass(frozen=True, slots=True)
class _Reader:
    """Puts one answer where it belongs."""

    found: GcpAnswers
    kinds: Mapping[str, Kind]
    account: str

    def read(self, url: str, status: int, body: Any) -> None:
        if status < 400 and self._assets(body, url):
            return
        if not url:
            self._resources(body)
            return
        parts = urlsplit(url)
        host = parts.hostname or ""
        path = unquote(parts.path)
        if host == _COMMON and (old := _OLD_PATH.fullmatch(path)) and not self._known(path, host):
            named = f"{old.group(1)}{_RPC_HOST}", old.group(2)  # the service before the version, as of old
            host, path = named if self._known(named[1], named[0]) else (host, path)
        address = _aggregated(path.strip("/").replace(":", "/"), host)
        if "/operations/" in address:
            return  # how a change went: no store
        if status < 400:
            self._remember(address, body)
            if (acl := _ACL.search(address)) and self._acl(acl.group(1), acl.group(2), body):
                return
            if _POLICY.search(address) and isinstance(body, dict) and self._grants(address, host, body):
                return
        told = not _flattened(host) or len(address) <= _LONGEST  # a name that long is no file's, and costly to try
        if not (told and self._list(address, host, status, body)):
            self.found.unread_of[f"{host}/{address}".removeprefix(f"{_UNKNOWN}/")[:_LONGEST]] += 1

    def _known(self, path: str, host: str) -> bool:
        address = _aggregated(path.strip("/").replace(":", "/"), host)
        return any(_many(kind, address, host) or _one(kind, address, host) for kind in self.kinds.values())

    def _assets(self, body: Any, url: str) -> bool:
        """Assets in any of the inventory's own forms."""
        if isinstance(body, list):
            items: Any = body
        elif isinstance(body, dict):
            fields = ("assets", "results", "orgPolicyResults", "governedContainers", "policies", "resources")
            items = next((body[name] for name in fields if isinstance(body.get(name), list)), None)
        else:
            items = None
        made = [_asset(item, _parent_of(url)) for item in items or () if isinstance(item, dict)]
        if not any(asset is None or asset["assetType"] for asset in made):
            return False
        self._page("", urlsplit(url).path.strip("/") or "a list of assets", body)
        by_type = {kind.list_.asset_type: name for name, kind in self.kinds.items() if kind.list_.asset_type}
        for asset in made:
            if asset is not None:
                self._keep(by_type.get(asset["assetType"]), asset, asset["assetType"] or "an asset without a type")
        return True

    def _resources(self, body: Any) -> None:
        """Resources as a command prints them: each says itself where it stands, or nothing can be said of it."""
        for item in map(_spelt, body if isinstance(body, list) else [body]):
            links = [str(item.get(key)) for key in ("selfLink", "link")] if isinstance(item, dict) else []
            link = next(filter(_LINK.match, links), None)
            name = item.get("name") if isinstance(item, dict) else None
            if link is not None:
                self.read(link, 200, item)
            elif isinstance(name, str) and name.count("/") > 1:
                self.read(f"//{_UNKNOWN}/v1-{name.replace('/', '-')}", 200, item)
            elif isinstance(item, dict) and (lists := [one for one in item.values() if isinstance(one, list) and one]):
                self._resources([one for found in lists for one in found if isinstance(one, dict)])
            else:
                self.found.unread_of["a form that is not known"] += 1

    def _remember(self, address: str, body: Any) -> None:
        """Answers by their address, for questions about an item; those of a list by their own names too."""
        self.found.bodies[_flat(address)] = body
        for items in body.values() if isinstance(body, dict) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and str(item.get("name", "")).startswith("projects/"):
                    self.found.bodies.setdefault(_flat(item["name"]), item)

    def _grants(self, address: str, host: str, body: Mapping[str, Any]) -> bool:
        """An IAM policy, with the store it is of."""
        resource = _POLICY.sub("", address)
        if _flattened(host):
            plain, bucket = _FLAT_PROJECT.match(resource), re.fullmatch(r"(?:.*-)?b-(.+)", resource)
            if plain:
                name, made = "gcp.cloudresourcemanager.project", f"projects/{plain.group(1)}"
            elif bucket:
                name, made = "gcp.storage.bucket", bucket.group(1)
            else:
                return False
        else:
            one = next((item for item in self.kinds if _one(self.kinds[item], resource, host)), None)
            tail = _FRONT.sub("", resource)
            if one is None:
                return False
            name, made = one, tail.removeprefix("b/") if one == "gcp.storage.bucket" else tail
        if name not in self.kinds:
            return False
        prefix = _prefix(self.kinds[name])
        asset: dict[str, Any] = {
            "name": f"{prefix}{made}",
            "assetType": self.kinds[name].list_.asset_type,
            "ancestors": [],
        }
        self._keep(name, {**asset, "iam": dict(body)}, name)
        return True

    def _page(self, name: str, address: str, body: Any) -> None:
        if isinstance(body, dict):
            self.found.pages.setdefault((name, address), []).append(bool(body.get("nextPageToken")))

    def _acl(self, bucket: str, into: str, body: Any) -> bool:
        """Entries of a bucket's access control list, or one of them."""
        entries = as_list(body.get("items")) if isinstance(body, dict) else []
        entries = entries or ([body] if isinstance(body, dict) and "entity" in body else [])
        if not (entries or (isinstance(body, dict) and str(body.get("kind", "")).endswith("AccessControls"))):
            return False
        name, store = "gcp.storage.bucket", f"//storage.googleapis.com/{bucket}"
        if name not in self.kinds:
            return False
        known = self.found.lists.setdefault(store, {}).setdefault(into, {})
        known.update({str(as_map(one).get("entity")): one for one in entries})
        self._keep(name, {"name": store, "assetType": self.kinds[name].list_.asset_type, "ancestors": []}, name)
        return True

    def _list(self, address: str, host: str, status: int, body: Any) -> bool:
        """A service's own list, or one resource of it."""
        account, parent, location = _where(address, host, self.account)
        if status >= 400:
            return self._refusal(address, host, status, body)
        best: list[tuple[int, str, list[dict[str, Any]]]] = []
        short: dict[str, Trouble] = {}
        for name, kind in self.kinds.items():
            many, one = _many(kind, address, host), _one(kind, address, host)
            if not (many or one):
                continue
            if not many and "aggregated" in (kind.list_.path or ""):
                items = wrap(kind, _scoped(kind, [body]), account, parent, location)
            elif not many:
                single = kind.model_copy(update={"list_": kind.list_.model_copy(update={"items": "@", "omits": []})})
                items = wrap(single, body, account, parent, location)
                last = re.split(r"[-/]", address)[-1]
                items = [item for item in items if item["name"].endswith(last)]
                if not items:
                    continue
            else:
                items = wrap(kind, _scoped(kind, body), account, parent, location)
                if trouble := short_of(kind, _scoped(kind, body)):
                    short[name] = trouble
            best.append((sum(_fit(kind, item) for item in items[:1]), name, items))
        if _flattened(host) and len(best) > 1:
            top = max(fit for fit, _, _ in best)
            best = [item for item in best if item[0] == top]
            if len(best) > 1:
                return False  # several services answer like this
        for _, name, items in best:
            if name in short:
                self.found.troubles.setdefault(name, short[name])
            self._page(name, address, body)
            for asset in items:
                self._keep(name if asset["name"] else None, asset, f"an item of {name} without a name")
        return bool(best)

    def _refusal(self, address: str, host: str, status: int, body: Any) -> bool:
        """A list that did not come; a single resource that is not there says nothing of any list."""
        names = [name for name, kind in self.kinds.items() if _many(kind, address, host)]
        told = [name for name in names if _service(self.kinds[name]) in json.dumps(body)]
        for name in told or names:
            service = _service(self.kinds[name]).split(".")[0]
            self.found.troubles[name] = trouble_of(_error(status, body), service)
        return bool(names) or status == _GONE

    def _keep(self, kind: str | None, asset: dict[str, Any], what: str) -> None:
        if kind is None:
            self.found.unread_of[what] += 1
            return
        known = self.found.assets.setdefault(kind, {})
        before: dict[str, Any] = known.get(asset["name"], {})
        if before.get("resource", {}).get("data") and "hit" in asset:
            asset = {"name": asset["name"], "assetType": asset["assetType"]}  # a hit says less than what is known
        elif LISTED in asset.get("_failed", {}) and before.get("resource", {}).get("data"):
            return  # so does an item of a list that leaves things out
        elif asset.get("resource", {}).get("data"):
            before = {key: value for key, value in before.items() if key not in {"hit", "_failed"}}
        known[asset["name"]] = {**before, **asset}


def _spelt(item: Any) -> Any:
    """A resource with the API's names: some tools write ``kms_key``, and the whole name as ``id``."""
    if not isinstance(item, dict) or not any("_" in str(key) for key in item):
        return item
    made: dict[str, Any] = _camel(item)
    whole = made.get("id")
    if isinstance(whole, str) and whole.count("/") > 1 and whole.endswith(f"/{made.get('name')}"):
        made["name"] = whole
    return made


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda found: found.group(1).upper(), key)
        if isinstance(key, str)
        else key: (one if key in {"labels", "tags", "annotations"} else _camel(one))
        for key, one in value.items()
    }


def _asset(item: Mapping[str, Any], parent: str) -> dict[str, Any] | None:
    """An asset in one form: of an export, of a search, of a history, a policy of the organisation. None: deleted."""
    if isinstance(item.get("asset"), Mapping):
        return None if item.get("deleted") else _asset(item["asset"], parent)
    if isinstance(item.get("policy"), Mapping) and isinstance(item.get("resource"), str):
        asset_type = as_text(item.get("assetType"))
        return {"name": item["resource"], "assetType": asset_type, "ancestors": [], "iam": item["policy"]}
    if isinstance(item.get("consolidatedPolicy"), Mapping):
        policy = item["consolidatedPolicy"]
        return _policy(
            str(policy.get("attachedResource") or item.get("fullResourceName") or parent),
            str(item.get("constraint") or _constraint(item)),
            {"rules": as_list(policy.get("rules")), "inheritFromParent": policy.get("inheritFromParent")},
        )
    if "constraint" in item and not item.get("assetType"):
        return _policy(parent, str(item["constraint"]), _spec(item))
    asset = normal(item)
    if "resource" in asset or "iam" in asset or "orgPolicy" in asset or not asset["assetType"]:
        return asset
    versions = [one.get("resource") for one in as_list(item.get("versionedResources")) if isinstance(one, Mapping)]
    data = next((one for one in reversed(versions) if isinstance(one, Mapping)), None)
    project = item.get("project")
    made = {
        **asset,
        "ancestors": [str(project)] if project else asset["ancestors"],
        "resource": {
            "data": data or {},
            "location": item.get("location") or "",
            "parent": item.get("parentFullResourceName") or "",
        },
        "hit": dict(item),
    }
    fields = ("grants",) if data else ("placement", "key", "grants")
    made["_failed"] = {"": Failure("skipped", _HIT, "cloudasset.SearchAllResources", fields)}
    return made


def _policy(place: str, constraint: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A policy of the organisation as its own asset."""
    on = place.removeprefix("//cloudresourcemanager.googleapis.com/") or _UNKNOWN
    name = f"{on}/policies/{constraint.removeprefix('constraints/').rpartition('/policies/')[2]}"
    return {
        "name": f"//orgpolicy.googleapis.com/{name}",
        "assetType": _POLICY_TYPE,
        "ancestors": [on],
        "resource": {"data": {"name": name, "spec": dict(spec)}, "location": "global", "parent": ""},
    }


def _constraint(item: Mapping[str, Any]) -> str:
    first = as_map(next(iter(as_list(item.get("policyBundle"))), None))
    return str(first.get("constraint") or first.get("name") or _UNKNOWN)


def _spec(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy of the older API in the newer one's words."""
    listed = as_map(policy.get("listPolicy") or policy.get("list_policy"))
    boolean = as_map(policy.get("booleanPolicy") or policy.get("boolean_policy"))
    rule: dict[str, Any] = {}
    values = {
        key: found
        for key, old in (("allowedValues", "allowed_values"), ("deniedValues", "denied_values"))
        if (found := listed.get(key) or listed.get(old))
    }
    if values:
        rule["values"] = values
    every = str(listed.get("allValues") or listed.get("all_values") or "")
    rule |= {"allowAll": True} if every == "ALLOW" else {"denyAll": True} if every == "DENY" else {}
    rule |= {"enforce": True} if boolean.get("enforced") else {}
    return {"rules": [rule], "inheritFromParent": listed.get("inheritFromParent", listed.get("inherit_from_parent"))}


def _with_hit(rows: Rows, hit: Mapping[str, Any]) -> Rows:
    """What a search hit knows besides the place: labels, and the names of keys."""
    keys = as_list(hit.get("kmsKeys")) or ([hit["kmsKey"]] if hit.get("kmsKey") else [])
    for store in rows["stores"] if hit else ():
        origin = origin_of(store)
        known = {item.key for item in rows["labels"]}
        rows.add(
            *(
                Label(**origin, store_id=store.store_id, key=str(key), value=str(value))
                for key, value in as_map(hit.get("labels")).items()
                if str(key) not in known
            )
        )
    if keys:
        rows.tables["keys"] = [
            replace(item, custody="customer-managed", key_id=str(keys[0]), evidence="kmsKeys")
            if item.custody == "unknown"
            else item
            for item in rows["keys"]
        ]
    return rows


def _owner(asset: Mapping[str, Any], account: str) -> str:
    """The project (folder, organisation) the answer itself names; what was named on the command line comes second."""
    named = _PROJECT.search(str(asset.get("name") or ""))
    if named:
        return named.group(1)
    if account:
        return account
    resource = as_map(asset.get("resource"))
    parent = as_text(resource.get("parent")).removeprefix("//cloudresourcemanager.googleapis.com/")
    found = next(
        (one for text in (*map(str, as_list(asset.get("ancestors"))), parent) if (one := _PARENT.search(text))), None
    )
    number = as_map(resource.get("data")).get("projectNumber")  # what a bucket says of its project
    return found.group(1).removeprefix("projects/") if found else str(number or "")


# --- addresses --------------------------------------------------------------------------------------------------


def _parent_of(url: str) -> str:
    found = _PARENT.search(urlsplit(url).path.replace(":", "/"))
    if found is None and _UNKNOWN in url:
        flat = re.search(r"(projects|folders|organizations)-([^-]+)", url)
        return f"{flat.group(1)}/{flat.group(2)}" if flat else ""
    return found.group(1) if found else ""


def _flat(address: str) -> str:
    """An address without its version, as a file's name has it too."""
    return _FRONT.sub("", address.strip("/")).replace("/", "-")


def _where(address: str, host: str, account: str) -> tuple[str, str, str]:
    """(project, parent, location) an address names."""
    if _flattened(host):
        return account, "", ""
    project = _PROJECT.search(address) or re.search(r"organizations/([^/]+)", address)
    parent, place = _PARENT.search(address), _PLACE.search(address)
    location = place.group(1) if place and place.group(1) != "-" else ""
    return project.group(1) if project else account, parent.group(1) if parent else "", location


def _aggregated(address: str, host: str) -> str:
    """Lists of one zone or region of Compute Engine under the address of all of them."""
    if _flattened(host):
        return re.sub(r"-(?:zones|regions)-[a-z]+-[a-z]+[0-9]+(?:-[a-z])?-", "-aggregated-", address)
    if host not in {"compute.googleapis.com", "www.googleapis.com"}:
        return address
    return re.sub(r"/(?:zones|regions)/[^/]+/", "/aggregated/", address)


def _scoped(kind: Kind, body: Any) -> Any:
    """A list of one place as a list of all places has it."""
    path = kind.list_.path or ""
    if "/aggregated/" not in path:
        return body
    items = body if isinstance(body, list) else body.get("items") if isinstance(body, dict) else None
    return {"items": {"here": {path.rpartition("/")[2]: items}}} if isinstance(items, list) else body


@lru_cache(maxsize=512)
def _patterns(path: str, known: bool) -> tuple[str, re.Pattern[str]]:
    """(service, address of the list): versions, parents and places differ, the rest does not."""
    host, _, rest = path.split("?")[0].partition("/")
    service = re.sub(r"\{\w+\}-|\.googleapis\.com", "", host)
    rest = rest.replace(":", "/")
    tail = _FRONT.sub("", rest)
    front = re.sub(rf"{_VERSION}/\Z", "", rest.removesuffix(tail))
    ahead = f"(?:{re.escape(front)})?" if front else ""
    separator, part = ("/", "[^/]+") if known else ("-", ".+")
    steps: list[str] = []
    pieces = tail.split("/")
    for number, piece in enumerate(pieces):
        plain = part if piece == "-" or piece.startswith("{") else re.escape(piece)
        if number == 0 and piece == "projects" and len(pieces) > 2:
            plain = "(?:projects|folders|organizations|billingAccounts)"
        if number == 2 and piece not in {"locations", "regions", "aggregated", "global"} and pieces[0] == "projects":
            steps.append(f"(?:locations{separator}{part}{separator})?{plain}")
        else:
            steps.append(plain)
    return service, re.compile(f"{ahead.replace('/', separator)}{_VERSION}{separator}{separator.join(steps)}")


def _served(service: str, host: str) -> bool:
    """Whether a host answers for a service: its own, one of its regional ones, the common one of old."""
    if host.endswith(_RPC_HOST):
        return service in host
    name = re.escape(service)
    pattern = rf"(?:[a-z0-9-]+-)?{name}(?:\.[a-z0-9-]+\.rep|\.mtls)?\.googleapis\.com|www\.googleapis\.com"
    return host == _UNKNOWN or re.fullmatch(pattern, host.removesuffix(f".{_UNKNOWN}")) is not None


def _flattened(host: str) -> bool:
    """Whether the address is a file's name, with dashes for its slashes."""
    return host == _UNKNOWN or host.endswith(f".{_UNKNOWN}")


def _many(kind: Kind, address: str, host: str) -> bool:
    if not kind.list_.path:
        return False
    service, pattern = _patterns(kind.list_.path, not _flattened(host))
    return _served(service, host) and pattern.fullmatch(address) is not None


def _one(kind: Kind, address: str, host: str) -> bool:
    if not kind.list_.path:
        return False
    service, pattern = _patterns(kind.list_.path, not _flattened(host))
    more = "-.+" if _flattened(host) else "/[^/]+"
    return _served(service, host) and re.fullmatch(pattern.pattern + more, address) is not None


def _service(kind: Kind) -> str:
    """The host of the kind's service, without a region."""
    return re.sub(r"\{\w+\}-", "", (kind.list_.path or "").partition("/")[0])


def _prefix(kind: Kind) -> str:
    """What the inventory puts before the names of a kind."""
    naming = str(kind.list_.args.get("name", ""))
    found = re.search(r"//[a-z0-9.]+/", naming)
    return found.group() if found else ""


def _fit(kind: Kind, asset: dict[str, Any]) -> int:
    """How many of a kind's questions an item answers."""
    return sum(
        search(text, asset) not in (None, False, "", [], {})
        for where, text in kind.expressions()
        if where[0] != "list" and "resource.data" in text
    )


def _error(status: int, body: Any) -> Exception:
    from google.api_core import exceptions

    error = body.get("error") if isinstance(body, dict) else None
    content = error if isinstance(error, dict) else {"message": str(body)}
    details = [item for item in content.get("details") or () if isinstance(item, dict)]
    info = next((item for item in details if str(item.get("@type", "")).endswith("ErrorInfo")), None)
    errors = list(content.get("errors") or ())
    if info is not None:
        errors.append({"reason": info.get("reason", "")})
    made: Exception = exceptions.from_http_status(status, str(content.get("message", "")), errors=errors)  # type: ignore[no-untyped-call]
    return made
