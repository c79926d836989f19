"""What the tests of imports share: an import run in memory, and its rows in short."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cloud import ROOT, WHEN, catalogue

from residency.collect.imports.detect import Format
from residency.collect.imports.read import import_files
from residency.collect.imports.spec import ForeignType, Source, load_foreign
from residency.collect.spec import Kind, load_kinds
from residency.data import DataFolders
from residency.inventory.tables import Rows

FOLDERS = DataFolders(ROOT)
CASES = ROOT / "tests" / "imports"


@functools.cache
def every_kind() -> Mapping[str, Kind]:
    return load_kinds(FOLDERS)


@functools.cache
def types() -> Mapping[tuple[Source, str], ForeignType]:
    return load_foreign(FOLDERS, every_kind())


@functools.cache
def cases(source: str) -> Mapping[str, Any]:
    loaded: dict[str, Any] = {}
    for file in sorted(CASES.glob(f"{source}*.yaml")):
        loaded |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded


def run(*files: Path, form: Format | None = None, account: str = "", region: str = "") -> Rows:
    found = import_files(
        list(files), form, every_kind(), FOLDERS, catalogue(), account=account, region=region, seen_at=WHEN
    )
    return found[1]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def said(rows: Rows, kind: str) -> dict[str, Any]:
    """What the rows say of the one store of a kind, in the words of the case files."""
    store = next(row for row in rows["stores"] if row.kind == kind)
    mine = {name: [row for row in rows[name] if row.store_id == store.store_id] for name in ("placements", "grants")}
    return {
        "store": store.store_id,
        "custody": next(row.custody for row in rows["keys"] if row.store_id == store.store_id),
        "gaps": sorted({row.field for row in rows["gaps"] if row.store_id == store.store_id}),
        "places": sorted({(row.role, row.location) for row in mine["placements"]}),
        "grants": sorted({row.principal for row in mine["grants"]}),
    }


def expected(case: Mapping[str, Any]) -> dict[str, Any]:
    says = case["says"]
    return {
        "store": says["store"],
        "custody": str(says.get("custody", "provider-managed")),
        "gaps": sorted(says.get("gaps", [])),
        "places": sorted(tuple(item) for item in says["places"]),
        "grants": sorted(says.get("grants", [])),
    }


def labels(rows: Rows) -> set[tuple[str, str]]:
    return {(row.key, row.value) for row in rows["labels"]}


def messages(rows: Rows, field: str = "") -> list[str]:
    return [row.message for row in rows["gaps"] if not field or row.field == field]
