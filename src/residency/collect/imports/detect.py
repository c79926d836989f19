"""What a file is, told from its beginning; a file that could be two things is not guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from residency.collect.imports.stream import Head
from residency.errors import ConfigError

__all__ = ["FORMATS", "Format", "candidates", "format_of"]

Format = Literal["config", "asset-export", "resource-graph", "terraform", "steampipe", "cloudquery", "answers"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Each pattern is about names of fields, never about values, and a format must show all of its own.
_JSON: Mapping[Format, tuple[str, ...]] = {
    "config": (r'"(configurationItems|baseConfigurationItems|configurationItemStatus)"|"Results"\s*:\s*\[|'
               r'"resourceType"\s*:\s*"AWS::',),
    "asset-export": (r'"(assetType|asset_type)"\s*:\s*"[a-z0-9.-]+/', r'"(resource|iamPolicy|iam_policy|ancestors)"'),
    "resource-graph": (r'"id"\s*:\s*"/subscriptions/|"(skip_token|\$skipToken|total_records|totalRecords)"',
                       r'"(subscriptionId|resourceGroup|columns)"'),
    "terraform": (r'"(terraform_version|format_version|serial)"', r'"(resources|values|lineage)"'),
    "steampipe": (r'"(_ctx|sp_ctx|sp_connection_name|akas)"\s*:|"columns"\s*:\s*\[\s*\{\s*"name"\s*:\s*"[^"]+"\s*,'
                  r'\s*"data_type"',),
    "cloudquery": (r'"_cq_(id|sync_time|source_name|parent_id)"\s*:',),
}  # fmt: skip
_STEAMPIPE_HEAD = re.compile(r'\{\s*"columns"\s*:\s*\[\s*\{\s*"(name|data_type)"')
_CSV: Mapping[Format, frozenset[str]] = {
    "config": frozenset({"resourceType"}),
    "resource-graph": frozenset({"subscriptionid", "resourcegroup", "type"}),
    "cloudquery": frozenset({"_cq_id"}),
}
_STEAMPIPE = frozenset({"_ctx", "sp_ctx", "sp_connection_name", "akas"})


def candidates(head: Head) -> tuple[Format, ...]:
    """Every format a file's beginning fits."""
    if head.form == "parquet":
        return ("cloudquery",)
    if head.form == "csv":
        names = {name.strip().strip('"') for name in re.split(r"[,\r\n]", head.text.split("\n", 1)[0])}
        lower = {name.lower() for name in names}
        found: list[Format] = [name for name, needed in _CSV.items() if needed <= names or needed <= lower]
        if names & _STEAMPIPE and not found:
            found.append("steampipe")
        return tuple(found)
    if _STEAMPIPE_HEAD.match(head.text):
        return ("steampipe",)
    if any(re.search(pattern, head.text) for pattern in _JSON["cloudquery"]):
        return ("cloudquery",)
    return tuple(name for name, needed in _JSON.items() if all(re.search(pattern, head.text) for pattern in needed))


def format_of(path: Path, head: Head) -> Format:
    """The one format a file has.

    Raises
    ------
    ConfigError
        When it fits none or several.
    """
    found = candidates(head)
    if len(found) == 1:
        return found[0]
    what = "could be " + " or ".join(found) if found else "is of no form we know"
    raise ConfigError(f"{path}: {what}; say what it is with --from {'|'.join(found or FORMATS)}")
