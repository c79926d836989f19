"""The AWS driver: planning, refusals, partial listings; from memory, then against moto on loopback."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cloud import OWN, WHEN, MemoryDoor, catalogue, kinds, refused, some
from conftest import StandIn

from residency.collect.aws import AwsConfig, AwsDriver
from residency.collect.door import _TOKENS, DoorSettings, SdkDoor, allowed_operations
from residency.collect.engine import sweep
from residency.collect.plan import Plan
from residency.collect.refusals import CallError, classify
from residency.errors import ConfigError, CredentialsError, ResidencyError
from residency.inventory.tables import Rows

SISTER, THIRD = "111122224444", "111122225555"
QUEUES = some("aws.sqs.queue")


def driver(
    answer: Any = None, config: AwsConfig | None = None, chosen: Any = None, **more: Any
) -> tuple[AwsDriver, MemoryDoor]:
    door = MemoryDoor(answer, **more)
    return AwsDriver(chosen or QUEUES, catalogue(), door, config or AwsConfig(workers=1), clock=lambda: WHEN), door


def only(table: Mapping[tuple[str, str], Any]) -> Any:
    return lambda service, region, operation, args: table.get((service, operation))


def account(name: str, state: str = "ACTIVE") -> dict[str, str]:
    return {"Id": name, "State": state, "Arn": f"arn:aws:organizations::{OWN}:account/o-ours/{name}"}


def run(made: AwsDriver, plan: Plan) -> Rows:
    rows = Rows()
    for job in plan.jobs:
        rows.extend(made.run(job))
    return rows


# --- planning -----------------------------------------------------------------------------------------------------


def test_plan_of_one_account() -> None:
    made, door = driver(chosen=some("aws.sqs.queue", "aws.s3.bucket"))
    plan = made.plan()
    assert [job.name for job in plan.jobs] == [
        f"aws/{OWN}/global/aws.s3.bucket",
        f"aws/{OWN}/eu-west-1/aws.sqs.queue",
        f"aws/{OWN}/us-east-1/aws.sqs.queue",
    ]
    assert [(item.region, item.kind, item.status) for item in plan.units] == [
        ("af-south-1", "aws.sqs.queue", "disabled")
    ]
    assert plan.gaps == ()
    assert made.provider == "aws"
    assert ("", "sts", "us-east-1", "AssumeRole") not in door.asked


def test_accounts_are_entered_by_role_and_the_callers_own_is_not() -> None:
    listed = {("organizations", "ListAccounts"): [{"Accounts": [account(OWN)]}, {"Accounts": [account(SISTER)]}]}
    made, door = driver(only(listed), AwsConfig(workers=1, role_name="reader", external_id="x"))
    plan = made.plan()
    assert {unit.account for job in plan.jobs for unit in job.units} == {OWN, SISTER}
    assert list(door.entered) == [SISTER]
    door.asked.clear()
    run(made, plan)
    assert {name for name, *_ in door.asked} == {"", SISTER}


def test_a_denied_account_has_all_its_units_denied_and_one_gap() -> None:
    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "ListAccounts":
            return {"Accounts": [account(OWN), account(SISTER)]}
        return (
            refused("AccessDenied", "not authorized to perform sts:AssumeRole") if operation == "AssumeRole" else None
        )

    made, _ = driver(answer, AwsConfig(workers=1, role_name="reader"), chosen=some("aws.sqs.queue", "aws.s3.bucket"))
    plan = made.plan()
    denied = {(item.region, item.kind) for item in plan.units if item.account == SISTER and item.status == "denied"}
    own = {(unit.region, unit.kind) for job in plan.jobs for unit in job.units}
    assert denied == own
    assert [(item.account, item.field, item.cause) for item in plan.gaps] == [(SISTER, "scope", "denied")]


@pytest.mark.parametrize(
    ("config", "state", "says"),
    [
        (AwsConfig(workers=1), "ACTIVE", "no `role_name`"),
        (AwsConfig(workers=1, role_name="r", skip_accounts=(SISTER,)), "ACTIVE", "the configuration skips"),
        (AwsConfig(workers=1, role_name="r"), "SUSPENDED", "the account is SUSPENDED"),
    ],
)
def test_accounts_that_are_left_out_are_gaps(config: AwsConfig, state: str, says: str) -> None:
    listed = {("organizations", "ListAccounts"): {"Accounts": [account(OWN), account(SISTER, state)]}}
    plan = driver(only(listed), config)[0].plan()
    assert {item.status for item in plan.units if item.account == SISTER} == {"skipped"}
    (gap,) = [item for item in plan.gaps if item.account == SISTER]
    assert gap.cause == "skipped"
    assert says in gap.message


def test_chosen_accounts_need_not_be_listed() -> None:
    made, _ = driver(config=AwsConfig(workers=1, role_name="r", accounts=(THIRD,)))
    assert {unit.account for job in made.plan().jobs for unit in job.units} == {THIRD}


def policy_for(principal: str) -> Any:
    import json

    document = {"Statement": {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sqs:SendMessage"}}
    return {
        ("sqs", "ListQueues"): {"QueueUrls": [f"https://sqs.us-east-1.amazonaws.com/{OWN}/q"]},
        ("sqs", "GetQueueAttributes"): {"Attributes": {"Policy": json.dumps(document)}},
    }


@pytest.mark.parametrize(
    ("refusal", "gaps", "external"),
    [
        (None, 0, "yes"),
        (refused("AccessDeniedException"), 1, "unknown"),
        (refused("AWSOrganizationsNotInUseException"), 0, "unknown"),
    ],
)
def test_without_the_organisation_nobody_is_external(refusal: Any, gaps: int, external: str) -> None:
    table = policy_for(THIRD)
    if refusal is not None:
        table["organizations", "ListAccounts"] = refusal
    made, _ = driver(only(table), AwsConfig(workers=1, regions=("us-east-1",)))
    plan = made.plan()
    assert len([item for item in plan.gaps if "organizations" in item.message]) == gaps
    assert [row.external for row in run(made, plan)["grants"]] == [external]


def test_own_accounts_of_the_configuration_are_inside() -> None:
    made, _ = driver(only(policy_for(THIRD)), AwsConfig(workers=1, own_accounts=(THIRD,), regions=("us-east-1",)))
    assert [row.external for row in run(made, made.plan())["grants"]] == ["no"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "MalformedAnswer"])
def test_regions_fall_back_to_ec2_and_then_to_all_known(code: str) -> None:
    table: dict[tuple[str, str], Any] = {
        ("account", "ListRegions"): refused(code),
        ("ec2", "DescribeRegions"): {
            "Regions": [
                {"RegionName": "us-east-1", "OptInStatus": "opt-in-not-required"},
                {"RegionName": "eu-west-1", "OptInStatus": "not-opted-in"},
            ]
        },
    }
    plan = driver(only(table))[0].plan()
    assert {unit.region for job in plan.jobs for unit in job.units} == {"us-east-1"}
    assert {item.region for item in plan.units} == {"eu-west-1"}
    assert plan.gaps == ()
    table["ec2", "DescribeRegions"] = refused(code)
    plan = driver(only(table))[0].plan()
    assert {unit.region for job in plan.jobs for unit in job.units} == {"us-east-1", "eu-west-1"}
    assert [(item.field, item.cause) for item in plan.gaps] == [
        ("scope", "denied" if code.startswith("Access") else "malformed")
    ]


def test_an_answer_without_regions_is_not_taken_for_no_regions() -> None:
    table = {("account", "ListRegions"): {"Regions": []}, ("ec2", "DescribeRegions"): {}}
    plan = driver(only(table))[0].plan()
    assert len(plan.jobs) == 2
    assert [item.cause for item in plan.gaps] == ["malformed"]


def test_a_region_the_sdk_does_not_know_is_asked_and_is_a_gap() -> None:
    table = {("account", "ListRegions"): {"Regions": [{"RegionName": "xx-new-1", "RegionOptStatus": "ENABLED"}]}}
    plan = driver(only(table))[0].plan()
    assert [job.units[0].region for job in plan.jobs] == ["xx-new-1"]
    assert [(item.region, item.cause) for item in plan.gaps] == [("xx-new-1", "unsupported")]


def test_chosen_regions_leave_a_gap_for_the_others() -> None:
    plan = driver(config=AwsConfig(workers=1, regions=("us-east-1", "af-south-1")))[0].plan()
    assert [job.units[0].region for job in plan.jobs] == ["us-east-1"]
    assert [(item.region, item.status) for item in plan.units] == [("af-south-1", "disabled")]
    assert [item.cause for item in plan.gaps] == ["skipped"]
    assert "eu-west-1" in plan.gaps[0].message


def test_other_partition() -> None:
    made, _ = driver(partition="aws-cn")
    made.plan()
    assert made.provider == "aws-cn"


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"])
def test_wrong_credentials_are_said_at_planning(code: str) -> None:
    with pytest.raises(CredentialsError, match=code):
        driver(only({("sts", "GetCallerIdentity"): refused(code)}))[0].plan()


def test_an_answer_of_something_else_at_planning() -> None:
    with pytest.raises(CredentialsError, match="names no account"):
        driver(only({("sts", "GetCallerIdentity"): {"Account": ""}}))[0].plan()


def test_chosen_kinds_leave_one_gap_for_the_others() -> None:
    chosen = some("aws.sqs.queue", "aws.s3.bucket", "aws.kms.key")
    plan = driver(config=AwsConfig(workers=1, kinds=("aws.sqs.queue",)), chosen=chosen)[0].plan()
    assert {unit.kind for job in plan.jobs for unit in job.units} == {"aws.sqs.queue"}
    (gap,) = plan.gaps
    assert (gap.field, gap.cause) == ("scope", "skipped")
    assert "2 kinds: aws.kms.key, aws.s3.bucket" in gap.message
    with pytest.raises(ConfigError, match=r"aws\.sqs\.queu: no such kind"):
        driver(config=AwsConfig(kinds=("aws.sqs.queu",)), chosen=chosen)


def test_a_listing_that_one_region_answers_is_asked_there() -> None:
    chosen = some("aws.s3.multi_region_access_point")
    listed = {("s3control", "ListMultiRegionAccessPoints"): {"AccessPoints": [{"Name": "x", "Alias": "x.mrap"}]}}
    made, door = driver(only(listed), AwsConfig(workers=1), chosen=chosen)
    run(made, made.plan())
    asked = {(region, operation) for _, service, region, operation in door.asked if service == "s3control"}
    assert asked == {("us-west-2", "ListMultiRegionAccessPoints"), ("us-west-2", "GetMultiRegionAccessPointPolicy")}


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"workers": 0}, "at least 1"), ({"accounts": ("12",)}, "12 digits"), ({"own_accounts": ("x" * 12,)}, "12")],
)
def test_wrong_configuration(settings: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AwsConfig(**settings)


def test_running_without_a_plan() -> None:
    planned = driver()[0].plan()
    with pytest.raises(ConfigError, match="plan first"):
        driver()[0].run(planned.jobs[0])


# --- running ------------------------------------------------------------------------------------------------------


def queues(*pages: Any, **details: Any) -> Rows:
    table = {("sqs", "ListQueues"): list(pages), **{("sqs", name): value for name, value in details.items()}}
    made, _ = driver(only(table), AwsConfig(workers=1, regions=("us-east-1",)))
    return run(made, made.plan())


URL = f"https://sqs.us-east-1.amazonaws.com/{OWN}/"


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("AccessDenied", "", "denied"),
        ("AccessDeniedException", "", "denied"),
        ("UnauthorizedOperation", "", "denied"),
        ("AuthorizationErrorException", "", "denied"),
        ("AccessDeniedException", "with an explicit deny in a service control policy", "closed"),
        ("OptInRequired", "", "disabled"),
        ("SubscriptionRequiredException", "", "disabled"),
        ("UninitializedAccountException", "", "disabled"),
        ("UnsupportedUserEditionException", "Account 1 is not subscribed for QuickSight", "disabled"),
        ("UnsupportedUserEditionException", "not in the Standard edition", "failed"),
        ("ThrottlingException", "", "throttled"),
        ("RequestLimitExceeded", "", "throttled"),
        ("SlowDown", "", "throttled"),
        ("TooManyRequestsException", "", "throttled"),
        ("UnknownOperationException", "", "unsupported"),
        ("RegionWithoutService", "", "unsupported"),
        ("UnrecognizedClientException", "", "failed"),
        ("InternalError", "", "failed"),
        ("MalformedAnswer", "", "failed"),
        ("500", "", "failed"),
        ("", "", "failed"),
    ],
)
def test_each_refusal_of_a_listing_is_a_status(code: str, message: str, status: str) -> None:
    (found,) = queues(refused(code, message))["units"]
    assert (found.status, found.code, found.stores) == (status, code, 0)


def test_a_region_that_is_switching_on_or_off_refuses_as_disabled() -> None:
    table = {
        ("account", "ListRegions"): {"Regions": [{"RegionName": "us-east-1", "RegionOptStatus": "ENABLING"}]},
        ("sqs", "ListQueues"): refused("UnrecognizedClientException"),
    }
    made, _ = driver(only(table))
    assert [row.status for row in run(made, made.plan())["units"]] == ["disabled"]
    assert classify("UnrecognizedClientException", "", region_enabled=True).status == "failed"


@pytest.mark.parametrize(
    "code", ["AccessDenied", "ThrottlingException", "OptInRequired", "UnknownOperation", "InternalError"]
)
def test_a_listing_that_breaks_off_keeps_what_came_and_is_not_complete(code: str) -> None:
    rows = queues({"QueueUrls": [f"{URL}a", f"{URL}b"]}, refused(code))
    assert len(rows["stores"]) == 2
    (found,) = rows["units"]
    assert found.status in {"denied", "throttled", "failed"}
    assert found.stores == 2
    assert found.calls >= 2


def test_details_that_are_refused_are_gaps_of_their_item() -> None:
    rows = queues({"QueueUrls": [f"{URL}a"]}, GetQueueAttributes=refused("AccessDenied"), ListQueueTags={"Tags": {}})
    assert [(row.field, row.cause) for row in rows["gaps"]] == [("key", "denied"), ("grants", "denied")]
    assert [row.custody for row in rows["keys"]] == ["unknown"]


VAULTS = {"BackupVaultList": [{"BackupVaultName": name, "BackupVaultArn": f"arn:x:{name}"} for name in "ab"]}


def points(**inner: Any) -> Rows:
    """Recovery points of the vaults a and b, each answered by name."""

    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "ListBackupVaults":
            return inner.get("vaults", VAULTS)
        return inner.get(args["BackupVaultName"], {}) if operation == "ListRecoveryPointsByBackupVault" else None

    made, _ = driver(answer, AwsConfig(workers=1, regions=("us-east-1",)), chosen=some("aws.backup.recovery_point"))
    return run(made, made.plan())


def point(name: str) -> dict[str, Any]:
    return {"RecoveryPoints": [{"RecoveryPointArn": f"arn:aws:backup:us-east-1:{OWN}:recovery-point:{name}"}]}


def test_a_listing_within_a_listing() -> None:
    rows = points(a=[point("1"), point("2")], b=point("3"))
    assert [row.store_id[-1] for row in rows["stores"]] == ["1", "2", "3"]
    (unit,) = rows["units"]
    assert (unit.status, unit.stores, unit.calls) == ("seen", 3, 4)
    assert points()["units"][0].status == "empty"
    assert points(a=refused("ResourceNotFoundException"))["units"][0].status == "empty"  # gone in between


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", "denied"), ("ThrottlingException", "throttled"), ("OptInRequired", "failed")],
)
def test_one_refused_inner_listing_hides_and_the_others_are_read(code: str, status: str) -> None:
    rows = points(a=refused(code), b=point("3"))
    assert [row.store_id[-1] for row in rows["stores"]] == ["3"]
    (unit,) = rows["units"]
    assert unit.status == status
    assert "1 of 3 listings were refused" in unit.message
    # nothing came at all, and yet there is a vault: never empty, never off
    assert (
        points(vaults={"BackupVaultList": VAULTS["BackupVaultList"][:1]}, a=refused(code))["units"][0].status == status
    )
    assert points(vaults=refused("OptInRequired"))["units"][0].status == "disabled"


def test_absent_codes_are_no_gap() -> None:
    table = {
        ("dynamodb", "ListTables"): {"TableNames": ["t"]},
        ("dynamodb", "GetResourcePolicy"): refused("PolicyNotFoundException"),
    }
    made, _ = driver(only(table), AwsConfig(workers=1, regions=("us-east-1",)), chosen=some("aws.dynamodb.table"))
    rows = run(made, made.plan())
    assert rows["gaps"] == []
    assert rows["grants"] == []


def test_malformed_policy_is_a_gap_and_the_store_stays() -> None:
    rows = queues({"QueueUrls": [f"{URL}a"]}, GetQueueAttributes={"Attributes": {"Policy": "{oops"}})
    assert len(rows["stores"]) == 1
    assert [(row.field, row.cause) for row in rows["gaps"]] == [("grants", "malformed")]


@pytest.mark.parametrize("items", [[{}], ["no-slashes"], [7]])
def test_items_that_cannot_be_read_are_not_nothing(items: list[Any]) -> None:
    rows = queues({"QueueUrls": items})
    assert not rows["stores"] or rows["stores"][0].store_id
    assert rows["stores"] or [row.status for row in rows["units"]] == ["failed"]


def test_hostile_names_are_kept_as_they_are() -> None:
    name = "a\"'<script>\u202e;DROP"
    rows = queues({"QueueUrls": [f"{URL}{name}"]})
    assert rows["stores"][0].name == name


def test_expired_credentials_stop_the_sweep() -> None:
    with pytest.raises(CredentialsError, match="renew the credentials, then resume"):
        queues(refused("ExpiredTokenException"))


def test_skipped_fields_are_gaps_and_cost_no_call() -> None:
    listed = {("sqs", "ListQueues"): {"QueueUrls": [f"{URL}a"]}}
    config = AwsConfig(workers=1, regions=("us-east-1",), skip_fields=frozenset({"labels"}))
    made, door = driver(only(listed), config)
    rows = run(made, made.plan())
    assert [(row.field, row.cause) for row in rows["gaps"]] == [("labels", "skipped")]
    assert "ListQueueTags" not in {operation for *_, operation in door.asked}


def test_many_workers_give_the_same_rows() -> None:
    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "ListQueues":
            return [{"QueueUrls": [f"{URL}q{page}-{n}" for n in range(50)]} for page in range(5)]
        return {"Attributes": {"KmsMasterKeyId": args["QueueUrl"][-4:]}} if operation == "GetQueueAttributes" else None

    found = []
    for workers in (1, 7):
        made, _ = driver(answer, AwsConfig(workers=workers, regions=("us-east-1",)))
        found.append(run(made, made.plan()).sorted().tables)
        made.close()
    assert found[0] == found[1]
    assert len(found[0]["stores"]) == 250


def test_shared_answers_are_asked_once() -> None:
    def answer(service: str, region: str, operation: str, args: Mapping[str, Any]) -> Any:
        if operation == "DescribeFileSystems":
            arn = "arn:aws:elasticfilesystem:us-east-1:1:file-system/"
            return {"FileSystems": [{"FileSystemId": f"fs-{n}", "FileSystemArn": f"{arn}fs-{n}"} for n in range(30)]}
        return None

    made, door = driver(answer, AwsConfig(workers=8, regions=("us-east-1",)), chosen=some("aws.efs.file_system"))
    run(made, made.plan())
    made.close()
    assert [operation for *_, operation in door.asked].count("DescribeReplicationConfigurations") == 1


# --- against moto -------------------------------------------------------------------------------------------------

SMALL = some("aws.s3.bucket", "aws.sqs.queue", "aws.kms.key", "aws.secretsmanager.secret", "aws.rds.instance")
REGIONS = ("us-east-1", "eu-west-1")


def real(stand_in: StandIn, chosen: Any = None, **config: Any) -> AwsDriver:
    chosen = chosen or SMALL
    door = SdkDoor(allowed_operations(chosen), DoorSettings(endpoint=stand_in.url, max_attempts=1))
    return AwsDriver(chosen, catalogue(), door, AwsConfig(**{"workers": 4, "regions": REGIONS, **config}))


def swept(made: AwsDriver, tmp_path: Path, name: str = "journal") -> Rows:
    try:
        return sweep([made], tmp_path / name, catalogue(), workers=4).sorted()
    finally:
        made.close()


def test_a_whole_sweep(stand_in: StandIn, tmp_path: Path) -> None:
    s3 = {region: stand_in.client("s3", region) for region in REGIONS}
    s3["us-east-1"].create_bucket(Bucket="source-bucket")
    s3["eu-west-1"].create_bucket(Bucket="copy-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for region, bucket in (("us-east-1", "source-bucket"), ("eu-west-1", "copy-bucket")):
        s3[region].put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": "arn:aws:s3:::copy-bucket"},
    }
    s3["us-east-1"].put_bucket_replication(
        Bucket="source-bucket",
        ReplicationConfiguration={"Role": f"arn:aws:iam::{OWN}:role/x", "Rules": [rule]},
    )
    managed = stand_in.client("kms").create_key()["KeyMetadata"]["Arn"]
    stand_in.client("sqs").create_queue(QueueName="orders", Attributes={"KmsMasterKeyId": managed})
    stand_in.client("secretsmanager").create_secret(
        Name="password", SecretString="x", AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    made = {"DBInstanceClass": "db.t3.micro"}
    stand_in.client("rds").create_db_instance(
        DBInstanceIdentifier="db", Engine="postgres", MasterUsername="u", MasterUserPassword="notasecret1",
        AllocatedStorage=20, BackupRetentionPeriod=7, **made,
    )  # fmt: skip
    stand_in.client("rds", "eu-west-1").create_db_instance_read_replica(
        DBInstanceIdentifier="db-copy", SourceDBInstanceIdentifier=f"arn:aws:rds:us-east-1:{OWN}:db:db",
        SourceRegion="us-east-1", **made,
    )  # fmt: skip

    rows = swept(real(stand_in), tmp_path)

    assert len(rows["units"]) == 1 + 4 * 2
    names = {row.store_id: row.name for row in rows["stores"]}
    places = {(names[row.store_id], row.role, row.location) for row in rows["placements"]}
    assert {
        ("source-bucket", "primary", "us-east-1"),
        ("source-bucket", "replica", "eu-west-1"),
        ("copy-bucket", "primary", "eu-west-1"),
        ("orders", "primary", "us-east-1"),
        ("password", "primary", "us-east-1"),
        ("password", "replica", "eu-west-1"),
        ("db", "replica", "eu-west-1"),
    } <= places
    assert [row.name for row in rows["stores"]].count("password") == 1
    (found,) = [row for row in rows["keys"] if names[row.store_id] == "orders"]
    assert (found.custody, found.key_id, found.key_location) == ("customer-managed", managed, "us-east-1")
    assert [row.field for row in rows["gaps"]] == ["scope"], rows["gaps"]


def test_accounts_of_an_organisation(stand_in: StandIn, tmp_path: Path) -> None:
    organisation = stand_in.client("organizations")
    organisation.create_organization(FeatureSet="ALL")
    ids = [
        organisation.create_account(AccountName=name, Email=f"{name}@example.jp")["CreateAccountStatus"]["AccountId"]
        for name in ("one", "two")
    ]
    import boto3

    sts = stand_in.client("sts")
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{ids[0]}:role/reader", RoleSessionName="test")["Credentials"]
    boto3.client(
        "sqs", region_name="eu-west-1", endpoint_url=stand_in.url, aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"],
    ).create_queue(QueueName="theirs")  # fmt: skip
    stand_in.client("sqs").create_queue(QueueName="ours")
    stand_in.rules({"service": "sts", "operation": "AssumeRole", "body": ids[1], "answer": "deny"})

    rows = swept(real(stand_in, QUEUES, role_name="reader"), tmp_path)

    assert {(row.account, row.region, row.name) for row in rows["stores"]} == {
        (OWN, "us-east-1", "ours"),
        (ids[0], "eu-west-1", "theirs"),
    }
    assert {row.status for row in rows["units"] if row.account == ids[1]} == {"denied"}
    assert {row.field for row in rows["gaps"] if row.account == ids[1]} == {"scope", "listing"}


@pytest.mark.parametrize(
    ("answer", "status", "cause"),
    [
        ("deny", "denied", "denied"),
        ("scp", "closed", None),
        ("throttle", "throttled", "throttled"),
        ("disabled", "disabled", None),
        ("html-200", "failed", "failed"),
        ("text-200", "failed", "failed"),
        ("html-500", "failed", "failed"),
    ],
)
@pytest.mark.parametrize("kind", ["aws.sqs.queue", "aws.rds.instance", "aws.s3.bucket"])
def test_refusals_over_the_wire(
    stand_in: StandIn, tmp_path: Path, answer: str, status: str, cause: str | None, kind: str
) -> None:
    stand_in.rules({"service": kind.split(".")[1], "answer": answer})
    rows = swept(real(stand_in, some(kind), regions=("us-east-1",)), tmp_path)
    assert [row.status for row in rows["units"]] == [status]
    assert [row.cause for row in rows["gaps"] if row.field == "listing"] == ([cause] if cause else [])


def test_a_page_that_breaks_off_over_the_wire(stand_in: StandIn, tmp_path: Path) -> None:
    dynamodb = stand_in.client("dynamodb")
    for number in range(101):
        dynamodb.create_table(
            TableName=f"table-{number:03}", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )  # fmt: skip
    stand_in.rules({"service": "dynamodb", "operation": "ListTables", "answer": "deny", "after": 1})
    config: Any = {"regions": ("us-east-1",), "skip_fields": frozenset({"key", "placement", "grants", "labels"})}
    rows = swept(real(stand_in, some("aws.dynamodb.table"), **config), tmp_path)
    assert [(row.status, row.stores) for row in rows["units"]] == [("denied", 100)]
    stand_in.rules()
    rows = swept(real(stand_in, some("aws.dynamodb.table"), **config), tmp_path, "again")
    assert [(row.status, row.stores) for row in rows["units"]] == [("seen", 101)]


def test_throttling_that_ends_is_waited_for(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.client("sqs").create_queue(QueueName="q")
    stand_in.rules({"service": "sqs", "operation": "ListQueues", "answer": "throttle", "times": 1})
    door = SdkDoor(allowed_operations(QUEUES), DoorSettings(endpoint=stand_in.url, max_attempts=3))
    made = AwsDriver(QUEUES, catalogue(), door, AwsConfig(workers=2, regions=("us-east-1",)))
    assert [row.status for row in swept(made, tmp_path)["units"]] == ["seen"]


def test_the_same_rows_after_credentials_ran_out_in_between(stand_in: StandIn, tmp_path: Path) -> None:
    for region in REGIONS:
        stand_in.client("sqs", region).create_queue(QueueName=f"q-{region}")
    whole = swept(real(stand_in, QUEUES), tmp_path, "whole")
    stand_in.rules({"service": "sqs", "region": "us-east-1", "answer": "expired"})
    with pytest.raises(CredentialsError, match="resume"):
        swept(real(stand_in, QUEUES), tmp_path)
    stand_in.rules()
    again = swept(real(stand_in, QUEUES), tmp_path)
    for table in ("stores", "placements", "keys", "grants"):
        assert [row.store_id for row in again[table]] == [row.store_id for row in whole[table]]


# --- the door -----------------------------------------------------------------------------------------------------


def test_a_listing_that_goes_on_after_its_last_name(stand_in: StandIn) -> None:
    client = stand_in.client("firehose")
    bucket = {"RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::lake"}
    names = [f"s-{number:02}" for number in range(23)]
    for name in names:
        client.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=bucket)
    door = SdkDoor(frozenset({("firehose", "ListDeliveryStreams")}), DoorSettings(endpoint=stand_in.url))
    pages = list(door.pages("", "firehose", "us-east-1", "ListDeliveryStreams", {"Limit": 10}))
    assert len(pages) == 3
    assert [name for page in pages for name in page["DeliveryStreamNames"]] == names


def test_a_write_is_refused_before_it_leaves(stand_in: StandIn) -> None:
    door = SdkDoor(allowed_operations(kinds()), DoorSettings(endpoint=stand_in.url))
    for service, operation in (("sqs", "DeleteQueue"), ("s3", "PutObject"), ("s3", "GetObject"), ("iam", "ListUsers")):
        with pytest.raises(ResidencyError, match="was not made"):
            list(door.pages("", service, "us-east-1", operation, {}))
    assert stand_in.calls() == []


def test_a_kind_that_names_a_write_is_refused() -> None:
    queue = kinds()["aws.sqs.queue"]
    bad = queue.model_copy(update={"list_": queue.list_.model_copy(update={"operation": "PurgeQueue"})})
    with pytest.raises(ConfigError, match="PurgeQueue is not a read"):
        allowed_operations({"aws.sqs.queue": bad})


def test_no_credentials(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(CredentialsError, match="sign in or name a profile"):
        real(stand_in).plan()


def test_unknown_profile(stand_in: StandIn) -> None:
    door = SdkDoor(allowed_operations(QUEUES), DoorSettings(profile="nobody", endpoint=stand_in.url))
    with pytest.raises(CredentialsError, match="nobody"):
        AwsDriver(QUEUES, catalogue(), door).plan()


def test_wrong_credentials_over_the_wire(stand_in: StandIn) -> None:
    stand_in.rules({"service": "sts", "answer": "expired"})
    with pytest.raises(CredentialsError, match="ExpiredToken"):
        real(stand_in).plan()


def test_nobody_listens(aws_environment: None) -> None:
    door = SdkDoor(allowed_operations(QUEUES), DoorSettings(endpoint="http://127.0.0.1:9", max_attempts=1, timeout=2))
    with pytest.raises(CredentialsError, match="EndpointConnectionError"):
        AwsDriver(QUEUES, catalogue(), door).plan()


def test_a_silent_endpoint_is_unsupported_only_where_the_sdk_says_so(aws_environment: None) -> None:
    door = SdkDoor(allowed_operations(kinds()))
    assert door._not_offered("memorydb", "us-east-1") is False
    assert door._not_offered("sqs", "xx-nowhere-1") is False
    import botocore.session

    session = botocore.session.get_session()
    every = set(session.get_available_regions("ec2"))
    missing = next(
        (
            (name, region)
            for name in ("memorydb", "opensearch", "glacier", "kinesis")
            for region in sorted(every - set(session.get_available_regions(name)))
        ),
        None,
    )
    assert missing is not None
    assert door._not_offered(*missing) is True
    assert SdkDoor(frozenset(), DoorSettings(endpoint="http://127.0.0.1:9"))._not_offered(*missing) is False


def test_clients_are_few_and_partitions_known(stand_in: StandIn) -> None:
    door = SdkDoor(allowed_operations(QUEUES), DoorSettings(endpoint=stand_in.url, max_clients=2))
    for region in ("us-east-1", "eu-west-1", "eu-north-1", "us-east-1"):
        list(door.pages("", "sqs", region, "ListQueues", {}))
    assert len(door._clients) == 2
    assert door.regions("aws-us-gov")[0] == "us-gov-west-1"
    with pytest.raises(ConfigError, match="not known to this AWS SDK"):
        door.regions("aws-moon")


def test_one_client_serves_all_accounts(stand_in: StandIn, tmp_path: Path) -> None:
    """Each request is signed for the account it is made in, whichever thread a page comes in."""
    organisation = stand_in.client("organizations")
    organisation.create_organization(FeatureSet="ALL")
    made = [
        organisation.create_account(AccountName=name, Email=f"{name}@example.jp")["CreateAccountStatus"]["AccountId"]
        for name in ("one", "two", "three")
    ]
    driver_ = real(stand_in, QUEUES, role_name="reader", regions=("us-east-1",), workers=4)
    door = driver_._door
    swept(driver_, tmp_path)
    assert isinstance(door, SdkDoor)
    assert {key for key in door._clients if key[0] == "sqs"} == {("sqs", "us-east-1")}
    # generators of several accounts, advanced in turn in one thread
    asked = [door.pages(account, "sts", "us-east-1", "GetCallerIdentity", {}) for account in ["", *made]]
    assert [next(pages)["Account"] for pages in asked] == [OWN, *made]
    queues = [door.pages(account, "sqs", "us-east-1", "ListQueues", {}) for account in ["", *made]]
    assert [next(pages, None) for pages in queues] == [{}] * 4


def test_a_service_is_not_asked_by_more_at_a_time_than_allowed(stand_in: StandIn) -> None:
    settings = DoorSettings(endpoint=stand_in.url, per_service=1)
    door = SdkDoor(allowed_operations(QUEUES), settings)
    room = door._room_for("", "sqs", "us-east-1")
    room.acquire()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: list(door.pages("", "sqs", "us-east-1", "ListQueues", {})))
        elsewhere = list(door.pages("", "sqs", "eu-west-1", "ListQueues", {}))
        assert elsewhere == [{}]
        assert not asked.done()
        room.release()
        assert asked.result(timeout=30) == [{}]


def test_region_of_the_profile(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SdkDoor(frozenset()).start() == "us-east-1"
    monkeypatch.setitem(os.environ, "AWS_DEFAULT_REGION", "ap-northeast-1")
    assert SdkDoor(frozenset()).start() == "ap-northeast-1"
    assert SdkDoor(frozenset(), DoorSettings(region="eu-west-1")).start() == "eu-west-1"


class Paged:
    """A client whose operation no paginator knows."""

    def __init__(self, *tokens: str | None) -> None:
        import botocore.session

        self.tokens, self.given = list(tokens), list[Any]()
        self.meta = type("Meta", (), {"service_model": botocore.session.get_session().get_service_model("kms")})

    def can_paginate(self, method: str) -> bool:
        return False

    def list_keys(self, **args: Any) -> dict[str, Any]:
        self.given.append(args.get("Marker"))
        token = self.tokens.pop(0)
        return {"Keys": [], **({"NextMarker": token} if token else {})}


def test_pages_without_a_paginator_are_followed_by_their_token() -> None:
    client: Any = Paged("a", "b", None)
    assert len(list(SdkDoor(frozenset())._paged(client, "ListKeys", {}))) == 3
    assert client.given == [None, "a", "b"]


def test_no_token_of_a_call_without_a_paginator_is_unknown_to_the_door() -> None:
    """A listing whose next page nobody asks for would end early and say nothing."""
    import botocore.session
    from botocore.exceptions import DataNotFoundError, UnknownServiceError

    session = botocore.session.get_session()
    known = dict(_TOKENS)
    unknown = []
    for service, operation in sorted(allowed_operations(kinds())):
        model = session.get_service_model(service).operation_model(operation)
        try:
            session.get_paginator_model(service).get_paginator(operation)
            continue
        except (UnknownServiceError, DataNotFoundError, ValueError):
            pass
        gives = model.output_shape.members if model.output_shape else {}
        takes = model.input_shape.members if model.input_shape else {}
        tokens = [name for name in gives if re.match(r"next\w*(token|marker)|lastevaluated|marker", name.lower())]
        unknown += [f"{service}:{operation} {name}" for name in tokens if known.get(name) not in takes]
    assert unknown == []


def test_a_page_that_comes_twice_is_not_asked_for_ever() -> None:
    client: Any = Paged("a", "a", "a")
    with pytest.raises(CallError, match="same page twice"):
        list(SdkDoor(frozenset())._paged(client, "ListKeys", {}))
