"""``residency contractors`` and ``residency logs``: keep a register, look at logs, without a sweep."""

from __future__ import annotations

import datetime as dt
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import AsOf, ConfigFile, DataFolder, FormatOption, SnapshotFolder, day, find_snapshot
from residency.cli.output import Format, emit, line, to_json, write_text
from residency.errors import ConfigError, SnapshotError

app = typer.Typer(
    help="The contractor register: check it, begin one, add a vendor, name account holders.", no_args_is_help=True
)

Register = Annotated[Path, typer.Argument(help="CSV, XLSX or YAML register.")]
ConfigOfSeat = Annotated[
    Path, typer.Option("--config", "-c", help="residency.yaml, for the organisation's seat; JP without the file.")
]


class Language(StrEnum):
    """Language of a header row."""

    en = "en"
    ja = "ja"


@app.command()
def check(register: Register, data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Check a contractor register: every bad cell at once, with its row and column.

    Example: residency contractors check contractors.csv
    """
    from residency.collect.contractors import read_register
    from residency.data import data_folders
    from residency.jurisdictions import load_jurisdictions
    from residency.method.facts import load_fact_words

    rows = read_register(register, load_jurisdictions(data_folders(data), load_fact_words()))
    columns = ["contractor_id", "name", "seat", "staff_countries", "storage_countries", "access_mode", "entrusted_by"]
    emit(({name: getattr(row, name) for name in columns} for row in rows["contractors"]), columns, form)
    if form is Format.table:
        line(f"{register}: {len(rows['contractors'])} contractors, no faults")


@app.command()
def template(
    language: Annotated[Language, typer.Option(help="Language of the header row.")] = Language.en,
) -> None:
    """Print an empty register with all columns and one example row.

    Example: residency contractors template > contractors.csv
    """
    from residency.collect.contractors import template_csv

    line(template_csv(language.value).rstrip())


@app.command()
def add(
    vendor: Annotated[str, typer.Argument(help="Vendor id; `residency providers vendors` lists them.")],
    register: Annotated[Path, typer.Option(help="Register to add to.")] = Path("contractors.csv"),
    entry_id: Annotated[str | None, typer.Option("--id", help="Id of the entry; the vendor's when left out.")] = None,
    services: Annotated[str, typer.Option(help="Our services it is used for, divided by commas.")] = "",
    location: Annotated[
        str | None, typer.Option(help="Storage location chosen; the vendor's default otherwise.")
    ] = None,
    config: ConfigOfSeat = Path("residency.yaml"),
    as_of: AsOf = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Add a vendor to the register, filled from the catalogue; everything else in the file stays as it is.

    What is unknown is written as unknown and listed with the page to check.

    Example: residency contractors add zendesk --register contractors.csv --services chat --location Japan
    """
    from residency.collect.register_add import entry_for, with_entry
    from residency.data import data_folders
    from residency.disclosure.markers import write_atomically
    from residency.escape import terminal
    from residency.jurisdictions import load_jurisdictions
    from residency.method.facts import load_fact_words
    from residency.vendors import load_vendors

    folders = data_folders(data)
    entry = entry_for(
        load_vendors(folders),
        vendor,
        customer=_seat(config),
        day=day(as_of),
        entry_id=entry_id,
        services=tuple(part.strip() for part in services.split(",") if part.strip()),
        location=location,
    )
    content = with_entry(register, entry, load_jurisdictions(folders, load_fact_words()))
    write_atomically(register, content)
    if form is Format.json:
        told = [{"column": item.column, "what": item.what, "page": item.page} for item in entry.open]
        sys.stdout.write(to_json({"register": str(register), "entry": entry.cells, "open": told, "notes": entry.notes}))
        return
    if form is Format.csv:
        emit(
            ({"column": o.column, "what": o.what, "page": o.page} for o in entry.open), ["column", "what", "page"], form
        )
        return
    line(f"{register}: {terminal(str(entry.cells['id']))} added")
    filled = [{"column": column, "cell": cell} for column, cell in entry.cells.items() if cell]
    emit(filled, ["column", "cell"], form)
    for item in entry.open:
        line(f"check {item.column}: {terminal(item.what)}; {terminal(item.page)}")
    for note in entry.notes:
        line(f"note: {terminal(note)}")


def _seat(config: Path) -> str:
    """The organisation's seat; the rest of the file is not looked at."""
    from residency.yamlfile import load

    data = load(config).data if config.is_file() else None
    organisation = data.get("organisation") if isinstance(data, dict) else None
    seat = organisation.get("seat") if isinstance(organisation, dict) else None
    return seat if isinstance(seat, str) else "JP"


@app.command()
def accounts(
    file: Annotated[Path, typer.Argument(help="Your copy of accounts.yaml of fwdcloudsec/known_aws_accounts.")],
    config: ConfigFile = Path("residency.yaml"),
    snapshot: SnapshotFolder = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Read a public list of known AWS accounts into known-accounts.yaml beside residency.yaml.

    Accounts that grants of the snapshot name are listed with their holder; scoring and the report use the names.

    Example: residency contractors accounts accounts.yaml
    """
    from residency.collect.account_list import read_account_list
    from residency.data import data_folders
    from residency.escape import terminal
    from residency.known_accounts import FILE_NAME, known_text, load_known
    from residency.vendors import load_vendors

    vendors = load_vendors(data_folders(data))
    target = config.resolve().parent / FILE_NAME
    kept = {account: item for account, item in load_known(target).items() if item.own}
    read, digest = read_account_list(file, vendors)
    known = {**read, **kept}
    write_text(target, known_text(known, file.name, digest))
    granted = _granted(snapshot, config)
    published = {account for vendor in vendors.values() for account in vendor.aws_accounts}
    rows = []
    for account in sorted({*known, *(published & granted.keys())}):
        item = known.get(account)
        vendor = vendors.of_account(account) or (item.vendor if item else None)
        rows.append(
            {
                "account": account,
                "name": item.name if item else vendor,
                "vendor": vendor,
                "kind": item.kind if item else "vendor",
                "published_by_vendor": account in published,
                "grants": granted.get(account, 0),
                "sources": item.sources if item else [],
            }
        )
    columns = ["account", "name", "vendor", "kind", "grants"]
    if form is not Format.table:
        emit(rows, columns, form)
        return
    emit((row for row in rows if row["grants"]), columns, form)
    matched = sum(row["vendor"] is not None for row in rows)
    line(f"{terminal(str(target))}: {len(known)} accounts, {matched} of vendors in the catalogue")
    line(f"grants of the snapshot name {sum(bool(row['grants']) for row in rows)} of them")


def _granted(snapshot: str | None, config: Path) -> dict[str, int]:
    """How often grants name each account from outside; nothing when there is no snapshot yet."""
    from residency.inventory.snapshot import open_snapshot

    try:
        folder = find_snapshot(snapshot, config)
    except SnapshotError:
        return {}
    counts: dict[str, int] = {}
    for grant in open_snapshot(folder).rows("grants")["grants"]:
        if grant.external != "no" and grant.principal_account and grant.provider.startswith("aws"):
            counts[grant.principal_account] = counts.get(grant.principal_account, 0) + 1
    return counts


def logs(
    files: Annotated[list[Path], typer.Argument(help="CloudTrail, Google audit, Azure activity or sign-in files.")],
    db: Annotated[Path | None, typer.Option("--db", help="Your own MaxMind-format database.")] = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """From which countries do principals act? Lines that cannot be read are listed as gaps.

    Example: residency logs cloudtrail/*.json.gz
    """
    from residency.collect.logs import read_logs
    from residency.data import data_folders
    from residency.escape import terminal
    from residency.geo import load_geo
    from residency.providers import load_providers

    for file in files:
        if not file.exists():
            raise ConfigError(f"{file}: no such file")
    geo = load_geo(db, providers=load_providers(data_folders(data)))
    rows = read_logs(files, geo, seen_at=dt.datetime.now(dt.UTC)).sorted()
    columns = ["principal", "ip", "verdict", "countries", "count", "denied", "first", "last", "account", "service"]
    emit(({name: getattr(row, name) for name in columns} for row in rows["access"]), columns, form)
    if form is Format.table:
        for gap in rows["gaps"]:
            line(f"not read: {terminal(gap.message)}")
        line(f"{len(rows['access'])} rows; IP geolocation by DB-IP (https://db-ip.com), CC BY 4.0")
