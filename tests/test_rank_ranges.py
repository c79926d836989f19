"""The committed table and plot of rank ranges belong to the facts and the method in this tree."""

from __future__ import annotations

import csv
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import worlds

from residency.method.judgement import load_judgement

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs/explanation"
AGAIN = "run `python benchmarks/rank_ranges.py docs/explanation`"


@cache
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rank_ranges", ROOT / "benchmarks/rank_ranges.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def kept(name: str) -> tuple[str, list[dict[str, str]]]:
    first, rest = (KEPT / name).read_text(encoding="utf-8").split("\n", 1)
    return first.removeprefix("# inputs "), list(csv.DictReader(rest.splitlines()))


def test_the_files_were_made_from_these_facts_and_this_method() -> None:
    digest = script().inputs_digest(worlds.real_law(), load_judgement())
    assert kept(script().TABLE)[0] == digest, AGAIN
    assert kept(script().REVERSALS)[0] == digest, AGAIN
    assert f"inputs {digest}" in (KEPT / script().PLOT).read_text(encoding="utf-8"), AGAIN


def test_the_table_holds_the_exposures_and_ranks_of_today() -> None:
    fresh = script().base(worlds.real_law(), load_judgement())
    _, rows = kept(script().TABLE)
    assert [{name: row[name] for name in fresh[0]} for row in rows] == fresh, AGAIN


def test_every_rank_lies_in_its_ranges() -> None:
    for row in kept(script().TABLE)[1]:
        for name in ("known", "denied"):
            assert int(row["rank_min"]) <= int(row[name]) <= int(row["rank_max"])
            assert int(row[f"{name}_min"]) <= int(row[f"{name}_max"])


def test_the_plot_has_a_row_for_every_country() -> None:
    text = (KEPT / script().PLOT).read_text(encoding="utf-8")
    for code in worlds.real_law():
        assert text.count(f">{code}</text>") == 4, code


def test_the_method_page_counts_the_reversals_as_they_are() -> None:
    page = (KEPT / "method.md").read_text(encoding="utf-8")
    assert f"turns round {len(kept(script().REVERSALS)[1])}\n" in page
