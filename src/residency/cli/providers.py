"""``residency providers``: who stands behind a region name or a vendor, which kinds are read, which permissions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from residency.cli.options import AsOf, DataFolder, FormatOption, day
from residency.cli.output import Format, emit, line, to_json
from residency.errors import InputError

if TYPE_CHECKING:
    from residency.vendors import Vendors

app = typer.Typer(help="The provider catalogue: regions, vendors, store kinds, permissions.", no_args_is_help=True)


@app.command("list")
def list_(data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Every provider, partition and location name space.

    Example: residency providers list
    """
    from residency.data import data_folders
    from residency.providers import load_providers

    catalogue = load_providers(data_folders(data))
    counts: dict[str, int] = {}
    for region in catalogue.regions:
        counts[region.provider] = counts.get(region.provider, 0) + 1
    rows = [
        {
            "provider": key,
            "name": item.name.en,
            "kind": item.kind,
            "part_of": item.part_of,
            "locations": counts.get(key, 0),
            "reviewed": item.reviewed,
        }
        for key, item in catalogue.items()
    ]
    emit(rows, ["provider", "name", "kind", "part_of", "locations", "reviewed"], form)


@app.command()
def regions(
    provider: Annotated[list[str] | None, typer.Argument(help="Provider ids; all when left out.")] = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Every location name with its countries, operator, status and pair.

    Example: residency providers regions aws gcp-gcs --format json
    """
    from residency.data import data_folders
    from residency.providers import load_providers

    catalogue = load_providers(data_folders(data))
    for name in provider or []:
        if name not in catalogue:
            raise InputError(f"providers regions: no provider {name!r}; there are {', '.join(catalogue)}")
    rows = [
        {
            "provider": region.provider,
            "region": region.region,
            "countries": list(region.countries),
            "kind": region.kind,
            "operator": region.operator,
            "status": region.status,
            "paired_region": region.paired,
            "holds": region.holds,
            "from": region.start,
            "to": region.end,
            "place": region.place,
            "source": region.source.url,
            "confidence": region.source.confidence,
        }
        for region in catalogue.regions
        if not provider or region.provider in provider
    ]
    columns = ["provider", "region", "countries", "kind", "operator", "status", "paired_region"]
    emit(rows, columns, form)


@app.command()
def kinds(data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Every store kind that is read: what it holds, in which roles, by which calls and permissions.

    Example: residency providers kinds --format json
    """
    from residency.collect.spec import load_kinds
    from residency.data import data_folders

    rows = [
        {
            "provider": name.split(".")[0],
            "kind": name,
            "holds": kind.holds,
            "content": kind.content,
            "roles": sorted({rule.role for rule in kind.placements}),
            "calls": [
                ":".join(part for part in (call.service or kind.list_.service, call.operation) if part)
                for call in kind.calls()
            ],
            "permissions": sorted({action for call in kind.calls() for action in call.iam}),
        }
        for name, kind in load_kinds(data_folders(data)).items()
    ]
    emit(rows, ["provider", "kind", "holds", "roles", "calls", "permissions"], form)


@app.command()
def permissions(
    provider: Annotated[str, typer.Argument(help="aws, gcp or azure.")],
    data: DataFolder = None,
    split: Annotated[
        Path | None, typer.Option(help="Folder to write AWS policies to, each small enough for IAM.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="Where the role of Azure may be assigned: /subscriptions/… or a management group."),
    ] = None,
) -> None:
    """The least-privilege policy or role that a sweep needs, as JSON: exactly what the kinds ask for.

    IAM takes no managed policy of more than 6,144 characters: with --split, several are written that together allow
    the same; attach all of them to the role. The role of Azure names the root management group, whose id is that of
    the tenant.

    Example: residency providers permissions aws --split policies
    """
    from residency.collect.permissions import MANAGED_POLICY, ROOT_GROUP, parts, size
    from residency.collect.permissions import permissions as derive
    from residency.collect.spec import load_kinds
    from residency.data import data_folders

    if provider not in {"aws", "gcp", "azure"}:
        raise InputError(f"providers permissions: no sweep of {provider!r}; choose aws, gcp or azure")
    if (split and provider != "aws") or (scope and provider != "azure"):
        raise InputError(f"providers permissions: --split is for aws, --scope for azure; leave them out for {provider}")
    document = derive(provider, load_kinds(data_folders(data)), scope=scope or ROOT_GROUP)
    if split is None:
        line(to_json(document).rstrip())
        if provider == "azure" and scope is None:
            typer.echo("residency: put the tenant's id into AssignableScopes, or name another --scope", err=True)
        if provider == "aws" and size(document) > MANAGED_POLICY:
            message = f"{size(document):,} characters, and IAM takes {MANAGED_POLICY:,} in a managed policy"
            typer.echo(f"residency: {message}; --split FOLDER writes several that fit", err=True)
        return
    split.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(parts(document), 1):
        file = split / f"residency-{number}.json"
        file.write_text(to_json(part), encoding="utf-8")
        line(f"{file}: {size(part):,} characters")


@app.command()
def vendors(as_of: AsOf = None, data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Every vendor: where it sits, who owns it, where data lies and who may reach it, for a customer in Japan.

    Example: residency providers vendors --format json
    """
    from residency.data import data_folders
    from residency.vendors import load_vendors, staff_countries

    when = day(as_of)
    catalogue = load_vendors(data_folders(data))
    rows = []
    for key, item in catalogue.items():
        parties = [party.entity for party in item.parties("JP", when)]
        rows.append(
            {
                "vendor": key,
                "name": item.name.en,
                "category": item.category,
                "party": parties,
                "seats": sorted({catalogue.entities[party].seat for party in parties}) or ["unknown"],
                "owner_seats": _owner_seats(catalogue, parties, when),
                "storage": item.storage.default.countries,
                "offered": [place.name for place in item.storage.offered],
                "staff": list(staff_countries(item)),
                "reviewed": item.reviewed,
                "review_by": item.review_by,
            }
        )
    emit(rows, ["vendor", "category", "party", "seats", "owner_seats", "storage", "staff", "reviewed"], form)


def _owner_seats(catalogue: Vendors, parties: list[str], when: dt.date) -> list[str]:
    """Seats of all owners up every chain; a chain that is not known to end holds ``unknown``."""
    from residency.entities import owners_of

    steps = [step for party in parties for step in owners_of(catalogue.entities, party, when)]
    return sorted({catalogue.entities[step.parent].seat for step in steps})


@app.command()
def vendor(
    vendor: Annotated[str, typer.Argument(help="Vendor id such as zendesk.")],
    as_of: AsOf = None,
    data: DataFolder = None,
    form: FormatOption = Format.table,
) -> None:
    """Everything on file about one vendor on a day, each line with its source.

    Example: residency providers vendor zendesk
    """
    from residency.data import data_folders
    from residency.escape import terminal
    from residency.vendors import load_vendors

    when = day(as_of)
    catalogue = load_vendors(data_folders(data))
    if vendor not in catalogue:
        raise InputError(f"providers vendor: no vendor {vendor!r}; `residency providers vendors` names all")
    item = catalogue[vendor]
    rows = list(_vendor_rows(catalogue, vendor, when))
    columns = ["what", "who", "countries", "says", "confidence", "source"]
    if form is not Format.table:
        emit(rows, ["vendor", *columns, "note", "file", "line"], form)
        return
    line(
        f"{terminal(item.name.en)} / {terminal(item.name.ja)} ({vendor}), {item.category} on {when}; "
        f"reviewed {item.reviewed}, next by {item.review_by}"
    )
    line(f"services: {terminal(', '.join(item.services))}")
    line(f"domains: {', '.join(item.domains) or 'none recorded'}")
    line(f"sub-processors: {terminal(item.subprocessors.page) if item.subprocessors else 'no page recorded'}")
    line()
    emit(rows, columns, form)


def _vendor_rows(catalogue: Vendors, key: str, when: dt.date) -> Iterator[dict[str, Any]]:
    from residency.entities import owners_of

    item = catalogue[key]

    def row(
        what: str, who: str, countries: list[str], source: Any, note: str | None, path: tuple[str | int, ...]
    ) -> dict[str, Any]:
        """``source`` is None for what was looked for and not found."""
        return {
            "vendor": key,
            "what": what,
            "who": who,
            "countries": countries,
            "says": (source.says if source else None) or "",
            "confidence": source.confidence if source else "",
            "source": (source.url if source else None) or "",
            "note": note or "",
            "file": catalogue.file(key),
            "line": catalogue.line(key, path),
        }

    shown: set[str] = set()
    for number, party in enumerate(item.contracting):
        entity = catalogue.entities[party.entity]
        path = ("contracting", number)
        what = f"contract for {' '.join(party.customers)}"
        yield row(what, entity.name, [entity.seat], party.source, entity.note, path)
        for step in [None, *owners_of(catalogue.entities, party.entity, when)]:
            name = step.parent if step else party.entity
            found = catalogue.entities[name]
            if step is not None and f"{step.child}>{name}" not in shown:
                shown.add(f"{step.child}>{name}")
                share = f"{step.stake.share:.1%} " if step.stake.share is not None else ""
                what = f"{share}{step.stake.relation} of {catalogue.entities[step.child].name}"
                yield row(what, found.name, [found.seat], step.stake.source, found.note, ("entities", step.child))
            if name not in shown:
                shown.add(name)
                yield row("seat", found.name, [found.seat], found.source, found.note, ("entities", name))
                for hold in found.footholds:
                    where = ("entities", name, "footholds")
                    yield row(f"foothold: {hold.why}", found.name, [hold.country], hold.source, hold.note, where)
    default = item.storage.default
    yield row("storage, default", "", default.countries, default.source, default.note, ("storage", "default"))
    for number, place in enumerate(item.storage.offered):
        yield row(
            "storage, offered", place.name, place.countries, place.source, place.note, ("storage", "offered", number)
        )
    for number, access in enumerate(item.staff_access):
        what = f"staff access, control {access.control}"
        note = "; ".join(text for text in (access.note, access.searched, access.partial and "not all") if text)
        yield row(what, access.purpose.en, access.countries, access.source, note, ("staff_access", number))
    if item.aws_accounts_source is not None:
        yield row("AWS accounts", " ".join(item.aws_accounts), [], item.aws_accounts_source, None, ("aws_accounts",))


@app.command()
def lint(as_of: AsOf = None, data: DataFolder = None, form: FormatOption = Format.table) -> None:
    """Check every provider and vendor file; faults exit 2, notices (past review, open chains of owners) do not.

    Example: residency providers lint
    """
    from residency.data import data_folders
    from residency.escape import terminal
    from residency.providerlint import load_both, notices

    folders = data_folders(data)
    catalogue, saas = load_both(folders)
    found = [
        {"file": item.file, "subject": item.subject, "notice": item.message}
        for item in notices(catalogue, saas, folders, day(as_of))
    ]
    if form is not Format.table:
        emit(found, ["file", "subject", "notice"], form)
        return
    for item in found:
        line(f"notice: {terminal(item['file'])} {terminal(item['subject'])}: {item['notice']}")
    line(f"{len(catalogue)} providers, {len(saas)} vendors: no faults, {len(found)} notices")
