from __future__ import annotations

import copy
import datetime as dt
import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.collect.logs import find_logs, merge_logs, read_log, read_logs
from residency.errors import InputError
from residency.geo import Geo, load_geo
from residency.inventory.tables import Access, Gap, Rows, to_arrow

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "logs"
GEO: Geo = load_geo()


def rows_of(folder: Path, content: Any, name: str = "log") -> Rows:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / name).write_bytes(raw)
    return read_logs([folder / name], GEO, seen_at=NOW)


def only(rows: Rows) -> Access:
    assert rows["gaps"] == []
    (row,) = rows["access"]
    return row


def trail(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::012345678912:user/mika", "accountId": "012345678912"},
        "eventTime": "2026-04-01T09:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "ap-northeast-1",
        "sourceIPAddress": "203.178.137.58",
        "recipientAccountId": "098797384747",
    }
    return {**event, **changes}


# Real recorded events


@pytest.mark.parametrize(
    ("file", "events", "denied", "account", "region", "addresses", "gap"),
    [
        ("cloudtrail-appmesh-eu-west-2", 1, 0, "00000", "eu-west-2", {"81.101.58.184": "country"}, ""),
        ("cloudtrail-aws-internal", 1, 0, "012345678912", "us-west-2", {"AWS Internal": "not-an-address"}, ""),
        ("cloudtrail-bad-arn", 1, 0, "101010101111", "us-east-1", {"192.168.1.2": "private"}, "malformed ARN"),
        ("cloudtrail-catalog-encryption", 1, 0, "644160558196", "us-east-1", {"35.171.244.77": "indeterminate"}, ""),
        ("cloudtrail-create-bucket", 1, 0, "619193117841", "us-west-2", {"204.63.44.148": "country"}, ""),
        ("cloudtrail-s3", 1, 0, "101010101111", "us-east-1", {"101.244.214.105": "country"}, ""),
        ("gcp-audit-k8s", 1, 0, "mythic-tribute-232915", "us-central1-a", {"35.184.126.154": "indeterminate"}, ""),
        (
            "invictus-1145z-7xgo",
            29,
            0,
            "123837392027",
            "us-east-1",
            {"10.248.16.43": "private", "AWS Internal": "not-an-address"},
            "",
        ),
        (
            "invictus-1205z-nx9y",
            10,
            0,
            "123837392027",
            "us-east-1",
            {
                "192.168.10.20": "private",
                "AWS Internal": "not-an-address",
                "cloudtrail.amazonaws.com": "not-an-address",
                "secretsmanager.amazonaws.com": "not-an-address",
                "3.225.16.109": "indeterminate",
            },
            "",
        ),
        (
            "invictus-1205z-zs3j",
            196,
            4,
            "123837392027",
            "us-east-1",
            {
                "192.168.10.20": "private",
                "AWS Internal": "not-an-address",
                "cloudtrail.amazonaws.com": "not-an-address",
                "health.amazonaws.com": "not-an-address",
                "secretsmanager.amazonaws.com": "not-an-address",
                "3.225.16.109": "indeterminate",
            },
            "",
        ),
        ("invictus-1225z-rl8g", 5, 0, "123837392027", "us-east-1", {"192.168.10.20": "private"}, ""),
        (
            "stratus-credential-access-secretsmanager-batch-retrieve-secrets",
            5,
            0,
            "165109126369",
            "eu-westwest-1r",
            {"88.223.251.255": "country"},
            "",
        ),
        (
            "stratus-exfiltration-ec2-share-ebs-snapshot",
            1,
            0,
            "756680937392",
            "me-central-3r",
            {"253.76.43.253": "private"},
            "",
        ),
        (
            "stratus-exfiltration-rds-share-snapshot",
            1,
            0,
            "171471557522",
            "meiso-eastwest-2r",
            {"204.10.215.184": "country"},
            "",
        ),
        (
            "stratus-persistence-iam-create-backdoor-role",
            2,
            0,
            "609418236337",
            "sagov-west-2r",
            {"209.209.254.254": "country"},
            "",
        ),
    ],
)
def test_recorded_events_read_as_their_sources_say(
    file: str, events: int, denied: int, account: str, region: str, addresses: dict[str, str], gap: str
) -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded logs are not at {RECORDED}")
    rows = read_logs([RECORDED / f"{file}.json"], GEO, seen_at=NOW)
    found: list[Access] = rows["access"]
    assert (sum(row.count for row in found), sum(row.denied for row in found)) == (events, denied)
    assert {(row.account, row.region) for row in found} == {(account, region)}
    assert {row.ip: row.verdict for row in found} == addresses
    assert all(row.countries for row in found)
    assert [gap in row.message for row in rows["gaps"]] == [True] * bool(gap)


def test_every_recorded_log_is_in_the_table_above() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded logs are not at {RECORDED}")
    marks = test_recorded_events_read_as_their_sources_say.pytestmark  # type: ignore[attr-defined]
    assert {f"{row[0]}.json" for row in marks[0].args[1]} == {path.name for path in RECORDED.iterdir()}


def test_two_recorded_calls_came_from_the_stolen_credentials() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded logs are not at {RECORDED}")
    rows = read_logs([RECORDED / "invictus-1205z-zs3j.json"], GEO, seen_at=NOW)
    assert sum(row.count for row in rows["access"] if row.ip == "3.225.16.109") == 2


# AWS


def test_a_cloudtrail_event_becomes_a_row(tmp_path: Path) -> None:
    assert only(rows_of(tmp_path, trail())) == Access(
        provider="aws",
        account="098797384747",
        region="ap-northeast-1",
        principal="arn:aws:iam::012345678912:user/mika",
        principal_account="012345678912",
        service="s3.amazonaws.com",
        ip="203.178.137.58",
        verdict="country",
        countries=("JP",),
        reason="geolocation database",
        geo_source="DB-IP Lite",
        geo_date=GEO.sources[1].date,
        count=1,
        denied=0,
        first=dt.datetime(2026, 4, 1, 9, tzinfo=dt.UTC),
        last=dt.datetime(2026, 4, 1, 9, tzinfo=dt.UTC),
        source=f"cloudtrail {(tmp_path / 'log').as_posix()}",
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda event: event,
        lambda event: [event],
        lambda event: {"Records": [event]},
        lambda event: [{"Records": [event]}],
        lambda event: {"detail-type": "AWS API Call via CloudTrail", "account": "1", "region": "x", "detail": event},
        lambda event: {"Events": [{"EventId": "1", "CloudTrailEvent": json.dumps(event)}]},
        lambda event: {"NextToken": "x", "Events": [{"CloudTrailEvent": json.dumps(event)}]},
    ],
)
def test_cloudtrail_in_any_wrapping_is_the_same(tmp_path: Path, wrap: Any) -> None:
    assert only(rows_of(tmp_path, wrap(trail()))) == only(rows_of(tmp_path, trail()))


@pytest.mark.parametrize(
    "encode",
    [
        gzip.compress,
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.decode().encode("utf-16"),
        lambda raw: gzip.compress(raw.decode().encode("utf-16")),
        lambda raw: raw + b"\r\n",
    ],
)
def test_the_format_is_told_from_the_content(tmp_path: Path, encode: Any) -> None:
    plain = only(rows_of(tmp_path, trail(), "log"))
    assert only(rows_of(tmp_path, encode(json.dumps(trail()).encode()), "log")) == plain


@pytest.mark.parametrize(
    ("identity", "principal", "account"),
    [
        (
            {"type": "Root", "arn": "arn:aws:iam::012345678912:root", "accountId": "012345678912"},
            "arn:aws:iam::012345678912:root",
            "012345678912",
        ),
        ({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}, "cloudtrail.amazonaws.com", ""),
        (
            {
                "type": "AWSAccount",
                "principalId": "AROAX:me",
                "accountId": "000000000042",
                "invokedBy": "x.amazonaws.com",
            },
            "AROAX:me",
            "000000000042",
        ),
        ({"type": "AWSAccount", "principalId": "AROAX:me", "accountId": 42}, "AROAX:me", "000000000042"),
        ({"type": "WebIdentityUser", "userName": "sub"}, "sub", ""),
        ({"type": "Unknown"}, "Unknown", ""),
        ({}, "unknown", ""),
        (None, "unknown", ""),
        ("text", "unknown", ""),
    ],
)
def test_cloudtrail_principals(tmp_path: Path, identity: Any, principal: str, account: str) -> None:
    row = only(rows_of(tmp_path, trail(userIdentity=identity)))
    assert (row.principal, row.principal_account) == (principal, account)


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ({}, 0),
        ({"errorCode": "AccessDenied"}, 1),
        ({"errorCode": "Client.UnauthorizedOperation"}, 1),
        ({"errorCode": "AccessDeniedException"}, 1),
        ({"errorCode": "ThrottlingException"}, 0),
        ({"errorCode": "NoSuchBucketPolicy"}, 0),
        ({"errorCode": "NotAccessDeniedAtAll"}, 0),
        ({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, 1),
        ({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Success"}}, 0),
        ({"responseElements": None}, 0),
    ],
)
def test_a_refused_call_is_counted_as_denied(tmp_path: Path, changes: dict[str, Any], denied: int) -> None:
    assert only(rows_of(tmp_path, trail(**changes))).denied == denied


def test_insights_and_digests_are_no_use_of_anything(tmp_path: Path) -> None:
    insight = {"eventVersion": "1.07", "eventTime": "2026-04-01T09:00:00Z", "eventType": "AwsCloudTrailInsight"}
    digest = {"awsAccountId": "098797384747", "digestStartTime": "2026-04-01T09:00:00Z", "logFiles": []}
    rows = rows_of(tmp_path, [insight, digest])
    assert (rows["access"], rows["gaps"]) == ([], [])


# Google


def google(**changes: Any) -> dict[str, Any]:
    payload = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": "mika@quasar.example"},
        "requestMetadata": {"callerIp": "203.178.137.58"},
        "serviceName": "storage.googleapis.com",
        "status": {},
    }
    return {
        "protoPayload": {**payload, **changes.pop("payload", {})},
        "resource": {"type": "gcs_bucket", "labels": {"project_id": "proj-1", "location": "asia-northeast1"}},
        "timestamp": "2026-04-01T09:00:00.123456789Z",
        "logName": "projects/proj-1/logs/cloudaudit.googleapis.com%2Fdata_access",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            {
                "account": "proj-1",
                "region": "asia-northeast1",
                "principal": "mika@quasar.example",
                "service": "storage.googleapis.com",
                "ip": "203.178.137.58",
                "countries": ("JP",),
                "denied": 0,
            },
        ),
        (
            {"payload": {"authenticationInfo": {"principalEmail": "bot@other-1.iam.gserviceaccount.com"}}},
            {"principal": "bot@other-1.iam.gserviceaccount.com", "principal_account": "other-1"},
        ),
        (
            {"payload": {"authenticationInfo": {"principalSubject": "principal://iam.googleapis.com/x/subject/y"}}},
            {"principal": "principal://iam.googleapis.com/x/subject/y"},
        ),
        ({"payload": {"authenticationInfo": {}}}, {"principal": "unknown"}),
        ({"payload": {"status": {"code": 7}}}, {"denied": 1}),
        ({"payload": {"status": {"code": 5}}}, {"denied": 0}),
        ({"payload": {"resourceLocation": {"currentLocations": ["eu", "us"]}}}, {"region": "eu,us"}),
        ({"payload": {"requestMetadata": {"callerIp": "gce-internal-ip"}}}, {"verdict": "not-an-address"}),
        ({"payload": {"requestMetadata": {}}}, {"verdict": "not-an-address", "ip": ""}),
        ({"resource": {"labels": {"zone": "us-central1-a"}}}, {"account": "proj-1", "region": "us-central1-a"}),
        ({"resource": None, "logName": "organizations/123/logs/x"}, {"account": "organizations/123", "region": ""}),
        (
            {"timestamp": None, "receiveTimestamp": "2026-04-02T00:00:00Z"},
            {"first": dt.datetime(2026, 4, 2, tzinfo=dt.UTC)},
        ),
    ],
)
def test_google_audit_logs(tmp_path: Path, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    row = only(rows_of(tmp_path, google(**changes)))
    assert row.provider == "gcp"
    assert {name: getattr(row, name) for name in expected} == expected


# Azure

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ACTIVITY: dict[str, Any] = {
    "caller": "mika@quasar.example",
    "claims": {"ipaddr": "203.178.137.59", "http://schemas.microsoft.com/identity/claims/tenantid": "tenant-1"},
    "eventTimestamp": "2026-04-01T09:00:00.1234567Z",
    "httpRequest": {"clientIpAddress": "203.178.137.58"},
    "operationName": {"value": "Microsoft.Storage/storageAccounts/listKeys/action", "localizedValue": "List keys"},
    "resourceProviderName": {"value": "Microsoft.Storage"},
    "status": {"value": "Succeeded"},
    "subStatus": {"value": ""},
    "subscriptionId": SUBSCRIPTION,
}
EXPORTED: dict[str, Any] = {
    "time": "2026-04-01T09:00:00.1234567Z",
    "resourceId": f"/SUBSCRIPTIONS/{SUBSCRIPTION.upper()}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.STORAGE/X/S",
    "operationName": "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.OK",
    "callerIpAddress": "203.178.137.58",
    "identity": {"claims": {"upn": "mika@quasar.example", "tid": "tenant-1"}},
    "location": "global",
}
STORAGE: dict[str, Any] = {
    "time": "2026-04-01T09:00:00Z",
    "resourceId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/s",
    "operationName": "GetBlob",
    "category": "StorageRead",
    "statusCode": 200,
    "statusText": "Success",
    "callerIpAddress": "203.178.137.58:12345",
    "identity": {"type": "OAuth", "requester": {"objectId": "object-1", "tenantId": "tenant-1"}},
    "location": "japaneast",
}
SIGN_IN: dict[str, Any] = {
    "id": "1",
    "createdDateTime": "2026-04-01T09:00:00Z",
    "userPrincipalName": "mika@quasar.example",
    "userId": "object-1",
    "appId": "app-1",
    "appDisplayName": "Azure Portal",
    "ipAddress": "203.178.137.58",
    "status": {"errorCode": 0},
    "homeTenantId": "tenant-1",
    "resourceTenantId": "tenant-2",
    "resourceDisplayName": "Windows Azure Service Management API",
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            ACTIVITY,
            {
                "account": SUBSCRIPTION,
                "region": "",
                "principal": "mika@quasar.example",
                "denied": 0,
                "principal_account": "tenant-1",
                "service": "Microsoft.Storage",
                "ip": "203.178.137.58",
            },
        ),
        ({**ACTIVITY, "httpRequest": None}, {"ip": "203.178.137.59"}),
        ({**ACTIVITY, "caller": None, "claims": {"appid": "app-1"}}, {"principal": "app-1"}),
        ({**ACTIVITY, "resourceProviderName": None}, {"service": "Microsoft.Storage"}),
        ({**ACTIVITY, "subStatus": {"value": "Forbidden"}, "status": {"value": "Failed"}}, {"denied": 1}),
        ({**ACTIVITY, "subStatus": {"value": "Conflict"}, "status": {"value": "Failed"}}, {"denied": 0}),
        (
            EXPORTED,
            {
                "account": SUBSCRIPTION,
                "region": "global",
                "principal": "mika@quasar.example",
                "denied": 0,
                "principal_account": "tenant-1",
                "service": "MICROSOFT.STORAGE",
                "ip": "203.178.137.58",
            },
        ),
        ({**EXPORTED, "resultSignature": "Failed.Forbidden"}, {"denied": 1}),
        ({**EXPORTED, "identity": None}, {"principal": "unknown"}),
        (
            STORAGE,
            {
                "account": SUBSCRIPTION,
                "region": "japaneast",
                "principal": "object-1",
                "verdict": "country",
                "principal_account": "tenant-1",
                "service": "microsoft.storage",
                "denied": 0,
            },
        ),
        ({**STORAGE, "statusCode": 403}, {"denied": 1}),
        ({**STORAGE, "identity": {"type": "Anonymous"}}, {"principal": "Anonymous"}),
        (
            SIGN_IN,
            {
                "account": "tenant-2",
                "principal": "mika@quasar.example",
                "principal_account": "tenant-1",
                "service": "Windows Azure Service Management API",
                "denied": 0,
                "countries": ("JP",),
            },
        ),
        ({**SIGN_IN, "status": {"errorCode": 50126}}, {"denied": 1}),
        ({**SIGN_IN, "userPrincipalName": None, "servicePrincipalId": "sp-1"}, {"principal": "sp-1"}),
        (
            {
                "time": "2026-04-01T09:00:00Z",
                "category": "NonInteractiveUserSignInLogs",
                "tenantId": "tenant-3",
                "callerIpAddress": "203.178.137.58",
                "resultType": "50126",
                "operationName": "Sign-in activity",
                "properties": {"userPrincipalName": "mika@quasar.example", "appId": "app-1"},
            },
            {
                "account": "tenant-3",
                "principal": "mika@quasar.example",
                "denied": 1,
                "ip": "203.178.137.58",
                "service": "app-1",
            },
        ),
        ({"time": "2026-04-01T09:00:00Z", "category": "SignInLogs", "properties": SIGN_IN}, {"account": "tenant-2"}),
    ],
)
def test_azure_and_entra(tmp_path: Path, event: dict[str, Any], expected: dict[str, Any]) -> None:
    for content in (event, [event], {"value": [event]}, {"records": [event]}):
        row = only(rows_of(tmp_path, content))
        assert row.provider == "azure"
        assert {name: getattr(row, name) for name in expected} == expected


# Counting


def test_events_are_counted_by_who_what_where(tmp_path: Path) -> None:
    events = [
        trail(eventTime="2026-04-03T00:00:00Z"),
        trail(eventTime="2026-04-01T00:00:00Z", errorCode="AccessDenied"),
        trail(eventTime="2026-04-02T09:00:00+09:00"),
        trail(eventName="ListBuckets", eventTime="2026-04-02T00:00:00"),
        trail(sourceIPAddress="203.178.137.59"),
        trail(awsRegion="me-central-3r"),
        trail(eventSource="sts.amazonaws.com"),
    ]
    rows = rows_of(tmp_path, "\n".join(map(json.dumps, events)).encode())
    found = {(row.ip, row.region, row.service): row for row in rows["access"]}
    assert len(found) == len(rows["access"]) == 4
    row = found["203.178.137.58", "ap-northeast-1", "s3.amazonaws.com"]
    assert (row.count, row.denied) == (4, 1)
    assert (row.first.isoformat(), row.last.isoformat()) == ("2026-04-01T00:00:00+00:00", "2026-04-03T00:00:00+00:00")
    assert found["203.178.137.58", "me-central-3r", "s3.amazonaws.com"].count == 1


def test_files_of_a_folder_are_read_once_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "2026" / "04").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "2026" / "04" / f"{number}.json").write_text(json.dumps({"Records": [trail()] * (number + 1)}))
    (tmp_path / ".hidden").write_text("not a log")
    (tmp_path / "2026" / "link.json").symlink_to(tmp_path / "2026" / "04" / "0.json")
    whole = read_logs([tmp_path], GEO, seen_at=NOW)
    assert only(whole).count == 6
    assert only(whole).source.endswith("/2026/04/0.json and 2 more")
    again = read_logs([tmp_path / "2026" / "04" / "2.json", tmp_path, tmp_path], GEO, seen_at=NOW)
    assert again.tables == whole.tables
    assert [name for name, _ in find_logs([tmp_path])] == sorted(name for name, _ in find_logs([tmp_path]))


EVENTS = st.lists(
    st.builds(
        trail,
        sourceIPAddress=st.sampled_from(["10.0.0.1", "203.178.137.58", "***", ""]),
        awsRegion=st.sampled_from(["ap-northeast-1", "us-east-1"]),
        errorCode=st.sampled_from([None, "AccessDenied", "Throttling"]),
        eventTime=st.sampled_from(["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z", "yesterday"]),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(0, 8), st.randoms(use_true_random=False))
def test_splitting_and_order_of_files_change_no_count(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]], cut: int, random: Any
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    shuffled = events[:]
    random.shuffle(shuffled)
    for name, part in (("whole", events), ("first", shuffled[:cut]), ("second", shuffled[cut:])):
        (folder / name).write_text(json.dumps(part))
    parts = {name: read_log(folder / name) for name in ("whole", "first", "second")}
    kept = copy.deepcopy(parts)
    together = merge_logs([parts["first"], pickle.loads(pickle.dumps(parts["second"]))], GEO, seen_at=NOW)
    reverse = merge_logs([parts["second"], parts["first"]], GEO, seen_at=NOW)
    alone = merge_logs([parts["whole"]], GEO, seen_at=NOW)
    assert together.tables == reverse.tables
    assert parts == kept

    def counted(rows: Rows) -> list[tuple[Any, ...]]:
        return [
            (row.ip, row.region, row.count, row.denied, row.first, row.last, row.countries) for row in rows["access"]
        ]

    assert counted(together) == counted(alone)
    good = [event for event in events if event["eventTime"] != "yesterday"]
    assert sum(row.count for row in alone["access"]) == len(good)
    told = any("its time is missing" in gap.message for gap in alone["gaps"])
    assert told == (len(good) < len(events))


# What is wrong becomes a gap


@pytest.mark.parametrize(
    ("content", "count", "message", "cause"),
    [
        (b"", 0, "log:1: the file is empty", "malformed"),
        (b"eventName,ip\n", 0, "log:1: not JSON", "malformed"),
        (b"\x00\x01\x02", 0, "log:1: not JSON", "malformed"),
        (b"PK\x03\x04zip", 0, "log:1: not JSON", "malformed"),
        (b"\x1f\x8b broken", 0, "compressed file is damaged", "malformed"),
        (gzip.compress(b"x" * 100_000)[:-20], 0, "compressed file is damaged", "malformed"),
        (b"\xff\xfe{", 0, "not UTF-16", "malformed"),
        (b'{"hello": "world"}', 0, "log:1: neither a CloudTrail", "malformed"),
        (b'[[{"eventTime": 1}]]', 0, "log:1: not an event", "malformed"),
        (b'{"Events": [{"CloudTrailEvent": "{"}]}', 0, "log:1: not an event", "malformed"),
        (json.dumps(trail(eventTime="yesterday")).encode(), 0, "log:1: event not counted: its time", "malformed"),
        (json.dumps(trail(eventTime=1)).encode(), 0, "event not counted: its time", "malformed"),
        (json.dumps(trail(eventTime="0001-01-01T00:00:00+23:59")).encode(), 0, "event not counted", "malformed"),
        (json.dumps(trail(sourceIPAddress="***")).encode(), 1, "log:1: source address '***' is not", "malformed"),
        (json.dumps(trail(sourceIPAddress="1.2.3.999")).encode(), 1, "source address '1.2.3.999'", "malformed"),
        (json.dumps(trail(userIdentity={"arn": "arn:aws::sts:1:x"})).encode(), 1, "malformed ARN", "malformed"),
        (
            json.dumps({"protoPayload": {"@type": "x.RequestLog"}, "timestamp": "2026-04-01T00:00:00Z"}).encode(),
            0,
            "a Google log entry that is no audit log",
            "malformed",
        ),
        (
            json.dumps(trail()).encode() + b"\n{broken\n" + json.dumps(trail()).encode(),
            2,
            "log:2: not JSON",
            "malformed",
        ),
        (
            b'{"Records": [' + json.dumps(trail()).encode() + b', {"eventVe',
            1,
            "the rest of the file was not read",
            "malformed",
        ),
    ],
)
def test_what_cannot_be_read_becomes_a_gap(
    tmp_path: Path, content: bytes, count: int, message: str, cause: str
) -> None:
    rows = rows_of(tmp_path, content)
    assert sum(row.count for row in rows["access"]) == count
    gap: Gap = next(gap for gap in rows["gaps"] if message in gap.message)
    assert len(rows["gaps"]) == 1
    file = (tmp_path / "log").as_posix()
    assert (gap.field, gap.kind, gap.cause, gap.call, gap.seen_at) == ("log", "log", cause, file, NOW)
    assert gap.message.startswith(file)


def test_an_address_field_of_another_shape_is_no_address(tmp_path: Path) -> None:
    row = only(rows_of(tmp_path, trail(sourceIPAddress={"a": 1}, awsRegion=["x"], eventSource=True)))
    assert (row.ip, row.verdict, row.region, row.service) == ("", "not-an-address", "", "")
    assert row.reason == "no address was logged"


def test_many_equal_faults_are_one_gap(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b'{"hello": 1}\n' * 1000)
    (gap,) = rows["gaps"]
    assert "(1000 times, on lines 1, 2, 3, 4, 5, …)" in gap.message


def test_hostile_text_is_kept_and_can_be_stored(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>\n=cmd|' /C calc'!A0 \x00 \u202e"
    event = trail(userIdentity={"arn": name}, awsRegion="../../etc", sourceIPAddress="203.178.137.58")
    rows = rows_of(tmp_path, event)
    assert only(rows).principal == name
    assert only(rows).region == "../../etc"
    broken = rows_of(tmp_path, json.dumps(trail(awsRegion="x\ud800y", userIdentity={"arn": "\udfff"})).encode())
    assert (only(broken).region, only(broken).principal) == ("x\ufffdy", "\ufffd")
    assert to_arrow("access", broken["access"]).num_rows == 1


class Locked:
    """A path whose file one may not read; as root no real file is one."""

    def open(self, mode: str) -> Any:
        raise PermissionError(13, "Permission denied")


def test_a_file_one_may_not_read_is_denied() -> None:
    part = read_log(Locked(), "locked.json")  # type: ignore[arg-type]
    (gap,) = merge_logs([part], GEO, seen_at=NOW)["gaps"]
    assert (gap.cause, gap.message) == ("denied", "locked.json: cannot be read: Permission denied")


def test_a_file_that_vanished_is_a_gap_and_a_wrong_path_an_error(tmp_path: Path) -> None:
    rows = merge_logs([read_log(tmp_path / "gone")], GEO, seen_at=NOW)
    (gap,) = rows["gaps"]
    assert (gap.cause, gap.message) == (
        "failed",
        f"{(tmp_path / 'gone').as_posix()}: cannot be read: No such file or directory",
    )
    with pytest.raises(InputError, match="gone: no such file or folder"):
        read_logs([tmp_path / "gone"], GEO, seen_at=NOW)
    assert read_logs([tmp_path], GEO, seen_at=NOW).tables == Rows().tables


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SHAPES = [trail(), google(), ACTIVITY, EXPORTED, STORAGE, SIGN_IN]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SHAPES), st.data())
def test_any_field_may_hold_anything(
    tmp_path_factory: pytest.TempPathFactory, shape: dict[str, Any], data: st.DataObject
) -> None:
    event = copy.deepcopy(shape)
    for name in data.draw(st.sets(st.sampled_from(sorted(event)), max_size=3)):
        event[name] = data.draw(JSON)
    file = tmp_path_factory.getbasetemp() / "odd.json"
    file.write_text(json.dumps(event))
    rows = read_logs([file], GEO, seen_at=NOW)
    assert rows["access"] or rows["gaps"]  # never dropped silently
    assert to_arrow("access", rows["access"]).num_rows + to_arrow("gaps", rows["gaps"]).num_rows >= 1
