"""Amazon Web Services: which accounts and regions there are, and what every unit of them holds."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from residency.collect.door import Door
from residency.collect.functions import arn_part
from residency.collect.grants import Scope
from residency.collect.mapping import Asked, Failure, Record, map_record, misshapen, search
from residency.collect.plan import Job, Plan, UnitKey
from residency.collect.refusals import CallError, Refusal, classify
from residency.collect.spec import Call, Kind
from residency.errors import ConfigError, CredentialsError
from residency.inventory.tables import Gap, Rows, Unit
from residency.model import COMPLETE_STATUSES, Cause, UnitStatus
from residency.providers import Providers

if TYPE_CHECKING:
    from residency.collect.imports.spec import ForeignType, Source

__all__ = ["GLOBAL", "AwsConfig", "AwsDriver", "Listing", "gather"]

GLOBAL = "global"
"""Region of the units of kinds that are listed once per account."""

_ON = frozenset({"ENABLED", "ENABLED_BY_DEFAULT", "opted-in", "opt-in-not-required"})
_OFF = frozenset({"DISABLED", "not-opted-in"})
_AGGREGATOR = "config-aggregator"
_NO_LOOK = "set scope.aws.find_aggregator: false"
_WINDOW = 4  # items in hand for each worker: enough to keep it busy, few enough for memory to stay flat


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class AwsConfig:
    """What to sweep.

    Parameters
    ----------
    role_name, external_id
        Role to assume in every account but the caller's own.
    accounts
        Only these; all of the organisation when empty.
    skip_accounts
        Left out, each as a gap.
    own_accounts
        Accounts that are ours though the organisation does not list them.
    regions
        Only these; every region that an account has switched on when empty.
    kinds
        Only these; all that were given when empty. Those left out stand as one gap.
    skip_fields
        Of ``placement key grants labels log detail``: calls that give nothing else are not made, each as a gap.
    workers
        How many stores are asked about at the same time.
    aggregator
        (region, name) of an AWS Config aggregator of the calling account, asked for what it knows of all accounts.
    find_aggregator
        Look for one where several accounts are swept and none is named: in the caller's region and the home region.
    """

    role_name: str | None = None
    external_id: str | None = None
    session_name: str = "residency"
    accounts: tuple[str, ...] = ()
    skip_accounts: tuple[str, ...] = ()
    own_accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    skip_fields: frozenset[str] = field(default_factory=frozenset)
    workers: int = 16
    aggregator: tuple[str, str] | None = None
    find_aggregator: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"aws.workers: {self.workers} is not a number of workers; give at least 1")
        for name in (*self.accounts, *self.skip_accounts, *self.own_accounts):
            if not (len(name) == 12 and name.isascii() and name.isdigit()):
                raise ConfigError(f"aws account {name!r}: an account id has 12 digits; quote it in YAML")


@dataclass(frozen=True, slots=True)
class _Place:
    """What planning learned: partition, its names in the catalogue and the SDK, who is inside, and an aggregator."""

    partition: str
    provider: str
    home: str
    scope: Scope
    region_on: Mapping[tuple[str, str], bool]
    aggregator: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Entered:
    """One account after the attempt to enter it."""

    account: str
    refusal: Refusal | None
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    states: Mapping[str, bool] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()


class _Asker:
    """A door for one unit: counts the pages, and knows whether the region is on."""

    def __init__(self, door: Door, account: str, region_on: Callable[[str], bool | None]) -> None:
        self._door, self._account, self._region_on = door, account, region_on
        self._lock = threading.Lock()
        self.calls = 0

    def pages(self, service: str, region: str, operation: str, args: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            for page in self._door.pages(self._account, service, region, operation, args):
                self._count()
                yield page
        except CallError as error:
            self._count()
            refusal = error.refusal
            if refusal.expired:
                raise CredentialsError(
                    f"AWS account {self._account}: {refusal}; renew the credentials, then resume the sweep"
                ) from None
            if self._region_on(region) is False:
                raise CallError(classify(refusal.code, refusal.message, region_enabled=False)) from None
            raise

    def _count(self) -> None:
        with self._lock:
            self.calls += 1


class AwsDriver:
    """Sweeps AWS under one set of credentials.

    Parameters
    ----------
    kinds
        The AWS kinds by name.
    providers
        The catalogue, for partitions and paired regions.
    door
        Where calls are answered.
    config
        What to sweep.
    clock
        Gives the time in UTC.
    types
        How items of AWS Config become records, for the aggregator.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        providers: Providers,
        door: Door,
        config: AwsConfig | None = None,
        clock: Callable[[], dt.datetime] = _now,
        types: Mapping[tuple[Source, str], ForeignType] | None = None,
    ) -> None:
        self._config = config or AwsConfig()
        given = {name: kind for name, kind in sorted(kinds.items()) if name.startswith("aws.")}
        unknown = sorted(set(self._config.kinds) - set(given))
        if unknown:
            raise ConfigError(f"scope.aws.kinds: {', '.join(unknown)}: no such kind; see `residency providers kinds`")
        self._left_out = tuple(name for name in given if self._config.kinds and name not in self._config.kinds)
        self._kinds = {name: kind for name, kind in given.items() if name not in self._left_out}
        self._providers = providers
        self._door = door
        self._clock = clock
        self._types = {key: item for key, item in (types or {}).items() if item.kind in self._kinds}
        self._place: _Place | None = None
        self._own = ""
        self._pool: ThreadPoolExecutor | None = None
        self._inside: dict[str, Refusal | None] = {}
        self._lock = threading.Lock()
        self._entering = threading.Lock()

    @property
    def provider(self) -> str:
        """Catalogue id; a partition's own once planning knows it."""
        return self._place.provider if self._place else "aws"

    def close(self) -> None:
        """Let the worker threads go."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None

    # --- planning -----------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Accounts, regions and units.

        Raises
        ------
        CredentialsError
            When there are no credentials, or AWS does not accept them.
        """
        own, partition = self._caller()
        self._own = own
        provider = next((key for key, item in self._providers.items() if item.partition == partition), "aws")
        home, known = self._door.regions(partition)
        listed, scope, gaps = self._accounts(own, home, provider)
        if self._left_out:
            message = f"the configuration leaves out {len(self._left_out)} kinds: {', '.join(self._left_out)}"
            gaps.append(self._scope_gap(provider, own, home, "skipped", message, "sts:GetCallerIdentity"))
        wanted = [name for name in sorted(listed) if not self._config.accounts or name in self._config.accounts]
        for name in self._config.accounts:
            if name not in listed:
                wanted.append(name)
                listed[name] = ""
        with ThreadPoolExecutor(max_workers=min(self._config.workers, max(1, len(wanted)))) as pool:
            entered = list(pool.map(lambda name: self._enter(name, own, listed[name], partition, provider), wanted))
        states = {(item.account, region): on for item in entered for region, on in item.states.items()}
        aggregator, told = self._config.aggregator, list[str]()
        if aggregator is None and self._config.find_aggregator and self._types and len(wanted) > 1:
            aggregator, told, unseen = self._found_aggregator(home, provider, own)
            gaps.extend(unseen)
        self._place = _Place(partition, provider, home, scope, states, aggregator)
        fallback = next((item.on for item in entered if item.account == own and item.refusal is None), ())
        if not fallback:
            fallback = next((item.on for item in entered if item.refusal is None), tuple(sorted(known)))
        jobs: list[Job] = []
        units: list[Unit] = []
        for item in entered:
            gaps.extend(item.gaps)
            regions = item.on if item.refusal is None else self._config.regions or fallback
            gaps.extend(self._not_known(item.account, region, provider) for region in regions if region not in known)
            for name, kind in self._kinds.items():
                for region in [GLOBAL] if kind.scope == "global" else regions:
                    key = UnitKey(provider, item.account, region, name)
                    if item.refusal is not None:
                        units.append(self._ended(key, item.refusal))
                    else:
                        calls = sum(1 for _ in kind.calls())
                        jobs.append(Job(f"{provider}/{item.account}/{region}/{name}", (key,), calls))
                if kind.scope != "global":
                    is_off = Refusal("RegionDisabled", "the account has not switched it on", "disabled", "skipped")
                    units += [self._ended(UnitKey(provider, item.account, region, name), is_off) for region in item.off]
        notes = (f"AWS {partition}: {len(entered)} accounts, {len(jobs)} units to ask", *told)
        first = [Job(f"{provider}/{_AGGREGATOR}", (), 1)] if aggregator else []
        return Plan((*first, *sorted(jobs, key=self._together)), tuple(gaps), tuple(units), notes)

    def _together(self, job: Job) -> tuple[str, str, str, str]:
        """Order of asking: all accounts of one service and region after each other, so that one client serves them."""
        (key,) = job.units
        return self._kinds[key.kind].list_.service or "", key.region, key.kind, key.account

    def _found_aggregator(
        self, home: str, provider: str, own: str
    ) -> tuple[tuple[str, str] | None, list[str], list[Gap]]:
        """The calling account's aggregator, one over the whole organisation before others, and what to tell of it."""
        call = "config:DescribeConfigurationAggregators"
        found: list[tuple[bool, str, str]] = []
        unseen: list[Gap] = []
        for region in dict.fromkeys((self._door.start(), home)):
            try:
                for page in self._door.pages("", "config", region, "DescribeConfigurationAggregators", {}):
                    for item in page.get("ConfigurationAggregators") or []:
                        whole = bool(item.get("OrganizationAggregationSource"))
                        found.append((not whole, region, str(item.get("ConfigurationAggregatorName") or "")))
            except CallError as error:
                if error.refusal.status not in COMPLETE_STATUSES:  # a region that is closed hides none in use
                    message = (
                        f"{call}: {error.refusal}; whether there is an aggregator is not known; grant it, or {_NO_LOOK}"
                    )
                    unseen.append(self._scope_gap(provider, own, region, error.refusal.cause, message, call))
        if not found:
            return None, [], unseen
        _, region, name = min(found)
        return (region, name), [f"AWS Config: the aggregator {name} in {region} is asked first"], unseen

    def _caller(self) -> tuple[str, str]:
        try:
            (answer,) = self._door.pages("", "sts", self._door.start(), "GetCallerIdentity", {})
        except CallError as error:
            if error.refusal.code in {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"}:
                message = f"AWS cannot be reached ({error.refusal}); check network, proxy and endpoint, then run again"
            else:
                message = f"AWS does not accept the credentials ({error.refusal}); sign in or name another profile"
            raise CredentialsError(message) from None
        partition, account = arn_part(answer.get("Arn"), "partition"), str(answer.get("Account") or "")
        if not partition or not account:
            raise CredentialsError("AWS: GetCallerIdentity names no account; check the endpoint and the profile")
        return account, partition

    def _accounts(self, own: str, home: str, provider: str) -> tuple[dict[str, str], Scope, list[Gap]]:
        """Account ids with their state, who is inside, and gaps."""
        listed: dict[str, str] = {}
        organisations: set[str] = set()
        gaps: list[Gap] = []
        complete = True
        try:
            for page in self._door.pages("", "organizations", home, "ListAccounts", {}):
                for item in page.get("Accounts") or []:
                    listed[str(item["Id"])] = str(item.get("State") or item.get("Status") or "")
                    resource = arn_part(item.get("Arn"), "resource") or ""
                    organisations.add(resource.split("/")[1] if resource.count("/") == 2 else "")
        except CallError as error:
            complete = False
            if error.refusal.code != "AWSOrganizationsNotInUseException":
                message = (
                    f"organizations:ListAccounts: {error.refusal}; other accounts of the organisation are not swept,"
                    " and internal accounts cannot be told from external ones; grant it, or list `own_accounts`"
                )
                call = "organizations:ListAccounts"
                gaps.append(self._scope_gap(provider, own, home, error.refusal.cause, message, call))
        listed.setdefault(own, "ACTIVE")
        inside = frozenset(listed) | frozenset(self._config.own_accounts) | frozenset(self._config.accounts)
        names = frozenset(organisations - {""})
        return listed, Scope(accounts=inside, complete=complete, organisations=names), gaps

    def _enter(self, account: str, own: str, state: str, partition: str, provider: str) -> _Entered:
        refusal: Refusal | None = None
        if account in self._config.skip_accounts:
            refusal = Refusal("Skipped", "the configuration skips this account", "skipped", "skipped")
        elif state not in {"", "ACTIVE"}:
            refusal = Refusal("NotActive", f"the account is {state}", "skipped", "skipped")
        elif account == own:
            pass  # entered already
        elif self._config.role_name is None:
            refusal = Refusal("NoRole", "no `role_name` to assume in this account", "skipped", "skipped")
        else:
            refusal = self._inside[account] = self._assume(account, partition)
        home, _ = self._door.regions(partition)
        if refusal is not None:
            message = f"account {account} was not entered: {refusal}"
            gap = self._scope_gap(provider, account, home, refusal.cause, message, "sts:AssumeRole")
            return _Entered(account, refusal, gaps=(gap,))
        return self._regions(account, partition, provider, home)

    def _assume(self, account: str, partition: str) -> Refusal | None:
        args: dict[str, Any] = {
            "RoleArn": f"arn:{partition}:iam::{account}:role/{self._config.role_name}",
            "RoleSessionName": self._config.session_name,
        }
        if self._config.external_id is not None:
            args["ExternalId"] = self._config.external_id
        start = self._door.start()

        def fetch() -> dict[str, Any]:
            (answer,) = self._door.pages("", "sts", start, "AssumeRole", args)
            return dict(answer["Credentials"])

        try:
            self._door.enter(account, fetch)
        except CallError as error:
            return error.refusal
        return None

    def _regions(self, account: str, partition: str, provider: str, home: str) -> _Entered:
        states: dict[str, bool] = {}
        doing: set[str] = set()
        refused: list[str] = []
        cause: Cause = "failed"
        for service, operation, items, name, status in (
            ("account", "ListRegions", "Regions", "RegionName", "RegionOptStatus"),
            ("ec2", "DescribeRegions", "Regions", "RegionName", "OptInStatus"),
        ):
            args = {"AllRegions": True} if service == "ec2" else {}
            states.clear()
            doing.clear()
            try:
                for page in self._door.pages(self._as(account), service, home, operation, args):
                    for item in page.get(items) or []:
                        word = str(item.get(status) or "")
                        if word in _ON or word in _OFF:
                            states[item[name]] = word in _ON
                        else:  # ENABLING, DISABLING, or a word newer than this code: ask, and see
                            doing.add(item[name])
            except CallError as error:
                refused.append(f"{service}:{operation}: {error.refusal}")
                cause = error.refusal.cause
                continue
            if states or doing:
                break
            refused.append(f"{service}:{operation} named no region")
            cause = "malformed"
        gaps: list[Gap] = []
        if states or doing:
            on = {region for region, is_on in states.items() if is_on} | doing
            off = {region for region, is_on in states.items() if not is_on}
        else:
            on, off = set(self._door.regions(partition)[1]), set()
            message = f"account {account}: cannot tell which regions are on ({'; '.join(refused)}); all known are asked"
            gaps.append(self._scope_gap(provider, account, home, cause, message, "account:ListRegions"))
        if self._config.regions:
            chosen = set(self._config.regions)
            left_out = sorted(on - chosen)
            if left_out:
                message = f"account {account}: the configuration leaves out the regions {', '.join(left_out)}"
                gaps.append(self._scope_gap(provider, account, home, "skipped", message, "account:ListRegions"))
            on, off = chosen - off, chosen & off
        marks = {**states, **dict.fromkeys(doing, False)}
        return _Entered(account, None, tuple(sorted(on)), tuple(sorted(off)), marks, tuple(gaps))

    def _as(self, account: str) -> str:
        """The door's name for an account: the caller's own is asked with the caller's own credentials."""
        return "" if account == self._own else account

    def _not_known(self, account: str, region: str, provider: str) -> Gap:
        message = f"account {account}: this AWS SDK does not know the region {region}; update botocore to be sure of it"
        return self._scope_gap(provider, account, region, "unsupported", message, "account:ListRegions")

    def _scope_gap(self, provider: str, account: str, region: str, cause: Cause, message: str, call: str) -> Gap:
        return Gap(
            provider=provider,
            account=account,
            region=region,
            kind="",
            call=call,
            seen_at=self._clock(),
            field="scope",
            cause=cause,
            message=message,
        )

    def _ended(self, key: UnitKey, refusal: Refusal) -> Unit:
        now = self._clock()
        return Unit(
            provider=key.provider,
            account=key.account,
            region=key.region,
            kind=key.kind,
            status=refusal.status,
            code=refusal.code,
            message=refusal.message,
            started_at=now,
            finished_at=now,
        )

    def known(self) -> tuple[str, _Place | None]:
        """The caller's account, and what planning learned. Credentials are no part of it: roles are assumed anew."""
        return self._own, self._place

    def recall(self, known: tuple[str, _Place | None]) -> None:
        """Go on from another driver's planning."""
        self._own, self._place = known

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, job: Job) -> Rows:
        """Answer the job's units.

        Raises
        ------
        CredentialsError
            When the credentials ran out: no later unit would do better.
        """
        if job.name.endswith(f"/{_AGGREGATOR}"):
            return self._aggregated()
        rows = Rows()
        for key in job.units:
            rows.extend(self._unit(key))
        return rows

    def _aggregated(self) -> Rows:
        """What the aggregator lists of every kind it knows; second-hand, so that no unit ends by it."""
        from residency.collect.aggregator import expression_for, read_results

        place = self._placed()
        region, name = place.aggregator or ("", "")
        call, started = "config:SelectAggregateResourceConfig", self._clock()
        args = {"ConfigurationAggregatorName": name, "Expression": expression_for(key for _, key in self._types)}
        results: list[str] = []
        gaps: list[Gap] = []
        try:
            for page in self._door.pages("", "config", region, "SelectAggregateResourceConfig", args):
                results += page.get("Results") or []
        except CallError as error:
            message = f"{call}: {error.refusal}; what the aggregator {name} lists is not known; grant it, or {_NO_LOOK}"
            gaps.append(self._scope_gap(place.provider, self._own, region, error.refusal.cause, message, call))
        read = read_results(results, self._kinds, self._types, self._providers, place.scope, started)
        only, without = self._config.accounts, self._config.skip_accounts
        rows = Rows()
        for items in read.tables.values():  # what the configuration leaves out stays out
            rows.add(*(row for row in items if row.account not in without and (not only or row.account in {"", *only})))
        rows.add(*gaps)
        return rows

    def _placed(self) -> _Place:
        if self._place is None:
            raise ConfigError("the AWS driver runs jobs of its own plan; plan first")
        return self._place

    def _unit(self, key: UnitKey) -> Rows:
        place = self._placed()
        kind, started = self._kinds[key.kind], self._clock()
        region = place.home if key.region == GLOBAL else key.region
        asked = Asked(
            provider=key.provider,
            account=key.account,
            region=key.region,
            kind=key.kind,
            partition=place.partition,
            seen_at=started,
            scope=place.scope,
            pair_of=lambda provider, location: self._providers.locate(provider, location).paired,
        )
        asker = _Asker(self._door, self._as(key.account), lambda name: place.region_on.get((key.account, name)))
        rows = Rows()
        refusal: Refusal | None = None
        if (barred := self._enter_again(key.account, place.partition)) is not None:
            rows.add(self._ended(key, barred))
            return rows
        context = {"provider": key.provider, "account": key.account, "region": key.region, "partition": place.partition}
        pool = self._workers()
        listing = Listing(kind, asker.pages, region, context)
        items = 0
        window, skip = self._config.workers * _WINDOW, self._config.skip_fields
        for record in gather(kind, listing, asker.pages, region, context, skip, pool, window):
            items += 1
            rows.extend(map_record(kind, record, asked))
        refusal = listing.refusal
        stores = len(rows["stores"])
        status: UnitStatus = "seen" if stores else "empty"
        if refusal is not None:
            # an answer that breaks off after some pages is not a region that is off
            status = refusal.status if not items or refusal.status not in COMPLETE_STATUSES else "failed"
        elif not stores and rows["gaps"]:
            status = "failed"
            refusal = Refusal("Unreadable", "no item of the listing could be read", status, "malformed")
        unit = self._ended(key, refusal or Refusal("", "", status, "failed"))
        done = self._clock()
        rows.add(replace(unit, status=status, stores=stores, calls=asker.calls, started_at=started, finished_at=done))
        return rows

    def _enter_again(self, account: str, partition: str) -> Refusal | None:
        """Assume the account's role where another process did the planning; once for each account."""
        if account == self._own:
            return None
        with self._entering:
            if account not in self._inside:
                self._inside[account] = self._assume(account, partition)
            return self._inside[account]

    def _workers(self) -> ThreadPoolExecutor | None:
        if self._config.workers == 1:
            return None
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=self._config.workers, thread_name_prefix="residency-aws")
            return self._pool


_Pages = Callable[[str, str, str, Mapping[str, Any]], Iterator[dict[str, Any]]]


class Listing:
    """The items of a kind, page by page; what was refused on the way is kept, and the rest goes on.

    Parameters
    ----------
    kind
        Whose listing, with those it is nested in.
    pages
        Makes a call.
    region, context
        Where to ask, and what the arguments may name as ``ctx``.
    """

    def __init__(self, kind: Kind, pages: _Pages, region: str, context: Mapping[str, str]) -> None:
        self._kind, self._pages, self._region, self._context = kind, pages, region, context
        self._refusals: list[tuple[int, Refusal]] = []
        self._asked = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self._items([*self._kind.list_.within, self._kind.list_], 0, {})

    @property
    def refusal(self) -> Refusal | None:
        """How the listing came short, if it did: of several refusals one after which something may be hidden."""
        if not self._refusals:
            return None
        worst = min(self._refusals, key=lambda item: (item[1].status in COMPLETE_STATUSES, item[0]))
        depth, refusal = worst
        if depth and refusal.status in COMPLETE_STATUSES:
            # there was something to look into, so that a service that is "off" here is no proof of absence
            refusal = replace(refusal, status="failed", cause="failed")
        if self._asked > 1:
            said = f"{len(self._refusals)} of {self._asked} listings were refused, among them: {refusal.message}"
            refusal = replace(refusal, message=said)
        return refusal

    def _items(self, calls: Sequence[Call], depth: int, outer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        call = calls[depth]
        view = {**outer, "ctx": self._context}
        service = call.service or self._kind.list_.service or ""
        region = search(self._kind.list_.region, view) if self._kind.list_.region else self._region
        self._asked += 1
        try:
            for page in self._pages(service, region or self._region, call.operation, _args(call, view)):
                if wrong := misshapen(call.items, page):
                    raise CallError(classify("MalformedAnswer", wrong))
                found = search(call.items, page) if call.items else page
                for item in found if isinstance(found, list) else [] if found is None else [found]:
                    if depth + 1 < len(calls):
                        yield from self._items(calls, depth + 1, {**outer, call.into or "": item})
                    else:
                        yield {**outer, **(item if isinstance(item, dict) else {"item": item})}
        except CallError as error:
            if error.refusal.code not in call.absent:
                self._refusals.append((depth, error.refusal))


def gather(
    kind: Kind,
    items: Iterable[dict[str, Any]],
    pages: _Pages,
    region: str,
    context: Mapping[str, str],
    skip_fields: frozenset[str] = frozenset(),
    pool: ThreadPoolExecutor | None = None,
    window: int = 64,
) -> Iterator[Record]:
    """Records of listed items with the answers to every detail call, in the order of the listing.

    At most ``window`` items are being asked about at a time, however long the listing.
    """
    label = f"{kind.list_.service}:{kind.list_.operation}"
    detail = _Details(kind, pages, region, context, skip_fields)
    source = iter(items)
    while True:
        batch = list(islice(source, window))
        if not batch:
            return
        records = [Record({**item}, label) for item in batch]
        if pool is None or not kind.detail:
            for record in records:
                detail.fill(record)
        else:
            futures: list[Future[None]] = [pool.submit(detail.fill, record) for record in records]
            for future in futures:
                future.result()
        yield from records


class _Details:
    """The detail calls of one unit."""

    def __init__(
        self, kind: Kind, pages: _Pages, region: str, context: Mapping[str, str], skip_fields: frozenset[str]
    ) -> None:
        self._kind, self._pages, self._region = kind, pages, region
        self._context, self._skip = context, skip_fields
        self._shared: dict[int, tuple[Any, Failure | None]] = {}
        self._lock = threading.Lock()

    def fill(self, record: Record) -> None:
        """Ask about one item; an answer that does not come is noted, and the next is asked for."""
        for number, call in enumerate(self._kind.detail):
            view = {**record.data, "ctx": self._context}
            if call.when and not search(call.when, view):
                continue
            answer, failure = self._once(number, call, view) if call.once else self._ask(call, view)
            if failure is not None:
                record.failed[call.into or call.operation] = failure
            elif call.into:
                record.data[call.into] = answer
            elif isinstance(answer, dict):
                record.data.update(answer)

    def _once(self, number: int, call: Call, view: Mapping[str, Any]) -> tuple[Any, Failure | None]:
        """An answer that all items of the unit share; the others wait for the first that needs it."""
        with self._lock:
            if number not in self._shared:
                self._shared[number] = self._ask(call, view)
            return self._shared[number]

    def _ask(self, call: Call, view: Mapping[str, Any]) -> tuple[Any, Failure | None]:
        service = call.service or self._kind.list_.service or ""
        label = f"{service}:{call.operation}"
        fields = tuple(call.gives) or ("detail",)
        if call.gives and self._skip.issuperset(call.gives):
            return None, Failure("skipped", f"{label}: the configuration skips {', '.join(fields)}", label, fields)
        args = _args(call, view)
        missing = [name for name, value in args.items() if value is None or value == ""]
        if missing:
            return None, Failure("malformed", f"{label}: the item gives no {', '.join(missing)}", label, fields)
        region = search(call.region, view) if call.region else None
        try:
            where = region if isinstance(region, str) and region else self._region
            pages = list(self._pages(service, where, call.operation, args))
        except CallError as error:
            if error.refusal.code in call.absent:
                return None, None
            return None, Failure(error.refusal.cause, f"{label}: {error.refusal}", label, fields)
        if call.items is None:
            return _merged(pages), None
        found: list[Any] = []
        for page in pages:
            if wrong := misshapen(call.items, page):
                return None, Failure("malformed", f"{label}: {wrong}", label, fields)
            value = search(call.items, page)
            found += value if isinstance(value, list) else [] if value is None else [value]
        return found, None


def _merged(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """One answer of several pages: lists are joined, of anything else the first says it."""
    merged: dict[str, Any] = {}
    for page in pages:
        for key, value in page.items():
            if isinstance(value, list) and isinstance(merged.get(key), list):
                merged[key] = merged[key] + value
            else:
                merged.setdefault(key, value)
    return merged


def _args(call: Call, view: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: search(value[1:] or "@", view) if isinstance(value, str) and value.startswith("@") else value
        for name, value in call.args.items()
    }
