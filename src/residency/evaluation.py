"""The yearly evaluation: what changed between two days, and what follows.

評価, 電気通信事業法27条の9, 施行規則22条の2の24.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from residency.disclosure.tables import AXES, Policy, policy
from residency.graph import Inputs
from residency.inventory.diff import Change, diff
from residency.jurisdictions import LawChange
from residency.scoring import score
from residency.whatif import Delta, compare

__all__ = ["Evaluation", "evaluate", "evaluation_markdown"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One business year. ``measures`` are questions the responsible officer must answer, in order of weight."""

    start: dt.date
    end: dt.date
    inventory: tuple[Change, ...]
    contractors: tuple[Change, ...]
    law: tuple[LawChange, ...]
    scores: tuple[Delta, ...]
    disclosures: tuple[str, ...]
    gaps: tuple[str, ...]
    measures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "inventory": [_change(item) for item in self.inventory],
            "contractors": [_change(item) for item in self.contractors],
            "foreign_law": [item.model_dump(mode="json") for item in self.law],
            "scores": [
                {
                    "dataset": item.dataset,
                    "jurisdiction": item.jurisdiction,
                    "before": [item.before.lo, item.before.hi],
                    "after": [item.after.lo, item.after.hi],
                }
                for item in self.scores
            ],
            "disclosures": list(self.disclosures),
            "gaps": list(self.gaps),
            "measures": list(self.measures),
        }


def _change(item: Change) -> dict[str, Any]:
    return {
        "table": item.table,
        "change": item.change,
        "identity": dict(item.identity),
        "fields": [list(entry) for entry in item.fields],
    }


def evaluate(before: Inputs, after: Inputs) -> Evaluation:
    """Compare two days of one organisation.

    Foreign law counts where data lies, contractors sit or scores reach on either day; the period is
    ``before.as_of <= day < after.as_of``.
    """
    changes = diff(before.rows, after.rows)
    old, new = policy(before), policy(after)
    scores_before, scores_after = score(before), score(after)
    concerned = {row.code for tables in (old, new) for block in tables.blocks for row in block.rows}
    law = tuple(item for item in after.jurisdictions.changes(before.as_of, after.as_of) if item.country in concerned)
    contractors = tuple(item for item in changes if item.table in {"contractors", "entities", "access"})
    inventory = tuple(item for item in changes if item.table in {"stores", "placements", "keys", "grants"})
    deltas = tuple(compare(scores_before, scores_after))
    disclosures = tuple(_disclosures(old, new))
    return Evaluation(
        before.as_of,
        after.as_of,
        inventory,
        contractors,
        law,
        deltas,
        disclosures,
        new.gaps,
        tuple(_measures(disclosures, law, deltas, new)),
    )


def _disclosures(old: Policy, new: Policy) -> Iterator[str]:
    for axis in AXES:
        was = {(row.code, row.party): row for row in old.block(axis).rows}
        now = {(row.code, row.party): row for row in new.block(axis).rows}
        for key in sorted(now.keys() - was.keys()):
            yield f"{axis}: {' '.join(filter(None, key))} is new"
        for key in sorted(was.keys() - now.keys()):
            yield f"{axis}: {' '.join(filter(None, key))} no longer applies"
        for key in sorted(now.keys() & was.keys()):
            if now[key].system != was[key].system:
                yield f"{axis}: {' '.join(filter(None, key))} system {was[key].system} -> {now[key].system}"


def _measures(
    disclosures: tuple[str, ...], law: tuple[LawChange, ...], deltas: tuple[Delta, ...], new: Policy
) -> Iterator[str]:
    if disclosures:
        yield "change the published policy (方針) without delay: the country section is no longer true"
    if law:
        countries = ", ".join(sorted({item.country for item in law}))
        yield f"assess the changes in foreign systems (外国の制度) of {countries}"
    risen = [item for item in deltas if item.after.hi > item.before.hi]
    if risen:
        yield f"decide on measures for {len(risen)} exposures that rose, and name their owner"
    if new.gaps:
        yield f"close or accept {len(new.gaps)} gaps: what they hide is not evaluated"
    yield "state compliance with 規程 and 方針 in the year, and leakage in the year: the tool cannot know either"


def evaluation_markdown(item: Evaluation) -> str:
    """The evaluation as Markdown, for the officer (統括管理者) to complete and sign."""
    from residency.escape import markdown as md

    lines = [f"# Evaluation 評価 {item.start} to {item.end}", ""]

    def section(title: str, rows: list[str]) -> None:
        lines.extend([f"## {title}", "", *([f"- {row}" for row in rows] or ["- none found"]), ""])

    section("What must be decided", [md(text) for text in item.measures])
    section("Changes in what must be disclosed", [md(text) for text in item.disclosures])
    section(
        "Changes in foreign systems 外国の制度の変化",
        [
            f"{law.date} {law.country}: {md(law.subject)} {law.change} ({md(law.title_en or 'no instrument')}"
            f"{'; ' + md(law.note) if law.note else ''})"
            for law in item.law
        ],
    )
    section(
        "Changes in exposure",
        [f"{md(delta.dataset)} to {delta.jurisdiction}: {delta.before} -> {delta.after}" for delta in item.scores],
    )
    for title, changes in (
        ("Changes in contractors 委託先", item.contractors),
        ("Changes in inventory", item.inventory),
    ):
        section(
            title,
            [
                f"{change.change} {change.table}: {md(' '.join(value for _, value in change.identity if value))}"
                + "".join(f"; {md(name)} {md(old)} -> {md(new)}" for name, old, new in change.fields)
                for change in changes
            ],
        )
    section("Not seen", [md(text) for text in item.gaps])
    return "\n".join(lines)
