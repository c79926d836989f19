"""Snapshots: written whole or not at all, never changed, and every damage is noticed."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import worlds
from worlds import DAY, HERE, SEEN, access, contractor, gap, grant, key, placement, rows, store

from residency.errors import SnapshotError
from residency.inventory.snapshot import open_snapshot, write_snapshot
from residency.inventory.tables import TABLES, EntityRow, Label, Rows, Sweep, Unit, as_dict, row_from

NASTY = "<script>'\"\\x00=cmd|' /C calc'!A0 ‮ \U0001f4a5 ;DROP TABLE stores;--"


def everything() -> Rows:
    """One row of every table, with every optional field filled somewhere."""
    unit = Unit(provider="quasar", account="1", region="eu", kind="k", status="seen", started_at=SEEN, finished_at=SEEN)
    result = rows(
        store(NASTY),
        placement(NASTY, "eu"),
        key(NASTY),
        grant(NASTY, "p"),
        gap(),
        unit,
        contractor("c", start=DAY, end=DAY + dt.timedelta(days=9), principals=("a-*", NASTY)),
        access("p", "QZ"),
        EntityRow(entity_id="c", name="C", seat="JP", owner_id="o", share=0.25, start=DAY, source="x"),
        EntityRow(entity_id="o", name="O", seat="QZ", source="x"),
        Sweep(sweep_id="1", started_at=SEEN, finished_at=SEEN, scope="{}", tool_version="0", catalogue="0"),
    )
    origin = {
        name: getattr(result["stores"][0], name)
        for name in ("provider", "account", "region", "kind", "call", "seen_at")
    }
    result.add(Label(**origin, store_id=NASTY, key="owner", value=NASTY))
    return result


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_round_trip(tmp_path: Path) -> None:
    written = write_snapshot(tmp_path / "a", everything(), {"note": NASTY}, {"tool": "1"})
    opened = open_snapshot(tmp_path / "a")
    assert opened.manifest == written.manifest
    assert opened.manifest["scope"] == {"note": NASTY}
    assert opened.rows().tables == everything().sorted().tables
    assert all(len(opened.rows()[name]) >= 1 for name in TABLES)
    assert {entry["rows"] for entry in opened.manifest["files"].values()} == {1, 2}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds(), st.randoms())
def test_same_rows_same_bytes(tmp_path_factory: pytest.TempPathFactory, world: Any, random: Any) -> None:
    folder = tmp_path_factory.mktemp("snapshots")
    items = [*world.items, *world.items]
    random.shuffle(items)
    write_snapshot(folder / "a", rows(*world.items), {}, {"b": "1", "a": "2"})
    write_snapshot(folder / "b", rows(*items), {}, {"a": "2", "b": "1"})
    assert bytes_of(folder / "a") == bytes_of(folder / "b")
    assert open_snapshot(folder / "a").rows().tables == rows(*world.items).sorted().tables


def test_a_snapshot_is_never_changed(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "a", Rows(), {}, {})
    before = bytes_of(tmp_path / "a")
    with pytest.raises(SnapshotError, match="exists already and snapshots are never changed"):
        write_snapshot(tmp_path / "a", everything(), {}, {})
    assert bytes_of(tmp_path / "a") == before


def test_row_values_survive_json() -> None:
    for name, items in everything().tables.items():
        for row in items:
            assert row_from(name, json.loads(json.dumps(as_dict(row), default=lambda value: value.isoformat()))) == row


def damage_manifest(folder: Path, change: Any) -> None:
    file = folder / "manifest.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(change(data)), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "is not a snapshot"),
        (lambda folder: (folder / "manifest.json").write_text("{", encoding="utf-8"), "is not readable"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "is not readable"),
        (lambda folder: (folder / "manifest.json").write_text("[]", encoding="utf-8"), "is not readable"),
        (
            lambda folder: damage_manifest(folder, lambda data: {**data, "schema": 99}),
            "has schema 99, this version reads",
        ),
        (lambda folder: damage_manifest(folder, lambda data: {**data, "files": []}), "is not readable"),
        (lambda folder: damage_manifest(folder, lambda data: {**data, "files": {}}), "lists other files"),
        (
            lambda folder: damage_manifest(folder, lambda d: {**d, "files": {name: {} for name in d["files"]}}),
            "is not readable",
        ),
        (lambda folder: (folder / "stores.parquet").unlink(), "stores.parquet: is missing"),
        (lambda folder: (folder / "stores.parquet").write_bytes(b"PAR1"), "stores.parquet: was changed"),
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: Any, message: str) -> None:
    write_snapshot(tmp_path / "a", everything(), {}, {})
    damage(tmp_path / "a")
    with pytest.raises(SnapshotError, match=message):
        open_snapshot(tmp_path / "a")


def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="no table 'secrets'; there are sweeps"):
        write_snapshot(tmp_path / "a", Rows(), {}, {}).path("secrets")


LIMITED = """
import resource, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import pyarrow.parquet
from residency.errors import StorageError
from residency.inventory.snapshot import write_snapshot
from worlds import rows, store
inventory = rows(*(store(f"store-{{number}}-{{number * 7919 % 104729}}") for number in range(4000)))
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    write_snapshot(Path({folder!r}), inventory, {{}}, {{}})
except StorageError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("limit", [100, 9000])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, limit: int) -> None:
    """The limit on file size makes the kernel refuse the write, in the first table or in a later one."""
    script = LIMITED.format(paths=[str(HERE)], limit=limit, folder=str(tmp_path / "out" / "a"))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 7, done.stderr
    assert "could not write" in done.stdout
    assert "free space or choose another folder" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []


def test_a_row_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_snapshot(tmp_path / "a", rows(store("\ud800")), {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    from residency.errors import StorageError

    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="could not write"):
        write_snapshot(tmp_path / "file" / "a", Rows(), {}, {})


def test_data_frames(tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "a", everything(), {}, {})
    contractors, entities = snapshot.to_pandas("contractors"), snapshot.to_pandas("entities")
    assert contractors["principals"].tolist() == [("a-*", NASTY)]
    assert entities["share"].isna().tolist() == [False, True]
    assert str(snapshot.to_pandas("stores")["seen_at"].dt.tz) == "UTC"
    assert list(write_snapshot(tmp_path / "b", Rows(), {}, {}).to_pandas("stores").columns)[:2] == [
        "provider",
        "account",
    ]
