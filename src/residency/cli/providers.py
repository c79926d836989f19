"""``residency providers``: who stands behind a region name, which kinds are read, which permissions that takes."""

from __future__ import annotations

from typing import Annotated

import typer

from residency.cli.options import DataFolder, FormatOption
from residency.cli.output import Format, emit, line, to_json
from residency.errors import InputError

app = typer.Typer(help="The provider catalogue: regions, store kinds, permissions.", no_args_is_help=True)


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
) -> None:
    """The least-privilege policy or role that a sweep needs, as JSON: exactly what the kinds ask for.

    Example: residency providers permissions aws > residency-policy.json
    """
    from residency.collect.permissions import permissions as derive
    from residency.collect.spec import load_kinds
    from residency.data import data_folders

    if provider not in {"aws", "gcp", "azure"}:
        raise InputError(f"providers permissions: no sweep of {provider!r}; choose aws, gcp or azure")
    line(to_json(derive(provider, load_kinds(data_folders(data)))).rstrip())
