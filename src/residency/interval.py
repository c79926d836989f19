"""Closed intervals, the only number the scoring knows: ``lo`` is what is known, ``hi`` what cannot be excluded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["ONE", "UNKNOWN", "ZERO", "Interval", "geometric_mean", "hull", "maximum", "product"]


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """``lo <= value <= hi``, both in [0, 1] unless scaled.

    Raises
    ------
    ValueError
        When ``lo > hi`` or a bound is not a finite number.
    """

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lo) and math.isfinite(self.hi) and self.lo <= self.hi):
            raise ValueError(f"not an interval: [{self.lo}, {self.hi}]")

    @classmethod
    def point(cls, value: float) -> Interval:
        """The interval that holds one number."""
        return cls(value, value)

    @property
    def width(self) -> float:
        """``hi - lo``: how much is not known."""
        return self.hi - self.lo

    @property
    def is_point(self) -> bool:
        """Whether one number is meant."""
        return self.lo == self.hi

    def complement(self) -> Interval:
        """``1 - x`` for x in this interval."""
        return Interval(1 - self.hi, 1 - self.lo)

    def scale(self, factor: float) -> Interval:
        """This interval times a number >= 0."""
        return Interval(self.lo * factor, self.hi * factor)

    def contains(self, other: Interval, tolerance: float = 1e-12) -> bool:
        """Whether ``other`` lies inside, up to rounding."""
        return self.lo - tolerance <= other.lo and other.hi <= self.hi + tolerance

    def __str__(self) -> str:
        return f"{self.lo:.3g}" if self.is_point else f"[{self.lo:.3g}, {self.hi:.3g}]"


ZERO = Interval(0.0, 0.0)
ONE = Interval(1.0, 1.0)
UNKNOWN = Interval(0.0, 1.0)


def product(items: Iterable[Interval]) -> Interval:
    """Product of non-negative intervals; the empty product is 1. Use where all conditions are needed."""
    lo = hi = 1.0
    for item in items:
        lo *= item.lo
        hi *= item.hi
    return Interval(lo, hi)


def maximum(items: Iterable[Interval]) -> Interval:
    """Largest lower and largest upper bound; the empty maximum is 0. Use among alternatives."""
    lo = hi = 0.0
    for item in items:
        lo = max(lo, item.lo)
        hi = max(hi, item.hi)
    return Interval(lo, hi)


def hull(items: Iterable[Interval]) -> Interval:
    """Smallest interval that holds all of them. Use for disputed values.

    Raises
    ------
    ValueError
        When there is nothing to enclose.
    """
    bounds = list(items)
    if not bounds:
        raise ValueError("the hull of nothing is not an interval")
    return Interval(min(item.lo for item in bounds), max(item.hi for item in bounds))


def geometric_mean(items: Sequence[Interval], weights: Sequence[float]) -> Interval:
    """Weighted geometric mean: one absent guarantee cannot be bought back by the others.

    Parameters
    ----------
    items
        Intervals in [0, 1].
    weights
        Positive weights, one for each item; they need not sum to one.

    Notes
    -----
    OECD/JRC, *Handbook on Constructing Composite Indicators* (2008), step 6: geometric aggregation
    limits compensation between dimensions.
    """
    if len(items) != len(weights) or not items or min(weights) <= 0:
        raise ValueError("geometric_mean needs as many positive weights as items, and at least one")
    total = math.fsum(weights)

    def mean(values: Sequence[float]) -> float:
        if min(values) <= 0.0:
            return 0.0
        if min(values) == max(values):
            return values[0]
        return math.exp(math.fsum(w * math.log(v) for v, w in zip(values, weights, strict=True)) / total)

    lo, hi = mean([item.lo for item in items]), mean([item.hi for item in items])
    return Interval(min(lo, hi), hi)
