"""The graph of ties: groups of equal stores → places, operators, owners, contractors → jurisdictions.

Stores with the same ties, custody and holdings are one group, so the graph stays small while the inventory grows, and
the scores are the same as for each store alone. A gap is a group of its own that may hold any dataset anywhere.

Nodes are pairs ``(sort, name)`` with the sorts ``group place entity owner contractor principal anywhere country``.
Edges carry ``channels``, ``strength`` (an interval), ``label`` and ``source``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from residency.classify import Holding
from residency.config import Config
from residency.dates import in_force
from residency.entities import Entity, Stake, owners_of
from residency.interval import ONE, UNKNOWN, ZERO, Interval
from residency.inventory.tables import Access, Contractor, EntityRow, Gap, Grant, Placement, Rows, Store
from residency.jurisdictions import Jurisdictions
from residency.known_accounts import KnownAccounts
from residency.method.judgement import Judgement, Strength
from residency.model import CHANNELS, NO_PARENT, Channel, KindWords
from residency.providers import UNBOUNDED, Providers
from residency.vendors import Vendors, staff_countries

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["ANYWHERE", "Group", "Inputs", "Node_", "Tie", "World", "build", "is_principal_of"]

Node_ = tuple[str, str]
Source = tuple[tuple[str, str], ...]
ANYWHERE: Node_ = ("anywhere", UNBOUNDED)
_NO_KEY_SEEN = (("unknown", ""),)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a score depends on, and the day it is for."""

    rows: Rows
    holdings: tuple[Holding, ...]
    config: Config
    providers: Providers
    jurisdictions: Jurisdictions
    judgement: Judgement
    kinds: Mapping[str, KindWords]
    as_of: dt.date
    vendors: Vendors = field(default_factory=lambda: Vendors({}))
    known: KnownAccounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tie:
    """The first step from a group: to a node, on some channels, how strongly, and why.

    ``gap`` marks ties that stand for something not seen.
    """

    node: Node_
    channels: tuple[Channel, ...]
    strength: Interval
    label: str
    source: Source = ()
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Stores that cannot be told apart by anything that matters.

    ``holds`` maps dataset ids to h in [0, 1]. ``keys`` are pairs of custody and country of an external key manager; any
    one of them opens the data. ``gap`` marks stand-ins for what was not seen; ``example`` is one member
    and ``count`` how many there are.
    """

    name: str
    example: str
    count: int
    gap: bool
    holds: tuple[tuple[str, Interval], ...]
    keys: tuple[tuple[str, str], ...]
    in_use: str
    ties: tuple[Tie, ...]
    source: Source
    members: tuple[str, ...] = field(compare=False, default=())


@dataclass(frozen=True, slots=True)
class World:
    """The graph, its groups, and the jurisdictions it can end in."""

    graph: nx.MultiDiGraph[Node_]
    groups: tuple[Group, ...]
    universe: tuple[str, ...]
    home: frozenset[str]


def build(inputs: Inputs, *, grouped: bool = True, also: Iterable[str] = ()) -> World:
    """Build the graph of ties for one day.

    Parameters
    ----------
    grouped
        Without grouping every store is a group: to prove that it is the same.
    also
        Jurisdictions to score besides those on file or reached, so that two worlds can be compared.
    """
    import networkx as nx

    makers = _Makers(inputs, grouped)
    groups = tuple(sorted(makers.groups(), key=lambda group: group.name))
    graph: nx.MultiDiGraph[Node_] = nx.MultiDiGraph()
    for tail, head, channels, strength, label, source in sorted(makers.edges, key=repr):
        graph.add_edge(tail, head, channels=channels, strength=strength, label=label, source=source)
    home = inputs.jurisdictions.members(inputs.config.home, inputs.as_of) | {inputs.config.home}
    reached = {name for sort, name in graph.nodes if sort == "country"}
    universe = tuple(sorted((reached | set(inputs.jurisdictions) | {UNBOUNDED, *also}) - home))
    for code in universe:
        graph.add_edge(
            ANYWHERE,
            ("country", code),
            channels=CHANNELS,
            strength=UNKNOWN,
            label="may be in any country",
            source=(("reason", "nothing bounds the place"),),
        )
    for group in groups:
        for tie in group.ties:
            graph.add_edge(
                ("group", group.name),
                tie.node,
                channels=tie.channels,
                strength=tie.strength,
                label=tie.label,
                source=tie.source,
            )
    return World(graph, groups, universe, home)


class _Makers:
    """Reads the inputs once and collects edges while groups are made."""

    def __init__(self, inputs: Inputs, grouped: bool) -> None:
        self.inputs = inputs
        self.grouped = grouped
        self.edges: dict[tuple[Node_, Node_, tuple[Channel, ...], Interval, str, Source], None] = {}
        self.strengths = inputs.judgement.strengths
        catalogue = {**inputs.providers.entities, **inputs.vendors.entities}
        self.register: dict[str, Entity] = _with_catalogue(_register_entities(inputs.rows), catalogue)
        self.entities: dict[str, Entity] = {**catalogue, **self.register}
        self.contractors: list[Contractor] = [
            item for item in inputs.rows["contractors"] if in_force(_Period(item.start, item.end), inputs.as_of)
        ]
        self._places: dict[tuple[str, str], Node_] = {}
        self._owned: set[Node_] = set()

    def edge(
        self,
        tail: Node_,
        head: Node_,
        channels: tuple[Channel, ...],
        strength: Interval,
        label: str,
        *source: tuple[str, str],
    ) -> None:
        self.edges[(tail, head, channels, strength, label, tuple(item for item in source if item[1]))] = None

    # places, operators, owners

    def place(self, provider: str, location: str) -> Node_:
        """The node of a location, with its edges to countries, operator and contracting party."""
        key = (provider, location)
        if key in self._places:
            return self._places[key]
        node: Node_ = ("place", f"{provider}/{location or '?'}")
        self._places[key] = node
        found = self.inputs.providers.locate(provider, location or None, self.inputs.as_of)
        source = ("catalogue", f"providers/{provider}/regions.yaml: {found.reason}")
        for code in sorted(found.countries):
            if code == UNBOUNDED:
                self.edge(node, ANYWHERE, ("storage",), ONE, f"place not bounded: {found.reason}", source)
                continue
            single = len(found.countries) == 1
            certain = ONE if single or found.holds == "all" else UNKNOWN
            self.edge(node, ("country", code), ("storage",), certain, f"{found.region} lies in {code}", source)
            if code in self.inputs.jurisdictions.groups:
                for member in sorted(self.inputs.jurisdictions.members(code, self.inputs.as_of)):
                    self.edge(node, ("country", member), ("storage",), UNKNOWN, f"{code} may mean {member}", source)
        operators = {found.operator: "operator"} if found.operator else {}
        for entity in self._contracting(provider):
            operators.setdefault(entity, "contracting-party")
        for entity, relation in sorted(operators.items()):
            strength = self.strengths.operation[relation]
            label = f"{relation.replace('-', ' ')}: {self._name(entity)}"
            self.edge(node, ("entity", entity), ("operation", "control"), strength.interval, label, *_reason(strength))
            self.own(entity, ("operation",))
        if found.operator is None:  # a contract says who answers, not who runs the place
            self.edge(node, ANYWHERE, ("operation", "control"), ONE, "who runs the place is not known", source)
        return node

    def contract(self, provider: str) -> Node_:
        """The node of a provider's contract, wherever its places are."""
        node: Node_ = ("place", f"{provider}/contract")
        strength = self.strengths.operation["contracting-party"]
        for entity in sorted(self._contracting(provider)):
            label = f"contracting party: {self._name(entity)}"
            self.edge(node, ("entity", entity), ("operation", "control"), strength.interval, label, *_reason(strength))
            self.own(entity, ("operation",))
        return node

    def _contracting(self, provider: str) -> Iterator[str]:
        if provider not in self.inputs.providers:
            return
        seat = self.inputs.config.organisation.seat
        root = self.inputs.providers[provider]
        while not root.contracting and root.part_of is not None:
            root = self.inputs.providers[root.part_of]
        exact = [item for item in root.contracting if seat in item.customers and in_force(item, self.inputs.as_of)]
        other = [item for item in root.contracting if "*" in item.customers and in_force(item, self.inputs.as_of)]
        yield from (item.entity for item in exact or other)

    def own(self, entity_id: str, channels: tuple[Channel, ...], sort: str = "entity") -> None:
        """Edges from a legal person to its seat, its footholds, and up its chain of owners."""
        node: Node_ = (sort, entity_id)
        entity = self.entities.get(entity_id)
        if entity is None:
            self.edge(node, ANYWHERE, (*channels, "control"), ONE, f"nothing is on file about {entity_id}")
            return
        self._seat(node, entity, channels)
        self._footholds(node, entity)
        if node in self._owned:
            return
        self._owned.add(node)
        self._top(node, entity)
        for step in owners_of(self.entities, entity_id, self.inputs.as_of):
            first = step.child == entity_id
            tail: Node_ = node if first else ("owner", step.child)
            strength = self._stake(step.stake, first)
            share = f"{step.stake.share:.0%} " if step.stake.share is not None else ""
            label = f"{share}{step.stake.relation} of {self._name(step.child)}: {self._name(step.parent)}"
            source = step.stake.source
            self.edge(
                tail,
                ("owner", step.parent),
                ("control",),
                strength.interval,
                label,
                ("url", source.url or ""),
                ("says", source.says or ""),
                ("confidence", source.confidence),
                *_reason(strength),
            )
            parent = self.entities.get(step.parent)
            if parent is None:
                label = f"nothing is on file about {step.parent}"
                self.edge(("owner", step.parent), ANYWHERE, ("control",), ONE, label)
            else:
                self._seat(("owner", step.parent), parent, ("control",))
                self._footholds(("owner", step.parent), parent)
                self._top(("owner", step.parent), parent)

    def _top(self, node: Node_, entity: Entity) -> None:
        """A chain that ends without saying why: somebody may own it, anywhere."""
        if not entity.owners_known(self.inputs.as_of):
            self.edge(node, ANYWHERE, ("control",), ONE, f"who owns {entity.name} is not on file")

    def _seat(self, node: Node_, entity: Entity, channels: tuple[Channel, ...]) -> None:
        said = () if entity.source.url else (("says", entity.source.says or ""),)
        source = (("url", entity.source.url or ""), *said, ("confidence", entity.source.confidence))
        if entity.seat == "unknown":
            self.edge(node, ANYWHERE, channels, ONE, f"the seat of {entity.name} is not known", *source)
        else:
            self.edge(node, ("country", entity.seat), channels, ONE, f"seat of {entity.name}", *source)

    def _footholds(self, node: Node_, entity: Entity) -> None:
        for hold in entity.footholds:
            strength = self.strengths.control[hold.why]
            label = f"{hold.why} of {entity.name}"
            self.edge(
                node,
                ("country", hold.country),
                ("control",),
                strength.interval,
                label,
                ("url", hold.source.url or ""),
                *_reason(strength),
            )

    def _stake(self, stake: Stake, first: bool) -> Strength:
        table = self.strengths.control
        if stake.relation != "owner":
            return table[stake.relation]
        if stake.share is None:
            return table["owner-unstated"]
        if stake.share < self.strengths.majority_share:
            return table["owner-minority"]
        return table["owner-majority" if first else "owner-onward"]

    def _name(self, entity: str) -> str:
        found = self.entities.get(entity)
        return found.name if found else entity

    # contractors and people

    def contractor(self, item: Contractor) -> Node_:
        """The node of a contractor, with edges to seat, staff, owners and further contractors."""
        return ("contractor", item.contractor_id)

    def contractor_edges(self) -> None:
        ties = self.strengths.access_tie
        for item in self.contractors:
            node = self.contractor(item)
            register = ("register", item.source)
            self._country_edge(node, item.seat, ties["seat"], f"seat of {item.name}", register)
            for code in item.staff_countries or ("unknown",):
                self._country_edge(node, code, ties["staff"], f"staff of {item.name}", register)
            if item.contractor_id in self.register:
                self.own(item.contractor_id, (), "contractor")
            parent = next((up for up in self.contractors if up.contractor_id == item.entrusted_by), None)
            if parent is not None:
                strength = ties["re-entrusted"]
                label = f"re-entrusted to {item.name}"
                self.edge(
                    self.contractor(parent),
                    node,
                    ("access", "control"),
                    strength.interval,
                    label,
                    register,
                    *_reason(strength),
                )
        for row in self.inputs.rows["access"]:
            for item in self._contractors_of(row.principal, row.principal_account):
                self.observed(self.contractor(item), row)

    def _country_edge(self, node: Node_, code: str, strength: Strength, label: str, source: tuple[str, str]) -> None:
        if code == "unknown":
            self.edge(node, ANYWHERE, ("access",), ONE, f"{label}: country not known", source)
        else:
            self.edge(node, ("country", code), ("access",), strength.interval, label, source, *_reason(strength))

    def observed(self, node: Node_, row: Access) -> None:
        """Edges for logins seen from an address."""
        ties = self.strengths.access_tie
        refused = row.count > 0 and row.denied >= row.count
        source = (("log", row.source), ("address", f"{row.ip} ({row.geo_source} {row.geo_date})".strip()))
        what = f"{row.count} events by {row.principal} from {row.ip}, {row.first:%Y-%m-%d} to {row.last:%Y-%m-%d}"
        if row.verdict == "country":
            certain = len(row.countries) == 1
            name = "refused" if refused else "observed" if certain else "observed-possible"
            for code in row.countries:
                self.edge(node, ("country", code), ("access",), ties[name].interval, f"{what}: {code}", *source)
        elif row.verdict in {"indeterminate", "unknown"}:
            name = "refused" if refused else "observed-possible"
            self.edge(node, ANYWHERE, ("access",), ties[name].interval, f"{what}: {row.reason}", *source)

    def _contractors_of(self, principal: str, account: str) -> list[Contractor]:
        return [item for item in self.contractors if is_principal_of(item, principal, account)]

    # groups

    def groups(self) -> Iterator[Group]:
        """All groups: of stores, of contractors' own handling, of gaps."""
        self.contractor_edges()
        yield from self._store_groups()
        yield from self._contractor_groups()
        yield from self._gap_groups()

    def _store_groups(self) -> Iterator[Group]:
        rows = self.inputs.rows
        placements = _by_store(rows["placements"])
        grants = self._grants()
        keys: dict[str, set[tuple[str, str]]] = {}
        for key in rows["keys"]:
            keys.setdefault(key.store_id, set()).add((key.custody, key.manager_country))
        gaps = _by_store(row for row in rows["gaps"] if row.store_id)
        holds: dict[str, list[tuple[str, Interval]]] = {}
        for holding in self.inputs.holdings:
            if holding.held != "no":
                value = ONE if holding.held == "yes" else UNKNOWN
                holds.setdefault(holding.store_id, []).append((holding.dataset, value))
        observed: dict[tuple[str, str], list[Access]] = {}
        for row in rows["access"]:
            if not self._contractors_of(row.principal, row.principal_account):
                observed.setdefault((row.provider, row.account), []).append(row)
        seen_contractors: dict[tuple[str, str], set[str]] = {}
        for row in rows["access"]:
            for item in self._contractors_of(row.principal, row.principal_account):
                seen_contractors.setdefault((row.provider, row.account), set()).add(item.contractor_id)
        kept: dict[tuple[object, ...], list[Store]] = {}
        for store in dict.fromkeys(rows["stores"]):
            held = tuple(sorted(holds.get(store.store_id, ()), key=lambda pair: pair[0]))
            if not held:
                continue
            signature = (
                tuple(sorted({(p.role, p.location_provider, p.location) for p in placements.get(store.store_id, ())})),
                _custody(keys, store.store_id),
                tuple(
                    sorted(
                        {
                            (g.principal, g.principal_account, g.access, g.external, g.condition == "unknown")
                            for g in grants.get(store.store_id, ())
                        }
                    )
                ),
                held,
                self._in_use(store.kind),
                tuple(sorted({(gap.field, gap.cause) for gap in gaps.get(store.store_id, ())})),
                (store.provider, store.account)
                if (store.provider, store.account) in observed.keys() | seen_contractors.keys()
                else (),
                "" if self.grouped else store.store_id,
            )
            kept.setdefault(signature, []).append(store)
        for stores in kept.values():
            yield self._store_group(stores, placements, keys, grants, gaps, holds, observed, seen_contractors)

    def _grants(self) -> dict[str, list[Grant]]:
        """Grants by store; what is granted on a whole account reaches each of its stores."""
        rows = self.inputs.rows
        own = _by_store(rows["grants"])
        wide: dict[tuple[str, str], list[Grant]] = {}
        for grant in rows["grants"]:
            words = self.inputs.kinds.get(grant.kind)
            if words is not None and words.account_wide:
                wide.setdefault((grant.provider, grant.account), []).append(grant)
        if not wide:
            return own
        result: dict[str, list[Grant]] = {}
        for store in rows["stores"]:
            both = [*own.get(store.store_id, ()), *wide.get((store.provider, store.account), ())]
            result[store.store_id] = list(dict.fromkeys(both))
        return result

    def _store_group(
        self,
        stores: list[Store],
        placements: Mapping[str, list[Placement]],
        keys: Mapping[str, set[tuple[str, str]]],
        grants: Mapping[str, list[Grant]],
        gaps: Mapping[str, list[Gap]],
        holds: Mapping[str, list[tuple[str, Interval]]],
        observed: Mapping[tuple[str, str], list[Access]],
        seen_contractors: Mapping[tuple[str, str], set[str]],
    ) -> Group:
        members = sorted(store.store_id for store in stores)
        first = min(stores, key=lambda store: store.store_id)
        ties: list[Tie] = []
        for placement in placements.get(first.store_id, ()):
            strength = self.strengths.role[placement.role]
            node = self.place(placement.location_provider, placement.location)
            label = f"{placement.role} at {placement.location or 'a place not known'}"
            source = (
                ("call", placement.call),
                ("evidence", placement.evidence),
                ("seen", f"{placement.seen_at:%Y-%m-%d}"),
            )
            unknown = not placement.location
            ties.append(Tie(node, ("storage", "operation", "control"), strength.interval, label, source, gap=unknown))
            if unknown:  # where is not seen, with whom the contract is made is
                contract = self.contract(placement.location_provider)
                ties.append(Tie(contract, ("operation", "control"), strength.interval, label, source))
        if not placements.get(first.store_id):
            ties.append(Tie(ANYWHERE, CHANNELS, UNKNOWN, "no place was reported", gap=True))
        for grant in grants.get(first.store_id, ()):
            ties.extend(self._grant_ties(grant))
        for gap in gaps.get(first.store_id, ()):
            if gap.field in {"grants", "detail"}:
                cause: Source = (("call", gap.call), ("cause", f"{gap.cause}: {gap.message}"))
                ties.append(Tie(ANYWHERE, ("access",), UNKNOWN, "who may reach it could not be read", cause, gap=True))
            elif gap.field == "placement":
                cause = (("call", gap.call), ("cause", f"{gap.cause}: {gap.message}"))
                channels: tuple[Channel, ...] = ("storage", "operation", "control")
                ties.append(Tie(ANYWHERE, channels, UNKNOWN, "copies could not be read", cause, gap=True))
        account = (first.provider, first.account)
        for row in observed.get(account, ()):
            node = _principal(row.provider, row.account, row.principal)
            self.observed(node, row)
            ties.append(
                Tie(
                    node,
                    ("access",),
                    UNKNOWN,
                    f"{row.principal} works in account {row.account}",
                    (("log", row.source),),
                )
            )
        for contractor in sorted(seen_contractors.get(account, ())):
            label = f"contractor {contractor} works in account {first.account}"
            ties.append(Tie(("contractor", contractor), ("access", "control"), UNKNOWN, label))
        return Group(
            name=first.store_id,
            example=first.store_id,
            count=len(stores),
            gap=False,
            holds=tuple(sorted(holds[first.store_id], key=lambda pair: pair[0])),
            keys=_custody(keys, first.store_id),
            in_use=self._in_use(first.kind),
            ties=tuple(dict.fromkeys(sorted(ties, key=repr))),
            source=(("kind", first.kind), ("call", first.call), ("seen", f"{first.seen_at:%Y-%m-%d}")),
            members=tuple(members),
        )

    def _grant_ties(self, grant: Grant) -> Iterator[Tie]:
        ties = self.strengths.access_tie
        source = (("call", grant.call), ("evidence", grant.evidence))
        name = {"write": "granted-write", "unknown": "granted-unknown"}.get(grant.access, "granted")
        strength = ties[name].interval
        if grant.condition == "unknown":
            strength = Interval(0.0, strength.hi)
        matched = self._contractors_of(grant.principal, grant.principal_account)
        for item in matched:
            label = f"{grant.access} granted to {item.name} ({grant.principal})"
            yield Tie(self.contractor(item), ("access", "control"), strength, label, source)
        if matched or grant.external == "no":
            return
        node = _principal(grant.provider, grant.account, grant.principal)
        self.edge(node, ANYWHERE, ("access",), ONE, f"where {grant.principal} sits is not known", *source)
        certain = strength if grant.external == "yes" else Interval(0.0, strength.hi)
        name = self._holder(grant)
        said = f" ({name})" if name else ""
        yield Tie(node, ("access",), certain, f"{grant.access} granted to {grant.principal}{said}", source)
        if name:
            yield from self._vendor_ties(grant, certain, source)

    def _holder(self, grant: Grant) -> str:
        """Who holds the account a grant names, by the vendor's own word or by a list."""
        if not grant.provider.startswith("aws"):  # other clouds number their accounts otherwise
            return ""
        if (key := self.inputs.vendors.of_account(grant.principal_account)) is not None:
            return self.inputs.vendors[key].name.en
        known = self.inputs.known.get(grant.principal_account)
        return f"{known.name}, after a list" if known else ""

    def _vendor_ties(self, grant: Grant, strength: Interval, source: Source) -> Iterator[Tie]:
        """Ties to the companies behind an account of a vendor, beside the tie to the identity itself.

        That the identity may sit anywhere stays: whose the account is does not say from where it is used.
        """
        vendors, account, ties = self.inputs.vendors, grant.principal_account, self.strengths.access_tie
        known = self.inputs.known.get(account)
        published = vendors.of_account(account)
        key = published or (known.vendor if known else None)
        if key is None or key not in vendors:
            return
        if published is None:  # somebody else's list says so
            strength = Interval(0.0, strength.hi)
        says: Source = (("catalogue", vendors.file(key)),) if published else (("list", f"names {account}"),)
        for party in vendors[key].parties(self.inputs.config.organisation.seat, self.inputs.as_of):
            entity = self.entities[party.entity]
            node: Node_ = ("entity", party.entity)
            self._country_edge(node, entity.seat, ties["seat"], f"seat of {entity.name}", says[0])
            for code in staff_countries(vendors[key]):
                place = "unknown" if code == "EU" else code
                self._country_edge(node, place, ties["staff"], f"staff of {vendors[key].name.en}", says[0])
            self.own(party.entity, ())
            label = f"{grant.access} granted to {entity.name} ({grant.principal})"
            yield Tie(node, ("access", "control"), strength, label, (*source, *says))

    def _in_use(self, kind: str) -> str:
        spec = self.inputs.kinds.get(kind)
        return spec.in_use if spec else "unknown"

    def _contractor_groups(self) -> Iterator[Group]:
        declared = list(self.inputs.config.datasets())
        for item in self.contractors:
            strength = self.strengths.access[item.access_mode]
            if strength.interval == ZERO:
                continue
            held = []
            for dataset in declared:
                if item.services and dataset.service not in item.services:
                    continue
                if item.data_classes and dataset.data_class not in item.data_classes:
                    continue
                certain = bool(item.services) and bool(item.data_classes)
                held.append((dataset.id, ONE if certain else UNKNOWN))
            register = (("register", item.source), ("mode", item.access_mode))
            ties = [
                Tie(
                    self.contractor(item),
                    ("access", "control"),
                    strength.interval,
                    f"{item.access_mode} by {item.name}",
                    register,
                )
            ]
            if item.access_mode in {"own-systems", "unknown"} or item.storage_countries:
                for code in item.storage_countries or ("unknown",):
                    certain_tie = ONE if item.access_mode == "own-systems" else UNKNOWN
                    node: Node_ = ANYWHERE if code == "unknown" else ("country", code)
                    ties.append(Tie(node, ("storage",), certain_tie, f"kept by {item.name} in {code}", register))
            if held:
                yield Group(
                    name=f"contractor:{item.contractor_id}",
                    example=f"contractor:{item.contractor_id}",
                    count=1,
                    gap=False,
                    holds=tuple(sorted(held, key=lambda pair: pair[0])),
                    keys=_NO_KEY_SEEN,
                    in_use="plaintext",
                    ties=tuple(ties),
                    source=register,
                )

    def _gap_groups(self) -> Iterator[Group]:
        declared = [dataset.id for dataset in self.inputs.config.datasets()]
        facility = [name for name in declared if name.endswith("/facility")]
        kept: dict[tuple[str, str, bool], list[Gap]] = {}
        for gap in self.inputs.rows["gaps"]:
            if gap.store_id:  # tied to its store's own group
                continue
            spec = self.inputs.kinds.get(gap.kind)
            control = spec is not None and spec.content == "control"
            if control and not facility:
                continue
            kept.setdefault((gap.provider, gap.field, control), []).append(gap)
        for (provider, what, control), gaps in sorted(kept.items()):
            first = min(gaps, key=lambda gap: (gap.account, gap.region, gap.kind))
            where = "/".join(part for part in (first.provider, first.account, first.region, first.kind) if part)
            source = (("call", first.call), ("cause", f"{first.cause}: {first.message}"), ("scope", where))
            channels: tuple[Channel, ...] = ("access",) if what == "log" else CHANNELS
            parts = f"{len(gaps)} parts" if len(gaps) > 1 else "a part"
            label = f"{parts} of {provider or 'the organisation'} not seen, such as {where}"
            yield Group(
                name=f"gap:{provider}:{what}:{'control' if control else 'data'}",
                example=where,
                count=len(gaps),
                gap=True,
                holds=tuple((name, UNKNOWN) for name in (facility if control else declared)),
                keys=_NO_KEY_SEEN,
                in_use="unknown",
                ties=(Tie(ANYWHERE, channels, UNKNOWN, label, source, gap=True),),
                source=source,
            )


@dataclass(frozen=True, slots=True)
class _Period:
    start: dt.date | None
    end: dt.date | None


def _principal(provider: str, account: str, name: str) -> Node_:
    """An identity's node; a bare name such as ``root`` is another one in every account."""
    return ("principal", name if any(sign in name for sign in ":@/") else f"{provider}/{account}/{name}")


def _reason(strength: Strength) -> tuple[tuple[str, str], ...]:
    return (("method", strength.reason),)


def is_principal_of(item: Contractor, principal: str, account: str) -> bool:
    """Whether the register says that an identity is the contractor's: by pattern, or by its account."""
    return any(fnmatchcase(principal, pattern) or (account and pattern == account) for pattern in item.principals)


def _custody(keys: Mapping[str, set[tuple[str, str]]], store_id: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(keys.get(store_id, ()))) or _NO_KEY_SEEN


def _by_store(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.store_id, []).append(row)
    return found


def _with_catalogue(register: Mapping[str, Entity], catalogue: Mapping[str, Entity]) -> dict[str, Entity]:
    """Legal persons of the register; one that bears a name of the catalogue has the owners on file there too.

    A row of the register holds one parent; the chain above it, and other states' footholds, come from the catalogue.
    """
    named: dict[str, list[Entity]] = {}
    for entity in catalogue.values():
        named.setdefault(entity.name.casefold(), []).append(entity)
    kept = dict(register)
    for key, entity in register.items():
        found = named.get(entity.name.casefold(), [])
        if not found:
            continue
        owners = [*entity.owners, *(stake for item in found for stake in item.owners)]
        holds = [*entity.footholds, *(hold for item in found for hold in item.footholds)]
        top = entity.top or next((item.top for item in found if item.top is not None), None)
        kept[key] = entity.model_copy(update={"owners": owners, "footholds": holds, "top": top})
    return kept


def _register_entities(rows: Rows) -> dict[str, Entity]:
    """Legal persons of the contractor register, in the catalogue's form.

    A contractor whose parent cell is empty has owners nobody looked up. One that says that it has no parent, and the
    parents themselves, are where the register ends the chain.
    """
    contractors = {item.contractor_id for item in rows["contractors"]}
    found: dict[str, list[EntityRow]] = {}
    for row in sorted(rows["entities"], key=repr):
        found.setdefault(row.entity_id, []).append(row)
    kept: dict[str, Entity] = {}
    for key, items in found.items():
        source = {"says": items[0].source, "confidence": "medium"}
        owners = [
            {"entity": item.owner_id, "share": item.share, "from": item.start, "to": item.end, "source": source}
            for item in items
            if item.owner_id and item.owner_id != NO_PARENT
        ]
        ends = key not in contractors or any(item.owner_id == NO_PARENT for item in items)
        top = {"why": "dispersed", "source": source} if ends and not owners else None
        kept[key] = Entity.model_validate(
            {"name": items[0].name, "seat": items[0].seat, "owners": owners, "top": top, "source": source}
        )
    return kept
