"""Hypothesis strategies: random small inventories over the made-up law and provider of ``tests/data/law``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from worlds import CONFIG, access, contractor, gap, grant, inputs, key, placement, rows, store

from residency.classify import Holding
from residency.graph import Inputs
from residency.model import CUSTODIES, ROLES, KindWords

LOCATIONS = ("eu-berlin-1", "eu-paris-1", "eu", "twin", "global", "nowhere", "")
COUNTRIES = ("JP", "QZ", "DE", "FR", "unknown")
MANAGERS = ("", "JP", "QZ", "DE", "EU")
DATASETS = tuple(dataset.id for dataset in CONFIG.datasets())
KINDS = {
    "quasar.disk.volume": KindWords("data", "plaintext"),
    "quasar.vault.blob": KindWords("data", "ciphertext"),
    "quasar.odd.thing": KindWords("data", "unknown"),
}
IDS = ("s1", "s2", "s3", "s4")
PRINCIPALS = ("vendor-1", "vendor-2", "stranger")


@dataclass(frozen=True)
class Small:
    """A small inventory: plain rows and holdings, made into inputs on demand."""

    items: tuple[Any, ...] = ()
    held: tuple[Holding, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)

    def inputs(self, **changes: Any) -> Inputs:
        return inputs(rows(*self.items), self.held, **{"kinds": KINDS, **self.changes, **changes})

    def of(self, kind: type) -> list[Any]:
        return [item for item in self.items if isinstance(item, kind)]

    def add(self, *items: Any, held: Iterable[Holding] = ()) -> Small:
        return dataclasses.replace(self, items=(*self.items, *items), held=(*self.held, *held))

    def replace(self, old: Any, *new: Any) -> Small:
        kept = tuple(item for item in self.items if item != old)
        return dataclasses.replace(self, items=(*kept, *new))

    def without(self, store_id: str) -> Small:
        kept = tuple(item for item in self.items if getattr(item, "store_id", None) != store_id)
        return dataclasses.replace(self, items=kept, held=tuple(h for h in self.held if h.store_id != store_id))


locations = st.sampled_from(LOCATIONS)
custodies = st.sampled_from(CUSTODIES)
countries = st.sampled_from(COUNTRIES)


def placements(name: str) -> st.SearchStrategy[Any]:
    return st.builds(lambda location, role: placement(name, location, role), locations, st.sampled_from(ROLES))


def keys(name: str) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda custody, manager: key(name, custody, manager if custody == "external" else ""),
        custodies,
        st.sampled_from(MANAGERS),
    )


def grants(name: str) -> st.SearchStrategy[Any]:
    def make(principal: str, may: str, external: str, condition: str) -> Any:
        return dataclasses.replace(grant(name, principal, may, external), condition=condition)

    return st.builds(
        make,
        st.sampled_from(PRINCIPALS),
        st.sampled_from(("read", "write", "admin", "unknown")),
        st.sampled_from(("yes", "no", "unknown")),
        st.sampled_from(("none", "unknown")),
    )


contractors = st.builds(
    lambda number, seat, staff, storage, mode, classes: contractor(
        f"c{number}",
        seat=seat,
        staff_countries=tuple(sorted(staff)),
        storage_countries=tuple(sorted(storage)),
        access_mode=mode,
        data_classes=classes,
        principals=(f"vendor-{number}",),
    ),
    st.sampled_from((1, 2)),
    countries,
    st.sets(countries, max_size=2),
    st.sets(countries, max_size=1),
    st.sampled_from(("own-systems", "remote-plaintext", "encrypted-only", "none", "unknown")),
    st.sampled_from(((), ("communication.content",))),
)
logins = st.builds(
    lambda principal, country, denied: access(principal, country, denied=denied),
    st.sampled_from(PRINCIPALS),
    st.sampled_from(("JP", "QZ", "DE", None)),
    st.sampled_from((0, 3)),
)
gaps = st.builds(gap, st.sampled_from(("listing", "scope", "log")))


@st.composite
def stores(draw: st.DrawFn, name: str) -> Small:
    """One store with its rows and holdings."""
    kind = draw(st.sampled_from(tuple(KINDS)))
    items = [store(name, kind=kind), *draw(st.lists(placements(name), max_size=2, unique=True))]
    items += draw(st.lists(keys(name), max_size=1))
    items += draw(st.lists(grants(name), max_size=1))
    items += [gap(what, name) for what in draw(st.sets(st.sampled_from(("grants", "placement", "key")), max_size=1))]
    held = [Holding(name, data, draw(st.sampled_from(("yes", "no", "unknown"))), "test") for data in DATASETS]
    return Small(tuple(items), tuple(held))


@st.composite
def worlds(draw: st.DrawFn, *, least: int = 0) -> Small:
    """A whole inventory; store names differ, contractors have distinct ids."""
    result = Small()
    for name in IDS[: draw(st.integers(least, 3))]:
        part = draw(stores(name))
        result = result.add(*part.items, held=part.held)
    parties = draw(st.lists(contractors, max_size=2, unique_by=lambda item: item.contractor_id))
    return result.add(*parties, *draw(st.lists(logins, max_size=1)), *draw(st.lists(gaps, max_size=1)))
