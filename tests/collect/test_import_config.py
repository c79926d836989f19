"""AWS Config: every mapped type from a snapshot, the other shapes of the same, and what they leave out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from foreign import cases, expected, labels, messages, run, said, types, write

from residency.errors import InputError

CONFIG = cases("config")


def item(name: str, **changed: Any) -> dict[str, Any]:
    row = {
        "version": "1.3",
        "awsAccountId": "111122223333",
        "awsRegion": "ap-northeast-1",
        "resourceType": name,
        "resourceId": "id-1",
        "resourceName": "name-1",
        "ARN": "",
        "configurationItemStatus": "OK",
        "configurationItemCaptureTime": "2026-03-01T01:02:03.000Z",
        "configurationStateId": 1,
        "tags": {"team": "web"},
        "relationships": [],
        "supplementaryConfiguration": {},
        **CONFIG[name]["row"],
        **changed,
    }
    return {**row, "ARN": row.pop("arn", row["ARN"])}


def snapshot(*items: dict[str, Any]) -> dict[str, Any]:
    return {"fileVersion": "1.0", "configSnapshotId": "s-1", "configurationItems": list(items)}


def test_every_mapped_type_has_a_case() -> None:
    assert {name for source, name in types() if source == "config"} == set(CONFIG)
    assert len(CONFIG) >= 25


@pytest.mark.parametrize("name", sorted(CONFIG))
def test_a_type_becomes_its_store_with_its_places_and_gaps(tmp_path: Path, name: str) -> None:
    rows = run(write(tmp_path / "snapshot.json", snapshot(item(name))))
    kind = types()["config", name].kind
    assert said(rows, kind) == expected(CONFIG[name])
    assert labels(rows) == {("team", "web")}
    store = rows["stores"][0]
    assert (store.account, store.call) == ("111122223333", f"AWS Config {name}")
    assert store.seen_at.isoformat() == "2026-03-01T01:02:03+00:00"
    assert "hunter2" not in repr(rows)


@pytest.mark.parametrize("name", sorted(CONFIG))
def test_an_item_without_its_configuration_claims_nothing(tmp_path: Path, name: str) -> None:
    """What was not recorded may be anything: no copy is ruled out and no store is called unencrypted."""
    bare = item(name, configuration=None, supplementaryConfiguration={}, configurationItemStatus="ResourceNotRecorded")
    del bare["configuration"], bare["supplementaryConfiguration"]
    rows = run(write(tmp_path / "snapshot.json", snapshot(bare)))
    assert rows["stores"] or messages(rows, "listing")
    assert all(row.custody != "none" for row in rows["keys"])


def test_the_same_item_is_the_same_in_every_shape(tmp_path: Path) -> None:
    whole = item("AWS::EC2::Volume")
    text = {**whole, "configuration": json.dumps(whole["configuration"])}
    files = {
        "snapshot.json.gz": gzip.compress(json.dumps(snapshot(whole)).encode()),
        "history.json": json.dumps({"configurationItems": [text], "nextToken": "x"}).encode(),
        "aggregate.json": json.dumps({"baseConfigurationItems": [text]}).encode(),
        "list.json": json.dumps([whole]).encode(),
        "lines.jsonl": json.dumps(whole).encode() + b"\n",
        "query.json": json.dumps({"Results": [json.dumps(whole)], "QueryInfo": {"SelectFields": []}}).encode(),
        "paged.json": json.dumps(
            {"QueryInfo": {"SelectFields": [{"Name": "x"}]}, "Results": [json.dumps(whole)]}
        ).encode(),
    }
    found = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        rows = run(tmp_path / name, form="config")
        found.append((said(rows, "aws.ec2.volume"), labels(rows)))
    assert all(one == found[0] for one in found)


def test_a_recorded_answer_is_read_in_its_envelope(tmp_path: Path) -> None:
    selected = {"accountId": "111122223333", "awsRegion": "eu-west-1", "resourceType": "AWS::EC2::Volume",
                "configuration": {"volumeId": "vol-1", "encrypted": False}}  # fmt: skip
    bare = run(write(tmp_path / "q.json", {"Results": [json.dumps(selected)]}))
    wrapped = run(write(tmp_path / "r.json", {"status_code": 200, "data": {"Results": [json.dumps(selected)]}}))
    assert said(wrapped, "aws.ec2.volume") == said(bare, "aws.ec2.volume")
    history = {"status_code": 200, "data": {"configurationItems": [item("AWS::SNS::Topic")]}}
    assert len(run(write(tmp_path / "h.json", history), form="config")["stores"]) == 1


def test_a_recorded_answer_that_was_cut_short_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"status_code": 200, "data": {"Results": ["{')
    with pytest.raises(InputError, match=r"config\.json:1: a recorded answer that is not JSON: Unterminated string"):
        run(file)


@pytest.mark.parametrize("data", [{"ConfigRules": []}, {"Results": None}, [], None])
def test_a_recorded_answer_without_items_is_counted_as_of_no_kind(tmp_path: Path, data: Any) -> None:
    rows = run(write(tmp_path / "r.json", {"status_code": 200, "data": data}), form="config")
    assert not rows["stores"]
    assert any("of no kind" in message for message in messages(rows, "scope"))


def test_a_query_says_only_what_it_selected(tmp_path: Path) -> None:
    selected = {"accountId": "111122223333", "awsRegion": "eu-west-1", "resourceType": "AWS::EC2::Volume",
                "configuration": {"volumeId": "vol-1", "encrypted": False}}  # fmt: skip
    rows = run(write(tmp_path / "q.json", {"Results": [json.dumps(selected)], "QueryInfo": {}}))
    assert said(rows, "aws.ec2.volume")["custody"] == "unknown"
    assert said(rows, "aws.ec2.volume")["places"] == [("primary", "eu-west-1")]
    assert "AWS Config AWS::EC2::Volume does not say KmsKeyId" in messages(rows, "key")
    assert "AWS Config AWS::EC2::Volume does not say tags" in messages(rows, "labels")


def test_what_is_not_set_is_left_out_of_a_whole_item_but_may_not_be_selected_in_a_query(tmp_path: Path) -> None:
    whole = item("AWS::Kinesis::Stream")
    assert said(run(write(tmp_path / "s.json", snapshot(whole))), "aws.kinesis.stream")["custody"] == "none"
    rows = run(write(tmp_path / "q.json", {"Results": [json.dumps(whole)], "QueryInfo": {}}))
    assert said(rows, "aws.kinesis.stream")["custody"] == "unknown"


def test_a_query_that_did_not_select_the_type_is_read_by_the_arn(tmp_path: Path) -> None:
    arn = "arn:aws:kms:eu-west-1:111122223333:key/k"
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "kms:Decrypt"}]}
    told = {
        "resourceId": "k",
        "configuration": {"arn": arn, "keyId": "k", "origin": "AWS_KMS", "keyManager": "CUSTOMER"},
        "supplementaryConfiguration": {"Policy": json.dumps(policy)},
    }
    trail = {
        "resourceId": "all",
        "configuration": {
            "trailARN": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all",
            "otherTrailArn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/other",
        },
    }
    both = {"configuration": {**trail["configuration"], "name": "?"}}  # type: ignore[dict-item]
    results = [json.dumps(item) for item in (told, trail, both)]
    rows = run(write(tmp_path / "q.json", {"Results": results, "QueryInfo": {"SelectFields": []}}))
    assert {(row.kind, row.name, row.account, row.region) for row in rows["stores"]} == {
        ("aws.kms.key", "k", "111122223333", "eu-west-1"),
        ("aws.cloudtrail.trail", "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all", "111122223333", "eu-west-1"),
    }
    assert [row.principal for row in rows["grants"]] == ["999988887777"]
    assert "1 of type (not named) are of no kind" in messages(rows, "scope")


def test_a_query_exported_as_csv(tmp_path: Path) -> None:
    text = (
        "accountId,awsRegion,resourceType,resourceId,configuration.volumeId,configuration.encrypted,"
        "configuration.kmsKeyId,configuration.availabilityZone,tags\n"
        '111122223333,eu-west-1,AWS::EC2::Volume,vol-1,vol-1,true,,eu-west-1b,"[{""key"":""team"",""value"":""web""}]"\n'
    )
    rows = run(write(tmp_path / "q.csv", text))
    assert said(rows, "aws.ec2.volume") == {
        "store": "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1", "custody": "provider-managed", "gaps": [],
        "places": [("primary", "eu-west-1b")], "grants": [],
    }  # fmt: skip
    assert labels(rows) == {("team", "web")}


def test_of_several_states_the_latest_counts_and_a_deleted_one_is_no_store(tmp_path: Path) -> None:
    old = item("AWS::SNS::Topic", configurationItemCaptureTime="2026-01-01T00:00:00Z", configurationStateId=1)
    new = item("AWS::SNS::Topic", configurationItemCaptureTime="2026-02-01T00:00:00Z", configurationStateId=2,
               configuration={**old["configuration"], "KmsMasterKeyId": "alias/mine"})  # fmt: skip
    gone = item("AWS::EC2::Volume", configurationItemStatus="ResourceDeleted", configuration=None)
    for order in ([old, new, gone], [gone, new, old]):
        rows = run(write(tmp_path / "history.json", {"fileVersion": "1.0", "configurationItems": order}))
        assert [row.kind for row in rows["stores"]] == ["aws.sns.topic"]
        assert [row.key_id for row in rows["keys"]] == ["alias/mine"]


def test_accounts_regions_and_partitions_come_from_the_items(tmp_path: Path) -> None:
    here = item("AWS::EC2::Volume")
    there = item("AWS::EC2::Volume", awsAccountId="444455556666", awsRegion="cn-north-1", resourceId="id-2")
    named = item("AWS::SNS::Topic", awsRegion="us-gov-west-1", resourceId="id-3", ARN="arn:aws-us-gov:sns:x",
                 configuration={"TopicArn": "arn:aws-us-gov:sns:us-gov-west-1:111122223333:t"})  # fmt: skip
    rows = run(write(tmp_path / "s.json", snapshot(here, there, named)))
    found = {(row.provider, row.account, row.region) for row in rows["stores"]}
    assert found == {
        ("aws", "111122223333", "ap-northeast-1"),
        ("aws-cn", "444455556666", "cn-north-1"),
        ("aws-us-gov", "111122223333", "us-gov-west-1"),
    }
    assert "arn:aws-cn:ec2:cn-north-1:444455556666:volume/vol-1" in {row.store_id for row in rows["stores"]}
    skipped = {
        row.provider for row in rows["gaps"] if "were not asked" in row.message or "was not asked" in row.message
    }
    assert skipped == {"aws", "aws-cn", "aws-us-gov"}


def test_a_multi_region_key_may_be_elsewhere(tmp_path: Path) -> None:
    key = {"keyId": "mrk-1", "arn": "arn:aws:kms:ap-northeast-1:111122223333:key/mrk-1", "origin": "AWS_KMS",
           "keyManager": "CUSTOMER"}  # fmt: skip
    rows = run(write(tmp_path / "s.json", snapshot(item("AWS::KMS::Key", configuration=key))))
    assert ("replica", "") in said(rows, "aws.kms.key")["places"]


def test_an_encrypted_file_system_without_a_key_is_not_called_unencrypted(tmp_path: Path) -> None:
    system = {**CONFIG["AWS::EFS::FileSystem"]["row"]["configuration"], "Encrypted": True}
    rows = run(write(tmp_path / "s.json", snapshot(item("AWS::EFS::FileSystem", configuration=system))))
    assert said(rows, "aws.efs.file_system")["custody"] == "unknown"


def test_types_of_no_kind_are_counted(tmp_path: Path) -> None:
    other = [item("AWS::EC2::Volume", resourceType="AWS::EC2::Subnet", resourceId=f"s-{n}") for n in range(3)]
    rows = run(write(tmp_path / "s.json", snapshot(item("AWS::SNS::Topic"), *other, {"resourceId": "x"})))
    assert "3 of type AWS::EC2::Subnet are of no kind" in messages(rows, "scope")
    assert "1 of type (not named) are of no kind" in messages(rows, "scope")


def test_an_account_that_is_not_named_is_taken_from_the_call_or_a_gap(tmp_path: Path) -> None:
    file = write(tmp_path / "s.json", snapshot(item("AWS::EC2::Volume", awsAccountId="")))
    assert "1 rows name no account; name it with --account" in messages(run(file))
    rows = run(file, account="999900001111")
    assert rows["stores"][0].account == "999900001111"
    assert not [text for text in messages(rows) if "name no account" in text]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    names = ["=cmd()", "<script>", "a\x1b[31m", "'; DROP TABLE stores;--", "{broken", "true", "null", "日本"]
    items = [item("AWS::EC2::Volume", resourceId=name, tags={name: name},
                  configuration={"volumeId": name, "encrypted": True, "kmsKeyId": None, "availabilityZone": None})
             for name in names]  # fmt: skip
    rows = run(write(tmp_path / "s.json", snapshot(*items)))
    assert {row.name for row in rows["stores"]} == {name.strip() for name in names}
    assert {row.value for row in rows["labels"]} == set(names)


def test_one_broken_line_is_a_gap_and_the_rest_is_read(tmp_path: Path) -> None:
    good = json.dumps(item("AWS::SNS::Topic"))
    file = write(tmp_path / "items.jsonl", f'{good}\n{{"resourceType": "AWS::S3::Bucket", broken\n[1]\n')
    rows = run(file, form="config")
    assert len(rows["stores"]) == 1
    assert f"{file}:2: not JSON" in messages(rows, "listing")
    assert {row.cause for row in rows["gaps"] if row.field == "listing"} == {"malformed"}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{broken", "items.json:1: "),
        ("", "the file is empty"),
        ('{"Results": ["{broken"], "QueryInfo": {}}', "items.json:1: a result is not JSON"),
        ('{"Results": [', "items.json:1: not JSON"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_one_error(tmp_path: Path, content: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as error:
        run(write(tmp_path / "items.json", content), form="config")
    assert "\n" not in str(error.value)


def test_a_packed_file_that_is_cut_short_keeps_what_was_read(tmp_path: Path) -> None:
    lines = "".join(json.dumps(item("AWS::EC2::Volume", resourceId=f"r{n}",
                                    configuration={**CONFIG["AWS::EC2::Volume"]["row"]["configuration"],
                                                   "volumeId": f"vol-{n}", "noise": str(hash((n, "x")))})) + "\n"
                    for n in range(20000))  # fmt: skip
    packed = gzip.compress(lines.encode())
    file = tmp_path / "items.jsonl.gz"
    file.write_bytes(packed[: len(packed) * 3 // 4])
    rows = run(file, form="config")
    assert 0 < len(rows["stores"]) < 20000
    assert any("the rest of the file was not read" in text for text in messages(rows, "listing"))


def test_of_very_many_broken_lines_the_first_are_named_and_all_are_counted(tmp_path: Path) -> None:
    good = json.dumps(item("AWS::SNS::Topic"))
    file = write(tmp_path / "items.jsonl", good + "\n" + "[1]\n" * 250)
    found = messages(run(file, form="config"), "listing")
    assert len(found) == 101
    assert f"{file}: 150 more lines could not be read" in found


@pytest.mark.parametrize("empty", [None, {}, "", "null", "{}"])
def test_a_configuration_that_is_null_or_empty_was_not_recorded(tmp_path: Path, empty: Any) -> None:
    bare = item("AWS::Kinesis::Stream", configuration=empty, configurationItemStatus="ResourceNotRecorded")
    rows = run(write(tmp_path / "s.json", snapshot(bare)))
    assert said(rows, "aws.kinesis.stream")["custody"] == "unknown"


def test_an_account_written_as_a_number_keeps_its_zeros(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "s.json", snapshot(item("AWS::EC2::Volume", awsAccountId=12345678901))))
    assert rows["stores"][0].account == "012345678901"


def test_a_row_that_breaks_the_rules_is_a_gap_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from residency.collect.imports import tables

    real = tables.map_record

    def broken(kind: Any, record: Any, asked: Any) -> Any:
        if asked.kind == "aws.ec2.volume":
            raise RuntimeError("hunter2")
        return real(kind, record, asked)

    monkeypatch.setattr(tables, "map_record", broken)
    file = write(tmp_path / "s.json", snapshot(item("AWS::EC2::Volume"), item("AWS::SNS::Topic", resourceId="t")))
    rows = run(file)
    assert [row.kind for row in rows["stores"]] == ["aws.sns.topic"]
    assert f"{file}:1: cannot be read (RuntimeError)" in messages(rows, "listing")
    assert "hunter2" not in repr(rows)
