"""Azure: results of Resource Graph as JSON (objects or a table) and as CSV from the portal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from residency.collect.azure import (
    PROVIDER,
    REGION,
    Subscription,
    normal,
    read_resources,
    resource_record,
    table_rows,
    type_of,
    vault_of,
)
from residency.collect.boundary import boundary
from residency.collect.grants import Scope
from residency.collect.imports.gather import Gathered
from residency.collect.imports.items import Problem
from residency.collect.imports.shape import native_shape
from residency.collect.imports.stream import Head, json_rows, members, opened
from residency.collect.imports.stream import table_rows as csv_rows
from residency.collect.json_stream import Element
from residency.collect.mapping import Asked, map_record
from residency.collect.places import pair_in
from residency.collect.spec import Kind
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["LABEL", "import_graph"]

LABEL = "Azure Resource Graph"
_SUBSCRIPTION = "microsoft.resources/subscriptions"
_ANSWER = re.compile(
    r'\{\s*"(data|count|total_records|totalRecords|skip_token|\$skipToken|resultTruncated|result_truncated|facets|value)"'
)
_WORDS = (
    "id name type tenantId kind location resourceGroup subscriptionId managedBy sku plan properties tags identity zones"
)
_COLUMNS: Mapping[str, str] = {name.lower(): name for name in _WORDS.split(" ")}
_OBJECTS = ("sku", "properties", "tags", "identity", "plan")


@dataclass(slots=True)
class _Pages:
    """How many records answers hold, by the total they speak of."""

    read: Counter[int] = field(default_factory=Counter)

    def missing(self) -> int:
        return sum(max(0, total - count) for total, count in self.read.items())


def import_graph(
    heads: Mapping[Path, Head],
    kinds: Mapping[str, Kind],
    providers: Providers,
    gathered: Gathered,
    *,
    account: str = "",
) -> None:
    """Read every file into what is gathered; subscriptions first, which say who else manages them.

    Raises
    ------
    InputError
        When a file holds no row that can be read.
    """
    by_type = {kind.list_.asset_type: name for name, kind in kinds.items() if name.startswith(f"{PROVIDER}.")}
    shapes = {name: native_shape(kinds[name], LABEL) for name in by_type.values()}
    pair_of = pair_in(providers)
    owners: dict[str, Subscription] = {}
    for path, head in heads.items():
        for row in _rows(path, head, _Pages()):
            if not isinstance(row, Problem) and row["type"] == _SUBSCRIPTION and "properties" in row:
                owners |= _owner(row)
    gathered.met.add(PROVIDER)
    found, pages = Rows(), _Pages()
    vaults: dict[str, tuple[str, str, str]] = {}
    for path, head in heads.items():
        for row in gathered.read(path, _rows(path, head, pages)):
            owner = str(row.get("subscriptionId") or _part(row["id"]) or account)
            name = by_type.get(row["type"])
            if name is None:
                gathered.of_no_kind(row["type"], owner)
                continue
            if not owner:
                gathered.nameless[PROVIDER] += 1
            known = owners.get(owner.lower())
            with boundary() as caught:
                data = resource_record(row, known, pair_of, LABEL).data
                if known is None:
                    del data["subscription"]
                if data.get("location"):  # the pair of a place that is not known is not known either
                    data.setdefault("paired", None)
                told, record = shapes[name].record(data)
                asked = Asked(PROVIDER, owner, REGION, name, PROVIDER, gathered.seen_at, Scope(), pair_of)
                found.extend(map_record(told, record, asked))
                if row["type"].startswith("microsoft.keyvault/"):
                    vaults |= vault_of(data)
            gathered.stumbled(path, 0, caught)
    gathered.rows.extend(read_resources(found, providers, vaults))
    if missing := pages.missing():
        message = f"{missing} more records than the files hold were found; ask for the further pages too"
        gathered.note(PROVIDER, message)


def _rows(path: Path, head: Head, pages: _Pages) -> Iterator[dict[str, Any] | Problem]:
    with opened(path) as handle:
        if head.form == "csv":
            elements: Iterator[Element] = csv_rows(handle)
        elif _ANSWER.match(head.text):
            elements = _answer(handle, pages)
        else:
            elements = json_rows(handle, ())
        for element in elements:
            value = element.value
            if element.problem or not isinstance(value, dict):
                yield Problem(element.line, element.problem or "not an object")
                continue
            row = _row(value)
            if row["id"] and row["type"]:
                yield row
            else:
                yield Problem(
                    element.line, "a row without an id of Azure; select id, name, type, location and properties"
                )


def _answer(handle: IO[bytes], pages: _Pages) -> Iterator[Element]:
    facts: dict[str, Any] = {}
    count = 0
    for element in members(handle, "data", facts.__setitem__):
        count += 1
        yield element
    table = facts.get("data") if "data" in facts else facts.get("value") or []
    try:
        for row in table_rows(table):
            count += 1
            yield Element(1, row)
    except ValueError:  # a table whose rows do not fit its columns
        yield Element(1, None, "neither objects nor a table")
    total = facts.get("total_records", facts.get("totalRecords"))
    if isinstance(total, int):
        pages.read[total] += count


def _row(value: dict[str, Any]) -> dict[str, Any]:
    """A row with its columns as Resource Graph calls them, whatever the case; what was not selected is not there."""
    row = {_COLUMNS.get(str(name).strip().lower(), str(name)): content for name, content in value.items()}
    for name in _OBJECTS:
        if row.get(name) is not None and not isinstance(row[name], dict):
            del row[name]  # cut off or picked apart: not known
    kind = str(row.get("type") or "")
    made = normal({**row, "type": kind if "/" in kind else type_of(str(row.get("id") or ""))})
    # a null is said too, but for the properties: a resource always has some
    made |= {
        name: None for name, content in row.items() if content is None and name not in {"properties", "id", "type"}
    }
    if not made.get("properties"):
        made.pop("properties", None)
    return made


def _owner(row: Mapping[str, Any]) -> dict[str, Subscription]:
    name = str(row.get("subscriptionId") or _part(row["id"])).lower()
    properties = row["properties"]
    managed = tuple(
        sorted(str(one.get("tenantId")) for one in properties.get("managedByTenants") or () if isinstance(one, dict))
    )
    return {name: Subscription(name, str(row.get("name") or ""), str(row.get("tenantId") or ""), "", managed)}


def _part(name: str) -> str:
    return name.split("/")[2] if name.startswith("/subscriptions/") and name.count("/") > 1 else ""
