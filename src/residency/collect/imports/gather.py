"""What an import has gathered: rows, what was of no kind, what could not be read, and which clouds were met."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from residency.collect.boundary import Caught
from residency.collect.imports.items import Problem
from residency.collect.resolve import resolve
from residency.collect.run import recorded_sweep
from residency.errors import InputError
from residency.inventory.tables import Gap, Rows
from residency.model import Cause
from residency.providers import Providers

__all__ = ["Gathered"]

ItemT = TypeVar("ItemT")
_SHOWN = 100
_PREFIXES: Mapping[str, str] = {"aws": "aws", "google": "gcp", "gcp": "gcp", "azurerm": "azure", "azure": "azure"}


@dataclass(slots=True)
class Gathered:
    """Rows of one import, whatever the format.

    Parameters
    ----------
    label
        How the source is called in rows and messages.
    provider
        Whose inventory it is, where the source has one provider only.
    """

    label: str
    provider: str
    seen_at: dt.datetime
    rows: Rows = field(default_factory=Rows)
    met: set[str] = field(default_factory=set)
    nameless: Counter[str] = field(default_factory=Counter)
    _unread: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def read(self, path: Path, items: Iterable[ItemT | Problem]) -> Iterator[ItemT]:
        """The items of a file; its broken lines become gaps.

        Raises
        ------
        InputError
            When nothing of the file can be read.
        """
        first: Problem | None = None
        problems = count = 0
        stream = iter(items)
        while True:
            try:
                item = next(stream, None)
            except InputError as error:
                if not count:
                    raise
                self._gap("listing", "malformed", f"{error}; the rest of the file was not read")
                return
            if item is None:
                break
            if not isinstance(item, Problem):
                count += 1
                yield item
                continue
            first = first or item
            problems += 1
            if problems <= _SHOWN:
                self._gap("listing", "malformed", f"{path}:{item.line}: {item.message}")
        if first is not None and not count:
            raise InputError(f"{path}:{first.line}: {first.message}")
        if problems > _SHOWN:
            self._gap("listing", "malformed", f"{path}: {problems - _SHOWN} more lines could not be read")

    def stumbled(self, path: Path, line: int, caught: Caught) -> None:
        """A row that could not be mapped, whatever it holds, is a gap and not the end of the rest."""
        if caught.error is not None:
            self._gap("listing", "malformed", f"{path}:{line}: cannot be read ({type(caught.error).__name__})")

    def of_no_kind(self, name: str, account: str) -> None:
        """Count a row whose type no kind reads."""
        provider = self.provider or _PREFIXES.get(name.split("_", 1)[0], "")
        self._unread[provider, account, name or "(not named)"] += 1

    def note(self, provider: str, message: str, cause: Cause = "skipped") -> None:
        """Add a gap about the whole of what was imported of one provider."""
        self._gap("scope", cause, message, provider)

    def finish(self, providers: Providers, account: str) -> Rows:
        """Everything, resolved, with a gap for what the source did not hold."""
        for (provider, owner, name), count in sorted(self._unread.items()):
            self._gap("scope", "unsupported", f"{count} of type {name[:200]} are of no kind", provider, owner)
        for provider, count in sorted(self.nameless.items()):
            self.note(provider, f"{count} rows name no account; name it with --account", "unresolved")
        rows = resolve(self.rows, providers)
        source = Rows()
        recorded_sweep(source, self.label, account, self.seen_at, providers)
        rows.add(*source["sweeps"])
        for provider in sorted(self.met or {self.provider}):
            message = f"read from {self.label}: what it does not hold was not asked"
            rows.add(*(replace(gap, provider=provider, message=message) for gap in source["gaps"]))
        return rows.sorted()

    def _gap(self, what: str, cause: Cause, message: str, provider: str | None = None, account: str = "") -> None:
        origin: dict[str, Any] = {"region": "", "kind": "", "call": self.label, "seen_at": self.seen_at}
        self.rows.add(
            Gap(
                **origin,
                provider=self.provider if provider is None else provider,
                account=account,
                field=what,
                cause=cause,
                message=message,
            )
        )
