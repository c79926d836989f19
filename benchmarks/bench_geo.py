"""How much faster one vectorised lookup is than `geoip2` asked row by row, on the same addresses in the same run.

::

    python benchmarks/bench_geo.py                    # re-encodes part of the embedded data for geoip2 (mmdb-writer)
    python benchmarks/bench_geo.py --mmdb FILE        # any file geoip2's .country() accepts; both then read that data

Without ``--mmdb`` both sides hold the same ranges, and the answers are compared: a wrong one ends the run. Trust the
ratio more than the rates; the machine may be busy.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geoip2.database
import geoip2.errors
import numpy as np

from residency.geo import GEODATA, load_geo


def addresses(count: int, blocks: list[tuple[int, int, int, str]], seed: int) -> list[str]:
    """Half IPv4, half IPv6, each inside a range of the data."""
    draw = random.Random(seed)
    v4 = [block for block in blocks if block[0] == 4]
    v6 = [block for block in blocks if block[0] == 6]
    found: list[str] = []
    for number in range(count):
        _, first, after, _ = draw.choice(v4 if number % 2 else v6)
        value = draw.randrange(first, after)
        found.append(str(ipaddress.IPv4Address(value) if number % 2 else ipaddress.IPv6Address(value)))
    return found


def embedded(share: int) -> list[tuple[int, int, int, str]]:
    """Every n-th range of the embedded data: family, first address, first address after, country."""
    data = np.load(GEODATA / "dbip-country.npz")
    names = data["countries"].tolist()
    starts4 = [*data["v4_start"].tolist(), 1 << 32]
    pairs = zip(data["v6_high"].tolist(), data["v6_low"].tolist(), strict=True)
    starts6 = [*(high << 64 | low for high, low in pairs), 1 << 128]
    blocks: list[tuple[int, int, int, str]] = []
    for family, starts, codes in ((4, starts4, data["v4_code"]), (6, starts6, data["v6_code"])):
        known = [row for row, code in enumerate(codes.tolist()) if code]
        blocks += [(family, starts[row], starts[row + 1], names[int(codes[row])]) for row in known[::share]]
    return blocks


def write_mmdb(path: Path, blocks: list[tuple[int, int, int, str]]) -> None:
    """The blocks in the nested schema that geoip2 reads."""
    from mmdb_writer import MMDBWriter
    from netaddr import IPRange, IPSet

    writer = MMDBWriter(6, "Bench-Country", ipv4_compatible=True, languages=["en"], description="benchmark")
    by_country: dict[str, list[Any]] = {}
    for family, first, after, country in blocks:
        make: Any = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
        by_country.setdefault(country, []).extend(IPRange(str(make(first)), str(make(after - 1))).cidrs())
    for country, networks in by_country.items():
        writer.insert_network(IPSet(networks), {"country": {"iso_code": country}})
    writer.to_db_file(str(path))


def best(action: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Shortest time of some runs, and what the last one answered."""
    shortest, answer = float("inf"), None
    for _ in range(runs):
        begin = time.perf_counter()
        answer = action()
        shortest = min(shortest, time.perf_counter() - begin)
    return shortest, answer


def main() -> int:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mmdb", type=Path, help="a country database that geoip2 accepts")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--share", type=int, default=40, help="re-encode every n-th range")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    blocks = embedded(options.share)
    asked = addresses(options.rows, blocks, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        mmdb = options.mmdb or Path(folder) / "bench.mmdb"
        if options.mmdb is None:
            write_mmdb(mmdb, blocks)
        begin = time.perf_counter()
        geo = load_geo()
        loading = time.perf_counter() - begin

        def by_row() -> list[str | None]:
            found: list[str | None] = []
            with geoip2.database.Reader(mmdb) as reader:
                for address in asked:
                    try:
                        found.append(reader.country(address).country.iso_code)
                    except geoip2.errors.AddressNotFoundError:
                        found.append(None)
            return found

        slow, rows = best(by_row, options.runs)
        fast, answers = best(lambda: geo.locate(asked), options.runs)
    compared = wrong = 0
    for expected, answer in zip(rows, answers, strict=True):
        if answer.source == "DB-IP Lite":
            compared += 1
            wrong += answer.countries != (expected or "ZZ",)
    result = {
        "rows": options.rows,
        "geoip2_rows_per_s": round(options.rows / slow),
        "locate_rows_per_s": round(options.rows / fast),
        "ratio": round(slow / fast, 1),
        "load_ms": round(loading * 1000),
        "compared": compared,
        "different": wrong,
    }
    print(json.dumps(result))
    return 1 if wrong and options.mmdb is None else 0


if __name__ == "__main__":
    sys.exit(main())
