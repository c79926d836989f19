"""SQL over a snapshot: it answers, and hostile SQL neither reads nor writes anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import made_up_providers, placement, rows, store

from residency.errors import InputError
from residency.inventory.query import query
from residency.inventory.snapshot import Snapshot, write_snapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    inventory = rows(*(store(name) for name in "abc"))
    inventory.add(placement("a", "eu-berlin-1"), placement("b", "twin"), placement("c", "nowhere"))
    return write_snapshot(tmp_path / "odd [1] * ' name", inventory, {}, {})


def test_tables_and_places(snapshot: Snapshot) -> None:
    assert query(snapshot, "SELECT count(*) AS n FROM stores").rows == ((3,),)
    found = query(snapshot, "SELECT store_id, country FROM placed ORDER BY ALL", made_up_providers().locate)
    assert found.columns == ("store_id", "country")
    assert found.rows == (("a", "DE"), ("b", "DE"), ("b", "FR"), ("c", "ZZ"))
    assert {row[0] for row in query(snapshot, "SELECT country FROM placed").rows} == {"ZZ"}
    assert query(snapshot, "SELECT seen_at FROM stores LIMIT 1").rows[0][0].tzinfo is not None
    assert query(snapshot, "CREATE TABLE mine AS SELECT 1").rows in ((), ((1,),))


@pytest.mark.parametrize("sql", ["SELEKT 1", "SELECT * FROM secrets", "SELECT 1/", "", "SELECT error('x\ny')"])
def test_wrong_sql_is_one_line_that_names_the_tables(snapshot: Snapshot, sql: str) -> None:
    if not sql:
        assert query(snapshot, sql).rows == ()
        return
    with pytest.raises(InputError, match=r"^query: .*; tables: sweeps, .*, placed$") as caught:
        query(snapshot, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM glob('{folder}/*')",
        "COPY stores TO '{folder}/out.csv'",
        "EXPORT DATABASE '{folder}/out'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD '{folder}/x.duckdb_extension'",
        "SELECT * FROM 'https://example.invalid/x.parquet'",
        "SET enable_external_access = true",
        "SET temp_directory = '{folder}/out'",
        "SET log_query_path = '{folder}/out'",
        "PRAGMA profile_output = '{folder}/out.json'",
        "SELECT getenv('HOME')",
        "SELECT * FROM connection",
        "SELECT * FROM table",
    ],
)
def test_hostile_sql_is_refused(snapshot: Snapshot, tmp_path: Path, sql: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        query(snapshot, sql.format(secret=secret, folder=tmp_path))
    assert "hunter2" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    snapshot.verify()
