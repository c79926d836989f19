"""What a big inventory costs: write, load, diff and coverage, beside pandas and pyarrow on the same data.

    python benchmarks/bench_inventory.py [--stores 100000] [--rounds 1] [--steps write,diff]

Makes up an organisation of 200 accounts twice, a day and 1 % of its stores apart, as unsorted Parquet pieces. Every
step then runs in a process of its own. Prints one JSON line a step, with the ratio to the reference of the same run:

write        pieces to a snapshot: sorted, no duplicates, digests; pandas: drop_duplicates, sort_values, to_parquet;
             pyarrow: the pieces as they come, neither sorted nor compared
load         open, every digest checked, every table as a data frame; pandas: read_parquet of the same files
query        a count by country over ``placed``; pandas: read, map, group
diff         two snapshots; pandas: read, outer merge on the identity, compare
coverage     counts by account, kind and status; pandas: read, group

With --sweep: a journal of that many stores, replayed, resolved and written, as a resumed sweep does it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PIECE = 50_000
ACCOUNTS, REGIONS, KINDS = 200, 15, 90
TABLES = ("units", "stores", "placements", "keys", "grants", "labels", "gaps")
IDENTITY = {
    "units": ["provider", "account", "region", "kind"],
    "stores": ["store_id"],
    "placements": ["store_id", "role", "location_provider", "location", "target"],
    "keys": ["store_id"],
    "grants": ["store_id", "principal", "access", "condition"],
    "labels": ["store_id", "key"],
    "gaps": ["provider", "account", "region", "kind", "store_id", "field", "cause"],
}
PASSING = ["seen_at", "started_at", "finished_at", "call", "calls", "evidence", "message", "code"]

ACCOUNT = f"lpad((i % {ACCOUNTS})::VARCHAR, 12, '0')"
ORIGIN = f"""'aws' AS provider, {ACCOUNT} AS account, 'region-' || (i % {REGIONS}) AS region,
    'aws.service' || (i % {KINDS}) || '.thing' AS kind, 'service' || (i % {KINDS}) || ':DescribeThings' AS call,
    TIMESTAMPTZ '2026-11-0{{day}} 00:00:00+00' + to_milliseconds((i * 3)::BIGINT) AS seen_at,
    'arn:aws:service' || (i % {KINDS}) || ':region-' || (i % {REGIONS}) || ':' || {ACCOUNT}
        || ':thing/' || md5(i::VARCHAR) AS store_id"""
STORES = """SELECT (n * 7919 + {day}) % {count} AS i FROM range({start}, {stop}) t(n)
    WHERE i % 100 != 1 OR i % 200 = 100 * {day} - 99"""
SQL = {
    "stores": f"SELECT {ORIGIN}, 'thing-' || md5(i::VARCHAR) AS name, 'objects' AS holds FROM ({STORES})",
    "placements": f"""SELECT {ORIGIN}, 'primary' AS role, 'aws' AS location_provider,
        CASE WHEN i % 100 = 2 AND {{day}} = 2 THEN 'region-moved' ELSE 'region-' || (i % {REGIONS}) END AS location,
        '' AS target, 'ctx.region' AS evidence, '' AS note FROM ({STORES})""",
    "keys": f"""SELECT {ORIGIN}, CASE WHEN i % 100 = 3 AND {{day}} = 2 THEN 'none'
        WHEN i % 3 = 0 THEN 'customer-managed' ELSE 'provider-managed' END AS custody,
        CASE WHEN i % 3 = 0 THEN 'arn:aws:kms:key/' || md5((i % 999)::VARCHAR)
        ELSE '' END AS key_id, 'region-' || (i % {REGIONS}) AS key_location, '' AS key_account, '' AS manager,
        '' AS manager_country, 'Attributes.KmsMasterKeyId' AS evidence FROM ({STORES})""",
    "grants": f"""SELECT {ORIGIN}, 'arn:aws:iam::' || (i % 50) || ':role/reader' AS principal,
        'account' AS principal_kind, (i % 50)::VARCHAR AS principal_account, 'read' AS access,
        CASE WHEN i % 100 = 22 AND {{day}} = 2 THEN 'no' ELSE 'yes' END AS external, 'none' AS condition,
        'Attributes.Policy' AS evidence FROM ({STORES}) WHERE i % 10 < 3""",
    "labels": f"""SELECT {ORIGIN}, 'service' AS key,
        CASE WHEN i % 100 = 5 AND {{day}} = 2 THEN 'renamed' ELSE 'service-' || (i % 40) END AS value
        FROM ({STORES}) WHERE i % 2 = 1""",
    "gaps": f"""SELECT {ORIGIN}, 'key' AS field, 'denied' AS cause, 'not allowed for thing ' || i AS message
        FROM ({STORES}) WHERE i % 200 = 7""",
}  # fmt: skip
UNITS = f"""SELECT 'aws' AS provider, {ACCOUNT} AS account,
    'region-' || ((i // {ACCOUNTS}) % {REGIONS}) AS region,
    'aws.service' || (i // {ACCOUNTS * REGIONS}) || '.thing' AS kind,
    CASE i % 97 WHEN 0 THEN 'denied' WHEN 1 THEN 'seen' ELSE 'empty' END AS status, '' AS code, '' AS message,
    CAST(i % 7 AS BIGINT) AS stores, CAST(1 AS BIGINT) AS calls,
    TIMESTAMPTZ '2026-11-0{{day}} 00:00:00+00' AS started_at, TIMESTAMPTZ '2026-11-0{{day}} 00:00:01+00' AS finished_at
    FROM (SELECT (n * 7919) % {ACCOUNTS * REGIONS * KINDS} AS i FROM range({ACCOUNTS * REGIONS * KINDS}) t(n))"""


def make_pieces(folder: Path, count: int, day: int) -> None:
    """The inventory of one day, in pieces as a sweep might give them."""
    import duckdb

    connection = duckdb.connect()

    def write(name: str, sql: str, start: int) -> None:
        connection.execute(f"COPY ({sql}) TO '{folder}/{name}-{start:09}.parquet' (FORMAT parquet)")

    folder.mkdir(parents=True)
    for start in range(0, count, PIECE):
        for name, sql in SQL.items():
            stop = min(start + PIECE, count)
            write(name, sql.format(day=day, start=start, stop=stop, count=count), start)
    write("units", UNITS.format(day=day), 0)


def pieces(folder: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for file in sorted(folder.iterdir()):
        yield {file.name.partition("-")[0]: pq.read_table(file)}


def read(folder: Path, name: str, **options: Any) -> Any:
    import pandas as pd

    return pd.read_parquet(sorted(folder.glob(f"{name}*.parquet"))[0], **options)


def write_ours(work: Path) -> dict[str, Any]:
    from residency.inventory.snapshot import write_snapshot

    made = write_snapshot(work / "ours-1", pieces(work / "raw-1"), {}, {})
    return {"rows": sum(entry["rows"] for entry in made.manifest["files"].values())}


def write_pandas(work: Path) -> dict[str, Any]:
    import pandas as pd

    (work / "pandas-1").mkdir()
    count = 0
    for name in TABLES:
        frame = pd.concat([pd.read_parquet(file) for file in sorted((work / "raw-1").glob(f"{name}-*.parquet"))])
        frame = frame.drop_duplicates().sort_values(list(frame.columns))
        frame.to_parquet(work / "pandas-1" / f"{name}.parquet", compression="zstd", index=False)
        count += len(frame)
    return {"rows": count}


def write_pyarrow(work: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    for name in TABLES:
        table = pa.concat_tables(pq.read_table(file) for file in sorted((work / "raw-1").glob(f"{name}-*.parquet")))
        pq.write_table(table, work / f"arrow-{name}.parquet", compression="zstd")
        count += table.num_rows
    return {"rows": count}


def load_ours(work: Path) -> dict[str, Any]:
    from residency.inventory.snapshot import open_snapshot

    opened = open_snapshot(work / "snapshot-1")
    return {"rows": sum(len(opened.to_pandas(name)) for name in TABLES)}


def load_pandas(work: Path) -> dict[str, Any]:
    return {"rows": sum(len(read(work / "snapshot-1", name)) for name in TABLES)}


QUERY = "SELECT location, kind, count(*) FROM {} GROUP BY ALL ORDER BY ALL"


def query_ours(work: Path) -> dict[str, Any]:
    from residency.inventory.query import query
    from residency.inventory.snapshot import open_snapshot

    return {"rows": len(query(open_snapshot(work / "snapshot-1", verify=False), QUERY.format("placed")).rows)}


def query_pandas(work: Path) -> dict[str, Any]:
    frame = read(work / "snapshot-1", "placements")
    return {"rows": len(frame.assign(country="ZZ").groupby(["location", "kind"]).size())}


def diff_ours(work: Path) -> dict[str, Any]:
    from residency.inventory.diff import diff
    from residency.inventory.snapshot import open_snapshot

    before, after = (open_snapshot(work / f"snapshot-{day}", verify=False) for day in (1, 2))
    return {"rows": len(diff(before, after))}


def diff_pandas(work: Path) -> dict[str, Any]:
    count = 0
    for name in TABLES:
        names = IDENTITY[name]
        frames = [read(work / f"snapshot-{day}", name) for day in (1, 2)]
        kept = [frame.drop(columns=[item for item in PASSING if item in frame]) for frame in frames]
        merged = kept[0].merge(kept[1], on=names, how="outer", indicator=True, suffixes=("", " after"))
        differs = merged["_merge"] != "both"
        for item in kept[0].columns.difference(names):
            differs |= merged[item] != merged[f"{item} after"]
        count += int(differs.sum())
    return {"rows": count}


def coverage_ours(work: Path) -> dict[str, Any]:
    from residency.inventory.coverage import coverage_of
    from residency.inventory.snapshot import open_snapshot

    return {"rows": len(coverage_of(open_snapshot(work / "snapshot-1", verify=False)).rows)}


def coverage_pandas(work: Path) -> dict[str, Any]:
    units = read(work / "snapshot-1", "units")
    counts = units.groupby(["provider", "account", "kind", "status"]).size().unstack(fill_value=0)
    read(work / "snapshot-1", "gaps").groupby("cause").size()
    return {"rows": len(counts)}


STEPS = {
    "write": (write_ours, write_pandas, write_pyarrow),
    "load": (load_ours, load_pandas),
    "query": (query_ours, query_pandas),
    "diff": (diff_ours, diff_pandas),
    "coverage": (coverage_ours, coverage_pandas),
}


def make_snapshots(work: Path, count: int) -> dict[str, Any]:
    from residency.inventory.snapshot import write_snapshot

    for day in (1, 2):
        make_pieces(work / f"raw-{day}", count, day)
        write_snapshot(work / f"snapshot-{day}", pieces(work / f"raw-{day}"), {}, {})
    return {}


def make_journal(work: Path, count: int) -> dict[str, Any]:
    """A journal with one job for each account and region, five rows a store."""
    import datetime as dt

    from residency.collect.journal import Journal
    from residency.inventory.tables import Grant, Key, Label, Placement, Rows, Store, Unit

    seen = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    journal = Journal(work / "journal", "", seen)
    for start in range(0, count, 37):
        account, region = f"{start // 370:012}", f"region-{start // 37 % 10}"
        rows = Rows()
        for number in range(start, min(start + 37, count)):
            origin: dict[str, Any] = {
                "provider": "aws", "account": account, "region": region, "kind": "aws.sqs.queue",
                "call": "sqs:ListQueues", "seen_at": seen + dt.timedelta(microseconds=number),
            }  # fmt: skip
            name = f"arn:aws:sqs:{region}:{account}:queue-{number:09}"
            custody: Any = "provider-managed" if number % 3 else "customer-managed"
            key = "" if number % 3 else f"arn:aws:kms:{region}:{account}:key/{number % 37}"
            rows.add(
                Store(**origin, store_id=name, name=f"queue-{number:09}", holds="messages"),
                Placement(
                    **origin, store_id=name, role="primary", location_provider="aws", location=region, evidence="ctx"
                ),
                Key(**origin, store_id=name, custody=custody, key_id=key, evidence="KmsMasterKeyId"),
                Label(**origin, store_id=name, key="service", value="chat"),
            )
            if number % 3 == 0:
                rows.add(
                    Grant(**origin, store_id=name, principal="p", principal_kind="account", evidence=f"Policy {number}")
                )
        rows.add(
            Unit(
                provider="aws",
                account=account,
                region=region,
                kind="aws.sqs.queue",
                status="seen",
                started_at=seen,
                finished_at=seen,
            )
        )
        journal.append(f"{account} {region}", rows)
    journal.close()
    return {}


def resume(work: Path) -> dict[str, Any]:
    """What a sweep does when every job is in the journal."""
    import datetime as dt

    from residency.collect.journal import Journal
    from residency.collect.resolve import resolve
    from residency.data import data_folders
    from residency.inventory.snapshot import write_snapshot
    from residency.inventory.tables import Rows
    from residency.providers import load_providers

    providers = load_providers(data_folders(), only=["aws"])
    journal, rows = Journal(work / "journal", "", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)), Rows()
    for _, found in journal.replay():
        rows.extend(found)
    journal.close()
    rows = resolve(rows, providers)
    made = write_snapshot(work / "resumed", rows, {}, {})
    return {"rows": sum(entry["rows"] for entry in made.manifest["files"].values())}


def run(step: str, work: Path, count: int) -> dict[str, Any]:
    """One step in a process of its own; this one stays small, since a child begins with its parent's peak."""
    command = [sys.executable, __file__, "--part", step, "--work", str(work), "--stores", str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--sweep", action="store_true", help="replay a journal instead")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        parts = {part.__name__: part for group in STEPS.values() for part in group} | {"resume": resume}
        makers = {"make_snapshots": make_snapshots, "make_journal": make_journal}
        begin = time.perf_counter()
        if options.part in makers:
            found = makers[options.part](options.work, options.stores)
        else:
            found = parts[options.part](options.work)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = {"wall_s": round(time.perf_counter() - begin, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2)}
        print(json.dumps({**found, **seconds, "memory_mb": round(used.ru_maxrss / 1024)}))
        return
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            if options.sweep:
                run("make_journal", work, options.stores)
                found = run("resume", work, options.stores)
                print(json.dumps({"part": "resume", "stores": options.stores, **found}), flush=True)
                continue
            run("make_snapshots", work, options.stores)
            for step in options.steps.split(","):
                ours, *others = (
                    {"part": part.__name__, **run(part.__name__, work, options.stores)} for part in STEPS[step]
                )
                print(json.dumps(ours), flush=True)
                for other in others:
                    ratios = {f"ours_{key}_ratio": round(ours[key] / other[key], 2) for key in ("wall_s", "memory_mb")}
                    print(json.dumps({**other, **ratios}), flush=True)


if __name__ == "__main__":
    main()
