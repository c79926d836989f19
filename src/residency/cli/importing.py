"""``residency import``: other inventories and recorded answers into a snapshot, read by the same rules as live ones."""

from __future__ import annotations

import datetime as dt
from collections import Counter
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
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files, to read.")],
    out: Annotated[str, typer.Option(help="Snapshot folder or URL to write.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="What the files are: config, asset-export, resource-graph, terraform, steampipe, cloudquery or "
            "answers. Told from the files where it is left out and clear.",
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Whose recorded answers: aws, gcp or azure. Alone, it means --from answers.")
    ] = None,
    account: Annotated[str, typer.Option(help="Account or project, where the files do not say.")] = "",
    region: Annotated[str | None, typer.Option(help="Region, where the files do not say.")] = None,
    data: DataFolder = None,
) -> None:
    """Read other inventories and recorded answers without credentials; what they do not hold is a gap.

    AWS Config snapshots and queries, Cloud Asset Inventory exports, Azure Resource Graph results, Terraform state,
    Steampipe and CloudQuery tables: docs/how-to/import-inventories.md. Recorded answers of the clouds' own interfaces:
    docs/how-to/read-recorded-answers.md.

    Example: residency import snapshot.json.gz --from config --out snapshots/imported
    """
    from residency.cli.sweep import summary, versions
    from residency.collect.imports.detect import FORMATS
    from residency.collect.imports.read import files_of, import_files
    from residency.collect.spec import load_kinds
    from residency.data import data_folders
    from residency.inventory.place import place_of
    from residency.inventory.snapshot import refuse_taken, write_snapshot
    from residency.providers import load_providers

    place = place_of(out)
    refuse_taken(place)
    form = next((name for name in FORMATS if name == source), None)
    if source is not None and form is None:
        raise ConfigError(f"--from {source}: choose {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if form is None and provider is not None:
        form = "answers"
    if form != "answers" and provider is not None:
        raise ConfigError(f"--provider {provider}: only recorded answers need it; leave it out with --from {source}")
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path}: no such file or folder")
    if form == "answers" and provider == "aws" and _all_config(paths):
        form = "config"
    now = dt.datetime.now(dt.UTC)
    folders = data_folders(data)
    if form == "answers":
        scope = provider or ""
        rows = _answers(paths, scope, account, region or "us-east-1", data, now)
    else:
        kinds, providers = load_kinds(folders), load_providers(folders)
        scope, rows = import_files(
            files_of(paths), form, kinds, folders, providers, account=account, region=region or "", seen_at=now
        )
    write_snapshot(out, rows, {"recorded": scope}, versions(rows))
    if not rows["stores"]:
        line("no store was read: are these of a kind that `residency providers kinds` lists?")
    summary(rows, place.name)


def _all_config(paths: list[Path]) -> bool:
    """Whether all that was recorded are answers of AWS Config, which are read as what they tell of, not as calls."""
    from residency.collect.imports.detect import candidates
    from residency.collect.imports.stream import head_of
    from residency.errors import InputError

    try:
        found = [candidates(head_of(path)) for path in _files(paths)]
    except InputError:  # the reader of answers says what is wrong with it
        return False
    return bool(found) and all(forms == ("config",) for forms in found)


def _answers(paths: list[Path], provider: str, account: str, region: str, data: Path | None, now: dt.datetime) -> Rows:
    from residency.collect.run import recorded_sweep
    from residency.collect.spec import load_kinds
    from residency.data import data_folders
    from residency.providers import load_providers

    if not provider:
        raise ConfigError("--from answers: say whose they are with --provider aws, gcp or azure")
    if provider not in {"aws", "gcp", "azure"}:
        raise ConfigError(f"--provider {provider}: choose aws, gcp or azure")
    if provider == "aws" and not (len(account) == 12 and account.isdigit()):
        raise ConfigError("--account: name the AWS account that was asked, 12 digits")
    folders = data_folders(data)
    kinds = {name: kind for name, kind in load_kinds(folders).items() if name.startswith(f"{provider}.")}
    providers = load_providers(folders)
    rows = {"aws": _aws, "gcp": _gcp, "azure": _azure}[provider](paths, kinds, providers, account, region, now)
    recorded_sweep(rows, provider, account, now, providers)
    return rows


def _files(paths: list[Path], endings: tuple[str, ...] = (".json",)) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = path.rglob("*") if path.is_dir() else ()
        found += sorted(file for file in inside if file.suffix in endings and file.is_file())
        found += [] if path.is_dir() else [path]
    return found


def _aws(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.places import unread_gaps
    from residency.collect.recorded import RecordedDoor, read_answers, replay

    folders = [path for path in paths if path.is_dir()]
    if len(folders) != len(paths):
        raise ConfigError("import: AWS answers are read by folder, since their names tell the call; name the folder")
    unread: Counter[str] = Counter()
    answers = [answer for folder in folders for answer in read_answers(folder, kinds, unread)]
    rows = replay(RecordedDoor(answers, account, region), kinds, providers, seen_at=now)
    rows.add(*unread_gaps("aws", account, unread, now))
    return rows.sorted()


def _gcp(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.grants import Scope
    from residency.collect.recorded_gcp import read_gcp_answers
    from residency.collect.resolve import resolve

    found = read_gcp_answers(_files(paths, (".json", ".jsonl", ".ndjson", ".log")), kinds, account=account)
    return resolve(found.rows(kinds, providers, account=account, seen_at=now, scope=Scope()), providers)


def _azure(
    paths: list[Path], kinds: Mapping[str, Kind], providers: Providers, account: str, region: str, now: dt.datetime
) -> Rows:
    from residency.collect.exchanges import SUFFIXES
    from residency.collect.grants import Scope
    from residency.collect.recorded_azure import read_azure_answers
    from residency.collect.resolve import resolve

    return resolve(
        read_azure_answers(_files(paths, SUFFIXES)).rows(kinds, providers, seen_at=now, scope=Scope()), providers
    )
