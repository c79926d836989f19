"""Rows of foreign types, mapped: the type says which kind a row is, the kind's own rules read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.collect.boundary import boundary
from residency.collect.functions import arn_part
from residency.collect.grants import Scope
from residency.collect.imports.functions import look
from residency.collect.imports.gather import Gathered
from residency.collect.imports.items import Item, Problem, moment
from residency.collect.imports.parts import Parts
from residency.collect.imports.paths import chains, present
from residency.collect.imports.shape import Shape, shape_of, tag_map
from residency.collect.imports.spec import ForeignType, Source
from residency.collect.mapping import Asked, map_record
from residency.collect.places import pair_in
from residency.collect.spec import Kind
from residency.inventory.tables import Rows
from residency.providers import Providers

__all__ = ["LABELS", "Tables"]

LABELS: Mapping[Source, str] = {
    "config": "AWS Config",
    "terraform": "Terraform state",
    "steampipe": "Steampipe",
    "cloudquery": "CloudQuery",
}
_GLOBAL = "global"
_DIGITS = 12


@dataclass(slots=True)
class Tables:
    """Reads rows of one source into what is gathered.

    Parameters
    ----------
    account, region
        For rows that name none themselves.
    scope
        Which identities are the organisation's own, where that is known.
    """

    source: Source
    kinds: Mapping[str, Kind]
    types: Mapping[tuple[Source, str], ForeignType]
    providers: Providers
    gathered: Gathered
    account: str = ""
    region: str = ""
    scope: Scope = field(default_factory=Scope)
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _latest: dict[tuple[str, ...], tuple[tuple[str, ...], Rows]] = field(default_factory=dict)
    _azure: Rows = field(default_factory=Rows)
    _vaults: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    _parts: dict[str, str] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    _held: Parts = field(init=False)

    def __post_init__(self) -> None:
        self._held = Parts(self.source, self.types)

    def take(self, path: Path, items: Iterable[Item | Problem]) -> None:
        """Read one file's items."""
        for item in self.gathered.read(path, items):
            if not self._held.hold(path, item):
                self._read(path, item)

    def _read(self, path: Path, item: Item) -> None:
        known = self._latest.get(item.key) if item.key else None
        if known is not None and item.version < known[0]:
            return
        rows = Rows()
        with boundary() as caught:
            rows = rows if item.gone else self._rows(item)
        self.gathered.stumbled(path, item.line, caught)
        if item.key:
            self._latest[item.key] = item.version, rows
        else:
            self.gathered.rows.extend(rows)

    def finish(self) -> None:
        """Hand over what had to wait for the last row: rows that others say more of, the latest of several states, and
        keys named by vault."""
        for path, item in self._held.joined():
            self._read(path, item)
        for _, rows in self._latest.values():
            self.gathered.rows.extend(rows)
        self._latest.clear()
        if self._azure["stores"] or self._azure["gaps"]:
            from residency.collect.azure import read_resources

            self.gathered.rows.extend(read_resources(self._azure, self.providers, self._vaults))

    def _rows(self, item: Item) -> Rows:
        foreign = self.types.get((self.source, item.type))
        row = item.row
        if foreign is None:
            self.gathered.of_no_kind(item.type, _text(row, "account_id", "accountId") or self.account)
            return Rows()
        if foreign.when and not look(foreign.when, row):
            return Rows()
        kind = self.kinds[foreign.kind]
        shape = self._shapes.get(item.type)
        if shape is None:
            shape = self._shapes[item.type] = shape_of(kind, foreign, f"{LABELS[self.source]} {item.type}")
        account = _plain(look(foreign.account, row)) or self.account
        if foreign.provider == "aws" and account.isdigit():
            account = account.zfill(_DIGITS)  # a number has lost its leading zeros
        region = _plain(look(foreign.region, row)) or self.region
        provider, partition = self._owner(foreign, row, region)
        self.gathered.met.add(provider)
        if not account:
            self.gathered.nameless[provider] += 1
        tags = look(foreign.tags, row)
        said = not foreign.doubts_nulls and all(present(row, chain, 1) for chain in chains(foreign.tags))
        known = tag_map(tags) if tags is not None else {} if said else None
        # the pair of a place that is not known is not known either
        own = _plain(look(foreign.region, row)) if foreign.provider == "azure" else ""
        more = {"paired": pair_in(self.providers)("azure", own)} if own else None
        told, record = shape.record(row, known, whole=item.whole, flat=self.source != "config", more=more)
        asked = Asked(
            provider=provider,
            account=account,
            region=_GLOBAL if kind.scope == "global" else region,
            kind=foreign.kind,
            partition=partition,
            seen_at=self._seen(foreign, row),
            scope=self.scope,
            pair_of=pair_in(self.providers),
        )
        if foreign.provider == "aws":
            return map_record(told, record, asked)
        if foreign.provider == "gcp":
            from residency.collect.gcp import read_assets

            return read_assets(map_record(told, record, asked), self.providers)
        from residency.collect.azure import normal, vault_of

        record.data = normal(record.data)
        if record.data["type"].startswith("microsoft.keyvault/"):
            self._vaults |= vault_of(record.data)
        self._azure.extend(map_record(told, record, asked))
        return Rows()

    def _owner(self, foreign: ForeignType, row: Mapping[str, Any], region: str) -> tuple[str, str]:
        """The catalogue's provider and the partition a row belongs to."""
        if foreign.provider != "aws":
            return foreign.provider, foreign.provider
        if not self._parts:
            for name, item in self.providers.items():
                if item.partition:
                    self._parts.setdefault(item.partition, name)
        partition = next((found for found in _partitions(row) if found in self._parts), None)
        if partition is None:
            partition = self._places.get(region)
        if partition is None:
            found = (part for part, name in self._parts.items() if region and self.providers.find(name, region))
            partition = self._places[region] = next(found, "aws")
        return self._parts.get(partition, "aws"), partition

    def _seen(self, foreign: ForeignType, row: Mapping[str, Any]) -> dt.datetime:
        return (moment(look(foreign.seen, row)) if foreign.seen else None) or self.gathered.seen_at


def _partitions(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("arn", "ARN", "id"):
        if found := arn_part(row.get(name), "partition"):
            yield found


def _text(row: Mapping[str, Any], *names: str) -> str:
    return next((found for name in names if (found := _plain(row.get(name)))), "")


def _plain(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
