"""The whole line on the example organisation: stand-ins, seed, the real sweep, scores, policy, report."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.demo.folder import fill_folder
from residency.errors import ConfigError, ResidencyError

if TYPE_CHECKING:
    from residency.collect.engine import Progress
    from residency.demo.findings import Findings
    from residency.graph import Inputs
    from residency.inventory.tables import Rows

__all__ = ["EXAMPLE", "Demo", "closed_environment", "run_demo"]

EXAMPLE = Path(__file__).with_name("data")
PUBLISHED = "published-policy.ja.md"
_FOREIGN = ("AWS_", "AMAZON_", "BOTO", "AZURE_", "ARM_", "MSI_", "IDENTITY_", "GOOGLE_", "GCLOUD_", "GCE_", "CLOUDSDK_")
_SET = {
    "AWS_ACCESS_KEY_ID": "demo",
    "AWS_SECRET_ACCESS_KEY": "demo",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
    "NO_GCE_CHECK": "true",
    "NO_PROXY": "*",
}

Bar = Callable[[str], AbstractContextManager[Callable[["Progress"], None]]]


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo made: its folder, the files in it, what was found, and English names by code."""

    folder: Path
    files: tuple[str, ...]
    rows: Rows
    findings: Findings
    names: Mapping[str, str]


@contextmanager
def closed_environment() -> Iterator[None]:
    """Without the caller's cloud credentials, endpoints and proxies, until the block ends.

    The SDKs read the environment by themselves, so there is no other way to be sure that no real cloud is asked.
    """
    before = dict(os.environ)
    for name in before:
        upper = name.upper()
        if upper.startswith(_FOREIGN) or upper.endswith("_PROXY"):
            del os.environ[name]
    os.environ.update(_SET)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_demo(folder: Path, bar: Bar) -> Demo:
    """Run the demo into a folder.

    Parameters
    ----------
    folder
        New, empty, or an earlier demo's.
    bar
        Shows progress of a named step.

    Raises
    ------
    ConfigError
        When the folder is somebody else's, or moto is missing.
    """
    for module in ("moto", "werkzeug", "boto3"):
        if importlib.util.find_spec(module) is None:
            raise ConfigError(f"demo: {module} is not installed; run pip install 'residency[demo]'")
    with fill_folder(folder) as work:
        rows, findings, names = _run(work, bar)
        files = tuple(sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file()))
    return Demo(folder, files, rows, findings, names)


def _run(work: Path, bar: Bar) -> tuple[Rows, Findings, Mapping[str, str]]:
    from residency.assess import assemble, load_catalogues, read_config, snapshot_day
    from residency.collect.run import collect, drivers_for, scope_of
    from residency.collect.spec import load_kinds
    from residency.countries import country_names
    from residency.inventory.snapshot import open_snapshot, write_snapshot

    catalogues = load_catalogues()
    with ExitStack() as stack:
        stack.enter_context(closed_environment())
        known = _stand_ins(stack, bar)
        for name in ("residency.yaml", "contractors.csv", *(f"logs/{path.name}" for path in _logs())):
            _write(work / name, _filled(EXAMPLE / name, known))
        _write(work / PUBLISHED, (EXAMPLE / "policy-2020.ja.md").read_text("utf-8"))
        settings = read_config(work / "residency.yaml", catalogues)
        drivers = drivers_for(settings, load_kinds(catalogues.folders), catalogues.providers)
        with tempfile.TemporaryDirectory() as scratch, bar("sweep") as tell:
            rows = collect(
                settings,
                work,
                drivers,
                catalogues.providers,
                lambda: catalogues.jurisdictions,
                Path(scratch) / "journal.jsonl",
                progress=tell,
            )
    (sweep,) = rows["sweeps"]
    snapshot = work / "snapshots" / f"{sweep.finished_at:%Y-%m-%dT%H%M%SZ}"
    versions = {"residency": sweep.tool_version, "catalogue": sweep.catalogue}
    write_snapshot(snapshot, rows, scope_of(settings), versions)
    opened = open_snapshot(snapshot)
    inputs = assemble(opened.rows(), settings, catalogues, snapshot_day(opened))
    names = {**country_names("en"), **{code: item.name.en for code, item in inputs.jurisdictions.items()}}
    names["organisation"] = settings.organisation.name.en
    with bar("compute"):
        return opened.rows(), _results(work, inputs), names


def _stand_ins(stack: ExitStack, bar: Bar) -> dict[str, str]:
    """Start the clouds and put the example in place; returns identifiers and endpoints."""
    from residency.collect.engine import Progress
    from residency.demo.seed import fill, load_seed, plant
    from residency.replay import ReplayServer

    with bar("example") as tell:
        amazon = stack.enter_context(_amazon())
        seed = load_seed(EXAMPLE / "aws.yaml")
        known = plant(seed, amazon, lambda done, total: tell(Progress(done, total, message="the example organisation")))
        _guard(amazon, fill(seed.guard.model_dump(), known))
    google = stack.enter_context(ReplayServer(EXAMPLE / "gcp"))
    azure = stack.enter_context(ReplayServer(EXAMPLE / "azure"))
    return {**known, "endpoint.aws": amazon, "endpoint.gcp": google.url, "endpoint.azure": azure.url}


@contextmanager
def _amazon() -> Iterator[str]:
    """The address of moto in a process of its own, which ends with the block."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "residency.demo.cloud"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                process.wait()
                complaints.seek(0)
                last = complaints.read().decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
                raise ResidencyError(f"demo: the stand-in for AWS did not start: {last[0]}")
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def _guard(endpoint: str, rules: Mapping[str, Any]) -> None:
    from residency.demo.cloud import GUARD_PATH

    request = urllib.request.Request(f"{endpoint}{GUARD_PATH}", json.dumps(rules).encode(), method="PUT")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
        pass


def _results(work: Path, inputs: Inputs) -> Findings:
    """Everything that is computed, written into the folder."""
    from residency.demo.findings import find
    from residency.disclosure.render import LANGUAGES, render_json, render_policy
    from residency.disclosure.tables import policy
    from residency.scoring import score
    from residency.trace import to_dict

    scores = score(inputs)
    tables = policy(inputs)
    for language in LANGUAGES:
        _write(work / f"policy.{language}.md", render_policy(tables, inputs, language))
    _write(work / "policy.json", render_json(tables))
    _write(work / "scores.csv", scores.to_pandas().to_csv(index=False, lineterminator="\n"))
    top = {code: scores.top(code)[0] for code in scores.seen_by_jurisdiction}
    traces = [
        {
            "jurisdiction": code,
            "dataset": cell.dataset,
            "channel": cell.channel,
            "seen": [cell.seen.lo, cell.seen.hi],
            "value": [cell.value.lo, cell.value.hi],
            "witness": list(cell.witness),
            "trace": to_dict(cell.seen_trace or cell.trace),
        }
        for code, cell in top.items()
    ]
    answer = {"as_of": inputs.as_of.isoformat(), "method": inputs.judgement.version, "top": traces}
    _write(work / "scores.json", json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    if importlib.util.find_spec("residency.report.page") is not None:
        from residency.report.page import render_report

        _write(work / "report.html", render_report(scores, tables))
    return find(inputs, scores, tables, (work / PUBLISHED).read_bytes())


def _logs() -> list[Path]:
    return sorted((EXAMPLE / "logs").iterdir())


def _filled(file: Path, known: Mapping[str, str]) -> str:
    from residency.demo.seed import fill

    return str(fill(file.read_text("utf-8"), known))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
