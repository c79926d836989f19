"""Rows of exported tables for the tests: every column a type reads is there, null where it is not given."""

from __future__ import annotations

from typing import Any

from foreign import types
from state import columns

from residency.collect.imports.spec import Source

COMMON: dict[str, dict[str, Any]] = {
    "aws": {"account_id": "111122223333", "region": "ap-northeast-1", "tags": {"team": "web"}},
    "gcp": {"project": "p-1", "project_id": "p-1", "labels": {"team": "web"}},
    "azure": {"subscription_id": "sub-1", "region": "japaneast", "tags": {"team": "web"}},
}
MARK: dict[str, dict[str, Any]] = {
    "steampipe": {"title": "t", "akas": ["x"], "_ctx": {"connection_name": "c"}},
    "cloudquery": {"_cq_id": "6f6d2a1e-0000-4000-8000-000000000000", "_cq_sync_time": "2026-03-01T01:02:03Z"},
}


def row(source: Source, table: str, given: dict[str, Any]) -> dict[str, Any]:
    foreign = types()[source, table]
    common = {key: value for key, value in COMMON[foreign.provider].items() if key in columns(foreign)}
    return {**MARK[source], **dict.fromkeys(sorted(columns(foreign))), **common, **given, **(MARK[source])}
