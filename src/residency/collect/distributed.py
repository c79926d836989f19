"""Units of a sweep on a Dask cluster: workers answer jobs and return rows, this process alone writes.

A worker makes its own drivers from the same configuration and goes on from what planning learned here; credentials are
those of the worker, none are sent. A job whose worker died is given to another. Import this only where Dask is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from distributed import Client, Worker, WorkerPlugin, get_worker

from residency.collect.engine import Crew, answer
from residency.collect.plan import Driver, Job
from residency.config import Config
from residency.errors import ConfigError
from residency.inventory.tables import Rows

__all__ = ["crew_on"]

_RETRIES = 3
_WAIT = 30.0  # seconds for the scheduler to answer


def crew_on(scheduler: str, config: Config, data: Path | None = None) -> Callable[[Sequence[Driver]], Crew]:
    """A crew for `sweep` made of a Dask cluster's workers.

    Parameters
    ----------
    scheduler
        The scheduler's address, ``tcp://host:8786`` or ``tls://…``.
    config, data
        What the drivers were made of; a data folder must be there for the workers too.

    Raises
    ------
    ConfigError
        When the crew is made: the scheduler does not answer, has no workers, or these have another version.
    """

    def crew(drivers: Sequence[Driver]) -> Crew:
        try:
            client = Client(scheduler, timeout=_WAIT, set_as_default=False)
        except (OSError, ValueError) as error:
            message = f"--scheduler {scheduler}: does not answer ({error}); start one with `dask scheduler`"
            raise ConfigError(message) from None
        try:
            return _Cluster(client, config, data, drivers)
        except BaseException:
            client.close()
            raise

    return crew


@dataclass(frozen=True, slots=True)
class _Recipe:
    """All a worker needs to make the sweep's drivers."""

    config: Config
    data: Path | None
    known: tuple[Any, ...]
    version: str

    def drivers(self) -> list[Driver]:
        from residency.collect.run import drivers_for
        from residency.collect.spec import load_kinds
        from residency.data import data_folders
        from residency.providers import load_providers

        if self.version != version("residency"):
            raise ConfigError(f"a worker has residency {version('residency')}, the sweep {self.version}: install alike")
        folders = data_folders(self.data)
        made = drivers_for(self.config, load_kinds(folders), load_providers(folders), folders)
        for driver, known in zip(made, self.known, strict=True):
            driver.recall(known)
        return made


class _Drivers(WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """Makes the sweep's drivers once in each worker, also in one that joins later."""

    def __init__(self, name: str, recipe: _Recipe) -> None:
        self.name, self._recipe = name, recipe
        self.made: list[Driver] = []

    def setup(self, worker: Worker) -> None:
        """Called by Dask in the worker."""
        self.made = self._recipe.drivers()


class _Cluster:
    """A crew of Dask workers."""

    def __init__(self, client: Client, config: Config, data: Path | None, drivers: Sequence[Driver]) -> None:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ConfigError("--scheduler: it has no workers; start some with `dask worker`")
        self.size = 2 * threads  # one running and one waiting for each thread
        self._client = client
        self._numbers = {id(driver): number for number, driver in enumerate(drivers)}
        self._name = f"residency-{uuid4().hex}"
        recipe = _Recipe(config, data, tuple(driver.known() for driver in drivers), version("residency"))
        client.register_plugin(_Drivers(self._name, recipe))
        self._executor = client.get_executor(retries=_RETRIES, pure=False)

    def submit(self, driver: Driver, job: Job) -> Future[Rows]:
        """Have some worker answer the job."""
        future: Future[Rows] = self._executor.submit(_at_worker, self._name, self._numbers[id(driver)], job)
        return future

    def close(self) -> None:
        """Take back what has not begun, and let the cluster go."""
        self._executor.shutdown(wait=False)
        self._client.unregister_worker_plugin(self._name)
        self._client.close()


def _at_worker(plugin: str, number: int, job: Job) -> Rows:
    drivers: Any = get_worker().plugins[plugin]
    return answer(drivers.made[number], job)
