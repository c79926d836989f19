"""`residency sweep` killed at random points, a real process against moto: the result is that of a sweep left alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import StandIn

from residency.inventory.snapshot import open_snapshot

REGIONS = ["us-east-1", "eu-west-1", "ap-northeast-1"]
LISTINGS = {"aws.sqs.queue": "ListQueues", "aws.kms.key": "ListKeys", "aws.dynamodb.table": "ListTables"}
TIMES = {"seen_at", "started_at", "finished_at", "sweep_id"}


@pytest.fixture
def project(stand_in: StandIn, tmp_path: Path) -> Path:
    for region in REGIONS:
        for number in range(4):
            stand_in.client("sqs", region).create_queue(QueueName=f"queue-{number}")
            stand_in.client("kms", region).create_key()
            stand_in.client("dynamodb", region).create_table(
                TableName=f"table-{number}", BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            )  # fmt: skip
    stand_in.rules({"sleep": 0.03})
    names = {"en": "Us", "ja": "私たち"}
    config = {
        "organisation": {"id": "us", "name": names, "seat": "JP"},
        "services": [{"id": "chat", "name": names, "classes": ["communication.content"]}],
        "scope": {"aws": {"endpoint": stand_in.url, "regions": REGIONS, "kinds": sorted(LISTINGS)}},
    }
    (tmp_path / "residency.yaml").write_text(json.dumps(config))
    return tmp_path


def sweep(project: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "residency", "sweep", "--out", out, "--workers", "2"]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_calls(process: subprocess.Popen[bytes], stand_in: StandIn, count: int) -> bool:
    """Whether the process is still running when it has made so many calls."""
    while process.poll() is None:
        if len(stand_in.calls()) >= count:
            return True
        time.sleep(0.005)
    return False


def facts(folder: Path) -> dict[str, list[Any]]:
    """Every row of a snapshot without its times."""
    return {
        name: sorted(
            json.dumps({key: value for key, value in row.items() if key not in TIMES}, default=str, sort_keys=True)
            for row in open_snapshot(folder).table(name).to_pylist()
        )
        for name in ("units", "stores", "placements", "keys", "grants", "labels", "gaps")
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_points(project: Path, stand_in: StandIn, seed: int) -> None:
    assert sweep(project, "alone").wait(120) == 0
    rng = random.Random(seed)
    journal = project / ".residency-journal.jsonl"
    # a kill is placed by the calls made, not by the clock: a fast machine must not end before it
    calls = len(stand_in.calls())
    kills, most = 0, 0
    for bound in (calls // 2, calls, calls, calls):
        stand_in.forget_calls()
        process = sweep(project, "killed")
        if wait_for_calls(process, stand_in, rng.randint(1, bound)):
            time.sleep(rng.uniform(0, 0.03))
            process.kill()
            process.wait(30)
            kills += 1
            if (project / "killed").exists():  # it was killed when all was written and only the clearing up left
                open_snapshot(project / "killed")
                break
            if journal.exists():
                done = sum(line.find(b'"job"') > 0 for line in journal.read_bytes().splitlines())
                assert done >= most, "a finished unit was lost"
                most = done
        else:
            assert process.returncode == 0
            break
    # what the journal holds is not asked again; a line torn by the kill is no finished unit
    finished = Counter(
        LISTINGS[json.loads(line[9:])["job"].rpartition("/")[2]]
        for line in (journal.read_bytes().splitlines(keepends=True) if journal.exists() else [])
        if line.endswith(b"\n") and b'"job"' in line
    )
    if not (project / "killed").exists():
        stand_in.forget_calls()
        assert sweep(project, "killed").wait(120) == 0
        assert not journal.exists()
        asked = Counter(operation for _, _, operation in stand_in.calls() if operation in LISTINGS.values())
        assert asked == {name: len(REGIONS) - finished[name] for name in LISTINGS.values() if finished[name] < 3}
    assert facts(project / "killed") == facts(project / "alone")
    snapshot = open_snapshot(project / "killed")
    (swept,) = snapshot.table("sweeps").to_pylist()
    assert swept["started_at"] <= min(row["started_at"] for row in snapshot.table("units").to_pylist())
    assert kills
