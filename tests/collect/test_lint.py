"""Lint finds every sort of fault in a kind, offline; the real kinds have none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud import FIXTURES, OWN, kinds

from residency.collect.lint import lint_fixtures, lint_kinds
from residency.collect.mapping import search
from residency.collect.permissions import permissions
from residency.collect.spec import Kind, load_kinds
from residency.data import data_folders


def test_real_kinds_are_clean() -> None:
    assert len(kinds()) >= 18
    assert lint_kinds(kinds()) == []


def test_every_real_kind_has_fixtures_that_reach_every_expression() -> None:
    assert lint_fixtures(kinds(), FIXTURES) == []


def test_every_iam_action_exists() -> None:
    from policy_sentry.querying.actions import get_action_data

    wanted = permissions("aws", kinds())["Statement"][0]["Action"]
    missing = [action for action in wanted if not get_action_data(*action.split(":"))]
    assert missing == []


GOOD: dict[str, Any] = {
    "holds": "messages",
    "list": {"service": "sqs", "operation": "ListQueues", "items": "QueueUrls[]", "iam": ["sqs:ListQueues"]},
    "detail": [
        {
            "operation": "GetQueueAttributes",
            "args": {"QueueUrl": "@item", "AttributeNames": ["All"]},
            "into": "queue",
            "gives": ["key"],
            "iam": ["sqs:GetQueueAttributes"],
        }
    ],
    "id": "item",
    "placements": [{"role": "primary", "location": "ctx.region"}],
    "key": [{"custody": "customer-managed", "id": "queue.Attributes.KmsMasterKeyId", "needs": ["queue"]}],
}


def changed(**change: Any) -> dict[str, Kind]:
    return {"aws.sqs.queue": Kind.model_validate({**GOOD, **change})}


def listing(**change: Any) -> dict[str, Any]:
    return {"list": {**GOOD["list"], **change}}


def detail(**change: Any) -> dict[str, Any]:
    return {"detail": [{**GOOD["detail"][0], **change}]}


def test_good_kind() -> None:
    assert lint_kinds(changed()) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (listing(service="sqz"), "service"),
        (listing(service=None), "call"),
        (listing(operation="ListQueuez"), "operation"),
        (listing(args={"Queue": "x"}), "argument"),
        (listing(items="Queues[]"), "path"),
        (listing(items="QueueUrls[].Name"), "path"),
        (listing(iam=["sqs.ListQueues"]), "iam"),
        (detail(args={"AttributeNames": ["All"]}), "argument"),
        (detail(args={"QueueUrl": "@url", "AttributeNames": ["All"]}), "path"),
        (detail(operation="GetQueue"), "operation"),
        (detail(gives=[]), "gives"),
        (detail(items="Attribute"), "path"),
        (detail(when="nothing"), "path"),
        ({"id": "queue.Attribute.QueueArn"}, "path"),
        ({"id": "shout(item)"}, "function"),
        ({"id": "ctx.zone"}, "path"),
        ({"name": "item.name"}, "path"),
        ({"placements": [{"role": "primary", "location": "queue.Attributes.x"}]}, "needs"),
        ({"placements": [{"role": "replica", "each": "queue.Attributes.x", "location": "item"}]}, "needs"),
        ({"placements": [{"role": "replica", "each": "item", "location": "root.nothing"}]}, "path"),
        ({"key": [{"custody": "customer-managed", "id": "queue.Attributes.x"}]}, "needs"),
        ({"grants": [{"policy": "queue.Attributes.Policy"}]}, "needs"),
        ({"labels": [{"map": "queue.Attributes"}]}, "needs"),
    ],
)
def test_each_fault_is_found(change: dict[str, Any], rule: str) -> None:
    assert rule in {fault.rule for fault in lint_kinds(changed(**change))}


def test_label_pairs_are_looked_into() -> None:
    kind = Kind.model_validate(
        {
            "holds": "blocks",
            "list": {
                "service": "ec2",
                "operation": "DescribeVolumes",
                "items": "Volumes[]",
                "iam": ["ec2:DescribeVolumes"],
            },
            "id": "VolumeId",
            "placements": [{"role": "primary", "location": "AvailabilityZone"}],
            "key": [{"custody": "none"}],
            "labels": [{"pairs": "Tags", "key": "Name"}],
        }
    )
    assert [fault.rule for fault in lint_kinds({"aws.ec2.volume": kind})] == ["path"]


def test_kinds_of_other_clouds_are_left_alone(tmp_path: Path) -> None:
    other = {"gcp.x.y": Kind.model_validate({**GOOD, **listing(service="nothing")})}
    assert lint_kinds(other) == lint_fixtures(other, tmp_path) == []


def test_missing_broken_and_shallow_fixtures(tmp_path: Path) -> None:
    assert [fault.message for fault in lint_fixtures(changed(), tmp_path)] == [
        f"no fixture in {tmp_path.name}/aws.sqs.queue/"
    ]
    folder = tmp_path / "aws.sqs.queue"
    folder.mkdir()
    (folder / "a.json").write_text("[]")
    assert "holds no" in lint_fixtures(changed(), tmp_path)[0].message
    content = {"list": {"QueueUrls": ["u"]}, "details": {"GetQueueAttributes": {"Attributes": {}}}}
    (folder / "a.json").write_text(json.dumps(content))
    assert [fault.message for fault in lint_fixtures(changed(), tmp_path)] == [
        "key.0.id: no fixture reaches 'queue.Attributes.KmsMasterKeyId'"
    ]


NEEDS_ITS_FIELD = {
    "aws.apigateway.stage": "a stage keeps data only where a cache or a log is named",
    "aws.redshift.data_share": "the share is known by the identifier that is asked for",
    "aws.s3.directory_bucket": "the bucket is known by the name that is asked for",
    "azure.authorization.policy_assignment": "assignments without places say nothing of places",
    "azure.authorization.role_assignment_below": "the other kind takes those without a scope",
    "gcp.orgpolicy.policy": "the policy is known by the name that is asked for",
    "gcp.spanner.instance_config": "Google's own configurations hold nobody's data",
    "aws.elasticache.replication_group": "a group without a global one is in none",
    "aws.memorydb.cluster": "a cluster without a global one is in none",
    "aws.kms.key": "a key without an origin is an unknown key",
    "aws.ssm.parameter": "nothing can be asked without the identifier",
    "aws.storagegateway.file_share": "without its type no answer gives its place, which is a gap",
    "aws.storagegateway.tape": "a tape is in a gateway or in the archive",
    "aws.storagegateway.volume": "without its type no answer gives its key, which is a gap",
    "gcp.spanner.instance": "without a configuration the place is a gap",
    "gcp.spanner.instance_partition": "without a configuration the place is a gap",
}


def test_a_store_is_not_dropped_for_a_field_that_is_missing() -> None:
    """A condition on a listing or a call reads what an item says, and takes silence for yes."""
    empty = {"ctx": {"account": OWN, "region": "us-east-1"}}
    strict = set()
    for name, kind in load_kinds(data_folders()).items():
        conditions = [kind.when if kind.when != "resource.data" else None, *(call.when for call in kind.calls())]
        if any(text and not search(text, empty) for text in conditions):
            strict.add(name)
    assert strict == set(NEEDS_ITS_FIELD)
