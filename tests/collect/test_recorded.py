"""Real recorded answers through the real driver; SOURCES.md beside them says what is right."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cloud import FIXTURES, RECORDED, catalogue, kinds, some

from residency.collect.recorded import Answer, RecordedDoor, read_answers, read_fixture, replay
from residency.collect.refusals import classify
from residency.errors import InputError
from residency.inventory.tables import Rows

C7N = "644160558196"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded answers in ../shared/recorded")


@dataclass(frozen=True)
class Case:
    """One folder of recordings and what a correct collector finds in it (parts of the rows, any order)."""

    folder: str
    kind: str
    region: str = "us-east-1"
    account: str = C7N
    stores: int = 1
    places: frozenset[tuple[str, str, str]] = frozenset()
    no_role: tuple[str, ...] = ()
    grants: frozenset[tuple[str, str, str, str]] | None = None
    custody: dict[str, str] = field(default_factory=dict)
    gaps: frozenset[tuple[str, str, str]] = frozenset()
    no_gap: tuple[str, ...] = ()
    status: str = "seen"


CASES = [
    Case(
        "backup-vault", "aws.backup.vault", places=frozenset({("Default", "backup", "us-east-1")}),
    ),
    Case(
        "dynamodb-resource-policy", "aws.dynamodb.table", account="123456789012", stores=2,
        places=frozenset({("c7n-cross-account", "primary", "us-east-1")}),
        grants=frozenset(
            {
                ("c7n-cross-account", "arn:aws:iam::210987654321:root", "read", "yes"),
                ("c7n-cross-account", "arn:aws:iam::123456789012:user/TestUser", "admin", "no"),
            }
        ),
        custody={"c7n-cross-account": "provider-managed", "test-1": "unknown"},
    ),
    Case(
        "ecr-public-policy", "aws.ecr.repository", "us-west-2",
        places=frozenset({("c7n/cross-check", "primary", "us-west-2")}),
        grants=frozenset({("c7n/cross-check", "*", "read", "yes")}),
    ),
    Case(
        "efs-policy-denied", "aws.efs.file_system", stores=6, grants=frozenset(),
        places=frozenset({("example_test", "primary", "us-east-1")}),
        gaps=frozenset({("example_test", "grants", "denied")}),
    ),
    Case(
        "elasticache-ca-central-1", "aws.elasticache.replication_group", "ca-central-1",
        places=frozenset({("sg-test-base", "primary", "ca-central-1a")}), no_role=("replica",),
    ),
    Case("elasticache-ca-central-1", "aws.elasticache.cluster", "ca-central-1", stores=0),
    Case(
        "elasticache-global-datastore", "aws.elasticache.replication_group",
        places=frozenset({("c7n-test-global", "primary", "us-east-1b"), ("c7n-test-global", "replica", "")}),
        gaps=frozenset({("c7n-test-global", "placement", "failed")}),
    ),
    Case(
        "glacier-public-policy", "aws.glacier.vault", places=frozenset({("c7n-cross-check", "primary", "us-east-1")}),
        grants=frozenset({("c7n-cross-check", "*", "write", "yes")}),
    ),
    Case(
        "kinesis-resource-policy", "aws.kinesis.stream", stores=2,
        grants=frozenset({("test-stream-2", "arn:aws:iam::851925785330:root", "read", "yes")}),
    ),
    Case(
        "kms-access-denied", "aws.kms.key", "us-west-1", stores=2,
        custody={
            "d01ee9b3-ce85-4622-8e1c-ce85b8cdc89d": "unknown",
            "fb019403-0594-4a97-b987-8e493fb76181": "customer-managed",
        },
        gaps=frozenset({("d01ee9b3-ce85-4622-8e1c-ce85b8cdc89d", "key", "denied")}),
    ),
    Case(
        "memorydb-kms", "aws.memorydb.cluster", stores=2, no_role=("replica",),
        custody={"test-cluster-2": "customer-managed"},
    ),
    Case(
        "rds-cluster-snapshot-region-copy", "aws.rds.cluster_snapshot", no_role=("replica",), stores=2,
        places=frozenset(
            {
                ("test-cluster-final-snapshot", "backup", "us-east-1"),
                ("test-cluster-final-snapshot", "backup", "us-east-2"),
            }
        ),
    ),
    Case(
        "rds-placeholder-values", "aws.rds.instance", no_role=("replica",),
        places=frozenset({("abc-restore", "primary", "us-east-1b")}),
    ),
    Case(
        "rds-snapshot-region-copy", "aws.rds.snapshot", stores=2,
        places=frozenset(
            {
                ("rds:originb-2016-12-28-09-15", "backup", "us-east-1"),
                ("rds-originb-2016-12-28-09-15", "backup", "us-east-2"),
            }
        ),
        custody={"rds:originb-2016-12-28-09-15": "customer-managed"},
    ),
    Case(
        "rds-snapshot-sharing", "aws.rds.snapshot", stores=4, no_role=("replica",),
        places=frozenset({("tidx-rdx", "backup", "us-east-1")}),
        grants=frozenset({("tidx-pub", "all", "read", "yes"), ("tidx-rdx", "619193117841", "read", "yes")}),
        custody={"tidx-pub": "none"},
    ),
    Case(
        "redshift-odd-key-region", "aws.redshift.cluster", "ca-central-1", stores=2, no_role=("backup",),
        custody={"test-sg-base": "customer-managed", "test-sg-fail": "none"},
    ),
    Case(
        "redshift-snapshot-shared", "aws.redshift.snapshot",
        grants=frozenset({("*", "185106417252", "read", "yes")}),
    ),
    Case(
        "s3-express", "aws.s3.directory_bucket", places=frozenset({("*", "primary", "use1-az4")}),
    ),
    Case(
        "s3-location-null", "aws.s3.bucket", stores=2,
        places=frozenset({("sbx-mqrbuh-bucket-compliant", "primary", "us-east-1")}),
        grants=frozenset(
            {
                ("sbx-mqrbuh-bucket-compliant", C7N, "read", "no"),
                ("sbx-mqrbuh-bucket-noncompliant", "111111111111", "read", "yes"),
            }
        ),
    ),
    Case(
        "s3-replication", "aws.s3.bucket", stores=2,
        places=frozenset({("custodian-replication-test-1", "replica", "")}),
        gaps=frozenset({("custodian-replication-test-1", "placement", "unresolved")}),
    ),
    Case(
        "secretsmanager-replica", "aws.secretsmanager.secret", stores=2,
        places=frozenset(
            {
                ("c7n", "primary", "us-east-1"),
                ("c7n", "replica", "eu-west-1"),
                ("test_lambda_secret", "primary", "us-east-1"),
            }
        ),
        custody={"c7n": "provider-managed", "test_lambda_secret": "customer-managed"},
    ),
    Case(
        "sns-public-policy", "aws.sns.topic", "us-west-2", stores=2,
        grants=frozenset({("c7n-cross-check", "*", "write", "yes")}),
    ),
    Case(
        "sqs-public-policy", "aws.sqs.queue", "us-west-2",
        places=frozenset({("c7n-cross-check", "primary", "us-west-2")}),
        grants=frozenset({("c7n-cross-check", "*", "write", "yes")}), custody={"c7n-cross-check": "none"},
    ),
    Case(
        "backup-copy-job-sample", "aws.backup.copy_job", account="123456789012",
        status="failed",  # the page names a further one
        places=frozenset({("*", "backup", "us-east-1")}), grants=frozenset({("*", "123456789012", "admin", "no")}),
    ),
    Case(
        "cleanrooms-table", "aws.cleanrooms.configured_table",
        places=frozenset({("Compliant Table", "processing", "us-east-1")}),
    ),
    Case(
        "dax", "aws.dax.cluster", places=frozenset({("c7n-test-cluster", "cache", "us-east-1a")}),
        custody={"c7n-test-cluster": "provider-managed"},
    ),
    Case(
        "dsql-policy", "aws.dsql.cluster", no_role=("replica",), custody={"*": "provider-managed"},
        places=frozenset({("*", "primary", "us-east-1")}),
        grants=frozenset(
            {
                ("*", "arn:aws:iam::644160558196:root", "admin", "no"),
                ("*", "arn:aws:iam::123456789012:root", "admin", "yes"),
            }
        ),
    ),
    Case(
        "dynamodb-export", "aws.dynamodb.export", stores=2,
        places=frozenset({("01771261966793-39cb1837", "backup", "")}),
        custody={"01771261966793-39cb1837": "provider-managed"},
        gaps=frozenset({("01771261966793-39cb1837", "placement", "unresolved")}),
    ),
    Case(
        "dynamodb-global-table-sample", "aws.dynamodb.global_table", custody={"SomeGlobalName": "customer-managed"},
        places=frozenset({("SomeGlobalName", "replica", "SomeRegion")}),
    ),
    Case(
        "elasticsearch-cross-cluster", "aws.es.inbound_connection",
        places=frozenset({("ccs-1e26f833-5404-49d1-a261-577fb7abce9b", "processing", "us-east-1")}),
        grants=frozenset({("*", C7N, "read", "no")}),
    ),
    Case(
        "elasticsearch-cross-cluster", "aws.es.outbound_connection",
        places=frozenset({("test2", "processing", "us-east-1")}), grants=frozenset({("*", C7N, "read", "no")}),
    ),
    Case(
        "fsx-backups", "aws.fsx.backup", "us-west-2", stores=16, places=frozenset({("*", "backup", "us-west-2")}),
        custody={"*": "customer-managed"},
    ),
    Case(
        "fsx-backups", "aws.fsx.file_system", "us-west-2", stores=3, no_role=("replica",),
        places=frozenset({("fs-04e75277bcf51008f", "primary", "us-west-2")}), custody={"*": "customer-managed"},
    ),
    Case(
        "fsx-volume-eu-west-1", "aws.fsx.volume", "eu-west-1", places=frozenset({("fsx", "primary", "eu-west-1")}),
        custody={"fsx": "unknown"}, gaps=frozenset({("fsx", "key", "failed")}),
    ),
    Case(
        "glue-catalog-policy", "aws.glue.catalog", custody={"*": "none"},
        grants=frozenset({("*", "arn:aws:iam::123123456789:root", "write", "yes")}),
        gaps=frozenset({("*", "placement", "failed"), ("*", "grants", "failed")}),
    ),
    Case(
        "opensearch-serverless-kms", "aws.opensearch_serverless.collection", stores=2,
        places=frozenset({("test-collection", "primary", "us-east-1")}),
        custody={"test-collection": "customer-managed", "bedrock-knowledge-base-141zzj": "provider-managed"},
    ),
    Case(
        "s3-multi-region-access-point", "aws.s3.multi_region_access_point",
        places=frozenset({("c7n-test", "processing", "us-east-1"), ("c7n-test", "processing", "us-east-2")}),
        grants=frozenset({("c7n-test", C7N, "admin", "no"), ("c7n-test", "111111111111", "admin", "yes")}),
    ),
    Case(
        "timestream-influxdb", "aws.timestream_influxdb.instance",
        places=frozenset({("db-name-sample", "primary", "us-east-1b")}), no_role=("failover",),
        custody={"db-name-sample": "provider-managed"},
    ),
    Case(
        "cloudtrail-home-region", "aws.cloudtrail.trail", custody={"skunk-trails": "customer-managed"},
        places=frozenset({("skunk-trails", "processing", "us-west-2"), ("skunk-trails", "log", "")}),
        gaps=frozenset({("skunk-trails", "placement", "unresolved")}),
    ),
    Case(
        "config-aggregation-authorisation", "aws.config.aggregation_authorization", "us-east-2", stores=2,
        places=frozenset({("123456890123", "metadata", "us-east-1"), ("123456890123", "metadata", "us-east-2")}),
        grants=frozenset({("123456890123", "123456890123", "read", "yes")}),
    ),
    Case(
        "config-aggregation-authorisation", "aws.config.delivery_channel", "us-east-2",
        places=frozenset({("*", "metadata", "us-east-2"), ("*", "log", "us-east-2"), ("*", "log", "")}),
        gaps=frozenset({("*", "placement", "unresolved")}),
    ),
    Case(
        "directory-service", "aws.ds.directory", no_role=("replica",),
        places=frozenset({("custodian.example.com", "primary", "us-east-1")}),
        gaps=frozenset({("custodian.example.com", "grants", "failed")}),
    ),
    Case(
        "lambda-public-policy", "aws.lambda.function", "us-west-2", stores=2,
        places=frozenset({("process_resources", "processing", "us-west-2")}),
        grants=frozenset({("c7n-cross-check", "*", "unknown", "yes")}),
    ),
    Case(
        "logs-delivery-destination", "aws.logs.delivery_destination", account="123456789012",
        places=frozenset({("test-destination", "log", "")}),
        grants=frozenset({("test-destination", "arn:aws:iam::111111111111:root", "write", "yes")}),
        gaps=frozenset({("test-destination", "placement", "unresolved")}),
    ),
    Case(
        "logs-destination", "aws.logs.destination", account="123456789012",
        places=frozenset({("test-destination", "log", "us-east-1")}),
        grants=frozenset({("test-destination", "111111111111", "write", "yes")}),
    ),
    Case(
        "msk-public-policy", "aws.kafka.cluster", places=frozenset({("demo-cluster-1", "primary", "us-east-1")}),
        custody={"demo-cluster-1": "customer-managed"}, no_role=("log",),
        grants=frozenset({("demo-cluster-1", "*", "write", "yes"), ("demo-cluster-1", "*", "read", "yes")}),
    ),
    Case(
        "ram-shares-from-others", "aws.ram.resource_share", stores=9,
        gaps=frozenset({("c7n-test-other-accounts", "grants", "failed")}),
    ),
    Case(
        "ssm-resource-data-sync", "aws.ssm.resource_data_sync", stores=3,
        places=frozenset({("invsync", "replica", "us-east-1")}),
    ),
    Case(
        "transfer-server", "aws.transfer.server", no_role=("log",),
        places=frozenset({("s-4a6d521483294bd79", "processing", "us-east-1")}),
    ),
]  # fmt: skip


def sweep(case: Case) -> Rows:
    chosen = some(case.kind)
    door = RecordedDoor(read_answers(RECORDED / case.folder, chosen), case.account, case.region)
    return replay(door, chosen, catalogue())


@needs_recordings
@pytest.mark.parametrize("case", CASES, ids=[f"{case.folder}-{case.kind}" for case in CASES])
def test_recorded_answers_are_read_as_they_should_be(case: Case) -> None:
    rows = sweep(case)
    names = {row.store_id: row.name for row in rows["stores"]}
    assert len(names) == case.stores
    assert [item.status for item in rows["units"]] == [case.status if case.stores else "empty"]

    def named(found: set[tuple[str, ...]], wanted: frozenset[tuple[str, ...]]) -> set[tuple[str, ...]]:
        return {("*", *item[1:]) for item in found} if any(item[0] == "*" for item in wanted) else found

    places = {(names[row.store_id], row.role, row.location) for row in rows["placements"]}
    assert case.places <= named(places, case.places)
    assert not {role for _, role, where in places if where} & set(case.no_role)
    if case.grants is not None:
        grants = {(names[row.store_id], row.principal, row.access, row.external) for row in rows["grants"]}
        assert named(grants, case.grants) == set(case.grants)
    custody = {names[row.store_id]: row.custody for row in rows["keys"]}
    for name, expected in case.custody.items():
        assert (set(custody.values()) if name == "*" else {custody[name]}) == {expected}
    gaps = {(names.get(row.store_id, ""), row.field, row.cause) for row in rows["gaps"]}
    assert case.gaps <= named(gaps, case.gaps)


@needs_recordings
def test_denied_location_stays_unknown() -> None:
    chosen = some("aws.s3.bucket")
    listed = {"list": {"Buckets": [{"Name": "x"}]}}
    answers = read_answers(RECORDED / "s3-location-denied", chosen)
    answers += [item for item in read_answers_from(listed) if item.operation == "ListBuckets"]
    rows = replay(RecordedDoor(answers, C7N, "us-east-1"), chosen, catalogue())
    (primary,) = [row for row in rows["placements"] if row.role == "primary"]
    assert primary.location == ""
    assert primary.evidence == "denied: location"
    assert ("placement", "denied") in {(row.field, row.cause) for row in rows["gaps"]}


def read_answers_from(content: object, folder: Path | None = None) -> list:
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "x.json"
        path.write_text(json.dumps(content))
        return read_fixture(path, kinds()["aws.s3.bucket"])


@needs_recordings
def test_denied_organisation_is_a_gap_and_nobody_is_called_external() -> None:
    chosen = some("aws.glacier.vault", "aws.redshift.snapshot")
    content = json.loads((RECORDED / "organizations-denied/organizations.DescribeOrganization_1.json").read_text())
    door = RecordedDoor(read_answers(RECORDED / "redshift-snapshot-shared", chosen), C7N, "us-east-1")
    from residency.collect.recorded import _answer

    door._answers.append(_answer("organizations", "ListAccounts", content, "organizations-denied"))
    rows = replay(door, chosen, catalogue())
    assert [(row.field, row.cause) for row in rows["gaps"] if row.field == "scope"] == [("scope", "denied")]
    assert {row.external for row in rows["grants"]} == {"unknown"}


@needs_recordings
@pytest.mark.parametrize(("number", "principals"), [(1, []), (2, ["619193117841", C7N]), (3, ["all"])])
def test_snapshot_sharing(number: int, principals: list[str]) -> None:
    chosen = some("aws.ec2.snapshot")
    reply = json.loads((RECORDED / f"ebs-snapshot-sharing/ec2.DescribeSnapshotAttribute_{number}.json").read_text())
    from residency.collect.recorded import Answer, _answer

    listing = Answer(
        "ec2", "DescribeSnapshots", ({"Snapshots": [{"SnapshotId": reply["data"]["SnapshotId"]}]},), None, ""
    )
    door = RecordedDoor([listing, _answer("ec2", "DescribeSnapshotAttribute", reply, "x")], C7N, "us-east-1")
    rows = replay(door, chosen, catalogue())
    assert sorted(row.principal for row in rows["grants"]) == sorted(principals)


def described(kind: str, folder: str, operation: str, listing: dict[str, object]) -> Rows:
    """Rows of a recorded description, after a listing that was not recorded."""
    from residency.collect.recorded import Answer

    chosen = some(kind)
    call = chosen[kind].list_
    answers = [Answer(call.service or "", call.operation, (listing,), None, "")]
    answers += [item for item in read_answers(RECORDED / folder, chosen) if item.operation == operation]
    return replay(RecordedDoor(answers, C7N, "us-east-1"), chosen, catalogue())


@needs_recordings
def test_stream_to_a_third_party() -> None:
    listing = {"DeliveryStreamNames": ["firehose-splunk"]}
    rows = described("aws.firehose.delivery_stream", "firehose-splunk", "DescribeDeliveryStream", listing)
    places = {(row.role, row.location, row.target) for row in rows["placements"]}
    assert places == {
        ("processing", "us-east-1", ""),
        ("replica", "", "https://www.mysplunk.com"),
        ("backup", "", "arn:aws:s3:::this-bucket"),
    }
    assert [(row.principal, row.principal_kind) for row in rows["grants"]] == [("www.mysplunk.com", "domain")]
    assert [row.custody for row in rows["keys"]] == ["none"]


@needs_recordings
def test_keys_replicated_by_default() -> None:
    key = {"KeyArn": f"arn:aws:payment-cryptography:us-east-1:{C7N}:key/aaaaaaaaaaaaaaaa"}
    folder = "payment-cryptography-replication"
    rows = described("aws.paymentcryptography.key", folder, "GetDefaultKeyReplicationRegions", {"Keys": [key]})
    # whether the key follows the default was not recorded: its copies are unknown, not absent
    assert {(row.role, row.location) for row in rows["placements"]} == {("primary", "us-east-1"), ("replica", "")}
    assert ("placement", "failed") in {(row.field, row.cause) for row in rows["gaps"]}


@needs_recordings
def test_shared_image() -> None:
    listing = {"Images": [{"ImageId": "wsi-wxm9q46zg", "Name": "gold"}]}
    folder, operation = "workspaces-image-share", "DescribeWorkspaceImagePermissions"
    rows = described("aws.workspaces.image", folder, operation, listing)
    assert [(row.principal, row.external) for row in rows["grants"]] == [("XXXXXXXXXXXX", "unknown")]


@needs_recordings
def test_bare_reply_of_another_shape(tmp_path: Path) -> None:
    (tmp_path / "list-user-pools__60.json").write_bytes((RECORDED / "cognito-sample.json").read_bytes())
    chosen = some("aws.cognito.user_pool")
    rows = replay(RecordedDoor(read_answers(tmp_path, chosen), C7N, "ap-northeast-1"), chosen, catalogue())
    (found,) = rows["stores"]
    assert found.name == "jacuzzi"
    assert found.region == "ap-northeast-1"
    assert [row.location for row in rows["placements"]] == ["ap-northeast-1"]


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_kind_reads_its_own_fixture(name: str) -> None:
    """Each fixture lies in eu-west-1 and every copy it names has a place of its own."""
    door = RecordedDoor(read_fixture(FIXTURES / name / "full.json", kinds()[name]), "111122223333", "eu-west-1")
    rows = replay(door, some(name), catalogue())
    assert rows["stores"]
    assert {row.status for row in rows["units"]} == {"seen"}
    assert {row.store_id for row in rows["placements"]} == {row.store_id for row in rows["stores"]}
    assert {row.store_id for row in rows["keys"]} == {row.store_id for row in rows["stores"]}
    # a copy in a store of another kind is named, and its place unknown until that store is swept too
    elsewhere = {row.store_id for row in rows["placements"] if row.target and not row.location}
    placed = [row for row in rows["placements"] if row.location or not row.target]
    assert all(catalogue().find(row.location_provider, row.location) for row in placed)
    assert {row.cause for row in rows["gaps"]} <= {"unresolved"}
    assert {row.field for row in rows["gaps"]} <= {"key", "placement"}
    assert {row.store_id for row in rows["gaps"] if row.field == "placement"} == elsewhere


@pytest.mark.parametrize("name", sorted(name for name, kind in kinds().items() if kind.detail))
def test_refused_details_leave_gaps_and_drop_no_store(name: str) -> None:
    kind, chosen = kinds()[name], some(name)
    given = read_fixture(FIXTURES / name / "full.json", kind)
    calls = {(call.service or kind.list_.service or "", call.operation) for call in kind.detail}
    refused = [Answer(*call, (), classify("AccessDenied", "no"), "", ordered=True) for call in sorted(calls)]
    listed = [item for item in given if (item.service, item.operation) not in calls]
    whole, rows = (
        replay(RecordedDoor(answers, "111122223333", "eu-west-1"), chosen, catalogue())
        for answers in (given, listed + refused)
    )
    assert {row.store_id for row in whole["stores"]} <= {row.store_id for row in rows["stores"]}
    always = {field for call in kind.detail if not call.when for field in call.gives}
    assert always <= {row.field for row in rows["gaps"] if row.cause == "denied"}


def test_a_call_without_a_record_is_a_gap() -> None:
    chosen = some("aws.sqs.queue")
    rows = replay(RecordedDoor([], C7N, "us-east-1"), chosen, catalogue())
    assert [row.status for row in rows["units"]] == ["failed"]
    assert [(row.field, row.cause) for row in rows["gaps"]] == [("listing", "failed")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not readable"),
        ("[]", 'holds no "list"'),
        ('{"list": {}, "details": {"X": {}}}', "makes no call X"),
        ('{"list": 3}', "a reply is an object"),
    ],
)
def test_broken_fixture_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_fixture(path, kinds()["aws.sqs.queue"])


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"status_code": 200, "data": None}, "the data of a reply is an object"),
        ({"status_code": 200}, "the data of a reply is an object"),
        ({"status_code": 200, "data": [1]}, "the data of a reply is an object"),
        ("text", "a reply is an object"),
        ({"QueueUrls": [{"__class__": "datetime", "year": 2026}]}, "a time in it is damaged"),
        ({"QueueUrls": [{"__class__": "datetime", "year": "x", "month": 1, "day": 1}]}, "a time in it is damaged"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, record: object, says: str) -> None:
    (tmp_path / "sqs.ListQueues_1.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"sqs.ListQueues_1.json: .*{says}"):
        read_answers(tmp_path, some("aws.sqs.queue"))


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"status_code": 403, "data": {}}, "denied"),
        ({"status_code": 403, "data": {"Error": {"Message": "no"}}}, "denied"),
        ({"status_code": None, "data": {}, "ResponseMetadata": {"HTTPStatusCode": 200}}, "empty"),
        ({"status_code": 500, "data": {"message": "later"}}, "failed"),
        ({"ResponseMetadata": {"HTTPStatusCode": 429}}, "throttled"),
        ({"ResponseMetadata": {"HTTPStatusCode": 200}}, "empty"),
    ],
)
def test_a_reply_that_only_its_status_refuses_is_not_an_empty_one(tmp_path: Path, record: object, status: str) -> None:
    (tmp_path / "sqs.ListQueues_1.json").write_text(json.dumps(record))
    answers = read_answers(tmp_path, some("aws.sqs.queue"))
    rows = replay(RecordedDoor(answers, C7N, "us-east-1"), some("aws.sqs.queue"), catalogue())
    assert [unit.status for unit in rows["units"]] == [status]


@pytest.mark.parametrize("listed", ["x", 5, {"a": 1}, [None], [[]]])
@pytest.mark.parametrize("name", sorted(name for name, kind in kinds().items() if "[" in (kind.list_.items or "")))
def test_a_listing_of_another_shape_is_not_an_empty_one(tmp_path: Path, name: str, listed: object) -> None:
    content = json.loads((FIXTURES / name / "full.json").read_text())
    pages = content["list"] if isinstance(content["list"], list) else [content["list"]]
    path = (kinds()[name].list_.items or "").partition("[")[0].split(".")
    for page in pages:
        for part in path[:-1]:
            page = page[part]
        page[path[-1]] = listed
    (tmp_path / "full.json").write_text(json.dumps(content))
    rows = replay(
        RecordedDoor(read_fixture(tmp_path / "full.json", kinds()[name]), C7N, "eu-west-1"), some(name), catalogue()
    )
    assert not {unit.status for unit in rows["units"]} & {"seen", "empty"}
    assert any(gap.field == "listing" for gap in rows["gaps"])


@pytest.mark.parametrize("answered", ["x", 5, [None]])
@pytest.mark.parametrize(
    ("name", "operation"),
    sorted(
        {
            (name, call.operation)
            for name, kind in kinds().items()
            for call in kind.detail
            if call.gives and (call.items or "").endswith("[]") and (call.items or "").replace("[]", "").isalnum()
        }
    ),
)
def test_a_detail_of_another_shape_is_a_gap(tmp_path: Path, name: str, operation: str, answered: object) -> None:
    kind = kinds()[name]
    calls = [call for call in kind.detail if call.operation == operation]
    content = json.loads((FIXTURES / name / "full.json").read_text())
    content["details"][operation] = [{(call.items or "").removesuffix("[]"): answered} for call in calls]
    (tmp_path / "full.json").write_text(json.dumps(content))
    rows = replay(RecordedDoor(read_fixture(tmp_path / "full.json", kind), C7N, "eu-west-1"), some(name), catalogue())
    assert {(gap.field, gap.cause) for gap in rows["gaps"]} & {
        (field, "malformed") for call in calls for field in call.gives
    }


def recorded(folder: Path, *names: str, region: str = "us-east-1", **files: object) -> Rows:
    """A sweep of replies written for this test; ``_in_`` in a name stands for the folder, ``_of_`` for the argument."""
    for name, content in files.items():
        path = folder / (name.replace("_in_", "/").replace("_of_", "__").replace("_at_", ".") + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    chosen = some(*names)
    return replay(RecordedDoor(read_answers(folder, chosen), C7N, region), chosen, catalogue())


BUCKETS = {"Buckets": [{"Name": name, "BucketRegion": "us-east-1"} for name in ("my-logs", "my-photos")]}
TO_LOGS = {"LoggingEnabled": {"TargetBucket": "my-logs", "TargetPrefix": ""}}


def logs_of(rows: Rows) -> set[tuple[str, str]]:
    return {(row.store_id[13:], row.target[13:]) for row in rows["placements"] if row.role == "log"}


@pytest.mark.parametrize("name", ["get-bucket-logging_of_my-photos", "get-bucket-logging_of_my_photos"])
def test_a_reply_is_for_the_item_its_file_names_not_for_one_it_mentions(tmp_path: Path, name: str) -> None:
    rows = recorded(tmp_path, "aws.s3.bucket", **{"list-buckets": BUCKETS, name: TO_LOGS})
    assert logs_of(rows) == {("my-photos", "my-logs"), ("my-logs", "")}
    assert ("arn:aws:s3:::my-logs", "log") in {(row.store_id, row.field) for row in rows["gaps"]}


def test_a_reply_about_another_item_is_not_taken_for_want_of_one(tmp_path: Path) -> None:
    rows = recorded(
        tmp_path, "aws.s3.bucket", **{"list-buckets": BUCKETS, "get-bucket-logging_of_my-photos-2": TO_LOGS}
    )
    assert logs_of(rows) == {("my-photos", ""), ("my-logs", "")}


def test_a_reply_that_was_used_is_not_used_for_an_item_it_mentions(tmp_path: Path) -> None:
    order = {"Buckets": BUCKETS["Buckets"][::-1]}
    rows = recorded(
        tmp_path, "aws.s3.bucket",
        s3_at_ListBuckets_1=order, s3_at_GetBucketLogging_1=TO_LOGS, s3_at_GetBucketLogging_2={},
    )  # fmt: skip
    assert logs_of(rows) == {("my-photos", "my-logs")}


def test_folders_in_a_folder_are_read_each_for_its_service(tmp_path: Path) -> None:
    cluster = {"ClusterIdentifier": "sales", "AvailabilityZone": "eu-west-1a", "Encrypted": True}
    node = {"ClusterName": "fast", "ClusterArn": f"arn:aws:dax:eu-west-1:{C7N}:cache/fast"}
    for names in (("redshift_in_", "dax_in_"), ("a_in_", "b_in_")):  # what a reply holds decides before its folder
        folder = tmp_path / names[0]
        files = {
            f"{names[0]}describe-clusters": {"Clusters": [cluster]},
            f"{names[1]}describe-clusters": {"Clusters": [node]},
        }
        rows = recorded(folder, "aws.redshift.cluster", "aws.dax.cluster", region="eu-west-1", **files)
        assert {(row.kind, row.name) for row in rows["stores"]} == {
            ("aws.redshift.cluster", "sales"),
            ("aws.dax.cluster", "fast"),
        }


def test_what_no_kind_reads_is_counted(tmp_path: Path) -> None:
    for name in ("kms.CreateKey_1", "kms.CreateKey_2", "get-bucket-versioning__a", "kms.ListKeys_1"):
        (tmp_path / f"{name}.json").write_text('{"Keys": []}')
    unread: Counter[str] = Counter()
    read_answers(tmp_path, kinds(), unread)
    assert unread == {"kms:CreateKey": 2, "get-bucket-versioning": 1}


def test_the_accounts_that_were_recorded_are_inside(tmp_path: Path) -> None:
    policy = {"Policy": json.dumps({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "s3:GetObject"}
        for account in ("111111111111", "222222222222")
    ]})}  # fmt: skip
    accounts = {"Accounts": [{"Id": C7N, "Status": "ACTIVE"}, {"Id": "111111111111", "Status": "SUSPENDED"}]}
    files = {"get-bucket-policy_of_photos": policy, "organizations_at_ListAccounts_1": accounts}
    rows = recorded(tmp_path, "aws.s3.bucket", **files)
    assert {(row.principal, row.external) for row in rows["grants"]} == {
        ("111111111111", "no"),
        ("222222222222", "yes"),
    }
    denied = {"status_code": 403, "data": {"Error": {"Code": "AccessDeniedException", "Message": "no"}}}
    (tmp_path / "organizations.ListAccounts_1.json").unlink()
    rows = recorded(tmp_path, "aws.s3.bucket", organizations_at_DescribeOrganization_1=denied)
    assert {row.external for row in rows["grants"]} == {"unknown"}


def test_a_trail_is_read_from_what_says_the_same(tmp_path: Path) -> None:
    arn = f"arn:aws:cloudtrail:eu-west-1:{C7N}:trail/all"
    trail = {"Trail": {"TrailARN": arn, "Name": "all", "HomeRegion": "eu-west-1", "S3BucketName": "my-logs"}}
    rows = recorded(
        tmp_path, "aws.cloudtrail.trail", **{f"get-trail_of_{arn.replace(':', '_').replace('/', '_')}": trail}
    )
    assert {(row.role, row.location, row.target) for row in rows["placements"]} == {
        ("processing", "eu-west-1", ""),
        ("log", "", "arn:aws:s3:::my-logs"),
    }


def snapshots(*names: str, **more: object) -> dict[str, object]:
    items = [{"SnapshotId": name, "StartTime": None, "OwnerId": C7N} for name in names]
    return {"Snapshots": items, **more}


BUS = f"arn:aws:events:eu-west-1:{C7N}:event-bus/"


def test_pages_recorded_one_after_the_other(tmp_path: Path) -> None:
    files = {
        "ec2_at_DescribeSnapshots_1": snapshots("snap-1", NextToken="more"),
        "ec2_at_DescribeSnapshots_2": snapshots("snap-2"),
        "events_at_ListRules_1": {"Rules": [{"Name": "a", "Arn": f"arn:aws:events:us-east-1:{C7N}:rule/a"}]},
        "events_at_ListEventBuses_1": {"EventBuses": [{"Name": "default", "Arn": "x"}]},
        "events_at_ListTargetsByRule_1": {"Targets": [{"Id": "1", "Arn": BUS + "a"}], "NextToken": "more"},
        "events_at_ListTargetsByRule_2": {"Targets": [{"Id": "2", "Arn": BUS + "b"}]},
    }
    rows = recorded(tmp_path, "aws.ec2.snapshot", "aws.events.rule", **files)
    assert {row.name for row in rows["stores"]} == {"snap-1", "snap-2", "a"}
    assert {row.status for row in rows["units"]} == {"seen"}
    assert {row.target for row in rows["placements"] if row.role == "replica"} == {f"{BUS}a", f"{BUS}b"}


def test_a_page_that_names_a_further_one_is_not_the_whole(tmp_path: Path) -> None:
    rows = recorded(
        tmp_path, "aws.ec2.snapshot", ec2_at_DescribeSnapshots_1=snapshots("snap-1", NextToken="more")
    )  # fmt: skip
    assert [row.name for row in rows["stores"]] == ["snap-1"]
    assert [(row.status, row.code) for row in rows["units"]] == [("failed", "NotRecorded")]
    assert "page after the last" in rows["units"][0].message


def test_a_service_is_known_by_its_endpoint_and_by_its_name(tmp_path: Path) -> None:
    for name in ("elasticfilesystem", "efs"):
        files = {f"{name}_at_DescribeFileSystems_1": {"FileSystems": [{"FileSystemId": name, "OwnerId": C7N,
                 "FileSystemArn": f"arn:aws:elasticfilesystem:us-east-1:{C7N}:file-system/{name}"}]}}  # fmt: skip
        rows = recorded(tmp_path / name, "aws.efs.file_system", **files)
        assert len(rows["stores"]) == 1


@pytest.mark.parametrize(
    "name",
    ["describe-volumes", "describe_volumes", "DescribeVolumes", "ec2-describe-volumes", "ec2_describe_volumes",
     "ec2.describe_volumes", "ec2.DescribeVolumes", "ec2-DescribeVolumes"],
)  # fmt: skip
def test_names_of_files(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.json").write_text('{"Volumes": [{"VolumeId": "vol-1", "Encrypted": false}]}')
    unread: Counter[str] = Counter()
    (answer,) = read_answers(tmp_path, some("aws.ec2.volume"), unread)
    assert (answer.service, answer.operation, unread) == ("ec2", "DescribeVolumes", Counter())


def test_a_folder_called_after_a_region_was_asked_there(tmp_path: Path) -> None:
    def pools(name: str) -> dict[str, object]:
        return {"UserPools": [{"Id": f"x_{name}", "Name": name}]}

    files = {
        "us-east-1_in_cognito-idp-list-user-pools": pools("here"),
        "eu-west-1_in_cognito-idp-list-user-pools": pools("there"),
        "eu-west-1_in_describe-table_of_carts": {"Table": {"TableName": "carts", "SSEDescription": {}}},
        "us-east-1_in_list-buckets": {"Buckets": [{"Name": "photos", "BucketRegion": "eu-west-1"}]},
        "us-east-1_in_get-bucket-policy_of_photos": {"Policy": '{"Statement": []}'},
    }
    names = ("aws.cognito.user_pool", "aws.dynamodb.table", "aws.s3.bucket")
    rows = recorded(tmp_path / "all", *names, region="ap-northeast-1", **files)
    assert {(row.name, row.region) for row in rows["stores"]} == {
        ("here", "us-east-1"), ("there", "eu-west-1"), ("carts", "eu-west-1"), ("photos", "eu-west-1"),
    }  # fmt: skip
    primary = {row.store_id.rpartition("/")[2]: row.location for row in rows["placements"] if row.role == "primary"}
    assert set(primary.values()) == {"us-east-1", "eu-west-1"}
    assert not [row for row in rows["gaps"] if row.field == "grants" and row.store_id == "arn:aws:s3:::photos"
                and "GetBucketPolicy" in row.message]  # fmt: skip
    # a region nobody recorded was not seen
    assert {row.status for row in rows["units"] if row.region == "ap-northeast-1"} == {"failed"}
    # the folder that is named may be the region's own
    rows = recorded(tmp_path / "eu-west-1", "aws.cognito.user_pool", **{"list-user-pools": pools("there")})
    assert [(row.name, row.region) for row in rows["stores"]] == [("there", "eu-west-1")]
