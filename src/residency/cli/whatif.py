"""``residency whatif``: what a change would do to exposure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, FormatOption, SnapshotFolder, load_inputs
from residency.cli.output import Format, emit, line
from residency.errors import InputError


def whatif(
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    as_of: AsOf = None,
    data: DataFolder = None,
    move: Annotated[list[str] | None, typer.Option(help="STORE=PROVIDER/LOCATION: the store lies there only.")] = None,
    no_copies: Annotated[list[str] | None, typer.Option(help="STORE: without replicas and backups.")] = None,
    custody: Annotated[list[str] | None, typer.Option(help="STORE=CUSTODY or STORE=external:COUNTRY.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="CONTRACTOR: no longer entrusted.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Score the snapshot with something otherwise, and list what would move.

    Example: residency whatif --drop reviewer-co
    """
    from residency.whatif import compare, set_custody, what_if, without_contractor, without_copies
    from residency.whatif import move as move_to

    inputs, _, _ = load_inputs(config, data, snapshot, as_of)
    edits = [without_contractor(name) for name in drop or []]
    edits += [without_copies(name) for name in no_copies or []]
    for text in move or []:
        store, target = _pair(text, "--move")
        provider, _, location = target.partition("/")
        if not inputs.providers.locate(provider, location).known:
            raise InputError(f"--move {text}: the catalogue has no {target}; `residency providers regions` lists all")
        edits.append(move_to(store, provider, location))
    for text in custody or []:
        store, target = _pair(text, "--custody")
        word, _, country = target.partition(":")
        edits.append(set_custody(store, word, country.upper()))  # type: ignore[arg-type]
    if not edits:
        raise InputError("whatif: say what would be otherwise: --move, --no-copies, --custody or --drop")
    deltas = compare(*what_if(inputs, edits))
    rows = [
        {
            "dataset": item.dataset,
            "jurisdiction": item.jurisdiction,
            "lo_before": item.before.lo,
            "hi_before": item.before.hi,
            "lo_after": item.after.lo,
            "hi_after": item.after.hi,
        }
        for item in deltas
    ]
    emit(rows, ["dataset", "jurisdiction", "lo_before", "hi_before", "lo_after", "hi_after"], form)
    if form is Format.table:
        line(f"{len(rows)} exposures would move; what was not seen is left out of both sides")


def _pair(text: str, option: str) -> tuple[str, str]:
    store, sign, target = text.rpartition("=")
    if not (store and sign and target):
        raise InputError(f"{option} {text}: write STORE=VALUE")
    return store, target
