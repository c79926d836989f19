"""What must hold of every score, whatever the inventory (DESIGN, scoring): one property each."""

from __future__ import annotations

import dataclasses
import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
import strategies as s
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from worlds import DAY, access, contractor, gap, key, made_up_law, made_up_providers, placement, store

from residency.classify import Holding
from residency.entities import Entity
from residency.graph import Inputs, build
from residency.interval import ZERO, Interval
from residency.inventory.tables import Contractor, Grant, Key, Placement
from residency.jurisdictions import FactEntry, Group, Jurisdictions, Validity
from residency.method.facts import load_fact_words
from residency.method.judgement import Override, load_judgement
from residency.model import CHANNELS
from residency.paths import attachment, reaches, tie_strength
from residency.providers import UNBOUNDED, Providers
from residency.scoring import score
from residency.trace import replay

SMALL = settings(max_examples=25, deadline=None)
LAW, PROVIDERS, JUDGEMENT = made_up_law(), made_up_providers(), load_judgement()
TINY = 1e-9
DATASETS = s.DATASETS
BOX = (store("box"), placement("box", "twin"), key("box"))
IN_BOX = [Holding("box", dataset, "yes", "test") for dataset in DATASETS]
Cells = dict[tuple[str, str, str], Interval]


def cells(inputs: Inputs, *, grouped: bool = True) -> Cells:
    found = score(inputs, grouped=grouped).cells
    return {(cell.dataset, cell.jurisdiction, cell.channel): cell.value for cell in found}


def scored(world: s.Small, **changes: Any) -> Cells:
    return cells(world.inputs(**{"law": LAW, "providers": PROVIDERS, "judgement": JUDGEMENT, **changes}))


def before(old: Cells, cell: tuple[str, str, str]) -> Interval:
    """A country that nothing reached and that has no file was part of ZZ, any country."""
    return old.get(cell) or old.get((cell[0], UNBOUNDED, cell[2])) or ZERO


def assert_not_lower(old: Cells, new: Cells) -> None:
    for cell, value in old.items():
        after = new.get(cell, ZERO)
        assert after.lo >= value.lo - TINY, cell
        assert after.hi >= value.hi - TINY, cell


def assert_inside(old: Cells, new: Cells) -> None:
    for cell in old.keys() | new.keys():
        assert before(old, cell).contains(new.get(cell, ZERO), 1e-7), (cell, before(old, cell), new.get(cell, ZERO))


def with_facts(key: str, change: Any) -> Jurisdictions:
    """The made-up law with one key's entries of QZ changed."""
    country = LAW["QZ"]
    facts = {**country.facts, key: tuple(change(entry) for entry in country.facts[key])}
    return Jurisdictions(
        {"QZ": country.model_copy(update={"facts": facts})}, LAW.groups, LAW.commitments, load_fact_words()
    )


def with_attribute(entry: FactEntry, name: str, word: str) -> FactEntry:
    return entry.model_copy(update={"attributes": {**entry.attributes, name: word}})


@SMALL
@given(s.worlds())
def test_bounds_are_ordered_and_within_0_and_100(world: s.Small) -> None:
    for cell in score(world.inputs()).cells:
        assert 0 <= cell.value.lo <= cell.value.hi <= 100
        assert 0 <= cell.seen.lo <= cell.seen.hi <= cell.value.hi
        assert cell.jurisdiction != "JP"


@SMALL
@given(s.worlds(least=1), st.sampled_from(sorted(JUDGEMENT.classes)), st.floats(0, 1))
def test_raising_sensitivity_never_lowers(world: s.Small, name: str, share: float) -> None:
    old = JUDGEMENT.classes[name].sensitivity
    value = old + (1 - old) * share
    raised = JUDGEMENT.with_overrides([Override(path=f"classes.{name}.sensitivity", value=value, reason="test")])
    assert_not_lower(scored(world), scored(world, judgement=raised))


@SMALL
@given(s.worlds(least=1), st.data())
def test_raising_what_a_store_holds_never_lowers(world: s.Small, data: st.DataObject) -> None:
    step = {"no": "unknown", "unknown": "yes", "yes": "yes"}
    index = data.draw(st.integers(0, len(world.held) - 1))
    held = list(world.held)
    held[index] = dataclasses.replace(held[index], held=step[held[index].held])
    assert_not_lower(scored(world), scored(dataclasses.replace(world, held=tuple(held))))


@SMALL
@given(
    s.worlds(least=1),
    st.sampled_from(
        [
            ("authorisation", ["judicial", "independent", "executive", "self", "none"]),
            ("scope", ["individual", "category", "open-ended"]),
            ("secrecy", ["open", "may-be-ordered", "gag"]),
            ("holder", ["providers", "companies", "everyone"]),
            ("reach", ["practice", "establishment", "possession"]),
        ]
    ),
    st.sampled_from([key for key in LAW["QZ"].facts if key.startswith("power.")]),
)
def test_raising_a_power_never_lowers(world: s.Small, ladder: tuple[str, list[str]], fact_key: str) -> None:
    name, words = ladder
    scores = [
        scored(world, law=with_facts(fact_key, lambda entry, word=word: with_attribute(entry, name, word)))
        for word in words
    ]
    for lower, higher in pairwise(scores):
        assert_not_lower(lower, higher)


STRENGTHS = [
    f"strengths.{table}.{name}"
    for table in ("role", "operation", "control", "access", "access_tie")
    for name in getattr(JUDGEMENT.strengths, table)
] + [
    "strengths.readability.metadata_floor",
    "strengths.readability.authorised_use",
    *(f"strengths.readability.custody.{name}" for name in JUDGEMENT.strengths.readability.custody),
    *(f"strengths.readability.in_use.{name}" for name in JUDGEMENT.strengths.readability.in_use),
]


def strength_at(path: str) -> Interval:
    node: Any = JUDGEMENT.strengths
    for part in path.split(".")[1:]:
        node = node[part] if isinstance(node, dict) else getattr(node, part)
    found: Interval = node.interval
    return found


@SMALL
@given(s.worlds(least=1), st.sampled_from(STRENGTHS), st.floats(0, 1), st.floats(0, 1))
def test_raising_an_edge_or_readability_never_lowers(world: s.Small, path: str, one: float, two: float) -> None:
    old = strength_at(path)
    lo, hi = sorted((old.lo + (1 - old.lo) * one, old.hi + (1 - old.hi) * two))
    raised = JUDGEMENT.with_overrides([Override(path=path, value=(lo, hi), reason="test")])
    assert_not_lower(scored(world), scored(world, judgement=raised))


@SMALL
@given(s.worlds(least=1), st.sampled_from([key for key in LAW["QZ"].facts if key.startswith("safeguard.")]))
def test_raising_a_safeguard_never_raises(world: s.Small, fact_key: str) -> None:
    scores = [
        scored(world, law=with_facts(fact_key, lambda entry, word=word: entry.model_copy(update={"value": word})))
        for word in ("yes", "partly", "no")
        if not (fact_key == "safeguard.commitments" and word == "partly")
    ]
    for lower, higher in pairwise(scores):
        assert_not_lower(lower, higher)


@SMALL
@given(s.worlds(least=1), st.floats(0, 0.5))
def test_raising_the_cap_on_safeguards_never_raises(world: s.Small, value: float) -> None:
    path = "strengths.constants.safeguard_cap"
    capped = JUDGEMENT.with_overrides([Override(path=path, value=value, reason="test")])
    assert_not_lower(scored(world), scored(world, judgement=capped))


@SMALL
@given(s.worlds(), s.stores("another"))
def test_adding_a_store_never_lowers(world: s.Small, part: s.Small) -> None:
    assert_not_lower(scored(world), scored(world.add(*part.items, held=part.held)))


@SMALL
@given(s.worlds(), s.placements("box"))
def test_adding_a_copy_never_lowers(world: s.Small, new: Placement) -> None:
    world = world.add(*BOX, held=IN_BOX)
    assert_not_lower(scored(world), scored(world.add(new)))


@SMALL
@given(s.worlds(), s.keys("box"), s.keys("box"), st.sampled_from(("quasar.disk.volume", "quasar.vault.blob")))
def test_adding_a_key_never_lowers(world: s.Small, first: Key, second: Key, kind: str) -> None:
    world = world.add(store("box", kind=kind), placement("box", "twin"), first, held=IN_BOX)
    assert_not_lower(scored(world), scored(world.add(second)))


@SMALL
@given(s.worlds(), s.grants("box"), s.grants("box"))
def test_adding_a_grant_never_lowers(world: s.Small, first: Grant, second: Grant) -> None:
    world = world.add(*BOX, first, held=IN_BOX)
    assert_not_lower(scored(world), scored(world.add(second)))


@SMALL
@given(s.worlds(), s.contractors)
def test_adding_a_contractor_never_lowers_unless_it_explains_a_grant_or_login(world: s.Small, item: Contractor) -> None:
    assume(all(item.contractor_id != other.contractor_id for other in world.of(Contractor)))
    unknown_to_logs = dataclasses.replace(item, principals=())
    assert_not_lower(scored(world), scored(world.add(unknown_to_logs)))


@SMALL
@given(s.stores("s1"), s.keys("s1"))
def test_encrypting_never_raises(part: s.Small, encrypted: Key) -> None:
    bare = dataclasses.replace(part, items=tuple(item for item in part.items if not isinstance(item, Key)))
    assert_not_lower(scored(bare.add(encrypted)), scored(bare.add(key("s1", "none"))))


@SMALL
@given(s.worlds(), st.sampled_from(DATASETS), st.sampled_from(("yes", "no")))
def test_learning_what_a_store_holds_stays_inside(world: s.Small, dataset: str, held: Any) -> None:
    unknown = world.add(*BOX, held=[Holding("box", dataset, "unknown", "test")])
    assert_inside(scored(unknown), scored(world.add(*BOX, held=[Holding("box", dataset, held, "test")])))


@SMALL
@given(s.worlds(), st.sampled_from(("", "nowhere")), st.sampled_from(("eu-berlin-1", "eu", "twin", "global")))
def test_learning_a_place_stays_inside(world: s.Small, unknown: str, known: str) -> None:
    world = world.add(store("box"), key("box"), held=IN_BOX)
    assert_inside(scored(world.add(placement("box", unknown))), scored(world.add(placement("box", known))))


@SMALL
@given(s.worlds(), s.keys("box"), st.booleans())
def test_learning_a_key_stays_inside(world: s.Small, known: Key, row: bool) -> None:
    world = world.add(store("box", kind="quasar.vault.blob"), placement("box", "twin"), held=IN_BOX)
    unknown = world.add(key("box", "unknown")) if row else world
    assert_inside(scored(unknown), scored(world.add(known)))


@SMALL
@given(s.worlds(), st.sampled_from(("QZ", "JP", "EU", "DE")))
def test_learning_where_a_key_manager_sits_stays_inside(world: s.Small, country: str) -> None:
    world = world.add(store("box", kind="quasar.vault.blob"), placement("box", "eu"), held=IN_BOX)
    unknown, known = world.add(key("box", "external")), world.add(key("box", "external", country))
    assert_inside(scored(unknown), scored(known))


@SMALL
@given(s.worlds(), st.sampled_from(sorted(LAW["QZ"].facts)), st.data())
def test_learning_a_fact_stays_inside(world: s.Small, fact_key: str, data: st.DataObject) -> None:
    assume(fact_key.split(".")[0] in {"power", "safeguard"})
    words = load_fact_words()
    known = {
        "value": data.draw(st.sampled_from([*words.keys[fact_key].values, "disputed"])),
        "confidence": data.draw(st.sampled_from(("high", "low"))),
        "attributes": {
            name: data.draw(st.sampled_from(sorted(words.enums.get(enum, {"coe_convention_108": ""}))))
            for name, enum in words.keys[fact_key].attributes.items()
        },
    }
    stale = data.draw(st.sampled_from((DAY, None)))
    world = world.add(contractor("keeper", access_mode="own-systems", storage_countries=("QZ",)))
    unknown = with_facts(fact_key, lambda entry: entry.model_copy(update={"value": "unknown"}))
    learnt = with_facts(fact_key, lambda entry: entry.model_copy(update={**known, "review_by": stale}))
    vague = with_facts(
        fact_key,
        lambda entry: entry.model_copy(
            update={**known, "review_by": stale, "attributes": dict.fromkeys(known["attributes"], "unknown")}
        ),
    )
    assert_inside(scored(world, law=unknown), scored(world, law=learnt))
    if known["value"] != "no" and fact_key != "safeguard.commitments":
        assert_inside(scored(world, law=vague), scored(world, law=learnt))
        assert_inside(scored(world, law=unknown), scored(world, law=vague))


@SMALL
@given(s.worlds(least=1), st.sampled_from(("eu-berlin-1", "eu", "global")), st.sampled_from(("QZ", "DE", "unknown")))
def test_unrelated_data_changes_nothing(world: s.Small, location: str, staff: str) -> None:
    other = "shop/user.observed"
    world = dataclasses.replace(world, held=tuple(item for item in world.held if item.dataset != other))
    old = scored(world)
    new = scored(
        world.add(
            store("apart", account="9"),
            placement("apart", location),
            contractor("shopkeeper", staff_countries=(staff,), services=("shop",), data_classes=("user.observed",)),
            access("nobody", "FR", account="8"),
            held=[Holding("apart", other, "yes", "test")],
        )
    )
    universe = {cell[1] for cell in old}
    kept = {cell: value for cell, value in new.items() if cell[0] != other and cell[1] in universe}
    assert kept == {cell: value for cell, value in old.items() if cell[0] != other}


@SMALL
@given(s.worlds(), st.data())
def test_order_and_duplicates_change_nothing(world: s.Small, data: st.DataObject) -> None:
    shuffled = dataclasses.replace(
        world,
        items=tuple(data.draw(st.permutations(world.items))),
        held=tuple(data.draw(st.permutations(world.held))),
    )
    assert score(world.inputs()).cells == score(shuffled.inputs()).cells
    doubled = dataclasses.replace(world, items=(*world.items, *shuffled.items), held=(*world.held, *world.held))
    assert scored(doubled) == scored(world)


@SMALL
@given(s.worlds(least=1))
def test_replacing_a_store_by_a_gap_never_lowers_the_upper_bound(world: s.Small) -> None:
    old = scored(world)
    new = scored(world.without("s1").add(gap("listing")))
    for cell, value in old.items():
        assert before(new, cell).hi >= value.hi - TINY


@SMALL
@given(s.worlds())
def test_facts_dated_after_the_day_change_nothing(world: s.Small) -> None:
    later = DAY + dt.timedelta(days=1)
    harsh = {"regime": "general", "authorisation": "none", "scope": "open-ended", "secrecy": "gag"}
    country = LAW["QZ"]
    facts = {
        key: (*entries, FactEntry.model_validate({"from": later, "value": "yes", "attributes": harsh}))
        for key, entries in country.facts.items()
    }
    member = Validity.model_validate({"from": later})
    groups = {
        name: Group(name=g.name, members={**g.members, "QZ": member}, source=g.source) for name, g in LAW.groups.items()
    }
    law = Jurisdictions({"QZ": country.model_copy(update={"facts": facts})}, groups, LAW.commitments, load_fact_words())
    source = {"url": "https://x.example", "confidence": "high"}
    stake = {"entity": "quasar-dc", "share": 1.0, "from": later, "source": source}
    catalogue = dict(PROVIDERS)
    entity = Entity.model_validate({"name": "D", "seat": "DE", "owners": [stake], "source": source})
    entities = {
        **catalogue["quasar"].entities,
        "quasar-holding": PROVIDERS.entities["quasar-holding"].model_copy(update={"owners": entity.owners}),
    }
    catalogue["quasar"] = catalogue["quasar"].model_copy(update={"entities": entities})
    providers = Providers(catalogue, PROVIDERS.regions, {("quasar", "europe"): "eu"})
    future = world.add(contractor("tomorrow", seat="QZ", storage_countries=("QZ",), start=later))
    assert scored(future, law=law, providers=providers) == scored(world)


@SMALL
@given(s.worlds())
def test_replaying_the_trace_gives_the_value(world: s.Small) -> None:
    for cell in score(world.inputs()).cells:
        assert replay(cell.trace).scale(100) == cell.value
        assert (replay(cell.seen_trace).scale(100) if cell.seen_trace else ZERO) == cell.seen


@SMALL
@given(s.worlds(least=1), st.sampled_from(s.IDS[:1]))
def test_grouping_gives_the_same_cells_as_each_store_alone(world: s.Small, name: str) -> None:
    twins = [
        dataclasses.replace(item, store_id="twin") for item in world.items if getattr(item, "store_id", "") == name
    ]
    held = [dataclasses.replace(item, store_id="twin") for item in world.held if item.store_id == name]
    inputs = world.add(*twins, held=held).inputs()
    assert cells(inputs) == cells(inputs, grouped=False)
    groups = score(inputs).world.groups
    assert all(group.count == len(group.members) or not group.members for group in groups)
    if any(item.held != "no" for item in held):
        assert any({"twin", name} <= set(group.members) for group in groups)


@SMALL
@given(s.worlds(least=1))
def test_the_path_that_is_shown_is_as_strong_as_the_strength_that_is_used(world: s.Small) -> None:
    built = build(world.inputs())
    reach = reaches(built)
    for channel in CHANNELS:
        for code in built.universe:
            for group in built.groups:
                used = tie_strength(group.ties, channel, code, reach[channel])
                if used.hi > 0:
                    shown = attachment(group.ties, channel, code, reach[channel]).value
                    assert (shown.lo, shown.hi) == pytest.approx((used.lo, used.hi))
                else:
                    assert used == ZERO
