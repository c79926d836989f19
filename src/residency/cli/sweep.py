"""``residency sweep``: look at every account, project and subscription, and keep what was seen."""

from __future__ import annotations

import datetime as dt
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from residency.cli.options import SNAPSHOTS, ConfigFile, DataFolder
from residency.cli.output import line
from residency.errors import IncompleteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from residency.collect.engine import Progress
    from residency.inventory.tables import Rows


def sweep(
    config: ConfigFile = Path("residency.yaml"),
    data: DataFolder = None,
    out: Annotated[
        str | None, typer.Option(help="Snapshot folder or URL to write; snapshots/<time> when left out.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="How many calls run at the same time.")] = 16,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers ask, such as tcp://host:8786.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print units and estimated calls, and stop.")] = False,
    require_complete: Annotated[
        bool, typer.Option("--require-complete", help="Exit 3 when anything was not seen.")
    ] = False,
) -> None:
    """Collect clouds, contractor register and logs into a snapshot; read-only, resumable.

    Example: residency sweep --require-complete
    """
    from residency.assess import load_catalogues, read_config
    from residency.collect.engine import preview
    from residency.collect.run import collect, crew_for, drivers_for, scope_of
    from residency.collect.spec import load_kinds
    from residency.inventory.place import place_of
    from residency.inventory.snapshot import refuse_taken, write_snapshot

    catalogues = load_catalogues(data)
    settings = read_config(config, catalogues)
    drivers = drivers_for(settings, load_kinds(catalogues.folders), catalogues.providers, catalogues.folders)
    if dry_run:
        for text in preview(drivers):
            line(text)
        return
    base = config.resolve().parent
    target = out or base / SNAPSHOTS / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}"
    place = place_of(target)
    refuse_taken(place)  # now, and not after hours
    journal = base / ".residency-journal.jsonl"
    if journal.exists():
        line(f"going on from {journal}: what it holds is not asked again; delete it to ask everything anew")
    with progress_bar("sweep") as tell:
        rows = collect(
            settings,
            base,
            drivers,
            catalogues.providers,
            lambda: catalogues.jurisdictions,
            journal,
            workers=workers,
            crew=crew_for(scheduler, settings, data),
            progress=tell,
        )
    gc.freeze()  # what is here stays: at exit Python need not look for cycles in it, a tenth of a short sweep
    write_snapshot(target, rows, scope_of(settings), versions(rows))
    journal.unlink(missing_ok=True)
    summary(rows, place.name)
    if require_complete and rows["gaps"]:
        raise IncompleteError("not everything was seen:\n" + "\n".join(f"  {text}" for text in gap_lines(rows)))


def versions(rows: Rows) -> dict[str, str]:
    """Versions for the manifest."""
    sweeps = rows["sweeps"]
    return {"residency": sweeps[-1].tool_version, "catalogue": sweeps[-1].catalogue} if sweeps else {}


def summary(rows: Rows, target: Path | str) -> None:
    """Print what was found and what could not be seen."""
    from residency.inventory.coverage import coverage

    counted = coverage(rows["units"], rows["gaps"])
    statuses = ", ".join(f"{count} {status}" for status, count in counted.statuses)
    line(f"{target}: {len(rows['stores'])} stores in {len(rows['units'])} units ({statuses or 'none swept'})")
    if not rows["gaps"]:
        line("nothing was left unseen")
        return
    line(f"not seen: {len(rows['gaps'])} gaps")
    texts = gap_lines(rows)
    for text in texts[:10]:
        line(f"  {text}")
    if len(texts) > 10:
        line(f'  … and {len(texts) - 10} more: residency query "SELECT * FROM gaps"')


def gap_lines(rows: Rows) -> list[str]:
    """One line for each account and cause, with how many units or stores it concerns."""
    from residency.escape import terminal

    counts: dict[tuple[str, str, str, str], tuple[int, str]] = {}
    for gap in rows["gaps"]:
        key = (gap.provider, gap.account, gap.field, gap.cause)
        counts[key] = (counts.get(key, (0, ""))[0] + 1, gap.message)
    return [
        terminal(f"{provider or '-'} {account or '-'}: {field} {cause}, {count} times, last: {message}")
        for (provider, account, field, cause), (count, message) in sorted(counts.items())
    ]


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on a terminal, silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from residency.escape import terminal

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(item: Progress) -> None:
            text = item.message or item.job
            bar.update(
                task, completed=item.done, total=item.total or None, description=f"{title} {terminal(text)[:48]:48}"
            )

        yield tell
