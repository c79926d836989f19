"""Stand-ins every test package may use; each starts only when a test asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class StandIn:
    """A loopback AWS (tests/stand_in.py): rules for refusals, and a list of the calls made."""

    url: str

    def _post(self, path: str, content: Any = None) -> Any:
        body = json.dumps(content).encode()
        with urllib.request.urlopen(f"{self.url}{path}", data=body, timeout=30) as answer:
            return json.loads(answer.read())

    def rules(self, *rules: dict[str, Any]) -> None:
        self._post("/_rules", list(rules))

    def calls(self) -> list[tuple[str, str, str]]:
        return [(service, region, operation) for service, region, operation in self._post("/_calls")]

    def forget_calls(self) -> None:
        self._post("/_forget")

    def reset(self) -> None:
        self._post("/_reset")

    def client(self, service: str, region: str = "us-east-1") -> Any:
        import boto3

        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@pytest.fixture(scope="session")
def stand_in_process() -> Iterator[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with subprocess.Popen(
        [sys.executable, str(HERE / "stand_in.py"), "0"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of nobody, and none of the machine's own configuration."""
    for name in [key for key in os.environ if key.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stand_in(stand_in_process: str, aws_environment: None) -> StandIn:
    """A fresh, empty AWS on loopback."""
    server = StandIn(stand_in_process)
    server.reset()
    return server
