"""AWS Config: snapshot and history files, and answers of advanced queries as JSON or CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from residency.collect.functions import arn_part
from residency.collect.imports.functions import parsed
from residency.collect.imports.items import Item, Problem
from residency.collect.imports.paths import put
from residency.collect.imports.stream import Head, json_rows, members, opened, table_rows
from residency.collect.json_stream import Element

__all__ = ["config_items", "selected_items"]

_LISTS = ("configurationItems", "baseConfigurationItems")
_GONE = frozenset({"ResourceDeleted", "ResourceDeletedNotRecorded"})
_WHOLE = frozenset({"configurationItemStatus", "configurationStateId", "configurationItemMD5Hash"})
_ARNS = {  # service and beginning of the resource: the type of what has such an ARN, where a query left the type out
    ("cloudtrail", "trail/"): "AWS::CloudTrail::Trail",
    ("dynamodb", "table/"): "AWS::DynamoDB::Table",
    ("ecr", "repository/"): "AWS::ECR::Repository",
    ("elasticfilesystem", "file-system/"): "AWS::EFS::FileSystem",
    ("kinesis", "stream/"): "AWS::Kinesis::Stream",
    ("kms", "key/"): "AWS::KMS::Key",
    ("lambda", "function:"): "AWS::Lambda::Function",
    ("rds", "cluster-snapshot:"): "AWS::RDS::DBClusterSnapshot",
    ("rds", "cluster:"): "AWS::RDS::DBCluster",
    ("rds", "db:"): "AWS::RDS::DBInstance",
    ("rds", "snapshot:"): "AWS::RDS::DBSnapshot",
    ("secretsmanager", "secret:"): "AWS::SecretsManager::Secret",
}
_RECORDED = re.compile(r'\{\s*"status_code"\s*:')
_QUERY = re.compile(r'\{\s*"(Results|QueryInfo|NextToken)"\s*:')


def config_items(path: Path, head: Head) -> Iterator[Item | Problem]:
    """Configuration items of a file, whatever its shape."""
    with opened(path) as handle:
        if head.form == "csv":
            yield from _items(table_rows(handle), selected=True)
        elif _RECORDED.match(head.text):
            try:
                answer = json.load(handle)
            except (ValueError, RecursionError) as error:
                yield Problem(1, f"a recorded answer that is not JSON: {error}")
                return
            yield from _recorded(answer)
        elif _QUERY.match(head.text):
            yield from _items(members(handle, "Results"), selected=True)
        else:
            yield from _items(json_rows(handle, _LISTS), selected=False)


def _recorded(answer: Any) -> Iterator[Item | Problem]:
    """A recorded answer of the service, one in its envelope: of a query, or of the history of a resource."""
    data = answer.get("data") if isinstance(answer, dict) else None
    data = data if isinstance(data, dict) else {}
    if isinstance(data.get("Results"), list):
        yield from selected_items(data["Results"])
    elif isinstance(items := data.get("configurationItems"), list):
        yield from _items((Element(number, item) for number, item in enumerate(items, 1)), selected=False)
    else:
        yield Item("(a recorded answer without configuration items)", {})


def selected_items(results: Iterable[str]) -> Iterator[Item | Problem]:
    """Items of an advanced query as the service answers it: one JSON text each."""
    yield from _items((Element(number, text) for number, text in enumerate(results, 1)), selected=True)


def _items(rows: Iterable[Element], *, selected: bool) -> Iterator[Item | Problem]:
    for element in rows:
        value = element.value
        if isinstance(value, str):  # the query answers text
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                yield Problem(element.line, "a result is not JSON")
                continue
        if element.problem or not isinstance(value, dict):
            yield Problem(element.line, element.problem or "not an object")
            continue
        yield _item(value, element.line, selected=selected)


def _item(value: dict[str, Any], line: int, *, selected: bool) -> Item:
    row: dict[str, Any] = {}
    for name, content in value.items():
        if "." in name:  # a query exported as CSV has one column for each property
            put(row, tuple(name.split(".")), content)
        else:
            row[name] = content
    row["accountId"] = str(row.get("accountId") or row.get("awsAccountId") or "")
    row["arn"] = row.get("arn") or row.get("ARN")
    main, more = parsed(row.pop("configuration", None)), parsed(row.pop("supplementaryConfiguration", None))
    if main and isinstance(main, dict):  # a null or empty one says that nothing was recorded, not that nothing is set
        row["configuration"] = main
    if isinstance(more, dict):
        row["supplementaryConfiguration"] = {name: parsed(content) for name, content in more.items()}
    if not row.get("resourceType"):
        _told_by_arn(row)
    kind = str(row.get("resourceType") or "")
    place = (row["accountId"], str(row.get("awsRegion") or ""))
    status = str(row.get("configurationItemStatus") or "")
    return Item(
        type=kind,
        row=row,
        line=line,
        whole=not selected and not _WHOLE.isdisjoint(row),
        key=(*place, kind, str(row.get("resourceId") or row["arn"] or row.get("resourceName") or f"line {line}")),
        version=(
            str(row.get("configurationItemCaptureTime") or ""),
            str(row.get("configurationStateId") or ""),
            status,
        ),
        gone=status in _GONE,
    )


def _told_by_arn(row: dict[str, Any]) -> None:
    """Type, account and region of an item whose query selected none of them, from the ARN that is its own."""
    inside = row.get("configuration") or {}
    texts = [row["arn"], inside.get("arn"), *(text for name, text in inside.items() if name.lower().endswith("arn"))]
    found = {arn: kind for arn in texts if isinstance(arn, str) and (kind := _type_of(arn))}
    named = [str(row[name]) for name in ("resourceId", "resourceName") if row.get(name)]
    own = [arn for arn in found if arn in named or re.split("[:/]", arn)[-1] in named] or list(found)
    if len(own) == 1:
        row["resourceType"], row["arn"] = found[own[0]], own[0]
        row["accountId"] = row["accountId"] or arn_part(own[0], "account") or ""
        row["awsRegion"] = row.get("awsRegion") or arn_part(own[0], "region") or ""


def _type_of(arn: str) -> str | None:
    service, resource = arn_part(arn, "service"), arn_part(arn, "resource") or ""
    return next((kind for (name, start), kind in _ARNS.items() if name == service and resource.startswith(start)), None)
