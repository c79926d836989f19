"""Store kinds as data: how to list a kind, what to ask about each store, and how to read the answers.

``providers/<id>/kinds*.yaml`` hold them. Every expression is JMESPath over a *record*: the listed item (a scalar
becomes ``{item: …}``) with each detail answer merged in under its ``into`` name, plus ``ctx`` with ``provider``,
``account``, ``region`` and ``partition``. Inside ``each``, an expression sees one element (a scalar as ``item``) and
the whole record as ``root``.
In ``args``, text that starts with ``@`` is an expression over the record; any other text is meant literally.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import Field, model_validator

from residency.data import DataFolders
from residency.errors import Fault, FaultsError
from residency.model import Custody, PrincipalKind, Role
from residency.yamlfile import StrictModel, load_sound

__all__ = [
    "LISTED",
    "UNLISTED",
    "Call",
    "GrantRule",
    "KeyRule",
    "Kind",
    "LabelRule",
    "PlacementRule",
    "expression",
    "load_kinds",
]

Field_ = Literal["placement", "key", "grants", "labels", "log", "detail"]
LISTED = "listed"
"""The failure of what a service's own list leaves out."""
UNLISTED = "(not listed)"
"""Set in an item that is known from its descriptions alone: what only a listing says of it is unknown."""
_KIND = re.compile(r"[a-z]+(\.[a-z0-9_]+){2,3}\Z")


class Call(StrictModel):
    """One read call.

    ``service`` and ``operation`` are the SDK's own names (botocore's for AWS; for Google Cloud ``cloudasset`` with
    ``asset_type``, for Azure ``resourcegraph`` with ``asset_type``, or an ARM ``path``).
    ``region``: an expression for where to ask instead of the unit's region; that of a listing sees ``ctx`` alone.
    ``within`` (of a listing): the listings it is nested in, outermost first. Each is asked once for every element of
    the one before; the element stands under its ``into`` for the arguments of the next, and in the record.
    ``omits`` (of a service's own list): what its items leave out. A rule that would read absence from them names the
    failure ``listed`` in its ``needs``.
    ``also``: other calls whose recorded answers say the same, as ``service.Operation``, each with the expression that
    makes answers of this call of one of theirs. They are read, never made.
    """

    service: str | None = None
    operation: str
    args: dict[str, Any] = Field(default_factory=dict)
    items: str | None = None
    asset_type: str | None = None
    path: str | None = None
    api_version: str | None = None
    iam: list[str] = Field(min_length=1)
    into: str | None = None
    gives: list[Field_] = Field(default_factory=list)
    absent: list[str] = Field(default_factory=list)
    once: bool = False
    when: str | None = None
    region: str | None = None
    within: list[Call] = Field(default_factory=list)
    also: dict[str, str] = Field(default_factory=dict)
    omits: list[Field_] = Field(default_factory=list)

    @model_validator(mode="after")
    def _outer_listings(self) -> Call:
        for outer in self.within:
            if not (outer.items and outer.into) or outer.within:
                raise ValueError("a listing in `within` needs `items` and `into`, and no `within` of its own")
        return self


class PlacementRule(StrictModel):
    """Where content lies. A location that comes out null or empty is recorded as unknown, with a gap.

    ``each``: one placement for every element; an empty list means there is none. ``needs``: names of detail answers
    this rule reads; where one failed, the location is unknown. ``pair``: the location is the catalogue's pair of the
    value. ``target``: identifier of the receiving store, whose own place is looked up after the sweep.
    ``fixed``: a catalogue location that does not depend on the answer.
    """

    role: Role
    each: str | None = None
    when: str | None = None
    location: str | None = None
    fixed: str | None = None
    pair: bool = False
    target: str | None = None
    location_provider: str | None = None
    needs: list[str] = Field(default_factory=list)
    note: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> PlacementRule:
        if not (self.location or self.fixed or self.target):
            raise ValueError("a placement needs `location`, `fixed` or `target`")
        if self.location and self.fixed:
            raise ValueError("`location` and `fixed` exclude each other")
        return self


class KeyRule(StrictModel):
    """Who holds the key. Rules are tried in order; the first whose ``when`` holds (or, without one, whose ``id`` is
    there) decides. A rule with neither always holds."""

    custody: Custody
    when: str | None = None
    id: str | None = None
    location: str | None = None
    account: str | None = None
    manager: str | None = None
    manager_country: str | None = None
    needs: list[str] = Field(default_factory=list)


class GrantRule(StrictModel):
    """Who else can reach a store. Exactly one source of the four.

    ``policy``: an AWS policy document, as text or object. ``bindings``: Google Cloud IAM bindings.
    ``principals``: a list of identifiers, all of ``principal_kind`` (``all``, ``*``, ``AllUsers`` are public).
    ``acl``: S3 grants with ``Grantee`` and ``Permission``.
    """

    policy: str | None = None
    bindings: str | None = None
    principals: str | None = None
    acl: str | None = None
    principal_kind: PrincipalKind = "account"
    access: Literal["read", "write", "admin", "unknown"] = "unknown"
    needs: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_source(self) -> GrantRule:
        if sum(source is not None for source in (self.policy, self.bindings, self.principals, self.acl)) != 1:
            raise ValueError("exactly one of policy, bindings, principals, acl")
        return self


class LabelRule(StrictModel):
    """Tags: a list of pairs (``pairs`` with the names of its ``key`` and ``value``) or a mapping (``map``)."""

    pairs: str | None = None
    key: str = "Key"
    value: str = "Value"
    map: str | None = None
    needs: list[str] = Field(default_factory=list)


class Kind(StrictModel):
    """One store kind.

    ``content``: whether stores of the kind hold user content (``data``), only keys, secrets or settings
    (``control``), or move data without keeping it (``flow``). ``in_use``: whether the service itself handles
    plaintext (``plaintext``), only ciphertext (``ciphertext``), or this is not known.
    ``scope``: global services are listed once per account, in the partition's home region. ``account_wide``: a grant on
    a store of this kind reaches every store of its account.
    """

    holds: str = Field(min_length=1)
    content: Literal["data", "control", "flow"] = "data"
    in_use: Literal["plaintext", "ciphertext", "unknown"] = "plaintext"
    scope: Literal["regional", "global"] = "regional"
    account_wide: bool = False
    list_: Call = Field(alias="list")
    detail: list[Call] = Field(default_factory=list)
    id: str
    name: str | None = None
    region: str | None = None
    when: str | None = None
    placements: list[PlacementRule] = Field(min_length=1)
    key: list[KeyRule] = Field(min_length=1)
    grants: list[GrantRule] = Field(default_factory=list)
    labels: list[LabelRule] = Field(default_factory=list)
    hook: str | None = None
    note: str | None = None
    source: str | None = None

    def calls(self) -> Iterator[Call]:
        """The listing with those it is nested in, and every detail call."""
        yield from self.list_.within
        yield self.list_
        yield from self.detail

    def expressions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """(path in the file, JMESPath text) of every expression, for lint and for fixtures that must hit each."""
        plain = (("id", self.id), ("name", self.name), ("region", self.region), ("when", self.when))
        yield from (((field,), text) for field, text in plain if text)
        if self.list_.items:
            yield ("list", "items"), self.list_.items
        if self.list_.region:
            yield ("list", "region"), self.list_.region
        yield from _arguments(("list",), self.list_)
        for number, call in enumerate(self.list_.within):
            yield ("list", "within", number, "items"), call.items or "@"
            yield from _arguments(("list", "within", number), call)
        for number, call in enumerate(self.detail):
            for field in ("items", "when", "region"):
                if text := getattr(call, field):
                    yield ("detail", number, field), text
            yield from _arguments(("detail", number), call)
        fields = {
            "placements": ("each", "when", "location", "target"),
            "key": ("when", "id", "location", "account", "manager", "manager_country"),
            "grants": ("policy", "bindings", "principals", "acl"),
            "labels": ("pairs", "map"),
        }
        for section, names in fields.items():
            for number, rule in enumerate(getattr(self, section)):
                yield from (((section, number, name), text) for name in names if (text := getattr(rule, name)))


def _arguments(where: tuple[str | int, ...], call: Call) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for key, value in call.args.items():
        if isinstance(value, str) and value.startswith("@"):
            yield (*where, "args", key), value[1:] or "@"


class _KindsFile(StrictModel):
    provider: str
    kinds: dict[str, Kind]


@lru_cache(maxsize=4096)
def expression(text: str) -> ParsedResult:
    """A compiled JMESPath expression; compiling is the slow part and a pure function of the text."""
    return jmespath.compile(text)


def load_kinds(folders: DataFolders, providers: Iterable[str] | None = None) -> Mapping[str, Kind]:
    """Read ``providers/<id>/kinds*.yaml``; a kind in the overlay replaces the base's kind of the same name, while one
    folder may name a kind once only.

    Raises
    ------
    FaultsError
        With every fault of every file: schema, names, and expressions that are not JMESPath.
    """
    wanted = None if providers is None else frozenset(providers)
    faults: list[Fault] = []
    kinds: dict[str, Kind] = {}
    defined: dict[tuple[Path, str], str] = {}
    for label, path in folders.files("providers/*/kinds*.yaml"):
        if wanted is not None and path.parent.name not in wanted:
            continue
        parsed, loaded, found = load_sound(_KindsFile, path, label)
        faults.extend(found)
        if parsed is None:
            continue
        provider = getattr(parsed, "provider", path.parent.name)
        for name, kind in getattr(parsed, "kinds", {}).items():
            here = ("kinds", name)
            first = defined.setdefault((path.parent, name), label)
            if first != label:
                faults.append(Fault(label, loaded.line(here), f"{name} is defined in {first} already", "kind"))
            if not _KIND.match(name) or name.split(".")[0] != provider:
                faults.append(Fault(label, loaded.line(here), f"{name!r} must be {provider}.service.thing", "kind"))
            given = {call.into for call in kind.detail if call.into} | ({LISTED} if kind.list_.omits else set())
            for section in ("placements", "key", "grants", "labels"):
                for number, rule in enumerate(getattr(kind, section)):
                    for need in rule.needs:
                        if need not in given:
                            line = loaded.line((*here, section, number))
                            faults.append(Fault(label, line, f"{name}: no detail call gives `into: {need}`", "needs"))
            also = ((("list",), text) for call in kind.calls() for text in call.also.values())
            for where, text in (*kind.expressions(), *also):
                try:
                    expression(text)
                except JMESPathError as error:
                    reason = str(error).splitlines()[0]
                    faults.append(Fault(label, loaded.line((*here, *where)), f"{name}: not JMESPath: {reason}", "path"))
            kinds[name] = kind
    if faults:
        raise FaultsError(faults)
    return dict(sorted(kinds.items()))
