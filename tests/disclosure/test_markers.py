"""Blocks between markers: found, filled, and everything outside kept byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.disclosure.markers import begin_marker, end_marker, find_blocks, inject, write_atomically
from residency.errors import PolicyFileError, StorageError

BEGIN, END = b"<!-- residency:begin equipment lang=ja -->", b"<!-- residency:end equipment -->"
TEXT = {("equipment", "ja"): "| 国 |\n|---|\n| ドイツ |\n", ("contractors", "en"): "None.\n"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BEGIN + b"\nold\n" + END, BEGIN + b"\n%s" + END),
        (
            b"\xef\xbb\xbf# T\r\n" + BEGIN + b"\r\nold\r\n" + END + b"\r\nend",
            b"\xef\xbb\xbf# T\r\n" + BEGIN + b"\r\n%s" + END + b"\r\nend",
        ),
        (b"a" + BEGIN + END + b"b", b"a" + BEGIN + b"\n%s" + END + b"b"),
        (
            b"\xff\xfe not UTF-8 outside\n" + BEGIN + b"\n" + END + b"\n\n\n",
            b"\xff\xfe not UTF-8 outside\n" + BEGIN + b"\n%s" + END + b"\n\n\n",
        ),
        (b"<!--residency:begin equipment-->  \nold" + END, b"<!--residency:begin equipment-->  \n%s" + END),
        (
            b"<!-- other --> <!-- residency -->\n" + BEGIN + b"\n" + END,
            b"<!-- other --> <!-- residency -->\n" + BEGIN + b"\n%s" + END,
        ),
    ],
)
def test_everything_outside_stays_byte_for_byte(content: bytes, expected: bytes) -> None:
    text = TEXT["equipment", "ja"].encode()
    if b"\r\n" in content:
        text = text.replace(b"\n", b"\r\n")
    filled = inject(content, TEXT, "p.md")
    assert filled == expected.replace(b"%s", text)
    assert inject(filled, TEXT, "p.md") == filled


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=30))
def test_filling_twice_is_filling_once(before: bytes, between: bytes, after: bytes, text: str) -> None:
    if b"residency" in before + between + after:
        return
    second = begin_marker("contractors", "en").encode(), end_marker("contractors").encode()
    content = before + BEGIN + b"\nx" + END + between + second[0] + second[1] + after
    blocks = {
        ("equipment", "ja"): f"{text.replace(chr(13), '').replace('<!--', '')}\n",
        ("contractors", "en"): "None.\n",
    }
    once = inject(content, blocks, "p.md")
    assert inject(once, blocks, "p.md") == once
    assert once.startswith(before)
    assert once.endswith(after)
    assert [item.axis for item in find_blocks(once, "p.md")] == ["equipment", "contractors"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no markers", "p.md: has no markers, so nothing can be filled in or compared; add <!-- residency:begin"),
        (b"\n" + BEGIN + b"\n", "p.md:2: the block equipment is not closed"),
        (BEGIN + END + b"\n" + BEGIN + END, "p.md:2: the block equipment (ja) stands twice; keep one"),
        (BEGIN + b"\n" + BEGIN + END, "p.md:1: the block equipment is not closed"),
        (BEGIN + b"\n<!-- residency:end contractors -->", "p.md:1: the block equipment is not closed"),
        (END + b"\n" + BEGIN + END, "p.md:1: <!-- residency:end equipment --> closes no block"),
        (BEGIN + END + b"\n\n" + END, "p.md:3: <!-- residency:end equipment --> closes no block"),
        (b"<!-- residency:begin moon lang=ja -->" + END, "p.md:1: no axis 'moon'; there are equipment"),
        (BEGIN.replace(b"ja", b"fr") + END, "is no marker; write <!-- residency:begin equipment lang=ja -->"),
        (BEGIN + END + b"\n<!-- residency:start contractors -->", "p.md:2: 'residency:start contractors' is no marker"),
        (BEGIN + b"\n\xff\n" + END, "is not UTF-8; save the file as UTF-8"),
    ],
)
def test_wrong_markers_are_named_with_their_line(content: bytes, message: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        find_blocks(content, "p.md")
    assert message in str(caught.value)


def test_two_languages_of_one_axis() -> None:
    content = BEGIN + END + begin_marker("equipment", "en").encode() + END
    assert [(item.axis, item.language) for item in find_blocks(content, "p.md")] == [
        ("equipment", "ja"),
        ("equipment", "en"),
    ]


def test_writing_is_atomic_and_keeps_mode_and_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640
    write_atomically(tmp_path / "fresh.md", b"x")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["fresh.md", "link.md", "real.md"]


def test_a_refused_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(StorageError, match="could not write"):
        write_atomically(tmp_path / "folder.md", b"x")
    assert [item.name for item in tmp_path.iterdir()] == ["folder.md"]
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "none" / "p.md", b"x")
