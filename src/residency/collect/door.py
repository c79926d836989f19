"""The one door to the AWS SDK: every call of a sweep goes through `Door.pages`, and only read calls pass."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from residency.collect.boundary import boundary
from residency.collect.refusals import CallError, Refusal, classify
from residency.collect.spec import Kind
from residency.errors import ConfigError, CredentialsError, ResidencyError

if TYPE_CHECKING:
    import botocore.client
    import botocore.session
    from botocore.credentials import RefreshableCredentials

__all__ = ["DISCOVERY", "Door", "DoorSettings", "SdkDoor", "allowed_operations"]

DISCOVERY: Mapping[tuple[str, str], str] = {
    ("sts", "GetCallerIdentity"): "sts:GetCallerIdentity",
    ("sts", "AssumeRole"): "sts:AssumeRole",
    ("organizations", "ListAccounts"): "organizations:ListAccounts",
    ("account", "ListRegions"): "account:ListRegions",
    ("ec2", "DescribeRegions"): "ec2:DescribeRegions",
    ("config", "DescribeConfigurationAggregators"): "config:DescribeConfigurationAggregators",
    ("config", "SelectAggregateResourceConfig"): "config:SelectAggregateResourceConfig",
}
"""Calls that find accounts and regions, and what an inventory of all of them knows, with the permission each needs."""
_READS = re.compile(r"(Get|List|Describe|BatchGet|Search|Head|Lookup|Select|View|Query)[A-Z]\w*\Z")
_TOKENS = (
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("Marker", "Marker"),
    ("NextMarker", "Marker"),
    ("NextContinuationToken", "ContinuationToken"),
    ("nextPageToken", "pageToken"),
    ("LastEvaluatedGlobalTableName", "ExclusiveStartGlobalTableName"),
    ("LastEvaluatedStreamArn", "ExclusiveStartStreamArn"),
)
_MORE: Mapping[str, tuple[str, str]] = {
    "ListDeliveryStreams": ("DeliveryStreamNames", "ExclusiveStartDeliveryStreamName"),
}
"""Listings that go on after the last item they gave, and not from a token: the list, and the argument it goes into."""


class Door(Protocol):
    """Answers calls: the SDK in a sweep, files in a replay."""

    def pages(
        self, account: str, service: str, region: str, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Every page of an answer; `CallError` where one does not come, after those that did."""
        ...

    def enter(self, account: str, fetch: Callable[[], dict[str, Any]]) -> None:
        """Use the credentials that ``fetch`` gives (an AssumeRole ``Credentials``) for an account from now on."""
        ...

    def start(self) -> str:
        """The region to ask first, before the partition is known."""
        ...

    def regions(self, partition: str) -> tuple[str, frozenset[str]]:
        """The partition's home region and all regions of it that this SDK knows."""
        ...


def allowed_operations(kinds: Mapping[str, Kind]) -> frozenset[tuple[str, str]]:
    """What a sweep of these kinds may call.

    Raises
    ------
    ConfigError
        When a kind names an operation that is not a read.
    """
    found: set[tuple[str, str]] = {*DISCOVERY}
    for name, kind in kinds.items():
        for call in kind.calls():
            if not _READS.match(call.operation):
                raise ConfigError(f"{name}: {call.operation} is not a read operation; kinds only list and describe")
            found.add((call.service or kind.list_.service or "", call.operation))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """How to reach AWS; ``None`` leaves the SDK's own default.

    ``per_service``: how many calls at most are under way to one service of one account in one region, so that a sweep
    leaves the account's own programs their share of the rate limit.
    """

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    connections: int = 16
    per_service: int = 16
    max_attempts: int = 8
    max_clients: int = 64
    timeout: float = 60.0


class SdkDoor:
    """The door backed by botocore; safe to use from many threads.

    Parameters
    ----------
    allowed
        The (service, operation) pairs that may be called; everything else is refused before it leaves.
    settings
        How to reach AWS.
    """

    def __init__(self, allowed: frozenset[tuple[str, str]], settings: DoorSettings | None = None) -> None:
        self._allowed = allowed
        self._settings = settings or DoorSettings()
        self._lock = threading.Lock()
        self._made: botocore.session.Session | None = None
        self._credentials: dict[str, RefreshableCredentials] = {}
        self._clients: OrderedDict[tuple[str, str], botocore.client.BaseClient] = OrderedDict()
        self._room: dict[tuple[str, str, str], threading.BoundedSemaphore] = {}
        self._acting = threading.local()

    def pages(
        self, account: str, service: str, region: str, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Every page of an answer, without the SDK's metadata."""
        if (service, operation) not in self._allowed:
            raise ResidencyError(f"{service}:{operation} is not among the read calls of this sweep and was not made")
        with boundary() as caught:
            answers = self._paged(self._client(service, region), operation, args)
            room = self._room_for(account, service, region)
            while True:
                with room:
                    # set for each page: another unit's generator may have run in this thread since the last
                    self._acting.account = account
                    page = next(answers, None)
                if page is None:
                    break
                yield {key: value for key, value in page.items() if key != "ResponseMetadata"}
        if isinstance(caught.error, CallError):
            raise caught.error
        if caught.error is not None:
            raise self._refusal(caught.error, service, region) from caught.error

    def enter(self, account: str, fetch: Callable[[], dict[str, Any]]) -> None:
        """Use assumed credentials for an account; they renew themselves."""
        from botocore.credentials import RefreshableCredentials

        def metadata() -> dict[str, str]:
            given = fetch()
            expiry = given["Expiration"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": expiry if isinstance(expiry, str) else expiry.isoformat(),
            }

        credentials = RefreshableCredentials.create_from_metadata(metadata(), metadata, "assume-role")
        with self._lock:
            self._credentials[account] = credentials

    def start(self) -> str:
        """The region of the settings or the profile; otherwise the commercial partition's home."""
        with self._lock:
            configured = self._settings.region or self._session().get_config_variable("region")
        return configured or self.regions("aws")[0]

    def regions(self, partition: str) -> tuple[str, frozenset[str]]:
        """Home region and known regions of a partition, from the SDK's own data."""
        with self._lock:
            session = self._session()
            data: Any = session.get_component("data_loader").load_data("partitions")
        for item in data["partitions"]:
            if item["id"] == partition:
                names = frozenset(name for name in item["regions"] if not name.endswith("-global"))
                return item["outputs"]["implicitGlobalRegion"], names
        raise ConfigError(f"partition {partition!r} is not known to this AWS SDK; update botocore")

    def _session(self) -> botocore.session.Session:
        import botocore.exceptions
        import botocore.session

        if self._made is not None:
            return self._made
        try:
            session = botocore.session.Session(profile=self._settings.profile)
            session.get_component("data_loader")
            session.get_scoped_config()
        except botocore.exceptions.ProfileNotFound as error:
            raise CredentialsError(f"AWS: {error}; name a profile of your AWS configuration") from None
        for event, handler in (("before-parse", _refuse_nonsense), ("before-call", self._act)):
            session.register(event, handler)
        self._made = session
        return session

    def _act(self, context: dict[str, Any], **_: Any) -> None:
        """Have a request signed for the account it is made in; the SDK's own credentials are those of the caller."""
        credentials = self._credentials.get(self._acting.account)
        if credentials is not None:
            context.setdefault("signing", {})["request_credentials"] = credentials

    def _room_for(self, account: str, service: str, region: str) -> threading.BoundedSemaphore:
        with self._lock:
            key = (account, service, region)
            if key not in self._room:
                self._room[key] = threading.BoundedSemaphore(self._settings.per_service)
            return self._room[key]

    def _client(self, service: str, region: str) -> botocore.client.BaseClient:
        """The one client of a service in a region; every account is asked through it, with its own signature."""
        from botocore.config import Config

        key = (service, region)
        with self._lock:  # making a client is not thread safe, using one is
            if key in self._clients:
                self._clients.move_to_end(key)
                return self._clients[key]
            settings = self._settings
            config = Config(
                max_pool_connections=settings.connections,
                retries={"mode": "adaptive", "max_attempts": settings.max_attempts},
                connect_timeout=settings.timeout,
                read_timeout=settings.timeout,
                s3={"addressing_style": "path"} if settings.endpoint else {},
                inject_host_prefix=None if settings.endpoint is None else False,
                account_id_endpoint_mode="disabled",  # a host name that tells the caller's account is wrong for others
            )
            make: Any = self._session().create_client  # its stubs know one overload per service name
            client: botocore.client.BaseClient = make(
                service, region_name=region, endpoint_url=settings.endpoint, config=config
            )
            self._clients[key] = client
            while len(self._clients) > settings.max_clients:
                self._clients.popitem(last=False)
            return client

    def _paged(
        self, client: botocore.client.BaseClient, operation: str, args: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        from botocore import xform_name

        method = xform_name(operation)
        if client.can_paginate(method):
            yield from client.get_paginator(method).paginate(**args)
            return
        model = client.meta.service_model.operation_model(operation)
        takes = model.input_shape.members if model.input_shape else {}
        call = getattr(client, method)
        answer = call(**args)
        yield answer
        for given, wanted in _TOKENS:
            token = answer.get(given) if wanted in takes else None
            while token:
                answer = call(**{**args, wanted: token})
                yield answer
                token, last = answer.get(given), token
                if token == last:
                    message = f"{operation} gave the same page twice"
                    raise CallError(Refusal("RepeatedPage", message, "failed", "malformed"))
        items, after = _MORE.get(operation, ("", ""))
        last = answer[items][-1] if answer.get(items) and _more(answer) else None
        while last is not None:
            answer = call(**{**args, after: last})
            yield answer
            before, last = last, answer[items][-1] if answer.get(items) and _more(answer) else None
            if last is not None and last == before:
                message = f"{operation} gave the same page twice"
                raise CallError(Refusal("RepeatedPage", message, "failed", "malformed"))

    def _refusal(self, error: Exception, service: str, region: str) -> Exception:
        from botocore import exceptions, parsers

        if isinstance(error, exceptions.ClientError):
            answer: Any = error.response
            code = str(answer.get("Error", {}).get("Code", ""))
            message = str(answer.get("Error", {}).get("Message", "") or error)
            return CallError(classify(code, message))
        name = type(error).__name__
        if isinstance(
            error,
            exceptions.NoCredentialsError
            | exceptions.PartialCredentialsError
            | exceptions.CredentialRetrievalError
            | exceptions.TokenRetrievalError
            | exceptions.SSOError
            | exceptions.NoAuthTokenError,
        ):
            return CredentialsError(f"AWS: {error}; sign in or name a profile, then run again")
        if isinstance(error, parsers.ResponseParserError):
            text = str(error).splitlines()[0] if str(error) else name
            return CallError(Refusal("MalformedAnswer", text[:300], "failed", "malformed"))
        if isinstance(error, exceptions.EndpointConnectionError) and self._not_offered(service, region):
            return CallError(
                Refusal("RegionWithoutService", f"{service} is not offered in {region}", "unsupported", "unsupported")
            )
        return CallError(Refusal(name, " ".join(str(error).split())[:300], "failed", "failed"))

    def _not_offered(self, service: str, region: str) -> bool:
        """Whether the SDK's data place the service in other regions of the partition, and not here. A silent endpoint
        alone proves nothing: the network may be down, the region newer than the SDK."""
        if self._settings.endpoint:
            return False
        from botocore.exceptions import UnknownRegionError

        with self._lock:
            session = self._session()
            try:
                partition = session.get_partition_for_region(region)
            except UnknownRegionError:  # a region of no partition: nothing is known of it
                return False
            offered = session.get_available_regions(service, partition)
            every = session.get_available_regions("ec2", partition)
        return bool(offered) and region in every and region not in offered


def _more(answer: Mapping[str, Any]) -> bool:
    return any(value is True for key, value in answer.items() if key.startswith("HasMore"))


def _refuse_nonsense(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a success that is no answer (a proxy's page, broken JSON): the SDK reads both as an empty answer."""
    from botocore.parsers import ResponseParserError

    if response_dict["status_code"] >= 300 or operation_model.has_streaming_output:
        return
    body = response_dict["body"] or b""
    start, end = bytes(body[:64]).lstrip().lower(), bytes(body[-64:]).rstrip()
    if start.startswith((b"<!doctype", b"<html")):
        raise ResponseParserError(f"{operation_model.name} was answered with an HTML page")
    protocol = operation_model.service_model.resolved_protocol
    output = operation_model.output_shape
    plain = output is not None and output.members and "payload" not in output.serialization
    if protocol in {"json", "rest-json"} and plain and not (start.startswith(b"{") and end.endswith(b"}")):
        raise ResponseParserError(f"{operation_model.name} was answered with something that is not JSON")
