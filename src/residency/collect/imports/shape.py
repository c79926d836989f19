"""From a row of a foreign inventory to the record its kind's rules read, with all that the row does not say.

The kind's rules stay what they are. Where one reads something that the row does not give, the rule is told to need it,
and the record says that it failed: `map_record` then answers ``unknown`` and a gap, exactly as for a denied call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from residency.collect.imports.functions import look
from residency.collect.imports.paths import Chain, begins, chains, dotted, is_selecting, present, put
from residency.collect.imports.spec import ForeignField, ForeignType
from residency.collect.mapping import Failure, Record, search
from residency.collect.spec import Call, Kind, LabelRule

__all__ = ["Shape", "native_shape", "shape_of", "tag_map"]

_TAGS = "_tags"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule of a kind and what it reads of the record."""

    section: str
    number: int
    reads: frozenset[Chain]


@dataclass(slots=True)
class Shape:
    """How rows of one type become records of one kind.

    Parameters
    ----------
    kind
        The kind as its file has it.
    fields
        What the type gives; None where the row is the record already.
    call
        How the origin is named in rows and messages.
    doubts_nulls, answered
        Whether an answer that is all null did not come, unless an expression says that it did.
    """

    kind: Kind
    fields: tuple[ForeignField, ...] | None
    call: str
    doubts_nulls: bool = False
    answered: Mapping[str, str] = field(default_factory=dict)
    _rules: tuple[_Rule, ...] = ()
    _kinds: dict[tuple[frozenset[Chain], frozenset[Chain], bool], Kind] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rules = tuple(_rules(self.kind, own_labels=self.fields is None))

    def record(
        self,
        row: Mapping[str, Any],
        tags: Mapping[str, Any] | None = None,
        *,
        whole: bool = True,
        flat: bool = True,
        more: Mapping[str, Any] | None = None,
        has: Iterable[Chain] | None = None,
    ) -> tuple[Kind, Record]:
        """The kind and the record to map.

        Parameters
        ----------
        row
            The row; for a shape without fields the record itself.
        tags
            The tags, None where they are not known.
        whole
            The row is all the source has, not a selection: a name missing from it may mean that nothing is set.
        flat
            A column that is there is complete; otherwise every name on the way to a value must be there.
        more
            What is known from elsewhere, such as the catalogue.
        has
            For a row that is the record itself: the paths it has, all of its names where left out.
        """
        data: dict[str, Any] = {}
        lacking: set[Chain] = set()
        if self.fields is None:
            data = dict(row)
            given: list[Chain] = [(name,) for name in row] if has is None else list(has)
        else:
            given = [item.path for item in self.fields]
            for item in self.fields:
                value = look(item.text, row)
                if _is_said(item, value, row, whole=whole, flat=flat):
                    put(data, item.path, value)
                else:
                    lacking.add(item.path)
            if self.doubts_nulls:
                lacking |= self._refused(data, row)
        for name, value in (more or {}).items():
            data[name] = value
            given.append((name,))
        failed: dict[Chain, Failure] = {}
        for rule in self._rules:
            for chain in rule.reads:
                if (lack := _lack(chain, given, lacking)) is not None and self._is_asked(lack, data, given, lacking):
                    failed[lack] = self._failure(lack, failed.get(lack), rule)
        for call in self.kind.detail:
            lack = (call.into or "",)
            if (
                call.into
                and lack not in failed
                and _lack(lack, given, lacking)
                and self._is_asked(lack, data, given, lacking)
            ):
                failed[lack] = self._failed(lack, tuple(call.gives))
        for item in self.fields or ():
            if item.partial and item.path not in lacking and look(item.partial, row):
                call_ = _call_of(self.kind, item.path)
                message = f"{self.call} may not say all of {dotted(item.path)}"
                fields = tuple(call_.gives) if call_ is not None else ("detail",)
                failed["(others)", *item.path] = Failure("skipped", message, self.call, fields)
        if tags is not None:
            data[_TAGS] = dict(tags)
            failed = {chain: replace(item, fields=_without_labels(item)) for chain, item in failed.items()}
        elif (
            self.fields is not None
            and self.kind.labels
            and not any("labels" in item.fields for item in failed.values())
        ):
            failed[(_TAGS,)] = self._failed(("tags",), ("labels",))
        record = Record(data, self.call, {dotted(chain): failure for chain, failure in failed.items()})
        return self._told(frozenset(failed), frozenset(lacking), has_tags=tags is not None), record

    def _refused(self, data: Mapping[str, Any], row: Mapping[str, Any]) -> set[Chain]:
        """Paths of detail answers that have no value at all, and nothing that shows that they came."""
        found: set[Chain] = set()
        for into in {call.into for call in self.kind.detail if call.into}:
            paths = [item.path for item in self.fields or () if item.path[0] == into and item.reads]
            if (
                paths
                and not any(_value(data, path) for path in paths)
                and not look(self.answered.get(into, "`false`"), row)
            ):
                found.update(paths)
        return found

    def _is_asked(
        self, lack: Chain, data: Mapping[str, Any], given: Collection[Chain], lacking: Collection[Chain]
    ) -> bool:
        """Whether the answer would have been asked for at all; a condition that cannot be read holds."""
        call = _call_of(self.kind, lack)
        if call is None or not call.when:
            return True
        if any(_lack(chain, given, lacking) is not None for chain in _reads([call.when])):
            return True
        return bool(search(call.when, dict(data)))

    def _failure(self, lack: Chain, known: Failure | None, rule: _Rule) -> Failure:
        call = _call_of(self.kind, lack)
        if call is not None and lack == (call.into,):
            return known or self._failed(lack, tuple(call.gives))
        what = {"placements": "placement", "key": "key", "grants": "grants", "labels": "labels"}[rule.section]
        if what == "placement" and call is not None and "placement" not in call.gives:
            what = next((name for name in call.gives if name in {"log", "detail"}), what)
        return self._failed(lack, tuple(dict.fromkeys([*(known.fields if known else ()), what])))

    def _failed(self, lack: Chain, fields: tuple[str, ...]) -> Failure:
        return Failure("skipped", f"{self.call} does not say {dotted(lack)}", self.call, fields)

    def _told(self, lacks: frozenset[Chain], lacking: frozenset[Chain], *, has_tags: bool) -> Kind:
        """The kind, its rules needing what is not there, and without a condition that cannot be told."""
        known = self._kinds.get((lacks, lacking, has_tags))
        if known is not None:
            return known
        changed: dict[str, list[Any]] = {
            "placements": list(self.kind.placements),
            "key": list(self.kind.key),
            "grants": list(self.kind.grants),
            "labels": list(self.kind.labels),
        }
        for rule in self._rules:
            needs = sorted(dotted(lack) for lack in lacks if any(begins(chain, lack) for chain in rule.reads))
            rules = changed[rule.section]
            rules[rule.number] = rules[rule.number].model_copy(update={"needs": needs})
        if self.fields is not None:
            changed["labels"] = [LabelRule(map=_TAGS)] if has_tags else []
        when = self.kind.when
        if when and any(begins(chain, lack) for chain in chains(when) for lack in lacks | lacking | self._unread(when)):
            when = None
        made = self._kinds[lacks, lacking, has_tags] = self.kind.model_copy(update={**changed, "when": when})
        return made

    def _unread(self, text: str) -> frozenset[Chain]:
        """What an expression reads and no row of the type gives."""
        if self.fields is None:
            return frozenset()
        given = [item.path for item in self.fields]
        return frozenset(lack for chain in chains(text) if (lack := _lack(chain, given, ())) is not None)


def native_shape(kind: Kind, call: str) -> Shape:
    """For rows that are records of the kind already."""
    return Shape(kind, None, call)


def shape_of(kind: Kind, foreign: ForeignType, call: str) -> Shape:
    """For rows of a foreign type."""
    return Shape(kind, foreign.fields, call, foreign.doubts_nulls, foreign.answered)


def tag_map(value: Any) -> Mapping[str, Any] | None:
    """Tags as a mapping, from a mapping or a list of pairs; None for anything else."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list):
        return None
    found: dict[str, Any] = {}
    for item in value:
        if not isinstance(item, Mapping):
            return None
        pair = {str(name).lower(): content for name, content in item.items()}
        if pair.get("key") is not None:
            found[str(pair["key"])] = pair.get("value")
    return found


def _without_labels(item: Failure) -> tuple[str, ...]:
    return tuple(name for name in item.fields if name != "labels")


def _is_said(item: ForeignField, value: Any, row: Mapping[str, Any], *, whole: bool, flat: bool) -> bool:
    """Whether the row says something at a field: a value, or an absence that means one."""
    if item.doubted and (look(item.doubted, row) or (value is None and not _all_there(item.doubted, row))):
        return False
    if value is not None and not is_selecting(item.text):
        return True
    levels = 1 if flat or (item.unset and whole) else None
    return all(present(row, chain, levels) for chain in item.reads)


def _all_there(text: str, row: Mapping[str, Any]) -> bool:
    """Whether the row has every column an expression reads; a null of one that is missing is no answer to it."""
    return all(present(row, chain, 1) for chain in chains(text))


def _value(data: Any, path: Chain) -> bool:
    """Whether there is any value at a path."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data is not None


def _lack(chain: Chain, given: Iterable[Chain], lacking: Collection[Chain]) -> Chain | None:
    """The shortest part of a chain that the record does not have; None where it has all of it."""
    for lack in lacking:
        if begins(chain, lack):
            return lack
    paths = list(given)
    if any(begins(chain, path) for path in paths):
        return None
    if below := [path for path in paths if begins(path, chain)]:
        return chain if all(path in lacking for path in below) else None
    return next(chain[:size] for size in range(1, len(chain) + 1) if not any(begins(p, chain[:size]) for p in paths))


def _call_of(kind: Kind, lack: Chain) -> Call | None:
    return next((call for call in kind.detail if call.into == lack[0]), None)


def _rules(kind: Kind, *, own_labels: bool) -> Iterable[_Rule]:
    for number, place in enumerate(kind.placements):
        reads = _reads([place.each or place.when])
        if place.each and place.when:  # inside an element only `root` is the record
            reads |= _reads([place.when], within=True)
        yield _Rule("placements", number, reads)
    for number, key in enumerate(kind.key):
        yield _Rule("key", number, _reads([key.when, key.id]))
    for number, grant in enumerate(kind.grants):
        yield _Rule("grants", number, _reads([grant.policy, grant.bindings, grant.principals, grant.acl]))
    for number, label in enumerate(kind.labels if own_labels else ()):
        yield _Rule("labels", number, _reads([label.pairs, label.map]))


def _reads(texts: Iterable[str | None], *, within: bool = False) -> frozenset[Chain]:
    found = {chain for text in texts if text for chain in chains(text)}
    outer = {chain[1:] for chain in found if chain[0] == "root"}
    own = set() if within else {chain for chain in found if chain[0] != "root"}
    return frozenset(chain for chain in outer | own if chain and chain[0] != "ctx")
