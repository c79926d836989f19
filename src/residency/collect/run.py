"""One collection as residency.yaml describes it: clouds, contractor register, logs, in that order."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from glob import glob
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from residency.collect.engine import Crew, Progress, sweep
from residency.collect.plan import Driver
from residency.collect.spec import Kind
from residency.config import Config
from residency.data import DataFolders, data_folders
from residency.errors import ConfigError
from residency.inventory.tables import Gap, Rows, Sweep
from residency.jurisdictions import Jurisdictions
from residency.providers import Providers

__all__ = ["collect", "crew_for", "drivers_for", "recorded_sweep", "scope_of"]


def scope_of(config: Config) -> dict[str, Any]:
    """What a collection covers, as plain data; endpoints and profiles are left out, they are no scope."""
    hidden = {"endpoint", "profile"}
    clouds = config.scope.model_dump(exclude_none=True)
    return {
        "clouds": {name: {k: v for k, v in cloud.items() if k not in hidden} for name, cloud in clouds.items()},
        "contractors": config.contractors,
        "logs": list(config.logs),
    }


def drivers_for(
    config: Config, kinds: Mapping[str, Kind], providers: Providers, folders: DataFolders | None = None
) -> list[Driver]:
    """A driver for each cloud in scope.

    Parameters
    ----------
    folders
        Where the data lies, for how items of AWS Config are read; that of the installation when left out.

    Raises
    ------
    CredentialsError
        When a cloud's credentials are missing.
    ConfigError
        When the SDK of a cloud in scope is not installed.
    """
    drivers: list[Driver] = []
    scope = config.scope
    if scope.aws is not None:
        with _sdk("aws"):
            from residency.collect.aws import AwsConfig, AwsDriver
            from residency.collect.door import DoorSettings, SdkDoor, allowed_operations
            from residency.collect.imports.spec import load_foreign

            door = SdkDoor(
                allowed_operations({name: kind for name, kind in kinds.items() if name.startswith("aws.")}),
                DoorSettings(profile=scope.aws.profile, region=scope.aws.home_region, endpoint=scope.aws.endpoint),
            )
            named = scope.aws.aggregator
            settings = AwsConfig(
                role_name=scope.aws.role,
                external_id=scope.aws.external_id,
                accounts=tuple(scope.aws.accounts),
                skip_accounts=tuple(scope.aws.skip_accounts),
                own_accounts=tuple(scope.aws.own_accounts),
                regions=tuple(scope.aws.regions),
                kinds=tuple(scope.aws.kinds),
                skip_fields=frozenset(scope.aws.skip_fields),
                aggregator=(named.region, named.name) if named else None,
                find_aggregator=scope.aws.find_aggregator,
            )
            asks = named or scope.aws.find_aggregator
            types = load_foreign(folders or data_folders(None), kinds, ["config"]) if asks else {}
            drivers.append(AwsDriver(kinds, providers, door, settings, types=types))
    if scope.gcp is not None:
        with _sdk("gcp"):
            from residency.collect.gcp import GcpDriver, gcp_clients

            drivers.append(
                GcpDriver(
                    clients=gcp_clients(endpoint=scope.gcp.endpoint),
                    kinds={name: kind for name, kind in kinds.items() if name.startswith("gcp.")},
                    catalogue=providers,
                    now=_now,
                    organisation=scope.gcp.organization,
                    wanted=tuple(scope.gcp.projects),
                )
            )
    if scope.azure is not None:
        with _sdk("azure"):
            from residency.collect.azure import AzureDriver, azure_clients

            drivers.append(
                AzureDriver(
                    clients=azure_clients(endpoint=scope.azure.endpoint),
                    kinds={name: kind for name, kind in kinds.items() if name.startswith("azure.")},
                    catalogue=providers,
                    now=_now,
                    wanted=tuple(scope.azure.subscriptions),
                )
            )
    return drivers


def crew_for(scheduler: str | None, config: Config, data: Path | None) -> Callable[[Sequence[Driver]], Crew] | None:
    """Who answers a sweep's jobs: the workers of a Dask scheduler, or None for threads of this process.

    Raises
    ------
    ConfigError
        When Dask is not installed.
    """
    if scheduler is None:
        return None
    try:
        from residency.collect.distributed import crew_on
    except ModuleNotFoundError as error:
        message = f"--scheduler: {error.name} is not installed; run pip install 'residency[dask]'"
        raise ConfigError(message) from None
    return crew_on(scheduler, config, data)


class _sdk:
    """Turns a missing SDK into a message that names the extra."""

    def __init__(self, extra: str) -> None:
        self._extra = extra

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, ModuleNotFoundError):
            message = f"scope.{self._extra}: {error.name} is not installed; run pip install 'residency[{self._extra}]'"
            raise ConfigError(message) from error


def collect(
    config: Config,
    base: Path,
    drivers: Sequence[Driver],
    providers: Providers,
    jurisdictions: Callable[[], Jurisdictions],
    journal: Path,
    *,
    workers: int = 16,
    crew: Callable[[Sequence[Driver]], Crew] | None = None,
    progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], dt.datetime] | None = None,
) -> Rows:
    """Everything residency.yaml names, as rows ready for a snapshot.

    Parameters
    ----------
    base
        Folder that the paths in the configuration are relative to.
    jurisdictions
        Gives the law catalogue, whose names of countries a register may use; asked for where there is a register.
    journal
        File of finished jobs, for resuming.
    crew
        Who answers the sweep's jobs, as for `sweep`.

    Raises
    ------
    ResidencyError
        For faulty registers, missing credentials, interrupted sweeps. What cannot be seen is a gap, not an error.
    """
    now = clock or _now
    started = now()
    tell = progress or (lambda _: None)
    scope = json.dumps(scope_of(config), sort_keys=True, ensure_ascii=False)
    rows = Rows()
    if config.contractors is not None:
        from residency.collect.contractors import read_register

        tell(Progress(0, 1, message=f"contractor register {config.contractors}"))
        rows.extend(_relative(read_register(base / config.contractors, jurisdictions()), base))
    if config.logs:
        rows.extend(_logs(config, base, providers, started, tell))
    rows.extend(
        sweep(drivers, journal, providers, scope=scope, workers=workers, crew=crew, progress=progress, clock=now)
    )
    begun = min([started, *(unit.started_at for unit in rows["units"])])  # what was resumed began before
    rows.add(_sweep(begun, now(), scope, providers))
    return rows


def _sweep(started: dt.datetime, finished: dt.datetime, scope: str, providers: Providers) -> Sweep:
    return Sweep(
        sweep_id=hashlib.sha256(f"{started.isoformat()} {scope}".encode()).hexdigest()[:12],
        started_at=started,
        finished_at=finished,
        scope=scope,
        tool_version=_version(),
        catalogue=max((item.reviewed.isoformat() for item in providers.values()), default=""),
    )


def recorded_sweep(rows: Rows, provider: str, account: str, seen_at: dt.datetime, providers: Providers) -> None:
    """Add what makes rows of recorded answers a sweep: its own row, and the gap that nothing else was asked."""
    scope = json.dumps({"recorded": provider, "account": account}, sort_keys=True)
    message = "read from recorded answers: what they do not hold was not asked"
    rows.add(
        _sweep(seen_at, seen_at, scope, providers),
        Gap(
            provider=provider,
            account=account,
            region="",
            kind="",
            call="import",
            seen_at=seen_at,
            field="scope",
            cause="skipped",
            message=message,
        ),
    )


def _logs(config: Config, base: Path, providers: Providers, now: dt.datetime, tell: Callable[[Progress], None]) -> Rows:
    from residency.collect.logs import read_logs
    from residency.geo import load_geo

    rows = Rows()
    paths: list[Path] = []
    for pattern in config.logs:
        found = sorted(Path(name) for name in glob(str(base / pattern), recursive=True))  # noqa: PTH207
        files = [path for path in found if path.is_file()]
        if not files:
            rows.add(
                Gap(
                    provider="",
                    account="",
                    region="",
                    kind="",
                    call=f"logs {pattern}",
                    seen_at=now,
                    field="log",
                    cause="skipped",
                    message=f"no log file matches {pattern}; observed access is not known",
                )
            )
        paths += files
    tell(Progress(0, 1, message=f"{len(paths)} log files"))
    geo = load_geo(base / config.geo_database if config.geo_database else None, providers=providers)
    rows.extend(read_logs(paths, geo, seen_at=now))
    return _relative(rows, base)


def _relative(rows: Rows, base: Path) -> Rows:
    """Rows whose sources name files as residency.yaml does: the same files give the same rows wherever they lie."""
    folder = f"{base}/"

    def shortened(row: Any) -> Any:
        texts = {name: getattr(row, name, None) for name in ("source", "call", "message")}
        found = {name: text.replace(folder, "") for name, text in texts.items() if text and folder in text}
        return replace(row, **found) if found else row

    return Rows({name: [shortened(row) for row in items] for name, items in rows.tables.items()})


def _version() -> str:
    try:
        return version("residency")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "not installed"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
