"""Google Cloud: exports of the Cloud Asset Inventory, resources and IAM policies in one file or in several.

The files are read twice: first for policies and projects, then for resources, so that neither order nor size matters.
An export of policies leaves out what has none. It says so of an asset where it holds a policy of another asset of the
same project and type; of any other asset, who can reach it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.collect.boundary import boundary
from residency.collect.gcp import PROVIDER, REGION, normal, read_assets
from residency.collect.grants import Scope
from residency.collect.imports.gather import Gathered
from residency.collect.imports.items import Problem, moment
from residency.collect.imports.paths import Chain
from residency.collect.imports.shape import Shape, native_shape
from residency.collect.imports.stream import Head, json_rows, opened
from residency.collect.mapping import Asked, map_record
from residency.collect.places import pair_in
from residency.collect.spec import Kind
from residency.errors import InputError
from residency.providers import Providers

__all__ = ["LABEL", "import_assets"]

LABEL = "Cloud Asset Inventory"
_PROJECT = "cloudresourcemanager.googleapis.com/Project"
_PARTS = ("resource", "iamPolicy", "iam_policy")
_NAMED = re.compile(r"/projects/([^/]+)(?:/|\Z)")


@dataclass(slots=True)
class _First:
    """What the first reading learns: policies by asset, projects by number, and which policies an export covers."""

    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    covered: set[tuple[str, str]] = field(default_factory=set)


def import_assets(
    heads: Mapping[Path, Head],
    kinds: Mapping[str, Kind],
    providers: Providers,
    gathered: Gathered,
    *,
    account: str = "",
) -> None:
    """Read every file into what is gathered.

    Raises
    ------
    InputError
        When a file holds no asset that can be read.
    """
    by_type = {kind.list_.asset_type: name for name, kind in kinds.items() if name.startswith(f"{PROVIDER}.")}
    shapes = {name: native_shape(kinds[name], LABEL) for name in by_type.values()}
    first = _First()
    for path, head in heads.items():
        for item in _assets(path, head):
            if not isinstance(item, Problem):
                _learn(item, by_type, first)
    for asset in first.policies.values():
        first.covered.add((_account(asset, first, account), asset["assetType"]))
    gathered.met.add(PROVIDER)
    for path, head in heads.items():
        for asset in gathered.read(path, _assets(path, head)):
            if "iam" in asset and "resource" not in asset:
                continue
            name = by_type.get(asset["assetType"])
            if name is None:
                gathered.of_no_kind(asset["assetType"], _account(asset, first, account))
                continue
            policy = first.policies.pop(asset["name"], None)
            if policy is not None:
                asset = {**asset, "iam": policy["iam"]}
            elif "iam" not in asset and (_account(asset, first, account), asset["assetType"]) in first.covered:
                asset = {**asset, "iam": {"bindings": []}}
            with boundary() as caught:
                _map(asset, name, shapes[name], _account(asset, first, account), providers, gathered)
            gathered.stumbled(path, 0, caught)
    for asset in first.policies.values():  # a policy without its resource: the store exists, its place is unknown
        name = by_type[asset["assetType"]]
        _map(asset, name, shapes[name], _account(asset, first, account), providers, gathered)


def _assets(path: Path, head: Head) -> Iterator[dict[str, Any] | Problem]:
    if head.form != "json":
        raise InputError(f"{path}: an export of assets is JSON, one asset a line or a list of them")
    with opened(path) as handle:
        for element in json_rows(handle, ("assets", "results")):
            value = element.value
            if element.problem or not isinstance(value, dict):
                yield Problem(element.line, element.problem or "not an object")
                continue
            if any(not isinstance(value.get(part) or {}, dict) for part in _PARTS):
                yield Problem(element.line, "an asset whose content is not an object")
                continue
            asset = normal(value)
            if not asset["name"] or not asset["assetType"]:
                yield Problem(element.line, "an asset without a name or type")
                continue
            if "resource" in asset and not isinstance(asset["resource"].get("data"), dict):
                asset["resource"].pop("data", None)
            if "resource" not in asset and "iam" not in asset:  # a search result, or an export without content
                asset["resource"] = {"location": value["location"]} if value.get("location") else {}
            asset["project"], asset["seen"] = value.get("project"), value.get("readTime") or value.get("read_time")
            yield asset


def _learn(asset: dict[str, Any], by_type: Mapping[str | None, str], first: _First) -> None:
    if asset["assetType"] in by_type and "iam" in asset:
        kept = {key: asset[key] for key in ("name", "assetType", "ancestors", "iam", "project", "seen")}
        first.policies[asset["name"]] = kept
    if asset["assetType"] == _PROJECT and "resource" in asset:
        data = asset["resource"].get("data") or {}
        number, name = str(data.get("projectNumber") or ""), str(data.get("projectId") or "")
        if number and name:
            first.projects[number] = name


def _account(asset: Mapping[str, Any], first: _First, account: str) -> str:
    """The project an asset belongs to, by its id where the export says it and by its number otherwise."""
    owners = [str(item) for item in (asset.get("project"), *asset["ancestors"]) if item]
    number = next((item.removeprefix("projects/") for item in owners if item.startswith("projects/")), "")
    named = _NAMED.search(asset["name"])
    return first.projects.get(number) or (named.group(1) if named else "") or number or account


def _map(
    asset: dict[str, Any], name: str, shape: Shape, account: str, providers: Providers, gathered: Gathered
) -> None:
    if not account:
        gathered.nameless[PROVIDER] += 1
    row = {key: value for key, value in asset.items() if key not in {"project", "seen"}}
    told, record = shape.record(row, has=list(_has(row)))
    seen = moment(asset["seen"]) or gathered.seen_at
    asked = Asked(PROVIDER, account, REGION, name, PROVIDER, seen, Scope(), pair_in(providers))
    gathered.rows.extend(read_assets(map_record(told, record, asked), providers))


def _has(row: Mapping[str, Any]) -> Iterable[Chain]:
    for name, value in row.items():
        if name == "resource":
            yield from ((name, part) for part in value)
        else:
            yield (name,)
