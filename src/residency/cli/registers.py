"""``residency contractors`` and ``residency logs``: look at a register or at logs without a sweep."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from residency.cli.options import DataFolder, FormatOption
from residency.cli.output import Format, emit, line
from residency.errors import ConfigError


def contractors(
    register: Annotated[Path | None, typer.Argument(help="CSV, XLSX or YAML register.")] = None,
    template: Annotated[bool, typer.Option("--template", help="Print an empty register with all columns.")] = False,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Check a contractor register: every bad cell at once, with its row and column.

    Example: residency contractors contractors.csv
    """
    from residency.collect.contractors import read_register, template_csv
    from residency.data import data_folders
    from residency.jurisdictions import load_jurisdictions
    from residency.method.facts import load_fact_words

    if template:
        line(template_csv().rstrip())
        return
    if register is None:
        raise ConfigError("contractors: name a register file, or use --template for an empty one")
    rows = read_register(register, load_jurisdictions(data_folders(data), load_fact_words()))
    columns = ["contractor_id", "name", "seat", "staff_countries", "storage_countries", "access_mode", "entrusted_by"]
    emit(({name: getattr(row, name) for name in columns} for row in rows["contractors"]), columns, form)
    if form is Format.table:
        line(f"{register}: {len(rows['contractors'])} contractors, no faults")


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
