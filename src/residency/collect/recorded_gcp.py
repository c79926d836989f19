"""Recorded or exported answers of Google Cloud, read through the same rules as live ones.

Three shapes: an export of the Cloud Asset Inventory (a list of assets), one answer with its headers
(``{"headers", "body"}``), and a log of requests (``[{"request", "status", "body"}]``). A service's own list is brought
to the inventory's form by the kind's ``list.path``, ``items`` and ``args.name``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from residency.collect.gcp import PROVIDER, REGION, normal, read_assets, trouble_of, wrap
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Record, map_record
from residency.collect.places import Trouble, pair_in
from residency.collect.spec import Kind
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["GcpAnswers", "read_gcp_answers"]

_PROJECT_KIND = "gcp.cloudresourcemanager.project"
_BUCKET_KIND = "gcp.storage.bucket"
_UNKNOWN = "unknown"
_IAM = re.compile(r"(?:.*-)?(?P<what>projects|b)-(?P<name>.+)-(?:getIamPolicy|iam)\Z")


@dataclass(slots=True)
class GcpAnswers:
    """Assets by kind, refusals by kind, and how many answers no kind reads."""

    assets: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    unread: int = 0

    def rows(
        self, kinds: Mapping[str, Kind], catalogue: Providers, *, account: str, seen_at: dt.datetime, scope: Scope
    ) -> Rows:
        """Everything read, mapped."""
        rows = Rows()
        for name, record in self.records():
            asked = Asked(PROVIDER, account, REGION, name, PROVIDER, seen_at, scope, pair_in(catalogue))
            rows.extend(map_record(kinds[name], record, asked))
        return read_assets(rows, catalogue)

    def records(self) -> Iterator[tuple[str, Record]]:
        """Every asset as its kind's rules see it."""
        for name, assets in sorted(self.assets.items()):
            yield from ((name, Record(dict(asset), "recorded answer")) for asset in assets.values())

    def take(self, url: str, status: int, body: Any, kinds: Mapping[str, Kind], account: str = "") -> None:
        """Read one more answer; an empty address for assets in the inventory's own form."""
        _read(url, status, body, kinds, account, self)


def read_gcp_answers(paths: list[Path], kinds: Mapping[str, Kind], *, account: str = "") -> GcpAnswers:
    """Read files of any of the three shapes.

    Raises
    ------
    InputError
        When a file is not JSON.
    """
    found = GcpAnswers()
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a recorded answer: {error}") from error
        for url, status, body in _answers(content, path):
            found.take(url, status, body, kinds, account)
    return found


def _answers(content: Any, path: Path) -> Iterator[tuple[str, int, Any]]:
    """(address, status, body); an empty address for an inventory export."""
    if isinstance(content, dict) and "body" in content:
        headers = content.get("headers") or {}
        # the recording's own file name stands in for an address it did not keep
        name = re.sub(r"\A(?:get|post)-|_[0-9]+\Z", "", path.stem)
        url = str(headers.get("content-location") or f"//{_UNKNOWN}/{name}")
        yield url, int(headers.get("status") or 200), content["body"]
    elif isinstance(content, list) and content and isinstance(content[0], dict) and "request" in content[0]:
        for item in content:
            method, _, url = str(item.get("request")).partition(" ")
            if method == "GET":
                yield url.split()[0], int(str(item.get("status", "0")).split()[0] or 0), item.get("body")
    else:
        yield "", 200, content


def _read(url: str, status: int, body: Any, kinds: Mapping[str, Kind], account: str, found: GcpAnswers) -> None:
    if not url:
        items = body if isinstance(body, list) else body.get("assets") or [] if isinstance(body, dict) else []
        by_type = {kind.list_.asset_type: name for name, kind in kinds.items()}
        for item in items:
            asset = normal(item) if isinstance(item, dict) else {"name": "", "assetType": ""}
            _keep(found, by_type.get(asset["assetType"]), asset)
        return
    parts = urlsplit(url)
    address = unquote(parts.path).strip("/").replace(":", "/")
    flat = address.replace("/", "-")
    policy = _IAM.match(flat)
    if policy and isinstance(body, dict) and "bindings" in body:
        bucket = policy["what"] == "b"
        name = _BUCKET_KIND if bucket else _PROJECT_KIND
        prefix = "//storage.googleapis.com/" if bucket else "//cloudresourcemanager.googleapis.com/projects/"
        asset = {"name": f"{prefix}{policy['name']}", "assetType": kinds[name].list_.asset_type, "ancestors": []}
        _keep(found, name, {**asset, "iam": body})
        return
    for name, kind in kinds.items():
        listed = _pattern(kind, parts.hostname or "")
        if listed is None:
            continue
        known = parts.hostname != _UNKNOWN
        many = listed.fullmatch(address if known else flat)
        one = re.fullmatch(f"{listed.pattern}/[^/]+" if known else f"{listed.pattern}-.+", address if known else flat)
        if status >= 400 and many:
            found.troubles[name] = trouble_of(_error(status, body), (kind.list_.path or "").split(".")[0])
            return
        if status < 400 and (many or one):
            single = kind.model_copy(update={"list_": kind.list_.model_copy(update={"items": "@"})})
            items = wrap(kind if many else single, body, account)
            if one and not many and not (items and items[0]["name"].endswith(flat.rsplit("-", 1)[-1])):
                continue
            for asset in items:
                _keep(found, name, asset)
            return
    found.unread += 1


def _pattern(kind: Kind, host: str) -> re.Pattern[str] | None:
    """The address of the kind's own list, where the host may be the service's; flattened where it is not known."""
    if not kind.list_.path:
        return None
    service, _, path = kind.list_.path.split("?")[0].partition("/")
    if host not in {service, "www.googleapis.com", _UNKNOWN}:
        return None
    part = "[^/]+" if host != _UNKNOWN else ".+"
    text = re.escape(path if host != _UNKNOWN else path.replace("/-/", "/ANY/").replace("/", "-"))
    text = text.replace(r"\{project\}", part).replace("/\\-/", f"/{part}/").replace("ANY", part)
    # alpha and beta versions of an API answer alike
    return re.compile(re.sub(r"\A((?:[a-z]+[/\\-]+)?v[0-9])(?:beta[0-9]+)?(?=[/\\])", r"\1(?:alpha|beta)?[0-9]*", text))


def _keep(found: GcpAnswers, kind: str | None, asset: dict[str, Any]) -> None:
    if kind is None:
        found.unread += 1
        return
    known = found.assets.setdefault(kind, {})
    known[asset["name"]] = {**known.get(asset["name"], {}), **asset}


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
