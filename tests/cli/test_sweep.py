"""``residency sweep`` from the command line against a loopback AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residency.cli import main

CONFIG = """\
organisation: {{id: acme, name: {{en: Acme, ja: アクメ}}, seat: JP}}
services: [{{id: chat, name: {{en: Chat, ja: チャット}}, classes: [communication.content]}}]
scope:
  aws: {{endpoint: "{url}", regions: [us-east-1, ap-northeast-1], home_region: us-east-1,
        kinds: [aws.s3.bucket, aws.sqs.queue, aws.kms.key]}}
contractors: contractors.csv
logs: ["logs/*.json"]
classification: {{service_tags: [service], class_tags: [class]}}
"""


@pytest.fixture
def project(tmp_path: Path, stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with configuration and register, and an AWS account with one bucket and one queue."""
    tokyo = {"CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-1"}}
    stand_in.client("s3", "ap-northeast-1").create_bucket(Bucket="chat-media", **tokyo)
    stand_in.client("sqs").create_queue(QueueName="jobs")
    (tmp_path / "residency.yaml").write_text(CONFIG.format(url=stand_in.url), encoding="utf-8")
    (tmp_path / "contractors.csv").write_text("id,name,seat\ndesk,Desk K.K.,JP\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_a_dry_run_tells_units_and_calls_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "sweep", "--dry-run")
    assert code == 0
    assert "units" in out
    assert "calls or more" in out
    assert not (project / "snapshots").exists()


def test_a_sweep_says_what_was_seen_and_what_was_not(
    project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.rules({"service": "sqs", "region": "us-east-1", "answer": "deny"})
    code, out, err = _run(capsys, "sweep")
    assert code == 0, err
    assert "not seen" in out
    assert "no log file matches" in out
    assert not (project / ".residency-journal.jsonl").exists()
    sql = "SELECT country, role FROM placed WHERE kind = 'aws.s3.bucket'"
    code, out, _ = _run(capsys, "query", sql, "--format", "json")
    assert json.loads(out) == [{"country": "JP", "role": "primary"}]
    sql = "SELECT status FROM units WHERE kind = 'aws.sqs.queue' AND region = 'us-east-1'"
    code, out, _ = _run(capsys, "query", sql, "--format", "json")
    assert json.loads(out) == [{"status": "denied"}]


def test_completeness_on_demand_exits_3_with_the_list(
    project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in.rules({"service": "kms", "answer": "deny"})
    code, _, err = _run(capsys, "sweep", "--out", "here", "--require-complete")
    assert code == 3
    assert "listing denied" in err
    assert (project / "here" / "manifest.json").is_file()


def test_a_snapshot_at_a_url(project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "sweep", "--out", "memory://swept/first")
    assert code == 0, err
    assert out.startswith("memory://swept/first: ")
    assert not (project / ".residency-journal.jsonl").exists()
    sql = "SELECT count(*) AS n FROM stores WHERE kind = 'aws.s3.bucket'"
    code, out, _ = _run(capsys, "query", sql, "--snapshot", "memory://swept/first", "--format", "json")
    assert json.loads(out) == [{"n": 1}]
    code, _, err = _run(capsys, "sweep", "--out", "memory://swept/first")
    assert code == 2
    assert "never changed" in err


def test_a_snapshot_is_never_overwritten(project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "here").mkdir()
    stand_in.forget_calls()
    code, _, err = _run(capsys, "sweep", "--out", "here")
    assert code == 2
    assert "never changed" in err
    assert stand_in.calls() == []


def test_refused_credentials_are_one_line(project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stand_in.rules({"service": "sts", "answer": "expired"})
    code, _, err = _run(capsys, "sweep")
    assert code == 2
    assert "does not accept the credentials" in err
    assert len(err.strip().splitlines()) == 1


def test_an_unknown_region_is_named(project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "residency.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("ap-northeast-1]", "mars-north-1]"), encoding="utf-8")
    _, out, err = _run(capsys, "sweep", "--dry-run")
    assert "mars-north-1" in out + err


def test_a_faulty_register_stops_the_sweep_before_the_clouds_are_asked(
    project: Path, stand_in: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "contractors.csv").write_text("id,name,seat\ndesk,Desk K.K.,Jpan\n", encoding="utf-8")
    code, _, err = _run(capsys, "sweep")
    assert code == 2
    assert "did you mean Japan (JP)" in err


def test_logs_and_registers_can_be_looked_at_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = {
        "eventVersion": "1.08",
        "eventSource": "s3.amazonaws.com",
        "eventTime": "2026-01-01T00:00:00Z",
        "sourceIPAddress": "AWS Internal",
        "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"},
        "eventName": "GetObject",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333",
    }
    (project / "trail.json").write_text(json.dumps({"Records": [event]}) + "\n{broken", encoding="utf-8")
    code, out, _ = _run(capsys, "logs", "trail.json")
    assert code == 0
    assert "not-an-address" in out
    assert "not read: trail.json" in out
    assert "https://db-ip.com" in out
    code, out, _ = _run(capsys, "contractors", "check", "contractors.csv")
    assert code == 0
    assert "1 contractors, no faults" in out
    code, out, _ = _run(capsys, "contractors", "template")
    assert code == 0
    assert "staff_countries" in out
