"""Azure: the real SDK against the replay server, and recorded answers through the same rules."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from hypothesis import given
from hypothesis import strategies as st

from residency.collect.azure import AzureDriver, azure_clients, permits, table_rows, trouble_of, type_of
from residency.collect.engine import sweep
from residency.collect.grants import Scope
from residency.collect.lint import _reached_by
from residency.collect.recorded_azure import AzureAnswers, _answers, read_azure_answers
from residency.collect.spec import Kind, load_kinds
from residency.data import DataFolders
from residency.errors import CredentialsError, InputError
from residency.inventory.tables import Rows
from residency.providers import Providers, load_providers
from residency.replay import Answer, Exchange, ReplayServer, load_exchanges

ROOT = Path(__file__).resolve().parents[2]
REPLAY = ROOT / "tests" / "replay" / "azure"
RECORDED = ROOT.parent / "shared" / "recorded" / "azure"
WHEN = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
OWN = "11111111-1111-1111-1111-111111111111"
DENIED = "22222222-2222-2222-2222-222222222222"
TENANT = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
OTHER_TENANT = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
DELEGATE = "cccccccc-cccc-cccc-cccc-cccccccccccc"
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
STORAGE = f"/subscriptions/{OWN}/providers/Microsoft.Storage/storageAccounts"
PERMISSIONS = f"/subscriptions/{OWN}/providers/Microsoft.Authorization/permissions"
DESCENDANTS = f"/providers/Microsoft.Management/managementGroups/{TENANT}/descendants"


@functools.cache
def kinds() -> Mapping[str, Kind]:
    return load_kinds(DataFolders(ROOT), ["azure"])


@functools.cache
def catalogue() -> Providers:
    return load_providers(DataFolders(ROOT))


def driver(url: str, names: tuple[str, ...] = (), **options: Any) -> AzureDriver:
    chosen = {name: kinds()[name] for name in names} if names else kinds()
    return AzureDriver(
        azure_clients(endpoint=url, pause=0.001, retries=2), chosen, catalogue(), lambda: WHEN, **options
    )


def swept(one: AzureDriver) -> Rows:
    plan, rows = one.plan(), Rows()
    rows.add(*plan.gaps, *plan.units)
    for job in plan.jobs:
        rows.extend(one.run(job))
    return rows


def error(status: int, code: str, message: str = "no", **headers: str) -> Answer:
    return Answer(status=status, headers=headers, body={"error": {"code": code, "message": message}})


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


def places(rows: Rows, end: str) -> set[tuple[str, str, str]]:
    found = [item for item in rows["placements"] if item.store_id.endswith(end)]
    return {(item.role, item.location, item.target.rpartition("/")[2]) for item in found}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (
            "storageaccounts/uploads",
            {("primary", "japaneast", ""), ("replica", "japanwest", ""), ("replica", "", "uploadscopy")},
        ),
        ("storageaccounts/uploadscopy", {("primary", "eastus", "")}),
        ("storageaccounts/oldgrs", {("primary", "japaneast", ""), ("replica", "japanwest", "")}),
        ("storageaccounts/onlyid", {("primary", "eastus", "")}),
        ("storageaccounts/onlyidtoo", {("primary", "", "")}),
        (
            "databaseaccounts/chat",
            {("primary", "japaneast", ""), ("replica", "southeastasia", ""), ("backup", "japanwest", "")},
        ),
        ("databaseaccounts/quiet", {("primary", "", ""), ("backup", "", "")}),
        ("servers/main", {("primary", "japaneast", ""), ("replica", "northeurope", "")}),
        (
            "databases/orders",
            {
                ("primary", "japaneast", ""),
                ("replica", "northeurope", ""),
                ("backup", "japaneast", ""),
                ("backup", "japanwest", ""),
            },
        ),
        ("databases/older", {("primary", "japaneast", ""), ("backup", "", "")}),
        ("databases/master", set()),
        ("vaults/prod-keys", {("primary", "japaneast", ""), ("replica", "japanwest", "")}),
        ("registries/images", {("primary", "japaneast", ""), ("replica", "westeurope", "")}),
        ("backupvaults/bv", {("backup", "japaneast", ""), ("backup", "japanwest", ""), ("backup", "koreacentral", "")}),
        ("redis/hot", {("primary", "japaneast", ""), ("replica", "eastus", "")}),
        (
            "namespaces/events",
            {
                ("primary", "japaneast", ""),
                ("replica", "japanwest", ""),
                ("replica", "", "uploadscopy"),
                ("metadata", "", "eventsfar"),
            },
        ),
        (
            "namespaces/bus",
            {("primary", "japaneast", ""), ("replica", "koreacentral", ""), ("metadata", "", "busfar")},
        ),
        ("accounts/ai", {("primary", "japaneast", ""), ("processing", "global", ""), ("processing", "", "")}),
        ("accounts/translate", {("primary", "global", "")}),
        ("factories/pipes", {("metadata", "eastus", "")}),
        ("iothubs/hub", {("primary", "westus", ""), ("failover", "eastus", "")}),
        ("workspaces/lake", {("primary", "japaneast", ""), ("replica", "japanwest", "")}),
        ("components/telemetry", {("log", "japaneast", ""), ("log", "", "logs")}),
        (
            "managedinstances/instance",
            {("primary", "japaneast", ""), ("replica", "koreacentral", ""), ("backup", "japanwest", "")},
        ),
        ("managedinstances/older", {("primary", "japaneast", ""), ("backup", "", "")}),
        ("cassandraclusters/ring", {("primary", "japaneast", ""), ("primary", "eastus2", "")}),
        ("mongoclusters/vcore", {("primary", "japaneast", "")}),
        (
            "datacollectionrules/rule",
            {
                ("processing", "japaneast", ""),
                ("log", "", "logs"),
                ("log", "", "rows"),
                ("log", "", "events"),
                ("log", "", "uploadscopy"),
            },
        ),
        ("servergroupsv2/citus", {("primary", "japaneast", "")}),
        ("deletedaccounts/closed", {("backup", "eastus", ""), ("replica", "", "")}),
        ("restorabledatabaseaccounts/gone", {("backup", "japaneast", ""), ("backup", "westus", "")}),
        ("accounts/aius", {("primary", "eastus2", ""), ("processing", "datazone-us", "")}),
        ("accounts/aieu", {("primary", "swedencentral", ""), ("processing", "datazone-eu", "")}),
        (
            "workspaces/logs",
            {("log", "japaneast", ""), ("replica", "australiaeast", ""), ("replica", "", "uploadscopy")},
        ),
        ("sqlpools/pool", {("primary", "japaneast", ""), ("backup", "japanwest", "")}),
        ("volumes/v1", {("primary", "japaneast", ""), ("replica", "southeastasia", "v1far"), ("backup", "", "nb")}),
        ("volumes/v2", {("primary", "japaneast", ""), ("replica", "eastus", "v2")}),
        ("volumes/v1far", {("replica", "southeastasia", "")}),
        ("storagesyncservices/sync", {("metadata", "japaneast", ""), ("cache", "", "s1")}),
        ("registrationassignments/a1", {("metadata", "global", "")}),
        ("service/apim", {("primary", "japaneast", ""), ("processing", "westeurope", "")}),
        ("configurationstores/conf", {("primary", "japaneast", ""), ("replica", "westeurope", "")}),
        ("communicationservices/service", {("primary", "europe", "")}),
        ("b2cdirectories/b2c_directory", {("primary", "europe", "")}),
        ("profiles/edge", {("cache", "global", "")}),
        ("versions/1.0.0", {("primary", "japaneast", ""), ("primary", "westeurope", ""), ("replica", "westus", "")}),
        ("redisenterprise/warm", {("primary", "japaneast", ""), ("replica", "", "warmfar")}),
        ("topics/egtopic", {("primary", "japaneast", ""), ("failover", "japanwest", "")}),
        ("monitors/datadog", {("log", "", "")}),
        ("registries/mlreg", {("primary", "japaneast", ""), ("primary", "westeurope", "")}),
    ],
)
def test_where_stores_lie(whole: Rows, end: str, expected: set[tuple[str, str, str]]) -> None:
    assert places(whole, end) == expected


def test_every_known_location_is_the_catalogues(whole: Rows) -> None:
    named = {(item.location_provider, item.location) for item in whole["placements"] if item.location}
    assert {item for item in named if catalogue().find(*item) is None} == set()


def test_every_unknown_place_without_target_is_a_gap(whole: Rows) -> None:
    unknown = {item.store_id for item in whole["placements"] if not item.location and not item.target}
    assert unknown
    assert unknown <= {item.store_id for item in whole["gaps"] if item.field == "placement"}


def test_every_unit_once_and_the_denied_subscription_is_a_gap(whole: Rows) -> None:
    units = Counter((item.account, item.kind) for item in whole["units"])
    assert set(units) == {(account, kind) for account in (OWN, DENIED) for kind in kinds()}
    assert set(units.values()) == {1}
    assert {item.status for item in whole["units"] if item.account == DENIED} == {"denied"}
    assert [(item.account, item.field) for item in whole["gaps"] if item.field == "scope"] == [(DENIED, "scope")]


def test_rows_cut_short(whole: Rows) -> None:
    gaps = {(item.field, item.cause) for item in whole["gaps"] if item.store_id.endswith("onlyidtoo")}
    assert gaps >= {("placement", "denied"), ("key", "denied"), ("grants", "denied")}
    assert {item.custody for item in whole["keys"] if item.store_id.endswith("onlyidtoo")} == {"unknown"}


def test_keys_name_their_vault(whole: Rows) -> None:
    keys = {item.store_id.rpartition("/")[2]: item for item in whole["keys"]}
    vault = next(item.store_id for item in whole["stores"] if item.store_id.endswith("vaults/prod-keys"))
    for name in ("uploads", "chat", "orders", "images", "events", "des", "lake"):
        assert (keys[name].custody, keys[name].key_id, keys[name].key_location) == (
            "customer-managed",
            vault,
            "japaneast",
        )
    assert keys["vm1"].key_id.endswith("/diskencryptionsets/des")
    assert keys["uploadscopy"].custody == "provider-managed"
    assert keys["find"].custody == "unknown"


def test_other_tenants_are_grants(whole: Rows) -> None:
    reach = [item for item in whole["grants"] if item.store_id.endswith("storageaccounts/uploads")]
    assert [item.principal for item in reach if item.principal_kind == "tenant"] == [OTHER_TENANT]
    assert {item.access for item in whole["grants"] if item.kind == "azure.kusto.cluster"} == {"read", "unknown"}
    assert {item.principal for item in whole["grants"] if item.store_id.endswith("registrationassignments/a1")} == {
        OTHER_TENANT,
        DELEGATE,
    }
    shares = [item for item in whole["grants"] if item.kind == "azure.compute.gallery"]
    gallery = {(item.principal_kind, item.external) for item in shares}
    assert {kind for kind, _ in gallery} == {"tenant", "unknown", "public"}
    assert "no" not in {external for _, external in gallery}


def test_role_assignments(whole: Rows) -> None:
    """Who is in a role of the whole subscription, and who below it; whose a principal is, the directory alone says."""
    kind_of = {item.store_id.rpartition("/")[2]: item.kind.rpartition(".")[2] for item in whole["stores"]}
    wide, narrow = "role_assignment", "role_assignment_below"
    assert [kind_of[name] for name in ("r1", "r2", "r3", "r4", "r5")] == [wide, wide, narrow, narrow, wide]
    found = {
        item.store_id.rpartition("/")[2]: (item.principal_kind, item.access, item.external, item.condition)
        for item in whole["grants"]
    }
    assert found["r1"] == ("user", "admin", "unknown", "none")
    assert found["r2"] == ("user", "write", "unknown", "none")
    assert found["r3"] == ("group", "read", "yes", "none")
    assert found["r4"] == ("user", "read", "yes", "unknown")
    assert found["r5"] == ("unknown", "unknown", "unknown", "none")
    assert kinds()[f"azure.authorization.{wide}"].account_wide
    assert not kinds()[f"azure.authorization.{narrow}"].account_wide


def test_assignments_below_reach_what_is_below(whole: Rows) -> None:
    below = [item for item in whole["grants"] if item.kind.endswith("role_assignment_below")]
    group = {item.store_id for item in below if item.principal.startswith("00000003")}
    one = {item.store_id.rpartition("/")[2] for item in below if item.principal.startswith("00000004")}
    assert one == {"r4", "uploads"}
    stores = {item.store_id for item in whole["stores"] if not item.kind.startswith("azure.authorization.")}
    prod = {name for name in stores if "/resourcegroups/prod/" in name}
    assert {name for name in group if not name.endswith("/r3")} == prod


def test_logs_and_costs_that_go_elsewhere(whole: Rows) -> None:
    assert places(whole, "diagnosticsettings/all") == {
        ("log", "", name) for name in ("uploadscopy", "events", "logs", "dd")
    }
    assert places(whole, "logprofiles/default") == {("log", "", "uploadscopy"), ("log", "", "events")}
    assert places(whole, "exports/monthly") == {("log", "", "uploadscopy")}
    told = [item for item in whole["gaps"] if item.field == "log"]
    assert [item.store_id for item in told] == [f"/subscriptions/{OWN}"]


def test_policies_on_places_are_recorded_and_complete_nothing(whole: Rows) -> None:
    (policy,) = [item for item in whole["stores"] if item.kind == "azure.authorization.policy_assignment"]
    labels = {(item.key, item.value) for item in whole["labels"] if item.store_id == policy.store_id}
    assert (policy.name, ("allowedLocations", "japaneast,japanwest") in labels) == ("Japan only", True)
    assert "closed" not in {item.status for item in whole["units"]}


def test_the_directory_lies_nobody_says_where(whole: Rows) -> None:
    (tenant,) = [item for item in whole["stores"] if item.kind == "azure.resources.tenant"]
    assert places(whole, tenant.store_id) == {("primary", "", "")}
    assert ("countryCode", "JP") in {
        (item.key, item.value) for item in whole["labels"] if item.store_id == tenant.store_id
    }
    assert "placement" in {item.field for item in whole["gaps"] if item.store_id == tenant.store_id}


def test_tenants_are_asked_once_however_many_subscriptions() -> None:
    both = [{"subscriptionId": name, "tenantId": TENANT, "state": "Enabled"} for name in (OWN, DENIED)]
    every = Exchange(
        "GET", f"/subscriptions/{DENIED}/providers/Microsoft.Authorization/permissions", (Answer(body={"value": []}),)
    )
    with replay(Exchange("GET", "/subscriptions", (Answer(body={"value": both}),)), every) as server:
        rows = swept(driver(server.url, ("azure.resources.tenant",)))
        asked = server.requests.count("GET /tenants")
    assert asked == 2  # planning, then the kind
    assert [item.status for item in rows["units"]] == ["seen", "seen"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(body={"value": []}), "empty"),
        (error(403, "AuthorizationFailed"), "denied"),
        (Answer(body={"values": []}), "failed"),
    ],
)
def test_how_a_list_that_resource_graph_does_not_have_ends(answer: Answer, status: str) -> None:
    path = f"/subscriptions/{OWN}/providers/Microsoft.CostManagement/exports"
    with replay(Exchange("GET", path, (answer,))) as server:
        rows = swept(driver(server.url, ("azure.costmanagement.export",)))
    assert {item.status for item in rows["units"] if item.account == OWN} == {status}
    assert bool([item for item in rows["gaps"] if item.account == OWN]) == (status != "empty")


def test_labels_and_identifiers(whole: Rows) -> None:
    labels = {(item.key, item.value) for item in whole["labels"] if item.store_id.endswith("storageaccounts/uploads")}
    assert ("note", "=1+1") in labels
    assert all(item.store_id == item.store_id.lower() for item in whole["stores"])


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (error(403, "AuthorizationFailed"), "denied"),
        (error(404, "SubscriptionNotFound"), "denied"),
        (error(429, "RateLimiting", **{"Retry-After": "0"}), "throttled"),
        (error(500, "InternalServerError"), "failed"),
        (Answer(text="<html>sign in</html>"), "failed"),
        (Answer(body={"totalRecords": 0, "count": 0, "data": "odd"}), "failed"),
        (Answer(body={"totalRecords": 5, "count": 0, "resultTruncated": "true", "data": []}), "failed"),
        (Answer(body={"totalRecords": 5, "count": 0, "resultTruncated": "false", "data": []}), "failed"),
        (Answer(body={"totalRecords": 0, "data": []}, truncate=3), "failed"),
    ],
)
def test_a_refused_query_never_reads_as_empty(answer: Answer, status: str) -> None:
    # databases have no list of their own to fall back on
    with replay(
        Exchange("POST", GRAPH, (answer,), body={"subscriptions": [OWN], "options": {"$skipToken": None}})
    ) as server:
        rows = swept(driver(server.url, ("azure.sql.database",)))
    (unit,) = [item for item in rows["units"] if item.account == OWN]
    assert (unit.status, unit.stores) == (status, 0)
    assert [item.field for item in rows["gaps"] if item.account == OWN] == ["listing"]


def test_a_page_that_fails_keeps_what_came_and_is_not_seen() -> None:
    bad = Exchange(
        "POST",
        GRAPH,
        (error(403, "AuthorizationFailed"),),
        body={"subscriptions": [OWN], "options": {"$skipToken": "page-2"}},
    )
    with replay(bad) as server:
        rows = swept(driver(server.url, ("azure.sql.database",)))
    (unit,) = [item for item in rows["units"] if item.account == OWN]
    assert (unit.status, unit.stores) == ("denied", 2)


def fallback(*answers: Answer) -> Rows:
    graph = Exchange("POST", GRAPH, (error(403, "AuthorizationFailed"),), body={"subscriptions": [OWN]})
    with replay(graph, Exchange("GET", STORAGE, answers, {"api-version": "2023-05-01"})) as server:
        return swept(driver(server.url, ("azure.storage.account",)))


def test_falls_back_to_the_providers_own_list() -> None:
    name = f"/subscriptions/{OWN}/resourceGroups/x/providers/Microsoft.Storage/storageAccounts/{{}}"
    row = {
        "type": "Microsoft.Storage/storageAccounts",
        "kind": "Storage",
        "location": "East US",
        "properties": {"a": 1},
    }
    pages = (
        Answer(
            body={
                "value": [{"id": name.format("a"), **row}],
                "nextLink": f"{{{{url}}}}{STORAGE}?api-version=2023-05-01",
            }
        ),
        Answer(body={"value": [{"id": name.format("b"), **row}]}),
    )
    rows = fallback(*pages)
    (unit,) = [item for item in rows["units"] if item.account == OWN]
    assert (unit.status, unit.stores) == ("seen", 2)
    assert {item.location for item in rows["placements"]} == {"eastus"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(body={"value": []}), "empty"),
        (error(403, "AuthorizationFailed"), "denied"),
        (error(409, "MissingSubscriptionRegistration"), "disabled"),
        (Answer(body={"values": []}), "failed"),
        (Answer(text="<html>"), "failed"),
    ],
)
def test_how_the_own_list_ends(answer: Answer, status: str) -> None:
    assert {item.status for item in fallback(answer)["units"] if item.account == OWN} == {status}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(body={"value": [{"actions": ["Microsoft.Compute/*"], "notActions": []}]}), "denied"),
        (Answer(body={"value": [{"actions": ["*"], "notActions": ["Microsoft.Sql/*"]}]}), "denied"),
        (Answer(body={"value": []}), "denied"),
        (error(403, "AuthorizationFailed"), "denied"),
        (Answer(body={"value": [{"actions": ["*"]}]}), "empty"),
    ],
)
def test_empty_only_where_nothing_can_be_left_out(answer: Answer, status: str) -> None:
    none = Answer(body={"totalRecords": 0, "count": 0, "resultTruncated": "false", "data": []})
    graph = Exchange("POST", GRAPH, (none,), body={"subscriptions": [OWN], "options": {"$skipToken": None}})
    with replay(graph, Exchange("GET", PERMISSIONS, (answer,))) as server:
        rows = swept(driver(server.url, ("azure.sql.database",)))
    assert {item.status for item in rows["units"] if item.account == OWN} == {status}
    assert bool([item for item in rows["gaps"] if item.account == OWN]) == (status != "empty")


def test_a_refused_detail_leaves_its_places_unknown() -> None:
    path = f"/subscriptions/{OWN}/resourcegroups/prod/providers/microsoft.sql/servers/main/failovergroups"
    exact = path.replace("failovergroups", "failoverGroups")
    with replay(Exchange("GET", exact, (error(403, "AuthorizationFailed"),))) as server:
        rows = swept(driver(server.url, ("azure.sql.server",)))
    assert places(rows, "servers/main") == {("primary", "japaneast", ""), ("replica", "", "")}
    assert {item.cause for item in rows["gaps"] if item.store_id.endswith("servers/main")} == {"denied"}


def test_a_refused_definition_of_a_delegation_is_a_gap() -> None:
    path = f"/subscriptions/{OWN}/providers/Microsoft.ManagedServices/registrationDefinitions/d1"
    with replay(Exchange("GET", path, (error(403, "AuthorizationFailed"),))) as server:
        rows = swept(driver(server.url, ("azure.managedservices.registration_assignment",)))
    assert DELEGATE not in {item.principal for item in rows["grants"]}
    assert ("grants", "denied") in {(item.field, item.cause) for item in rows["gaps"] if item.store_id.endswith("/a1")}


def test_a_refused_table_costs_only_its_kinds() -> None:
    columns = "project id, name, type, kind, location, tags, sku, properties | order by id asc"
    query = f"resources | where type in~ ('microsoft.sql/servers/databases') | {columns}"
    refused = Exchange(
        "POST", GRAPH, (error(403, "AuthorizationFailed"),), body={"subscriptions": [OWN], "query": query}
    )
    with replay(refused) as server:
        rows = swept(driver(server.url, ("azure.managedservices.registration_assignment", "azure.sql.database")))
    units = {item.kind: item.status for item in rows["units"] if item.account == OWN}
    assert units == {"azure.managedservices.registration_assignment": "seen", "azure.sql.database": "denied"}


def test_wanted_subscriptions_only() -> None:
    one = {"subscriptionId": OWN, "tenantId": TENANT, "displayName": "x", "state": "Deleted"}
    with replay(Exchange("GET", f"/subscriptions/{OWN}", (Answer(body=one),))) as server:
        made = driver(server.url, ("azure.sql.database",), wanted=(OWN, DENIED))
        rows = swept(made)
    assert made.provider == "azure"
    assert {item.account: item.status for item in rows["units"]} == {OWN: "skipped", DENIED: "denied"}
    assert {item.cause for item in rows["gaps"]} == {"skipped", "denied"}


def test_a_refused_list_of_subscriptions_is_a_gap() -> None:
    with replay(Exchange("GET", "/subscriptions", (error(403, "AuthorizationFailed"),))) as server:
        plan = driver(server.url, ("azure.sql.database",)).plan()
    assert [(unit.account, unit.status) for unit in plan.units] == [("subscriptions", "denied")]


def test_subscriptions_that_may_exist_are_said() -> None:
    with replay(Exchange("GET", DESCENDANTS, (error(403, "AuthorizationFailed"),))) as server:
        plan = driver(server.url, ("azure.sql.database",)).plan()
    assert "other subscriptions may exist" in plan.notes[0]


def test_no_credentials() -> None:
    with pytest.raises(CredentialsError, match="az login"):
        trouble_of(ClientAuthenticationError("DefaultAzureCredential failed"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/a/databases/b",
            "microsoft.sql/servers/databases",
        ),
        ("/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h", "e.f/g"),
        ("/subscriptions/s", ""),
        ("", ""),
    ],
)
def test_type_of_an_identifier(name: str, kind: str) -> None:
    assert type_of(name) == kind


def test_tables_and_objects() -> None:
    table = {"columns": [{"name": "id"}, {"name": "type"}], "rows": [["a", "b"]]}
    assert list(table_rows(table)) == list(table_rows([{"id": "a", "type": "b"}]))
    assert list(table_rows(["odd"])) == [{}]
    with pytest.raises(ValueError, match="neither"):
        list(table_rows("odd"))


def test_permissions_match_without_case() -> None:
    assert permits([{"actions": ["microsoft.storage/*/READ"]}], "Microsoft.Storage/storageAccounts/read")
    assert not permits([{"actions": ["*/write"]}], "Microsoft.Storage/storageAccounts/read")


# --- kinds: every expression is reached ---------------------------------------------------------------------------


@functools.cache
def fixtures() -> AzureAnswers:
    found = AzureAnswers()
    for exchange in load_exchanges(REPLAY):
        for answer in exchange.answers:
            if answer.status == 200:
                found.take("" if exchange.path == GRAPH else exchange.path, answer.body)
    return found


NOT_REACHABLE = {
    # where a partner keeps what it is sent, the partner alone says
    **{
        f"azure.{name}.monitor": {"properties.partnerRegion"}
        for name in ("datadog", "dynatrace", "elastic", "newrelic")
    },
    # what an unknown place is read from: absent by its own condition, and tested above
    "azure.documentdb.account": {"properties.locations", "properties", "!(properties)"},
    "azure.dataprotection.backup_vault": {"properties.storageSettings"},
    "azure.cognitiveservices.account": {"properties.dataZone"},
    # nothing that Azure answers says where a directory lies
    "azure.resources.tenant": {"dataLocation"},
}


@pytest.mark.parametrize("name", sorted(kinds()))
def test_fixtures_reach_every_expression(name: str) -> None:
    kind = kinds()[name]
    missed = {where: text for where, text in kind.expressions() if where[0] != "list"}
    context = {"provider": "azure", "account": OWN, "region": "global", "partition": "azure"}
    for found, record in fixtures().records(kinds(), catalogue()):
        if found == name:
            labelled = {**record.data, "tags": record.data.get("tags") or {"x": "y"}}
            record.data = labelled
            for where in _reached_by(kind, record, context):
                missed.pop(where, None)
    left = {text for where, text in missed.items() if not _absent(kind, where)}
    assert left - NOT_REACHABLE.get(name, set()) == set()


def _absent(kind: Kind, where: tuple[str | int, ...]) -> bool:
    """Whether the rule stands for an answer that does not say: its location can never be there."""
    if where[0] != "placements" or where[2] != "location":
        return False
    rule = kind.placements[int(where[1])]
    return bool(rule.when and rule.location and f"!({rule.location}" in rule.when)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"value": []}, ""),
        ({"error": {"code": "InternalServerError"}}, "it is an error, InternalServerError"),
        ({"value": None}, "it holds no list"),
        ({"status": "Ready"}, "it holds no list"),
    ],
)
def test_a_detail_that_does_not_answer_is_a_gap(body: Any, says: str) -> None:
    path = f"/subscriptions/{OWN}/resourcegroups/prod/providers/microsoft.cache/redis/hot/linkedServers"
    with replay(Exchange("GET", path, (Answer(body=body),))) as server:
        rows = swept(driver(server.url, ("azure.cache.redis",)))
    replicas = [item.location for item in rows["placements"] if item.role == "replica"]
    gaps = [item.message for item in rows["gaps"] if item.store_id.endswith("redis/hot")]
    assert replicas == ([""] if says else [])
    assert [message.partition(": ")[2] for message in gaps] == ([says] if says else [])


# --- recorded answers ----------------------------------------------------------------------------------------------


def recorded(name: str) -> tuple[Rows, AzureAnswers]:
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"recorded answers are not here: {path}")
    found = read_azure_answers([path])
    scope = Scope(tenants=frozenset({"home"}), complete=True)
    return found.rows(kinds(), catalogue(), seen_at=WHEN, scope=scope), found


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("app-insights.json", "insights", {("log", "centralus")}),
        ("backup-vault-lrs.json", "dataprotection", {("backup", "westeurope")}),
        ("cognitive-global.json", "cognitiveservices", {("primary", "global")}),
        ("container-group.json", "containerinstance", {("processing", "southcentralus")}),
        ("cosmosdb-two-regions.json", "documentdb", {("primary", "eastus"), ("replica", "centralus"), ("backup", "")}),
        ("data-factory.json", "datafactory", {("metadata", "eastus")}),
        ("databricks.json", "databricks", {("primary", "southcentralus"), ("replica", "northcentralus")}),
        ("datalake-store.json", "datalakestore", {("primary", "eastus2")}),
        ("diagnostic-settings-eventhub.json", "storage", {("primary", "japaneast"), ("replica", "japanwest")}),
        (
            "eventhub-geo-dr.json",
            "eventhub",
            {("primary", "southcentralus"), ("primary", "northcentralus"), ("metadata", "")},
        ),
        ("iothub-geo.json", "devices", {("primary", "westus"), ("failover", "eastus")}),
        ("kusto.json", "kusto", {("primary", "eastus")}),
        ("mariadb.json", "dbformariadb", {("primary", "eastus")}),
        ("mysql-single.json", "dbformysql", {("primary", "southcentralus")}),
        ("postgres-flexible.json", "dbforpostgresql", {("primary", "westus"), ("primary", "eastus")}),
        ("redis.json", "cache", {("primary", "centralus")}),
        ("resource-graph-page-skiptoken.json", "storage", {("primary", ""), ("replica", "")}),
        ("resource-graph-vs-arm-storage.json", "storage", {("primary", "southcentralus")}),
        ("sample-cosmosdb.json", "documentdb", {("primary", "eastus"), ("backup", "westus")}),
        ("sample-disk-cmk.json", "compute", {("primary", "westus")}),
        (
            "sample-sql-managed-instance.json",
            "sql",
            {("primary", "japaneast"), ("replica", ""), ("backup", "japanwest")},
        ),
        ("search.json", "search", {("primary", "southcentralus")}),
        ("servicebus.json", "servicebus", {("primary", "eastus"), ("metadata", "")}),
        (
            "sql-failover-group.json",
            "sql",
            {("primary", "eastus"), ("primary", "northeurope"), ("replica", "northeurope")},
        ),
        (
            "storage-list-grs.json",
            "storage",
            {
                ("primary", "westus"),
                ("replica", "eastus"),
                ("primary", "southcentralus"),
                ("replica", "northcentralus"),
            },
        ),
    ],
)
def test_recorded_places(name: str, kind: str, expected: set[tuple[str, str]]) -> None:
    rows, _ = recorded(name)
    found = {(item.role, item.location) for item in rows["placements"] if item.kind.split(".")[1] == kind}
    if name == "storage-list-grs.json" or kind == "eventhub":
        assert found >= expected
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("policy", "copies"),
    [
        ({"type": "Periodic", "periodicModeProperties": {"backupStorageRedundancy": "Geo"}}, {"japanwest"}),
        ({"type": "Periodic", "periodicModeProperties": {"backupStorageRedundancy": "Local"}}, set()),
        ({"type": "Periodic", "periodicModeProperties": {"backupIntervalInMinutes": 240}}, {""}),
        ({"type": "Continuous", "continuousModeProperties": {"tier": "Continuous7Days"}}, set()),
        (None, {""}),
    ],
)
def test_backups_of_cosmos_db(policy: Any, copies: set[str]) -> None:
    row = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.DocumentDB/databaseAccounts/a",
        "location": "West US",
        "properties": {"locations": [{"locationName": "Japan East", "failoverPriority": 0}], "backupPolicy": policy},
    }
    found = AzureAnswers()
    found.take("", [row])
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.location for item in rows["placements"] if item.role == "backup"} == copies


def test_recorded_storage_copies() -> None:
    rows, _ = recorded("storage-ragrs.json")
    copies = {(item.role, item.location) for item in rows["placements"] if item.role == "replica" and item.location}
    assert copies == {("replica", "westus"), ("replica", "eastus2")}
    rows, _ = recorded("storage-cmk-logprofile.json")
    assert {item.custody for item in rows["keys"] if item.kind == "azure.storage.account"} == {"customer-managed"}
    assert {(item.role, item.location) for item in rows["placements"] if item.location} == {
        ("primary", "centralus"),
        ("replica", "eastus2"),
    }


def test_recorded_replication_link_stays_in_its_region() -> None:
    rows, _ = recorded("sql-replication-link.json")
    found = {
        (item.role, item.location)
        for item in rows["placements"]
        if item.kind == "azure.sql.database" and item.role == "replica"
    }
    assert found == {("replica", "eastus")}


def test_recorded_long_term_backups() -> None:
    rows, found = recorded("sql-ltr-policy.json")
    kept = {
        (item.store_id.rpartition("/")[2], item.location) for item in rows["placements"] if "long-term" in item.note
    }
    assert ("cclongtermretentiondb", "eastus2") in kept
    assert found.unread == 0


def test_recorded_secondary_hint_is_no_replica() -> None:
    rows, _ = recorded("sql-database-secondary.json")
    assert "centralus" not in {item.location for item in rows["placements"]}
    assert {item.cause for item in rows["gaps"] if item.field == "placement"} == {"skipped", "malformed"}


def test_recorded_samples_with_odd_names() -> None:
    rows, _ = recorded("sample-storage-accounts.json")
    named = {(item.location_provider, item.location) for item in rows["placements"] if item.location}
    assert {name for _, name in named} >= {"eastus2stage", "northcentralusstage", "centraluseuap"}
    assert {item.custody for item in rows["keys"]} == {"customer-managed", "provider-managed"}
    rows, _ = recorded("sample-generic-resources.json")
    assert {item.custody for item in rows["keys"]} == {"unknown"}
    assert {item.field for item in rows["gaps"] if item.store_id} == {"placement", "key", "grants"}


def test_recorded_lighthouse_tenant() -> None:
    rows, found = recorded("managed-by-tenant.json")
    (subscription,) = found.subscriptions.values()
    assert subscription.managed_by == (subscription.tenant,)
    # the recording was scrubbed so that the managing tenant is the subscription's own
    assert [(item.kind, item.external) for item in rows["grants"]] == [("azure.resources.subscription", "no")]
    assert {item.kind for item in rows["stores"]} == {
        "azure.resources.subscription",
        "azure.insights.diagnostic_setting",
    }
    other = {"id": "/subscriptions/s", "subscriptionId": "s", "tenantId": "t", "managedByTenants": [{"tenantId": "u"}]}
    answers = AzureAnswers()
    answers.take("/subscriptions/s", other)
    scope = Scope(tenants=frozenset({"home"}), complete=True)
    rows = answers.rows(kinds(), catalogue(), seen_at=WHEN, scope=scope)
    assert [(item.principal, item.external) for item in rows["grants"]] == [("u", "yes")]


def test_recorded_role_assignments() -> None:
    rows, found = recorded("role-assignments.json")
    grants = [item for item in rows["grants"] if "role_assignment" in item.kind]
    assert (len(rows["stores"]), len(grants)) == (74, 74)
    assert Counter(item.value for item in rows["labels"] if item.key == "principalType") == {
        "User": 18,
        "ServicePrincipal": 56,
    }
    assert {item.external for item in grants} == {"unknown"}
    assert {item.access for item in grants} >= {"admin", "write"}
    assert found.unread_of == {"microsoft.compute/virtualmachines": 1}


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("cost-export.json", "azure.costmanagement.export", "storageaccounts/cccmstorageceqqwjzvp2dii"),
        (
            "diagnostic-settings-to-storage.json",
            "azure.insights.diagnostic_setting",
            "storageaccounts/diagnosticc129bfa71a47",
        ),
        ("diagnostic-settings-eventhub.json", "azure.insights.diagnostic_setting", "namespaces/jmonitoreh012768"),
        ("managed-by-tenant.json", "azure.insights.diagnostic_setting", "storageaccounts/cfbtjmypwym"),
        ("storage-cmk-logprofile.json", "azure.insights.log_profile", "storageaccounts/storagecfb11success"),
    ],
)
def test_recorded_logs_that_go_elsewhere(name: str, kind: str, target: str) -> None:
    rows, _ = recorded(name)
    found = {
        item.target.partition("/providers/")[2].partition("/")[2] for item in rows["placements"] if item.kind == kind
    }
    assert target in found


def test_an_assignment_of_a_management_group_reaches_every_subscription_below() -> None:
    group = "/providers/Microsoft.Management/managementGroups/mg"
    row = {
        "id": f"{group}/providers/Microsoft.Authorization/roleAssignments/r",
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {"principalId": "p", "principalType": "User", "scope": group},
    }
    found = AzureAnswers()
    for name in ("s1", "s2"):
        address = f"https://management.azure.com/subscriptions/{name}/providers/Microsoft.Authorization/roleAssignments"
        found.take(address, {"value": [row]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert [item.account for item in rows["stores"]] == ["s1", "s2"]
    assert len({item.store_id for item in rows["grants"]}) == 2


def test_recorded_tenant() -> None:
    rows, _ = recorded("tenants.json")
    assert [(item.kind, item.name) for item in rows["stores"]] == [
        ("azure.resources.tenant", "0" * 8 + "-0000-0000-0000-" + "0" * 12)
    ]


def test_recorded_pages_of_rows_without_properties() -> None:
    rows, found = recorded("resource-graph-page-skiptoken.json")
    assert {item.kind for item in rows["stores"]} == {"azure.servicebus.namespace", "azure.storage.account"}
    assert found.unread_of == {"microsoft.managedidentity/userassignedidentities": 1}


@pytest.mark.parametrize("name", ["dns-zone-global.json", "service-tags.json", "sample-locations.json"])
def test_recorded_answers_without_stores_are_counted_and_named(name: str) -> None:
    rows, found = recorded(name)
    assert rows["stores"] == []
    assert found.unread
    assert {item.cause for item in rows["gaps"]} == {"unsupported"}


BLOB = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redis/r",
    "location": "East US",
    "properties": {"sku": {"name": "Premium"}},
}


@pytest.mark.parametrize(
    ("status", "cause"), [(200, None), (403, "denied"), (401, "denied"), (500, "failed"), (0, "skipped")]
)
def test_a_recorded_refusal_of_a_detail_is_told_as_one(status: int, cause: str | None) -> None:
    found = AzureAnswers()
    found.take("", [BLOB])
    if status:
        found.take(f"https://management.azure.com{BLOB['id']}/linkedServers?api-version=x", {"value": []}, status)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.cause for item in rows["gaps"]} == ({cause} if cause else set())


@pytest.mark.parametrize(
    ("content", "stores"),
    [
        (
            {
                "interactions": [
                    {
                        "request": {"uri": "https://x/y"},
                        "response": {"status": {"code": 200}, "body": {"string": json.dumps(BLOB)}},
                    }
                ]
            },
            1,
        ),
        (
            {
                "interactions": [
                    {
                        "request": {"uri": "https://x/y"},
                        "response": {"status": {"code": 200}, "body": {"string": "<html>"}},
                    }
                ]
            },
            0,
        ),
        (
            {
                "interactions": [
                    {"request": {"uri": "https://x/y", "method": "DELETE"}, "response": {"body": {"data": BLOB}}}
                ]
            },
            0,
        ),
        (
            {
                "interactions": [
                    {"request": {"uri": "https://x/y"}, "response": {"status": {"code": 403}, "body": "no"}}
                ]
            },
            0,
        ),
        ({"interactions": [{}]}, 0),
        (
            {
                "networkCallRecords": [
                    {"Method": "GET", "Uri": "https://x/y", "Response": {"StatusCode": "200", "Body": json.dumps(BLOB)}}
                ]
            },
            1,
        ),
        (
            {
                "networkCallRecords": [
                    {"Method": "GET", "Uri": "https://x/y", "Response": {"StatusCode": "200", "Body": "{"}}
                ]
            },
            0,
        ),
        ({"data": "odd"}, 0),
        ({"data": [BLOB]}, 1),
        ([BLOB, 7], 1),
        (BLOB, 1),
        ({"value": [BLOB]}, 1),
        (None, 0),
    ],
)
def test_forms_of_files(tmp_path: Path, content: Any, stores: int) -> None:
    (tmp_path / "x.json").write_text(json.dumps(content))
    found = read_azure_answers([tmp_path / "x.json"])
    assert len(found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())["stores"]) == stores


def test_a_file_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(InputError, match=r"x\.json"):
        read_azure_answers([tmp_path / "x.json"])


HUB = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/n"
CAPTURED = {
    "id": f"{HUB}/eventhubs/h",
    "type": "Microsoft.EventHub/namespaces/eventhubs",
    "properties": {
        "captureDescription": {"enabled": True, "destination": {"properties": {"storageAccountResourceId": "/x/y"}}}
    },
}


def read(tmp_path: Path, content: Any, name: str = "x.json") -> tuple[Rows, AzureAnswers]:
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    found = read_azure_answers([tmp_path / name])
    return found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope()), found


CASSETTE = """
interactions:
- request:
    body: !!python/unicode '{"location": "westus"}'
    headers: {Accept: [application/json]}
    method: PUT
    uri: https://management.azure.com/subscriptions/s/providers/Microsoft.Cache/redis/r?api-version=x
  response:
    body: {string: '{"status": "Accepted"}'}
    status: {code: 202, message: Accepted}
- request:
    body: null
    method: GET
    uri: https://management.azure.com/subscriptions/s/providers/Microsoft.Cache/locations/eastus/operationsStatus/1
  response:
    body: {string: '{"status":"Succeeded"}'}
    status: {code: 200, message: OK}
- request:
    method: GET
    uri: https://management.azure.com/subscriptions/s/providers/Microsoft.Cache/redis?api-version=x
  response:
    body: {string: '{"value": [BLOB]}'}
    status: {code: 200, message: OK}
version: 1
"""
GO_VCR = """
version: 1
interactions:
- request: {body: "", url: "https://management.azure.com/subscriptions/s/providers/Microsoft.Cache/redis", method: GET}
  response: {body: '{"value": [BLOB]}', headers: {}, status: 200 OK, code: 200, duration: 1s}
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.yaml", CASSETTE),
        ("x.yml", GO_VCR),
        (
            "x.json",
            {
                "Entries": [
                    {"RequestUri": "https://x/y", "RequestMethod": "GET", "StatusCode": 200, "ResponseBody": BLOB}
                ]
            },
        ),
        ("x.json", {"Entries": [{"RequestUri": "https://x/y", "StatusCode": 200, "ResponseBody": json.dumps(BLOB)}]}),
        (
            "x.json",
            {"recordings": [{"method": "GET", "url": "https://x/y", "status": 200, "response": json.dumps(BLOB)}]},
        ),
        (
            "x.json",
            {
                "log": {
                    "entries": [
                        {
                            "request": {"method": "GET", "url": "https://x/y"},
                            "response": {"status": 200, "content": {"text": json.dumps(BLOB)}},
                        }
                    ]
                }
            },
        ),
        ("x.json", [{"request": {"method": "GET", "url": "https://x/y"}, "status": 200, "body": BLOB}]),
        (
            "x.json",
            {
                "Entries": [
                    {"RequestUri": "https://x/y", "RequestMethod": "PUT", "StatusCode": 201, "ResponseBody": BLOB}
                ]
            },
        ),
        ("x.json", f"{json.dumps(BLOB)}\n{json.dumps(BLOB)}\n"),
    ],
)
def test_forms_of_recordings(tmp_path: Path, name: str, content: Any) -> None:
    if isinstance(content, str):
        content = content.replace("BLOB", json.dumps(BLOB))
    rows, found = read(tmp_path, content, name)
    assert [item.name for item in rows["stores"]] == ["r"]
    assert found.unread == 0


def test_a_yaml_file_that_is_none(tmp_path: Path) -> None:
    for content in ("a: [", "[" * 5000):
        (tmp_path / "x.yaml").write_text(content)
        with pytest.raises(InputError, match=r"x\.yaml"):
            read_azure_answers([tmp_path / "x.yaml"])


@pytest.mark.parametrize(
    ("pages", "cut"),
    [
        ([{"value": [BLOB], "nextLink": "https://x/subscriptions/s/providers/Microsoft.Cache/redis?p=2"}], True),
        ([{"value": [BLOB], "nextLink": "https://x/z"}, {"value": [{**BLOB, "id": BLOB["id"] + "2"}]}], False),
        ([{"value": [BLOB], "nextLink": None}], False),
        ([{"data": [BLOB], "count": 1, "$skipToken": "t", "resultTruncated": "false"}], True),
        ([{"data": [BLOB], "count": 1, "resultTruncated": "true"}], True),
        ([{"data": [BLOB], "count": 1, "resultTruncated": "false"}], False),
    ],
)
@pytest.mark.parametrize("url", ["", "https://x/subscriptions/s/providers/Microsoft.Cache/redis"])
def test_a_list_without_its_last_page_is_a_gap(url: str, pages: list[Any], cut: bool) -> None:
    found = AzureAnswers()
    for page in pages:
        found.take(url, page)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    gaps = [(item.account, item.kind, item.cause) for item in rows["gaps"] if item.field == "listing"]
    assert gaps == ([("s", "azure.cache.redis", "failed")] if cut else [])


def test_pages_about_one_resource_are_read_together() -> None:
    found, path = AzureAnswers(), f"{BLOB['id']}/linkedServers"
    links = [
        {"properties": {"serverRole": "Secondary", "linkedRedisCacheLocation": place}}
        for place in ("West US", "UK South")
    ]
    found.take("", BLOB)
    found.take(f"https://x{path}?api-version=x", {"value": links[:1], "nextLink": f"https://x{path}?api-version=x&p=2"})
    found.take(f"https://x{path}?api-version=x&p=2", {"value": links[1:]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.location for item in rows["placements"] if item.role == "replica"} == {"westus", "uksouth"}


@pytest.mark.parametrize(
    ("path", "status", "body", "cause"),
    [
        ("providers/Microsoft.Cache/redis", 403, {"error": {"code": "AuthorizationFailed"}}, "denied"),
        ("providers/Microsoft.Cache/redis", 429, {}, "throttled"),
        ("providers/Microsoft.Cache/redis", 200, {"error": {"code": "AuthorizationFailed"}}, "denied"),
        ("providers/Microsoft.Cache/redis", 404, {"error": {"code": "SubscriptionNotFound"}}, "failed"),
        ("resourceGroups/g/providers/Microsoft.Cache/redis/r", 404, {"error": {"code": "ResourceNotFound"}}, None),
    ],
)
def test_a_recorded_refusal_of_a_list_is_a_gap(path: str, status: int, body: Any, cause: str | None) -> None:
    found = AzureAnswers()
    found.take(f"https://management.azure.com/subscriptions/s/{path}", body, status)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    told = [(item.account, item.kind, item.cause) for item in rows["gaps"]]
    assert told == ([("s", "azure.cache.redis", cause)] if cause else [])


@pytest.mark.parametrize(
    "body", [{"error": {"code": "InternalServerError"}}, {"value": None}, {"value": {}}, [], "odd"]
)
def test_an_answer_that_does_not_answer_is_no_empty_list(body: Any) -> None:
    found = AzureAnswers()
    found.take("", BLOB)
    found.take(f"https://management.azure.com{BLOB['id']}/linkedServers", body)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.location for item in rows["placements"] if item.role == "replica"} == {""}
    assert {item.field for item in rows["gaps"] if item.store_id} == {"placement"}


def test_a_resource_known_only_from_its_parts() -> None:
    for url in ("", f"https://management.azure.com{HUB}/eventhubs"):
        found = AzureAnswers()
        found.take(url, {"value": [CAPTURED]})
        rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
        assert [(item.kind, item.name) for item in rows["stores"]] == [("azure.eventhub.namespace", "n")]
        assert ("replica", "/x/y") in {(item.role, item.target) for item in rows["placements"]}
        assert ("primary", "") in {(item.role, item.location) for item in rows["placements"]}
        assert {item.custody for item in rows["keys"]} == {"unknown"}


def test_diagnostic_settings_under_another_name() -> None:
    found = AzureAnswers()
    properties = {"storageAccountId": "/s/a", "workspaceId": "/s/w", "marketplacePartnerId": "/t/p"}
    name = "subscriptions/s/providers/AzureResourceManager/diagnosticSettings/d"
    found.take("", {"value": [{"id": name, "type": None, "name": "d", "properties": properties}]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.target for item in rows["placements"]} == {"/s/a", "/s/w", "/t/p"}
    assert found.unread == 0


def test_a_part_under_the_type_of_its_whole_is_no_second_one() -> None:
    base = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/x"
    found = AzureAnswers()
    found.take(
        "", {"value": [{"id": base, "type": "Microsoft.Sql/servers", "location": "eastus", "properties": {"a": 1}}]}
    )
    part = {"id": f"{base}/administrators/ActiveDirectory", "type": "Microsoft.Sql/servers", "properties": {"a": 1}}
    found.take("", {"value": [part]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert [item.name for item in rows["stores"]] == ["x"]
    assert found.unread_of == {"microsoft.sql/servers/administrators": 1}


def test_subscriptions_under_one_masked_identifier() -> None:
    found = AzureAnswers()
    items = [{"id": "/subscriptions/0000", "subscriptionId": name, "displayName": name} for name in ("a", "b")]
    found.take("https://management.azure.com/subscriptions?api-version=2016-06-01", {"value": items})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {(item.account, item.store_id) for item in rows["stores"]} == {
        ("a", "/subscriptions/a"),
        ("b", "/subscriptions/b"),
    }


def test_parts_of_nothing_known_are_named() -> None:
    name = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/locations/JapanEast/instanceFailoverGroups/f"
    found = AzureAnswers()
    found.take("", {"value": [{"id": name, "properties": {"replicationRole": "Primary"}}]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert [(item.account, item.cause) for item in rows["gaps"]] == [("s", "unsupported")]
    assert found.unread_of == {"microsoft.sql/locations/instancefailovergroups": 1}


@pytest.mark.parametrize("kind", ["DBforMySQL", "DBforPostgreSQL"])
@pytest.mark.parametrize(("own", "custody"), [("Enabled", "unknown"), ("Disabled", "provider-managed")])
def test_flexible_servers_as_the_first_versions_told_of_them(kind: str, own: str, custody: str) -> None:
    found = AzureAnswers()
    found.take(
        "",
        {
            "id": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.{kind}/flexibleServers/x",
            "location": "Japan East",
            "properties": {"byokEnforcement": own, "storageProfile": {"geoRedundantBackup": "Enabled"}},
        },
    )
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {(item.role, item.location) for item in rows["placements"]} == {
        ("primary", "japaneast"),
        ("backup", "japanwest"),
    }
    assert {item.custody for item in rows["keys"]} == {custody}


def test_parts_read_one_by_one_may_not_be_all() -> None:
    found = AzureAnswers()
    found.take("", {"id": HUB, "location": "East US", "sku": {"name": "Standard"}, "properties": {"status": "Active"}})
    found.take(f"https://management.azure.com{HUB}/eventhubs/h", CAPTURED)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert ("replica", "/x/y") in {(item.role, item.target) for item in rows["placements"]}
    assert "single answers of arm.EventHubs_ListByNamespace" in " ".join(item.message for item in rows["gaps"])


@pytest.mark.parametrize(
    ("allowed", "containers", "public", "known"),
    [
        (False, None, False, True),
        (True, None, False, False),
        (None, None, False, False),
        (True, [{"name": "c", "properties": {"publicAccess": "Container"}}], True, True),
        (None, [{"name": "c", "properties": {"publicAccess": "Blob"}}], True, True),
        (True, [{"name": "c", "properties": {"publicAccess": "None"}}, {"name": "d", "properties": {}}], False, True),
    ],
)
def test_public_containers(allowed: bool | None, containers: Any, public: bool, known: bool) -> None:
    name = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    found = AzureAnswers()
    found.take(
        "", {"id": name, "location": "East US", "kind": "Storage", "properties": {"allowBlobPublicAccess": allowed}}
    )
    if containers is not None:
        found.take(f"https://x{name}/blobServices/default/containers", {"value": containers})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert [(item.principal_kind, item.external) for item in rows["grants"]] == ([("public", "yes")] if public else [])
    assert ({item.field for item in rows["gaps"] if item.store_id} == set()) == known


def test_object_replication_that_names_accounts_plainly() -> None:
    base = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts"
    policy = {"properties": {"sourceAccount": "from", "destinationAccount": "to"}}
    found = AzureAnswers()
    for name in ("from", "to"):
        found.take(
            "",
            {
                "id": f"{base}/{name}",
                "location": "East US",
                "kind": "StorageV2",
                "properties": {"allowBlobPublicAccess": False},
            },
        )
        found.take(f"https://x{base}/{name}/objectReplicationPolicies", {"value": [policy]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    copies = {(item.store_id.rpartition("/")[2], item.target) for item in rows["placements"] if item.role == "replica"}
    assert copies == {("from", f"{base}/to".lower())}


@pytest.mark.parametrize("named", ["lake", "https://lake.dfs.core.windows.net", "lake.blob.core.windows.net", "other"])
def test_a_storage_account_named_by_its_host(named: str) -> None:
    base = "/subscriptions/s/resourceGroups/g/providers"
    account = f"{base}/Microsoft.Storage/storageAccounts/lake"
    found = AzureAnswers()
    found.take("", {"id": account, "location": "East US", "properties": {"a": 1}})
    properties = {"defaultDataLakeStorage": {"accountUrl": named}}
    found.take("", {"id": f"{base}/Microsoft.Synapse/workspaces/w", "location": "East US", "properties": properties})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    targets = {item.target for item in rows["placements"] if item.target}
    assert targets == {named if named == "other" else account.lower()}


def test_failover_groups_of_the_other_managed_instances_are_not_its_own() -> None:
    base = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql"
    found = AzureAnswers()
    for name in ("one", "one-more"):
        properties = {"currentBackupStorageRedundancy": "Local"}
        found.take("", {"id": f"{base}/managedInstances/{name}", "location": "japaneast", "properties": properties})
    pair = {"primaryManagedInstanceId": f"{base}/managedInstances/ONE-more", "partnerManagedInstanceId": "x"}
    group = {
        "replicationRole": "Primary",
        "partnerRegions": [{"location": "West US"}],
        "managedInstancePairs": [pair],
    }
    address = f"https://x{base}/locations/JapanEast/instanceFailoverGroups"
    found.take(address, {"value": [{"properties": group}]})
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    copies = {
        (item.store_id.rpartition("/")[2], item.location) for item in rows["placements"] if item.role == "replica"
    }
    assert copies == {("one-more", "westus")}


ODD_KEYS = st.sampled_from(
    [
        "id",
        "name",
        "type",
        "location",
        "properties",
        "value",
        "data",
        "columns",
        "rows",
        "subscriptionId",
        "tenantId",
        "managedByTenants",
        "sku",
        "tags",
        "scope",
        "principalId",
        "parameters",
        "interactions",
        "networkCallRecords",
        "Entries",
        "recordings",
        "nextLink",
        "error",
        "request",
        "response",
        "Response",
        "status",
        "body",
        "Body",
        "code",
        "uri",
    ]
)
ODD_VALUES = st.sampled_from(
    [
        "",
        None,
        True,
        7,
        "x",
        "200",
        "/subscriptions/s",
        "/tenants/t",
        BLOB["id"],
        "Microsoft.Cache/redis",
        "https://x/y",
    ]
)
ODD = st.recursive(ODD_VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=5))


@given(st.sampled_from(["", "https://x/subscriptions/s/providers/y", "https://x/tenants"]), ODD)
def test_an_odd_answer_never_stops_the_reading(url: str, body: Any) -> None:
    found = AzureAnswers()
    found.take(url, body)
    for at, status, answer in _answers(body):
        found.take(at, answer, status)
    rows = found.rows(kinds(), catalogue(), seen_at=WHEN, scope=Scope())
    assert {item.store_id for item in rows["placements"]} == {item.store_id for item in rows["stores"]}


def test_through_the_engine(tmp_path: Path) -> None:
    with replay() as server:
        rows = sweep([driver(server.url)], tmp_path / "journal", catalogue(), workers=2)
    assert {item.code for item in rows["units"]} & {"Unaccounted"} == set()
    copies = {item.location for item in rows["placements"] if item.store_id.endswith("storageaccounts/uploads")}
    assert copies == {"japaneast", "japanwest", "eastus"}
    custody = {item.store_id.rpartition("/")[2]: item.custody for item in rows["keys"]}
    assert custody["vm1"] == "customer-managed"
