"""An AWS Config aggregator beside the services' own listings: what it adds, where it disagrees, and when it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
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


NAMED = AwsConfig(workers=1, regions=(US,), role_name="reader", aggregator=("eu-west-1", "org"))
FIND = replace(NAMED, aggregator=None, find_aggregator=True)


def swept(
    folder: Path, results: Any, queues: tuple[str, ...] = (), config: AwsConfig = NAMED, found: Any = None
) -> Rows:
    return sweep(
        [made(results, queues, config, found)], folder / "j", catalogue(), workers=1, clock=lambda: WHEN
    ).sorted()


def made(results: Any, queues: tuple[str, ...], config: AwsConfig, found: Any = None, first: str = US) -> AwsDriver:
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
        if operation == "DescribeConfigurationAggregators":
            return found(region)
        if operation == "SelectAggregateResourceConfig":
            assert (region, args["ConfigurationAggregatorName"]) == ("eu-west-1", "org")
            assert "'AWS::SQS::Queue'" in args["Expression"]
            return results
        return None

    types = load_foreign(DataFolders(ROOT), kinds(), ["config"])
    door = MemoryDoor(answer)
    door.first = first
    return AwsDriver(QUEUES, catalogue(), door, config, lambda: WHEN, types)


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


def aggregators(*names: str, whole: str = "") -> dict[str, Any]:
    items = [{"ConfigurationAggregatorName": name, "AccountAggregationSources": [{}]} for name in names]
    if whole:
        items.append({"ConfigurationAggregatorName": whole, "OrganizationAggregationSource": {"AllAwsRegions": True}})
    return {"ConfigurationAggregators": items}


def test_the_aggregator_of_the_organisation_is_found_and_asked_first(tmp_path: Path) -> None:
    answers = {"eu-west-1": aggregators("a", whole="org"), US: aggregators("b")}
    config = replace(FIND, regions=(US,))
    driver = made({"Results": [queue_item(BARRED, "b")]}, (), config, lambda region: answers[region], first="eu-west-1")
    plan = driver.plan()
    assert plan.jobs[0].name == "aws/config-aggregator"
    assert plan.notes[-1] == "AWS Config: the aggregator org in eu-west-1 is asked first"
    rows = sweep([driver], tmp_path / "j", catalogue(), workers=1, clock=lambda: WHEN)
    assert [(row.account, row.name) for row in rows["stores"]] == [(BARRED, "b")]


def test_one_that_was_found_and_refuses_is_a_gap_with_the_way_out(tmp_path: Path) -> None:
    driver = made(refused("AccessDenied"), ("a",), FIND, lambda _: aggregators("b", whole="org"), "eu-west-1")
    rows = sweep([driver], tmp_path / "j", catalogue(), workers=1, clock=lambda: WHEN)
    (gap,) = [row for row in rows["gaps"] if row.call == "config:SelectAggregateResourceConfig"]
    assert gap.message.endswith("grant it, or set scope.aws.find_aggregator: false")


def test_no_aggregator_and_one_that_may_not_be_looked_for() -> None:
    plan = made({}, (), FIND, lambda _: aggregators()).plan()
    assert [job for job in plan.jobs if not job.units] == []
    assert len(plan.notes) == 1
    plan = made({}, (), FIND, lambda _: refused("AccessDenied")).plan()
    assert [job for job in plan.jobs if not job.units] == []
    (gap,) = [gap for gap in plan.gaps if gap.call == "config:DescribeConfigurationAggregators"]
    assert (gap.cause, gap.field, gap.region) == ("denied", "scope", US)
    assert "whether there is an aggregator is not known" in gap.message


def test_none_is_looked_for_where_one_account_is_swept() -> None:
    def never(region: str) -> Any:
        raise AssertionError(region)

    assert len(made({}, (), replace(FIND, accounts=(OWN,)), never).plan().notes) == 1
    assert len(made({}, (), replace(FIND, find_aggregator=False), never).plan().notes) == 1


def test_accounts_that_are_left_out_stay_out(tmp_path: Path) -> None:
    results = {"Results": [queue_item(OWN, "a"), queue_item(BARRED, "b"), "{oops"]}
    for number, config in enumerate((replace(NAMED, skip_accounts=(BARRED,)), replace(NAMED, accounts=(OWN,)))):
        rows = swept(tmp_path / str(number), results, ("a",), config)
        assert {row.account for row in rows["stores"]} == {OWN}
        assert "malformed" in {row.cause for row in rows["gaps"]}


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
