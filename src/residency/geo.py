"""IP address → country, and what stands in the way of saying one.

Read in this order, first answer wins: not an address → private, reserved or tunnel space → published cloud ranges,
whose region the provider catalogue turns into countries → space a cloud is known to hold → the geolocation database.
An answer without a country names ``ZZ`` (any country), never nothing.

Most space that a cloud announces but does not publish cannot be told apart without routing data; there the database's
guess stands (``docs/reference/ip-geolocation.md`` says how far to trust it).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.errors import ConfigError, InputError
from residency.model import Verdict
from residency.providers import UNBOUNDED, Providers
from residency.yamlfile import load

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

__all__ = ["DataSource", "Geo", "Located", "Locations", "load_geo"]

GEODATA = Path(__file__).resolve().parent / "geodata"
_ANY = (UNBOUNDED,)
_MAPPED = b"\0" * 10 + b"\xff\xff"
_PORT_V4 = re.compile(r"([0-9.]+):[0-9]{1,5}\Z")
_PORT_V6 = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


@dataclass(frozen=True, slots=True)
class Located:
    """What can be said of one address.

    Parameters
    ----------
    verdict
        ``country`` when ``countries`` is a closed set the address lies in; any other word says why not.
    countries
        Sorted alpha-2 codes; ``ZZ`` alone whenever the verdict is not ``country``.
    reason
        Why, in a few words.
    source, date
        The data that answered and its day; empty where none was needed.
    """

    verdict: Verdict
    countries: tuple[str, ...]
    reason: str
    source: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class DataSource:
    """Data an answer may rest on; a report prints title, date and attribution with its link."""

    title: str
    date: str
    licence: str
    attribution: str
    link: str


@dataclass(frozen=True, slots=True, eq=False)
class Locations(Sequence[Located]):
    """Answers in the order asked: ``codes`` index the few distinct ``answers``."""

    answers: tuple[Located, ...]
    codes: Codes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Locations(self.answers, self.codes[index])
        return self.answers[self.codes[index]]

    def __iter__(self) -> Iterator[Located]:
        return (self.answers[code] for code in self.codes.tolist())

    def column(self, name: str) -> npt.NDArray[Any]:
        """One field of every answer as an object array, for a data frame."""
        import numpy as np

        values = np.empty(len(self.answers), dtype=object)
        values[:] = [getattr(answer, name) for answer in self.answers]
        return values[self.codes]


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Ranges that cover the whole space, with the number of an answer each; 0 leaves it to the next layer."""

    v4_start: npt.NDArray[Any]
    v4_answer: Codes
    v6_high: npt.NDArray[Any]
    v6_low: npt.NDArray[Any]
    v6_answer: Codes

    def find_v4(self, address: npt.NDArray[Any]) -> Codes:
        import numpy as np

        return self.v4_answer[np.searchsorted(self.v4_start, address, side="right") - 1]

    def find_v6(self, high: npt.NDArray[Any], low: npt.NDArray[Any]) -> Codes:
        import numpy as np

        # Last range whose start is not above (high, low). The high halves alone leave the ranges that share one;
        # among those, halve by the low half. Exact: networks longer than /64 exist.
        after = np.searchsorted(self.v6_high, high, side="right")
        first = np.searchsorted(self.v6_high, high, side="left")
        tie = np.flatnonzero(after > first)
        below, above = first[tie], after[tie]
        while (open_ := below < above).any():
            middle = (below + above) // 2
            probe = np.minimum(middle, len(self.v6_low) - 1)
            right = open_ & (self.v6_low[probe] <= low[tie])
            below = np.where(right, middle + 1, below)
            above = np.where(open_ & ~right, middle, above)
        after[tie] = below
        return self.v6_answer[after - 1]


@dataclass(frozen=True, slots=True, eq=False)
class Geo:
    """Looks addresses up; build it with `load_geo`. ``sources`` is the data behind it."""

    sources: tuple[DataSource, ...]
    _answers: tuple[Located, ...]
    _layers: tuple[_Layer, ...]
    _services: frozenset[str]
    _suffixes: tuple[str, ...]
    _own: Callable[[str], Located] | None

    def locate(self, addresses: Sequence[str]) -> Locations:
        """Answer for every address, in order.

        Parameters
        ----------
        addresses
            Texts as logs hold them; a port, brackets, a zone or spaces around an address are put aside.
        """
        import numpy as np

        parsed = _parse(addresses)
        codes = np.zeros(len(addresses), dtype=np.int64)
        for layer in self._layers:
            for rows, find, values in (
                (parsed.v4_rows, layer.find_v4, (parsed.v4,)),
                (parsed.v6_rows, layer.find_v6, (parsed.v6_high, parsed.v6_low)),
            ):
                if len(rows):
                    still = codes[rows] == 0
                    codes[rows[still]] = find(*(value[still] for value in values))
        answers = list(self._answers)
        number: dict[Located, int] = {}

        def code_of(answer: Located) -> int:
            if answer not in number:
                number[answer] = len(answers)
                answers.append(answer)
            return number[answer]

        for row, text in parsed.failed:
            codes[row] = code_of(self._no_address(text))
        if self._own is not None:
            seen: dict[int, int] = {}
            for row, value, version in parsed.integers(codes == 0):
                if value not in seen:
                    address = ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)
                    seen[value] = code_of(self._own(str(address)))
                codes[row] = seen[value]
        return Locations(tuple(answers), codes)

    def locate_one(self, address: str) -> Located:
        """Answer for one address; the same as `locate` gives among many."""
        found: Located = self.locate([address])[0]
        return found

    def is_service(self, text: str) -> bool:
        """Whether a log's text in place of an address names a cloud's own service."""
        folded = text.strip().casefold()
        return folded in self._services or folded.endswith(self._suffixes)

    def _no_address(self, text: str) -> Located:
        if not text.strip():
            return Located("not-an-address", _ANY, "no address was logged")
        if self.is_service(text):
            return Located("not-an-address", _ANY, "the cloud's own service called; no address was logged")
        return Located("not-an-address", _ANY, "the logged text is not an address")


@dataclass(frozen=True, slots=True, eq=False)
class _Parsed:
    v4_rows: npt.NDArray[np.intp]
    v4: npt.NDArray[Any]
    v6_rows: npt.NDArray[np.intp]
    v6_high: npt.NDArray[Any]
    v6_low: npt.NDArray[Any]
    failed: list[tuple[int, str]]

    def integers(self, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
        """(row, address, version) of the wanted rows that hold an address."""
        for row, value in zip(self.v4_rows.tolist(), self.v4.tolist(), strict=True):
            if wanted[row]:
                yield row, value, 4
        for row, high, low in zip(self.v6_rows.tolist(), self.v6_high.tolist(), self.v6_low.tolist(), strict=True):
            if wanted[row]:
                # An IPv6 address never has the number of an IPv4 one here: ::/8 is answered before.
                yield row, high << 64 | low, 6


def _parse(addresses: Sequence[str]) -> _Parsed:
    import numpy as np

    pton, inet, inet6 = socket.inet_pton, socket.AF_INET, socket.AF_INET6
    v4: list[bytes] = []
    v6: list[bytes] = []
    v4_rows: list[int] = []
    v6_rows: list[int] = []
    failed: list[tuple[int, str]] = []
    for row, text in enumerate(addresses):
        try:
            packed = pton(inet6, text) if ":" in text else pton(inet, text)
        except (OSError, ValueError, TypeError):  # also NUL and lone surrogates; None
            text = text if isinstance(text, str) else ""
            kept = _packed(text)
            if kept is None:
                failed.append((row, text))
                continue
            packed = kept
        if len(packed) == 16:
            if not packed.startswith(_MAPPED):
                v6.append(packed)
                v6_rows.append(row)
                continue
            packed = packed[12:]
        v4.append(packed)
        v4_rows.append(row)
    halves = np.frombuffer(b"".join(v6), dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return _Parsed(
        np.array(v4_rows, dtype=np.intp),
        np.frombuffer(b"".join(v4), dtype=">u4").astype(np.uint32),
        np.array(v6_rows, dtype=np.intp),
        halves[:, 0],
        halves[:, 1],
        failed,
    )


def _packed(text: str) -> bytes | None:
    """An address with a port, brackets, a zone or spaces around it."""
    text = text.strip()
    for pattern in (_PORT_V4, _PORT_V6):
        if match := pattern.match(text):
            text = match.group(1)
    if ":" in text:
        text = text.partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
    return None


def load_geo(db: Path | None = None, *, providers: Providers | None = None, data: Path = GEODATA) -> Geo:
    """Read the embedded data, some 1.5 MB.

    Parameters
    ----------
    db
        The user's own MaxMind-format country or city database, read in place of the embedded DB-IP Lite: the nested
        schema of GeoIP2, GeoLite2 and DB-IP, or the flat one (``country_code``).
    providers
        The catalogue that turns a published range's region into countries. Without it such a range is indeterminate.
    data
        Folder that ``residency.geodata.rebuild`` wrote into.

    Raises
    ------
    InputError
        When ``db`` cannot be read or has another schema.
    ConfigError
        When the embedded data is missing or damaged.
    """
    manifest = _manifest(data)
    special = load(GEODATA / "special.yaml").data
    # Number 0 says that no layer knew the address.
    answers: list[Located] = [Located("unknown", _ANY, "not in the geolocation database")]
    layers = [_special_layer(special, answers)]
    sources = [_source(manifest["cloud-ranges.npz"])]
    layers.append(_cloud_layer(manifest["cloud-ranges.npz"], providers, answers))
    layers.append(_held_layer(special["held"], answers))
    own: Callable[[str], Located] | None = None
    if db is None:
        sources.append(_source(manifest["dbip-country.npz"]))
        layers.append(_country_layer(manifest["dbip-country.npz"], answers))
        first = Located("unknown", _ANY, answers[0].reason, sources[-1].title, sources[-1].date)
    else:
        own, source = _own_database(db, frozenset(special["not_countries"]))
        sources.append(source)
        first = answers[0]
    services = special["services"]
    return Geo(
        tuple(sources),
        (first, *answers[1:]),
        tuple(layers),
        frozenset(services["words"]),
        tuple(services["suffixes"]),
        own,
    )


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    file = folder / "manifest.json"
    try:
        content: dict[str, dict[str, Any]] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); install residency again") from None
    return {name: {**entry, "file": folder / name} for name, entry in content.items()}


def _source(entry: Mapping[str, Any]) -> DataSource:
    return DataSource(entry["title"], entry["date"], entry["licence"], entry["attribution"], entry["link"])


def _arrays(entry: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    import io

    import numpy as np

    file: Path = entry["file"]
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); install residency again") from None
    if hashlib.sha256(raw).hexdigest() != entry["sha256"]:
        raise ConfigError(f"{file}: is not the file its manifest names; install residency again")
    with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _layer(arrays: Mapping[str, npt.NDArray[Any]], numbers: Sequence[int]) -> _Layer:
    import numpy as np

    table = np.array(numbers, dtype=np.int64)
    return _Layer(
        arrays["v4_start"],
        table[arrays["v4_code"]],
        arrays["v6_high"],
        arrays["v6_low"],
        table[arrays["v6_code"]],
    )


def _special_layer(special: Mapping[str, Any], answers: list[Located]) -> _Layer:
    networks: dict[str, int] = {}
    for verdict, entries in special["networks"].items():
        for cidr, reason in entries.items():
            networks[cidr] = len(answers)
            answers.append(Located(verdict, _ANY, str(reason), special["title"]))
    return _network_layer(networks)


def _held_layer(held: Mapping[str, str], answers: list[Located]) -> _Layer:
    networks: dict[str, int] = {}
    for cidr, provider in held.items():
        networks[cidr] = len(answers)
        answers.append(Located("indeterminate", _ANY, f"held by {provider}, outside the ranges it publishes"))
    return _network_layer(networks)


def _network_layer(networks: Mapping[str, int]) -> _Layer:
    """A layer of a few networks, by the number of their answer; the innermost wins."""
    import numpy as np

    from residency.geodata.ranges import Block, flatten

    blocks: dict[int, list[Block]] = {4: [(0, 1 << 32, 0)], 6: [(0, 1 << 128, 0)]}
    for cidr, number in networks.items():
        network = ipaddress.ip_network(cidr)
        span = (int(network.network_address), int(network.broadcast_address) + 1)
        blocks[network.version].append((*span, number))
    v4, v6 = list(flatten(blocks[4])), list(flatten(blocks[6]))
    low = (1 << 64) - 1
    return _Layer(
        np.array([piece[0] for piece in v4], dtype=np.uint32),
        np.array([piece[2] for piece in v4], dtype=np.int64),
        np.array([piece[0] >> 64 for piece in v6], dtype=np.uint64),
        np.array([piece[0] & low for piece in v6], dtype=np.uint64),
        np.array([piece[2] for piece in v6], dtype=np.int64),
    )


def _cloud_layer(entry: Mapping[str, Any], providers: Providers | None, answers: list[Located]) -> _Layer:
    arrays = _arrays(entry)
    numbers = [0]
    columns = [arrays[name].tolist()[1:] for name in ("providers", "regions", "countries")]
    for provider, region, country in zip(*columns, strict=True):
        verdict, countries, reason = _published(provider, region, country, providers)
        numbers.append(len(answers))
        answers.append(Located(verdict, countries, reason, entry["title"], entry["date"]))
    return _layer(arrays, numbers)


def _published(
    provider: str, region: str, country: str, providers: Providers | None
) -> tuple[Verdict, tuple[str, ...], str]:
    where = f"published by {provider or 'several providers'}"
    if not region:
        return "indeterminate", _ANY, f"{where} without a region: may be served from any place"
    if region.lower() == "global":
        return "indeterminate", _ANY, f"{where} as {region}: announced from many places (anycast)"
    if providers is not None:
        partitions = [key for key, item in providers.items() if item.part_of == provider and item.kind == "partition"]
        for candidate in (provider, *partitions):
            found = providers.locate(candidate, region)
            if found.known and found.bounded:
                return "country", tuple(sorted(found.countries)), f"{where} for {region}"
            if found.known:
                return "indeterminate", _ANY, f"{where} for {region}: {found.reason}, which is in no one country"
    if country:
        return "country", (country,), f"{where} for {region}"
    missing = "no provider catalogue was given" if providers is None else "the catalogue has no such location"
    return "indeterminate", _ANY, f"{where} for {region}: {missing}"


def _country_layer(entry: Mapping[str, Any], answers: list[Located]) -> _Layer:
    arrays = _arrays(entry)
    numbers = [0]
    for country in arrays["countries"].tolist()[1:]:
        numbers.append(len(answers))
        answers.append(Located("country", (country,), "geolocation database", entry["title"], entry["date"]))
    return _layer(arrays, numbers)


def _own_database(db: Path, not_countries: frozenset[str]) -> tuple[Callable[[str], Located], DataSource]:
    import maxminddb

    try:
        reader = maxminddb.open_database(db)
        meta = reader.metadata()
        sample = next(iter(reader), (None, None))[1]
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise InputError(f"{db}: not a MaxMind-format database ({error}); give a country or city .mmdb") from error
    title = meta.database_type
    date = dt.datetime.fromtimestamp(meta.build_epoch, dt.UTC).date().isoformat()
    read = _nested_reader(db, title) if _nested(sample) else _flat_reader(reader)
    if read is None or not isinstance(sample, Mapping):
        fields = ", ".join(sorted(sample)) if isinstance(sample, Mapping) else "no records"
        raise InputError(f"{db}: {title!r} has no country field ({fields}); give a country or city database")

    def locate(address: str) -> Located:
        try:
            country, anycast = read(address)
        except maxminddb.InvalidDatabaseError as error:
            raise InputError(f"{db}: damaged ({error}); download it again") from error
        except ValueError:
            return Located("unknown", _ANY, "the database holds no IPv6 addresses", title, date)
        if anycast:
            return Located("indeterminate", _ANY, "announced from many places (anycast)", title, date)
        if not country:
            return Located("unknown", _ANY, "not in the geolocation database", title, date)
        if not _COUNTRY.match(country) or country in not_countries:
            return Located("unknown", _ANY, f"the database says {country!r}, which is no country", title, date)
        return Located("country", (country,), "geolocation database", title, date)

    return locate, DataSource(title, date, "as its owner says", "", "")


Answer = tuple[str | None, bool]
"""Country code, if any, and whether the address is known to be anycast."""


def _nested(sample: Any) -> bool:
    parts = ("country", "registered_country", "continent", "traits")
    return isinstance(sample, Mapping) and any(isinstance(sample.get(part), Mapping) for part in parts)


def _nested_reader(db: Path, title: str) -> Callable[[str], Answer] | None:
    import geoip2.database
    import geoip2.errors

    reader = geoip2.database.Reader(db)
    methods = {"City": reader.city, "Enterprise": reader.enterprise, "Country": reader.country}
    method: Any = next((call for word, call in methods.items() if word in title), None)
    if method is None:
        return None

    def read(address: str) -> Answer:
        try:
            answer = method(address)
        except geoip2.errors.AddressNotFoundError:
            return None, False
        return answer.country.iso_code, bool(answer.traits.is_anycast)

    return read


def _flat_reader(reader: Any) -> Callable[[str], Answer] | None:
    sample = next(iter(reader), (None, None))[1]
    field = next((name for name in ("country_code", "country") if isinstance((sample or {}).get(name), str)), None)
    if field is None:
        return None

    def read(address: str) -> Answer:
        record = reader.get(address)
        return (record.get(field) if record else None), False

    return read
