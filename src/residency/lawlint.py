"""Notices about the law catalogue that are no faults: what to look at, though the file can be read.

Due for review; lists that disagree with files; facts that begin before, or outlast, the law they cite; confidence that
its own note does not bear; references that lead nowhere; countries in which a provider has a region but which have no
file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from residency.dates import in_force
from residency.jurisdictions import RATIFIED, FactEntry, Jurisdiction, Jurisdictions

__all__ = ["Notice", "notices"]

_NO_PROMISE = frozenset({"survey", "restriction"})
"""Kinds of list that say something about a country without the country having promised anything."""
_BOUND = frozenset({"member", "in-force", "adherent", "designated", "party", "participant"})
"""Statuses in which an entry binds; a signature or a negotiation does not."""
_MAY_SAY = _BOUND | {RATIFIED}
"""Statuses that a file may tell of: one of a treaty not in force it may, and need not."""
_SPEAKS_OF_BEFORE = frozenset({"decision", "guidance"})
"""Kinds of instrument that may state how the law stood before their own day."""
_NOWHERE = frozenset({"ZZ"})
_UNREAD = re.compile(r"\A(content |text |wholly |all )?from (general knowledge|memory)\b", re.I)
_KEY = re.compile(r"\b(?:power|safeguard|localization|transfer|retention|oecd8)\.[a-z][a-z_0-9]*(?:\.[a-z][a-z_0-9]*)?")
_FILE = re.compile(r"\b(?:file|see) ([A-Z]{2}(?:-[A-Z0-9]{2,8})?)\b")
_PAGE = re.compile(r"(?<![\w./:-])docs/[\w./-]+\.md\b")


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """Something to look at in one country's file."""

    country: str
    subject: str
    message: str


def notices(
    catalogue: Jurisdictions,
    day: dt.date,
    *,
    regions: Iterable[tuple[str, Iterable[str]]] = (),
    root: Path | None = None,
) -> list[Notice]:
    """All notices for a day, sorted.

    Parameters
    ----------
    regions
        Names of provider regions with their countries; a country among them without a file is named.
    root
        Folder that ``docs/…`` in the files is relative to; such references are not followed without it.
    """
    found = [*_due(catalogue, day), *_one_sided(catalogue), *_without_file(catalogue, regions)]
    for code, item in catalogue.items():
        found += [*_periods(code, item), *_confidence(code, item), *_references(code, item, catalogue, root)]
    return sorted(set(found))


def _due(catalogue: Jurisdictions, day: dt.date) -> Iterator[Notice]:
    for code, item in catalogue.items():
        if item.stale(day):
            yield Notice(code, "review", f"was due for review by {item.review_by}")
        for key, entries in item.facts.items():
            for entry in entries:
                if entry.review_by is not None and day >= entry.review_by and in_force(entry, day):
                    yield Notice(code, key, f"was due for review by {entry.review_by}")


def _one_sided(catalogue: Jurisdictions) -> Iterator[Notice]:
    """Lists that name a country whose file does not say so, and the other way round."""
    for code, item in catalogue.items():
        entries = item.facts.get("safeguard.commitments", ())
        said = {entry.attributes.get("list", "") for entry in entries if entry.value == "yes"}
        listed = {
            name: members.entries[code].status
            for name, members in catalogue.commitments.items()
            if members.kind not in _NO_PROMISE and code in members.entries
        }
        for name in sorted({name for name, status in listed.items() if status in _BOUND} - said):
            yield Notice(code, "safeguard.commitments", f"{name} lists the country, its file does not say so")
        for name in sorted(said - {name for name, status in listed.items() if status in _MAY_SAY} - {""}):
            yield Notice(code, "safeguard.commitments", f"the file names {name}, which does not list the country")


def _without_file(catalogue: Jurisdictions, regions: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Notice]:
    there: dict[str, set[str]] = {}
    for name, countries in regions:
        for code in countries:
            if code not in catalogue and code not in catalogue.groups and code not in _NOWHERE:
                there.setdefault(code, set()).add(name)
    for code, names in there.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield Notice(code, "file", f"{min(names)}{more} may lie there, and there is no file")


def _periods(code: str, item: Jurisdiction) -> Iterator[Notice]:
    """Facts that begin before the law they cite first, or outlast all the laws they cite.

    What denies a duty or a power may cite the law that brought it later, or took it away before; a decision may state
    how the law stood before.
    """
    for key, entries in item.facts.items():
        for entry in entries:
            if not entry.cite or entry.value == "no":
                continue
            first = item.instruments[entry.cite[0].instrument]
            begins = min((period.start for period in first.in_force), default=dt.date.min)
            if first.kind not in _SPEAKS_OF_BEFORE and entry.start < begins:
                name = entry.cite[0].instrument
                yield Notice(code, key, f"begins on {entry.start}, but {name}, cited first, on {begins}")
            ends = [
                period.end or dt.date.max
                for cite in entry.cite
                for period in item.instruments[cite.instrument].in_force
            ]
            if ends and entry.confidence != "low" and max(ends) < (entry.end or dt.date.max):
                yield Notice(code, key, f"the fact from {entry.start} outlasts all that it cites ({max(ends)})")


def _confidence(code: str, item: Jurisdiction) -> Iterator[Notice]:
    """High or medium, though nothing but general knowledge is named."""
    for key, entries in item.facts.items():
        for entry in entries:
            if entry.confidence in {"high", "medium"} and _unread(entry):
                yield Notice(code, key, f"confidence {entry.confidence}, but only general knowledge is named")


def _unread(entry: FactEntry) -> bool:
    said_so = bool(entry.cite) and all("(general knowledge)" in cite.says for cite in entry.cite)
    return said_so or _UNREAD.match(entry.note or "") is not None


def _references(code: str, item: Jurisdiction, catalogue: Jurisdictions, root: Path | None) -> Iterator[Notice]:
    if item.parent is not None and item.parent not in catalogue:
        yield Notice(code, "parent", f"{item.parent} has no file")
    texts = [
        (key, text)
        for key, entries in item.facts.items()
        for entry in entries
        for text in (entry.note, entry.searched, *(cite.says for cite in entry.cite))
    ]
    texts.append(("disclosure", item.disclosure.searched))
    for subject, text in texts:
        for key in _KEY.findall(text or ""):
            if key not in catalogue.words.keys:
                yield Notice(code, subject, f"refers to {key}, which is no fact key")
        for other in _FILE.findall(text or ""):
            if other not in catalogue:
                yield Notice(code, subject, f"refers to the file {other}, which is not there")
        for page in _PAGE.findall(text or ""):
            if root is not None and not (root / page).is_file():
                yield Notice(code, subject, f"refers to {page}, which is not there")
