"""``residency import``: recorded API answers into a snapshot, read by the same rules as live ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from residency.cli.options import DataFolder
from residency.cli.output import line
from residency.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from residency.collect.spec import Kind
    from residency.inventory.tables import Rows
    from residency.providers import Providers


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files, with recorded answers.")],
    provider: Annotated[str, typer.Option(help="Whose answers: aws, gcp or azure.")],
    out: Annotated[Path, typer.Option(help="Snapshot folder to write.")],
    account: Annotated[str, typer.Option(help="Account or project that was asked, where the answers do not say.")] = "",
    region: Annotated[str, typer.Option(help="Region that was asked, where the answers do not say.")] = "us-east-1",
    data: DataFolder = None,
) -> None:
    """Read recorded answers without credentials; what they do not hold is a gap.

    AWS: one reply a file, named service.Operation_1.json. Google Cloud: asset exports or REST replies. Azure: ARM lists
    or recorded sessions. docs/how-to/read-recorded-answers.md shows each form.

    Example: residency import answers --provider aws --account 111122223333 --out snapshots/imported
    """
    from residency.cli.sweep import summary, versions
    from residency.collect.run import recorded_sweep
    from residency.collect.spec import load_kinds
    from residency.data import data_folders
    from residency.inventory.snapshot import write_snapshot
    from residency.providers import load_providers

    if provider not in {"aws", "gcp", "azure"}:
        raise ConfigError(f"--provider {provider}: choose aws, gcp or azure")
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: no such file or folder")
    if provider == "aws" and not (len(account) == 12 and account.isdigit()):
        raise ConfigError("--account: name the AWS account that was asked, 12 digits")
    folders = data_folders(data)
    kinds = {name: kind for name, kind in load_kinds(folders).items() if name.startswith(f"{provider}.")}
    now = dt.datetime.now(dt.UTC)
    read = {"aws": _aws, "gcp": _gcp, "azure": _azure}[provider]
    providers = load_providers(folders)
    rows = read(paths, kinds, providers, account, region, now)
    recorded_sweep(rows, provider, account, now, providers)
    write_snapshot(out, rows, {"recorded": provider}, versions(rows))
    if not rows["stores"]:
        line("no store was read: are these answers of a kind that `residency providers kinds` lists?")
    summary(rows, out)


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(file for file in path.rglob("*.json") if file.is_file()) if path.is_dir() else [path]
    return found


def _aws(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.recorded import RecordedDoor, read_answers, replay

    folders = [path for path in paths if path.is_dir()]
    if len(folders) != len(paths):
        raise ConfigError("import: AWS answers are read by folder, since their names tell the call; name the folder")
    answers = [answer for folder in folders for answer in read_answers(folder, kinds)]
    return replay(RecordedDoor(answers, account, region), kinds, providers, seen_at=now)


def _gcp(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.grants import Scope
    from residency.collect.recorded_gcp import read_gcp_answers

    found = read_gcp_answers(_files(paths), kinds, account=account)
    return found.rows(kinds, providers, account=account, seen_at=now, scope=Scope())


def _azure(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.grants import Scope
    from residency.collect.recorded_azure import read_azure_answers

    return read_azure_answers(_files(paths)).rows(kinds, providers, seen_at=now, scope=Scope())
