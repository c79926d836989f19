from __future__ import annotations

import dataclasses
import ipaddress
import json
import shutil
import subprocess
import sys
from pathlib import Path

import maxminddb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

import residency.geo as geo_module
from residency.data import DataFolders
from residency.errors import ConfigError, InputError
from residency.geo import Geo, Located, load_geo
from residency.providers import Providers, load_providers

PROVIDER = """\
id: {id}
name: {{en: {id}, ja: {id}}}
kind: {kind}
{extra}
reviewed: 2026-10-02
review_by: 2027-10-02
"""
REGIONS = """\
provider: {id}
reviewed: 2026-10-02
review_by: 2027-10-02
source: {{url: "https://example.org/regions", confidence: high}}
regions:
"""


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Providers:
    base = tmp_path_factory.mktemp("catalogue")
    for name, kind, extra, regions in (
        (
            "aws",
            "cloud",
            "",
            [
                "us-east-1: {countries: [US]}",
                "eu-central-1: {countries: [DE, AT]}",
                "ap-northeast-1: {countries: [ZZ], kind: logical}",
            ],
        ),
        ("aws-cn", "partition", "part_of: aws", ["cn-north-1: {countries: [CN]}"]),
        ("azure", "cloud", "", ["francecentral: {countries: [FR]}"]),
    ):
        folder = base / "providers" / name
        folder.mkdir(parents=True)
        (folder / "provider.yaml").write_text(PROVIDER.format(id=name, kind=kind, extra=extra))
        (folder / "regions.yaml").write_text(REGIONS.format(id=name) + "".join(f"  {line}\n" for line in regions))
    return load_providers(DataFolders(base))


@pytest.fixture(scope="module")
def geo(providers: Providers) -> Geo:
    return load_geo(providers=providers)


def in_region(provider: str, region: str, family: int = 4) -> str:
    """An address that the embedded data lists for a region."""
    data = np.load(geo_module.GEODATA / "cloud-ranges.npz")
    rows = zip(data["providers"].tolist(), data["regions"].tolist(), strict=True)
    code = list(rows).index((provider, region))
    if family == 4:
        return str(ipaddress.IPv4Address(int(data["v4_start"][list(data["v4_code"]).index(code)])))
    row = list(data["v6_code"]).index(code)
    return str(ipaddress.IPv6Address(int(data["v6_high"][row]) << 64 | int(data["v6_low"][row])))


@pytest.mark.parametrize(
    ("text", "verdict", "part"),
    [
        ("", "not-an-address", "no address was logged"),
        ("   ", "not-an-address", "no address was logged"),
        ("AWS Internal", "not-an-address", "own service"),
        ("aws internal ", "not-an-address", "own service"),
        ("secretsmanager.amazonaws.com", "not-an-address", "own service"),
        ("gce-internal-ip", "not-an-address", "own service"),
        ("private", "not-an-address", "own service"),
        ("***", "not-an-address", "not an address"),
        ("203.0.113.xxx", "not-an-address", "not an address"),
        ("1.2.3", "not-an-address", "not an address"),
        ("1.2.3.256", "not-an-address", "not an address"),
        ("01.2.3.4", "not-an-address", "not an address"),
        ("1.2.3.4, 5.6.7.8", "not-an-address", "not an address"),
        ("1.2.3.4/24", "not-an-address", "not an address"),
        ("1.2.3.4\x00", "not-an-address", "not an address"),
        ("\ud800", "not-an-address", "not an address"),
        ("１.２.３.４", "not-an-address", "not an address"),
        ("<script>alert(1)</script>", "not-an-address", "not an address"),
        ("evil.amazonaws.com.example.org", "not-an-address", "not an address"),
        (":::", "not-an-address", "not an address"),
        ("[1.2.3.4", "not-an-address", "not an address"),
        ("10.248.16.43", "private", "RFC 1918"),
        ("172.31.255.255", "private", "RFC 1918"),
        ("192.168.1.2", "private", "RFC 1918"),
        ("100.64.0.1", "private", "RFC 6598"),
        ("127.0.0.1", "private", "loopback"),
        ("192.0.2.1", "private", "documentation"),
        ("253.76.43.253", "private", "reserved"),
        ("255.255.255.255", "private", "reserved"),
        ("0.0.0.0", "private", "this network"),
        ("::", "private", "RFC 4291"),
        ("::1", "private", "RFC 4291"),
        ("fe80::1%eth0", "private", "link-local"),
        ("fd00::1", "private", "unique local"),
        ("2001:db8::1", "private", "documentation"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private", "multicast"),
        ("::ffff:10.0.0.1", "private", "RFC 1918"),
        ("2002:c633:6401::1", "indeterminate", "6to4"),
        ("2001:0:4136:e378::1", "indeterminate", "Teredo"),
        ("64:ff9b::102:304", "indeterminate", "NAT64"),
        ("1.1.1.1", "indeterminate", "anycast"),
        ("8.8.8.8", "indeterminate", "anycast"),
        ("3.2.6.1", "indeterminate", "held by aws"),
        ("2600:1f00::1", "indeterminate", "held by aws"),
        ("104.16.0.1", "indeterminate", "cloudflare without a region"),
        ("13.32.0.1", "indeterminate", "anycast"),
    ],
)
def test_no_country_names_any_country_and_the_reason(geo: Geo, text: str, verdict: str, part: str) -> None:
    found = geo.locate_one(text)
    assert (found.verdict, found.countries) == (verdict, ("ZZ",))
    assert part in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "203.178.137.58",
        " 203.178.137.58 ",
        "203.178.137.58:443",
        "::ffff:203.178.137.58",
        "[::ffff:203.178.137.58]:443",
        "2001:200::1",
        "[2001:200::1]",
        "[2001:200::1]:8443",
        "2001:200::1%en0",
    ],
)
def test_a_country_comes_with_the_data_and_its_day(geo: Geo, text: str) -> None:
    manifest = json.loads((geo_module.GEODATA / "manifest.json").read_text())["dbip-country.npz"]
    assert geo.locate_one(text) == Located(
        "country", ("JP",), "geolocation database", manifest["title"], manifest["date"]
    )


def test_the_database_does_not_hold_everything(geo: Geo) -> None:
    found = geo.locate_one("4000::1")
    assert (found.verdict, found.countries, found.source) == ("unknown", ("ZZ",), "DB-IP Lite")


@pytest.mark.parametrize(
    ("provider", "region", "verdict", "countries", "part"),
    [
        ("aws", "us-east-1", "country", ("US",), "published by aws for us-east-1"),
        ("aws", "eu-central-1", "country", ("AT", "DE"), "eu-central-1"),
        ("aws", "cn-north-1", "country", ("CN",), "cn-north-1"),  # known to the partition only
        ("aws", "ap-northeast-1", "indeterminate", ("ZZ",), "in no one country"),
        ("aws", "eu-west-1", "indeterminate", ("ZZ",), "the catalogue has no such location"),
        ("azure", "francecentral", "country", ("FR",), "francecentral"),  # the list says centralfrance
        ("azure", "", "indeterminate", ("ZZ",), "azure without a region"),
        ("oracle", "ap-tokyo-1", "indeterminate", ("ZZ",), "the catalogue has no such location"),
        ("gcp", "global", "indeterminate", ("ZZ",), "anycast"),
        ("digitalocean", "NL-NH", "country", ("NL",), "NL-NH"),  # a geofeed states the country itself
    ],
)
def test_a_published_range_goes_through_the_catalogue(
    geo: Geo, provider: str, region: str, verdict: str, countries: tuple[str, ...], part: str
) -> None:
    found = geo.locate_one(in_region(provider, region))
    assert (found.verdict, found.countries) == (verdict, countries)
    assert part in found.reason
    assert found.source == "published cloud ranges"


def test_published_ranges_hold_ipv6_too(geo: Geo) -> None:
    assert geo.locate_one(in_region("aws", "us-east-1", 6)).countries == ("US",)


def test_without_a_catalogue_a_published_region_is_indeterminate() -> None:
    found = load_geo().locate_one(in_region("aws", "us-east-1"))
    assert (found.verdict, found.countries) == ("indeterminate", ("ZZ",))
    assert "no provider catalogue was given" in found.reason


def v4_edges() -> list[int]:
    data = np.load(geo_module.GEODATA / "dbip-country.npz")
    return [int(value) for value in data["v4_start"][::97]]


def v6_edges() -> list[int]:
    data = np.load(geo_module.GEODATA / "dbip-country.npz")
    high, low = data["v6_high"], data["v6_low"]
    shared = np.flatnonzero(np.diff(high) == 0)[::17]  # networks longer than /64
    rows = sorted({*range(0, len(high), 97), *shared.tolist(), *(shared + 1).tolist()})
    return [int(high[row]) << 64 | int(low[row]) for row in rows]


def test_every_range_border_is_exact(geo: Geo) -> None:
    """An address before, at and after a border gets the code of its own range, found another way."""
    import bisect

    data = np.load(geo_module.GEODATA / "dbip-country.npz")
    names = data["countries"].tolist()
    starts = {
        4: data["v4_start"].tolist(),
        6: [high << 64 | low for high, low in zip(data["v6_high"].tolist(), data["v6_low"].tolist(), strict=True)],
    }
    codes = {4: data["v4_code"].tolist(), 6: data["v6_code"].tolist()}
    asked: list[tuple[str, str]] = []
    for family, edges, end in ((4, v4_edges(), 1 << 32), (6, v6_edges(), 1 << 128)):
        for edge in edges:
            for value in {max(0, edge - 1), edge, min(end - 1, edge + 1)}:
                address = ipaddress.IPv4Address(value) if family == 4 else ipaddress.IPv6Address(value)
                asked.append((str(address), names[codes[family][bisect.bisect_right(starts[family], value) - 1]]))
    answers = geo.locate([address for address, _ in asked])
    checked = 0
    for (address, expected), answer in zip(asked, answers, strict=True):
        if answer.source == "DB-IP Lite":
            assert answer.countries == (expected or "ZZ",), address
            checked += 1
    assert checked > 15_000


ADDRESS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.sampled_from(v4_edges()).map(lambda value: str(ipaddress.IPv4Address(value))),
    st.sampled_from(v6_edges()).map(lambda value: str(ipaddress.IPv6Address(value))),
    st.ip_addresses(v=4, network="3.0.0.0/8").map(str),
    st.ip_addresses(v=4).map(lambda item: f"::ffff:{item}"),
    st.text(max_size=30),
    st.sampled_from(["", "AWS Internal", "***", "s3.amazonaws.com", "10.0.0.1:80"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ADDRESS, max_size=30))
def test_many_at_once_are_answered_as_each_alone(addresses: list[str]) -> None:
    geo = SHARED
    assert list(geo.locate(addresses)) == [geo.locate_one(address) for address in addresses]


@settings(max_examples=60, deadline=None)
@given(st.lists(ADDRESS, max_size=30))
def test_no_answer_is_ever_empty(addresses: list[str]) -> None:
    for answer in SHARED.locate(addresses):
        assert answer.countries
        assert answer.reason
        assert (answer.countries == ("ZZ",)) == (answer.verdict != "country")


SHARED = load_geo()


def test_answers_are_columns_and_a_sequence(geo: Geo) -> None:
    answers = geo.locate(["10.0.0.1", "203.178.137.58", "***"])
    assert len(answers) == 3
    assert answers.column("verdict").tolist() == ["private", "country", "not-an-address"]
    assert answers.column("countries").tolist() == [("ZZ",), ("JP",), ("ZZ",)]
    assert [item.verdict for item in answers[1:]] == ["country", "not-an-address"]
    assert len(geo.locate([])) == 0
    assert list(geo.locate([])) == []


def test_geo_is_frozen_and_names_its_sources(geo: Geo) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        geo.sources = ()  # type: ignore[misc]
    by_title = {source.title: source for source in geo.sources}
    assert by_title["DB-IP Lite"].link == "https://db-ip.com"
    assert by_title["DB-IP Lite"].licence == "CC-BY-4.0"
    assert by_title["published cloud ranges"].date


def test_importing_loads_no_numpy() -> None:
    code = "import sys, residency.geo; sys.exit('numpy' in sys.modules or 'geoip2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# A user's own database


def database(path: Path, kind: str, records: dict[str, dict[str, object]], version: int = 6) -> Path:
    writer = MMDBWriter(version, kind, ipv4_compatible=version == 6, languages=["en"], description="test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


NESTED = {
    "203.178.0.0/16": {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "JP"}},
    "204.0.0.0/16": {"country": {"iso_code": "US"}, "traits": {"is_anycast": True}},
    "205.0.0.0/16": {"registered_country": {"iso_code": "US"}},
    "206.0.0.0/16": {"country": {"iso_code": "AP"}},
    "2001:200::/32": {"country": {"iso_code": "FR"}},
}
FLAT = {
    "203.178.0.0/16": {"country_code": "DE"},
    "205.0.0.0/16": {"country_code": ""},
    "206.0.0.0/16": {"country_code": "ZZ"},
    "207.0.0.0/16": {"country_code": "Germany"},
    "2001:200::/32": {"country_code": "FR"},
}


@pytest.mark.parametrize("kind", ["GeoLite2-Country", "GeoIP2-City", "GeoIP2-Enterprise", "DBIP-Country-Lite"])
def test_own_database_with_the_nested_schema(tmp_path: Path, kind: str) -> None:
    geo = load_geo(database(tmp_path / "own.mmdb", kind, NESTED))
    asked = ["203.178.137.58", "203.178.1.1", "204.0.0.1", "205.0.0.1", "206.0.0.1", "2001:200::1", "9.9.9.1", "***"]
    verdicts = [
        "country",
        "country",
        "indeterminate",
        "unknown",
        "unknown",
        "country",
        "indeterminate",
        "not-an-address",
    ]
    answers = geo.locate(asked)
    assert [answer.verdict for answer in answers] == verdicts
    assert [answers[row].countries for row in (0, 1, 5)] == [("DE",), ("DE",), ("FR",)]
    assert answers[0].source == kind
    assert geo.locate_one("212.0.0.1").verdict == "unknown"
    assert [source.title for source in geo.sources] == ["published cloud ranges", kind]


@pytest.mark.parametrize("kind", ["country ipvAll", "Flat-Country", "acme"])
def test_own_database_with_the_flat_schema(tmp_path: Path, kind: str) -> None:
    geo = load_geo(database(tmp_path / "own.mmdb", kind, FLAT))
    answers = geo.locate(["203.178.137.58", "205.0.0.1", "206.0.0.1", "207.0.0.1", "2001:200::1", "212.0.0.1"])
    assert [answer.verdict for answer in answers] == ["country", "unknown", "unknown", "unknown", "country", "unknown"]
    assert "'ZZ', which is no country" in answers[2].reason
    assert "'Germany', which is no country" in answers[3].reason


def test_own_database_keeps_the_steps_before_it(tmp_path: Path, providers: Providers) -> None:
    address = in_region("aws", "us-east-1")
    geo = load_geo(database(tmp_path / "own.mmdb", "acme", {"0.0.0.0/0": {"country_code": "DE"}}), providers=providers)
    assert geo.locate_one(address).countries == ("US",)
    assert geo.locate_one("10.0.0.1").verdict == "private"
    assert geo.locate_one("203.178.137.58").countries == ("DE",)


def test_own_database_without_ipv6_says_so(tmp_path: Path) -> None:
    geo = load_geo(database(tmp_path / "own.mmdb", "acme", {"203.0.0.0/8": {"country_code": "DE"}}, version=4))
    found = geo.locate_one("2001:200::1")
    assert (found.verdict, found.reason) == ("unknown", "the database holds no IPv6 addresses")


@pytest.mark.parametrize(
    ("kind", "record"),
    [("acme", {"asn": 64500}), ("GeoLite2-ASN", {"traits": {"x": 1}}), ("Strange", {"country": {"iso_code": "DE"}})],
)
def test_own_database_of_another_schema_is_refused(tmp_path: Path, kind: str, record: dict[str, object]) -> None:
    path = database(tmp_path / "own.mmdb", kind, {"203.0.0.0/8": record})
    with pytest.raises(InputError, match=r"own\.mmdb: .*no country field.*give a country or city database"):
        load_geo(path)


def test_own_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.mmdb").write_bytes(b"not a database")
    with pytest.raises(InputError, match=r"own\.mmdb: not a MaxMind-format database"):
        load_geo(tmp_path / "own.mmdb")
    with pytest.raises(InputError, match=r"missing\.mmdb: not a MaxMind-format database"):
        load_geo(tmp_path / "missing.mmdb")


def test_own_database_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = database(
        tmp_path / "own.mmdb", "acme", {f"{n}.0.0.0/8": {"country_code": "DE", "n": str(n)} for n in (20, 203)}
    )
    raw = path.read_bytes()
    at = raw.rindex(b"country_code")
    path.write_bytes(raw[: at - 1] + b"\xff" * 12 + raw[at + 11 :])  # same length: the metadata stays where it was
    with pytest.raises((InputError, maxminddb.InvalidDatabaseError)) as caught:
        load_geo(path).locate(["20.0.0.1", "203.0.0.1"])
    assert isinstance(caught.value, InputError)


# Damaged installations


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("manifest.json", b"{", "manifest.json: cannot be read"),
        ("manifest.json", None, "manifest.json: cannot be read"),
        ("dbip-country.npz", b"damaged", "is not the file its manifest names"),
        ("cloud-ranges.npz", None, "cloud-ranges.npz: cannot be read"),
    ],
)
def test_damaged_data_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    folder = tmp_path / "geodata"
    shutil.copytree(geo_module.GEODATA, folder)
    assert load_geo(data=folder).locate_one("203.178.137.58").countries == ("JP",)
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_geo(data=folder)
