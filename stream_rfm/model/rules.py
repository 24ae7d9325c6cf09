"""The rules that one deployment scores by: everything an analyst chooses, checked together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction

from stream_rfm.model import instant, money
from stream_rfm.model.grid import Grid
from stream_rfm.model.quantiles import CutPoints, Method
from stream_rfm.model.scoring import Best

DIMENSIONS = ("recency", "frequency", "monetary")

_UNITS = {"recency": instant.DAY, "frequency": 1, "monetary": money.MICROS}
# Values are counted in 64 bits, and what is compared with a value has to fit there as well.
_MOST = 2**62


class RulesError(ValueError):
    """Rules that do not fit together; the message is a sentence that names what to change."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How customers are scored.

    Attributes:
        grid: codes to segments; its levels are the number of levels.
        window: microseconds in which orders count; ``None`` for all time.
        method: how cut points are found.
        fixed: fixed cut points of a dimension, by its name, in the dimension's own integers.
        best: how digits are printed.
        exact_up_to: customers up to which quantiles are exact.
        min_customers: customers below which nobody is scored.
        dedupe: microseconds within which an id seen again is the same event.
        backfill: microseconds that an event may be late before what it causes is called a backfill.
        currency: of all amounts.
    """

    grid: Grid
    window: int | None = 365 * instant.DAY
    method: Method = "inverted_cdf"
    fixed: tuple[tuple[str, CutPoints], ...] = ()
    best: Best = "high"
    exact_up_to: int = 100_000
    min_customers: int = 100
    dedupe: int = 7 * instant.DAY
    backfill: int = instant.DAY
    currency: str = "EUR"

    def __post_init__(self) -> None:
        """Check the fixed cut points.

        Raises:
            RulesError: they are not ascending, or not one fewer than levels.
        """
        for name, cuts in self.fixed:
            check_fixed(name, cuts, self.levels)
        if self.method == "fixed" and not self.all_fixed:
            raise RulesError("Fixed quantiles need thresholds for recency, frequency and monetary value.")

    @property
    def levels(self) -> int:
        """The number of levels of every dimension."""
        return self.grid.levels

    @property
    def all_fixed(self) -> bool:
        """Whether no dimension depends on the population."""
        return {name for name, _ in self.fixed} == set(DIMENSIONS)

    @property
    def retention(self) -> int | None:
        """Microseconds that an order is remembered, for the window and for duplicates; ``None``: for ever."""
        return None if self.window is None else max(self.window, self.dedupe)

    def fingerprint(self) -> str:
        """A short text that differs where rules differ by which customers are scored, or scores printed."""
        return _digest([*self._scored_by(), self.best, self.exact_up_to])

    def older_fingerprint(self) -> str:
        """The fingerprint as it stands in state that says nothing else of the rules that it was made by."""
        return _digest(self._scored_by())

    def _scored_by(self) -> list[object]:
        owners = dict(zip(self.grid.names, (sorted(s.codes) for s in self.grid.segments), strict=False))
        fixed = {name: list(cuts.thresholds) for name, cuts in self.fixed}
        return [owners, self.window, self.method, fixed, self.min_customers, self.dedupe, self.currency]


def _digest(said: list[object]) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def check_fixed(dimension: str, cuts: CutPoints, levels: int) -> None:
    """Check fixed cut points of a dimension.

    Raises:
        RulesError: they are not ascending, not one fewer than levels, or too large.
    """
    if len(cuts.thresholds) != levels - 1 or list(cuts.shown) != sorted(cuts.shown):
        raise RulesError(
            f"The fixed thresholds of {dimension} must be {levels - 1} ascending numbers, "
            f"one fewer than the {levels} levels."
        )
    if any(abs(threshold) > _MOST for threshold in cuts.thresholds):
        raise RulesError(
            f"The fixed thresholds of {dimension} must be at most {_MOST // _UNITS[dimension]}, "
            "which no customer comes to."
        )


def fixed_cut_points(dimension: str, numbers: tuple[str, ...]) -> CutPoints:
    """Fixed cut points from plain numbers: days of recency, purchases, units of the base currency.

    Raises:
        RulesError: one is not a number.
    """
    try:
        return CutPoints.at([Fraction(number) * _UNITS[dimension] for number in numbers])
    except (ValueError, ZeroDivisionError):
        raise RulesError(f"The fixed thresholds of {dimension} are not all numbers.") from None
