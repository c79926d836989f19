"""Runs the drivers' jobs: bounded in number, journalled as they finish, resumable, every unit accounted for."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from residency.collect.boundary import boundary
from residency.collect.journal import Journal
from residency.collect.plan import Driver, Job, Plan, UnitKey
from residency.collect.resolve import resolve
from residency.errors import ConfigError, ResidencyError
from residency.inventory.tables import Gap, Rows, Unit
from residency.model import COMPLETE_STATUSES, Cause, UnitStatus
from residency.providers import Providers

__all__ = ["Crew", "Progress", "SweepInterruptedError", "account_for", "answer", "preview", "sweep"]

_CAUSE_OF: Mapping[UnitStatus, Cause] = {"denied": "denied", "throttled": "throttled", "skipped": "skipped"}


class SweepInterruptedError(KeyboardInterrupt):
    """Ctrl-C: the journal holds what is finished, and the message says how to go on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sweep is; ``job`` has just finished, or is empty for a message."""

    done: int
    total: int
    job: str = ""
    message: str = ""


class Crew(Protocol):
    """Who answers jobs, ``size`` of them at a time: threads of this process, or workers elsewhere."""

    @property
    def size(self) -> int:
        """How many jobs to have in hand."""
        ...

    def submit(self, driver: Driver, job: Job) -> Future[Rows]:
        """Have a job of one of the sweep's drivers answered."""
        ...

    def close(self) -> None:
        """Take back what has not begun."""
        ...


class _Threads:
    """A crew of threads."""

    def __init__(self, size: int, clock: Callable[[], dt.datetime]) -> None:
        self.size, self._clock = size, clock
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="residency-sweep")

    def submit(self, driver: Driver, job: Job) -> Future[Rows]:
        return self._pool.submit(answer, driver, job, self._clock)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def preview(drivers: Sequence[Driver]) -> tuple[str, ...]:
    """What a sweep would do, as lines of text, without doing it: the drivers only look for accounts and regions."""
    lines: list[str] = []
    for driver in drivers:
        plan = driver.plan()
        lines += [f"{driver.provider}: {note}" for note in plan.notes]
        lines += [f"{driver.provider}: gap: {gap.message}" for gap in plan.gaps]
        ended = Counter(unit.status for unit in plan.units)
        lines += [f"{driver.provider}: {count} units {status} already" for status, count in sorted(ended.items())]
        units = Counter(unit.account for job in plan.jobs for unit in job.units)
        calls = Counter[str]()
        for job in plan.jobs:
            calls[job.units[0].account if job.units else ""] += job.estimated_calls
        lines += [
            f"{driver.provider}: account {account}: {count} units, {calls[account]} calls or more"
            for account, count in sorted(units.items())
        ]
    return tuple(lines)


def sweep(
    drivers: Sequence[Driver],
    journal: Path,
    providers: Providers,
    *,
    scope: str = "",
    workers: int = 16,
    crew: Callable[[Sequence[Driver]], Crew] | None = None,
    progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], dt.datetime] = _now,
) -> Rows:
    """Plan, run and resolve.

    Parameters
    ----------
    drivers
        One for each cloud and set of credentials.
    journal
        File of finished jobs; where it is there already, its jobs are not run again.
    providers
        The catalogue, for `resolve`.
    scope
        What the sweep covers; a journal of another scope is refused.
    workers
        How many jobs run at the same time.
    crew
        Makes who answers the jobs, once the drivers have planned; threads of this process when left out.
    progress
        Told of every finished job, in the calling thread.
    clock
        Gives the time in UTC.

    Returns
    -------
    Rows
        Resolved; after `Rows.sorted` the same for a sweep that was resumed as for one that was not, but for times.

    Raises
    ------
    SweepInterruptedError
        On Ctrl-C, when the running jobs are done.
    CredentialsError
        When credentials are missing or run out; the journal stays.
    """
    if workers < 1:
        raise ConfigError(f"workers: {workers} is not a number of workers; give at least 1")
    tell = progress or (lambda _: None)
    plans = [(driver, driver.plan()) for driver in drivers]
    owner: dict[str, tuple[Driver, Job]] = {}
    for driver, plan in plans:
        for job in plan.jobs:
            if job.name in owner:
                raise ConfigError(f"two drivers plan the job {job.name}; leave one of them out")
            owner[job.name] = (driver, job)
    rows = Rows()
    for _, plan in plans:
        rows.extend(_planned(plan))
    log = Journal(journal, scope, clock())
    try:
        for name, found in log.replay():
            if name in owner:
                rows.extend(found)
        open_jobs = [item for name, item in owner.items() if name not in log.done]
        done = len(owner) - len(open_jobs)
        tell(Progress(done, len(owner), message=f"{done} of {len(owner)} jobs are in the journal" if done else ""))
        crew_ = crew(drivers) if crew is not None and open_jobs else _Threads(workers, clock)
        for job, found in _run(open_jobs, crew_, clock, tell, log):
            rows.extend(found)
            done += 1
            tell(Progress(done, len(owner), job.name))
    except KeyboardInterrupt:
        message = f"interrupted with {len(log.done)} of {len(owner)} jobs done; run the same sweep again to go on from"
        raise SweepInterruptedError(f"{message} {journal}") from None
    finally:
        log.close()
    return resolve(rows, providers)


def _planned(plan: Plan) -> Rows:
    rows = Rows()
    rows.add(*plan.gaps, *plan.units)
    _explain(rows)
    return rows


def _run(
    jobs: Iterable[tuple[Driver, Job]],
    crew: Crew,
    clock: Callable[[], dt.datetime],
    tell: Callable[[Progress], None],
    log: Journal,
) -> Iterator[tuple[Job, Rows]]:
    """Finished jobs, each in the journal before it is handed on: however many answer, one writes."""
    waiting = iter(jobs)
    running: dict[Future[Rows], Job] = {}

    def finish(ended: Iterable[Future[Rows]]) -> Iterator[tuple[Job, Rows]]:
        for future in ended:
            job, rows = running.pop(future), Rows()
            with boundary() as caught:
                rows = future.result()
            if caught.error is not None:  # whoever had the job is gone for good: its units are gaps
                rows = _lost(job, caught.error, clock(), clock())
            log.append(job.name, rows)
            yield job, rows

    try:
        while True:
            # only as many are handed out as can run: a queue of all jobs would have to be taken back on Ctrl-C
            for driver, job in waiting:
                running[crew.submit(driver, job)] = job
                if len(running) >= crew.size:
                    break
            if not running:
                break
            yield from finish(wait(running, return_when=FIRST_COMPLETED).done)
    except KeyboardInterrupt:
        tell(Progress(0, 0, message=f"stopping: waiting for {len(running)} running jobs; Ctrl-C again stops at once"))
        for _ in finish(wait(list(running)).done):
            pass
        raise
    except ResidencyError:
        for future in list(running):  # what is done is kept, whatever stopped the sweep
            if future.cancel():
                running.pop(future)
        for future in wait(list(running)).done:
            if future.exception() is None:
                log.append(running[future].name, future.result())
        raise
    finally:
        crew.close()


def answer(driver: Driver, job: Job, clock: Callable[[], dt.datetime] = _now) -> Rows:
    """Run one job and account for its units; a fault in a driver is a gap for them, not the sweep's end."""
    started = clock()
    rows = Rows()
    with boundary() as caught:
        rows = driver.run(job)
    if caught.error is not None:
        rows = _lost(job, caught.error, started, clock())
    return account_for(job, rows, started, clock())


def _lost(job: Job, error: Exception, started: dt.datetime, finished: dt.datetime) -> Rows:
    rows, message = Rows(), " ".join(f"{type(error).__name__}: {error}".split())[:500]
    rows.add(*(_failed(key, message, started, finished) for key in job.units))
    if not job.units:
        provider = job.name.split("/", 1)[0]
        origin: dict[str, Any] = {
            "provider": provider,
            "account": "",
            "region": "",
            "kind": "",
            "call": job.name,
            "seen_at": finished,
        }
        rows.add(Gap(**origin, field="scope", cause="failed", message=message))
    return account_for(job, rows, started, finished)


def account_for(job: Job, rows: Rows, started: dt.datetime, finished: dt.datetime) -> Rows:
    """Make sure that every unit of a job ended exactly once, and that one that did not end well is a gap.

    A unit the driver left out, or answered twice, becomes ``failed``.
    """
    answers: dict[UnitKey, list[Unit]] = {key: [] for key in job.units}
    for unit in rows["units"]:
        answers.setdefault(UnitKey(unit.provider, unit.account, unit.region, unit.kind), []).append(unit)
    kept: list[Unit] = []
    for key, units in answers.items():
        if len(units) == 1 and key in job.units:
            kept.append(units[0])
        elif key in job.units:
            kept.append(_failed(key, f"the driver gave {len(units)} answers for this unit", started, finished))
        else:
            # an answer nobody planned: keep it, it may be a region found on the way, but only once
            kept.append(units[0])
    rows.tables["units"] = kept
    _explain(rows)
    return rows


def _explain(rows: Rows) -> None:
    """Add a listing gap for every unit that did not end well and has none."""
    explained = {(gap.provider, gap.account, gap.region, gap.kind) for gap in rows["gaps"] if gap.field == "listing"}
    for unit in rows["units"]:
        key = (unit.provider, unit.account, unit.region, unit.kind)
        if unit.status not in COMPLETE_STATUSES and key not in explained:
            rows.add(
                Gap(
                    provider=unit.provider,
                    account=unit.account,
                    region=unit.region,
                    kind=unit.kind,
                    call="listing",
                    seen_at=unit.finished_at,
                    field="listing",
                    cause=_CAUSE_OF.get(unit.status, "failed"),
                    message=f"{unit.code}: {unit.message}" if unit.code else unit.message or unit.status,
                )
            )


def _failed(key: UnitKey, message: str, started: dt.datetime, finished: dt.datetime) -> Unit:
    return Unit(
        provider=key.provider,
        account=key.account,
        region=key.region,
        kind=key.kind,
        status="failed",
        code="Unaccounted",
        message=message,
        started_at=started,
        finished_at=finished,
    )
