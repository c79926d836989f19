"""What the sweep costs beside the bare SDK: the same calls, the same emulator, one run of each in turn.

    python benchmarks/bench_sweep.py [--workers 16] [--latency-ms 40] [--rounds 3] [--accounts 1] [--scale 1]

Starts the tests' stand-in (moto on loopback), fills every account of an organisation with 200 buckets, 50 tables, 20
database instances, 50 queues and 50 keys in three regions (times ``--scale``), sweeps it with residency in a process of
its own, and then makes exactly the calls that sweep made with bare botocore clients and a thread pool, in another.
Prints one JSON line for each, and the ratio. ``--custody`` also asks for the encryption of each bucket.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-1")
KINDS = ("aws.s3.bucket", "aws.dynamodb.table", "aws.rds.instance", "aws.sqs.queue", "aws.kms.key")
SKIP = frozenset({"key", "grants", "labels", "log", "detail"})
"""Left out on both sides, so that what is compared is location and copies; keys are stores here."""
OWN = "123456789012"


def session_in(url: str, account: str) -> Any:
    import boto3

    if account == OWN:
        return boto3.Session()
    sts = boto3.client("sts", region_name=REGIONS[0], endpoint_url=url)
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/reader", RoleSessionName="bench")["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def seed(url: str, account: str, scale: int) -> None:
    session, mark = session_in(url, account), account[-4:]

    def client(service: str, region: str) -> Any:
        return session.client(service, region_name=region, endpoint_url=url)

    buckets = {region: client("s3", region) for region in REGIONS}
    for number in range(200 * scale):
        region, name = REGIONS[number % 3], f"seed-{mark}-{number:05}"
        extra = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        buckets[region].create_bucket(Bucket=name, **extra)
        if number < 60 * scale:
            buckets[region].put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(0, 60 * scale, 3):
        rule = {
            "ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::seed-{mark}-{number + 1:05}"},
        }  # fmt: skip
        buckets["us-east-1"].put_bucket_replication(
            Bucket=f"seed-{mark}-{number:05}",
            ReplicationConfiguration={"Role": f"arn:aws:iam::{account}:role/replication", "Rules": [rule]},
        )
    clients = {(name, region): client(name, region) for name in ("dynamodb", "rds", "sqs", "kms") for region in REGIONS}
    for number in range(50 * scale):
        region = REGIONS[number % 3]
        clients["dynamodb", region].create_table(
            TableName=f"seed-table-{number:05}", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )  # fmt: skip
        clients["sqs", region].create_queue(QueueName=f"seed-queue-{number:05}")
        clients["kms", region].create_key()
    for number in range(17 * scale):
        clients["rds", REGIONS[number % 3]].create_db_instance(
            DBInstanceIdentifier=f"seed-db-{number:05}", DBInstanceClass="db.t3.micro", Engine="postgres",
            MasterUsername="u", MasterUserPassword="notasecret1", AllocatedStorage=20, BackupRetentionPeriod=7,
        )  # fmt: skip
    for number in range(3 * scale):
        clients["rds", REGIONS[(number + 1) % 3]].create_db_instance_read_replica(
            DBInstanceIdentifier=f"seed-db-replica-{number}", DBInstanceClass="db.t3.micro",
            SourceDBInstanceIdentifier=f"arn:aws:rds:{REGIONS[number % 3]}:{account}:db:seed-db-{number:05}",
            SourceRegion=REGIONS[number % 3],
        )  # fmt: skip


def ours(url: str, workers: int, folder: Path, custody: bool) -> dict[str, Any]:
    """One whole sweep: plan, run, journal, resolve."""
    from residency.collect.aws import AwsConfig, AwsDriver
    from residency.collect.door import DoorSettings, SdkDoor, allowed_operations
    from residency.collect.engine import sweep
    from residency.collect.spec import load_kinds
    from residency.data import data_folders
    from residency.providers import load_providers

    folders = data_folders()
    kinds = {name: kind for name, kind in load_kinds(folders, ["aws"]).items() if name in KINDS}
    providers = load_providers(folders, only=["aws"])
    door = Noted(SdkDoor(allowed_operations(kinds), DoorSettings(endpoint=url, connections=2 * workers)))
    skipped = SKIP - {"key"} if custody else SKIP
    settings = AwsConfig(role_name="reader", regions=REGIONS, workers=workers, skip_fields=skipped)
    driver = AwsDriver(kinds, providers, door, settings)
    rows = sweep([driver], folder / "journal", providers, workers=workers)
    driver.close()
    (folder / "calls.json").write_text(json.dumps(door.calls))
    copies = sum(1 for row in rows["placements"] if row.role == "replica" and row.location and row.target)
    return {"stores": len(rows["stores"]), "copies_with_a_place": copies, "gaps": len(rows["gaps"])}


class Noted:
    """A door that writes down what passes."""

    def __init__(self, door: Any) -> None:
        self.door, self.calls = door, []
        self.enter, self.start, self.regions = door.enter, door.start, door.regions

    def pages(self, account: str, service: str, region: str, operation: str, args: Any) -> Any:
        self.calls.append([account, service, region, operation, dict(args)])
        return self.door.pages(account, service, region, operation, args)


def bare(url: str, workers: int, folder: Path, custody: bool) -> dict[str, Any]:
    """The same calls and nothing else."""
    import concurrent.futures as futures

    from botocore import xform_name
    from botocore.config import Config
    from botocore.exceptions import ClientError

    calls = json.loads((folder / "calls.json").read_text())
    sessions = {account: session_in(url, account or OWN) for account in {call[0] for call in calls}}
    config = Config(max_pool_connections=2 * workers, retries={"mode": "adaptive", "max_attempts": 8})
    clients = {
        key: sessions[key[0]].client(key[1], region_name=key[2], endpoint_url=url, config=config)
        for key in dict.fromkeys((account, service, region) for account, service, region, *_ in calls)
    }

    def call(account: str, service: str, region: str, operation: str, args: dict[str, Any]) -> int:
        client, method = clients[account, service, region], xform_name(operation)
        try:
            if client.can_paginate(method):
                return sum(1 for _ in client.get_paginator(method).paginate(**args))
            getattr(client, method)(**args)
        except ClientError:
            return 0
        return 1

    with futures.ThreadPoolExecutor(workers) as pool:
        pages = sum(pool.map(lambda item: call(*item), calls))
    return {"calls": len(calls), "pages": pages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--custody", action="store_true")
    parser.add_argument("--part", choices=["ours", "bare"])
    parser.add_argument("--url")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.part:
        begin = time.perf_counter()
        found = {"ours": ours, "bare": bare}[options.part](
            options.url, options.workers, options.folder, options.custody
        )
        used = resource.getrusage(resource.RUSAGE_SELF)
        found |= {"wall_s": round(time.perf_counter() - begin, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2)}
        print(json.dumps({"part": options.part, **found, "memory_mb": round(used.ru_maxrss / 1024)}))
        return
    import tempfile

    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment = {
        **kept, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    os.environ.update(environment)
    stand_in = [sys.executable, str(HERE.parent / "tests" / "stand_in.py"), "0"]
    with subprocess.Popen(stand_in, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        try:
            import boto3

            accounts = [OWN]
            organisation = boto3.client("organizations", region_name=REGIONS[0], endpoint_url=url)
            organisation.create_organization(FeatureSet="ALL")
            for number in range(1, options.accounts):
                made = organisation.create_account(AccountName=f"a{number}", Email=f"a{number}@example.jp")
                accounts.append(made["CreateAccountStatus"]["AccountId"])
            for account in accounts:
                seed(url, account, options.scale)
            rules = [{"sleep": options.latency_ms / 1000}] if options.latency_ms else []
            urllib.request.urlopen(f"{url}/_rules", data=json.dumps(rules).encode()).close()
            for _ in range(options.rounds):
                with tempfile.TemporaryDirectory() as folder:
                    walls = []
                    for part in ("ours", "bare"):
                        urllib.request.urlopen(f"{url}/_forget", data=b"").close()
                        command = [sys.executable, __file__, "--part", part, "--url", url, "--folder", folder]
                        command += ["--workers", str(options.workers), *(["--custody"] if options.custody else [])]
                        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                        with urllib.request.urlopen(f"{url}/_calls") as answer:
                            requests = len(json.loads(answer.read()))
                        found = json.loads(done.stdout)
                        walls.append(found["wall_s"])
                        print(json.dumps({**found, "requests": requests}), flush=True)
                    print(json.dumps({"wall_ours_to_bare": round(walls[0] / walls[1], 2)}), flush=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
