"""Azure Resource Graph: the same rows as objects, as a table and as CSV, and what was not selected."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloud import ROOT
from foreign import every_kind, messages, run, said, write

from residency.errors import InputError

TENANT = "11111111-1111-1111-1111-111111111111"
ACCOUNT = {
    "id": "/subscriptions/sub-1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/Media",
    "name": "Media",
    "type": "microsoft.storage/storageaccounts",
    "tenantId": TENANT,
    "kind": "StorageV2",
    "location": "japaneast",
    "resourceGroup": "g",
    "subscriptionId": "sub-1",
    "managedBy": "",
    "sku": {"name": "Standard_GRS", "tier": "Standard"},
    "plan": None,
    "properties": {
        "primaryLocation": "japaneast",
        "secondaryLocation": "japanwest",
        "encryption": {
            "keySource": "Microsoft.Keyvault",
            "keyvaultproperties": {"keyvaulturi": "https://v.vault.azure.net"},
        },
    },
    "tags": {"team": "web"},
}
VAULT = {
    "id": "/subscriptions/sub-1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v",
    "name": "v",
    "type": "microsoft.keyvault/vaults",
    "location": "japaneast",
    "resourceGroup": "g",
    "subscriptionId": "sub-1",
    "properties": {"vaultUri": "https://v.vault.azure.net/"},
    "tags": None,
}
OWNER = {
    "id": "/subscriptions/sub-1",
    "name": "Shop",
    "type": "microsoft.resources/subscriptions",
    "subscriptionId": "sub-1",
    "tenantId": TENANT,
    "properties": {"managedByTenants": [{"tenantId": "22222222-2222-2222-2222-222222222222"}]},
}
EXPECTED = {
    "store": "/subscriptions/sub-1/resourcegroups/g/providers/microsoft.storage/storageaccounts/media",
    "custody": "customer-managed",
    "gaps": ["grants", "placement"],
    "places": [("primary", "japaneast"), ("replica", ""), ("replica", "japanwest")],
    "grants": [],
}


def table(*rows: dict[str, Any], names: dict[str, str] | None = None) -> str:
    """The portal's CSV: objects as JSON text, nulls as ``null``."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([(names or {}).get(name, name) for name in columns])
    for row in rows:
        cells = [row.get(name) for name in columns]
        writer.writerow([cell if isinstance(cell, str) else json.dumps(cell) for cell in cells])
    return text.getvalue()


def test_the_same_rows_are_the_same_in_every_shape(tmp_path: Path) -> None:
    rows = [ACCOUNT, VAULT]
    columns = [{"name": name, "type": "string"} for name in ACCOUNT]
    shapes: dict[str, Any] = {
        "cli.json": {"count": 2, "data": rows, "skip_token": None, "total_records": 2},
        "rest.json": {"totalRecords": 2, "count": 2, "data": rows, "facets": [], "resultTruncated": "false"},
        "list.json": rows,
        "table.json": {
            "count": 2,
            "data": {"columns": columns, "rows": [[row.get(n) for n in ACCOUNT] for row in rows]},
        },
        "arm.json": {"value": rows},
        "lines.json": "".join(json.dumps(row) + "\n" for row in rows),
        "portal.csv": table(*rows),
        "upper.csv": "\ufeff" + table(*rows, names={name: name.upper() for name in ACCOUNT}),
        "shown.csv": table({**ACCOUNT, "type": "Storage account"}, {**VAULT, "type": "Key vault"}),
    }
    for name, content in shapes.items():
        found = run(write(tmp_path / name, content), form="resource-graph")
        assert said(found, "azure.storage.account") == EXPECTED, name
        key = next(row for row in found["keys"] if row.kind == "azure.storage.account")
        assert key.key_id.endswith("/microsoft.keyvault/vaults/v"), name
        assert [(row.key, row.value) for row in found["labels"]] == [("team", "web")], name
        assert {row.account for row in found["stores"]} == {"sub-1"}, name
        assert ("replica", "japanwest") in said(found, "azure.keyvault.vault")["places"], name


def test_subscriptions_say_who_else_manages_them(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "r.json", [ACCOUNT, OWNER]))
    assert said(rows, "azure.storage.account")["grants"] == ["22222222-2222-2222-2222-222222222222"]
    assert said(rows, "azure.storage.account")["gaps"] == ["grants", "key", "placement"]


@pytest.mark.parametrize(
    ("left_out", "gaps", "places", "custody"),
    [
        (("properties",), ["grants", "key", "placement"], [("primary", "japaneast"), ("replica", "")], "unknown"),
        (("sku",), ["grants", "key", "placement"],
         [("primary", "japaneast"), ("replica", ""), ("replica", "japanwest")], "customer-managed"),
        (("tags",), ["grants", "key", "labels", "placement"], EXPECTED["places"], "customer-managed"),
    ],
)  # fmt: skip
def test_a_column_that_was_not_selected_is_a_gap(
    tmp_path: Path, left_out: tuple[str, ...], gaps: list[str], places: list[tuple[str, str]], custody: str
) -> None:
    row = {name: value for name, value in ACCOUNT.items() if name not in left_out}
    for name, content in (("r.json", [row]), ("r.csv", table(row))):
        found = said(run(write(tmp_path / name, content), form="resource-graph"), "azure.storage.account")
        assert (found["gaps"], found["places"], found["custody"]) == (gaps, places, custody)


def test_properties_that_are_cut_off_are_not_known(tmp_path: Path) -> None:
    row = {**ACCOUNT, "properties": json.dumps(ACCOUNT["properties"])[:40]}
    rows = run(write(tmp_path / "r.csv", table(row)))
    assert said(rows, "azure.storage.account")["custody"] == "unknown"


def test_further_pages_that_are_not_there_are_a_gap(tmp_path: Path) -> None:
    page = {"count": 1, "data": [ACCOUNT], "skip_token": "x", "total_records": 2}
    first = write(tmp_path / "1.json", page)
    assert "1 more records than the files hold were found; ask for the further pages too" in messages(
        run(first), "scope"
    )
    second = write(tmp_path / "2.json", {**page, "data": [VAULT], "skip_token": None})
    assert not [text for text in messages(run(first, second)) if "further pages" in text]


def test_the_kinds_own_fixtures_are_read(tmp_path: Path) -> None:
    estate = yaml.safe_load((ROOT / "tests/replay/azure/estate.yaml").read_text(encoding="utf-8"))
    more = yaml.safe_load((ROOT / "tests/replay/azure/more.yaml").read_text(encoding="utf-8"))

    def rows_in(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            if isinstance(value.get("id"), str) and value["id"].startswith("/subscriptions/") and "type" in value:
                return [value]
            return [row for item in value.values() for row in rows_in(item)]
        return [row for item in value for row in rows_in(item)] if isinstance(value, list) else []

    rows = rows_in(estate) + rows_in(more)
    found = run(write(tmp_path / "all.json", rows), form="resource-graph")
    kinds = {row.kind for row in found["stores"]}
    assert len(kinds) > len([name for name in every_kind() if name.startswith("azure.")]) * 0.8


def test_types_of_no_kind_are_counted_and_broken_rows_are_gaps(tmp_path: Path) -> None:
    subnet = {**VAULT, "type": "microsoft.network/virtualnetworks"}
    text = table(ACCOUNT, subnet) + "a,b\n"
    file = write(tmp_path / "r.csv", text + "," * (len(ACCOUNT) - 1) + "\n")
    rows = run(file)
    assert "1 of type microsoft.network/virtualnetworks are of no kind" in messages(rows, "scope")
    assert messages(rows, "listing") == [
        f"{file}:4: a row of 2 cells under a header of {len(ACCOUNT)}",
        f"{file}:5: a row without an id of Azure; select id, name, type, location and properties",
    ]


def test_hostile_cells_stay_text(tmp_path: Path) -> None:
    row = {**ACCOUNT, "name": "=HYPERLINK(1)", "tags": {"<b>": "\x1b[2J", "n": 7}}
    rows = run(write(tmp_path / "r.csv", table(row)))
    assert rows["stores"][0].name == "=HYPERLINK(1)"
    assert {(row.key, row.value) for row in rows["labels"]} == {("<b>", "\x1b[2J"), ("n", "7")}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"data": {"columns": [{"name": "id"}], "rows": [[1, 2]]}}', "r.json:1: neither objects nor a table"),
        ('[{"name": "x"}]', "r.json:1: a row without an id"),
        ('{"data": [7]}', "r.json:1: not an object"),
    ],
)
def test_a_file_that_is_no_result_is_one_line(tmp_path: Path, content: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        run(write(tmp_path / "r.json", content), form="resource-graph")


def test_a_row_that_names_no_subscription_needs_one(tmp_path: Path) -> None:
    row = {"id": "/providers/Microsoft.KeyVault/vaults/v", "type": "microsoft.keyvault/vaults", "location": "japaneast",
           "properties": {"vaultUri": "https://v.vault.azure.net/"}}  # fmt: skip
    file = write(tmp_path / "r.json", [row])
    assert "1 rows name no account; name it with --account" in messages(run(file, form="resource-graph"))
    assert run(file, form="resource-graph", account="sub-9")["stores"][0].account == "sub-9"


@pytest.mark.parametrize("address", ["https://[", "https://v.vault.azure.net:port/", "//", "https://"])
def test_addresses_that_are_none_do_no_harm(tmp_path: Path, address: str) -> None:
    vault = {**VAULT, "properties": {"vaultUri": address}}
    key = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": {"keyvaulturi": address}}
    account = {**ACCOUNT, "properties": {**ACCOUNT["properties"], "encryption": key}}
    rows = run(write(tmp_path / "r.json", [vault, account]), form="resource-graph")
    assert {row.kind for row in rows["stores"]} == {"azure.keyvault.vault", "azure.storage.account"}
    assert said(rows, "azure.storage.account")["custody"] == "customer-managed"


def _estate() -> list[dict[str, Any]]:
    def rows_in(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            if isinstance(value.get("id"), str) and "/providers/" in value["id"] and "properties" in value:
                return [value]
            return [row for item in value.values() for row in rows_in(item)]
        return [row for item in value for row in rows_in(item)] if isinstance(value, list) else []

    files = (ROOT / "tests/replay/azure/estate.yaml", ROOT / "tests/replay/azure/more.yaml")
    return [row for file in files for row in rows_in(yaml.safe_load(file.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("column", ["kind", "location", "sku", "properties"])
def test_a_row_that_says_less_never_denies_what_it_said(tmp_path: Path, column: str) -> None:
    rows = [row for row in _estate() if column in row]
    assert len(rows) > 10
    full = run(write(tmp_path / "full.json", rows), form="resource-graph")
    bare = [{key: value for key, value in row.items() if key != column} for row in rows]
    less = run(write(tmp_path / "less.json", bare), form="resource-graph")
    assert {row.store_id for row in full["stores"]} <= {row.store_id for row in less["stores"]}
    custody = {row.store_id: row.custody for row in less["keys"]}
    roles = {(row.store_id, row.role) for row in less["placements"]}
    for row in full["keys"]:
        assert custody[row.store_id] in {row.custody, "unknown"}, row.store_id
    for row in full["placements"]:
        assert (row.store_id, row.role) in roles, (row.store_id, row.role)
