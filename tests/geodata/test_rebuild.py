from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from residency.geo import GEODATA, load_geo
from residency.geodata.ranges import Block, flatten
from residency.geodata.rebuild import cloud_arrays, main, pack


def small(path: Path, records: dict[str, str]) -> Path:
    writer = MMDBWriter(6, "country test", ipv4_compatible=True, languages=["en"], description="test")
    for network, country in records.items():
        writer.insert_network(IPSet([network]), {"country_code": country})
    writer.to_db_file(str(path))
    return path


@st.composite
def nested(draw: st.DrawFn) -> list[Block]:
    """Prefixes of a 6-bit space: nested or disjoint, each once."""
    prefixes = draw(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 63)), max_size=12))
    spans = {(bits := 1 << size) and (at // bits * bits, at // bits * bits + bits) for size, at in prefixes}
    values = st.one_of(st.none(), st.sampled_from("abc"))
    return [(first, after, draw(values)) for first, after in sorted(spans)]


@given(nested())
def test_flat_pieces_say_what_the_innermost_block_says(blocks: list[Block]) -> None:
    pieces = list(flatten(blocks))
    assert all(first < after for first, after, _ in pieces)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(pieces))
    for at in range(64):
        around = sorted((after - first, value) for first, after, value in blocks if first <= at < after and value)
        found = [value for first, after, value in pieces if first <= at < after]
        assert found == ([around[0][1]] if around else [None] if any(b[0] <= at < b[1] for b in blocks) else [])


def test_the_longest_prefix_with_a_region_wins() -> None:
    arrays = cloud_arrays(
        [
            ("20.0.0.0/8", "azure", "eastus"),
            ("20.1.0.0/16", "azure", None),  # the same space again, for a service without a region
            ("20.2.0.0/16", "azure", "centralfrance"),
            ("20.2.0.0/16", "azure", None),
            ("21.0.0.0/16", "azure", None),
            ("22.0.0.0/16", "aws", "one"),
            ("22.0.0.0/16", "aws", "two"),
            ("23.0.0.0/16", "ocean", "NL-NH"),
            ("2600::/32", "aws", "one"),
            ("24.0.0.0/16", "aws", None),
            ("24.0.0.0/16", "gcp", None),
        ],
        {"azure": {"centralfrance": "francecentral"}},
        ["ocean"],
    )
    rows = list(
        zip(arrays["providers"].tolist(), arrays["regions"].tolist(), arrays["countries"].tolist(), strict=True)
    )

    def at(text: str) -> tuple[str, str, str]:
        value = int(ipaddress.IPv4Address(text))
        return rows[int(arrays["v4_code"][np.searchsorted(arrays["v4_start"], value, side="right") - 1])]

    assert at("20.0.0.1") == at("20.1.0.1") == ("azure", "eastus", "")
    assert at("20.2.0.1") == ("azure", "francecentral", "")
    assert at("21.0.0.1") == ("azure", "", "")
    assert at("22.0.0.1") == ("aws", "", "")  # two regions for one prefix: neither
    assert at("23.0.0.1") == ("ocean", "NL-NH", "NL")
    assert at("24.0.0.1") == ("", "", "")
    assert at("19.255.255.255") == at("25.0.0.0") == ("", "", "")
    assert int(arrays["v6_high"][1]) == 0x2600 << 48


def test_equal_arrays_make_equal_bytes() -> None:
    first = pack({"b": np.arange(5), "a": np.array(["x"])})
    assert first == pack({"a": np.array(["x"]), "b": np.arange(5)})
    assert first != pack({"a": np.array(["x"]), "b": np.arange(6)})


def test_the_committed_files_are_those_of_the_manifest() -> None:
    manifest = json.loads((GEODATA / "manifest.json").read_text())
    assert sorted(manifest) == sorted(path.name for path in GEODATA.glob("*.npz"))
    for name, entry in manifest.items():
        raw = (GEODATA / name).read_bytes()
        assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (entry["sha256"], entry["bytes"])
        assert all(
            entry[key] for key in ("date", "source", "source_sha256", "licence", "attribution", "link", "changes")
        )


def test_writing_then_checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mmdb = small(tmp_path / "small.mmdb", {"203.0.113.0/25": "DE", "203.0.113.128/25": "DE", "2001:200::/33": "JP"})
    out = tmp_path / "out"
    out.mkdir()
    assert main(["--mmdb", str(mmdb), "--out", str(out)]) == 0
    assert "dbip-country.npz: written" in capsys.readouterr().out
    entry = json.loads((out / "manifest.json").read_text())["dbip-country.npz"]
    assert entry["ranges_v4"] == 3  # before, the two merged, behind
    assert load_geo(data=out).locate_one("2001:200:8000::1").verdict == "unknown"
    assert load_geo(data=out).locate_one("2001:200::1").countries == ("JP",)

    # Built again, only the file that was changed is found to differ; checking writes nothing.
    (out / "dbip-country.npz").write_bytes(b"")
    assert main(["--mmdb", str(mmdb), "--out", str(out), "--check"]) == 1
    assert capsys.readouterr().out == "dbip-country.npz: differs\n"
    assert (out / "dbip-country.npz").read_bytes() == b""


def test_another_schema_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, records in (("words", {"203.0.113.0/24": "Germany"}), ("none", {"203.0.113.0/24": ""})):
        assert main(["--mmdb", str(small(tmp_path / name, records)), "--out", str(tmp_path)]) == 2
        assert "not an alpha-2 code" in capsys.readouterr().err
    (tmp_path / "text").write_text("no database")
    assert main(["--mmdb", str(tmp_path / "text"), "--out", str(tmp_path)]) == 2
    assert "not a country database" in capsys.readouterr().err
