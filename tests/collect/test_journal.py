"""The journal survives a kill at any byte, and refuses what it cannot trust."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from cloud import OWN, WHEN, gap, key, placement, store, unit

from residency.collect.journal import Journal
from residency.errors import SnapshotError, StorageError
from residency.inventory.tables import Access, Contractor, Rows

NASTY = 'x"\n\r\t\x00\u2028名前</script>\ud83d\ude00'.encode("utf-16", "surrogatepass").decode("utf-16")


def rows(name: str = "a") -> Rows:
    made = Rows()
    made.add(store(name, name=NASTY), placement(name, "us-east-1"), key(name, "none"), unit(), gap(message=NASTY))
    return made


def written(path: Path, *jobs: str) -> Journal:
    journal = Journal(path, "scope", WHEN)
    for job in jobs:
        journal.append(job, rows(job))
    journal.close()
    return journal


def replayed(path: Path, scope: str = "scope") -> dict[str, Rows]:
    journal = Journal(path, scope, WHEN)
    journal.close()
    return dict(journal.replay())


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal"
    written(path, "one", "two")
    assert replayed(path) == {"one": rows("one"), "two": rows("two")}


def test_every_kind_of_row_comes_back(tmp_path: Path) -> None:
    made = Rows()
    made.add(
        Contractor(
            contractor_id="c", name=NASTY, seat="JP", staff_countries=("JP", "VN"), storage_countries=(),
            access_mode="none", services=("s",), data_classes=(), start=WHEN.date(), source="register.csv:2",
        ),
        Access(
            provider="aws", account=OWN, region="us-east-1", principal="p", principal_account=OWN, service="s3",
            ip="203.0.113.9", verdict="country", countries=("JP",), reason="r", geo_source="g", geo_date="2026-01-01",
            count=3, denied=0, first=WHEN, last=WHEN, source="log",
        ),
    )  # fmt: skip
    journal = Journal(tmp_path / "j", "", WHEN)
    journal.append("job", made)
    journal.close()
    assert dict(journal.replay()) == {"job": made}


def test_torn_at_any_byte_keeps_what_is_whole_and_can_go_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one", "two")
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    second = whole.index(b"\n", header) + 1
    for cut in [*range(0, len(whole), 37), header, second, len(whole) - 1]:
        path.write_bytes(whole[:cut])
        kept = set() if cut < second else {"one"}
        journal = Journal(path, "scope", WHEN)
        assert journal.done == kept
        journal.append("three", rows("three"))
        journal.close()
        assert set(replayed(path)) == kept | {"three"}


def test_a_write_that_was_interrupted_is_repaired_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "scope", WHEN)
    journal.append("one", rows())
    with path.open("ab") as other:
        other.write(b"0badbeef {half a li")
    journal.append("two", rows())
    journal.close()
    assert set(replayed(path)) == {"one", "two"}


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one", "two")
    raw = path.read_bytes().replace(b'"job":"one"', b'"job":"uno"')
    path.write_bytes(raw)
    with pytest.raises(SnapshotError, match=":2: the line is damaged"):
        Journal(path, "scope", WHEN)


def test_damaged_last_line_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one", "two")
    path.write_bytes(path.read_bytes().replace(b'"job":"two"', b'"job":"owt"'))
    assert set(replayed(path)) == {"one"}


def test_another_scope_another_version_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, "one")
    with pytest.raises(SnapshotError, match="another scope"):
        Journal(path, "other", WHEN)
    import zlib

    for text, says in ((b'{"journal":99}', "not a journal"), (b"[]", "not a journal")):
        path.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
        with pytest.raises(SnapshotError, match=says):
            Journal(path, "scope", WHEN)
    written(tmp_path / "fresh", "one")
    lines = (tmp_path / "fresh").read_bytes().splitlines(keepends=True)
    text = b'{"job":"x","rows":{"martians":[]}}'
    (tmp_path / "fresh").write_bytes(lines[0] + b"%08x %s\n" % (zlib.crc32(text), text))
    with pytest.raises(SnapshotError, match="tables of another version"):
        Journal(tmp_path / "fresh", "scope", WHEN)


def test_places_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="could not write"):
        Journal(tmp_path / "file" / "journal", "scope", WHEN)
    with pytest.raises(SnapshotError, match="cannot be read"):
        Journal(tmp_path, "scope", WHEN)


def test_full_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "scope", WHEN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(StorageError, match="free space"):
            journal.append("one", rows())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append("two", rows())
    journal.close()
    assert set(replayed(tmp_path / "journal")) == {"two"}
