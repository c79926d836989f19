"""Policies, bindings, lists and ACLs read into principals; nothing unreadable is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.collect.grants import Found, Scope, grants_of
from residency.collect.mapping import search
from residency.collect.spec import GrantRule

OWN, SISTER, FOREIGN = "111122223333", "111122224444", "999988887777"
KNOWN = Scope(accounts=frozenset({OWN, SISTER}), complete=True, organisations=frozenset({"o-ours"}))
OPEN = Scope()
POLICY = GrantRule(policy="p")


def read(rule: GrantRule, value: Any, scope: Scope = KNOWN) -> list[Found | str]:
    return list(grants_of(rule, {"p": value, "ctx": {"account": OWN}}, scope, search))


def statement(principal: Any = "*", action: Any = "s3:GetObject", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, **more}]}


def seen(value: Any, scope: Scope = KNOWN) -> list[tuple[str, str, str, str, str]]:
    found = read(POLICY, value, scope)
    assert all(isinstance(item, Found) for item in found), found
    return [
        (item.principal, item.principal_kind, item.access, item.external, item.condition)
        for item in found
        if isinstance(item, Found)
    ]


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", ("*", "public", "yes")),
        ({"AWS": "*"}, ("*", "public", "yes")),
        ({"AWS": ["*"]}, ("*", "public", "yes")),
        ({"AWS": root(OWN)}, (root(OWN), "account", "no")),
        ({"AWS": SISTER}, (SISTER, "account", "no")),
        ({"AWS": root(FOREIGN)}, (root(FOREIGN), "account", "yes")),
        ({"AWS": f"arn:aws:iam::{FOREIGN}:user/x"}, (f"arn:aws:iam::{FOREIGN}:user/x", "user", "yes")),
        ({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}, ("AIDACKCEVSQ6C2EXAMPLE", "unknown", "unknown")),
        ({"AWS": "XXXXXXXXXXXX"}, ("XXXXXXXXXXXX", "unknown", "unknown")),
        ({"AWS": "arn:aws:iam::cloudfront:user/OAI"}, ("arn:aws:iam::cloudfront:user/OAI", "service", "no")),
        ({"Service": "delivery.logs.amazonaws.com"}, ("delivery.logs.amazonaws.com", "service", "no")),
        ({"Service": "*"}, ("*", "public", "yes")),
        ({"Federated": "accounts.google.com"}, ("accounts.google.com", "user", "unknown")),
        (
            {"Federated": f"arn:aws:iam::{FOREIGN}:saml-provider/x"},
            (f"arn:aws:iam::{FOREIGN}:saml-provider/x", "user", "yes"),
        ),
        ({"CanonicalUser": "0a" * 32}, ("0a" * 32, "user", "unknown")),
    ],
)
def test_principal_forms(principal: Any, expected: tuple[str, str, str]) -> None:
    (found,) = seen(statement(principal))
    assert (found[0], found[1], found[3]) == expected


def test_incomplete_scope_never_says_external_but_for_the_public() -> None:
    assert seen(statement({"AWS": [root(FOREIGN), root(OWN), "*"]}), OPEN) == [
        (root(FOREIGN), "account", "read", "unknown", "none"),
        (root(OWN), "account", "read", "no", "none"),
        ("*", "public", "read", "yes", "none"),
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"s3:DataAccessPointAccount": OWN}}, [(OWN, "account", "no", "narrowed")]),
        ({"StringEquals": {"s3:DataAccessPointAccount": FOREIGN}}, [(FOREIGN, "account", "yes", "narrowed")]),
        (
            {"StringEquals": {"AWS:SourceOwner": [OWN, FOREIGN]}},
            [(OWN, "account", "no", "narrowed"), (FOREIGN, "account", "yes", "narrowed")],
        ),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{SISTER}:*"}}, [(SISTER, "account", "no", "narrowed")]),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}, [("*", "public", "unknown", "unknown")]),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-ours"}}, [("o-ours", "tenant", "no", "narrowed")]),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-theirs"}}, [("o-theirs", "tenant", "yes", "narrowed")]),
        (
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-ours/r-1/*"}},
            [("o-ours", "tenant", "no", "narrowed")],
        ),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-ours"}}, [("*", "public", "unknown", "unknown")]),
        ({"ForAllValues:StringEquals": {"aws:PrincipalAccount": OWN}}, [("*", "public", "unknown", "unknown")]),
        ({"StringNotEquals": {"aws:PrincipalAccount": OWN}}, [("*", "public", "unknown", "unknown")]),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, [("*", "public", "unknown", "unknown")]),
        ({"StringLike": {"aws:PrincipalAccount": "*"}}, [("*", "public", "unknown", "unknown")]),
        (
            {"StringEquals": {"kms:CallerAccount": FOREIGN}, "Bool": {"aws:SecureTransport": "true"}},
            [(FOREIGN, "account", "yes", "unknown")],
        ),
        ("nonsense", [("*", "public", "unknown", "unknown")]),
        ({"StringEquals": "nonsense"}, [("*", "public", "unknown", "unknown")]),
    ],
)
def test_conditions_narrow_the_public(condition: Any, expected: list[tuple[str, str, str, str]]) -> None:
    found = seen(statement("*", Condition=condition))
    assert [(who, kind, external, cond) for who, kind, _, external, cond in found] == expected


def test_a_service_acting_for_a_foreign_account_shows_that_account() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": [OWN, FOREIGN]}}
    assert seen(statement({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", Condition=condition)) == [
        ("sns.amazonaws.com", "service", "write", "no", "narrowed"),
        (FOREIGN, "account", "write", "yes", "narrowed"),
    ]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("*", {"admin"}),
        ("s3:*", {"admin"}),
        (["s3:GetObject", "s3:*"], {"admin"}),
        ("SNS:Publish", {"write"}),
        ("SQS:SendMessage", {"write"}),
        ("glacier:UploadArchive", {"write"}),
        ("s3:PutObject", {"write"}),
        ("dynamodb:BatchGetItem", {"read"}),
        ("ecr:BatchGetImage", {"read"}),
        ("kinesis:ListShards", {"read"}),
        ("sqs:ReceiveMessage", {"read"}),
        ("s3:Get*", {"read"}),
        (["s3:GetObject", "s3:PutObject"], {"read", "write"}),
        ("s3:*Object", {"read", "write"}),
        ("s3:PutBucketPolicy", {"admin"}),
        ("s3:GetBucketPolicy", {"read"}),
        ("kms:CreateGrant", {"admin"}),
        ("lambda:InvokeFunction", {"unknown"}),
        ([], {"unknown"}),
    ],
)
def test_access_classes(action: Any, expected: set[str]) -> None:
    assert {access for _, _, access, _, _ in seen(statement("*", action))} == expected


def test_deny_grants_nothing_and_takes_nothing() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*"}
    assert seen({"Statement": deny}) == []
    assert len(seen({"Statement": [deny, *statement()["Statement"]]})) == 1


def test_everyone_but_and_everything_but_are_read_as_everyone_and_everything() -> None:
    document = {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": root(OWN)}, "NotAction": "s3:DeleteBucket"}}
    assert seen(document) == [("*", "public", "admin", "yes", "none")]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{not json", "not JSON"),
        ('"text"', "not JSON"),
        ("[1]", "not a policy document"),
        ({"Statement": ["x"]}, "not a statement"),
        ({"Statement": [{"Effect": "Perhaps"}]}, "neither Allow nor Deny"),
        ({"Statement": [{"Effect": "Allow", "Action": "*"}]}, "names no Principal"),
        ({"Statement": [{"Effect": "Allow", "Principal": 7}]}, "Principal is 7"),
        ({"Statement": [{"Effect": "Allow", "Principal": {"AWS": [{}]}}]}, "names {}"),
        ({"Statement": [{"Effect": "Allow", "Principal": {"Martian": "x"}}]}, "unknown form"),
    ],
)
def test_what_cannot_be_read_is_said(value: Any, says: str) -> None:
    found = read(POLICY, value)
    assert len(found) == 1
    assert isinstance(found[0], str)
    assert says in found[0]


@pytest.mark.parametrize("value", [None, "", {}, "{}", {"Statement": []}])
def test_no_policy_is_no_grant(value: Any) -> None:
    assert read(POLICY, value) == []


def test_policy_as_list_of_documents() -> None:
    assert len(seen([json.dumps(statement()), statement({"AWS": root(FOREIGN)})])) == 2


BINDINGS = GrantRule(bindings="p")
GOOGLE = Scope(accounts=frozenset({"our-project"}), domains=frozenset({"ours.example"}), complete=True)


@pytest.mark.parametrize(
    ("member", "kind", "external"),
    [
        ("allUsers", "public", "yes"),
        ("allAuthenticatedUsers", "public", "yes"),
        ("user:a@ours.example", "user", "no"),
        ("user:a@OURS.example", "user", "no"),
        ("user:a@gmail.com", "user", "yes"),
        ("deleted:user:a@gmail.com?uid=123", "user", "yes"),
        ("group:g@ours.example", "group", "no"),
        ("domain:theirs.example", "domain", "yes"),
        ("serviceAccount:x@our-project.iam.gserviceaccount.com", "user", "no"),
        ("serviceAccount:x@their-project.iam.gserviceaccount.com", "user", "yes"),
        ("serviceAccount:their-project@appspot.gserviceaccount.com", "user", "yes"),
        ("serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com", "service", "no"),
        ("serviceAccount:1@cloudservices.gserviceaccount.com", "service", "no"),
        ("serviceAccount:1-compute@developer.gserviceaccount.com", "user", "yes"),
        ("serviceAccount:odd", "user", "unknown"),
        ("projectOwner:our-project", "group", "no"),
        ("projectViewer:their-project", "group", "yes"),
        ("principalSet://iam.googleapis.com/projects/1/x", "group", "unknown"),
        ("principal://iam.googleapis.com/projects/1/x", "user", "unknown"),
        ("somebody", "unknown", "unknown"),
        ("user:no-address", "unknown", "unknown"),
    ],
)
def test_google_members(member: str, kind: str, external: str) -> None:
    (found,) = read(BINDINGS, [{"role": "roles/storage.objectViewer", "members": [member]}], GOOGLE)
    assert isinstance(found, Found)
    assert (found.principal, found.principal_kind, found.external, found.access) == (member, kind, external, "read")


@pytest.mark.parametrize(
    ("role", "access"),
    [
        ("roles/owner", "admin"),
        ("roles/editor", "write"),
        ("roles/storage.objectCreator", "write"),
        ("roles/bigquery.dataEditor", "write"),
        ("roles/storage.admin", "admin"),
        ("roles/secretmanager.secretAccessor", "read"),
        ("projects/x/roles/custom", "unknown"),
    ],
)
def test_google_roles(role: str, access: str) -> None:
    (found,) = read(BINDINGS, [{"role": role, "members": ["allUsers"], "condition": {"expression": "x"}}], GOOGLE)
    assert isinstance(found, Found)
    assert (found.access, found.condition, found.external) == (access, "unknown", "unknown")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("x", "not a list"),
        ([1], "no role"),
        ([{"members": []}], "no role"),
        ([{"role": "r", "members": [3]}], "member is 3"),
    ],
)
def test_google_bindings_that_cannot_be_read(value: Any, says: str) -> None:
    (found,) = read(BINDINGS, value)
    assert isinstance(found, str)
    assert says in found


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("account", ["all"], ("all", "public", "yes")),
        ("account", [FOREIGN], (FOREIGN, "account", "yes")),
        ("account", [int(FOREIGN)], (FOREIGN, "account", "yes")),
        ("account", OWN, (OWN, "account", "no")),
        ("account", ["XXXXXXXXXXXX"], ("XXXXXXXXXXXX", "unknown", "unknown")),
        ("tenant", ["t-1"], ("t-1", "tenant", "unknown")),
        ("domain", ["theirs.example"], ("theirs.example", "domain", "unknown")),
        ("service", ["svc"], ("svc", "service", "no")),
        ("public", ["anyone"], ("anyone", "public", "yes")),
        ("user", ["someone"], ("someone", "user", "unknown")),
    ],
)
def test_plain_principals(kind: Any, value: Any, expected: tuple[str, str, str]) -> None:
    (found,) = read(GrantRule(principals="p", principal_kind=kind, access="read"), value)
    assert isinstance(found, Found)
    assert (found.principal, found.principal_kind, found.external) == expected
    assert found.access == "read"


def test_plain_principals_that_cannot_be_read() -> None:
    assert [isinstance(item, str) for item in read(GrantRule(principals="p"), [{"a": 1}, True, ""])] == [True] * 3


def test_acl() -> None:
    groups = "http://acs.amazonaws.com/groups/"
    value = {
        "Owner": {"ID": "me"},
        "Grants": [
            {"Grantee": {"ID": "me"}, "Permission": "FULL_CONTROL"},
            {"Grantee": {"ID": "other"}, "Permission": "READ"},
            {"Grantee": {"URI": f"{groups}global/AllUsers"}, "Permission": "WRITE"},
            {"Grantee": {"URI": f"{groups}global/AuthenticatedUsers"}, "Permission": "READ_ACP"},
            {"Grantee": {"URI": f"{groups}s3/LogDelivery"}, "Permission": "WRITE_ACP"},
            {"Grantee": {"URI": f"{groups}other"}, "Permission": "ODD"},
            {"Grantee": {}, "Permission": "READ"},
            "nonsense",
        ],
    }
    found = read(GrantRule(acl="p"), value)
    assert [(item.principal_kind, item.access, item.external) for item in found if isinstance(item, Found)] == [
        ("user", "admin", "no"),
        ("user", "read", "unknown"),
        ("public", "write", "yes"),
        ("public", "read", "yes"),
        ("service", "admin", "no"),
        ("group", "unknown", "unknown"),
    ]
    assert [item for item in found if isinstance(item, str)] == [
        "p grant 7 names a grantee without an id",
        "p grant 8 names no grantee",
    ]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", OWN, FOREIGN, "Allow"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Principal", "Action", "Condition", "AWS", "role", "members", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY, st.sampled_from(["policy", "bindings", "principals", "acl"]))
def test_any_answer_is_read_or_said_and_never_raises(value: Any, source: str) -> None:
    for item in read(GrantRule.model_validate({source: "p"}), value):
        assert isinstance(item, Found | str)


@given(ANY)
def test_knowing_less_never_turns_a_principal_inside(value: Any) -> None:
    certain = {item.principal: item.external for item in read(POLICY, value) if isinstance(item, Found)}
    vague = {item.principal: item.external for item in read(POLICY, value, OPEN) if isinstance(item, Found)}
    assert certain.keys() == vague.keys()
    for principal, external in vague.items():
        assert external != "no" or certain[principal] == "no"
