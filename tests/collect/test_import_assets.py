"""Exports of the Cloud Asset Inventory: any order, any size, policies apart, and every kind of the catalogue."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloud import ROOT
from foreign import every_kind, messages, run, said, write

from residency.errors import InputError

ASSETS = yaml.safe_load((ROOT / "tests/replay/gcp/assets.yaml").read_text(encoding="utf-8"))


def bucket(name: str = "media", project: str = "projects/42", **data: Any) -> dict[str, Any]:
    return {
        "name": f"//storage.googleapis.com/{name}",
        "asset_type": "storage.googleapis.com/Bucket",
        "resource": {
            "version": "v1",
            "location": "asia-northeast1",
            "data": {"name": name, "location": "ASIA-NORTHEAST1", "labels": {"team": "web"}, **data},
        },
        "ancestors": [project, "organizations/1"],
        "update_time": "2026-01-01T00:00:00Z",
    }


def policy(name: str = "media", project: str = "projects/42", member: str = "allUsers") -> dict[str, Any]:
    return {
        "name": f"//storage.googleapis.com/{name}",
        "asset_type": "storage.googleapis.com/Bucket",
        "iam_policy": {"bindings": [{"role": "roles/storage.objectViewer", "members": [member]}]},
        "ancestors": [project, "organizations/1"],
    }


PROJECT = {
    "name": "//cloudresourcemanager.googleapis.com/projects/42",
    "asset_type": "cloudresourcemanager.googleapis.com/Project",
    "resource": {"data": {"projectId": "shop", "projectNumber": "42", "name": "Shop"}},
    "ancestors": ["projects/42"],
}


def lines(*assets: dict[str, Any]) -> str:
    return "".join(json.dumps(asset) + "\n" for asset in assets)


def test_resources_and_policies_come_together_whatever_the_files_and_their_order(tmp_path: Path) -> None:
    resources = write(
        tmp_path / "a" / "resource.json", lines(PROJECT, bucket(), bucket("quiet"), bucket("far", "projects/7"))
    )
    policies = tmp_path / "b" / "iam.json.gz"
    policies.parent.mkdir()
    policies.write_bytes(gzip.compress(lines(policy()).encode()))
    found = []
    for files in ((resources, policies), (policies, resources)):
        rows = run(*files)
        owners = {row.name: row.account for row in rows["stores"] if row.kind == "gcp.storage.bucket"}
        assert owners == {"media": "shop", "quiet": "shop", "far": "7"}
        assert [(row.store_id, row.principal, row.external) for row in rows["grants"]] == [
            ("//storage.googleapis.com/media", "allUsers", "yes")
        ]
        # the export of policies covers the project's buckets, and says nothing of another project's
        unknown = {row.store_id for row in rows["gaps"] if row.field == "grants" and "storage" in row.store_id}
        assert unknown == {"//storage.googleapis.com/far"}
        found.append({name: rows[name] for name in ("stores", "placements", "keys", "grants", "labels")})
    assert found[0] == found[1]


def test_without_policies_who_can_reach_a_store_is_a_gap(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "r.ndjson", lines(bucket())))
    assert said(rows, "gcp.storage.bucket") == {
        "store": "//storage.googleapis.com/media", "custody": "provider-managed", "gaps": ["grants"],
        "places": [("primary", "ASIA-NORTHEAST1")], "grants": [],
    }  # fmt: skip
    assert [(row.key, row.value) for row in rows["labels"]] == [("team", "web")]
    assert rows["stores"][0].call == "Cloud Asset Inventory"


def test_a_policy_without_its_resource_is_a_store_somewhere(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "iam.ndjson", lines(policy())))
    assert said(rows, "gcp.storage.bucket") == {
        "store": "//storage.googleapis.com/media", "custody": "unknown",
        "gaps": ["grants", "key", "labels", "placement"],  # its objects may have access control lists
        "places": [("log", ""), ("primary", "")], "grants": ["allUsers"],
    }  # fmt: skip


def test_a_search_result_names_stores_and_claims_nothing(tmp_path: Path) -> None:
    hit = {"name": "//storage.googleapis.com/media", "assetType": "storage.googleapis.com/Bucket",
           "project": "projects/42", "location": "asia-northeast1", "displayName": "media"}  # fmt: skip
    rows = run(write(tmp_path / "hits.json", [hit]), form="asset-export")
    assert said(rows, "gcp.storage.bucket")["custody"] == "unknown"
    assert said(rows, "gcp.storage.bucket")["gaps"] == ["grants", "key", "labels", "placement"]
    assert rows["stores"][0].account == "42"


def test_every_asset_of_the_recorded_estate_is_the_same_store(tmp_path: Path) -> None:
    """The kinds' own fixtures, written as an export."""

    def assets_in(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            inner = [item for part in value.values() for item in assets_in(part)]
            return [value] if "assetType" in value and "name" in value else inner
        return [item for part in value for item in assets_in(part)] if isinstance(value, list) else []

    assets = assets_in(ASSETS)
    assert len(assets) > 50
    rows = run(write(tmp_path / "all.ndjson", lines(*assets)), account="p")
    found = {row.kind for row in rows["stores"]}
    wanted = {name for name in every_kind() if name.startswith("gcp.")}
    assert len(found) > len(wanted) * 0.8
    assert all(row.location or row.target for row in rows["placements"]) or messages(rows, "placement")


def test_a_list_and_an_answer_are_read_too(tmp_path: Path) -> None:
    for name, content in {"list.json": [bucket()], "answer.json": {"readTime": "x", "assets": [bucket()]}}.items():
        assert len(run(write(tmp_path / name, content))["stores"]) == 1


def test_types_of_no_kind_are_counted_and_broken_lines_are_gaps(tmp_path: Path) -> None:
    vm = {**bucket("x"), "asset_type": "compute.googleapis.com/Instance"}
    broken = '{"name": "//storage.googleapis.com/hunter2", oops\n'
    wrong = json.dumps({**bucket("y"), "resource": "hunter2"}) + "\n"
    file = write(tmp_path / "r.ndjson", lines(bucket(), vm) + broken + wrong + '{"name": "//x"}\n')
    rows = run(file)
    assert "1 of type compute.googleapis.com/Instance are of no kind" in messages(rows, "scope")
    assert messages(rows, "listing") == [
        f"{file}:3: not JSON",
        f"{file}:4: an asset whose content is not an object",
        f"{file}:5: an asset without a name or type",
    ]
    assert "hunter2" not in repr(rows)
    assert [row.name for row in rows["stores"]] == ["media"]


def test_an_asset_that_names_no_project_needs_one(tmp_path: Path) -> None:
    lone = {**bucket(), "ancestors": []}
    file = write(tmp_path / "r.ndjson", lines(lone))
    assert "1 rows name no account; name it with --account" in messages(run(file))
    assert run(file, account="shop")["stores"][0].account == "shop"


def test_many_assets_are_read_one_at_a_time(tmp_path: Path) -> None:
    file = write(tmp_path / "r.ndjson", lines(*(bucket(f"b-{n}") for n in range(3000))))
    assert len(run(file)["stores"]) == 3000


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [("r.csv", "name,assetType\n", "an export of assets is JSON"), ("r.json", "[3]", "r.json:1: not an object")],
)
def test_a_file_that_is_no_export_is_one_line(tmp_path: Path, name: str, content: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        run(write(tmp_path / name, content), form="asset-export")
