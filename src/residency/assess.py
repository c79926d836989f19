"""From a snapshot and the catalogues to everything that is computed: the one place that puts inputs together."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from residency.classify import classify
from residency.collect.spec import load_kinds
from residency.config import Config, load_config
from residency.data import DataFolders, data_folders
from residency.graph import Inputs
from residency.inventory.snapshot import Snapshot
from residency.inventory.tables import Rows
from residency.jurisdictions import Jurisdictions, load_jurisdictions
from residency.known_accounts import FILE_NAME, KnownAccounts, load_known
from residency.method.facts import load_fact_words
from residency.method.judgement import Judgement, load_judgement
from residency.model import KindWords
from residency.providers import Providers, load_providers
from residency.vendors import Vendors, load_vendors

__all__ = ["Catalogues", "assemble", "load_catalogues", "snapshot_day"]


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Facts and judgements, without any inventory."""

    folders: DataFolders
    jurisdictions: Jurisdictions
    providers: Providers
    judgement: Judgement
    vendors: Vendors
    known: KnownAccounts = field(default_factory=dict)


def load_catalogues(overlay: Path | None = None, config_file: Path | None = None) -> Catalogues:
    """Read both catalogues and the judgements.

    Parameters
    ----------
    overlay
        The user's own data folder.
    config_file
        The organisation's ``residency.yaml``; ``known-accounts.yaml`` beside it is read too.

    Raises
    ------
    FaultsError
        With every fault of the first catalogue that has any.
    """
    folders = data_folders(overlay)
    return Catalogues(
        folders,
        load_jurisdictions(folders, load_fact_words()),
        load_providers(folders),
        load_judgement(),
        load_vendors(folders),
        load_known(config_file.resolve().parent / FILE_NAME) if config_file is not None else {},
    )


def read_config(file: Path, catalogues: Catalogues) -> Config:
    """Read residency.yaml against the data classes there are."""
    return load_config(file, frozenset(catalogues.judgement.classes), catalogues.jurisdictions.groups)


def snapshot_day(snapshot: Snapshot) -> dt.date:
    """The day a snapshot was finished, in UTC."""
    finished = [sweep.finished_at for sweep in snapshot.rows("sweeps")["sweeps"]]
    return max(finished).date() if finished else dt.datetime.now(dt.UTC).date()


def assemble(rows: Rows, config: Config, catalogues: Catalogues, as_of: dt.date) -> Inputs:
    """Classify the stores and put together what a score depends on; a pure function."""
    kinds = load_kinds(catalogues.folders)
    words = {name: KindWords(kind.content, kind.in_use, kind.account_wide) for name, kind in kinds.items()}
    content = {name: word.content for name, word in words.items()}
    judgement = catalogues.judgement.with_overrides(list(config.method.values()))
    return Inputs(
        rows=rows,
        holdings=tuple(classify(rows["stores"], rows["labels"], config, content)),
        config=config,
        providers=catalogues.providers,
        jurisdictions=catalogues.jurisdictions,
        judgement=judgement,
        kinds=words,
        as_of=as_of,
        vendors=catalogues.vendors,
        known=catalogues.known,
    )
