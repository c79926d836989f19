"""Descriptions recorded without their listing still describe a store; a listing made of them is never complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud import catalogue, kinds, some

from residency.collect.recorded import RecordedDoor, read_answers, replay
from residency.collect.unlisted import unlisted
from residency.inventory.tables import Rows

US, OWN = "us-east-1", "111122223333"
KEY = f"arn:aws:kms:{US}:{OWN}:key/00000000-0000-4000-8000-000000000001"


def read(folder: Path, *names: str, **files: Any) -> Rows:
    for name, content in files.items():
        (folder / f"{name.replace('_of_', '__').replace('_at_', '.')}.json").write_text(json.dumps(content))
    chosen = some(*names) if names else dict(kinds())
    return replay(RecordedDoor(read_answers(folder, chosen), OWN, US), chosen, catalogue())


def test_a_description_alone(tmp_path: Path) -> None:
    key = {"KeyMetadata": {"KeyId": KEY[-36:], "Arn": KEY, "KeyManager": "CUSTOMER", "Origin": "AWS_KMS"}}
    rows = read(tmp_path, kms_at_DescribeKey_1={"status_code": 200, "data": key})
    assert [(row.kind, row.store_id, row.name) for row in rows["stores"]] == [("aws.kms.key", KEY, KEY[-36:])]
    (unit,) = [row for row in rows["units"] if row.kind == "aws.kms.key"]
    assert (unit.status, unit.code, unit.stores) == ("failed", "NotRecorded", 1)
    assert [row.field for row in rows["gaps"] if row.kind == "aws.kms.key" and not row.store_id] == ["listing"]


def test_a_scalar_item_and_two_answers_about_it(tmp_path: Path) -> None:
    table = {"Table": {"TableName": "people", "TableArn": f"arn:aws:dynamodb:{US}:{OWN}:table/people"}}
    rows = read(tmp_path, dynamodb_at_DescribeTable_1=table, dynamodb_at_DescribeTable_2=table)
    assert [(row.kind, row.name) for row in rows["stores"]] == [("aws.dynamodb.table", "people")]


def test_the_name_of_a_file_names_the_item(tmp_path: Path) -> None:
    policy = {"Policy": json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]})}
    rows = read(tmp_path, **{"get-bucket-policy_of_photos": policy})
    assert [row.store_id for row in rows["stores"]] == ["arn:aws:s3:::photos"]
    assert [row.principal for row in rows["grants"]] == ["*"]


def test_an_item_nobody_named_is_still_an_item(tmp_path: Path) -> None:
    far = {"Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::far", "Format": "CSV"}}, "IsEnabled": True}
    rows = read(
        tmp_path, s3_at_ListBucketInventoryConfigurations_1={"InventoryConfigurationList": [{"Id": "daily", **far}]}
    )
    # the bucket in the destination is not the bucket that was asked about
    assert [row.name for row in rows["stores"]] == ["not-recorded-1"]
    assert "arn:aws:s3:::far" in {row.target for row in rows["placements"]}


def test_an_inner_listing_tells_of_its_outer(tmp_path: Path) -> None:
    point = {"RecoveryPointArn": f"arn:aws:backup:{US}:{OWN}:recovery-point:1", "BackupVaultName": "Default"}
    rows = read(tmp_path, **{"list-recovery-points-by-backup-vault_of_Default": {"RecoveryPoints": [point]}})
    assert [row.store_id for row in rows["stores"] if row.kind == "aws.backup.recovery_point"] == [
        point["RecoveryPointArn"]
    ]


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("kms.ListKeys_1", {"Keys": []}),  # the listing is there: nothing is made up beside it
        ("kms.DescribeCustomKeyStores_1", {"CustomKeyStores": []}),  # asked once for all keys: about none of them
    ],
)
def test_nothing_is_made_up_without_need(tmp_path: Path, operation: str, answer: Any) -> None:
    (tmp_path / f"{operation}.json").write_text(json.dumps(answer))
    answers = read_answers(tmp_path, some("aws.kms.key"))
    assert len(answers) == 1
    assert list(unlisted(answers, some("aws.kms.key"))) == []


def test_answers_of_several_regions_are_all_read(tmp_path: Path) -> None:
    def snapshots(region: str) -> dict[str, Any]:
        arn = f"arn:aws:rds:{region}:{OWN}:snapshot:s"
        return {"DBSnapshots": [{"DBSnapshotIdentifier": "s", "DBSnapshotArn": arn, "SnapshotType": "manual"}]}

    rows = read(
        tmp_path, "aws.rds.snapshot",
        rds_at_DescribeDBSnapshots_1=snapshots(US), rds_at_DescribeDBSnapshots_2=snapshots("eu-west-1"),
    )  # fmt: skip
    assert {(row.role, row.location) for row in rows["placements"]} == {("backup", US), ("backup", "eu-west-1")}
    assert {row.region for row in rows["stores"]} == {US, "eu-west-1"}


def test_another_call_that_says_the_same(tmp_path: Path) -> None:
    arn = f"arn:aws:es:{US}:{OWN}:domain/search"
    status = {"DomainName": "search", "ARN": arn, "EncryptionAtRestOptions": {"Enabled": True, "KmsKeyId": KEY}}
    rows = read(
        tmp_path, "aws.opensearch.domain",
        es_at_DescribeElasticsearchDomains_1={"status_code": 200, "data": {"DomainStatusList": [status]}},
    )  # fmt: skip
    assert [(row.store_id, row.name) for row in rows["stores"]] == [(arn, "search")]
    assert [(row.custody, row.key_id) for row in rows["keys"]] == [("customer-managed", KEY)]


def test_another_call_that_was_refused(tmp_path: Path) -> None:
    error = {"status_code": 403, "data": {"Error": {"Code": "AccessDeniedException", "Message": "no"}}}
    rows = read(tmp_path, "aws.opensearch.domain", es_at_ListDomainNames_1=error)
    assert [(row.status, row.code) for row in rows["units"]] == [("denied", "AccessDeniedException")]


def test_an_answer_that_does_not_say_what_it_is_about_makes_up_no_second_item(tmp_path: Path) -> None:
    key = {"KeyMetadata": {"KeyId": KEY[-36:], "Arn": KEY, "KeyManager": "CUSTOMER", "Origin": "AWS_KMS"}}
    policy = {"Policy": json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt"}]})}
    rows = read(tmp_path, "aws.kms.key", kms_at_DescribeKey_1=key, kms_at_GetKeyPolicy_1=policy)
    assert [row.store_id for row in rows["stores"]] == [KEY]
    assert [(row.store_id, row.principal) for row in rows["grants"]] == [(KEY, "*")]
    # one policy more than keys: somebody has it
    rows = read(tmp_path, "aws.kms.key", kms_at_GetKeyPolicy_2=policy)
    assert {row.name for row in rows["stores"]} == {KEY[-36:], "not-recorded-1"}


def test_where_an_answer_says_it_is_from_comes_before_the_region_that_was_named(tmp_path: Path) -> None:
    arn = f"arn:aws:dynamodb:eu-west-1:{OWN}:table/people"
    replicas = [{"RegionName": name} for name in ("eu-west-1", "eu-west-2")]
    table = {"Table": {"TableName": "people", "TableArn": arn, "Replicas": replicas}}
    rows = read(tmp_path, "aws.dynamodb.table", dynamodb_at_DescribeTable_1=table)
    assert [(row.store_id, row.region) for row in rows["stores"]] == [(arn, "eu-west-1")]
    assert {(row.role, row.location) for row in rows["placements"]} == {
        ("primary", "eu-west-1"),
        ("replica", "eu-west-2"),
    }


def lambda_policy(**more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", **more}
    return {"status_code": 200, "data": {"Policy": json.dumps({"Statement": [statement]})}}


def test_what_only_the_listing_says_is_not_known(tmp_path: Path) -> None:
    rows = read(tmp_path, "aws.lambda.function", lambda_at_GetPolicy_1=lambda_policy())
    (store,) = rows["stores"]
    assert [row.custody for row in rows["keys"]] == ["unknown"]  # no key in it, but the listing has the key
    gaps = {row.field: row.message for row in rows["gaps"] if row.store_id == store.store_id}
    assert gaps["key"] == "KMSKeyArn is not known: the listing that says it was not recorded"
    assert gaps["placement"] == "DeadLetterConfig is not known: the listing that says it was not recorded"
    listed = {"Functions": [{"FunctionArn": store.store_id, "FunctionName": store.name}]}
    rows = read(tmp_path, "aws.lambda.function", lambda_at_ListFunctions_1=listed)
    assert [row.custody for row in rows["keys"]] == ["provider-managed"]


def test_a_policy_names_what_it_protects(tmp_path: Path) -> None:
    near, far = (f"arn:aws:lambda:{region}:{OWN}:function:f" for region in (US, "eu-west-1"))
    rows = read(
        tmp_path, "aws.lambda.function",
        lambda_at_GetPolicy_1=lambda_policy(Resource=far), lambda_at_GetPolicy_2=lambda_policy(Resource=near),
    )  # fmt: skip
    assert {(row.store_id, row.region) for row in rows["stores"]} == {(near, US), (far, "eu-west-1")}
    assert {(row.store_id, row.location) for row in rows["placements"]} == {(near, US), (far, "eu-west-1")}
    assert {(row.store_id, row.principal) for row in rows["grants"]} == {(near, "*"), (far, "*")}


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"], "photos"),
        (["arn:aws:s3:::photos/*", "arn:aws:s3:::other/*"], "not-recorded-1"),
        (["arn:aws:s3:::*"], "not-recorded-1"),
        ("*", "not-recorded-1"),
        ([f"arn:aws:sqs:{US}:{OWN}:jobs"], "not-recorded-1"),
    ],
)
def test_the_bucket_of_a_policy(tmp_path: Path, resource: Any, name: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    rows = read(tmp_path, "aws.s3.bucket", s3_at_GetBucketPolicy_1={"Policy": json.dumps({"Statement": statement})})
    assert [row.name for row in rows["stores"]] == [name]
    assert [row.principal for row in rows["grants"]] == ["*"]


def test_an_item_whose_identifier_only_the_listing_has(tmp_path: Path) -> None:
    policy = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}})
    rows = read(
        tmp_path, "aws.efs.file_system", "aws.lambda.function",
        **{"describe-file-system-policy_of_fs_1": {"FileSystemId": "fs-1", "Policy": policy}},
        lambda_at_GetPolicy_1=lambda_policy(),
    )  # fmt: skip
    files, function = f"aws.efs.file_system/{US}/fs-1", f"aws.lambda.function/{US}/not-recorded-1"
    assert {(row.store_id, row.name) for row in rows["stores"]} == {(files, "fs-1"), (function, "not-recorded-1")}
    assert {row.store_id for row in rows["grants"] if row.principal_kind == "public"} == {files, function}
    assert {row.custody for row in rows["keys"]} == {"unknown"}
