"""What a file is, told from its beginning, and how rows come out of it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from foreign import run, write

from residency.collect.imports.detect import candidates, format_of
from residency.collect.imports.items import moment
from residency.collect.imports.read import files_of
from residency.collect.imports.stream import head_of, members, opened, table_rows
from residency.errors import ConfigError, InputError

SHAPES: dict[str, tuple[str, Any]] = {
    "snapshot": ("config", {"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": []}),
    "query": ("config", {"Results": ["{}"], "QueryInfo": {}}),
    "item": ("config", [{"resourceType": "AWS::S3::Bucket", "resourceId": "x"}]),
    "query.csv": ("config", "resourceId,resourceType\nx,AWS::S3::Bucket\n"),
    "assets": ("asset-export", [{"name": "//x", "assetType": "storage.googleapis.com/Bucket", "resource": {}}]),
    "policies": ("asset-export", {"name": "//x", "asset_type": "storage.googleapis.com/Bucket", "iam_policy": {}}),
    "graph": ("resource-graph", {"count": 1, "data": [{"id": "/subscriptions/s/x", "subscriptionId": "s"}]}),
    "graph.csv": ("resource-graph", '"id","name","type","resourceGroup","subscriptionId"\n'),
    "GRAPH.csv": ("resource-graph", "ID,NAME,TYPE,RESOURCEGROUP,SUBSCRIPTIONID\n"),
    "state": ("terraform", {"version": 4, "terraform_version": "1.9", "serial": 1, "lineage": "l", "resources": []}),
    "shown": ("terraform", {"format_version": "1.0", "terraform_version": "1.9", "values": {}}),
    "wrapped": ("steampipe", {"columns": [{"name": "id", "data_type": "text"}], "rows": [{"id": "/subscriptions/s"}]}),
    "list": ("steampipe", [{"arn": "x", "akas": []}]),
    "list.csv": ("steampipe", "arn,akas,_ctx\n"),
    "cq": ("cloudquery", {"_cq_id": "x", "id": "/subscriptions/s/x", "subscription_id": "s"}),
    "cq.csv": ("cloudquery", "_cq_id,arn\n"),
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_each_form_is_told_from_its_beginning_packed_or_not(tmp_path: Path, name: str) -> None:
    form, content = SHAPES[name]
    file = write(tmp_path / name, content)
    assert candidates(head_of(file)) == (form,)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert format_of(packed, head_of(packed)) == form


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"hello": "world"}, "is of no form we know; say what it is with --from config|asset-export|"),
        ("a,b\n1,2\n", "is of no form we know"),
        (
            [{"resourceType": "AWS::S3::Bucket", "akas": []}],
            r"could be config or steampipe; say what it is with --from config\|steampipe",
        ),
    ],
)
def test_what_is_not_clear_is_not_guessed(tmp_path: Path, content: Any, text: str) -> None:
    file = write(tmp_path / "x.json", content)
    with pytest.raises(ConfigError, match=text.replace("|asset", r"\|asset").replace("export|", r"export\|")):
        format_of(file, head_of(file))


def test_values_do_not_decide(tmp_path: Path) -> None:
    """A name somebody chose must not turn a file into another form."""
    asset = {"name": "//x", "assetType": "storage.googleapis.com/Bucket",
             "resource": {"data": {"labels": {"note": 'has "configurationItems" and _cq_id in it'}}}}  # fmt: skip
    file = write(tmp_path / "x.json", [asset])
    assert candidates(head_of(file)) == ("asset-export",)


def test_files_of_a_folder_by_their_endings_and_named_ones_always(tmp_path: Path) -> None:
    for name in ("b.json", "a.csv", "d/c.tfstate", "notes.txt", "x.json.gz", "z.parquet"):
        write(tmp_path / name, "{}")
    found = [path.relative_to(tmp_path).as_posix() for path in files_of([tmp_path, tmp_path / "notes.txt"])]
    assert found == ["a.csv", "b.json", "d/c.tfstate", "x.json.gz", "z.parquet", "notes.txt"]


def test_files_of_two_forms_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "1.json", SHAPES["state"][1]), write(tmp_path / "2.json", SHAPES["snapshot"][1])
    with pytest.raises(ConfigError, match=r"2\.json: is config, while .*1\.json is terraform"):
        run(one, other)


def test_no_file_is_one_line() -> None:
    with pytest.raises(ConfigError, match="no file to read"):
        run()


def test_answers_are_sent_on_to_their_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--provider"):
        run(write(tmp_path / "a.json", "{}"), form="answers")


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match="the file is empty"):
        head_of(tmp_path / "x.json")


def test_a_broken_package_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InputError, match=r"x\.gz: cannot be read"):
        head_of(tmp_path / "x.gz")
    with pytest.raises(InputError, match="cannot be read"), opened(tmp_path / "missing"):
        pass


class Slow(io.BytesIO):
    """Gives a byte at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1)


@pytest.mark.parametrize("source", [io.BytesIO, Slow])
def test_members_of_a_list_behind_anything(source: type[io.BytesIO]) -> None:
    aside: dict[str, Any] = {}
    text = '\ufeff{"n": 12, "o": {"rows": [9]},\n "rows": [1, {"a": "\u65e5]"},\n [2], "x"], "last": null}'
    found = list(members(source(text.encode()), "rows", aside.__setitem__))
    assert [(item.line, item.value) for item in found] == [(2, 1), (2, {"a": "日]"}), (3, [2]), (3, "x")]
    assert aside == {"n": 12, "o": {"rows": [9]}, "last": None}


@pytest.mark.parametrize(
    ("text", "values", "line"),
    [
        (b'{"rows": [1, 2', [1, 2], 1),
        (b'{"rows": [1,]}', [1], 1),
        (b'{"rows": [1 2]}', [1], 1),
        (b'{"rows" [1]}', [], 1),
        (b'{"rows": [1,\n\xff]}', [], 1),
        (b'{"rows": [1,\n {"a": }, 3]}', [1], 2),
        (b"[1]", [], 1),
        (b"", [], 1),
        (b'{"rows": ' + b"[" * 100000, [], 1),
    ],
)
def test_what_is_broken_ends_the_reading_with_its_line(text: bytes, values: list[int], line: int) -> None:
    *good, last = list(members(io.BytesIO(text), "rows"))
    assert [item.value for item in good] == values
    assert last.problem.endswith("the rest of the file was not read")
    assert last.line == line


def test_cells_are_read_by_their_column() -> None:
    text = 'name,flag,object,none,arn\ntrue,TRUE,"{""a"": 1}",,null\n"{x}",f,[,null,\n'
    rows = [item.value for item in table_rows(io.BytesIO(text.encode()))]
    assert rows == [
        {"name": "true", "flag": True, "object": {"a": 1}, "none": None, "arn": "null"},
        {"name": "{x}", "flag": "f", "object": "[", "none": None, "arn": None},
    ]


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    cell = json.dumps({"a": "x" * 300000}).replace('"', '""')
    rows = list(table_rows(io.BytesIO(f'object\n"{cell}"\n'.encode())))
    assert len(rows[0].value["object"]["a"]) == 300000


def test_times_with_and_without_a_zone() -> None:
    assert moment("2026-03-01T01:00:00Z") == moment("2026-03-01T10:00:00+09:00") == moment("2026-03-01T01:00:00")
    assert moment("yesterday") is None
    assert moment("0001-01-01T00:00:00+14:00") is None


def test_a_header_that_names_a_column_twice_is_refused() -> None:
    """Two tables joined: which of the two values is meant cannot be told."""
    (only,) = table_rows(io.BytesIO(b"name,id,name\na,b,c\n"))
    assert (only.line, only.problem) == (1, "the header names a column twice")
