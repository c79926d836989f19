from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.collect.json_stream import LIMIT, Element, elements

WRAPPERS = ("Records", "value")


def read(raw: bytes | str, limit: int = LIMIT, step: int | None = None) -> list[Element]:
    source: Any = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    return list(elements(Slow(source, step) if step else source, WRAPPERS, limit))


class Slow:
    """Hands out a few bytes at a time."""

    def __init__(self, source: io.BytesIO, step: int) -> None:
        self.source, self.step = source, step

    def read(self, size: int, /) -> bytes:
        return self.source.read(min(size, self.step))


def values(found: list[Element]) -> list[Any]:
    return [element.value for element in found if not element.problem]


def problems(found: list[Element]) -> list[tuple[int, str]]:
    return [(element.line, element.problem) for element in found if element.problem]


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(
    st.dictionaries(st.text(max_size=6).filter(lambda key: key not in WRAPPERS), VALUES, max_size=4), max_size=5
)


def layouts(objects: list[Any]) -> dict[str, str]:
    return {
        "list": json.dumps(objects),
        "list, indented": json.dumps(objects, indent=2, ensure_ascii=False),
        "list, no indent": json.dumps(objects, indent=0),
        "lines": "".join(json.dumps(item) + "\n" for item in objects),
        "lines, CRLF": "".join(json.dumps(item) + "\r\n" for item in objects),
        "one after another": "\n".join(json.dumps(item, indent=2) for item in objects),
        "wrapped": json.dumps({"Records": objects}),
        "wrapped, indented": json.dumps({"Records": objects}, indent=1),
        "wrapped behind": json.dumps({"@odata.context": 'a"b', "n": 1, "e": [], "value": objects, "nextLink": "x]"}),
    }


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.integers(1, 40))
def test_every_layout_holds_the_same_objects(objects: list[Any], step: int) -> None:
    for layout, text in layouts(objects).items():
        if not text.strip():
            continue
        for prefix in ("", "\ufeff"):
            found = read((prefix + text).encode("utf-8", "surrogatepass"), step=step)
            assert problems(found) == [], layout
            assert values(found) == objects, layout


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 8))
def test_no_bytes_break_it_and_none_vanish(raw: bytes, step: int) -> None:
    found = read(raw, step=step)
    assert found or not raw.strip(b" \t\r\n\x0b\x0c,[]")
    assert all(element.problem or isinstance(element.value, dict | list) for element in found)


@settings(max_examples=80, deadline=None)
@given(OBJECTS.filter(len), st.data())
def test_what_stands_before_a_cut_is_read_and_the_cut_is_told(objects: list[Any], data: st.DataObject) -> None:
    text = json.dumps({"Records": objects})
    cut = data.draw(st.integers(len('{"Records": ['), len(text) - 1))
    found = read(text[:cut])
    assert values(found) == objects[: len(values(found))]
    assert problems(found)


def test_lines_are_counted() -> None:
    assert [item.line for item in read('{"a": 1}\n\n{"b": 2}\n')] == [1, 3]
    assert [item.line for item in read('{"Records": [\n {"a": 1},\n\n {\n"b": 2}]}\n{"c": 3}')] == [2, 4, 6]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('{"a": 1}\n{"b": \n{"c": 3}\n', [{"a": 1}, {"c": 3}], [(2, "not JSON")]),
        ('{"a": 1}\n{"b": "x\n{"c": 3}\n', [{"a": 1}, {"c": 3}], [(2, "not JSON")]),
        ('{"a": {\n{"c": 3}\n', [{"c": 3}], [(1, "not JSON")]),
        ('{"a": 1}\nERROR disk full\n{"c": 3}\n', [{"a": 1}, {"c": 3}], [(2, "not JSON")]),
        ('{"a": 1}\n{"b": \n', [{"a": 1}], [(2, "the file ends inside an object")]),
        ('{"a": 1} trailing\n{"c": 3}', [{"c": 3}], [(1, "not JSON")]),
        ('[{"a": 1}, {"b": nope}, {"c": 3}]', [{"a": 1}, {"c": 3}], [(1, "not JSON")]),
        ('[{"a": 1},\n {"b"\n: 1,},\n {"c": 3}]', [{"a": 1}, {"c": 3}], [(2, "not JSON")]),
        ('[1, "x", {"c": 3}]', [{"c": 3}], [(1, "not an object"), (1, "not an object")]),
        ('[{"a": 1}', [{"a": 1}], [(1, "the file ends inside a list")]),
        ('[{"a": 1}, {"b": [', [{"a": 1}], [(1, "the file ends inside an object; the rest of the file was not read")]),
        ('{"Records": [{"a": 1}]', [{"a": 1}], [(1, "the file ends inside the object that holds this list")]),
        ("eventName,ip\nGetObject,1.2.3.4\n", [], [(1, "not JSON"), (2, "not JSON")]),
        ("", [], [(1, "the file is empty")]),
        (" \n\n", [], [(1, "the file is empty")]),
        ("[]", [], []),
        ('{"Records": []}', [], []),
        ('{"a": ' + "[" * 100_000 + "\n", [], [(1, "the file ends inside an object")]),
        ("[" + "[" * 100_000 + "]" * 100_000 + "]", [], [(1, "not JSON")]),
        ('{"a": {\n\n{"b": {\n\n{"c": 3}', [{"c": 3}], [(1, "not JSON"), (3, "not JSON")]),
    ],
)
def test_what_is_broken_is_told_and_the_rest_is_read(text: str, good: list[Any], bad: list[tuple[int, str]]) -> None:
    found = read(text)
    assert (values(found), problems(found)) == (good, bad)


def test_bytes_that_are_not_utf8_are_told() -> None:
    found = read(b'{"a": 1}\n{"b": "\xff\xfe"}\n{"c": 3}\n')
    assert (values(found), problems(found)) == ([{"a": 1}, {"c": 3}], [(2, "not UTF-8")])


def test_an_object_beyond_the_limit_is_told() -> None:
    large = json.dumps({"a": "x" * 5000})
    found = read(f'{large}\n{{"b": 1}}\n', limit=1000, step=64)
    assert values(found) == [{"b": 1}]
    assert "longer than" in problems(found)[0][1]
    found = read(f'[{{"b": 1}}, {large}, {{"c": 1}}]', limit=1000, step=64)
    assert values(found) == [{"b": 1}]
    assert problems(found) == [(1, "an object is too large; the rest of the file was not read")]


def test_memory_does_not_grow_with_the_file() -> None:
    """A list of any length passes through a window of a fixed size."""
    import tracemalloc

    class Endless:
        """Ten million bytes of events, never held at once."""

        def __init__(self) -> None:
            self.left = 10_000

        def read(self, size: int, /) -> bytes:
            self.left -= 1
            if self.left == 9_999:
                return b'{"Records": ['
            return b'{"eventName": "' + b"x" * 980 + b'"},' if self.left > 0 else b"" if self.left < 0 else b"{}]}"

    tracemalloc.start()
    count = sum(1 for _ in elements(Endless(), WRAPPERS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 9_999
    assert peak < 1_000_000
