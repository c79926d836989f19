"""The judgements of ``classes.yaml``, ``strengths.yaml`` and ``grades.yaml``, with an organisation's overrides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from residency.errors import ConfigError, Fault, FaultsError
from residency.interval import Interval
from residency.jurisdictions import Names
from residency.model import ACCESS_MODES, CHANNELS, CUSTODIES, ROLES, InUse
from residency.yamlfile import StrictModel, load_model

__all__ = ["Band", "DataClass", "Judgement", "Override", "Strength", "load_judgement"]

_FOLDER = Path(__file__).parent
# words the graph looks up in strengths.yaml, besides those of the model
_OPERATION = ("operator", "contracting-party")
_CONTROL = (
    *("owner-majority", "owner-onward", "owner-minority", "owner-unstated", "branch", "licensor"),
    *("establishment", "listing", "staff", "state-holding", "services"),
)
_ACCESS_TIE = (
    *("seat", "staff", "observed", "observed-possible", "refused", "re-entrusted"),
    *("granted", "granted-write", "granted-unknown"),
)
_CONSTANTS = ("safeguard_cap", "stale_widening", "low_confidence_widening")


def _interval(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (float(value), float(value))
    return value


class Strength(StrictModel):
    """A judged number or range with its reason."""

    strength: Annotated[tuple[float, float], BeforeValidator(_interval)]
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _bounded(self) -> Strength:
        lo, hi = self.strength
        if not 0 <= lo <= hi <= 1:
            raise ValueError(f"[{lo}, {hi}] is not a range within [0, 1]")
        return self

    @property
    def interval(self) -> Interval:
        """The range as an interval."""
        return Interval(*self.strength)


class Constant(StrictModel):
    """A judged constant in [0, 1] with its reason."""

    value: float = Field(ge=0, le=1)
    reason: str = Field(min_length=1)


class DataClass(StrictModel):
    """A data class: its names, whether the secrecy of communications applies, and how sensitive it is in [0, 1]."""

    name: Names
    secrecy: bool
    sensitivity: float = Field(ge=0, le=1)
    reason: str


class _Classes(StrictModel):
    version: int
    classes: dict[str, DataClass]


class Readability(StrictModel):
    """V: what the reached bytes reveal."""

    metadata_floor: Strength
    custody: dict[str, Strength]
    in_use: dict[str, Strength]
    authorised_use: Strength


class Band(StrictModel):
    """A named range of the score: up to, not including, ``below``."""

    name: str
    below: float
    ja: str


class _Strengths(StrictModel):
    version: int
    role: dict[str, Strength]
    operation: dict[str, Strength]
    control: dict[str, Strength]
    majority_share: float
    access: dict[str, Strength]
    access_tie: dict[str, Strength]
    readability: Readability
    constants: dict[str, Constant]
    bands: list[Band]

    @model_validator(mode="after")
    def _complete(self) -> _Strengths:
        for table, words in (
            (self.role, ROLES),
            (self.access, ACCESS_MODES),
            (self.readability.custody, CUSTODIES),
            (self.readability.in_use, get_args(InUse)),
            (self.operation, _OPERATION),
            (self.control, _CONTROL),
            (self.access_tie, _ACCESS_TIE),
            (self.constants, _CONSTANTS),
        ):
            missing = set(words) - set(table)
            if missing:
                raise ValueError(f"no strength for {', '.join(sorted(missing))}")
        if [band.below for band in self.bands] != sorted(band.below for band in self.bands):
            raise ValueError("bands must rise")
        if not self.bands or self.bands[-1].below <= 100:
            raise ValueError("the last band must reach above 100")
        return self


Grade = Annotated[float, Field(ge=0, le=1)]


class PowerRubric(StrictModel):
    """How a power's attributes become L."""

    weights: dict[str, Constant]
    grades: dict[str, dict[str, Grade]]
    holder: dict[str, Grade]
    holder_inherent: list[str] = Field(default_factory=list)
    reach: dict[str, Grade]
    absent: Grade

    @model_validator(mode="after")
    def _every_weight_has_grades(self) -> PowerRubric:
        if set(self.weights) != set(self.grades):
            raise ValueError("weights and grades must name the same attributes")
        return self


class SafeguardRubric(StrictModel):
    """How safeguards become G."""

    values: dict[str, Grade]
    weights: dict[str, Constant]
    attributes: dict[str, dict[str, Grade]]
    commitments: dict[str, Grade]

    @model_validator(mode="after")
    def _complete(self) -> SafeguardRubric:
        if missing := {"yes", "partly", "no"} - set(self.values) | {"none"} - set(self.commitments):
            raise ValueError(f"no grade for {', '.join(sorted(missing))}")
        if not any(weight.value for weight in self.weights.values()):
            raise ValueError("at least one safeguard needs a weight above 0")
        return self


class _Grades(StrictModel):
    version: int
    power: PowerRubric
    channels: dict[str, list[str]]
    key_power: str
    safeguard: SafeguardRubric

    @model_validator(mode="after")
    def _complete(self) -> _Grades:
        if set(self.channels) != set(CHANNELS):
            raise ValueError(f"channels must be exactly {', '.join(CHANNELS)}")
        return self


class Override(StrictModel):
    """One judgement an organisation sets otherwise: a dotted path into the files, a number or range, and why."""

    path: str
    value: Annotated[tuple[float, float], BeforeValidator(_interval)]
    reason: str = Field(min_length=1)


class Judgement(StrictModel):
    """Every judgement with which scores are made, and the overrides in force."""

    classes: dict[str, DataClass]
    strengths: _Strengths
    grades: _Grades
    overrides: tuple[Override, ...] = ()

    @property
    def version(self) -> str:
        """Versions of the three files, and how many overrides apply."""
        extra = f"+{len(self.overrides)}" if self.overrides else ""
        return f"{self.strengths.version}.{self.grades.version}{extra}"

    def band(self, score: float) -> Band:
        """The band a score in [0, 100] falls in."""
        return next(band for band in self.strengths.bands if score < band.below)

    def with_overrides(self, overrides: Mapping[str, Any] | list[Override]) -> Judgement:
        """The same judgements with single numbers replaced.

        Raises
        ------
        ConfigError
            When a path names no number, or the value is out of range.
        """
        items = (
            list(overrides) if isinstance(overrides, list) else [Override(path=k, **v) for k, v in overrides.items()]
        )
        data = self.model_dump(by_alias=True)
        for item in items:
            _set(data, item)
        data["overrides"] = [*(item.model_dump() for item in self.overrides), *(item.model_dump() for item in items)]
        try:
            return Judgement.model_validate(data)
        except ValidationError as error:
            reason = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            paths = ", ".join(item.path for item in items)
            raise ConfigError(f"method override {paths}: {reason}") from None


def _set(data: dict[str, Any], item: Override) -> None:
    """Put one value at a dotted path; keys may themselves hold dots, so the longest key that fits is taken."""
    node: Any = data
    rest = item.path
    while True:
        fits = [key for key in node if rest == key or rest.startswith(f"{key}.")] if isinstance(node, dict) else []
        if not fits:
            raise ConfigError(f"method override {item.path!r}: nothing of that name; see method/*.yaml")
        key = max(fits, key=len)
        rest = rest[len(key) + 1 :]
        if rest:
            node = node[key]
            continue
        lo, hi = item.value
        if not 0 <= lo <= hi <= 1:
            raise ConfigError(f"method override {item.path!r}: [{lo}, {hi}] is not a range within [0, 1]")
        old = node[key]
        if isinstance(old, dict) and "strength" in old:
            node[key] = {"strength": (lo, hi), "reason": item.reason}
        elif isinstance(old, dict) and set(old) == {"value", "reason"} and lo == hi:
            node[key] = {"value": lo, "reason": item.reason}
        elif isinstance(old, float) and lo == hi:
            node[key] = lo
        else:
            raise ConfigError(f"method override {item.path!r}: is not a single number that can be set to {item.value}")
        return


def load_judgement(folder: Path | None = None) -> Judgement:
    """Read the judgement files.

    Raises
    ------
    FaultsError
        With every fault of every file.
    """
    base = folder or _FOLDER
    faults: list[Fault] = []
    parts: dict[str, Any] = {}
    for name, model in (("classes", _Classes), ("strengths", _Strengths), ("grades", _Grades)):
        parsed, _, found = load_model(model, base / f"{name}.yaml", f"method/{name}.yaml")
        faults.extend(found)
        parts[name] = parsed
    if faults:
        raise FaultsError(faults)
    return Judgement(classes=parts["classes"].classes, strengths=parts["strengths"], grades=parts["grades"])
