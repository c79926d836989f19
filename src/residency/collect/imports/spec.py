"""Foreign types as data: which kind a row of another inventory is, and how its columns make the kind's record.

``providers/<id>/imports-<source>.yaml`` hold them, one file for each source (or several, ``imports-<source>-….yaml``).
Expressions are JMESPath over the row, with the functions of `residency.collect.imports.functions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from jmespath.exceptions import JMESPathError
from pydantic import Field

from residency.collect.imports.functions import NAMES
from residency.collect.imports.paths import Chain, begins, calls, chains, dotted, negates_too_much
from residency.collect.spec import Kind, expression
from residency.data import DataFolders
from residency.errors import Fault, FaultsError
from residency.yamlfile import Loaded, Path_, StrictModel, load_sound

__all__ = ["ForeignField", "ForeignPart", "ForeignType", "Source", "SOURCES", "load_foreign", "reads_of"]

Source = Literal["config", "terraform", "steampipe", "cloudquery"]
SOURCES: tuple[Source, ...] = get_args(Source)
Spelling = Literal["camel", "pascal", "snake"]

_SECRET = re.compile(r"(?i)passw|secret_?(string|value|key|binary)|private_?key|token|connection_?string|access_?key|"
                     r"credential|sas_")  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


class _Type(StrictModel):
    """One foreign type.

    ``record``: for each value the kind reads, by its path in the kind's record, an expression over the row. ``same``:
    paths whose value the row has under the same name in the source's own ``spelling``. ``unset``: paths that the source
    leaves out where they are not set, so that absence says something. ``doubted``: paths that are not known, whatever
    the row says, where an expression holds. ``partial``: paths whose value may not be all there is, where an expression
    holds: it is read, and a gap.
    ``answered``: for a detail call of the kind, an expression that holds where the source had its answer, so that a
    null says something although nulls are doubted. ``when``: whether a row is one of the kind.
    Whatever the kind reads and neither lists is a gap.
    """

    kind: str
    record: dict[str, str] = Field(default_factory=dict)
    same: list[str] = Field(default_factory=list)
    spelling: Spelling | None = None
    unset: list[str] = Field(default_factory=list)
    doubted: dict[str, str] = Field(default_factory=dict)
    partial: dict[str, str] = Field(default_factory=dict)
    answered: dict[str, str] = Field(default_factory=dict)
    account: str | None = None
    region: str | None = None
    tags: str | None = None
    when: str | None = None
    note: str | None = None


class _Part(StrictModel):
    """A type whose rows say more of a row of another type.

    ``of``: that type, or those it may be. ``at``: columns of it that name the same resource, any of them, by an
    expression over the row of the part. ``gives``: columns of it that the part sets. ``alone``: further columns of a
    row of its own, for when the source has no row of that type for the resource. ``several``: many such rows may say
    something of one resource, so that a column is the list of what they give.
    """

    of: str | list[str]
    at: dict[str, str] = Field(min_length=1)
    gives: dict[str, str] = Field(min_length=1)
    alone: dict[str, str] = Field(default_factory=dict)
    several: bool = False

    @property
    def types(self) -> list[str]:
        """The types it may say more of."""
        return [self.of] if isinstance(self.of, str) else self.of


class _Defaults(StrictModel):
    """What all types of a file have in common; ``below`` is where ``same`` looks.

    ``nulls``: whether a null is what the cloud said, or may be a call that the source was refused (``doubted``): then
    an answer of which every value is null did not come.
    """

    account: str
    region: str
    tags: str
    spelling: Spelling = "snake"
    below: str = ""
    nulls: Literal["said", "doubted"] = "said"
    seen: str | None = None


class _File(StrictModel):
    provider: str
    source: Source
    read: str = Field(min_length=1)
    defaults: _Defaults
    types: dict[str, _Type]
    parts: dict[str, _Part] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignField:
    """One value of the record: its path, the expression, and what that reads of the row."""

    path: Chain
    text: str
    reads: frozenset[Chain]
    unset: bool = False
    doubted: str | None = None
    partial: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignPart:
    """A type whose rows say more of a row of another type, as expressions by column."""

    at: Mapping[str, str]
    gives: Mapping[str, str]
    alone: Mapping[str, str]
    several: bool = False


@dataclass(frozen=True, slots=True)
class ForeignType:
    """One foreign type, ready to use. ``parts``: the types whose rows say more of a row of this one."""

    source: Source
    name: str
    provider: str
    kind: str
    fields: tuple[ForeignField, ...]
    account: str
    region: str
    tags: str
    when: str | None
    seen: str | None
    doubts_nulls: bool = False
    answered: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, ForeignPart] = field(default_factory=dict)


def load_foreign(
    folders: DataFolders, kinds: Mapping[str, Kind], sources: Iterable[Source] = SOURCES
) -> Mapping[tuple[Source, str], ForeignType]:
    """Read the files of these sources; a type in the overlay replaces the base's of the same name.

    Raises
    ------
    FaultsError
        With every fault of every file: schema, kinds that do not exist, types named twice, expressions that are not
        JMESPath, paths the kind does not read, and columns that hold secrets.
    """
    faults: list[Fault] = []
    found: dict[tuple[Source, str], ForeignType] = {}
    defined: dict[tuple[Path, Source, str], str] = {}
    for source in sources:
        for pattern in (f"providers/*/imports-{source}.yaml", f"providers/*/imports-{source}-*.yaml"):
            for label, path in folders.files(pattern):
                parsed, loaded, wrong = load_sound(_File, path, label)
                faults.extend(wrong)
                if parsed is None or getattr(parsed, "defaults", None) is None:
                    continue
                if getattr(parsed, "provider", None) != path.parent.name or getattr(parsed, "source", None) != source:
                    message = f"must say `provider: {path.parent.name}` and `source: {source}`"
                    faults.append(Fault(label, loaded.line(("provider",)), message, "source"))
                    continue
                faults.extend(_faults_of_defaults(parsed.defaults, loaded))
                for name, part in getattr(parsed, "parts", {}).items():
                    faults.extend(_faults_of_part(name, part, parsed, loaded))
                for name, item in getattr(parsed, "types", {}).items():
                    where = ("types", name)
                    first = defined.setdefault((path.parent.parent, source, name), label)
                    if first != label:
                        message = f"{name} is defined in {first} already"
                        faults.append(Fault(label, loaded.line(where), message, "type"))
                    problems = list(_faults(item, parsed, kinds, loaded, where))
                    faults.extend(problems)
                    if not problems:
                        found[source, name] = _ready(name, item, parsed)
    if faults:
        raise FaultsError(faults)
    return found


def reads_of(kind: Kind) -> frozenset[Chain]:
    """Every path of the record that a kind's rules and calls read."""
    found: set[Chain] = set()
    for where, text in kind.expressions():
        if where == ("list", "items") or (where[0] == "detail" and where[2] == "items"):
            continue
        rule = kind.placements[int(where[1])] if where[0] == "placements" else None
        for chain in chains(text):
            outer = chain[0] == "root"
            # inside an element only `root` is the record
            if rule is not None and rule.each and where[2] != "each" and not outer:
                continue
            found.add(chain[1:] if outer else chain)
    return frozenset(chain for chain in found if chain and chain[0] != "ctx")


def _faults_of_defaults(defaults: _Defaults, loaded: Loaded) -> Iterator[Fault]:
    for column in ("account", "region", "tags", "seen"):
        if text := getattr(defaults, column):
            yield from _faults_of_text(text, loaded, ("defaults", column), "defaults")


def _faults_of_text(text: str, loaded: Loaded, where: Path_, name: str) -> Iterator[Fault]:
    line = loaded.line(where)
    try:
        expression(text)
    except JMESPathError as error:
        yield Fault(loaded.file, line, f"{name}: not JMESPath: {str(error).splitlines()[0]}", "path")
        return
    for unknown in sorted(calls(text) - NAMES):
        yield Fault(loaded.file, line, f"{name}: there is no function {unknown}", "path")
    if negates_too_much(text):
        yield Fault(loaded.file, line, f"{name}: !a.b is read as (!a).b; write !(a.b)", "path")
    for chain in sorted(chains(text)):
        if secret := next((part for part in chain if _SECRET.search(part)), None):
            yield Fault(loaded.file, line, f"{name}: {secret} may hold a secret and is never read", "secret")


def _faults_of_part(name: str, part: _Part, file: _File, loaded: Loaded) -> Iterator[Fault]:
    where = ("parts", name)
    for section, texts in (("at", part.at), ("gives", part.gives), ("alone", part.alone)):
        for column, text in texts.items():
            yield from _faults_of_text(text, loaded, (*where, section, column), name)
    if name in file.types or not part.of or not set(part.types) <= set(file.types):
        message = f"{name}: must be no type itself, and say more of a type of this file, not of {part.of}"
        yield Fault(loaded.file, loaded.line((*where, "of")), message, "type")
        return
    for whole in part.types:
        read = {chain[0] for item in _ready(whole, file.types[whole], file).fields for chain in item.reads}
        for column in sorted(set(part.gives) - read):
            yield Fault(loaded.file, loaded.line(where), f"{name}: {whole} does not read {column}", "path")


def _faults(item: _Type, file: _File, kinds: Mapping[str, Kind], loaded: Loaded, where: Path_) -> Iterator[Fault]:
    name = str(where[-1])
    kind = kinds.get(item.kind)
    if kind is None or not item.kind.startswith(f"{file.provider}."):
        message = f"{name}: there is no kind {item.kind} of {file.provider}"
        yield Fault(loaded.file, loaded.line((*where, "kind")), message, "kind")
    for column in ("account", "region", "tags", "when"):
        if text := getattr(item, column):
            yield from _faults_of_text(text, loaded, (*where, column), name)
    for path, text in item.record.items():
        yield from _faults_of_text(text, loaded, (*where, "record", path), name)
    given = [*item.record, *item.same]
    for path in sorted({path for path in given if given.count(path) > 1}):
        yield Fault(loaded.file, loaded.line(where), f"{name}: {path} is given twice", "path")
    for section, texts in (("doubted", item.doubted), ("partial", item.partial)):
        for path, text in texts.items():
            yield from _faults_of_text(text, loaded, (*where, section, path), name)
    intos = {call.into for call in kind.detail} if kind is not None else set()
    for into, text in item.answered.items():
        yield from _faults_of_text(text, loaded, (*where, "answered", into), name)
        if kind is not None and into not in intos:
            yield Fault(loaded.file, loaded.line((*where, "answered", into)), f"{name}: no call gives {into}", "path")
    for path in (*item.unset, *item.doubted, *item.partial):
        if path not in given:
            message = f"{name}: {path} is unset, doubted or partial but not given"
            yield Fault(loaded.file, loaded.line(where), message, "path")
    if kind is not None:
        read = reads_of(kind)
        for path in given:
            chain = tuple(path.split("."))
            if not any(begins(chain, other) or begins(other, chain) for other in read):
                section = "record" if path in item.record else "same"
                line = loaded.line((*where, section, path))
                yield Fault(loaded.file, line, f"{name}: {item.kind} does not read {path}", "path")


def _ready(name: str, item: _Type, file: _File) -> ForeignType:
    spelling = item.spelling or file.defaults.spelling
    below = file.defaults.below
    texts = {path: _spelled(path, spelling, below) for path in item.same} | item.record
    fields = tuple(
        ForeignField(
            tuple(path.split(".")),
            text,
            chains(text),
            path in item.unset,
            item.doubted.get(path),
            item.partial.get(path),
        )
        for path, text in texts.items()
    )
    return ForeignType(
        source=file.source,
        name=name,
        provider=file.provider,
        kind=item.kind,
        fields=fields,
        account=item.account or file.defaults.account,
        region=item.region or file.defaults.region,
        tags=item.tags or file.defaults.tags,
        when=item.when,
        seen=file.defaults.seen,
        doubts_nulls=file.defaults.nulls == "doubted",
        answered=item.answered,
        parts={
            key: ForeignPart(part.at, part.gives, part.alone, part.several)
            for key, part in file.parts.items()
            if name in part.types
        },
    )


def _spelled(path: str, spelling: Spelling, below: str) -> str:
    """The same name in the source's spelling: ``KmsKeyId`` is ``kmsKeyId`` or ``kms_key_id`` there."""
    parts = path.split(".")
    if spelling == "camel":
        parts = [part[:1].lower() + part[1:] for part in parts]
    elif spelling == "snake":
        parts = ["_".join(word.lower() for word in _WORDS.findall(part)) for part in parts[-1:]]
    return dotted((*filter(None, [below]), *parts))
