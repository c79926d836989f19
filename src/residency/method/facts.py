"""The closed list of fact keys and attribute words, read from ``facts.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from residency.errors import FaultsError
from residency.yamlfile import StrictModel, load_model

__all__ = ["FactKey", "FactWords", "load_fact_words"]


class FactTitle(StrictModel):
    """What a key is called in print."""

    en: str
    ja: str


class FactKey(StrictModel):
    """One key: what it may say and which attributes qualify it."""

    group: Literal["power", "safeguard", "finding"]
    title: FactTitle
    values: list[str]
    attributes: dict[str, str]
    parallel: str | None = None


class FactWords(StrictModel):
    """All keys, all attribute words, and what each confidence means."""

    version: int
    enums: dict[str, dict[str, str]]
    keys: dict[str, FactKey] = Field(min_length=1)
    confidence: dict[str, str]

    def options(self, enum: str) -> str:
        """The words an attribute admits, for messages."""
        return "the lists of _commitments.yaml" if enum == "commitment" else ", ".join([*self.enums[enum], "unknown"])

    def allows(self, enum: str, value: Any, commitments: Mapping[str, Any]) -> bool:
        """Whether ``value`` is a word of the attribute."""
        if enum == "commitment":
            return value in commitments
        return value == "unknown" or value in self.enums[enum]


def load_fact_words(file: Path | None = None) -> FactWords:
    """Read ``method/facts.yaml``.

    Raises
    ------
    FaultsError
        When the file is faulty.
    """
    words, _, faults = load_model(FactWords, file or Path(__file__).with_name("facts.yaml"), "method/facts.yaml")
    if words is None:
        raise FaultsError(faults)
    return words
