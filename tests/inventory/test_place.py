"""Snapshots at URLs: read back as written, whole or not there, and no secret of a URL is ever shown."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem
from worlds import placement, rows, store

from residency.errors import ConfigError, ResidencyError, SnapshotError, StorageError
from residency.inventory.diff import diff
from residency.inventory.place import MANIFEST, is_url, place_of, shown
from residency.inventory.query import query
from residency.inventory.snapshot import Snapshot, open_snapshot, write_snapshot
from residency.inventory.tables import TABLES, Rows

FILES = sorted([MANIFEST, *(f"{name}.parquet" for name in TABLES)])


class Bucket(AbstractFileSystem):
    """A tiny object store: no folders, no rename, and a list of what it must refuse."""

    protocol = "bucket"
    cachable = False
    objects: dict[str, bytes] = {}
    order: list[str] = []
    refuse: dict[str, Exception] = {}

    def _check(self, path: str, doing: str) -> None:
        for part, error in self.refuse.items():
            if part in f"{doing} {path}":
                raise error

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        self._check(path, mode)
        if mode == "rb":
            if path not in self.objects:
                raise FileNotFoundError(path)
            return io.BytesIO(self.objects[path])
        return Upload(self, path)

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:
        self._check(path, "ls")
        found = [name for name in self.objects if name == path or name.startswith(f"{path}/")]
        if not found:
            raise FileNotFoundError(path)
        return [{"name": name, "size": len(self.objects[name]), "type": "file"} for name in found]


class Upload(io.BytesIO):
    def __init__(self, bucket: Bucket, path: str) -> None:
        super().__init__()
        self.bucket, self.path = bucket, path

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.bucket.objects[self.path] = self.getvalue()
        self.bucket.order.append(self.path)


@pytest.fixture
def bucket() -> Iterator[type[Bucket]]:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    Bucket.objects, Bucket.order, Bucket.refuse = {}, [], {}
    yield Bucket
    Bucket.objects, Bucket.order, Bucket.refuse = {}, [], {}


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def inventory(*names: str) -> Rows:
    return rows(*(store(name) for name in names), *(placement(name, "eu-berlin-1") for name in names))


@pytest.mark.parametrize("url", ["memory://snapshots/a", "bucket://b/a", "simplecache::memory://snapshots/c", "FOLDER"])
def test_a_snapshot_at_a_url_is_the_one_in_a_folder(url: str, tmp_path: Path, bucket: Any) -> None:
    url = url.replace("FOLDER", f"file://{tmp_path}/deep/a")
    local = write_snapshot(tmp_path / "here", inventory("x", "y"), {"note": "n"}, {"tool": "1"})
    written = write_snapshot(url, inventory("y", "x", "x"), {"note": "n"}, {"tool": "1"})
    opened = open_snapshot(url)
    assert opened.manifest == written.manifest == local.manifest
    assert opened.rows().tables == inventory("x", "y").sorted().tables
    assert len(opened.to_pandas("stores")) == 2
    assert query(opened, "SELECT count(*) FROM placed").rows == ((2,),)
    assert diff(local, opened) == []
    with pytest.raises(SnapshotError, match="exists already and snapshots are never changed"):
        write_snapshot(url, Rows(), {}, {})
    assert open_snapshot(url).manifest == written.manifest


def test_the_manifest_is_written_last(bucket: type[Bucket]) -> None:
    write_snapshot("bucket://b/a", inventory("x"), {}, {})
    assert sorted(bucket.order) == [f"b/a/{name}" for name in FILES]
    assert bucket.order[-1] == f"b/a/{MANIFEST}"


@pytest.mark.parametrize("at", ["wb b/a/sweeps", "wb b/a/labels", "wb b/a/manifest"])
def test_a_write_that_fails_midway_is_no_snapshot_and_can_be_done_again(at: str, bucket: type[Bucket]) -> None:
    bucket.refuse = {at: OSError(28, "No space left")}
    with pytest.raises(StorageError, match=r"^bucket://b/a: could not write \(OSError: No space left\)"):
        write_snapshot("bucket://b/a", inventory("x"), {}, {})
    with pytest.raises(SnapshotError, match="is not a snapshot"):
        open_snapshot("bucket://b/a")
    bucket.refuse = {}
    write_snapshot("bucket://b/a", inventory("y"), {}, {})
    assert [row.store_id for row in open_snapshot("bucket://b/a").rows()["stores"]] == ["y"]


@pytest.mark.parametrize("sees", [True, False])
def test_of_two_writers_the_second_is_refused(
    sees: bool, bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another manifest appears after the first check, or even after the last: then the service itself refuses."""
    put = bucket.put_file

    def put_file(self: Bucket, file: str, path: str, **more: Any) -> None:
        put(self, file, path, **more)
        if sees:
            bucket.objects[f"b/a/{MANIFEST}"] = b"theirs"

    def pipe_file(self: Bucket, path: str, value: bytes, mode: str = "overwrite") -> None:
        assert mode == "create"
        bucket.objects[path] = b"theirs"
        raise FileExistsError(path)

    monkeypatch.setattr(bucket, "put_file", put_file)
    monkeypatch.setattr(bucket, "pipe_file", pipe_file)
    with pytest.raises(SnapshotError, match="another snapshot was written here meanwhile"):
        write_snapshot("bucket://b/a", inventory("x"), {}, {})
    assert bucket.objects[f"b/a/{MANIFEST}"] == b"theirs"


def test_a_service_that_cannot_create_only(bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe_file(self: Bucket, path: str, value: bytes) -> None:
        bucket.objects[path] = value

    monkeypatch.setattr(bucket, "pipe_file", pipe_file)
    write_snapshot("bucket://b/a", inventory("x"), {}, {})
    assert len(open_snapshot("bucket://b/a").rows()["stores"]) == 1


def test_folders_are_made_where_folders_are_real(tmp_path: Path) -> None:
    fsspec.register_implementation("strict", Strict, clobber=True)
    Strict.under = tmp_path
    write_snapshot("strict://deep/down", inventory("x"), {}, {})
    assert sorted(path.name for path in (tmp_path / "deep/down").iterdir()) == FILES
    assert len(open_snapshot("strict://deep/down").rows()["stores"]) == 1


def test_a_bucket_is_not_made_of_a_typing_error(bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(bucket, "makedirs", lambda self, path, exist_ok=False: made.append(path), raising=False)

    def refuse(self: Bucket, here: str, there: str) -> None:
        raise FileNotFoundError(2, "The specified bucket does not exist")

    monkeypatch.setattr(bucket, "put_file", refuse)
    with pytest.raises(StorageError, match="The specified bucket does not exist"):
        write_snapshot("bucket://typo/a", inventory("x"), {}, {})
    assert made == []


class Strict(AbstractFileSystem):
    """Files of this machine, as a server gives them that makes no folders by itself."""

    protocol = "strict"
    root_marker = "/"
    cachable = False
    under = Path()

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        return (self.under / path).open(mode)

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:
        if not (self.under / path).exists():
            raise FileNotFoundError(path)
        return [{"name": path, "size": (self.under / path).stat().st_size, "type": "file"}]

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        (self.under / path).mkdir(parents=True, exist_ok=exist_ok)

    def put_file(self, lpath: str, rpath: str, **more: Any) -> None:
        (self.under / rpath).write_bytes(Path(lpath).read_bytes())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.pop("b/a/stores.parquet"), r"bucket://b/a/stores\.parquet: is missing"),
        (lambda files: files.update({"b/a/stores.parquet": b"PAR1"}), "was changed after it was written"),
        (lambda files: files.update({f"b/a/{MANIFEST}": b"{"}), f"bucket://b/a/{MANIFEST}: is not readable"),
        (lambda files: files.clear(), r"is not a snapshot \(no manifest.json\)"),
    ],
)
def test_damage_is_noticed(change: Any, message: str, bucket: type[Bucket]) -> None:
    write_snapshot("bucket://b/a", inventory("x"), {}, {})
    change(bucket.objects)
    with pytest.raises(SnapshotError, match=message):
        open_snapshot("bucket://b/a")


@pytest.mark.parametrize("what", ["ls b/a", "rb b/a/manifest", "rb b/a/stores"])
def test_what_cannot_be_read_is_not_taken_for_absent(what: str, bucket: type[Bucket]) -> None:
    write_snapshot("bucket://b/a", inventory("x"), {}, {})
    bucket.refuse = {what: PermissionError(13, "Access Denied")}
    act = (lambda: write_snapshot("bucket://b/a", inventory("y"), {}, {})) if what.startswith("ls") else _open
    with pytest.raises(SnapshotError, match=r"bucket://b/a: cannot be read \(PermissionError: Access Denied\); check"):
        act()


def _open() -> Snapshot:
    return open_snapshot("bucket://b/a")


def test_an_unverified_snapshot_fetches_only_what_is_asked_for(bucket: type[Bucket]) -> None:
    write_snapshot("bucket://b/a", inventory("x"), {}, {})
    bucket.refuse = {"labels": PermissionError("no")}
    opened = open_snapshot("bucket://b/a", verify=False)
    assert len(opened.rows("stores")["stores"]) == 1
    folder = opened.path("stores").parent
    assert [path.name for path in folder.iterdir()] == ["stores.parquet"]
    del opened
    gc.collect()
    assert not folder.exists()


def test_read_from_an_archive(tmp_path: Path) -> None:
    folder = write_snapshot(tmp_path / "a", inventory("x"), {}, {}).path("stores").parent
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"a/{file.name}")
    opened = open_snapshot(f"zip://a::file://{tmp_path}/all.zip")
    assert opened.rows().tables == inventory("x").sorted().tables
    with pytest.raises(SnapshotError, match="is not a snapshot"):
        open_snapshot(f"zip://b::file://{tmp_path}/all.zip")


SECRETS = [
    ("ftp://me:hunter2@host.example/a", "ftp://***@host.example/a"),
    ("ftp://me:hun/ter2@host.example/a", "ftp://***@host.example/a"),
    ("s3://AKIA:hunter2@bucket/a", "s3://***@bucket/a"),
    ("https://host.example/a?sv=1&sig=hunter2", "https://host.example/a?***"),
    ("simplecache::https://me:hunter2@host.example/a?x=1", "simplecache::https://***@host.example/a?***"),
    ("zip://a::https://host.example/b.zip?sig=hunter2", "zip://a::https://host.example/b.zip?***"),
    ("s3://bucket/folder@home", "s3://bucket/folder@home"),
    ("memory://a", "memory://a"),
]


@pytest.mark.parametrize(("url", "expected"), SECRETS)
def test_secrets_of_a_url_are_not_shown(url: str, expected: str) -> None:
    assert shown(url) == expected
    assert "hunter2" not in shown(url)


@pytest.mark.parametrize(
    "says",
    [
        "login as me with hunter2 failed",
        "GET https://me:hunter2@host/a?sig=hunter2 failed",
        "403 for url ('https://other.example/x?sig=else1')",
        "https://someone:else1@other.example/x",
    ],
)
def test_nor_by_what_the_file_system_says(says: str, bucket: type[Bucket]) -> None:
    bucket.refuse = {" ": RuntimeError(f"{says}\nand\x07 more")}
    for step in (lambda url: open_snapshot(url), lambda url: write_snapshot(url, Rows(), {}, {})):
        with pytest.raises(ResidencyError) as caught:
            step("bucket://me:hunter2@b/a?sig=hunter2")
        text = str(caught.value)
        assert "hunter2" not in text
        assert "else1" not in text
        assert "\x07" not in text
        assert len(text.splitlines()) == 1
        assert caught.value.__suppress_context__
    assert "hunter2" not in repr(place_of("bucket://me:hunter2@b/a"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/a", "needs the package s3fs; run pip install s3fs"),
        ("simplecache::gs://bucket/a", "needs the package gcsfs; run pip install gcsfs"),
        ("abfs://container@account/a", "needs the package adlfs"),
        ("martian://bucket/a", "nothing reads such URLs"),
    ],
)
def test_a_protocol_nobody_here_reads(url: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("s3fs", "gcsfs", "adlfs"):  # as if not installed
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=message) as caught:
        open_snapshot(url)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_a_url() -> None:
    assert is_url("s3://b/a")
    assert is_url("simplecache::s3://b/a")
    assert not is_url("snapshots/2026-03-31T120000Z")
    assert not is_url("C://folder")
    assert not is_url(Path("s3://b/a"))
    with pytest.raises(ConfigError, match=r"^s3:/b/a: a local folder is wanted here"):
        place_of(Path("s3://b/a"))


def test_a_manifest_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path / "a", Rows(), {}, {})

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SnapshotError, match=r"manifest.json: is not readable \(Permission denied\)"):
        open_snapshot(tmp_path / "a")


def test_nothing_heavy_is_imported_for_a_folder(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "a", Rows(), {}, {})
    code = (
        "import sys\nfrom residency.inventory.snapshot import open_snapshot\n"
        f"open_snapshot({str(tmp_path / 'a')!r})\n"
        "print(sorted({'fsspec', 'duckdb', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.strip() == "[]"
