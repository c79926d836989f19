"""Steampipe and CloudQuery: every mapped table in every form it is exported in."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlrows
from foreign import cases, expected, labels, messages, run, said, types, write

from residency.collect.imports.spec import Source
from residency.collect.imports.sql_tables import table_of
from residency.errors import InputError

SOURCES: tuple[Source, ...] = ("steampipe", "cloudquery")
EVERY = [(source, name) for source in SOURCES for name in sorted(cases(source))]


def as_csv(*rows: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    for row in rows:
        cells = ("" if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in row.values())
        writer.writerow(cells)
    return text.getvalue()


def as_parquet(path: Path, row: dict[str, Any]) -> Path:
    cells = {name: json.dumps(cell) if isinstance(cell, dict | list) else cell for name, cell in row.items()}
    pq.write_table(pa.Table.from_pylist([cells]), path)
    return path


def test_every_mapped_table_has_a_case() -> None:
    assert {key for key in types() if key[0] in SOURCES} == set(EVERY)
    for source in SOURCES:
        assert {types()[source, name].provider for name in cases(source)} == {"aws", "gcp", "azure"}


@pytest.mark.parametrize(("source", "name"), EVERY)
def test_a_table_becomes_its_store_with_its_places_and_gaps(tmp_path: Path, source: Source, name: str) -> None:
    row = sqlrows.row(source, name, cases(source)[name]["row"])
    wrapped = {"columns": [{"name": key, "data_type": "text"} for key in row], "rows": [row], "metadata": {}}
    files = [write(tmp_path / f"{name}.csv", as_csv(row)), write(tmp_path / f"{name}.json", [row])]
    files.append(write(tmp_path / f"{name}.jsonl", json.dumps(row) + "\n"))
    if source == "steampipe":
        files.append(write(tmp_path / f"{name}-1.json", wrapped))
        files.append(write(tmp_path / f"{name}-2.json", {**wrapped, "rows": [list(row.values())]}))
    else:
        files.append(as_parquet(tmp_path / f"{name}.parquet", row))
    for file in files:
        rows = run(file)
        kind = types()[source, name].kind
        assert said(rows, kind) == expected(cases(source)[name]), file.name
        assert labels(rows) == {("team", "web")}, file.name
        assert rows["stores"][0].account in {"111122223333", "p-1", "sub-1"}
        assert rows["stores"][0].call.endswith(name)
        assert "hunter2" not in repr(rows)


@pytest.mark.parametrize(("source", "name"), EVERY)
def test_columns_that_were_not_selected_are_gaps(tmp_path: Path, source: Source, name: str) -> None:
    foreign = types()[source, name]
    full = sqlrows.row(source, name, cases(source)[name]["row"])
    kept = {
        key: value for key, value in full.items() if key in {"arn", "id", "name", "region", "account_id", "location"}
    }
    rows = run(write(tmp_path / f"{name}.json", [kept]), form=source)
    if not rows["stores"]:
        assert any("no readable identifier" in text for text in messages(rows, "listing"))
        return
    assert {key.custody for key in rows["keys"]} <= {"unknown", "provider-managed", "customer-managed"}
    paths = {field.path for field in foreign.fields}
    if ("KmsKeyId",) in paths or ("properties",) in paths:
        assert rows["keys"][0].custody == "unknown"
        assert any(row.field == "key" for row in rows["gaps"])


def test_cloudquery_rows_are_dated_by_their_sync(tmp_path: Path) -> None:
    row = sqlrows.row("cloudquery", "aws_sns_topics", cases("cloudquery")["aws_sns_topics"]["row"])
    rows = run(write(tmp_path / "aws_sns_topics.json", [row]))
    assert rows["stores"][0].seen_at.isoformat() == "2026-03-01T01:02:03+00:00"


def test_several_tables_accounts_and_regions_come_together(tmp_path: Path) -> None:
    first = sqlrows.row("cloudquery", "aws_sns_topics", cases("cloudquery")["aws_sns_topics"]["row"])
    second = {**first, "arn": "arn:aws-cn:sns:cn-north-1:444455556666:t", "account_id": "444455556666",
              "region": "cn-north-1"}  # fmt: skip
    bucket = sqlrows.row("cloudquery", "gcp_storage_buckets", cases("cloudquery")["gcp_storage_buckets"]["row"])
    write(tmp_path / "aws_sns_topics" / "a1b2.csv", as_csv(first, second))
    write(tmp_path / "gcp_storage_buckets" / "0.json", [bucket])
    packed = tmp_path / "aws_iam_roles.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(first).encode()))
    rows = run(*sorted(path for path in tmp_path.rglob("*") if path.is_file()))
    assert {(row.provider, row.account, row.region) for row in rows["stores"]} == {
        ("aws", "111122223333", "ap-northeast-1"),
        ("aws-cn", "444455556666", "cn-north-1"),
        ("gcp", "p-1", "asia-northeast1"),
    }
    assert [(row.provider, row.account, row.message) for row in rows["gaps"] if "no kind" in row.message] == [
        ("aws", "111122223333", "1 of type aws_iam_roles are of no kind")
    ]


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("aws_s3_bucket.csv", "aws_s3_bucket"),
        ("aws_s3_bucket_20261101.json", "aws_s3_bucket"),
        ("aws_s3_bucket-prod.csv.gz", "aws_s3_bucket"),
        ("aws_s3_bucket/6f6d2a1e.parquet", "aws_s3_bucket"),
        ("aws_s3_bucket/data_1.parquet", "aws_s3_bucket"),
        ("aws_iam_role.csv", "aws_iam_role"),
        ("exports/aws_iam_role_2.csv", "aws_iam_role"),
    ],
)
def test_the_name_of_a_file_or_its_folder_is_the_table(path: str, table: str) -> None:
    assert table_of(Path(path), frozenset({"aws_s3_bucket"})) == table


def test_a_file_that_names_no_table_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    with pytest.raises(InputError, match=r"export\.csv: the name does not tell the table; name it after its table"):
        run(write(folder / "export.csv", "akas,_ctx\n1,2\n"))


def test_hostile_cells_stay_text(tmp_path: Path) -> None:
    base = sqlrows.row("steampipe", "aws_ebs_volume", cases("steampipe")["aws_ebs_volume"]["row"])
    names = ["=cmd|' /C calc'!A0", "{not json", "[1", "true", '"', "null", "\x1b[31m", "日本\u202e"]
    rows = run(write(tmp_path / "aws_ebs_volume.csv", as_csv(*({**base, "volume_id": name} for name in names))))
    assert {row.name for row in rows["stores"]} == set(names)


def test_broken_rows_are_gaps_with_their_line(tmp_path: Path) -> None:
    base = sqlrows.row("steampipe", "aws_ebs_volume", cases("steampipe")["aws_ebs_volume"]["row"])
    text = (
        as_csv(base).encode()
        + b"a,b\n\n"
        + as_csv(base).encode().splitlines()[1].replace(b"vol-1", b"vol-\xff")
        + b"\n"
    )
    file = tmp_path / "aws_ebs_volume.csv"
    file.write_bytes(text)
    rows = run(file)
    assert messages(rows, "listing") == [
        f"{file}:3: a row of 2 cells under a header of {len(base)}",
        f"{file}:5: not UTF-8",
    ]
    assert len(rows["stores"]) == 1
    file.write_bytes(as_csv(base).encode() + b'"never closed,')
    assert "not CSV" in messages(run(file), "listing")[0]


def test_rows_that_do_not_fit_their_columns_are_a_problem(tmp_path: Path) -> None:
    file = write(
        tmp_path / "aws_ebs_volume.json", '{"columns": [{"name": "a", "data_type": "text"}], "rows": [[1, 2]]}'
    )
    with pytest.raises(InputError, match=r"aws_ebs_volume\.json:1: a row is not an object"):
        run(file)


def test_a_file_that_is_no_parquet_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "aws_sns_topics.parquet"
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="not Parquet that can be read"):
        run(file)


def test_bytes_and_times_of_parquet_are_read(tmp_path: Path) -> None:
    import datetime as dt

    base = sqlrows.row("cloudquery", "aws_sns_topics", cases("cloudquery")["aws_sns_topics"]["row"])
    cells = {name: json.dumps(cell).encode() if isinstance(cell, dict) else cell for name, cell in base.items()}
    cells["_cq_sync_time"] = dt.datetime(2026, 3, 2)
    pq.write_table(pa.Table.from_pylist([cells]), tmp_path / "aws_sns_topics.parquet")
    rows = run(tmp_path / "aws_sns_topics.parquet")
    assert labels(rows) == {("team", "web")}
    assert rows["stores"][0].seen_at.isoformat() == "2026-03-02T00:00:00+00:00"


def test_an_answer_that_is_all_null_may_have_been_refused(tmp_path: Path) -> None:
    """CloudQuery leaves the columns of a call that was refused null, and keeps the row."""
    bucket = sqlrows.row("cloudquery", "aws_s3_buckets", {"name": "media", "arn": "arn:aws:s3:::media", "tags": None})
    rows = run(write(tmp_path / "aws_s3_buckets.json", [bucket]))
    found = said(rows, "aws.s3.bucket")
    assert found["gaps"] == ["grants", "key", "labels", "log", "placement"]
    assert ("replica", "") in found["places"]
    assert ("log", "") in found["places"]


@pytest.mark.parametrize(("timeout", "custody"), [(0, "none"), (None, "unknown")])
def test_what_shows_that_the_answer_came_makes_a_null_mean_something(
    tmp_path: Path, timeout: int | None, custody: str
) -> None:
    given = {"url": "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs", "visibility_timeout": timeout}
    rows = run(write(tmp_path / "aws_sqs_queues.json", [sqlrows.row("cloudquery", "aws_sqs_queues", given)]))
    assert said(rows, "aws.sqs.queue")["custody"] == custody


def test_nulls_of_steampipe_are_believed_with_a_gap_that_says_so(tmp_path: Path) -> None:
    bucket = sqlrows.row("steampipe", "aws_s3_bucket", {"name": "media", "arn": "arn:aws:s3:::media"})
    rows = run(write(tmp_path / "aws_s3_bucket.json", [bucket]))
    assert ("replica", "") not in said(rows, "aws.s3.bucket")["places"]
    assert any("ignore_error_codes" in text for text in messages(rows, "scope"))
