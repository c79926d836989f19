"""An AWS Config aggregator beside the services' own listings: what it adds, where it disagrees, and when it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud import OWN, ROOT, WHEN, MemoryDoor, catalogue, kinds, placement, refused, some, store, unit

from residency.collect.aggregator import expression_for
from residency.collect.aws import AwsConfig, AwsDriver
from residency.collect.engine import sweep
from residency.collect.imports.spec import load_foreign
from residency.collect.second_hand import first_hand
from residency.data import DataFolders
from residency.inventory.tables import Rows

US, BARRED = "us-east-1", "111122224444"
QUEUES = some("aws.sqs.queue", "aws.kms.key")


def queue_item(account: str, name: str, **more: Any) -> str:
    return json.dumps(
        {
            "resourceType": "AWS::SQS::Queue",
            "resourceId": f"https://sqs.{US}.amazonaws.com/{account}/{name}",
            "resourceName": name,
            "arn": f"arn:aws:sqs:{US}:{account}:{name}",
            "accountId": account,
            "awsRegion": US,
            "configuration": {
                "QueueUrl": f"https://sqs.{US}.amazonaws.com/{account}/{name}",
                "QueueArn": f"arn:aws:sqs:{US}:{account}:{name}",
                "SqsManagedSseEnabled": True,
            },
            **more,
        }
    )


def swept(folder: Path, results: Any, queues: tuple[str, ...] = ()) -> Rows:
    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "ListAccounts":
            return {"Accounts": [{"Id": OWN, "State": "ACTIVE"}, {"Id": BARRED, "State": "ACTIVE"}]}
        if operation == "AssumeRole":
            return refused("AccessDenied")
        if operation == "ListQueues":
            return {"QueueUrls": [f"https://sqs.{US}.amazonaws.com/{OWN}/{name}" for name in queues]}
        if operation == "GetQueueAttributes":
            name = args["QueueUrl"].rpartition("/")[2]
            return {"Attributes": {"QueueArn": f"arn:aws:sqs:{US}:{OWN}:{name}", "KmsMasterKeyId": "alias/aws/sqs"}}
        if operation == "SelectAggregateResourceConfig":
            assert (region, args["ConfigurationAggregatorName"]) == ("eu-west-1", "org")
            assert "'AWS::SQS::Queue'" in args["Expression"]
            return results
        return None

    config = AwsConfig(workers=1, regions=(US,), role_name="reader", aggregator=("eu-west-1", "org"))
    types = load_foreign(DataFolders(ROOT), kinds(), ["config"])
    driver = AwsDriver(QUEUES, catalogue(), MemoryDoor(answer), config, lambda: WHEN, types)
    return sweep([driver], folder / "j", catalogue(), workers=1, clock=lambda: WHEN).sorted()


def test_accounts_that_cannot_be_entered_are_seen_second_hand(tmp_path: Path) -> None:
    rows = swept(tmp_path, [{"Results": [queue_item(OWN, "a")]}, {"Results": [queue_item(BARRED, "b")]}], ("a",))
    assert {(row.account, row.name, row.call.partition(" AWS::")[0]) for row in rows["stores"]} == {
        (OWN, "a", "sqs:ListQueues"),
        (BARRED, "b", "AWS Config"),
    }
    assert {(row.account, row.role, row.location) for row in rows["placements"]} == {
        (OWN, "primary", US),
        (BARRED, "primary", US),
    }
    # the service's own word on the key, and nothing beside it
    assert [row.custody for row in rows["keys"] if row.account == OWN] == ["provider-managed"]
    # being listed is not having been asked
    assert {row.status for row in rows["units"] if row.account == BARRED} == {"denied"}
    assert "listing" in {row.field for row in rows["gaps"] if row.account == BARRED}


def test_what_the_own_listing_leaves_out_is_a_gap(tmp_path: Path) -> None:
    rows = swept(tmp_path, {"Results": [queue_item(OWN, "a"), queue_item(OWN, "ghost")]}, ("a",))
    assert {row.name for row in rows["stores"]} == {"a", "ghost"}
    (gap,) = [row for row in rows["gaps"] if row.cause == "unresolved" and row.field == "listing"]
    assert "ghost" in gap.message
    assert (gap.kind, gap.region) == ("aws.sqs.queue", US)


def test_a_refusing_aggregator_and_nonsense_in_it(tmp_path: Path) -> None:
    rows = swept(tmp_path / "1", refused("AccessDenied"), ("a",))
    assert [row.name for row in rows["stores"]] == ["a"]
    assert "denied" in {row.cause for row in rows["gaps"] if row.call == "config:SelectAggregateResourceConfig"}
    rows = swept(tmp_path / "2", {"Results": ["{oops", queue_item(BARRED, "b")]})
    assert [row.name for row in rows["stores"]] == ["b"]
    assert "malformed" in {row.cause for row in rows["gaps"]}


def test_a_job_without_units_that_breaks_is_a_gap(tmp_path: Path) -> None:
    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "SelectAggregateResourceConfig":
            raise ValueError("something odd")
        return None

    config = AwsConfig(workers=1, regions=(US,), aggregator=("eu-west-1", "org"))
    driver = AwsDriver(QUEUES, catalogue(), MemoryDoor(answer), config, lambda: WHEN)
    rows = sweep([driver], tmp_path / "j", catalogue(), workers=1, clock=lambda: WHEN)
    (gap,) = [row for row in rows["gaps"] if "something odd" in row.message]
    assert (gap.provider, gap.field, gap.cause, gap.call) == ("aws", "scope", "failed", "aws/config-aggregator")


def test_the_query_names_only_what_is_read() -> None:
    text = expression_for(["AWS::S3::Bucket", "AWS::KMS::Key"])
    assert text.startswith("SELECT resourceId, ")
    assert text.endswith("WHERE resourceType IN ('AWS::KMS::Key', 'AWS::S3::Bucket')")


def test_a_global_unit_and_units_that_hide_anyway() -> None:
    rows = Rows()
    rows.add(
        store("arn:aws:s3:::far", call="AWS Config AWS::S3::Bucket", region=US),
        placement("arn:aws:s3:::far", US, call="AWS Config AWS::S3::Bucket"),
        unit("empty", kind="aws.s3.bucket", region="global"),
    )
    assert [row.field for row in first_hand(rows)["gaps"]] == ["listing"]
    rows.tables["units"] = [unit("denied", kind="aws.s3.bucket", region="global")]
    assert first_hand(rows)["gaps"] == []
    assert len(first_hand(rows)["placements"]) == 1
