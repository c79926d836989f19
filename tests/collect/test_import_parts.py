"""What a state says in a resource of its own: joined to the resource it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from foreign import messages, run, write
from state import attributes, resource, state

OWN = "111122223333"
POLICY = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "*", "Resource": "*"}]}
)


def bucket(name: str = "media", **more: Any) -> dict[str, Any]:
    row = {"bucket": name, "id": name, "arn": f"arn:aws:s3:::{name}", "region": "ap-northeast-1"}
    return resource("aws_s3_bucket", attributes("aws_s3_bucket", {**row, **more}))


def test_a_bucket_is_read_with_what_stands_apart(tmp_path: Path) -> None:
    key = f"arn:aws:kms:eu-west-1:{OWN}:key/k"
    destination = {"bucket": "arn:aws:s3:::far", "account": "444455556666",
                   "encryption_configuration": [{"replica_kms_key_id": key}]}  # fmt: skip
    encryption = [{"sse_algorithm": "aws:kms", "kms_master_key_id": key.replace("eu-west-1", "ap-northeast-1")}]
    parts = [
        resource("aws_s3_bucket_policy", {"id": "media", "bucket": "media", "policy": POLICY}),
        resource("aws_s3_bucket_logging", {"bucket": "media", "target_bucket": "logs"}),
        resource("aws_s3_bucket_replication_configuration",
                 {"bucket": "media", "rule": [{"status": "Enabled", "destination": [destination]}]}),
        resource("aws_s3_bucket_server_side_encryption_configuration",
                 {"bucket": "media", "rule": [{"apply_server_side_encryption_by_default": encryption}]}),
    ]  # fmt: skip
    # in one state, whatever the order, or in two
    first = write(tmp_path / "a.tfstate", state(*parts[:2], bucket(), bucket("other")))
    rows = run(first, write(tmp_path / "b.tfstate", state(*parts[2:])))
    assert {row.name for row in rows["stores"]} == {"media", "other"}
    mine = [row for row in rows["placements"] if row.store_id == "arn:aws:s3:::media"]
    assert ("replica", "eu-west-1", "arn:aws:s3:::far") in {(row.role, row.location, row.target) for row in mine}
    assert ("log", "arn:aws:s3:::logs") in {(row.role, row.target) for row in mine}
    assert {(row.store_id, row.principal) for row in rows["grants"]} == {
        ("arn:aws:s3:::media", "999988887777"),
        ("arn:aws:s3:::media", "444455556666"),
    }
    custody = {row.store_id: row.custody for row in rows["keys"]}
    assert custody == {"arn:aws:s3:::media": "customer-managed", "arn:aws:s3:::other": "unknown"}


def test_a_part_alone_tells_of_its_resource(tmp_path: Path) -> None:
    url = f"https://sqs.eu-west-3.amazonaws.com/{OWN}/jobs"
    topic = f"arn:aws:sns:eu-west-3:{OWN}:news"
    parts = [
        resource("aws_sqs_queue_policy", {"id": url, "queue_url": url, "policy": POLICY}),
        resource("aws_sns_topic_policy", {"arn": topic, "policy": POLICY}),
    ]
    rows = run(write(tmp_path / "s.tfstate", state(*parts)))
    assert {(row.store_id, row.account, row.region) for row in rows["stores"]} == {
        (f"arn:aws:sqs:eu-west-3:{OWN}:jobs", OWN, "eu-west-3"),
        (topic, OWN, "eu-west-3"),
    }
    assert [row.principal for row in rows["grants"]].count("999988887777") == len(rows["grants"]) > 1
    assert {row.custody for row in rows["keys"]} == {"unknown"}


def test_a_part_that_may_be_of_several_is_of_none(tmp_path: Path) -> None:
    def repository(region: str) -> dict[str, Any]:
        arn = f"arn:aws:ecr:{region}:{OWN}:repository/app"
        return resource("aws_ecr_repository", attributes("aws_ecr_repository", {"arn": arn, "name": "app"}))

    part = resource("aws_ecr_repository_policy", {"repository": "app", "registry_id": OWN, "policy": POLICY})
    rows = run(write(tmp_path / "s.tfstate", state(repository("eu-west-1"), repository("us-east-1"), part)))
    assert len(rows["stores"]) == 2
    assert rows["grants"] == []
    assert "1 of type aws_ecr_repository_policy are of no kind" in messages(rows, "scope")
    rows = run(write(tmp_path / "t.tfstate", state(repository("eu-west-1"), part)))
    assert {row.principal for row in rows["grants"]} == {"999988887777"}


def test_permissions_of_a_function_are_gathered_and_may_not_be_all(tmp_path: Path) -> None:
    arn = f"arn:aws:lambda:eu-west-1:{OWN}:function:resize"
    function = resource(
        "aws_lambda_function", attributes("aws_lambda_function", {"arn": arn, "function_name": "resize"})
    )
    common = {"action": "lambda:InvokeFunction", "source_arn": "", "source_account": "", "principal_org_id": ""}
    parts = [
        resource("aws_lambda_permission", {**common, "function_name": "resize", "principal": "999988887777"}),
        resource("aws_lambda_permission", {**common, "function_name": f"{arn}:live", "principal": "*"}),
        resource("aws_lambda_permission", {**common, "function_name": arn, "principal": "s3.amazonaws.com",
                                           "source_account": OWN}),
    ]  # fmt: skip
    rows = run(write(tmp_path / "s.tfstate", state(function, *parts)))
    assert {(row.store_id, row.principal, row.principal_kind, row.external) for row in rows["grants"]} == {
        (arn, "999988887777", "account", "unknown"),
        (arn, "*", "public", "yes"),
        (arn, "s3.amazonaws.com", "service", "no"),
    }
    assert "Terraform state aws_lambda_function may not say all of policy.Policy" in messages(rows, "grants")
    rows = run(write(tmp_path / "t.tfstate", state(function)))
    assert rows["grants"] == []
    assert {row.store_id for row in rows["gaps"] if row.field == "grants"} == {arn}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"acl": "public-read", "access_control_policy": []}, [("public", "read")]),
        ({"acl": "private", "access_control_policy": []}, []),
        (
            {"acl": "", "access_control_policy": [{
                "owner": [{"id": "me"}],
                "grant": [
                    {"permission": "FULL_CONTROL", "grantee": [{"id": "me", "type": "CanonicalUser", "uri": ""}]},
                    {"permission": "WRITE", "grantee": [{"id": "other", "type": "CanonicalUser", "uri": ""}]},
                ],
            }]},
            [("user", "admin"), ("user", "write")],
        ),
    ],
)  # fmt: skip
def test_the_access_list_of_a_bucket(tmp_path: Path, row: dict[str, Any], found: list[tuple[str, str]]) -> None:
    part = resource("aws_s3_bucket_acl", {"id": "media,x", "bucket": "media", **row})
    rows = run(write(tmp_path / "s.tfstate", state(bucket(), part)))
    assert sorted((grant.principal_kind, grant.access) for grant in rows["grants"]) == found
    assert not [text for text in messages(rows, "grants") if "acl" in text]
    alone = run(write(tmp_path / "t.tfstate", state(bucket())))
    assert [text for text in messages(alone, "grants") if "acl" in text]


def test_the_policy_of_a_table_and_the_permissions_of_an_image(tmp_path: Path) -> None:
    table = f"arn:aws:dynamodb:eu-west-1:{OWN}:table/carts"
    image = {"id": "ami-1", "name": "gold", "arn": "arn:aws:ec2:eu-west-1::image/ami-1", "owner_id": OWN}
    parts = [
        resource("aws_dynamodb_table", attributes("aws_dynamodb_table", {"arn": table, "name": "carts"})),
        resource("aws_dynamodb_resource_policy", {"resource_arn": table, "policy": POLICY}),
        resource("aws_dynamodb_resource_policy", {"resource_arn": f"{table}/stream/2020", "policy": POLICY}),
        resource("aws_ami_copy", attributes("aws_ami_copy", image)),
        resource("aws_ami_launch_permission", {"image_id": "ami-1", "account_id": "999988887777", "group": ""}),
        resource("aws_ami_launch_permission", {"image_id": "ami-1", "account_id": "", "group": "all"}),
    ]
    rows = run(write(tmp_path / "s.tfstate", state(*parts)))
    assert {(row.kind, row.principal) for row in rows["grants"]} == {
        ("aws.dynamodb.table", "999988887777"),
        ("aws.ec2.image", "999988887777"),
        ("aws.ec2.image", "all"),
    }
    assert "1 of type aws_dynamodb_resource_policy are of no kind" in messages(rows, "scope")
