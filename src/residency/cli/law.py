"""``residency law``: the law catalogue on any day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from residency.cli.options import AsOf, DataFolder, FormatOption, day
from residency.cli.output import Format, emit, line
from residency.dates import parse_day
from residency.errors import InputError

if TYPE_CHECKING:
    from residency.jurisdictions import Citation, FactEntry, Instrument, Jurisdiction, Jurisdictions

app = typer.Typer(help="The law catalogue: who may reach data, under which law, since when.", no_args_is_help=True)


def _load(data: Path | None) -> Jurisdictions:
    from residency.data import data_folders
    from residency.jurisdictions import load_jurisdictions
    from residency.method.facts import load_fact_words

    return load_jurisdictions(data_folders(data), load_fact_words())


@app.command("list")
def list_(as_of: AsOf = None, data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Every country with how much of its file is known on a day.

    Example: residency law list --as-of 2024-06-30 --format json
    """
    when = day(as_of)
    catalogue = _load(data)
    rows = []
    for code, item in catalogue.items():
        known = sum(any(entry.known for entry in item.at(key, when)) for key in item.facts)
        rows.append(
            {
                "country": code,
                "name": item.name.en,
                "name_ja": item.name.ja,
                "known": known,
                "keys": len(item.facts),
                "instruments": len(item.instruments),
                "reviewed": item.reviewed,
                "review_by": item.review_by,
                "may_affect": item.disclosure.value,
            }
        )
    columns = ["country", "name", "known", "keys", "instruments", "reviewed", "review_by", "may_affect"]
    emit(rows, columns, form)


@app.command()
def show(
    country: Annotated[str, typer.Argument(help="Code such as US.")],
    as_of: AsOf = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Everything on file about one country on a day.

    Example: residency law show CN --as-of 2021-10-22
    """
    when = day(as_of)
    catalogue = _load(data)
    item = catalogue.get(country.upper())
    if item is None:
        raise InputError(f"law show: no file for {country!r}; `residency law list` names all {len(catalogue)}")
    rows = list(_facts(item, when))
    if form is not Format.table:
        emit(rows, list(rows[0]), form)
        return
    line(f"{item.name.en} / {item.name.ja} ({item.code}) on {when}; reviewed {item.reviewed}, next by {item.review_by}")
    line()
    emit(rows, ["key", "value", "attributes", "from", "to", "instrument", "at", "confidence"], form)
    line()
    line(f"May affect proper handling: {item.disclosure.value}")
    line(f"  {item.disclosure.summary.en}")
    line(f"  {item.disclosure.summary.ja}")


def _facts(item: Jurisdiction, when: dt.date) -> Iterator[dict[str, Any]]:
    for key in item.facts:
        entries = item.at(key, when)
        if not entries:
            yield {"key": key, "value": "unknown", "searched": f"nothing recorded for {when}"}
        for entry in entries:
            cite = entry.cite[0] if entry.cite else None
            instrument = item.instruments[cite.instrument] if cite else None
            yield {
                "key": key,
                "value": entry.value,
                "attributes": " ".join(f"{name}={word}" for name, word in sorted(entry.attributes.items())),
                "from": entry.start,
                "to": entry.end,
                "instrument": instrument.title.en if instrument else "",
                "citation": instrument.citation if instrument else "",
                "at": cite.at if cite else "",
                "says": cite.says if cite else "",
                "source": (cite.source or instrument.url) if cite and instrument else "",
                "confidence": entry.confidence or "",
                "searched": entry.searched or "",
                "note": entry.note or "",
            }


@app.command()
def changes(
    start: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    end: Annotated[str | None, typer.Option("--to", help="Day after the last; today when left out.")] = None,
    country: Annotated[str | None, typer.Option(help="Only this country.")] = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Every fact or instrument that began or ended in a period, with its source.

    Example: residency law changes --from 2025-04-01 --to 2026-04-01
    """
    first, last = parse_day(start, "--from"), day(end)
    if last <= first:
        raise InputError(f"law changes: --to {last} must be later than --from {first}")
    rows = [
        change.model_dump()
        for change in _load(data).changes(first, last)
        if country is None or change.country == country.upper()
    ]
    columns = ["date", "country", "change", "subject", "value", "instrument_id", "title_en", "source_url", "confidence"]
    emit(rows, columns, form)


@app.command()
def facts(data: DataFolder = None, form: FormatOption = Format.json) -> None:
    """All facts as one flat list, one row for each citation.

    in_force_from is the first day of the fact, or of the law it cites where the file begins with the catalogue's first
    day, 2021-10-22; it is empty where the fact was in force before that day and its first day is not on file, and where
    a treaty was ratified that is not in force for the country.

    Example: residency law facts --format json
    """
    from residency.jurisdictions import RATIFIED

    rows = []
    catalogue = _load(data)
    for code, item in catalogue.items():
        ratified = {
            name
            for name, members in catalogue.commitments.items()
            if code in members.entries and members.entries[code].status == RATIFIED
        }
        for key, entries in item.facts.items():
            for entry in entries:
                only_ratified = entry.attributes.get("list") in ratified
                cites: list[Citation | None] = [*entry.cite] or [None]
                for cite in cites:
                    instrument = item.instruments[cite.instrument] if cite else None
                    rows.append(
                        {
                            "country": code,
                            "instrument_id": cite.instrument if cite else None,
                            "title_en": instrument.title.en if instrument else None,
                            "title_original": instrument.title.original if instrument else None,
                            "citation": f"{instrument.citation}, {cite.at}" if instrument and cite else None,
                            "kind": instrument.kind if instrument else None,
                            "in_force_from": None if only_ratified else _since(entry, instrument),
                            "in_force_to": entry.end,
                            "fact_key": key,
                            "attributes": {"value": entry.value, **entry.attributes},
                            "says": cite.says if cite else entry.searched,
                            "source_url": (cite.source or instrument.url) if instrument and cite else None,
                            "confidence": entry.confidence,
                        }
                    )
    emit(rows, list(rows[0]) if rows else [], form)


def _since(entry: FactEntry, instrument: Instrument | None) -> dt.date | None:
    """The first day of a fact where it is known; the catalogue's own first day is none."""
    from residency.jurisdictions import HORIZON

    if entry.start != HORIZON:
        return entry.start
    starts = [period.start for period in instrument.in_force] if instrument else []
    return min((start for start in starts if start != HORIZON and start < HORIZON), default=None)


@app.command()
def lint(as_of: AsOf = None, data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Check every file; faults exit 2, notices (past review, one-sided commitments, periods, references) do not.

    Example: residency law lint
    """
    from residency.data import data_folders
    from residency.lawlint import notices
    from residency.providers import load_providers

    catalogue = _load(data)
    regions = [
        (f"{region.provider} {region.region}", region.countries)
        for region in load_providers(data_folders(data)).regions
    ]
    checkout = Path(__file__).parents[3]
    noticed = notices(catalogue, day(as_of), regions=regions, root=checkout if (checkout / "docs").is_dir() else None)
    found = [{"country": n.country, "subject": n.subject, "notice": n.message} for n in noticed]
    if form is not Format.table:
        emit(found, ["country", "subject", "notice"], form)
        return
    for item in found:
        line(f"notice: {item['country']} {item['subject']}: {item['notice']}")
    line(f"{len(catalogue)} files, {len(catalogue.commitments)} lists: no faults, {len(found)} notices")
