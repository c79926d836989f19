"""The exported documents are exactly the union of what the kinds name."""

from __future__ import annotations

from typing import Any

import pytest
from cloud import kinds, some

from residency.collect import azure, gcp
from residency.collect.permissions import parts, permissions, size
from residency.collect.spec import Kind
from residency.errors import ConfigError

FINDING = {
    "organizations:ListAccounts", "sts:AssumeRole", "account:ListRegions", "ec2:DescribeRegions",
    "config:DescribeConfigurationAggregators", "config:SelectAggregateResourceConfig",
}  # fmt: skip

DISCOVERY = {"gcp": gcp.DISCOVERY, "azure": azure.DISCOVERY}


def test_aws_policy_is_the_exact_union() -> None:
    chosen = some("aws.sqs.queue", "aws.ec2.volume")
    (statement,) = permissions("aws", chosen)["Statement"]
    assert statement["Effect"] == "Allow"
    named = {"sqs:ListQueues", "sqs:GetQueueAttributes", "sqs:ListQueueTags", "ec2:DescribeVolumes"}
    assert set(statement["Action"]) == named | FINDING
    assert statement["Action"] == sorted(statement["Action"])


def test_aws_policy_has_no_write_action_and_no_wildcard() -> None:
    for action in permissions("aws", kinds())["Statement"][0]["Action"]:
        assert "*" not in action
        read = action.split(":")[1].startswith(("Get", "List", "Describe", "BatchGet"))
        # Keyspaces and Config name reads after the query language, API Gateway after the HTTP method
        other = {"sts:AssumeRole", "cassandra:Select", "config:SelectAggregateResourceConfig", "apigateway:GET"}
        assert read or action in other


@pytest.mark.parametrize(("provider", "field"), [("gcp", "includedPermissions"), ("azure", "Actions")])
def test_other_providers(provider: str, field: str) -> None:
    kind: Any = {
        "holds": "x",
        "list": {"service": "s", "operation": "o", "iam": ["b.read", "a.read"]},
        "id": "x",
        "placements": [{"role": "primary", "fixed": "x"}],
        "key": [{"custody": "none"}],
    }
    chosen = {f"{provider}.s.thing": Kind.model_validate(kind), **some("aws.sqs.queue")}
    found = permissions(provider, chosen, ["c.find"])[field]
    assert found == sorted({"a.read", "b.read", "c.find", *DISCOVERY[provider]})


def test_parts_are_as_few_as_fit_and_together_the_whole() -> None:
    policy = permissions("aws", kinds())
    whole = policy["Statement"][0]["Action"]
    for limit in (size(policy), size(policy) - 1, 3000, 1):
        made = parts(policy, limit)
        assert [action for item in made for action in item["Statement"][0]["Action"]] == whole
        assert all(size(item) <= limit or len(item["Statement"][0]["Action"]) == 1 for item in made)
    assert len(parts(policy, size(policy))) == 1
    assert len(parts(policy, size(policy) - 1)) == 2


def test_unknown_provider() -> None:
    with pytest.raises(ConfigError, match="name aws, gcp or azure"):
        permissions("oci", {})
