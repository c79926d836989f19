"""Unknown never means no: whatever is taken away from a row, nothing that was seen turns into its absence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlrows
from cloud import WHEN, catalogue
from foreign import cases, every_kind, types
from state import attributes, columns

from residency.collect.imports.gather import Gathered
from residency.collect.imports.items import Item
from residency.collect.imports.spec import Source
from residency.collect.imports.tables import Tables
from residency.inventory.tables import Rows

SOURCES: tuple[Source, ...] = ("terraform", "steampipe", "cloudquery", "config")
_PLACES = ("region", "availability_zone", "availabilityzone", "location", "arn")
EVERY = [(source, name) for source in SOURCES for name in sorted(cases(source))]


def mapped(source: Source, name: str, row: dict[str, Any]) -> Rows:
    gathered = Gathered("x", "", WHEN)
    tables = Tables(source, every_kind(), types(), catalogue(), gathered, "111122223333", "ap-northeast-1")
    tables.take(Path("x"), [Item(name, row)])
    tables.finish()
    return gathered.rows


def whole(source: Source, name: str) -> dict[str, Any]:
    given = cases(source)[name]["row"]
    if source == "terraform":
        return attributes(name, given)
    if source == "config":
        return {"accountId": "111122223333", "awsRegion": "ap-northeast-1", "resourceName": "n", "resourceId": "n",
                "tags": {}, "supplementaryConfiguration": {}, **given}  # fmt: skip
    return sqlrows.row(source, name, given)


def lesser(source: Source, name: str, row: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The row without one column; of an item of AWS Config, without one property too."""
    for column in sorted(columns(types()[source, name]) & set(row)):
        yield column, {key: value for key, value in row.items() if key != column}
    for part in ("configuration", "supplementaryConfiguration") if source == "config" else ():
        for inner in sorted(row.get(part, {})):
            kept = {key: value for key, value in row[part].items() if key != inner}
            yield f"{part}.{inner}", {**row, part: kept}


@pytest.mark.parametrize(("source", "name"), EVERY)
def test_a_row_that_says_less_never_denies_what_it_said(source: Source, name: str) -> None:
    foreign = types()[source, name]
    row = whole(source, name)
    full = mapped(source, name, row)
    unset = {".".join(chain) for field in foreign.fields if field.unset for chain in field.reads}
    places = {(item.role, item.location, item.target) for item in full["placements"]}
    custody, grants = full["keys"][0].custody, {item.principal for item in full["grants"]}
    for column, less in lesser(source, name, row):
        if any(chain == column or chain.startswith(f"{column}.") for chain in unset) and "." in column:
            continue  # the source leaves it out where it is not set: its absence is an answer
        rows = mapped(source, name, less)
        if not rows["stores"]:
            assert any(gap.field == "listing" for gap in rows["gaps"]), column
            continue
        gaps = {gap.field for gap in rows["gaps"]}
        found = {(item.role, item.location, item.target) for item in rows["placements"]}
        for place in places - found:
            # an unknown place of the same role, or a wider one: a region where the zone is not known
            assert any(item[0] == place[0] for item in found), (column, place)
        if not places <= found:
            assert gaps & {"placement", "log", "detail"} or column.lower().endswith(_PLACES), column
        assert rows["keys"][0].custody in {custody, "unknown"}, column
        if rows["keys"][0].custody != custody:
            assert "key" in gaps, column
        assert grants <= {item.principal for item in rows["grants"]} or "grants" in gaps, column
