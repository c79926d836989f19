"""One way in: files of foreign inventories to rows of ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from residency.collect.imports.detect import Format, format_of
from residency.collect.imports.gather import Gathered
from residency.collect.imports.items import Item, Problem
from residency.collect.imports.spec import SOURCES, Source, load_foreign
from residency.collect.imports.stream import Head, head_of
from residency.collect.imports.tables import LABELS, Tables
from residency.collect.spec import Kind
from residency.data import DataFolders
from residency.errors import ConfigError
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["SUFFIXES", "files_of", "import_files"]

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".parquet", ".tfstate", ".gz")
"""Ends of the names that are read where a folder is named; a file that is named is always read."""


_LIMITS: Mapping[Source, str] = {
    "terraform": "a Terraform state says what was applied, not what is there now or was made elsewhere",
    "steampipe": "where ignore_error_codes is set, Steampipe shows a refused call as null, like what is not set",
}


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, folders opened, in a stable order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(SUFFIXES))
        else:
            found.append(path)
    return found


def import_files(
    files: list[Path],
    form: Format | None,
    kinds: Mapping[str, Kind],
    folders: DataFolders,
    providers: Providers,
    *,
    account: str = "",
    region: str = "",
    seen_at: dt.datetime,
) -> tuple[Format, Rows]:
    """Read files of one format; without one it is told from each file's beginning.

    Raises
    ------
    InputError
        When a file is of another format, or nothing of it can be read.
    """
    heads = {path: head_of(path) for path in files}
    if not files:
        raise ConfigError(f"import: no file to read; in a folder, names end in {', '.join(SUFFIXES)}")
    forms = {path: form or format_of(path, head) for path, head in heads.items()}
    chosen = next(iter(forms.values()))
    if other := next((path for path, name in forms.items() if name != chosen), None):
        raise ConfigError(f"{other}: is {forms[other]}, while {files[0]} is {chosen}; import them one after the other")
    if chosen in SOURCES:
        return chosen, _tables(heads, chosen, kinds, folders, providers, account, region, seen_at)
    if chosen == "asset-export":
        from residency.collect.imports.assets import LABEL, import_assets

        gathered = Gathered(LABEL, "gcp", seen_at)
        import_assets(heads, kinds, providers, gathered, account=account)
        return chosen, gathered.finish(providers, account)
    if chosen == "resource-graph":
        from residency.collect.imports.graph_rows import LABEL as GRAPH
        from residency.collect.imports.graph_rows import import_graph

        gathered = Gathered(GRAPH, "azure", seen_at)
        import_graph(heads, kinds, providers, gathered, account=account)
        return chosen, gathered.finish(providers, account)
    raise ConfigError(f"{files[0]}: recorded answers are read with --provider aws, gcp or azure")


def _tables(
    heads: Mapping[Path, Head],
    source: Source,
    kinds: Mapping[str, Kind],
    folders: DataFolders,
    providers: Providers,
    account: str,
    region: str,
    seen_at: dt.datetime,
) -> Rows:
    types = load_foreign(folders, kinds, [source])
    gathered = Gathered(LABELS[source], "aws" if source == "config" else "", seen_at)
    tables = Tables(source, kinds, types, providers, gathered, account, region)
    names = frozenset(name for _, name in types)
    for path, head in heads.items():
        tables.take(path, _reader(source, names)(path, head))
    tables.finish()
    for provider in sorted(gathered.met) if source in _LIMITS else ():
        gathered.note(provider, _LIMITS[source])
    return gathered.finish(providers, account)


def _reader(source: Source, names: frozenset[str]) -> Callable[[Path, Head], Iterator[Item | Problem]]:
    if source == "config":
        from residency.collect.imports.config import config_items

        return config_items
    if source == "terraform":
        from residency.collect.imports.terraform import terraform_items

        return terraform_items
    from residency.collect.imports.sql_tables import sql_items

    return lambda path, head: sql_items(path, head, names)
