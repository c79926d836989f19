"""Common names of all ISO 3166-1 countries, from ``countries.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from residency.errors import FaultsError
from residency.yamlfile import StrictModel, load_model

__all__ = ["CountryNames", "country_names", "load_countries"]


class CountryNames(StrictModel):
    """English and Japanese common names, and other names people write."""

    en: str
    ja: str
    also: list[str] = Field(default_factory=list)


class _File(StrictModel):
    countries: dict[str, CountryNames]
    user_assigned: dict[str, CountryNames]


@lru_cache(maxsize=1)
def load_countries() -> Mapping[str, CountryNames]:
    """Every alpha-2 code with its names, and codes in wide use that ISO leaves to users.

    Raises
    ------
    FaultsError
        When the installation's file is faulty.
    """
    parsed, _, faults = load_model(_File, Path(__file__).with_name("countries.yaml"), "countries.yaml")
    if parsed is None:
        raise FaultsError(faults)
    return {**parsed.countries, **parsed.user_assigned}


def country_names(language: Literal["en", "ja"]) -> Mapping[str, str]:
    """Code to common name in one language."""
    return {code: getattr(names, language) for code, names in load_countries().items()}
