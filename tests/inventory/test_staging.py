"""Rows come out sorted and once, however they went in; the files depend on the rows alone."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import DAY, SEEN, access, contractor, rows, store

from residency.errors import StorageError
from residency.inventory import staging
from residency.inventory.snapshot import open_snapshot, write_snapshot
from residency.inventory.staging import Staging, database
from residency.inventory.tables import TABLES, EntityRow, Rows, Unit, as_dict, from_arrow, to_arrow

TEXTS = st.sampled_from(
    ["", "a", "A", "a\x00", "a\x00b", "ab", "é", "e\u0301", "\uffee", "\U0001f4a5", "名前", "x" * 40]
)
TIMES = st.integers(0, 3).map(lambda number: SEEN + dt.timedelta(microseconds=[0, 1, 10, 1_000_000][number]))
LISTS = st.lists(st.sampled_from(["", "JP", "QZ", "KR"]), max_size=3).map(tuple)
ROWS = st.one_of(
    st.builds(
        EntityRow,
        entity_id=TEXTS,
        name=TEXTS,
        seat=st.just("JP"),
        owner_id=TEXTS,
        share=st.sampled_from([None, 0.0, 0.25, 1.0]),
        start=st.sampled_from([None, DAY]),
        source=st.just(""),
    ),
    st.builds(lambda name, lists: contractor("c", staff_countries=lists, purpose=name), TEXTS, LISTS),
    st.builds(
        Unit,
        provider=st.just("quasar"),
        account=TEXTS,
        region=st.just(""),
        kind=st.just(""),
        status=st.sampled_from(["seen", "denied"]),
        stores=st.sampled_from([0, 2, 10]),
        started_at=TIMES,
        finished_at=TIMES,
    ),
    st.builds(lambda count: access("p", "QZ", count=count), st.sampled_from([1, 9, 10])),
)


def batches(items: list[Any], sizes: list[int], columns: bool) -> list[Any]:
    """The items in batches of these sizes, as rows or as Arrow tables."""
    found, start = [], 0
    for size in [*sizes, len(items)]:
        part = rows(*items[start : start + size])
        start += size
        found.append({name: to_arrow(name, part[name]) for name in TABLES} if columns else part)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, max_size=14), st.lists(st.integers(0, 5), max_size=4), st.booleans(), st.randoms())
def test_order_batches_and_duplicates_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, items: list[Any], sizes: list[int], columns: bool, chance: Any
) -> None:
    folder = tmp_path_factory.mktemp("s")
    mixed = [*items, *items[:5]]
    chance.shuffle(mixed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "ROW_GROUP", 3)
        patch.setattr(staging, "_SLICE", 2)
        made = write_snapshot(folder / "a", rows(*items), {}, {})
        write_snapshot(folder / "b", batches(mixed, sizes, columns), {}, {})
    for file in sorted((folder / "a").iterdir()):
        assert file.read_bytes() == (folder / "b" / file.name).read_bytes(), file.name
    assert open_snapshot(folder / "b").rows().tables == rows(*items).sorted().tables
    assert {name: entry["rows"] for name, entry in made.manifest["files"].items()} == {
        f"{name}.parquet": len(set(rows(*items)[name])) for name in TABLES
    }


def test_pieces_are_of_equal_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "ROW_GROUP", 4)
    with Staging(tmp_path) as gathered:
        gathered.add(rows(*(store(f"{number:02}") for number in range(9))))
        gathered.add(rows(store("03"), store("08")))
        assert [piece.num_rows for piece in gathered.ordered("stores")] == [4, 4, 1]
        assert list(gathered.ordered("stores")) == []
        assert list(gathered.ordered("keys")) == []
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_asked_for_is_let_go(tmp_path: Path) -> None:
    with Staging(tmp_path) as gathered:
        gathered._take("stores", to_arrow("stores", [store("a")] * staging._SLICE))
    assert [path.name for path in tmp_path.iterdir()] == ["stores.unsorted"]


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (pa.table({"store_id": ["a"]}), KeyError),
        (to_arrow("stores", [store("a")]).set_column(6, "store_id", pa.array([None], pa.string())), ValueError),
    ],
)
def test_columns_that_are_no_table_of_ours(tmp_path: Path, table: pa.Table, error: type[Exception]) -> None:
    with pytest.raises(error):
        write_snapshot(tmp_path / "a", [{"stores": table}], {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_spill_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    def full(self: Any, name: str) -> Any:
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not write\nmore")

    monkeypatch.setattr(Staging, "ordered", full)
    with pytest.raises(StorageError, match=r"could not write \(Out of Memory Error: could not write\)"):
        write_snapshot(tmp_path / "a", Rows(), {}, {})
    assert list(tmp_path.iterdir()) == []


def test_memory_is_bounded_where_there_is_a_place_to_spill_to(tmp_path: Path) -> None:
    def setting(connection: Any, name: str) -> str:
        return str(connection.execute("SELECT current_setting(?)", [name]).fetchall()[0][0])

    with database(tmp_path) as bounded, database() as free:
        assert setting(bounded, "memory_limit") == "953.6 MiB"
        assert setting(bounded, "temp_directory") == str(tmp_path)
        assert setting(free, "temp_directory") == ""


@given(st.lists(ROWS, max_size=9))
def test_rows_survive_columns_and_share_what_is_equal(items: list[Any]) -> None:
    for name, found in rows(*items).tables.items():
        back = list(from_arrow(name, to_arrow(name, found)))
        assert back == found
        for one, two in itertools.pairwise(back):
            for key, value in as_dict(one).items():
                if isinstance(value, str) and value == getattr(two, key):
                    assert value is getattr(two, key)
