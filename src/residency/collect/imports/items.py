"""What the formats have in common: a row of another inventory, or what is wrong with a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Item", "Problem", "moment"]


@dataclass(frozen=True, slots=True)
class Item:
    """One row: its type in the source's own words and its columns.

    ``whole``: all the source has, not a selection. ``key``: rows of the same key are one resource at several times, of
    which the one with the greatest ``version`` counts; ``gone``: it is not there any more at that time.
    """

    type: str
    row: Mapping[str, Any]
    line: int = 0
    whole: bool = True
    key: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that could not be read; never with what stands in it."""

    line: int
    message: str


def moment(value: Any) -> dt.datetime | None:
    """A time as text, or None; one without a zone is taken as UTC."""
    if isinstance(value, dt.datetime):
        found = value
    else:
        try:
            found = dt.datetime.fromisoformat(str(value))
        except ValueError:
            return None
    try:
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except OverflowError:  # the first or last day there is
        return None
