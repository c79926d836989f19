"""Side by side with another tool on the same emulator: stores found with their place, calls, time for each store found.

    python benchmarks/bench_peers.py --custodian PATH/TO/custodian [--latency-ms 40] [--rounds 2]

Cloud Custodian (``pip install c7n`` in an environment of its own) is the fastest peer that reads as many kinds. It is
given its best case: buckets in one run of one region, queues left out, because its client for them takes no endpoint.
Prints one JSON line for each tool, its best round, and how many times faster a store is found.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench_sweep import HERE, KINDS, OWN, REGIONS, SKIP, seed

POLICIES = {
    "buckets": (["s3"], REGIONS[:1]),
    "others": (["dynamodb-table", "rds", "kms-key"], REGIONS),
}


def custodian(program: str, folder: Path) -> int:
    """Run it on everything but queues; how many stores its reports hold."""
    for name, (kinds, regions) in POLICIES.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps({"policies": [{"name": kind, "resource": kind} for kind in kinds]}))
        places = [word for region in regions for word in ("--region", region)]
        command = [program, "run", "-s", str(folder / name), "--cache-period", "0", *places, str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sum(len(json.loads(file.read_text())) for file in folder.rglob("resources.json"))


def ours(url: str, folder: Path) -> int:
    """`residency sweep` as a user runs it, with a configuration file; how many stores have a place."""
    names = {"en": "Us", "ja": "私たち"}
    config = {
        "organisation": {"id": "us", "name": names, "seat": "JP"},
        "services": [{"id": "chat", "name": names, "classes": ["communication.content"]}],
        "scope": {"aws": {"endpoint": url, "regions": REGIONS, "kinds": KINDS, "skip_fields": sorted(SKIP)}},
    }
    (folder / "residency.yaml").write_text(json.dumps(config))
    program = str(Path(sys.executable).parent / "residency")
    command = [program, "sweep", "--config", "residency.yaml", "--out", "snapshot"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    from residency.inventory.snapshot import open_snapshot

    placed = open_snapshot(folder / "snapshot").table("placements").to_pylist()
    return len({row["store_id"] for row in placed if row["location"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--custodian", required=True)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with tempfile.TemporaryDirectory() as home:
        os.environ.clear()
        os.environ.update(kept)
        os.environ.update(
            AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION=REGIONS[0],
            AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            HOME=home,
        )  # fmt: skip
        stand_in = [sys.executable, str(HERE.parent / "tests" / "stand_in.py"), "0"]
        with subprocess.Popen(stand_in, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            try:
                seed(url, OWN, 1)
                rules = [{"sleep": options.latency_ms / 1000}] if options.latency_ms else []
                urllib.request.urlopen(f"{url}/_rules", data=json.dumps(rules).encode()).close()
                results: dict[str, dict[str, Any]] = {}
                for name in ["custodian", "residency"] * options.rounds:
                    urllib.request.urlopen(f"{url}/_forget", data=b"").close()
                    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                    with tempfile.TemporaryDirectory() as folder:
                        place = Path(folder)
                        found = custodian(options.custodian, place) if name == "custodian" else ours(url, place)
                    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
                    with urllib.request.urlopen(f"{url}/_calls") as answer:
                        calls = len(json.loads(answer.read()))
                    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                    if name in results and results[name]["wall_s"] <= wall:
                        continue
                    results[name] = {
                        "tool": name, "stores": found, "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "calls": calls,
                        "calls_per_store": round(calls / found, 2), "ms_per_store": round(1000 * wall / found, 1),
                    }  # fmt: skip
                for result in results.values():
                    print(json.dumps(result))
                ratio = results["custodian"]["ms_per_store"] / results["residency"]["ms_per_store"]
                print(json.dumps({"faster_per_store_found": round(ratio, 1)}))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
