"""From a snapshot and the catalogues to everything that is computed: the one place that puts inputs together."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
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


class Catalogues:
    """Facts and judgements, without any inventory; each is read when it is first asked for.

    Parameters
    ----------
    folders
        Where the data lies.
    config_file
        The organisation's ``residency.yaml``; ``known-accounts.yaml`` beside it is read too.
    """

    def __init__(self, folders: DataFolders, config_file: Path | None = None) -> None:
        self.folders = folders
        self._config_file = config_file

    @cached_property
    def groups(self) -> frozenset[str]:
        """Names of groups of countries; needs no country's file."""
        return frozenset(load_jurisdictions(self.folders, load_fact_words(), only=()).groups)

    @cached_property
    def jurisdictions(self) -> Jurisdictions:
        """The law catalogue."""
        return load_jurisdictions(self.folders, load_fact_words())

    @cached_property
    def providers(self) -> Providers:
        """The provider catalogue."""
        return load_providers(self.folders)

    @cached_property
    def judgement(self) -> Judgement:
        """Grades, weights and constants."""
        return load_judgement()

    @cached_property
    def vendors(self) -> Vendors:
        """The vendor catalogue."""
        return load_vendors(self.folders)

    @cached_property
    def known(self) -> KnownAccounts:
        """Account holders named beside residency.yaml."""
        return {} if self._config_file is None else load_known(self._config_file.resolve().parent / FILE_NAME)


def load_catalogues(overlay: Path | None = None, config_file: Path | None = None) -> Catalogues:
    """The catalogues, with the user's own data folder over ours.

    Parameters
    ----------
    overlay
        The user's own data folder.
    config_file
        The organisation's ``residency.yaml``; ``known-accounts.yaml`` beside it is read too.

    Raises
    ------
    FaultsError
        Later, when a catalogue that has faults is first asked for: with every fault of it.
    """
    return Catalogues(data_folders(overlay), config_file)


def read_config(file: Path, catalogues: Catalogues) -> Config:
    """Read residency.yaml against the data classes there are."""
    return load_config(file, frozenset(catalogues.judgement.classes), catalogues.groups)


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
