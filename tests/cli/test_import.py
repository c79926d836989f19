"""``residency import``: recorded answers become a snapshot, and what they do not hold a gap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residency.cli import main
from residency.inventory.snapshot import open_snapshot


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_aws_answers_are_read_by_the_real_driver(capsys: pytest.CaptureFixture[str]) -> None:
    url = "https://us-west-2.queue.amazonaws.com/111122223333/jobs"
    arn = "arn:aws:sqs:us-west-2:111122223333:jobs"
    _write(Path("answers/sqs.ListQueues_1.json"), {"status_code": 200, "data": {"QueueUrls": [url]}})
    attributes = {"QueueArn": arn, "SqsManagedSseEnabled": "true"}
    _write(Path("answers/sqs.GetQueueAttributes_1.json"), {"status_code": 200, "data": {"Attributes": attributes}})
    call = ["import", "answers", "--provider", "aws", "--account", "111122223333", "--region", "us-west-2"]
    code, out, err = _run(capsys, *call, "--out", "snap")
    assert code == 0, err
    rows = open_snapshot(Path("snap")).rows()
    assert [(row.store_id, row.kind) for row in rows["stores"]] == [(arn, "aws.sqs.queue")]
    assert {row.location for row in rows["placements"]} == {"us-west-2"}
    statuses = {row.kind: row.status for row in rows["units"]}
    assert statuses["aws.s3.bucket"] == "failed"
    assert "not seen" in out


def test_google_assets_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    asset = {
        "name": "//storage.googleapis.com/media",
        "asset_type": "storage.googleapis.com/Bucket",
        "resource": {"location": "asia-northeast1", "data": {"name": "media", "location": "ASIA-NORTHEAST1"}},
    }
    _write(Path("assets.json"), [asset])
    code, _, err = _run(capsys, "import", "assets.json", "--provider", "gcp", "--account", "p", "--out", "snap")
    assert code == 0, err
    rows = open_snapshot(Path("snap")).rows()
    assert [row.name for row in rows["stores"]] == ["media"]
    assert any("not asked" in row.message for row in rows["gaps"])


def test_azure_lists_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    account = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/media",
        "name": "media",
        "type": "Microsoft.Storage/storageAccounts",
        "location": "japaneast",
        "sku": {"name": "Standard_GRS"},
        "properties": {"primaryLocation": "japaneast", "secondaryLocation": "japanwest"},
    }
    _write(Path("list.json"), {"value": [account]})
    code, _, err = _run(capsys, "import", "list.json", "--provider", "azure", "--out", "snap")
    assert code == 0, err
    places = {(row.role, row.location) for row in open_snapshot(Path("snap")).rows()["placements"]}
    assert places >= {("primary", "japaneast"), ("replica", "japanwest")}


def test_a_copy_takes_the_place_of_a_store_of_another_file(capsys: pytest.CaptureFixture[str]) -> None:
    base = "/subscriptions/s/resourceGroups/g/providers"
    receiver = {"id": f"{base}/Microsoft.Storage/storageAccounts/far", "location": "uksouth", "properties": {"a": 1}}
    _write(Path("answers/list.json"), {"value": [receiver]})
    hub = {
        "id": f"{base}/Microsoft.EventHub/namespaces/n/eventhubs/h",
        "properties": {
            "captureDescription": {
                "enabled": True,
                "destination": {"properties": {"storageAccountResourceId": receiver["id"]}},
            }
        },
    }
    Path("answers/cassette.yaml").write_text(
        f"""interactions:
- request: {{method: GET, uri: 'https://management.azure.com{base}/Microsoft.EventHub/namespaces/n/eventhubs?a=b'}}
  response:
    body: {{string: '{json.dumps({"value": [hub]})}'}}
    status: {{code: 200, message: OK}}
""",
        encoding="utf-8",
    )
    code, _, err = _run(capsys, "import", "answers", "--provider", "azure", "--out", "snap")
    assert code == 0, err
    rows = open_snapshot(Path("snap")).rows()
    assert {row.name for row in rows["stores"]} == {"far", "n"}
    captured = [row for row in rows["placements"] if row.target.endswith("/far")]
    assert [(row.role, row.location) for row in captured] == [("replica", "uksouth")]


def test_answers_of_no_kind_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    _write(Path("list.json"), {"value": []})
    code, out, _ = _run(capsys, "import", "list.json", "--provider", "azure", "--out", "snap")
    assert code == 0
    assert "no store was read" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nothing", "--provider", "aws", "--account", "111122223333"), "no such file"),
        ((".", "--provider", "oci"), "choose aws, gcp or azure"),
        ((".", "--provider", "aws"), "12 digits"),
        (("file.json", "--provider", "aws", "--account", "111122223333"), "name the folder"),
        (("file.json", "--provider", "gcp"), "file.json"),
    ],
)
def test_wrong_input_is_one_line(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str) -> None:
    Path("file.json").write_text("{broken", encoding="utf-8")
    code, _, err = _run(capsys, "import", *arguments, "--out", "snap")
    assert code == 2
    assert text in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("snap").exists()


def _state(folder: str, *types: str) -> None:
    arn = "arn:aws:sns:ap-northeast-1:111122223333:news"
    resources = [
        {"mode": "managed", "type": name, "name": "it", "instances": [{"attributes": {"arn": arn}}]} for name in types
    ]
    state = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "resources": resources}
    _write(Path(folder) / "terraform.tfstate", state)


@pytest.mark.parametrize("arguments", [(), ("--from", "terraform")])
def test_another_inventory_is_read(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    _state("states", "aws_sns_topic", "aws_iam_role", "aws_iam_role")
    code, out, err = _run(capsys, "import", "states", *arguments, "--out", "snap")
    assert code == 0, err
    rows = open_snapshot(Path("snap")).rows()
    assert [(row.kind, row.account) for row in rows["stores"]] == [("aws.sns.topic", "111122223333")]
    assert {row.location for row in rows["placements"]} == {"ap-northeast-1"}
    assert "2 of type aws_iam_role are of no kind" in {row.message for row in rows["gaps"]}
    assert "1 stores" in out


def test_account_and_region_are_for_what_does_not_say(capsys: pytest.CaptureFixture[str]) -> None:
    Path("aws_s3_bucket.csv").write_text("name,akas\nmedia,[]\n", encoding="utf-8")
    call = ["import", "aws_s3_bucket.csv", "--account", "111122223333", "--region", "eu-west-1", "--out", "snap"]
    code, _, err = _run(capsys, *call)
    assert code == 0, err
    (store,) = open_snapshot(Path("snap")).rows()["stores"]
    assert (store.account, store.name) == ("111122223333", "media")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("x.json", "--from", "cmdb"),
            "--from cmdb: choose config, asset-export, resource-graph, terraform, steampipe",
        ),
        (("x.json", "--from", "answers"), "--from answers: say whose they are with --provider"),
        (("x.json", "--from", "config", "--provider", "aws"), "only recorded answers need it"),
        (("x.json",), "x.json: is of no form we know; say what it is with --from"),
        (("x.json", "--from", "config"), "x.json:1: the file ends inside an object"),
        (("x.json", "--from", "terraform"), "x.json:1: not JSON"),
        (("empty",), "no file to read"),
        (("void.json",), "void.json: the file is empty"),
    ],
)
def test_wrong_inventories_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    Path("x.json").write_text("{broken", encoding="utf-8")
    Path("void.json").write_text("", encoding="utf-8")
    Path("empty").mkdir()
    code, _, err = _run(capsys, "import", *arguments, "--out", "snap")
    assert code == 2
    assert text in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("snap").exists()


def test_recorded_answers_of_config_alone_are_read_as_its_items(capsys: pytest.CaptureFixture[str]) -> None:
    arn = "arn:aws:rds:eu-west-1:111122223333:cluster:orders"
    cluster = {
        "dBClusterArn": arn,
        "dBClusterIdentifier": "orders",
        "engine": "aurora-mysql",
        "storageEncrypted": False,
    }
    item = {
        "resourceType": "AWS::RDS::DBCluster", "arn": arn, "accountId": "111122223333", "awsRegion": "eu-west-1",
        "configuration": cluster,
    }  # fmt: skip
    answer = {"status_code": 200, "data": {"Results": [json.dumps(item)], "QueryInfo": {"SelectFields": []}}}
    _write(Path("answers/config.SelectResourceConfig_1.json"), answer)
    call = ["import", "answers", "--provider", "aws", "--account", "111122223333"]
    code, _, err = _run(capsys, *call, "--out", "snap")
    assert code == 0, err
    rows = open_snapshot(Path("snap")).rows()
    assert [(row.store_id, row.region) for row in rows["stores"]] == [(arn, "eu-west-1")]
    assert [row.custody for row in rows["keys"]] == ["none"]  # not encrypted, though no key is said
    # beside another answer it is one that no kind reads
    _write(Path("answers/sqs.ListQueues_1.json"), {"status_code": 200, "data": {"QueueUrls": []}})
    code, _, err = _run(capsys, *call, "--out", "snap2")
    assert code == 0, err
    messages = {row.message for row in open_snapshot(Path("snap2")).rows()["gaps"]}
    assert "1 recorded answer that no kind reads: config:SelectResourceConfig" in messages
