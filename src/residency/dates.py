"""Half-open validity periods: ``from`` is the first day in force, ``to`` the first day no longer in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from residency.errors import ConfigError

__all__ = ["Dated", "in_force", "overlaps", "parse_day"]


class Dated(Protocol):
    """Anything with a period."""

    @property
    def start(self) -> dt.date | None: ...
    @property
    def end(self) -> dt.date | None: ...


def parse_day(text: str, field: str = "date") -> dt.date:
    """Read an ISO 8601 day such as ``2026-11-23``.

    Raises
    ------
    ConfigError
        When ``text`` is not such a day.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{field}: {text!r} is not a day; write it as YYYY-MM-DD") from None


def in_force(item: Dated, day: dt.date) -> bool:
    """Whether ``day`` lies in the item's period; an open end reaches for ever."""
    return (item.start is None or item.start <= day) and (item.end is None or day < item.end)


def overlaps(items: Iterable[Dated]) -> list[tuple[Dated, Dated]]:
    """Pairs of items whose periods share a day, in order of their start."""
    ordered = sorted(items, key=lambda item: item.start or dt.date.min)
    found: list[tuple[Dated, Dated]] = []
    for position, first in enumerate(ordered):
        for second in ordered[position + 1 :]:
            if first.end is not None and (second.start or dt.date.min) >= first.end:
                break
            found.append((first, second))
    return found
