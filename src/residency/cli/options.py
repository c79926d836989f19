"""Options shared by commands, and finding the snapshot they mean."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from residency.cli.output import Format
from residency.dates import parse_day
from residency.errors import SnapshotError

if TYPE_CHECKING:
    from residency.assess import Catalogues
    from residency.config import Config
    from residency.graph import Inputs

__all__ = ["AsOf", "ConfigFile", "DataFolder", "FormatOption", "SnapshotFolder", "day", "find_snapshot", "load_inputs"]

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The organisation's residency.yaml.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder whose jurisdictions/ and providers/ overlay ours.")
]
SnapshotFolder = Annotated[
    str | None, typer.Option("--snapshot", "-s", help="Snapshot folder or URL; the newest when left out.")
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Day to compute for, YYYY-MM-DD; the snapshot's day when left out.")
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print.")]

SNAPSHOTS = "snapshots"


def day(text: str | None, otherwise: dt.date | None = None) -> dt.date:
    """The day an option names, or the given one, or today in UTC."""
    if text is not None:
        return parse_day(text, "--as-of")
    return otherwise or dt.datetime.now(dt.UTC).date()


def find_snapshot(named: str | None, config: Path) -> Path | str:
    """The named snapshot, a folder or a URL, or the newest one beside residency.yaml.

    Raises
    ------
    SnapshotError
        When there is none.
    """
    if named is not None:
        return named
    folder = config.resolve().parent / SNAPSHOTS
    found = sorted(path for path in folder.glob("*") if (path / "manifest.json").is_file())
    if not found:
        raise SnapshotError(f"{folder}: holds no snapshot; run `residency sweep` first, or name one with --snapshot")
    return found[-1]


def load_inputs(
    config_file: Path, data: Path | None, snapshot: str | None, as_of: str | None
) -> tuple[Inputs, Config, Catalogues]:
    """Everything a computing command needs.

    Raises
    ------
    ResidencyError
        For a faulty file of any sort.
    """
    from residency.assess import assemble, load_catalogues, read_config, snapshot_day
    from residency.inventory.snapshot import open_snapshot

    catalogues = load_catalogues(data, config_file)
    config = read_config(config_file, catalogues)
    opened = open_snapshot(find_snapshot(snapshot, config_file))
    when = day(as_of, snapshot_day(opened))
    return assemble(opened.rows(), config, catalogues, when), config, catalogues
