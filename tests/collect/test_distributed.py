"""A sweep on real Dask worker processes: the same rows as alone, one writer, nothing lost when a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloud import catalogue
from conftest import StandIn

from residency.assess import load_catalogues, read_config
from residency.collect.engine import sweep
from residency.collect.run import crew_for, drivers_for
from residency.collect.spec import load_kinds
from residency.config import Config
from residency.data import data_folders
from residency.errors import ConfigError
from residency.inventory.tables import Rows

pytest.importorskip("distributed")

REGIONS = ["us-east-1", "eu-west-1", "ap-northeast-1"]
KINDS = ["aws.sqs.queue", "aws.kms.key", "aws.dynamodb.table", "aws.sns.topic"]


@pytest.fixture
def config(stand_in: StandIn, tmp_path: Path) -> Config:
    organisation = stand_in.client("organizations")
    organisation.create_organization(FeatureSet="ALL")
    organisation.create_account(AccountName="one", Email="one@example.jp")
    for region in REGIONS:
        for number in range(3):
            stand_in.client("sqs", region).create_queue(QueueName=f"queue-{number}")
            stand_in.client("kms", region).create_key()
    file = tmp_path / "residency.yaml"
    file.write_text(
        "organisation: {id: us, name: {en: Us, ja: 私たち}, seat: JP}\n"
        "services: [{id: chat, name: {en: Chat, ja: チャット}, classes: [communication.content]}]\n"
        f"scope: {{aws: {{endpoint: '{stand_in.url}', role: reader, regions: {REGIONS}, kinds: {KINDS}}}}}\n"
    )
    return read_config(file, load_catalogues(None))


def swept(config: Config, journal: Path, **more: Any) -> Rows:
    drivers = drivers_for(config, load_kinds(data_folders(None), ["aws"]), catalogue())
    return sweep(drivers, journal, catalogue(), workers=4, **more).sorted()


def facts(rows: Rows) -> dict[str, list[Any]]:
    """Rows without times."""
    times = {"seen_at", "started_at", "finished_at"}
    return {
        name: sorted(str([getattr(row, item) for item in row.__slots__ if item not in times]) for row in items)
        for name, items in rows.tables.items()
    }


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    module = f"distributed.cli.{command[0]}"
    with subprocess.Popen([sys.executable, "-m", module, *command[1:]], stderr=subprocess.DEVNULL) as made:
        try:
            yield made
        finally:
            made.terminate()
            made.wait(30)


@pytest.fixture
def scheduler(tmp_path: Path, aws_environment: None) -> Iterator[str]:
    """The address of a scheduler on loopback, in a process of its own."""
    file = tmp_path / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with process("dask_scheduler", *options):
        for _ in range(300):
            if file.exists() and file.read_text().strip():
                break
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]


def worker(scheduler: str, folder: Path) -> Any:
    options = ["--nworkers", "1", "--nthreads", "2", "--no-dashboard", "--host", "127.0.0.1", "--no-nanny"]
    return process("dask_worker", scheduler, *options, "--local-directory", str(folder))


def wait_for_workers(scheduler: str, count: int) -> None:
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)


def test_the_same_rows_as_alone_and_one_writer(config: Config, scheduler: str, tmp_path: Path) -> None:
    alone = swept(config, tmp_path / "alone")
    with worker(scheduler, tmp_path / "1"), worker(scheduler, tmp_path / "2"):
        wait_for_workers(scheduler, 2)
        together = swept(config, tmp_path / "together", crew=crew_for(scheduler, config, None))
    assert facts(together) == facts(alone)
    assert len(together["stores"]) == 18
    # the journal is whole: nothing is asked again
    again = swept(config, tmp_path / "together", crew=crew_for("tcp://127.0.0.1:1", config, None))
    assert facts(again) == facts(together)


def test_a_worker_killed_midway(config: Config, scheduler: str, stand_in: StandIn, tmp_path: Path) -> None:
    alone = swept(config, tmp_path / "alone")
    stand_in.rules({"operation": "DescribeKey", "sleep": 0.5})
    with worker(scheduler, tmp_path / "1") as doomed, worker(scheduler, tmp_path / "2"):
        wait_for_workers(scheduler, 2)
        finished: list[str] = []

        def told(progress: Any) -> None:
            if progress.job:
                finished.append(progress.job)
                if len(finished) == 3:
                    os.kill(doomed.pid, signal.SIGKILL)

        rows = swept(config, tmp_path / "together", crew=crew_for(scheduler, config, None), progress=told)
    assert doomed.returncode == -signal.SIGKILL
    assert facts(rows) == facts(alone)
    assert len(finished) == len(set(finished))


def test_every_worker_gone_leaves_gaps_and_no_silence(config: Config, scheduler: str, tmp_path: Path) -> None:
    """A job that kills whoever takes it is given up after some tries: its units are failed, the sweep ends."""
    from concurrent.futures import Future

    from residency.collect.engine import Crew
    from residency.collect.plan import Driver, Job

    class Deadly:
        size = 2

        def submit(self, driver: Driver, job: Job) -> Future[Rows]:
            future: Future[Rows] = Future()
            future.set_exception(RuntimeError("the worker died three times"))
            return future

        def close(self) -> None: ...

    def crew(_: Any) -> Crew:
        return Deadly()

    rows = swept(config, tmp_path / "j", crew=crew)
    asked = [row for row in rows["units"] if row.code == "Unaccounted"]
    assert {row.status for row in asked} == {"failed"}
    assert {row.kind for row in asked} == set(KINDS)
    assert sum("the worker died three times" in row.message for row in rows["gaps"]) == len(asked)


def test_a_cluster_without_workers(config: Config, scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no workers"):
        swept(config, tmp_path / "j", crew=crew_for(scheduler, config, None))


def test_nobody_at_that_address(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from residency.collect import distributed

    monkeypatch.setattr(distributed, "_WAIT", 0.5)
    with pytest.raises(ConfigError, match="does not answer"):
        swept(config, tmp_path / "j", crew=crew_for("tcp://127.0.0.1:1", config, None))


def test_workers_of_another_version(config: Config) -> None:
    from residency.collect.distributed import _Recipe

    with pytest.raises(ConfigError, match="install alike"):
        _Recipe(config, None, ((),), "0.0.0").drivers()


def test_no_dask(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    monkeypatch.setitem(sys.modules, "residency.collect.distributed", None)
    with pytest.raises(ConfigError, match=r"residency\[dask\]"):
        crew_for("tcp://127.0.0.1:1", config, None)
    assert crew_for(None, config, None) is None
