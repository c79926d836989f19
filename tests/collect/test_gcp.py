"""Google Cloud: the real SDK against the replay server, and recorded answers through the same rules."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from hypothesis import given
from hypothesis import strategies as st

from residency.collect.engine import sweep
from residency.collect.gcp import GcpDriver, gcp_clients, trouble_of, wrap
from residency.collect.grants import Scope
from residency.collect.lint import _reached_by
from residency.collect.mapping import Asked, Record, map_record
from residency.collect.recorded_gcp import GcpAnswers, _answers, _owner, read_gcp_answers
from residency.collect.spec import Kind, load_kinds
from residency.data import DataFolders
from residency.errors import InputError
from residency.inventory.tables import Rows
from residency.providers import Providers, load_providers
from residency.replay import Answer, Exchange, ReplayServer, load_exchanges

ROOT = Path(__file__).resolve().parents[2]
REPLAY = ROOT / "tests" / "replay" / "gcp"
RECORDED = ROOT.parent / "shared" / "recorded" / "gcp"
WHEN = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
ORG = "organizations/100000000001"
ASSETS = f"/v1/{ORG}/assets"


@functools.cache
def kinds() -> Mapping[str, Kind]:
    return load_kinds(DataFolders(ROOT), ["gcp"])


@functools.cache
def catalogue() -> Providers:
    return load_providers(DataFolders(ROOT))


def driver(url: str, names: tuple[str, ...] = (), **options: Any) -> GcpDriver:
    chosen = {name: kinds()[name] for name in names} if names else kinds()
    return GcpDriver(gcp_clients(endpoint=url, pause=0.001, patience=0.2), chosen, catalogue(), lambda: WHEN, **options)


def swept(one: GcpDriver) -> Rows:
    plan, rows = one.plan(), Rows()
    rows.add(*plan.gaps, *plan.units)
    for job in plan.jobs:
        rows.extend(one.run(job))
    return rows


def error(status: int, code: str, message: str = "no", reason: str = "", service: str = "") -> Answer:
    body: dict[str, Any] = {"error": {"code": status, "status": code, "message": message}}
    if reason:
        detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
        body["error"]["details"] = [{**detail, "metadata": {"service": service}}]
    return Answer(status=status, body=body)


@contextmanager
def replay(*exchanges: Exchange) -> Iterator[ReplayServer]:
    with ReplayServer(REPLAY, exchanges=exchanges) as running:
        yield running


@pytest.fixture(scope="module")
def whole() -> Rows:
    with replay() as server:
        rows = swept(driver(server.url))
        assert server.missing == []
    return rows


def places(rows: Rows, end: str) -> set[tuple[str, str, str, str]]:
    found = [item for item in rows["placements"] if item.store_id.endswith(end)]
    return {(item.role, item.location_provider, item.location, item.target.rpartition("/")[2]) for item in found}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("app-uploads", {("primary", "gcp-gcs", "ASIA-NORTHEAST1", ""), ("log", "gcp-gcs", "", "access-logs")}),
        ("access-logs", {("primary", "gcp-gcs", "ASIA", "")}),
        ("two-places", {("primary", "gcp-gcs", "ASIA-NORTHEAST1", ""), ("primary", "gcp-gcs", "ASIA-SOUTHEAST1", "")}),
        ("no-slashes", {("primary", "gcp-gcs", "ASIA1", "")}),
        ("datasets/events", {("primary", "gcp-bigquery", "US", "")}),
        ("tables/clicks", {("primary", "gcp-bigquery", "US", "events")}),
        ("tables/clicks_view", set()),
        (
            "instances/main",
            {
                ("primary", "gcp", "asia-northeast1", ""),
                ("replica", "gcp", "", "main-osaka"),
                ("backup", "gcp-gcs", "ASIA", ""),
            },
        ),
        ("instances/main-osaka", {("replica", "gcp", "asia-northeast2", "")}),
        ("instances/scratch", {("primary", "gcp", "us-central1", ""), ("backup", "gcp-gcs", "", "")}),
        ("instances/ledger", {("primary", "gcp-spanner", "nam3", "")}),
        (
            "instances/own",
            {
                ("primary", "gcp", "us-central1", ""),
                ("metadata", "gcp", "us-east1", ""),
                ("replica", "gcp", "europe-west1", ""),
            },
        ),
        ("databases/book", {("primary", "gcp-spanner", "", "ledger")}),
        ("backups/nightly", {("backup", "gcp-spanner", "", "ledger")}),
        ("(default)", {("primary", "gcp-firestore", "nam5", "")}),
        ("clusters/wide-c2", {("primary", "gcp", "us-central1", "")}),
        ("backups/weekly", {("backup", "gcp", "asia-northeast1", "wide-c1")}),
        ("secrets/anywhere", {("primary", "gcp", "automatic", "")}),
        ("secrets/two-regions", {("primary", "gcp", "asia-northeast1", ""), ("primary", "gcp", "europe-west1", "")}),
        ("secrets/regional", {("primary", "gcp", "asia-northeast1", "")}),
        ("disks/vm-1", {("primary", "gcp", "asia-northeast1", ""), ("replica", "gcp", "", "vm-1-copy")}),
        ("snapshots/uploading", {("backup", "gcp-gcs", "", "")}),
        ("topics/anywhere", {("primary", "gcp", "global", "")}),
        ("subscriptions/worker", {("primary", "gcp", "", "bounded"), ("replica", "gcp", "", "anywhere")}),
        ("subscriptions/to-table", {("primary", "gcp", "", "bounded"), ("replica", "gcp", "", "events")}),
        ("subscriptions/to-bucket", {("primary", "gcp", "", "bounded"), ("replica", "gcp", "", "access-logs")}),
        ("subscriptions/to-address", {("primary", "gcp", "", "bounded"), ("processing", "gcp", "", "in")}),
        ("instances/wide", {("primary", "gcp", "asia-northeast1", ""), ("primary", "gcp", "us-central1", "")}),
        ("instanceConfigs/regional-asia-northeast1", set()),
        (
            "instanceConfigs/custom-three-places",
            {
                ("primary", "gcp", "us-central1", ""),
                ("metadata", "gcp", "us-east1", ""),
                ("replica", "gcp", "europe-west1", ""),
            },
        ),
        ("sinks/to-bucket", {("log", "gcp", "", "access-logs")}),
        ("sinks/all-audit", {("log", "gcp", "", "events")}),
        ("clusters/db-far", {("replica", "gcp", "europe-west8", "")}),
        ("instances/active", {("primary", "gcp", "asia-northeast1", ""), ("replica", "gcp", "", "standby")}),
        (
            "transferConfigs/t1",
            {
                ("processing", "gcp-bigquery", "asia-northeast1", ""),
                ("replica", "gcp-bigquery", "asia-northeast1", "kept_at_home"),
            },
        ),
        (
            "jobs/2026-11-01_j1",
            {
                ("processing", "gcp", "asia-northeast1", ""),
                ("processing", "gcp", "us-central1", ""),
                ("cache", "gcp", "", "app-uploads"),
            },
        ),
        ("instancePartitions/far", {("primary", "gcp-spanner", "eur3", "")}),
        (
            "instancePartitions/odd",
            {
                ("primary", "gcp", "us-central1", ""),
                ("metadata", "gcp", "us-east1", ""),
                ("replica", "gcp", "europe-west1", ""),
            },
        ),
        (
            "fhirStores/records",
            {
                ("primary", "gcp", "asia-northeast1", "clinic"),
                ("replica", "gcp", "", "events"),
                ("replica", "gcp", "", "plain"),
            },
        ),
        (
            "backupVaults/nv",
            {("backup", "gcp", "us-central1", ""), ("backup", "gcp", "", "nv-far")},
        ),
        ("streams/s2", {("processing", "gcp", "asia-northeast1", ""), ("replica", "gcp-bigquery", "US", "")}),
        ("engines/ask", {("processing", "gcp", "global", "")}),
        ("listings/l1", {("primary", "gcp-bigquery", "", "events"), ("replica", "gcp-bigquery", "EU", "")}),
        ("organizations/app-prod", {("primary", "gcp", "asia-northeast1", ""), ("log", "gcp", "us-central1", "")}),
        (
            "apps/app-prod",
            {
                ("processing", "gcp", "asia-northeast1", ""),
                ("primary", "gcp", "", "app-uploads"),
                ("primary", "gcp-gcs", "ASIA", ""),
            },
        ),
    ],
)
def test_where_stores_lie(whole: Rows, end: str, expected: set[tuple[str, str, str, str]]) -> None:
    assert places(whole, end) == expected


def test_every_known_location_is_the_catalogues(whole: Rows) -> None:
    named = {(item.location_provider, item.location) for item in whole["placements"] if item.location}
    unknown = {(provider, name) for provider, name in named if catalogue().find(provider, name) is None}
    assert unknown == set()


def test_every_unknown_place_without_target_is_a_gap(whole: Rows) -> None:
    unknown = {item.store_id for item in whole["placements"] if not item.location and not item.target}
    assert unknown
    assert unknown <= {item.store_id for item in whole["gaps"] if item.field == "placement"}


def test_plan_counts_every_unit_once(whole: Rows) -> None:
    units = Counter((item.account, item.kind) for item in whole["units"])
    accounts = {"app-prod", "data-prod", "lab", "old-app", ORG, "folders/200000000002"}
    assert set(units) == {(account, kind) for account in accounts for kind in kinds()}
    assert set(units.values()) == {1}


def test_refused_folder_and_deleted_project_are_gaps(whole: Rows) -> None:
    status = {item.account: item.status for item in whole["units"]}
    assert status["folders/200000000002"] == "denied"
    assert status["old-app"] == "skipped"
    scope = {(item.account, item.cause) for item in whole["gaps"] if item.field == "scope"}
    assert scope == {("folders/200000000002", "denied"), ("old-app", "skipped")}


def test_keys(whole: Rows) -> None:
    keys = {item.store_id.rpartition("/")[2]: item for item in whole["keys"]}
    ring = "//cloudkms.googleapis.com/projects/data-prod/locations/{}/keyRings/ring/cryptoKeys/{}"
    assert (keys["app-uploads"].custody, keys["app-uploads"].key_id) == (
        "customer-managed",
        ring.format("asia-northeast1", "app"),
    )
    assert (keys["app-uploads"].key_location, keys["app-uploads"].key_account) == ("asia-northeast1", "data-prod")
    assert keys["nightly"].key_id == ring.format("us", "warehouse")  # without the key's version
    assert (keys["warehouse"].custody, keys["warehouse"].manager) == ("external", "https://ekm.example.net/v0/keys/1")
    assert keys["app"].custody == "customer-managed"
    assert keys["vm-1-copy"].custody == "external"  # a key the customer supplies
    assert keys["access-logs"].custody == "provider-managed"


def test_grants_and_labels(whole: Rows) -> None:
    bucket = {item.principal: item for item in whole["grants"] if item.store_id.endswith("app-uploads")}
    assert bucket["allAuthenticatedUsers"].external == "yes"
    assert bucket["group:staff@example.co.jp"].external == "no"
    assert bucket["user:engineer@contractor.example.cn"].external in {"yes", "unknown"}
    labels = {(item.key, item.value) for item in whole["labels"] if item.store_id.endswith("projects/300000000001")}
    allowed = "in:asia-northeast1-locations,in:asia-northeast2-locations"
    assert ("constraints/gcp.resourceLocations", allowed) in labels


def test_assets_of_an_organisation_go_to_their_project(whole: Rows) -> None:
    accounts = {item.store_id.rpartition("/")[2]: item.account for item in whole["stores"]}
    assert accounts["app-uploads"] == "app-prod"
    assert accounts["events"] == "data-prod"
    assert accounts["all-audit"] == ORG


def test_calls_add_up(whole: Rows) -> None:
    # two pages of assets, one of IAM, one of organisation policies, three details, one list of the project with Spanner
    assert sum(item.calls for item in whole["units"]) == 8


def test_a_service_is_asked_where_it_is_in_use_or_nobody_knows() -> None:
    config, instance = "gcp.spanner.instance_config", "gcp.spanner.instance"
    with replay() as server:
        swept(driver(server.url, (config, instance)))
        asked = {item for item in server.requests if item.endswith("/instanceConfigs")}
    assert asked == {"GET /spanner.googleapis.com/v1/projects/data-prod/instanceConfigs"}
    with replay() as server:
        rows = swept(driver(server.url, (config,)))
        asked = {item for item in server.requests if item.endswith("/instanceConfigs")}
    assert len(asked) == 3
    assert {
        item.account: item.status for item in rows["units"] if item.account in {"app-prod", "data-prod", "lab"}
    } == {
        "app-prod": "empty",
        "data-prod": "seen",
        "lab": "disabled",
    }


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (error(403, "PERMISSION_DENIED"), "denied", "403"),
        (
            error(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED", service="cloudasset.googleapis.com"),
            "failed",
            "SERVICE_DISABLED",
        ),
        (
            error(
                403,
                "PERMISSION_DENIED",
                "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x",
            ),
            "denied",
            "VPC_SERVICE_CONTROLS",
        ),
        (
            error(403, "PERMISSION_DENIED", "Request is disallowed by constraints/gcp.restrictServiceUsage"),
            "denied",
            "ORG_POLICY",
        ),
        (error(429, "RESOURCE_EXHAUSTED", reason="RATE_LIMIT_EXCEEDED"), "throttled", "RATE_LIMIT_EXCEEDED"),
        (Answer(text="<html>sign in</html>"), "failed", "ParseError"),
        (Answer(status=502, text="<html>bad gateway</html>"), "failed", "502"),
        (Answer(body={"assets": []}, truncate=3), "failed", "ChunkedEncodingError"),
    ],
)
def test_a_refused_inventory_never_reads_as_empty(answer: Answer, status: str, code: str) -> None:
    # spanner.database has no list of its own to fall back on
    names = ("gcp.spanner.database",)
    exchanges = [
        Exchange("GET", path, (answer,))
        for path in (ASSETS, *(f"/v1/projects/{p}/assets" for p in ("app-prod", "data-prod", "lab")))
    ]
    with replay(*exchanges) as server:
        rows = swept(driver(server.url, names))
    found = {(item.account, item.status, item.code) for item in rows["units"] if item.account in {"app-prod", ORG}}
    assert found == {("app-prod", status, code), (ORG, status, code)}
    assert rows["stores"] == []
    assert {item.account for item in rows["gaps"] if item.field == "listing"} >= {"app-prod", "data-prod", "lab", ORG}


def test_throttled_first_then_answered() -> None:
    plenty = load_exchanges(REPLAY)
    page = next(item for item in plenty if item.path == ASSETS and item.query.get("contentType") == "1")
    shy = Exchange("GET", ASSETS, (error(429, "RESOURCE_EXHAUSTED"), page.answers[0]), page.query)
    with replay(shy) as server:
        rows = swept(driver(server.url, ("gcp.storage.bucket",)))
    assert {item.store_id for item in rows["stores"]} >= {"//storage.googleapis.com/app-uploads"}
    assert {item.status for item in rows["units"] if item.account == "app-prod"} == {"seen"}


def test_a_page_that_fails_keeps_what_came_and_is_not_seen() -> None:
    bad = Exchange("GET", ASSETS, (error(403, "PERMISSION_DENIED"),), {"contentType": "1", "pageToken": "page-2"})
    with replay(bad) as server:
        rows = swept(driver(server.url, ("gcp.storage.bucket", "gcp.spanner.database")))
    units = {(item.account, item.kind): item for item in rows["units"]}
    assert (units["app-prod", "gcp.storage.bucket"].status, units["app-prod", "gcp.storage.bucket"].stores) == (
        "denied",
        4,
    )
    assert "gcp.storage.bucket" in {item.kind for item in rows["gaps"] if item.field == "listing"}


def test_one_refused_type_costs_only_its_kind() -> None:
    plenty = load_exchanges(REPLAY)
    pages = [item for item in plenty if item.path == ASSETS and item.query.get("contentType") == "1"]
    both = ["firestore.googleapis.com/Database", "spanner.googleapis.com/Database"]
    refused = error(400, "INVALID_ARGUMENT", "asset type is not supported")
    exchanges = [
        Exchange("GET", ASSETS, (refused,), {"contentType": "1", "assetTypes": both}),
        Exchange("GET", ASSETS, (refused,), {"contentType": "1", "assetTypes": both[1]}),
        Exchange("GET", ASSETS, pages[1].answers, {"contentType": "1", "assetTypes": both[0], "pageToken": None}),
    ]
    with replay(*exchanges) as server:
        rows = swept(driver(server.url, ("gcp.firestore.database", "gcp.spanner.database")))
    units = {(item.account, item.kind): item.status for item in rows["units"]}
    assert units["app-prod", "gcp.spanner.database"] == "failed"
    assert units["data-prod", "gcp.firestore.database"] == "empty"


def test_an_address_that_is_too_long_is_asked_in_halves() -> None:
    names = ("gcp.firestore.database", "gcp.pubsub.topic", "gcp.spanner.database", "gcp.storage.bucket")
    types = [kinds()[name].list_.asset_type for name in names]
    long_ = Exchange("GET", ASSETS, (Answer(status=414, text="<html>414</html>"),), {"assetTypes": types})
    with replay(long_) as server:
        rows = swept(driver(server.url, names))
    assert {item.status for item in rows["units"] if item.account == "data-prod"} <= {"seen", "empty"}
    assert {item.kind for item in rows["stores"]} == set(names)
    assert len({item.store_id for item in rows["stores"]}) == len(rows["stores"])
    # the refused one, two pages of each half, one of policies
    assert sum(item.calls for item in rows["units"]) == 6


def test_a_refused_policy_is_a_gap_of_the_stores() -> None:
    refused = Exchange("GET", ASSETS, (error(403, "PERMISSION_DENIED"),), {"contentType": "2"})
    with replay(refused) as server:
        rows = swept(driver(server.url, ("gcp.storage.bucket",)))
    assert not [item for item in rows["grants"] if item.evidence.startswith("iam.")]
    gaps = {(item.store_id, item.field, item.cause) for item in rows["gaps"] if item.store_id}
    assert ("//storage.googleapis.com/app-uploads", "grants", "denied") in gaps


def test_a_refused_detail_leaves_the_place_unknown() -> None:
    path = "/spanner.googleapis.com/v1/projects/data-prod/instanceConfigs/custom-three-places"
    with replay(Exchange("GET", path, (error(403, "PERMISSION_DENIED"),))) as server:
        rows = swept(driver(server.url, ("gcp.spanner.instance",)))
    assert {location for _, _, location, _ in places(rows, "instances/own")} == {""}
    assert {item.cause for item in rows["gaps"] if item.store_id.endswith("instances/own")} == {"denied"}


def fallback(*answers: Exchange) -> Rows:
    denied = error(403, "PERMISSION_DENIED")
    lists = [Exchange("GET", f"/v1/projects/{p}/assets", (denied,)) for p in ("app-prod", "data-prod", "lab")]
    with replay(Exchange("GET", ASSETS, (denied,)), *lists, *answers) as server:
        return swept(driver(server.url, ("gcp.spanner.instance", "gcp.storage.bucket")))


def test_falls_back_to_the_services_own_list() -> None:
    spanner = "/spanner.googleapis.com/v1/projects/{}/instances"
    storage = "/storage.googleapis.com/storage/v1/b"
    disabled = error(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED", service="spanner.googleapis.com")
    bucket = {"name": "uploads", "location": "EU", "locationType": "multi-region"}
    rows = fallback(
        Exchange("GET", spanner.format("app-prod"), (disabled,)),
        Exchange("GET", spanner.format("data-prod"), (error(403, "PERMISSION_DENIED"),)),
        Exchange(
            "GET", spanner.format("lab"), (Answer(body={"instances": [], "unreachable": ["projects/lab/instances/x"]}),)
        ),
        Exchange(
            "GET",
            storage,
            (Answer(body={"items": [], "nextPageToken": "2"}),),
            {"project": "app-prod", "pageToken": None},
        ),
        Exchange("GET", storage, (Answer(body={"items": [bucket]}),), {"project": "app-prod", "pageToken": "2"}),
        Exchange("GET", storage, (Answer(body={"kind": "storage#buckets"}),), {"project": "data-prod"}),
        Exchange("GET", storage, (Answer(body=[]),), {"project": "lab"}),
    )
    units = {(item.account, item.kind): item.status for item in rows["units"]}
    assert units["app-prod", "gcp.spanner.instance"] == "disabled"
    assert units["data-prod", "gcp.spanner.instance"] == "denied"
    assert units["lab", "gcp.spanner.instance"] == "failed"
    assert units["app-prod", "gcp.storage.bucket"] == "seen"
    assert units["data-prod", "gcp.storage.bucket"] == "empty"
    assert units["lab", "gcp.storage.bucket"] == "failed"
    assert units[ORG, "gcp.storage.bucket"] == "denied"
    assert places(rows, "uploads") == {("primary", "gcp-gcs", "EU", "")}
    assert {(item.field, item.cause) for item in rows["gaps"] if item.store_id.endswith("uploads")} == {
        ("grants", "denied")
    }


def test_an_own_list_of_another_shape_is_not_an_empty_one() -> None:
    storage = "/storage.googleapis.com/storage/v1/b"
    rows = fallback(
        *(
            Exchange("GET", storage, (Answer(body={"items": items}),), {"project": project})
            for project, items in {"app-prod": "x", "data-prod": 5, "lab": [None]}.items()
        )
    )
    units = {item.account: item.status for item in rows["units"] if item.kind == "gcp.storage.bucket"}
    assert {units[name] for name in ("app-prod", "data-prod", "lab")} == {"failed"}


def test_wanted_projects_only() -> None:
    def project(name: str, number: str) -> Answer:
        return Answer(body={"name": f"projects/{number}", "projectId": name, "state": "ACTIVE"})

    exchanges = [
        Exchange("GET", "/v3/projects/app-prod", (project("app-prod", "300000000001"),)),
        Exchange("GET", "/v3/projects/secret", (error(403, "PERMISSION_DENIED"),)),
        Exchange("GET", "/v1/projects/app-prod/assets", (Answer(body={}),)),
    ]
    with replay(*exchanges) as server:
        one = driver(server.url, ("gcp.storage.bucket",), wanted=("app-prod", "secret"))
        rows = swept(one)
        assert one.provider == "gcp"
        assert [job.name for job in one.plan().jobs] == ["gcp/projects/app-prod"]
    assert {item.account: item.status for item in rows["units"]} == {"app-prod": "empty", "secret": "denied"}


def test_no_organisation_is_said() -> None:
    exchanges = [Exchange("GET", "/v3/organizations:search", (Answer(body={}),))]
    with replay(*exchanges) as server:
        plan = driver(server.url, ("gcp.storage.bucket",)).plan()
    assert {job.name for job in plan.jobs} == {"gcp/projects/app-prod", "gcp/projects/data-prod", "gcp/projects/lab"}
    assert "other projects may exist" in plan.notes[0]


def test_a_project_from_elsewhere_is_asked_by_itself() -> None:
    other = {"name": "projects/7", "projectId": "partner", "parent": "folders/999", "state": "ACTIVE"}
    with replay(Exchange("GET", "/v3/projects:search", (Answer(body={"projects": [other]}),))) as server:
        plan = driver(server.url, ("gcp.storage.bucket",)).plan()
    # the organisation's inventory would answer "nothing" for it
    assert [job.name for job in plan.jobs] == [f"gcp/{ORG}", "gcp/projects/partner"]


def test_a_named_organisation_that_refuses_is_still_planned() -> None:
    denied = error(403, "PERMISSION_DENIED")
    api = error(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED", service="cloudresourcemanager.googleapis.com")
    exchanges = [
        Exchange("GET", f"/v3/{ORG}", (denied,)),
        Exchange("GET", "/v3/folders", (denied,), {"parent": ORG}),
        Exchange("GET", "/v3/projects", (api,), {"parent": ORG}),
    ]
    with replay(*exchanges) as server:
        plan = driver(server.url, ("gcp.storage.bucket",), organisation=ORG).plan()
    assert [job.name for job in plan.jobs] == [f"gcp/{ORG}"]
    assert {gap.cause for gap in plan.gaps} == {"denied", "failed"}
    assert plan.units == ()  # the job answers them


def test_an_asset_of_a_project_we_were_not_shown_is_kept() -> None:
    asset = {
        "name": "//storage.googleapis.com/hidden",
        "assetType": "storage.googleapis.com/Bucket",
        "ancestors": ["projects/999", "folders/200000000002", ORG],
        "resource": {"data": {"name": "hidden", "location": "EU"}},
    }
    page = Exchange("GET", ASSETS, (Answer(body={"assets": [asset]}),), {"contentType": "1", "pageToken": None})
    with replay(page) as server:
        rows = swept(driver(server.url, ("gcp.storage.bucket",)))
    assert {item.account for item in rows["stores"] if item.store_id.endswith("hidden")} == {"projects/999"}


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (exceptions.RetryError("late", cause=exceptions.TooManyRequests("slow")), "throttled"),  # type: ignore[no-untyped-call]
        (exceptions.Unauthorized("who"), "denied"),  # type: ignore[no-untyped-call]
        (ValueError("odd"), "failed"),
        (exceptions.NotFound("no"), "failed"),  # type: ignore[no-untyped-call]
    ],
)
def test_other_errors(raised: Exception, status: str) -> None:
    assert trouble_of(raised).status == status


# --- kinds: every expression is reached, and the service's own list reads as the inventory does -------------------


@functools.cache
def fixtures() -> GcpAnswers:
    found = GcpAnswers()
    for exchange in load_exchanges(REPLAY):
        for answer in exchange.answers:
            if exchange.path.endswith("/assets"):
                found.take("", answer.status, answer.body, kinds())
            elif exchange.path.startswith(("/spanner.", "/bigtableadmin.")) and answer.status == 200:
                found.take(f"https:/{exchange.path}", answer.status, answer.body, kinds(), "data-prod")
    return found


@functools.cache
def fixture_records() -> tuple[tuple[str, Record], ...]:
    records = list(fixtures().records(kinds()))
    for name, record in records:
        if name == "gcp.cloudresourcemanager.project":
            record.data["above"] = [{"role": "roles/viewer", "members": ["user:a@example.com"]}]
    return tuple(records)


@pytest.mark.parametrize("name", sorted(kinds()))
def test_fixtures_reach_every_expression(name: str) -> None:
    kind = kinds()[name]
    missed = {where: text for where, text in kind.expressions() if where[0] != "list"}
    context = {"provider": "gcp", "account": "app-prod", "region": "global", "partition": "gcp"}
    for found, record in fixture_records():
        if found == name:
            for where in _reached_by(kind, record, context):
                missed.pop(where, None)
    allowed = {text for text in missed.values() if text in REACHED_ELSEWHERE}
    assert set(missed.values()) == allowed


REACHED_ELSEWHERE = {
    "resource.data.gcrDomain == 'eu.gcr.io'",
    "resource.data.gcrDomain == 'us.gcr.io' || resource.data.gcrDomain == 'gcr.io'",
    # true for nothing but an upload in progress: the unknown place it stands for is tested above
    "resource.data.storageLocations[0]",
}


# their items do not say what the inventory knows: the storage policy in force, a place, the number of the project
SAYS_LESS = {"gcp.pubsub.topic", "gcp.bigtableadmin.backup", "gcp.cloudresourcemanager.project", "gcp.bigquery.table"}


def shown(kind: Kind, record: Record, name: str) -> set[tuple[str, str, str]]:
    rows = map_record(kind, record, asked(name))
    return {(item.role, item.location, item.target) for item in rows["placements"]}


def listed(kind: Kind, data: Any) -> Any:
    """The answer of the service's own list with one item."""
    path, items = kind.list_.path or "", kind.list_.items or "@"
    if "/aggregated/" in path:
        return {"items": {"somewhere": {path.rpartition("/")[2]: [data]}}}
    return data if items == "@" else {items.removesuffix("[]"): [data]}


def examples(name: str) -> Iterator[tuple[dict[str, Any], str, Record]]:
    for found, record in fixture_records():
        asset = record.data
        if found == name and asset.get("resource", {}).get("data") and ORG not in asset["name"]:
            account = next(iter(re.split(r"(?:projects|organizations)/", asset["name"])[1:]), "x/").split("/")[0]
            yield asset["resource"]["data"], account, record


@pytest.mark.parametrize("name", sorted(kinds()))
def test_own_list_reads_as_the_inventory(name: str) -> None:
    kind = kinds()[name]
    compared = 0
    for data, account, record in examples(name):
        asset = record.data
        parent = "/".join(asset["name"].split("/")[3:5])
        (wrapped,) = wrap(kind, listed(kind, data), account, parent, asset["resource"]["location"])
        if name != "gcp.cloudresourcemanager.project":
            assert wrapped["name"] == asset["name"]
        if name not in SAYS_LESS:
            details = {key: value for key, value in asset.items() if key in {"config", "clusters"}}
            again = Record({**wrapped, **details}, "x", record.failed)
            assert shown(kind, again, name) == shown(kind, record, name)
        compared += 1
    assert compared or name == "gcp.cloudresourcemanager.organization"


def addresses(kind: Kind, account: str, region: str) -> Iterator[str]:
    """Where a list may have been asked: every place or one, regional hosts, other versions of the API."""
    path = (kind.list_.path or "").split("?")[0]
    host, _, rest = path.partition("/")
    rest = rest.replace("{project}", account).replace("{location}", region)
    rest = re.sub(r"\{\w+\}", "app-prod" if "organizations/" in rest else "any-one", rest)
    plain = host.replace("{location}-", "")
    hosts = {host.replace("{location}", region), plain, f"{region}-{plain}", plain.replace(".", f".{region}.rep.", 1)}
    for one in sorted(hosts):
        yield f"https://{one}/{rest}?alt=json&pageSize=100"
    yield f"https://{plain}/{rest.replace('/-/', f'/{region}/')}"
    beta = re.sub(r"(^|/)v([0-9])[a-z0-9]*/", r"\1v\2beta1/", rest)
    yield f"https://{plain}/{beta}"
    if "/aggregated/" in rest:
        yield f"https://{plain}/{rest.replace('/aggregated/', f'/zones/{region}-a/')}"
        yield f"https://www.googleapis.com/{rest.replace('/aggregated/', f'/regions/{region}/')}"


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_list_is_read_wherever_it_was_asked(name: str) -> None:
    kind = kinds()[name]
    data, account, record = next(examples(name), ({"name": ORG, "displayName": "x"}, "x", None))
    region = (record.data["resource"].get("location") if record else "") or "asia-northeast1"
    for url in addresses(kind, account, region):
        body = listed(kind, data)
        if "aggregated" in (kind.list_.path or "") and "/aggregated/" not in url:
            body = {"items": [data]}
        found = GcpAnswers()
        found.take(url, 200, body, kinds())
        assert list(found.assets) == [name], url
        if record and name not in {"gcp.cloudresourcemanager.project"}:
            assert list(found.assets[name]) == [record.data["name"]], url
        assert found.unread == 0


@pytest.mark.parametrize("name", sorted(name for name, kind in kinds().items() if kind.list_.asset_type))
def test_a_search_hit_is_a_store_with_its_gaps(name: str) -> None:
    hit = {
        "name": "//x.googleapis.com/projects/app-prod/x/y",
        "assetType": kinds()[name].list_.asset_type,
        "project": "projects/300000000001",
        "displayName": "y",
        "location": "asia-northeast1",
        "labels": {"data-class": "communication-content"},
        "kmsKeys": ["projects/p/locations/us/keyRings/r/cryptoKeys/k"],
    }
    if name == "gcp.orgpolicy.policy":
        hit["name"] = "//orgpolicy.googleapis.com/projects/app-prod/policies/gcp.resourceLocations"
    found = GcpAnswers()
    found.take("https://cloudasset.googleapis.com/v1/projects/x:searchAllResources", 200, {"results": [hit]}, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    (store,) = rows["stores"]
    assert store.account == "app-prod"
    assert {item.field for item in rows["gaps"]} >= {"placement", "key", "grants"}
    assert ("data-class", "communication-content") in {(item.key, item.value) for item in rows["labels"]}
    assert all(item.custody in {"customer-managed", "external"} for item in rows["keys"])
    assert found.unread == 0


DISK = {"name": "vm", "zone": "projects/p/zones/us-central1-a", "sizeGb": "10"}
DISK_ASSET = {
    "name": "//compute.googleapis.com/projects/p/zones/us-central1-a/disks/vm",
    "assetType": "compute.googleapis.com/Disk",
}


@pytest.mark.parametrize(
    ("body", "stores"),
    [
        ({"assets": [{"asset": {**DISK_ASSET, "resource": {"data": DISK}}, "window": {}}]}, 1),
        ({"assets": [{"asset": {**DISK_ASSET, "resource": {"data": DISK}}, "deleted": True}]}, 0),
        ({"results": [{**DISK_ASSET, "location": "us-central1-a"}]}, 1),
        ({"results": [{**DISK_ASSET, "versionedResources": [{"version": "v1", "resource": DISK}]}]}, 1),
        ({"results": [{"resource": DISK_ASSET["name"], "assetType": DISK_ASSET["assetType"], "policy": {}}]}, 1),
        ([DISK_ASSET], 1),
        ([{**DISK, "selfLink": "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/disks/vm"}], 1),
        (
            [{"name": "projects/p/instances/i/databases/d", "state": "READY", "encryptionConfig": {"kmsKeyName": "k"}}],
            1,
        ),
        ([{"name": "odd"}], 0),
        ("odd", 0),
    ],
)
def test_forms_of_assets(body: Any, stores: int) -> None:
    found = GcpAnswers()
    found.take("", 200, body, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    assert len(rows["stores"]) == stores
    assert bool(found.unread) == (not stores and "deleted" not in str(body))


def test_a_hit_takes_nothing_from_what_is_known() -> None:
    full, hit = {**DISK_ASSET, "resource": {"data": DISK}}, {**DISK_ASSET, "location": "us-central1-a"}
    shapes: list[set[tuple[str, str]]] = []
    for order in ([full, hit], [hit, full], [full]):
        found = GcpAnswers()
        for item in order:
            found.take("", 200, [item], kinds())
        rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
        shapes.append({(item.role, item.location) for item in rows["placements"]} | {("gap", "") for _ in rows["gaps"]})
    assert shapes[0] == shapes[1] == shapes[2] == {("primary", "us-central1")}


POLICY_ON = "//cloudresourcemanager.googleapis.com/projects/7"


@pytest.mark.parametrize(
    ("url", "body", "labels"),
    [
        (
            "https://cloudresourcemanager.googleapis.com/v1/organizations/1:listOrgPolicies",
            {"policies": [{"constraint": "constraints/gcp.resourceLocations", "listPolicy": {"allValues": "DENY"}}]},
            {("denyAll", "true")},
        ),
        (
            "https://orgpolicy.googleapis.com/v2/projects/7/policies",
            {
                "policies": [
                    {
                        "name": "projects/7/policies/gcp.resourceLocations",
                        "spec": {"rules": [{"values": {"allowedValues": ["in:eu-locations"]}}]},
                    }
                ]
            },
            {("allowedValues", "in:eu-locations")},
        ),
        (
            "https://cloudasset.googleapis.com/v1/organizations/1:analyzeOrgPolicies",
            {
                "orgPolicyResults": [
                    {
                        "consolidatedPolicy": {
                            "attachedResource": POLICY_ON,
                            "rules": [{"values": {"allowedValues": ["in:jp-locations"]}}],
                        },
                        "policyBundle": [{"constraint": "constraints/gcp.resourceLocations"}],
                    }
                ]
            },
            {("allowedValues", "in:jp-locations")},
        ),
        (
            "https://cloudresourcemanager.googleapis.com/v1/projects/7:listOrgPolicies",
            {
                "policies": [
                    {"constraint": "constraints/storage.publicAccessPrevention", "booleanPolicy": {"enforced": True}}
                ]
            },
            {("enforce", "true")},
        ),
    ],
)
def test_policies_of_the_organisation(url: str, body: Any, labels: set[tuple[str, str]]) -> None:
    found = GcpAnswers()
    found.take(url, 200, body, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    (store,) = rows["stores"]
    assert store.kind == "gcp.orgpolicy.policy"
    assert {(item.key, item.value) for item in rows["labels"]} >= labels


def test_policies_are_stores_of_their_own_and_complete_nothing(whole: Rows) -> None:
    labels = {(item.store_id.rpartition("/")[2], item.key, item.value) for item in whole["labels"]}
    allowed = "in:asia-northeast1-locations,in:asia-northeast2-locations"
    assert ("gcp.resourceLocations", "allowedValues", allowed) in labels
    assert ("gcp.resourceLocations", "deniedValues", "in:us-locations") in labels
    assert ("gcp.resourceLocations", "constraint", "gcp.resourceLocations") in labels
    assert "closed" not in {item.status for item in whole["units"]}


def test_grants_of_the_places_above_reach_a_project(whole: Rows) -> None:
    reach = {item.principal for item in whole["grants"] if item.store_id.endswith("projects/300000000002")}
    assert reach >= {"user:auditor@auditor.example.com", "group:admins@example.co.jp"}
    names = tuple(f"gcp.cloudresourcemanager.{name}" for name in ("folder", "organization", "project"))
    refused = Exchange("GET", ASSETS, (error(403, "PERMISSION_DENIED"),), {"contentType": "2"})
    with replay(refused) as server:
        rows = swept(driver(server.url, names))
    gaps = [item.message for item in rows["gaps"] if item.store_id.endswith("projects/300000000002")]
    assert any("folders/200000000001" in text and "organizations/100000000001" in text for text in gaps)


def test_what_a_list_could_not_reach_is_a_gap() -> None:
    names = ("gcp.compute.disk",)
    denied = error(403, "PERMISSION_DENIED")
    scopes = {
        "zones/us-central1-a": {"disks": [DISK]},
        "zones/us-east1-b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}},
        "zones/us-west1-a": {"warning": {"code": "UNREACHABLE"}},
    }
    answer = Exchange(
        "GET", "/compute.googleapis.com/compute/v1/projects/lab/aggregated/disks", (Answer(body={"items": scopes}),)
    )
    assets = Exchange("GET", "/v1/projects/lab/assets", (denied,))
    project = {"name": "projects/3", "projectId": "lab", "state": "ACTIVE"}
    with replay(assets, answer, Exchange("GET", "/v3/projects/lab", (Answer(body=project),))) as server:
        rows = swept(driver(server.url, names, wanted=("lab",)))
    (unit,) = rows["units"]
    assert (unit.status, unit.code, unit.stores) == ("failed", "unreachable", 1)
    assert "us-west1-a" in unit.message
    assert "us-east1-b" not in unit.message


def test_a_refused_list_in_a_recording_is_a_gap() -> None:
    found = GcpAnswers()
    body = error(403, "PERMISSION_DENIED").body
    found.take("https://redis.googleapis.com/v1/projects/p/locations/-/instances", 403, body, kinds())
    rows = found.rows(kinds(), catalogue(), account="p", seen_at=WHEN, scope=Scope())
    assert [(item.kind, item.cause) for item in rows["gaps"]] == [("gcp.redis.instance", "denied")]


@pytest.mark.parametrize(
    ("url", "kind", "store"),
    [
        (
            "https://pubsub.googleapis.com/v1/projects/p/topics/t:getIamPolicy",
            "gcp.pubsub.topic",
            "projects/p/topics/t",
        ),
        (
            "https://cloudresourcemanager.googleapis.com/v3/folders/7:getIamPolicy",
            "gcp.cloudresourcemanager.folder",
            "folders/7",
        ),
        ("https://www.googleapis.com/storage/v1/b/photos/iam", "gcp.storage.bucket", "storage.googleapis.com/photos"),
        (
            "https://compute.googleapis.com/compute/v1/projects/p/global/snapshots/s/getIamPolicy",
            "gcp.compute.snapshot",
            "projects/p/global/snapshots/s",
        ),
        ("//unknown/v1-projects-p-getIamPolicy", "gcp.cloudresourcemanager.project", "projects/p"),
    ],
)
def test_recorded_policies_find_their_store(url: str, kind: str, store: str) -> None:
    found = GcpAnswers()
    found.take(url, 200, {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    assert [(item.kind, item.principal) for item in rows["grants"]] == [(kind, "allUsers")]
    assert rows["grants"][0].store_id.endswith(store)


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [
        (
            "get-bigquery.googleapis.com-bigquery-v2-projects-p-datasets_1",
            "gcp.bigquery.dataset",
            {"datasets": [{"datasetReference": {"projectId": "p", "datasetId": "d"}, "location": "EU"}]},
        ),
        (
            "get-us-east1-aiplatform.googleapis.com-v1-projects-p-locations-us-east1-endpoints_2",
            "gcp.aiplatform.endpoint",
            {"endpoints": [{"name": "projects/p/locations/us-east1/endpoints/1"}]},
        ),
        ("get-compute-v1-projects-p-zones-us-east1-b-disks_1", "gcp.compute.disk", {"items": [DISK]}),
        (
            "get-v1-projects-p-instances_1",
            "gcp.spanner.instance",
            {
                "instances": [
                    {"name": "projects/p/instances/i", "config": "projects/p/instanceConfigs/nam3", "nodeCount": 1}
                ]
            },
        ),
        ("get-v1-projects-p-topics_1", "gcp.pubsub.topic", {"topics": [{"name": "projects/p/topics/t"}]}),
        ("patch-v1-projects-p-topics-t_1", None, {"name": "projects/p/topics/t"}),
        ("get-v1-projects-p-things_1", None, {"things": []}),
    ],
)
def test_a_file_name_stands_in_for_an_address(tmp_path: Path, name: str, kind: str | None, body: Any) -> None:
    (tmp_path / f"{name}.json").write_text(json.dumps({"headers": {"status": "200"}, "body": body}))
    found = read_gcp_answers([tmp_path / f"{name}.json"], kinds(), account="p")
    assert list(found.assets) == ([kind] if kind else [])
    assert found.unread == (kind is None and not name.startswith("patch-"))


@pytest.mark.parametrize(
    ("text", "stores"),
    [
        (json.dumps([DISK_ASSET]), 1),
        (f"{json.dumps(DISK_ASSET)}\n{json.dumps({**DISK_ASSET, 'name': '//x'})}\n", 2),
        (
            json.dumps(
                [
                    {
                        "request": "POST https://cloudasset.googleapis.com/v1/x:searchAllResources",
                        "status": "200 OK",
                        "body": {"results": [DISK_ASSET]},
                    }
                ]
            ),
            1,
        ),
        (
            json.dumps(
                [
                    {
                        "request": "POST https://compute.googleapis.com/compute/v1/projects/p/zones/z/disks",
                        "status": "200 OK",
                        "body": DISK,
                    }
                ]
            ),
            0,
        ),
        (json.dumps({"headers": {"status": "odd"}, "body": {"assets": [DISK_ASSET]}}), 1),
    ],
)
def test_forms_of_files(tmp_path: Path, text: str, stores: int) -> None:
    (tmp_path / "x.json").write_text(text)
    found = read_gcp_answers([tmp_path / "x.json"], kinds())
    assert sum(len(assets) for assets in found.assets.values()) == stores


def read(*answers: tuple[str, int, Any], account: str = "") -> Rows:
    found = GcpAnswers()
    for url, status, body in answers:
        found.take(url, status, body, kinds())
    return found.rows(kinds(), catalogue(), account=account, seen_at=WHEN, scope=Scope())


def places_of(rows: Rows) -> list[tuple[str, str]]:
    return [(item.role, item.location or "?") for item in rows["placements"]]


@pytest.mark.parametrize(
    ("name", "asset_type", "kind"),
    [
        ("//storage.googleapis.com/b", "google.cloud.storage.Bucket", "gcp.storage.bucket"),
        ("bigtable.googleapis.com/projects/p/instances/i", "google.bigtable.Instance", "gcp.bigtableadmin.instance"),
        ("//cloudsql.googleapis.com/projects/p/instances/i", "google.cloud.sql.Instance", "gcp.sqladmin.instance"),
        ("//compute.googleapis.com/projects/p/zones/z/disks/d", "google.compute.Disk", "gcp.compute.disk"),
        ("//x.googleapis.com/projects/p/things/t", "google.x.Thing", None),
        ("", "google.x.Thing", None),
    ],
)
def test_types_of_the_first_exports(name: str, asset_type: str, kind: str | None) -> None:
    policy = {"bindings": [{"role": "roles/storage.legacyBucketReader", "members": ["allUsers"]}]}
    rows = read(("", 200, [{"name": name, "asset_type": asset_type, "iam_policy": policy}]))
    assert {item.kind for item in rows["stores"]} == ({kind} if kind else set())
    if kind == "gcp.storage.bucket":
        assert [(item.principal, item.external) for item in rows["grants"]] == [("allUsers", "yes")]


@pytest.mark.parametrize("path", ["organizations/1/folders/2/projects/p", "organization/1/folder/2/project/p"])
def test_a_path_from_above_names_the_project(path: str) -> None:
    rows = read(("", 200, [{"name": "//storage.googleapis.com/b", "asset_type": BUCKET, "ancestry_path": path}]))
    assert [item.account for item in rows["stores"]] == ["p"]


BUCKET = "storage.googleapis.com/Bucket"


def exported(name: str, asset_type: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "asset_type": asset_type, "resource": {"version": "v1", "data": data}}]


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        (
            exported(
                "//compute.googleapis.com/projects/p/global/snapshots/s",
                "compute.googleapis.com/Snapshot",
                {"name": "s", "storageLocation": ["asia"]},
            ),
            [("backup", "ASIA")],
        ),
        (
            exported(
                "//dataproc.googleapis.com/projects/p/regions/global/clusters/c",
                "dataproc.googleapis.com/Cluster",
                {"clusterName": "c", "config": {"gceClusterConfig": {"zoneUri": "https://x/zones/europe-west3-a"}}},
            ),
            [("primary", "europe-west3")],
        ),
        (
            exported(
                "//file.googleapis.com/projects/p/locations/us-east1-b/instances/i",
                "file.googleapis.com/Instance",
                {"replication": {"role": "NEW_WORD", "replicas": [{"peerInstance": "projects/p/x"}]}},
            ),
            [("primary", "us-east1"), ("replica", "?")],
        ),
    ],
)
def test_odd_words_of_places(assets: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert places_of(read(("", 200, assets))) == expected


BIGQUERY = "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets"
DATASET = {"datasetReference": {"projectId": "p", "datasetId": "d"}, "location": "EU"}


def test_a_list_of_datasets_or_tables_says_nothing_of_keys() -> None:
    table = {"tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"}, "type": "TABLE"}
    listed_ = read((BIGQUERY, 200, {"datasets": [DATASET]}), (f"{BIGQUERY}/d/tables", 200, {"tables": [table]}))
    assert {item.custody for item in listed_["keys"]} == {"unknown"}
    whole = read(
        (f"{BIGQUERY}/d", 200, {**DATASET, "etag": "x"}), (f"{BIGQUERY}/d/tables/t", 200, {**table, "etag": "x"})
    )
    assert {item.custody for item in whole["keys"]} == {"provider-managed"}


def test_a_dataset_says_who_may_read_it() -> None:
    access = [
        {"role": "OWNER", "specialGroup": "projectOwners"},
        {"role": "WRITER", "userByEmail": "a@example.com"},
        {"role": "READER", "userByEmail": "w@other.iam.gserviceaccount.com"},
        {"role": "READER", "specialGroup": "allAuthenticatedUsers"},
        {"view": {"projectId": "other", "datasetId": "d", "tableId": "v"}},
        {"dataset": {"dataset": {"projectId": "p", "datasetId": "e"}, "targetTypes": ["VIEWS"]}},
    ]
    rows = read((f"{BIGQUERY}/d", 200, {**DATASET, "etag": "x", "access": access}))
    assert {(item.principal, item.principal_account, item.access, item.external) for item in rows["grants"]} == {
        ("projectOwners", "p", "admin", "no"),
        ("user:a@example.com", "", "write", "unknown"),
        ("user:w@other.iam.gserviceaccount.com", "other", "read", "unknown"),
        ("allAuthenticatedUsers", "", "read", "yes"),
        ("projectViewer:other", "other", "read", "unknown"),
        ("projectViewer:p", "p", "read", "no"),
    }


ACL = "https://storage.googleapis.com/storage/v1/b/photos"
ENTRIES = [
    {"entity": "project-owners-7", "role": "OWNER", "bucket": "photos"},
    {"entity": "user-a-b@example.com", "role": "READER", "bucket": "photos"},
]


def test_access_control_lists_of_a_bucket() -> None:
    public = {"entity": "allUsers", "role": "READER", "bucket": "photos"}
    rows = read(
        (ACL, 200, {"name": "photos", "location": "EU"}),
        (f"{ACL}/acl", 200, {"kind": "storage#bucketAccessControls", "items": ENTRIES}),
        (f"{ACL}/acl/allUsers", 200, public),
        (f"{ACL}/acl/allUsers", 200, {**public, "role": "WRITER"}),
        (f"{ACL}/defaultObjectAcl", 200, {"kind": "storage#objectAccessControls", "items": [public]}),
    )
    assert {(item.principal, item.principal_account, item.access) for item in rows["grants"]} == {
        ("projectOwner:7", "7", "admin"),
        ("user:a-b@example.com", "", "read"),
        ("allUsers", "", "write"),
        ("allUsers", "", "read"),
    }
    assert places_of(rows) == [("primary", "EU")]
    alone = read(("//unknown/storage-v1-b-photos-acl", 200, {"items": ENTRIES}))
    assert [item.store_id for item in alone["stores"]] == ["//storage.googleapis.com/photos"]
    assert {item.field for item in alone["gaps"]} == {"placement"}
    assert read((f"{ACL}/acl", 200, {"odd": 1}))["stores"] == []


REDIS = "https://redis.googleapis.com/v1/projects/p/locations/-/instances"


def test_a_recording_that_ends_before_the_last_page_is_a_gap() -> None:
    one, two = ({"instances": [{"name": f"projects/p/locations/us-east1/instances/{n}"}]} for n in "ab")
    short = read((REDIS, 200, {**one, "nextPageToken": "t"}))
    assert [(item.kind, item.field, item.cause) for item in short["gaps"]] == [
        ("gcp.redis.instance", "listing", "skipped")
    ]
    whole = read((REDIS, 200, {**one, "nextPageToken": "t"}), (f"{REDIS}?pageToken=t", 200, two))
    assert (len(whole["stores"]), whole["gaps"]) == (2, [])
    assets = read(("", 200, {"assets": [DISK_ASSET], "nextPageToken": "t"}))
    assert ("", "listing", "skipped") in {(item.kind, item.field, item.cause) for item in assets["gaps"]}


def test_what_a_recorded_list_could_not_reach_is_a_gap() -> None:
    name = "projects/p/locations/us-east1/instances/a"
    rows = read((REDIS, 200, {"instances": [{"name": name}], "unreachable": ["projects/p/locations/us-west1"]}))
    assert [store.kind for store in rows["stores"]] == ["gcp.redis.instance"]
    assert [("us-west1" in item.message, item.field) for item in rows["gaps"]] == [(True, "listing")]


def test_names_as_some_tools_write_them() -> None:
    name = "projects/p/locations/asia-northeast1/instances/i"
    item = {
        "id": name,
        "name": "i",
        "link": f"https://www.googleapis.com/filestore/v1/{name}",
        "kms_key_name": "projects/p/locations/us/keyRings/r/cryptoKeys/k",
        "labels": {"data_class": "x"},
    }
    rows = read(("", 200, {"instances": [item]}))
    assert [(store.kind, store.store_id) for store in rows["stores"]] == [
        ("gcp.file.instance", f"//file.googleapis.com/{name}")
    ]
    assert [key.custody for key in rows["keys"]] == ["customer-managed"]
    assert [label.key for label in rows["labels"]] == ["data_class"]
    region = {"name": "r", "selfLink": "https://www.googleapis.com/compute/v1/projects/p/regions/r"}
    found = GcpAnswers()
    found.take("", 200, [region], kinds())
    assert list(found.unread_of) == ["www.googleapis.com/compute/v1/projects/p/regions/r"]
    console = {"name": "projects/p/locations/us-east1/models/m", "link": "https://console.cloud.google.com/x", "a_b": 1}
    assert [store.kind for store in read(("", 200, {"resources": [console]}))["stores"]] == ["gcp.aiplatform.model"]


CLUSTER = "projects/p/instances/i/clusters/c"
LOG = f"""GET https://storage.googleapis.com:443/storage/v1/b/photos?alt=json
User-Agent: x

404 Not Found
Server: x

{{"error": {{"code": 404}}}}

---

POST https://storage.googleapis.com/storage/v1/b?project=p
User-Agent: x

{{"name": "photos"}}

200 OK
Server: x

{{"name": "photos", "location": "ASIA"}}

---

GET https://storage.googleapis.com/storage/v1/b/photos
User-Agent: x

200 OK
Server: x

{{
  "name": "photos",
  "location": "EU"
}}

---

DELETE https://storage.googleapis.com/storage/v1/b/photos
User-Agent: x

204 No Content
Server: x


---

GRPC /google.bigtable.admin.v2.BigtableInstanceAdmin/ListClusters

{{"parent": "projects/p/instances/i"}}

OK

{{"clusters": [{{"name": "{CLUSTER}", "location": "projects/p/locations/us-east1-b"}}]}}

---

GRPC /google.bigtable.admin.v2.BigtableTableAdmin/GetBackup

{{"name": "{CLUSTER}/backups/gone"}}

error: rpc error: code = NotFound desc = no

{{}}

---

GRPC /google.bigtable.admin.v2.BigtableTableAdmin/GetBackup

{{"name": "{CLUSTER}/backups/b"}}

OK

{{"name": "{CLUSTER}/backups/b", "state": "READY"}}

---

GRPC /google.bigtable.admin.v2.BigtableTableAdmin/GetIamPolicy

{{"resource": "{CLUSTER}/backups/b"}}

OK

{{"bindings": [{{"role": "roles/viewer", "members": ["allUsers"]}}]}}

---

GRPC /google.pubsub.v1.Publisher/ListTopics

{{"project": "projects/p"}}

error: rpc error: code = PermissionDenied desc = no

{{}}

---

GRPC /google.pubsub.v1.Publisher/DeleteTopic

{{"topic": "projects/p/topics/t"}}

---

odd
"""


def test_a_log_of_requests_in_text(tmp_path: Path) -> None:
    (tmp_path / "_http.log").write_text(LOG)
    found = read_gcp_answers([tmp_path / "_http.log"], kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    assert {(item.kind.removeprefix("gcp."), item.role, item.location or "?") for item in rows["placements"]} == {
        ("storage.bucket", "primary", "EU"),
        ("bigtableadmin.cluster", "primary", "us-east1"),
        ("bigtableadmin.backup", "backup", "?"),
    }
    assert [(item.kind, item.principal) for item in rows["grants"]] == [("gcp.bigtableadmin.backup", "allUsers")]
    assert [(item.kind, item.cause) for item in rows["gaps"]] == [("gcp.pubsub.topic", "denied")]


def asked(name: str) -> Asked:
    return Asked("gcp", "own", "global", name, "gcp", WHEN, Scope(), lambda provider, place: None)


# --- recorded answers ----------------------------------------------------------------------------------------------


def recorded(name: str) -> tuple[Rows, GcpAnswers]:
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"recorded answers are not here: {path}")
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    found = read_gcp_answers(files, kinds(), account="cloud-custodian")
    scope = Scope(accounts=frozenset({"cloud-custodian"}), domains=frozenset({"example.co.jp"}), complete=True)
    return found.rows(kinds(), catalogue(), account="cloud-custodian", seen_at=WHEN, scope=scope), found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app-engine-europe-west3", {("processing", "europe-west3"): 1, ("primary", "EU"): 1, ("primary", "?"): 1}),
        ("artifact-registry", {("primary", "us-central1"): 1}),
        ("bigquery-dataset-us", {("primary", "US"): 1}),
        ("bigtable-backup", {("primary", "us-central1"): 2, ("backup", "?"): 1}),
        ("bigtable-instance", {("primary", "?"): 1}),
        ("vertexai-endpoints", {("processing", "us-central1"): 1, ("processing", "us-east1"): 1}),
        ("org-policy-domains", {("metadata", "global"): 1}),
        ("project-hierarchy", {("metadata", "global"): 5}),
        ("cai-bigquery-location.json", {("primary", "us-west2"): 1, ("primary", "EU"): 1, ("primary", "us-east4"): 1}),
        ("cai-bigquery-cmek.json", {("primary", "US"): 1, ("primary", "?"): 3, ("primary", "global"): 1}),
        (
            "cai-spanner-multi-region.json",
            {
                ("primary", "nam-eur-asia1"): 1,
                ("primary", "nam3"): 1,
                ("primary", "regional-europe-north1"): 1,
                ("primary", "regional-us-central1"): 1,
            },
        ),
        ("cai-sql-backup.json", {("primary", "europe-west1"): 7, ("backup", "?"): 3}),
        ("cai-storage-location.json", {("primary", "US"): 1, ("primary", "US-CENTRAL1"): 2, ("log", "?"): 2}),
        ("cloudsql-backup-runs", {("primary", "us-central1"): 1, ("backup", "?"): 2}),
        ("compute-snapshot", {("backup", "US"): 1}),
        ("compute-snapshot-uploading", {("backup", "?"): 1}),
        ("firestore-databases", {("primary", "us-east1"): 1, ("primary", "us-central1"): 1}),
        ("gcs-bucket-eu", {("primary", "EU"): 1}),
        ("gcs-bucket-list", {("primary", "US"): 8, ("primary", "US-CENTRAL1"): 2}),
        ("gcs-iam-service-account", {("primary", "US"): 1}),
        ("log-sink-storage", {("log", "?"): 1}),
        ("pubsub-subscription", {("primary", "?"): 1}),
        ("redis-clusters", {("primary", "us-central1"): 1, ("primary", "us-east1"): 1}),
        ("secret-manager", {("primary", "automatic"): 3}),
        ("spanner-europe-west1", {("primary", "regional-europe-west1"): 1}),
        ("kcc-gcs-autoclass.http.json", {("primary", "US"): 1}),
        (
            "kcc-cloudsql-replication-cluster.http.json",
            {("primary", "us-central1"): 1, ("primary", "us-east1"): 1, ("backup", "?"): 2},
        ),
    ],
)
def test_recorded_places(name: str, expected: dict[tuple[str, str], int]) -> None:
    rows, _ = recorded(name)
    assert Counter((item.role, item.location or "?") for item in rows["placements"]) == expected


@pytest.mark.parametrize(
    ("name", "places_"),
    [
        ("kcc-alloydb-secondary.http.json", {("primary", "us-west1"), ("replica", "europe-west8")}),
        ("kcc-memorystore-replication.http.json", {("primary", "us-central1"), ("primary", "us-east1")}),
        ("cai-appengine-location.json", {("processing", "us-central1"), ("processing", "australia-southeast1")}),
    ],
)
def test_recorded_copies(name: str, places_: set[tuple[str, str]]) -> None:
    rows, _ = recorded(name)
    assert {(item.role, item.location) for item in rows["placements"]} >= places_


def test_recorded_custom_spanner_configuration() -> None:
    path = RECORDED / "kcc-spanner-custom-config.http.json"
    if not path.exists():
        pytest.skip(f"recorded answers are not here: {path}")
    rows, found_ = recorded(path.name)
    assert {item.kind for item in rows["stores"]} == {"gcp.spanner.instance_config"}
    assert found_.unread == 0
    found = {(item.role, item.location) for item in rows["placements"]}
    assert found == {("primary", "us-central1"), ("primary", "us-east1"), ("metadata", "us-central2")}


def test_recorded_instance_takes_the_place_of_its_configuration() -> None:
    found = GcpAnswers()
    base = "https://spanner.googleapis.com/v1/projects/p"
    instance = {"name": "projects/p/instances/i", "config": "projects/p/instanceConfigs/custom-x"}
    config = {"name": instance["config"], "configType": 2, "replicas": [{"location": "us-east1", "type": 1}]}
    found.take(f"{base}/instances", 200, {"instances": [instance]}, kinds())
    alone = found.rows(kinds(), catalogue(), account="p", seen_at=WHEN, scope=Scope())
    assert [(item.role, item.location) for item in alone["placements"]][:1] == [("primary", "")]
    assert "placement" in {item.field for item in alone["gaps"]}
    found.take(f"{base}/instanceConfigs/custom-x", 200, config, kinds())
    rows = found.rows(kinds(), catalogue(), account="p", seen_at=WHEN, scope=Scope())
    assert places(rows, "instances/i") == {("primary", "gcp", "us-east1", "")}


def test_recorded_assets_that_no_kind_reads_are_counted_and_named() -> None:
    rows, found = recorded("cloud-asset-search")
    assert rows["stores"] == []
    assert found.unread == 2
    assert ["compute.googleapis.com/Instance" in item.message for item in rows["gaps"]] == [True]


def test_recorded_disabled_api_is_not_an_access_gap() -> None:
    rows, found = recorded("spanner-api-disabled")
    assert rows["stores"] == []
    assert (found.troubles["gcp.spanner.instance"].status, found.troubles["gcp.spanner.instance"].hides) == (
        "disabled",
        False,
    )


def test_recorded_grants() -> None:
    rows, _ = recorded("gcs-iam-service-account")
    assert {item.external for item in rows["grants"] if item.principal == "allAuthenticatedUsers"} == {"yes"}
    rows, _ = recorded("project-iam-policy")
    found = {item.principal: (item.principal_kind, item.external) for item in rows["grants"]}
    assert found["user:abc@gmail.com"][1] == "yes"
    assert found["allUsers"] == ("public", "yes")
    assert found["abcdefg"][0] == "unknown"
    rows, _ = recorded("cai-bigquery-world-readable.json")
    public = {item.store_id.rpartition("/")[2] for item in rows["grants"] if item.principal_kind == "public"}
    assert public == {"world-readable-allUsers", "world-readable-allAuthenticatedUsers", "world-readable-both"}
    assert {item.custody for item in rows["keys"]} == {"unknown"}


def test_recorded_custody() -> None:
    rows, _ = recorded("cai-storage-location.json")
    assert {(item.custody, item.key_location) for item in rows["keys"]} == {
        ("customer-managed", "us"),
        ("provider-managed", ""),
    }
    rows, _ = recorded("secret-manager")
    assert ("customer-managed", "global") in {(item.custody, item.key_location) for item in rows["keys"]}


def test_names_without_slashes_get_them() -> None:
    rows, _ = recorded("cai-storage-location.json")
    assert all(item.store_id.startswith("//storage.googleapis.com/") for item in rows["stores"])


def test_a_file_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match=r"x\.json"):
        read_gcp_answers([tmp_path / "x.json"], kinds())


@pytest.mark.parametrize(
    ("asset", "account", "owner"),
    [
        ({"name": DISK_ASSET["name"]}, "", "p"),
        ({"name": DISK_ASSET["name"]}, "named", "p"),
        ({"name": "//storage.googleapis.com/b"}, "named", "named"),
        ({"name": "//storage.googleapis.com/b", "ancestors": ["projects/7", "organizations/1"]}, "", "7"),
        ({"name": "//storage.googleapis.com/b", "resource": {"parent": f"{POLICY_ON}"}}, "", "7"),
        ({"name": "//storage.googleapis.com/b", "resource": {"data": {"projectNumber": 8}}}, "", "8"),
        ({"name": "//logging.googleapis.com/folders/9/sinks/s", "ancestors": ["folders/9"]}, "", "folders/9"),
        ({"name": "//storage.googleapis.com/b"}, "", ""),
    ],
)
def test_whose_an_asset_is(asset: dict[str, Any], account: str, owner: str) -> None:
    assert _owner(asset, account) == owner


@pytest.mark.parametrize(
    ("level", "custody"),
    [("EXTERNAL_VPC", "external"), (3, "external"), ("HSM", "customer-managed"), (2, "customer-managed")],
)
def test_words_may_be_numbers(level: Any, custody: str) -> None:
    name = "projects/p/locations/us/keyRings/r/cryptoKeys/k"
    found = GcpAnswers()
    url = f"https://cloudkms.googleapis.com/v1/{name}"
    found.take(url, 200, {"name": name, "primary": {"protectionLevel": level}}, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    assert [item.custody for item in rows["keys"]] == [custody]


def test_a_name_without_end_is_left_unread() -> None:
    found = GcpAnswers()
    found.take("", 200, [{"name": "projects/p/" + "locations/a/instances/" * 20_000}], kinds())
    assert (found.assets, found.unread) == ({}, 1)
    assert all(len(name) < 300 for name in found.unread_of)


ODD_KEYS = st.sampled_from(
    [
        "name",
        "assetType",
        "resource",
        "data",
        "location",
        "assets",
        "results",
        "items",
        "policies",
        "asset",
        "policy",
        "bindings",
        "role",
        "members",
        "labels",
        "kmsKeys",
        "versionedResources",
        "constraint",
        "listPolicy",
        "consolidatedPolicy",
        "policyBundle",
        "selfLink",
        "ancestors",
        "spec",
        "rules",
        "request",
        "status",
        "body",
        "headers",
        "replication",
    ]
)
ODD_TEXTS = (
    "projects/p/locations/us-east1/instances/i",
    "GET https://redis.googleapis.com/v1/projects/p/locations/-/x",
    "GRPC /google.pubsub.v1.Publisher/ListTopics",
    "GRPC",
)
ODD_VALUES = st.sampled_from(["", None, True, 7, "x", "200 OK", *DISK_ASSET.values(), *ODD_TEXTS])
ODD = st.recursive(ODD_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=5))
ODD_URLS = st.sampled_from(
    [
        "",
        "https://redis.googleapis.com/v1/projects/p/locations/-/instances",
        "https://compute.googleapis.com/compute/v1/projects/p/aggregated/disks",
        "https://cloudasset.googleapis.com/v1/projects/p:searchAllResources",
        "https://pubsub.googleapis.com/v1/projects/p/topics/t:getIamPolicy",
        "https://cloudresourcemanager.googleapis.com/v1/projects/p:listOrgPolicies",
        "//unknown/v1-projects-p-instances",
    ]
)


@given(ODD_URLS, ODD)
def test_an_odd_answer_never_stops_the_reading(url: str, body: Any) -> None:
    found = GcpAnswers()
    found.take(url, 200, body, kinds())
    for answer in _answers(body, Path("get-v1-x_1.json")):
        found.take(*answer, kinds())
    rows = found.rows(kinds(), catalogue(), account="", seen_at=WHEN, scope=Scope())
    assert {item.store_id for item in rows["placements"]} == {item.store_id for item in rows["stores"]}


def test_through_the_engine(tmp_path: Path) -> None:
    with replay() as server:
        rows = sweep([driver(server.url)], tmp_path / "journal", catalogue(), workers=2)
    assert {item.code for item in rows["units"]} & {"Unaccounted"} == set()
    home = {(item.role, item.location) for item in rows["placements"] if item.store_id.endswith("databases/book")}
    assert home == {("primary", "nam3")}  # where its instance lies
    custody = {item.store_id.rpartition("/")[2]: item.custody for item in rows["keys"]}
    assert custody["app-uploads"] == "customer-managed"
    assert custody["events"] == "external"  # its key is kept outside Google
