"""Access logs → who used which service from which address, how often, and how often in vain.

Read are AWS CloudTrail (trail files, EventBridge events, ``lookup-events``), Google Cloud audit logs, the Azure
activity log and resource logs, and Microsoft Entra sign-ins. The format is told from the content. Events become
`Access` rows, one for each (provider, account, region, principal, service, address); memory grows with those, not with
the events. What cannot be read becomes a `Gap` that names file and line.
"""

from __future__ import annotations

import codecs
import datetime as dt
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from residency.collect.json_stream import LIMIT, elements
from residency.errors import InputError
from residency.geo import Geo
from residency.inventory.tables import Access, Gap, Rows
from residency.model import Cause
from residency.yamlfile import load

__all__ = ["LogPart", "find_logs", "merge_logs", "read_log", "read_logs"]

_WORDS = Path(__file__).resolve().with_name("log_words.yaml")
_ARN = re.compile(r"arn:[a-z0-9-]+:[a-z0-9-]+:[^:]*:[^:]*:.+", re.DOTALL)
_SERVICE_ACCOUNT = re.compile(r"[^@]+@([a-z0-9:.-]+)\.iam\.gserviceaccount\.com\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINES_SHOWN = 5
_GZIP = b"\x1f\x8b"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Key(NamedTuple):
    """What an `Access` row is counted by."""

    provider: str
    account: str
    region: str
    principal: str
    principal_account: str
    service: str
    ip: str
    kind: str


@dataclass(slots=True)
class Tally:
    """Events of one key in one or more files; ``file`` and ``line`` are the first of them."""

    count: int
    denied: int
    first: dt.datetime
    last: dt.datetime
    file: str
    line: int
    files: int = 1


@dataclass(slots=True)
class Problem:
    """How often one thing was wrong in one file, and on which lines first."""

    count: int = 0
    lines: list[int] = field(default_factory=list)
    cause: Cause = "malformed"


@dataclass(slots=True)
class LogPart:
    """What one file held; plain data, so that a worker can send it."""

    tallies: dict[Key, Tally] = field(default_factory=dict)
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)

    def problem(self, file: str, line: int, what: str, cause: Cause = "malformed") -> None:
        """Note what is wrong on a line."""
        entry = self.problems.setdefault((file, what), Problem(cause=cause))
        entry.count += 1
        if len(entry.lines) < _LINES_SHOWN and line and line not in entry.lines:
            entry.lines.append(line)


@dataclass(frozen=True, slots=True)
class Event:
    """One use, read from one event."""

    key: Key
    when: dt.datetime
    denied: bool


class Unreadable(ValueError):
    """An event lacks what it needs; the text says what."""


def read_logs(paths: Sequence[Path], geo: Geo, *, seen_at: dt.datetime) -> Rows:
    """`Access` and `Gap` rows of all files.

    Parameters
    ----------
    paths
        Files or folders; folders are read with all below them. Order does not matter.
    geo
        Looks the addresses up.
    seen_at
        When this reading took place (UTC).

    Raises
    ------
    InputError
        When a path does not exist.
    """
    return merge_logs((read_log(path, name) for name, path in find_logs(paths)), geo, seen_at=seen_at)


def find_logs(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(name, file) of every file to read, each file once, sorted by name; hidden files are left out.

    Raises
    ------
    InputError
        When a path does not exist.
    """
    found: dict[Path, str] = {}
    for path in sorted(set(paths)):
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                inner = file.relative_to(path)
                if file.is_file() and not any(part.startswith(".") for part in inner.parts):
                    found.setdefault(file.resolve(), (path / inner).as_posix())
        elif path.exists():
            found.setdefault(path.resolve(), path.as_posix())
        else:
            raise InputError(f"{path}: no such file or folder; give log files or folders of them")
    return sorted((_clean(name), file) for file, name in found.items())


def read_log(path: Path, name: str | None = None) -> LogPart:
    """Count the events of one file; whatever is wrong with it is in the answer, never raised.

    Parameters
    ----------
    path
        Any of the known formats, plain or gzip, UTF-8 or UTF-16 with a byte order mark.
    name
        How rows name the file; its path when left out.
    """
    part = LogPart()
    label = name or _clean(path.as_posix())
    words = load(_WORDS).data
    line = 1
    try:
        with path.open("rb") as raw:
            for element in elements(_plain(raw), tuple(words["wrappers"]), LIMIT):
                line = element.line
                if element.problem:
                    part.problem(label, line, element.problem)
                    continue
                for value in _unwrapped(element.value, words):
                    _count(part, value, label, line, words)
    except PermissionError as error:
        part.problem(label, 0, f"cannot be read: {error.strerror}", "denied")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        part.problem(label, line, "the compressed file is damaged or cut off; the rest was not read")
    except UnicodeDecodeError:
        part.problem(label, line, "not UTF-16, though it begins so; the rest was not read")
    except OSError as error:
        part.problem(label, 0, f"cannot be read: {error.strerror or error}", "failed")
    return part


def merge_logs(parts: Iterable[LogPart], geo: Geo, *, seen_at: dt.datetime) -> Rows:
    """Rows of many files, each read once by `read_log`; the order of the parts does not matter."""
    whole = LogPart()
    for part in parts:
        whole.problems.update(part.problems)
        for key, tally in part.tallies.items():
            known = whole.tallies.get(key)
            if known is None:
                whole.tallies[key] = replace(tally)
                continue
            known.count += tally.count
            known.denied += tally.denied
            known.first, known.last = min(known.first, tally.first), max(known.last, tally.last)
            known.files += tally.files
            known.file, known.line = min((known.file, known.line), (tally.file, tally.line))
    rows = Rows()
    addresses = sorted({key.ip for key in whole.tallies})
    located = dict(zip(addresses, geo.locate(addresses), strict=True))
    for key, tally in whole.tallies.items():
        answer = located[key.ip]
        more = f" and {tally.files - 1} more" if tally.files > 1 else ""
        rows.add(
            Access(
                provider=key.provider,
                account=key.account,
                region=key.region,
                principal=key.principal,
                principal_account=key.principal_account,
                service=key.service,
                ip=key.ip,
                verdict=answer.verdict,
                countries=answer.countries,
                reason=answer.reason,
                geo_source=answer.source,
                geo_date=answer.date,
                count=tally.count,
                denied=tally.denied,
                first=tally.first,
                last=tally.last,
                source=f"{key.kind} {tally.file}{more}",
            )
        )
        odd = []
        if answer.verdict == "not-an-address" and key.ip.strip() and not geo.is_service(key.ip):
            odd.append(f"source address {_shown(key.ip)} is not an address")
        if key.provider == "aws" and key.principal.startswith("arn:") and not _ARN.fullmatch(key.principal):
            odd.append(f"principal {_shown(key.principal)} is a malformed ARN")
        for what in odd:
            rows.add(_gap(tally.file, f"{tally.file}:{tally.line}: {what}", "malformed", seen_at, key))
    for (file, what), problem in whole.problems.items():
        rows.add(_gap(file, _message(file, what, problem), problem.cause, seen_at))
    return rows.sorted()


def _gap(file: str, message: str, cause: Cause, seen_at: dt.datetime, key: Key | None = None) -> Gap:
    return Gap(
        provider=key.provider if key else "",
        account=key.account if key else "",
        region=key.region if key else "",
        kind="log",
        call=file,
        seen_at=seen_at,
        field="log",
        cause=cause,
        message=message,
    )


def _message(file: str, what: str, problem: Problem) -> str:
    if not problem.lines:
        return f"{file}: {what}"
    if problem.count == 1:
        return f"{file}:{problem.lines[0]}: {what}"
    shown = ", ".join(map(str, problem.lines)) + (", …" if problem.count > len(problem.lines) else "")
    return f"{file}:{problem.lines[0]}: {what} ({problem.count} times, on lines {shown})"


def _plain(raw: IO[bytes]) -> Any:
    """The bytes without gzip and in UTF-8."""
    source: Any = raw
    if _start(raw, 2) == _GZIP:
        source = io.BufferedReader(gzip.GzipFile(fileobj=raw))
        beginning = source.peek(2)[:2]
    else:
        beginning = _start(raw, 2)
    if beginning in _UTF16:
        return _Recoded(source, codecs.getincrementaldecoder("utf-16")())
    return source


def _start(raw: IO[bytes], size: int) -> bytes:
    beginning = raw.read(size)
    raw.seek(0)
    return beginning


@dataclass(frozen=True, slots=True)
class _Recoded:
    """UTF-16 read as UTF-8."""

    source: Any
    decoder: codecs.IncrementalDecoder

    def read(self, size: int, /) -> bytes:
        while True:
            chunk = self.source.read(size)
            text = self.decoder.decode(chunk, final=not chunk)
            if text or not chunk:
                return text.encode("utf-8", "surrogatepass")


def _unwrapped(value: Any, words: Mapping[str, Any]) -> Iterator[Any]:
    """The events a value is made of: itself, an EventBridge detail, a text inside ``lookup-events``, a list."""
    if isinstance(value, dict):
        for wrapper in words["wrappers"]:
            if isinstance(value.get(wrapper), list):
                for item in value[wrapper]:
                    yield from _unwrapped(item, {**words, "wrappers": ()})
                return
        if isinstance(value.get("CloudTrailEvent"), str):
            try:
                yield json.loads(value["CloudTrailEvent"])
            except (ValueError, RecursionError):
                yield None
            return
        if isinstance(value.get("detail"), dict) and "detail-type" in value:
            inner = value["detail"]
            yield {"account": value.get("account"), "region": value.get("region"), **inner}
            return
    yield value


def _count(part: LogPart, value: Any, file: str, line: int, words: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        part.problem(file, line, "not an event")
        return
    reader = _reader_of(value)
    if reader is None:
        part.problem(file, line, "neither a CloudTrail, a Google audit, an Azure activity nor an Entra sign-in event")
        return
    try:
        event = reader(value, words)
    except Unreadable as error:
        part.problem(file, line, f"event not counted: {error}")
        return
    if event is None:
        return
    tally = part.tallies.get(event.key)
    if tally is None:
        part.tallies[event.key] = Tally(1, int(event.denied), event.when, event.when, file, line)
        return
    tally.count += 1
    tally.denied += event.denied
    tally.first, tally.last = min(tally.first, event.when), max(tally.last, event.when)


Reader = Callable[[Mapping[str, Any], Mapping[str, Any]], Event | None]


def _reader_of(value: Mapping[str, Any]) -> Reader | None:
    if "digestStartTime" in value or value.get("eventType") == "AwsCloudTrailInsight":
        return _nothing
    if "eventSource" in value and "eventTime" in value:
        return _cloudtrail
    if isinstance(value.get("protoPayload"), dict):
        return _google
    if "createdDateTime" in value and "appId" in value:
        return _sign_in
    if isinstance(value.get("category"), str) and value["category"].lower().endswith("signinlogs"):
        return _sign_in_record
    if "eventTimestamp" in value and "operationName" in value:
        return _activity
    if "time" in value and "operationName" in value and "resourceId" in value:
        return _activity_record
    return None


def _nothing(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event | None:
    """A digest or an insight: written beside the log, and no use of anything."""
    return None


def _cloudtrail(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    identity = _dict(value.get("userIdentity"))
    own = _aws_account(identity.get("accountId"))
    account = _aws_account(value.get("recipientAccountId")) or _aws_account(value.get("account")) or own
    arn = _text(identity.get("arn"))
    # An AWS service that acts by itself has no name but `invokedBy`; anyone else may have a service between.
    names = ("principalId", "userName", "credentialId", "invokedBy", "type")
    principal = arn or next(filter(None, (_text(identity.get(name)) for name in names)), "unknown")
    code = _text(value.get("errorCode")).rpartition(".")[2]
    login = _dict(value.get("responseElements")).get("ConsoleLogin")
    return Event(
        Key(
            "aws",
            account,
            _text(value.get("awsRegion")) or _text(value.get("region")),
            principal,
            own,
            _text(value.get("eventSource")),
            _text(value.get("sourceIPAddress")),
            "cloudtrail",
        ),
        _when(value.get("eventTime")),
        code in words["cloudtrail_denied"] or login == "Failure",
    )


def _google(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    payload = _dict(value.get("protoPayload"))
    if not _text(payload.get("@type")).endswith("AuditLog"):
        raise Unreadable("a Google log entry that is no audit log")
    who = _dict(payload.get("authenticationInfo"))
    labels = _dict(_dict(value.get("resource")).get("labels"))
    principal = _text(who.get("principalEmail")) or _text(who.get("principalSubject")) or "unknown"
    owner = _SERVICE_ACCOUNT.match(principal)
    scope, _, name = _text(value.get("logName")).partition("/")
    project = _text(labels.get("project_id")) or (name.partition("/")[0] if scope == "projects" else "")
    places = _dict(payload.get("resourceLocation")).get("currentLocations")
    named = next(filter(None, (_text(labels.get(key)) for key in ("location", "region", "zone"))), "")
    region = ",".join(map(_text, places)) if isinstance(places, list) else named
    return Event(
        Key(
            "gcp",
            project or "/".join((scope, name.partition("/")[0])).strip("/"),
            region,
            principal,
            owner.group(1) if owner else "",
            _text(payload.get("serviceName")),
            _text(_dict(payload.get("requestMetadata")).get("callerIp")),
            "gcp-audit",
        ),
        _when(value.get("timestamp") or value.get("receiveTimestamp")),
        _dict(payload.get("status")).get("code") in words["gcp_denied"],
    )


def _sign_in(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    names = ("userPrincipalName", "servicePrincipalId", "userId", "servicePrincipalName", "appId")
    services = ("resourceDisplayName", "appDisplayName", "resourceId", "appId")
    error = _dict(value.get("status")).get("errorCode")
    tenant = _text(value.get("homeTenantId"))
    return Event(
        Key(
            "azure",
            _text(value.get("resourceTenantId")) or _text(value.get("tenantId")) or tenant,
            "",
            next(filter(None, (_text(value.get(name)) for name in names)), "unknown"),
            tenant,
            next(filter(None, (_text(value.get(name)) for name in services)), ""),
            _text(value.get("ipAddress")),
            "entra-sign-in",
        ),
        _when(value.get("createdDateTime")),
        error not in (None, 0, "0"),
    )


def _sign_in_record(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    """A sign-in as diagnostic settings export it: the sign-in is under ``properties``."""
    inner = dict(_dict(value.get("properties")))
    inner.setdefault("createdDateTime", value.get("time"))
    if not inner.get("ipAddress"):
        inner["ipAddress"] = value.get("callerIpAddress")
    if not (inner.get("resourceTenantId") or inner.get("tenantId")):
        inner["tenantId"] = value.get("tenantId")
    if not inner.get("status"):
        inner["status"] = {"errorCode": value.get("resultType")}
    return _sign_in(inner, words)


def _activity(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    """The activity log as its API and ``az monitor activity-log list`` answer it."""
    claims = _dict(value.get("claims"))
    request = _dict(value.get("httpRequest"))
    outcome = [_named(value.get(name)) for name in ("subStatus", "status")]
    return Event(
        Key(
            "azure",
            _text(value.get("subscriptionId")).lower() or _subscription(value),
            _text(value.get("location")),
            _text(value.get("caller")) or _claim(claims, "principal", words) or "unknown",
            _claim(claims, "tenant", words) or _text(value.get("tenantId")),
            _named(value.get("resourceProviderName")) or _named(value.get("operationName")).partition("/")[0],
            _text(request.get("clientIpAddress")) or _claim(claims, "address", words),
            "azure-activity",
        ),
        _when(value.get("eventTimestamp")),
        any(word.lower() in words["azure_denied"] for word in outcome),
    )


def _activity_record(value: Mapping[str, Any], words: Mapping[str, Any]) -> Event:
    """The activity log, and logs of single resources, as diagnostic settings export them."""
    identity = _dict(value.get("identity"))
    claims = _dict(identity.get("claims")) or _dict(identity.get("claim"))
    requester = _dict(identity.get("requester"))
    principal = _claim(claims, "principal", words) or next(
        filter(None, (_text(requester.get(name)) for name in ("upn", "objectId", "appId"))), ""
    )
    outcome = [_text(value.get(name)) for name in ("resultSignature", "resultType", "statusCode", "statusText")]
    parts = {part.lower() for text in outcome for part in re.split(r"[.\s]+", text)}
    return Event(
        Key(
            "azure",
            _subscription(value),
            _text(value.get("location")),
            principal or _text(identity.get("type")) or "unknown",
            _claim(claims, "tenant", words) or _text(requester.get("tenantId")) or _text(value.get("tenantId")),
            _resource_provider(value),
            _text(value.get("callerIpAddress")),
            "azure-activity",
        ),
        _when(value.get("time")),
        not parts.isdisjoint(words["azure_denied"]),
    )


def _subscription(value: Mapping[str, Any]) -> str:
    parts = _text(value.get("resourceId")).lower().split("/")
    return parts[2] if len(parts) > 2 and parts[1] in {"subscriptions", "tenants"} else ""


def _resource_provider(value: Mapping[str, Any]) -> str:
    operation = _named(value.get("operationName"))
    if "/" in operation:
        return operation.partition("/")[0]
    parts = _text(value.get("resourceId")).lower().split("/")
    return parts[parts.index("providers") + 1] if "providers" in parts[:-1] else _text(value.get("category"))


def _claim(claims: Mapping[str, Any], meaning: str, words: Mapping[str, Any]) -> str:
    return next(filter(None, (_text(claims.get(name)) for name in words["azure_claims"][meaning])), "")


def _named(value: Any) -> str:
    """Azure gives a word as text or as ``{value, localizedValue}``."""
    return _text(value.get("value")) if isinstance(value, dict) else _text(value)


def _aws_account(value: Any) -> str:
    # Twelve digits; a tool that took them for a number dropped the leading zeros.
    return f"{value:012d}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Text of a scalar; nothing for any other shape."""
    if isinstance(value, str):
        return value if value.isascii() else _clean(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _clean(text: str) -> str:
    """Text that can be written as UTF-8: half a surrogate pair becomes U+FFFD."""
    return _SURROGATE.sub("�", text)


def _when(value: Any) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable("its time is missing or not ISO 8601") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
