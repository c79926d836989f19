"""The engine: every unit accounted for, journalled, resumed to the same result, stopped cleanly."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloud import WHEN, catalogue, gap, placement, store, unit

from residency.collect.engine import Progress, SweepInterruptedError, account_for, preview, sweep
from residency.collect.plan import Job, Plan, UnitKey
from residency.errors import ConfigError, CredentialsError
from residency.inventory.tables import Rows

HERE = Path(__file__).parent


def key(number: int) -> UnitKey:
    return UnitKey("aws", "123456789012", "us-east-1", f"aws.made.up_{number}")


def job(number: int) -> Job:
    return Job(f"job-{number}", (key(number),))


def good(number: int) -> Rows:
    rows = Rows()
    name = f"arn:aws:s3:::b{number}"
    rows.add(store(name), placement(name, "us-east-1"), unit("seen", kind=key(number).kind, stores=1))
    return rows


@dataclasses.dataclass
class Made:
    """A driver that answers from a function."""

    count: int = 3
    answer: Callable[[int], Rows] = good
    more: Plan = dataclasses.field(default_factory=lambda: Plan(()))
    ran: list[str] = dataclasses.field(default_factory=list)
    provider: str = "aws"

    def plan(self) -> Plan:
        return dataclasses.replace(self.more, jobs=tuple(job(number) for number in range(self.count)))

    def run(self, wanted: Job) -> Rows:
        self.ran.append(wanted.name)
        return self.answer(int(wanted.name.removeprefix("job-")))


def run(driver: Any, journal: Path, **more: Any) -> Rows:
    return sweep([driver], journal, catalogue(), **{"workers": 2, **more}).sorted()


def statuses(rows: Rows) -> dict[str, str]:
    return {row.kind: row.status for row in rows["units"]}


def test_each_unit_ends_once_and_progress_is_told(tmp_path: Path) -> None:
    told: list[Progress] = []
    rows = run(Made(), tmp_path / "j", progress=told.append)
    assert statuses(rows) == {key(n).kind: "seen" for n in range(3)}
    assert [item.done for item in told] == [0, 1, 2, 3]
    assert {item.total for item in told} == {3}
    assert rows["gaps"] == []


def test_a_driver_that_breaks_is_a_gap_and_the_others_go_on(tmp_path: Path) -> None:
    def answer(number: int) -> Rows:
        if number == 1:
            raise ValueError("something\nodd")
        return good(number)

    rows = run(Made(answer=answer), tmp_path / "j")
    assert statuses(rows) == {key(0).kind: "seen", key(1).kind: "failed", key(2).kind: "seen"}
    assert [(row.kind, row.field, row.cause) for row in rows["gaps"]] == [(key(1).kind, "listing", "failed")]
    assert "ValueError: something odd" in rows["gaps"][0].message


@pytest.mark.parametrize("times", [0, 2])
def test_a_unit_left_out_or_answered_twice_is_failed(tmp_path: Path, times: int) -> None:
    def answer(number: int) -> Rows:
        rows = Rows()
        rows.add(*[unit(kind=key(number).kind, calls=n) for n in range(times)])
        return rows

    rows = run(Made(1, answer), tmp_path / "j")
    assert statuses(rows) == {key(0).kind: "failed"}
    assert f"{times} answers" in rows["gaps"][0].message


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("seen", None), ("empty", None), ("disabled", None), ("closed", None), ("unsupported", None),
        ("denied", "denied"), ("throttled", "throttled"), ("skipped", "skipped"), ("failed", "failed"),
    ],
)  # fmt: skip
def test_every_incomplete_status_is_one_listing_gap(status: str, cause: str | None) -> None:
    rows = Rows()
    rows.add(unit(status, kind=key(0).kind, code="C", message="m"))
    gaps = account_for(job(0), rows, WHEN, WHEN)["gaps"]
    assert [(row.cause, row.field, row.message) for row in gaps] == ([(cause, "listing", "C: m")] if cause else [])
    assert account_for(job(0), rows, WHEN, WHEN)["gaps"] == gaps


def test_units_that_ended_while_planning_are_kept_with_their_gaps(tmp_path: Path) -> None:
    more = Plan((), gaps=(gap(field="scope", kind=""),), units=(unit("denied", kind="aws.other.kind"),))
    rows = run(Made(1, more=more), tmp_path / "j")
    assert statuses(rows) == {"aws.other.kind": "denied", key(0).kind: "seen"}
    assert sorted(row.field for row in rows["gaps"]) == ["listing", "scope"]


def test_an_answer_nobody_planned_is_kept_once() -> None:
    rows = good(0)
    rows.add(unit(kind="aws.other.kind"), unit(kind="aws.other.kind", calls=2))
    assert sorted(row.kind for row in account_for(job(0), rows, WHEN, WHEN)["units"]) == [key(0).kind, "aws.other.kind"]


def test_resume_runs_only_what_is_open_and_gives_the_same_rows(tmp_path: Path) -> None:
    whole = run(Made(5), tmp_path / "whole")

    def until_two(number: int) -> Rows:
        if number == 2:
            raise CredentialsError("the session ran out")
        return good(number)

    with pytest.raises(CredentialsError):
        run(Made(5, until_two), tmp_path / "j", workers=1)
    again = Made(5)
    told: list[Progress] = []
    assert run(again, tmp_path / "j", progress=told.append).tables == whole.tables
    assert sorted(again.ran) == ["job-2", "job-3", "job-4"]
    assert told[0].message == "2 of 5 jobs are in the journal"


def test_jobs_of_the_journal_that_are_no_longer_planned_are_left_out(tmp_path: Path) -> None:
    run(Made(3), tmp_path / "j")
    assert set(statuses(run(Made(1), tmp_path / "j"))) == {key(0).kind}


def test_what_ran_beside_a_failure_of_credentials_is_kept(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def answer(number: int) -> Rows:
        both.wait(10)
        if number == 0:
            raise CredentialsError("gone")
        return good(number)

    with pytest.raises(CredentialsError):
        run(Made(2, answer), tmp_path / "j")
    again = Made(2)
    run(again, tmp_path / "j")
    assert again.ran == ["job-0"]


def test_no_more_jobs_run_at_a_time_than_asked_for(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def answer(number: int) -> Rows:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return good(number)

    run(Made(12, answer), tmp_path / "j", workers=3)
    assert 1 <= most <= 3


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(SweepInterruptedError, match=r"interrupted with \d of 5 jobs done; run the same sweep again"):
        run(Made(5), tmp_path / "j", workers=1, progress=stop)
    again = Made(5)
    run(again, tmp_path / "j")
    assert len(again.ran) <= 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_real_process_interrupted_or_killed_resumes_to_the_same_rows(tmp_path: Path, how: signal.Signals) -> None:
    whole = run(Made(12), tmp_path / "whole")
    journal = tmp_path / "j"
    command = [sys.executable, str(HERE / "slow_sweep.py"), str(journal), "12"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(3):
            assert process.stdout.readline()
        process.send_signal(how)
        code, said = process.wait(30), process.stderr.read()
    if how == signal.SIGINT:
        assert code == 130
        assert "run the same sweep again" in said
        assert "Traceback" not in said
    again = Made(12)
    assert run(again, journal).tables == whole.tables
    assert 0 < len(again.ran) <= 9


@pytest.mark.parametrize("workers", [0, -1])
def test_wrong_number_of_workers(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        run(Made(), tmp_path / "j", workers=workers)


def test_two_drivers_of_the_same_jobs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two drivers plan the job job-0"):
        sweep([Made(), Made()], tmp_path / "j", catalogue())


def test_preview_runs_nothing() -> None:
    driver = Made(2, more=Plan((), gaps=(gap(message="cannot enter"),), units=(unit("denied"),), notes=("hello",)))
    lines = preview([driver])
    assert driver.ran == []
    assert lines == (
        "aws: hello",
        "aws: gap: cannot enter",
        "aws: 1 units denied already",
        "aws: account 123456789012: 2 units, 2 calls or more",
    )
