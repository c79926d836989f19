"""Every committed notebook runs from top to bottom, on a snapshot and without one, and is committed without outputs."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from residency.inventory.snapshot import write_snapshot
from residency.inventory.tables import Key, Label, Placement, Rows, Store, Sweep, Unit

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# in a process of its own: the event loop of the client stays out of the tests' one
RUN = """
import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": sys.argv[2]}}).execute()
print("".join(part.get("text", "") for cell in book.cells for part in cell.get("outputs", [])))
"""


def run(notebook: Path, demo: Path, folder: Path) -> str:
    pytest.importorskip("nbclient", reason="the notebooks need the `notebook` extra")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(notebook), str(folder)],
        env={**os.environ, "RESIDENCY_DEMO": str(demo), "MPLBACKEND": "agg", "IPYTHONDIR": str(folder / ".ipython")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def demo_folder(folder: Path) -> Path:
    """A snapshot and its residency.yaml, as `residency demo` leaves them."""
    when = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    origin = {"provider": "aws", "account": "1", "region": "us-east-1", "kind": "aws.s3.bucket", "seen_at": when}
    rows = Rows()
    rows.add(
        Store(**origin, call="ListBuckets", store_id="arn:aws:s3:::logs", name="logs", holds="objects"),
        Placement(
            **origin,
            call="GetBucketLocation",
            store_id="arn:aws:s3:::logs",
            role="primary",
            location_provider="aws",
            location="us-east-1",
            evidence="LocationConstraint",
        ),
        Key(
            **origin,
            call="GetBucketEncryption",
            store_id="arn:aws:s3:::logs",
            custody="provider-managed",
            evidence="SSEAlgorithm",
        ),
        Label(**origin, call="GetBucketTagging", store_id="arn:aws:s3:::logs", key="residency:service", value="talk"),
        Unit(
            provider="aws",
            account="1",
            region="us-east-1",
            kind="aws.s3.bucket",
            status="seen",
            stores=1,
            calls=1,
            started_at=when,
            finished_at=when,
        ),
        Sweep(sweep_id="s", started_at=when, finished_at=when, scope="{}", tool_version="0", catalogue="0"),
    )
    write_snapshot(folder / "snapshots" / "2026-11-02", rows, {}, {})
    (folder / "residency.yaml").write_text(
        "organisation: {id: acme, name: {en: Acme, ja: アクメ}, seat: JP}\n"
        "services:\n  - {id: talk, name: {en: Talk, ja: トーク}, classes: [user.observed]}\n",
        encoding="utf-8",
    )
    return folder


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(notebook: Path) -> None:
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_a_snapshot(notebook: Path, tmp_path: Path) -> None:
    assert "a made-up inventory" in run(notebook, tmp_path / "none", tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_snapshot(notebook: Path, tmp_path: Path) -> None:
    assert "snapshot 2026-11-02, as of 2026-11-02" in run(notebook, demo_folder(tmp_path), tmp_path)
