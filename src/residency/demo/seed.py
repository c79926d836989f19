"""Puts the example's stores into the demo's Amazon: the SDK calls of ``data/aws.yaml``, one after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from residency.errors import FaultsError
from residency.yamlfile import StrictModel, load_model

__all__ = ["Seed", "Step", "fill", "load_seed", "plant"]

_HOLE = re.compile(r"\{\{([a-z][a-z0-9_.-]*)\}\}")


class Step(StrictModel):
    """One call, as an account in a region; ``keep`` names parts of the answer (JMESPath) for later calls."""

    account: str = "audit"
    region: str = "ap-northeast-1"
    call: str = Field(pattern=r"^[a-z0-9-]+:[a-z0-9_]+$")
    args: dict[str, Any] = Field(default_factory=dict)
    keep: dict[str, str] = Field(default_factory=dict)


class _Rules(StrictModel):
    regions: list[str]
    services: list[str]
    anywhere: list[str]
    no_role: list[str]
    denied: dict[str, list[str]]
    regions_on: list[str]
    regions_off: list[str]


class Seed(StrictModel):
    """``data/aws.yaml``: the calls in order, the identifiers given beforehand, and what is refused afterwards."""

    given: dict[str, str]
    steps: list[Step]
    guard: _Rules


def load_seed(file: Path) -> Seed:
    """Read the list.

    Raises
    ------
    FaultsError
        With every fault of it.
    """
    seed, _, faults = load_model(Seed, file)
    if seed is None:
        raise FaultsError(faults)
    return seed


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """The value with each ``{{name}}`` replaced.

    Raises
    ------
    KeyError
        When a name is not known.
    """
    if isinstance(value, str):
        return _HOLE.sub(lambda hole: known[hole.group(1)], value)
    if isinstance(value, dict):
        return {fill(key, known): fill(item, known) for key, item in value.items()}
    return [fill(item, known) for item in value] if isinstance(value, list) else value


def plant(seed: Seed, endpoint: str, tell: Callable[[int, int], None] = lambda _done, _total: None) -> dict[str, str]:
    """Make every call; returns the names kept, for the other files of the example."""
    import boto3
    import jmespath
    from botocore.config import Config

    known = dict(seed.given)
    clients: dict[tuple[str, str, str], Any] = {}
    sessions: dict[str, Any] = {"audit": boto3.Session(aws_access_key_id="demo", aws_secret_access_key="demo")}
    quick = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})

    def client(account: str, region: str, service: str) -> Any:
        if account not in sessions:
            role = f"arn:aws:iam::{known[f'account.{account}']}:role/residency-demo-seed"
            given = client("audit", region, "sts").assume_role(RoleArn=role, RoleSessionName="seed")["Credentials"]
            sessions[account] = boto3.Session(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=region
            )
        key = (account, region, service)
        if key not in clients:
            clients[key] = sessions[account].client(service, region, endpoint_url=endpoint, config=quick)
        return clients[key]

    for number, step in enumerate(seed.steps, start=1):
        service, _, operation = step.call.partition(":")
        answer = getattr(client(step.account, step.region, service), operation)(**fill(step.args, known))
        for name, path in step.keep.items():
            known[name] = str(jmespath.search(path, answer))
        tell(number, len(seed.steps))
    return known
