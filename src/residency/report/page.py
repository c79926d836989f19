"""The report as one HTML page: no request leaves it, names in it are inert, and the same scores give the same bytes.

The tables are plain HTML, so that the page reads without scripts; the script adds filters, sorting and the trees.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from residency.disclosure.tables import Policy
from residency.escape import plain
from residency.interval import Interval
from residency.providers import UNBOUNDED
from residency.report import tables
from residency.report.geography import Geography, geography
from residency.report.trees import Forest, shorten, witness
from residency.scoring import Scores

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Limits", "render_report"]

_ASSETS = Path(__file__).with_name("assets")
_GEODATA = Path(__file__).parent.parent / "geodata" / "manifest.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the page keeps, so that it stays below about 5 MB; it says what was left out.

    ``exposures`` rows and ``trees`` are shared out evenly: every jurisdiction keeps its highest ones.
    """

    exposures: int = 2000
    trees: int = 600
    rows: int = 400
    laws: int = 60
    names: int = 20


@dataclass(frozen=True, slots=True)
class Cut(Generic[T]):
    """The first rows of a table and how many follow that the page leaves out."""

    rows: Sequence[T]
    left: int


@dataclass(frozen=True, slots=True)
class Shape:
    """One country on the map."""

    code: str
    path: str
    marker: tuple[int, int] | None
    look: str
    title: str
    linked: bool


def render_report(scores: Scores, policy: Policy, limits: Limits | None = None) -> str:
    """The whole page.

    Parameters
    ----------
    scores, policy
        Of the same inputs.
    limits
        How much the page keeps of large inventories.
    """
    bounds = limits or Limits()
    style, script = _asset("page.css"), _asset("page.js")
    view = _view(scores, policy, bounds)
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            **view,
            style=style,
            script=script,
            csp=_csp(style, script),
        )
    )
    return str(text).strip() + "\n"


def _csp(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _view(scores: Scores, policy: Policy, limits: Limits) -> dict[str, Any]:
    inputs = scores.inputs
    name = tables.namer(inputs)
    rows, rows_left = tables.exposures(scores, name, limits.exposures)
    register = tables.contractors(inputs, name)
    placed = tables.places(inputs, name)
    ranked = tables.countries(scores, placed, register, name)
    data, trees_left = _data(rows, limits.trees)
    accounts, gaps = tables.accounts(inputs), tables.gaps(inputs)
    strangers = tables.nobody(inputs, name)
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    with_file = [row for row in ranked if row.country.code in inputs.jurisdictions]
    without_file = [row.country for row in ranked if row.law == "none"]
    used = sorted({row.location_provider for row in inputs.rows["placements"]} & set(inputs.providers))
    return {
        "organisation": inputs.config.organisation.name,
        "as_of": inputs.as_of,
        "home": name(inputs.config.home),
        "sweeps": tables.sweeps(inputs),
        "method": inputs.judgement.version,
        "overrides": inputs.judgement.overrides,
        "bands": inputs.judgement.strengths.bands,
        "law_files": [inputs.jurisdictions[row.country.code] for row in with_file],
        "providers": [inputs.providers[key] for key in used],
        "geo_dates": sorted({(row.geo_source, row.geo_date) for row in inputs.rows["access"] if row.geo_source}),
        "dbip": _dbip(),
        "found": _found(scores, placed, register, ranked),
        "unseen": _unseen(scores, policy, register, without_file),
        "policy": policy,
        "policy_gaps": _cut(policy.gaps, limits.rows),
        "axes": _cut([row for block in policy.blocks for row in block.rows], limits.rows),
        "absence": [(block.axis, block.absence) for block in policy.blocks if not block.rows],
        "exposures": rows,
        "exposures_total": len(scores.cells),
        "exposures_left": _named(rows_left, name),
        "trees_left": trees_left,
        "choices": _choices(rows, scores),
        "countries": ranked,
        "map": _map(ranked, home, name, geography()),
        "size": (geography().width, geography().height),
        "undrawn": [row for row in ranked if row.country.code not in geography().codes],
        "places": _cut(placed, limits.rows),
        "gap_parts": sum(row.count for row in gaps if row.field in {"listing", "scope"}),
        "unclassified": tables.unclassified(inputs),
        "accounts": _cut(accounts, limits.rows),
        "gaps": _cut(gaps, limits.rows),
        "contractors": _cut(register, limits.rows),
        "strangers": _cut(strangers, limits.rows),
        "logs_read": bool(inputs.rows["access"]),
        "laws": [
            (row, tables.laws(inputs.jurisdictions[row.country.code], inputs.as_of)) for row in with_file[: limits.laws]
        ],
        "laws_left": [row.country for row in with_file[limits.laws :]],
        "laws_missing": without_file,
        "services": {service.id: service.name for service in inputs.config.services},
        "classes": {key: item.name for key, item in inputs.judgement.classes.items()},
        "names_shown": limits.names,
        "country_of": name,
        "data": _json(data),
        "map_source": geography().source,
        "stale": {row.country.code for row in ranked if row.law == "stale"},
    }


def _cut(rows: Iterable[T], limit: int) -> Cut[T]:
    every = list(rows)
    return Cut(every[:limit], max(len(every) - limit, 0))


def _named(left: Mapping[str, int], name: tables.Namer) -> list[tuple[tables.Country, int]]:
    return [(name(code), count) for code, count in sorted(left.items())]


def _dbip() -> Mapping[str, str]:
    entry = json.loads(_GEODATA.read_text(encoding="utf-8"))["dbip-country.npz"]
    return {key: str(entry[key]) for key in ("attribution", "link", "date")}


def _data(rows: Sequence[tables.Exposure], limit: int) -> tuple[dict[str, Any], int]:
    """Trees of the highest rows of each jurisdiction."""
    forest = Forest()
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.country.code] = counts.get(row.country.code, 0) + 1
    each = tables.share(counts.values(), limit)
    taken: dict[str, int] = {}
    cells: dict[str, list[Any]] = {}
    for row in rows:
        code = row.country.code
        taken[code] = taken.get(code, 0) + 1
        if taken[code] > each:
            continue
        found: list[Any] = []
        seen = row.cell.seen_trace
        for trace in (seen, seen if seen is not None and row.cell.seen == row.cell.value else row.cell.trace):
            if trace is None:
                found.append(None)
                continue
            stores, steps = witness(trace)
            found.append([forest.add(trace), forest.add(stores), [forest.add(step) for step in steps]])
        cells[str(row.number)] = found
    return {**forest.to_dict(), "cells": cells}, len(rows) - len(cells)


def _json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element; every text in it is one safe line already."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _choices(rows: Sequence[tables.Exposure], scores: Scores) -> dict[str, list[tuple[str, str]]]:
    datasets = {row.cell.dataset: f"{row.service}: {row.data_class}" for row in rows}
    found = {row.country.code: f"{row.country.en} {row.country.ja}" for row in rows}
    return {
        "dataset": sorted(datasets.items()),
        "country": sorted(found.items(), key=lambda item: (item[1], item[0])),
        "channel": sorted({(row.channel, row.channel) for row in rows}),
        "tie": [("seen", "seen"), ("possible", "possible"), ("gaps", "only what was not seen")],
        "band": [(band.name, band.name) for band in scores.inputs.judgement.strengths.bands],
    }


def _listed(items: Iterable[str], most: int = 12) -> str:
    names = list(items)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _found(
    scores: Scores,
    placed: Sequence[tables.PlaceRow],
    register: Sequence[tables.ContractorRow],
    ranked: Sequence[tables.CountryRow],
) -> list[str]:
    """Sentences on what was seen."""
    rows = scores.inputs.rows
    sure = sorted({row.country.en for row in placed if row.sure and row.country.code != UNBOUNDED})
    maybe = sorted({row.country.en for row in placed if row.country.code != UNBOUNDED} - set(sure))
    owners = {(store.provider, store.account) for store in rows["stores"]}
    said = [f"{_plural(len(rows['stores']), 'store')} seen in {_plural(len(owners), 'account')}."]
    said.append(
        f"User information was seen to lie in {_plural(len(sure), 'country', 'countries')}: {_listed(sure)}."
        if sure
        else "No store was seen whose content and place are both certain."
    )
    if maybe:
        said.append(f"It may lie in {_plural(len(maybe), 'further country', 'further countries')}: {_listed(maybe)}.")
    if register:
        odd = sum(item.mismatch for item in register)
        said.append(f"{_plural(len(register), 'contractor')} in the register on this day.")
        if odd:
            said.append(f"For {odd} of them logins were seen from countries that the register does not name.")
    by_tie = {key: [row.country for row in ranked if row.tie == key] for key in ("seen", "possible", "gaps")}
    if by_tie["seen"]:
        names = _listed(item.en for item in by_tie["seen"])
        count = _plural(len(by_tie["seen"]), "jurisdiction")
        said.append(f"A tie to {count} outside home was seen: {names}.")
    if by_tie["possible"]:
        count = _plural(len(by_tie["possible"]), "jurisdiction")
        said.append(f"A tie to {count} more is possible from what was seen, not certain.")
    return said


def _unseen(
    scores: Scores,
    policy: Policy,
    register: Sequence[tables.ContractorRow],
    without_file: Sequence[tables.Country],
) -> list[str]:
    """Sentences on what was not seen: none of it may be read as a no."""
    inputs = scores.inputs
    rows = inputs.rows
    said = []
    hidden, total = tables.hidden_units(inputs)
    if not total:
        said.append("No cloud was swept: nothing is known of stores there.")
    elif hidden:
        said.append(f"{hidden:,} of {total:,} parts asked for (account × region × kind) could not be seen.")
    if rows["gaps"]:
        said.append(f"{_plural(len(rows['gaps']), 'gap')} recorded, each with its cause below.")
    loose = tables.unclassified(inputs)
    if loose:
        said.append(
            f"What {_plural(loose, 'store')} of {len(rows['stores']):,} hold is not known: no rule or tag decides."
        )
    if not rows["contractors"]:
        said.append("No contractor register was read: contractors and their countries are not known.")
    unknown = sum(item.staff_unknown or item.seat is None for item in register)
    if unknown:
        said.append(f"Seat or staff countries of {_plural(unknown, 'contractor')} are not known.")
    if not rows["access"]:
        said.append("No logs were read: from where data was opened is not known.")
    vague = sum(1 for row in rows["access"] if row.verdict in {"indeterminate", "unknown"})
    if vague:
        said.append(f"{_plural(vague, 'address', 'addresses')} in the logs cannot be tied to a country.")
    lawless = [item.en for item in without_file if item.code != UNBOUNDED]
    if lawless:
        said.append(
            f"No law file for {_plural(len(lawless), 'reached jurisdiction')} ({_listed(lawless)}): "
            "their powers count as not known, from none to full."
        )
    if policy.gaps:
        said.append("Because of this, absence may not be stated for any country.")
    return said


def _map(
    ranked: Sequence[tables.CountryRow], home: frozenset[str], name: tables.Namer, world: Geography
) -> list[Shape]:
    """Every country with its look. Where a place cannot be told, no country looks untouched."""
    by_code = {row.country.code: row for row in ranked}
    anywhere = by_code.get(UNBOUNDED)
    found = []
    for code in sorted(world.codes):
        row = by_code.get(code)
        country = name(code) if code else tables.Country("", "land without an ISO code", "")
        label = f"{country.en} {country.ja} ({code})" if code else country.en
        if row is not None:
            look = f"tie-{row.tie} b{row.rank if row.tie != 'gaps' else row.rank_with}"
            said = {
                "seen": f"tie seen; {_range(row.seen)}, {row.band}",
                "possible": f"tie possible, not certain; {_range(row.seen)}, {row.band}",
                "gaps": "reached only by what was not seen",
            }.get(row.tie, "no tie")
            title = f"{label}: {said}; with what was not seen {_range(row.value)}, {row.band_with}"
        elif code in home:
            look, title = "home", f"{label}: home, not scored"
        elif anywhere is not None:
            look, title = "rest", f"{label}: no tie to it by name; cannot be excluded (see “{anywhere.country.en}”)"
        else:
            look, title = "clear", f"{label}: no tie found"
        marker = world.markers.get(code) if row is not None or code in home else None
        found.append(Shape(code, world.shapes.get(code, ""), marker, look, title, row is not None))
    # markers and what is reached are drawn last, so that neighbours do not cover their outlines
    return sorted(found, key=lambda shape: (shape.marker is not None, shape.linked, shape.code))


def _range(value: Interval) -> str:
    """An interval in words; what is above zero never prints as zero."""
    return _number(value.lo) if value.is_point else f"{_number(value.lo)}–{_number(value.hi)}"


def _number(value: float) -> str:
    return "<0.1" if 0 < value < 0.05 else f"{value:.1f}".removesuffix(".0")


def safe_url(url: str) -> str:
    """The address when a page may link to it, else nothing: http and https only, with a host that can exist."""
    if plain(url) != url or any(character.isspace() for character in url):
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host or host.endswith(".invalid"):
        return ""
    return url


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # the only texts that are not escaped: this package's own style and script, and JSON that cannot end its element
    environment.filters.update(
        own=Markup, range=_range, number=_number, url=safe_url, short=shorten, listed=_listed, plural=_plural
    )
    return environment
