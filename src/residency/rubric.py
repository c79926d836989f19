"""Facts to numbers: the written rubric of ``method/grades.yaml`` applied to one country's facts on one day.

Every function answers a `residency.trace.Node`, so that a grade carries the articles it was read from.
"""

from __future__ import annotations

import datetime as dt

from residency.interval import ONE, UNKNOWN, Interval
from residency.jurisdictions import FactEntry, Jurisdiction
from residency.method.judgement import Judgement
from residency.model import Channel
from residency.trace import Node, combine, fact, leaf

__all__ = ["decryption", "legal_power", "safeguards"]

_CONTEXT = ("holder", "reach")


def legal_power(country: Jurisdiction | None, code: str, channel: Channel, judgement: Judgement, day: dt.date) -> Node:
    """L: how far the law of ``country`` lets its authorities reach data on a channel, in [0, 1].

    A country without a file is wholly unknown.
    """
    keys = judgement.grades.channels[channel]
    return combine(
        "max", f"L: legal power of {code} by {channel}", [_key(country, code, key, judgement, day) for key in keys]
    )


def decryption(country: Jurisdiction | None, code: str, judgement: Judgement, day: dt.date) -> Node:
    """Power to have keys surrendered or data decrypted, in [0, 1]."""
    return _key(country, code, judgement.grades.key_power, judgement, day)


def _key(country: Jurisdiction | None, code: str, key: str, judgement: Judgement, day: dt.date) -> Node:
    if country is None:
        return leaf("unknown", f"{key}: no file for {code}", UNKNOWN, file=f"jurisdictions/{code}.yaml")
    entries = country.at(key, day)
    if not entries:
        where = f"{country.file}:{country.lines.get(f'facts.{key}', 0)}"
        return leaf("unknown", f"{key}: nothing recorded for {day}", UNKNOWN, file=where)
    return combine("max", f"{key} of {code}", [_power(country, key, entry, judgement, day) for entry in entries])


def _power(country: Jurisdiction, key: str, entry: FactEntry, judgement: Judgement, day: dt.date) -> Node:
    rubric = judgement.grades.power
    regime = entry.attributes.get("regime", "")
    label = f"{key} {regime}".strip()
    source = _source(country, key, entry)
    if entry.value == "unknown":
        return leaf("unknown", f"{label}: unknown", UNKNOWN, **source)
    if entry.value == "no":
        return _temper(
            fact(f"{label}: no such power", Interval.point(rubric.absent), **source), country, entry, judgement, day
        )
    parts, weights = [], []
    for name, weight in rubric.weights.items():
        word = entry.attributes.get(name, "unknown")
        grade = rubric.grades[name].get(word)
        value = UNKNOWN if grade is None else Interval.point(grade)
        parts.append(
            fact(f"{name}: {word}", value, **source)
            if grade is not None
            else leaf("unknown", f"{name}: {word}", value, **source)
        )
        weights.append(weight.value)
    graded = combine("sum", f"{label}: grade", parts, weights)
    factors = [graded]
    for name in _CONTEXT:
        if name in entry.attributes and not (name == "holder" and key in rubric.holder_inherent):
            word = entry.attributes[name]
            table: dict[str, float] = getattr(rubric, name)
            if word == "unknown":
                value = Interval(min(table.values(), default=1.0), 1.0)
            else:  # a word the rubric does not list is no reason for a lower grade
                value = Interval.point(table.get(word, 1.0))
            factors.append(leaf("constant", f"{name}: {word}", value, file="method/grades.yaml"))
    node = graded if len(factors) == 1 else combine("product", label, factors)
    if entry.value == "disputed":
        none = leaf("constant", "reading in which the power does not exist", Interval.point(rubric.absent))
        node = combine("hull", f"{label}: disputed", [node, none], note=entry.note or "")
    return _temper(node, country, entry, judgement, day)


def safeguards(country: Jurisdiction | None, code: str, judgement: Judgement, day: dt.date) -> Node:
    """G: guarantees against disproportionate access, in [0, 1]; weighted geometric mean over the safeguard keys."""
    rubric = judgement.grades.safeguard
    parts, weights = [], []
    for key, weight in rubric.weights.items():
        if weight.value == 0:  # an organisation may leave a guarantee out of account
            continue
        parts.append(_safeguard(country, code, key, judgement, day))
        weights.append(weight.value)
    return combine("geomean", f"G: safeguards of {code}", parts, weights)


def _safeguard(country: Jurisdiction | None, code: str, key: str, judgement: Judgement, day: dt.date) -> Node:
    floor = judgement.grades.safeguard.values["no"]
    unknown = Interval(floor, 1.0)
    if country is None:
        return leaf("unknown", f"{key}: no file for {code}", unknown, file=f"jurisdictions/{code}.yaml")
    entries = country.at(key, day)
    if not entries:
        return leaf("unknown", f"{key}: nothing recorded for {day}", unknown, file=country.file)
    if key == "safeguard.commitments":
        return combine("max", f"{key} of {code}", [_commitment(country, entry, judgement, day) for entry in entries])
    return combine("max", f"{key} of {code}", [_guarantee(country, key, entry, judgement, day) for entry in entries])


def _commitment(country: Jurisdiction, entry: FactEntry, judgement: Judgement, day: dt.date) -> Node:
    table = judgement.grades.safeguard.commitments
    source = _source(country, "safeguard.commitments", entry)
    if entry.value == "unknown":
        return leaf("unknown", "commitments: unknown", Interval(table["none"], 1.0), **source)
    name = "none" if entry.value == "no" else entry.attributes.get("list", "none")
    node = fact(f"commitment: {name}", Interval.point(table.get(name, table["none"])), **source)
    if entry.value == "disputed":
        none = fact("reading in which there is none", Interval.point(table["none"]), **source)
        node = combine("hull", f"commitment {name}: disputed", [node, none], note=entry.note or "")
    return _at_least(table["none"], _temper(node, country, entry, judgement, day), "safeguard.commitments")


def _guarantee(country: Jurisdiction, key: str, entry: FactEntry, judgement: Judgement, day: dt.date) -> Node:
    rubric = judgement.grades.safeguard
    floor = rubric.values["no"]
    source = _source(country, key, entry)
    if entry.value == "unknown":
        return leaf("unknown", f"{key}: unknown", Interval(floor, 1.0), **source)
    if entry.value == "disputed":
        held = fact(f"{key}: held to exist", ONE, **source)
        denied = fact(f"{key}: held not to exist", Interval.point(floor), **source)
        return combine("hull", f"{key}: disputed", [held, denied], note=entry.note or "")
    factors = [fact(f"{key}: {entry.value}", Interval.point(rubric.values[entry.value]), **source)]
    for name, word in sorted(entry.attributes.items()):
        table = rubric.attributes.get(name)
        if table is None or entry.value == "no":  # attributes qualify a guarantee that is there
            continue
        value = Interval.point(table[word]) if word in table else Interval(min(table.values()), 1.0)
        factors.append(
            leaf("constant" if word in table else "unknown", f"{name}: {word}", value, file="method/grades.yaml")
        )
    node = factors[0] if len(factors) == 1 else combine("product", key, factors)
    return _at_least(floor, _temper(node, country, entry, judgement, day), key)


def _at_least(floor: float, node: Node, key: str) -> Node:
    """What is known of a guarantee never counts for less than its absence."""
    if node.value.lo >= floor:
        return node
    return combine("max", key, [node, leaf("constant", f"{key}: absent", Interval.point(floor))])


def _temper(node: Node, country: Jurisdiction, entry: FactEntry, judgement: Judgement, day: dt.date) -> Node:
    """Widen what is stale or weakly supported; certainty is never added."""
    constants = judgement.strengths.constants
    stale = country.stale(day) or (entry.review_by is not None and day >= entry.review_by)
    for applies, name in ((stale, "stale_widening"), (entry.confidence == "low", "low_confidence_widening")):
        if applies:
            node = combine(
                "widen", name.replace("_", " "), [node], [constants[name].value], note=constants[name].reason
            )
    return node


def _source(country: Jurisdiction, key: str, entry: FactEntry) -> dict[str, str]:
    section = "findings" if key.split(".")[0] not in {"power", "safeguard"} else "facts"
    source = {"file": f"{country.file}:{country.lines.get(f'{section}.{key}', 0)}"}
    if entry.cite:
        cite = entry.cite[0]
        instrument = country.instruments[cite.instrument]
        source |= {
            "cite": f"{instrument.title.en} ({instrument.citation}), {cite.at}",
            "url": cite.source or instrument.url,
        }
        source["says"] = cite.says
    if entry.confidence:
        source["confidence"] = entry.confidence
    if entry.searched:
        source["searched"] = entry.searched
    return source
