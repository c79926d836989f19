"""What the collect tests share: the real kinds and catalogue, and doors that answer from memory."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from residency.collect.refusals import CallError, classify
from residency.collect.spec import Kind, load_kinds
from residency.data import DataFolders
from residency.inventory.tables import Gap, Key, Label, Placement, Store, Unit
from residency.providers import Providers, load_providers

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "replay" / "aws"
RECORDED = ROOT.parent / "shared" / "recorded" / "aws"
WHEN = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
OWN = "123456789012"


@functools.cache
def kinds() -> Mapping[str, Kind]:
    return load_kinds(DataFolders(ROOT), ["aws"])


@functools.cache
def catalogue() -> Providers:
    return load_providers(DataFolders(ROOT))


def some(*names: str) -> dict[str, Kind]:
    return {name: kinds()[name] for name in names}


Answer = Callable[[str, str, str, Mapping[str, Any]], Any]


class MemoryDoor:
    """Answers from a function of (service, region, operation, args): pages, an exception, or pages then one."""

    def __init__(self, answer: Answer | None = None, account: str = OWN, partition: str = "aws") -> None:
        self.answer, self.account, self.partition = answer, account, partition
        self.asked: list[tuple[str, str, str, str]] = []
        self.entered: dict[str, dict[str, Any]] = {}
        self.first = self.home = "us-east-1"
        self.known = frozenset({"us-east-1", "eu-west-1"})

    def pages(
        self, account: str, service: str, region: str, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        self.asked.append((account, service, region, operation))
        given = self.answer(service, region, operation, args) if self.answer else None
        if given is None:
            given = self.usual(service, operation)
        for page in given if isinstance(given, list) else [given]:
            if isinstance(page, Exception):
                raise page
            yield page

    def usual(self, service: str, operation: str) -> Any:
        arn = f"arn:{self.partition}:iam::{self.account}:user/reader"
        usual: dict[tuple[str, str], Any] = {
            ("sts", "GetCallerIdentity"): {"Account": self.account, "Arn": arn},
            ("organizations", "ListAccounts"): {
                "Accounts": [
                    {
                        "Id": self.account,
                        "State": "ACTIVE",
                        "Arn": f"arn:aws:organizations::{self.account}:account/o-ours/{self.account}",
                    }
                ]
            },
            ("account", "ListRegions"): {
                "Regions": [
                    {"RegionName": "us-east-1", "RegionOptStatus": "ENABLED_BY_DEFAULT"},
                    {"RegionName": "eu-west-1", "RegionOptStatus": "ENABLED"},
                    {"RegionName": "af-south-1", "RegionOptStatus": "DISABLED"},
                ]
            },
            ("sts", "AssumeRole"): {
                "Credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T", "Expiration": WHEN}
            },
        }
        return usual.get((service, operation), {})

    def enter(self, account: str, fetch: Callable[[], dict[str, Any]]) -> None:
        self.entered[account] = fetch()

    def start(self) -> str:
        return self.first

    def regions(self, partition: str) -> tuple[str, frozenset[str]]:
        return self.home, self.known


def refused(code: str, message: str = "no") -> CallError:
    return CallError(classify(code, message))


ORIGIN: dict[str, Any] = {
    "provider": "aws",
    "account": OWN,
    "region": "us-east-1",
    "kind": "aws.s3.bucket",
    "call": "s3:ListBuckets",
    "seen_at": WHEN,
}


def store(store_id: str, **more: Any) -> Store:
    return Store(**{**ORIGIN, "store_id": store_id, "name": store_id, "holds": "objects", **more})


def placement(store_id: str, location: str, **more: Any) -> Placement:
    fields = {"role": "primary", "location_provider": "aws", "location": location, "evidence": "x"}
    return Placement(**{**ORIGIN, "store_id": store_id, **fields, **more})


def key(store_id: str, custody: str, **more: Any) -> Key:
    return Key(**{**ORIGIN, "store_id": store_id, "custody": custody, "evidence": "x", **more})


def label(store_id: str, **more: Any) -> Label:
    return Label(**{**ORIGIN, "store_id": store_id, "key": "k", "value": "v", **more})


def gap(**more: Any) -> Gap:
    return Gap(**{**ORIGIN, "field": "listing", "cause": "denied", "message": "no", **more})


def unit(status: str = "empty", **more: Any) -> Unit:
    fields = {name: ORIGIN[name] for name in ("provider", "account", "region", "kind")}
    return Unit(**{**fields, "status": status, "started_at": WHEN, "finished_at": WHEN, **more})
