"""How scoring grows: the same ties held by ten times as many stores, and ten times as many different ties.

    python benchmarks/bench_scoring.py

Reference: the smallest inventory of each series in the same run. Grouping makes the first series grow with reading and
classifying alone; the second grows with the number of groups.
"""

from __future__ import annotations

import datetime as dt
import resource
import time

from residency.classify import classify
from residency.config import Config
from residency.data import data_folders
from residency.graph import Inputs
from residency.inventory.tables import Key, Label, Placement, Rows, Store
from residency.jurisdictions import load_jurisdictions
from residency.method.facts import load_fact_words
from residency.method.judgement import load_judgement
from residency.model import KindWords
from residency.providers import load_providers
from residency.scoring import score

SEEN = dt.datetime(2026, 10, 31, tzinfo=dt.UTC)
CONFIG = Config.model_validate(
    {
        "organisation": {"id": "acme", "name": {"en": "Acme", "ja": "アクメ"}, "seat": "JP"},
        "services": [{"id": "chat", "name": {"en": "Chat", "ja": "チャット"}, "classes": ["communication.content"]}],
    }
)


def inventory(stores: int, distinct: int, regions: list[str]) -> Rows:
    """``stores`` buckets with ``distinct`` different sets of places."""
    rows = Rows()
    for number in range(stores):
        origin = {"provider": "aws", "account": "1", "region": "", "kind": "aws.s3.bucket", "call": "s3:ListBuckets"}
        name = f"arn:aws:s3:::b{number}"
        shape = number % distinct
        rows.add(Store(**origin, seen_at=SEEN, store_id=name, name=name, holds="objects"))
        for role, turn in (("primary", 0), ("replica", 1), ("backup", 2)):
            region = regions[(shape // len(regions) ** turn) % len(regions)]
            rows.add(
                Placement(
                    **origin,
                    seen_at=SEEN,
                    store_id=name,
                    role=role,
                    location_provider="aws",
                    location=region,
                    evidence="Location",
                )
            )
        rows.add(Key(**origin, seen_at=SEEN, store_id=name, custody="provider-managed", evidence="Encryption"))
        rows.add(Label(**origin, seen_at=SEEN, store_id=name, key="residency:service", value="chat"))
    return rows


def main() -> None:
    """Print one line for each size."""
    folders = data_folders()
    providers = load_providers(folders, only=["aws"])
    law = load_jurisdictions(folders, load_fact_words())
    judgement = load_judgement()
    regions = [item.region for item in providers.regions if item.kind == "region" and item.status == "open"][:12]
    for title, sizes in (
        ("same ties", [(1_000, 10), (10_000, 10), (100_000, 10)]),
        ("other ties", [(2_000, 10), (2_000, 100), (2_000, 1_000)]),
    ):
        base = 0.0
        for stores, distinct in sizes:
            rows = inventory(stores, distinct, regions)
            start = time.perf_counter()
            held = classify(rows["stores"], rows["labels"], CONFIG, {})
            middle = time.perf_counter()
            words = {"aws.s3.bucket": KindWords("data", "plaintext")}
            scores = score(Inputs(rows, tuple(held), CONFIG, providers, law, judgement, words, dt.date(2026, 11, 1)))
            end = time.perf_counter()
            base = base or end - start
            print(
                f"{title}: {stores:>7} stores, {len(scores.world.groups):>5} groups, {len(scores.cells):>4} cells: "
                f"classify {middle - start:.2f} s, score {end - middle:.2f} s, {(end - start) / base:.1f} x the first"
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
