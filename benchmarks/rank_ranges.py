"""How far the order of countries is judgement, and how far it is want of facts: a table, a list of reversals, a plot.

    python benchmarks/rank_ranges.py docs/explanation

Reference dataset: content of communications (S = 1) that lies in the country, is run from it, controlled from it or
opened from it for certain (A = 1) and is readable (V = 1), so that what is left is L·(1 − λ·G). `DRAWS` samples move
every number of the rubric together by up to `SPREAD`; then each number is moved alone. Same facts and method, same
bytes; nothing is fetched.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from residency.cli.output import write_text
from residency.data import data_folders
from residency.interval import Interval
from residency.jurisdictions import Jurisdictions, load_jurisdictions
from residency.method.facts import load_fact_words
from residency.method.judgement import Judgement, load_judgement
from residency.model import CHANNELS, Channel
from residency.sensitivity import Bound, RankRange, exposures, perturbed, ranked, reversals, settled, summary

DAY = dt.date(2026, 12, 1)
DRAWS = 100
SPREAD = 0.2
SEED = 20261201
STEP = 0.1
"""Differences smaller than this are not read as an order."""

TABLE, REVERSALS, PLOT = "rank-ranges.csv", "rank-reversals.csv", "rank-ranges.svg"
COLUMNS = (
    "channel",
    "code",
    "exposure_lo",
    "exposure_hi",
    "rank_min",
    "rank_max",
    "known",
    "known_min",
    "known_max",
    "denied",
    "denied_min",
    "denied_max",
)


def inputs_digest(law: Jurisdictions, judgement: Judgement) -> str:
    """Fingerprint of all that the table is made from: the graded part of every fact on `DAY`, and the method."""
    facts: dict[str, Any] = {
        code: [
            [key, entry.value, sorted(entry.attributes.items()), entry.confidence == "low", _stale(item, entry)]
            for key in item.facts
            if key.startswith(("power.", "safeguard."))
            for entry in item.at(key, DAY)
        ]
        for code, item in law.items()
    }
    method = judgement.model_dump(mode="json", by_alias=True)
    text = json.dumps([facts, method["grades"], method["strengths"]["constants"], DRAWS, SPREAD, SEED, STEP])
    return hashlib.sha256(text.encode()).hexdigest()


def _stale(item: Any, entry: Any) -> bool:
    return bool(item.stale(DAY) or (entry.review_by is not None and entry.review_by <= DAY))


def base(law: Jurisdictions, judgement: Judgement) -> list[dict[str, str]]:
    """The columns that need no draws."""
    rows = []
    for channel, values in exposures(law, judgement, DAY).items():
        known, denied, bounds = ranked(values, "lo"), ranked(values, "hi"), settled(values)
        for code, value in sorted(values.items(), key=lambda item: (known[item[0]], item[0])):
            rows.append(
                {
                    "channel": channel,
                    "code": code,
                    "exposure_lo": f"{100 * value.lo:.1f}",
                    "exposure_hi": f"{100 * value.hi:.1f}",
                    "rank_min": str(bounds[code][0]),
                    "rank_max": str(bounds[code][1]),
                    "known": str(known[code]),
                    "denied": str(denied[code]),
                }
            )
    return rows


def sampled(law: Jurisdictions, judgement: Judgement) -> dict[tuple[Channel, Bound], dict[str, RankRange]]:
    """Rank ranges over the draws, for each channel and bound."""
    generator = np.random.default_rng(SEED)
    draws = [exposures(law, perturbed(judgement, SPREAD, generator), DAY) for _ in range(DRAWS)]
    first: dict[Channel, dict[str, Interval]] = exposures(law, judgement, DAY)
    bounds: tuple[Bound, ...] = ("lo", "hi")
    return {
        (channel, bound): {
            item.code: item
            for item in summary(ranked(first[channel], bound), [ranked(draw[channel], bound) for draw in draws])
        }
        for channel in CHANNELS
        for bound in bounds
    }


def table(law: Jurisdictions, judgement: Judgement) -> list[dict[str, str]]:
    """Every jurisdiction on every channel, in order of what is known."""
    ranges = sampled(law, judgement)
    rows = base(law, judgement)
    for row in rows:
        for name, bound in (("known", "lo"), ("denied", "hi")):
            item = ranges[row["channel"], bound][row["code"]]  # type: ignore[index]
            row |= {f"{name}_min": str(item.low), f"{name}_max": str(item.high)}
    return rows


def as_csv(rows: list[dict[str, str]], columns: tuple[str, ...], digest: str) -> str:
    """CSV with the fingerprint of its inputs on the first line."""
    text = io.StringIO()
    text.write(f"# inputs {digest}\n")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def plot(rows: list[dict[str, str]], digest: str, path: Path) -> None:
    """One panel for each channel; a row for each jurisdiction, in order of what is known."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "residency", "svg.fonttype": "none", "font.size": 6})
    figure, panels = plt.subplots(1, len(CHANNELS), figsize=(14, 15), layout="constrained")
    for panel, channel in zip(panels, CHANNELS, strict=True):
        _panel(panel, channel, [row for row in rows if row["channel"] == channel])
    figure.suptitle(
        f"Rank ranges on {DAY}: grey = any rank the unknowns allow; blue = by the lower bound, orange = by the upper; "
        f"bars = {DRAWS} draws of ±{SPREAD:.0%} on every number of the rubric"
    )
    figure.savefig(path, metadata={"Date": None, "Creator": None, "Description": f"inputs {digest}"})
    plt.close(figure)


def _panel(panel: Any, channel: Channel, rows: list[dict[str, str]]) -> None:
    def bars(name: str, shift: float, **style: Any) -> None:
        ends = np.array([float(row[f"{name}_{end}"]) for row in rows for end in ("min", "max")])
        broken = np.insert(ends, range(2, len(ends) + 1, 2), np.nan)  # one path for all rows
        panel.plot(broken, np.repeat(np.arange(len(rows)) + shift, 3), solid_capstyle="butt", **style)

    bars("rank", 0, color="0.85", linewidth=3.5)
    for name, shift, colour in (("denied", 0.18, "tab:orange"), ("known", -0.18, "tab:blue")):
        bars(name, shift, color=colour, linewidth=1.2)
        panel.plot([int(row[name]) for row in rows], np.arange(len(rows)) + shift, ".", color=colour, markersize=3)
    panel.set_yticks(np.arange(len(rows)), [row["code"] for row in rows], fontsize=5)
    panel.tick_params(length=0)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, len(rows) + 1)
    panel.set_title(channel)
    panel.set_xlabel("rank, 1 = highest exposure")


def main(folder: Path) -> None:
    """Write the three files."""
    law, judgement = load_jurisdictions(data_folders(), load_fact_words()), load_judgement()
    digest, rows = inputs_digest(law, judgement), table(law, judgement)
    write_text(folder / TABLE, as_csv(rows, COLUMNS, digest))
    found = [
        {
            "channel": item.channel,
            "bound": item.bound,
            "constant": item.constant,
            "factor": f"{item.factor:g}",
            "above": item.above,
            "below": item.below,
        }
        for item in reversals(law, judgement, DAY, spread=SPREAD, step=STEP)
    ]
    write_text(folder / REVERSALS, as_csv(found, ("channel", "bound", "constant", "factor", "above", "below"), digest))
    plot(rows, digest, folder / PLOT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
