"""Cut points: the values that divide a population into levels.

Values are integers, so that a cut point between two integers orders them exactly as its floor does; a cut
point is kept as that floor (``threshold``) and as what it is (``shown``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from datasketches import kll_doubles_sketch

from stream_rfm.model.distribution import Distribution, Exact

Method = Literal["inverted_cdf", "linear", "fixed"]


@dataclass(frozen=True, slots=True)
class CutPoints:
    """The cut points of one dimension, ascending, one fewer than there are levels.

    Attributes:
        thresholds: a value is above cut point i when it is greater than ``thresholds[i]``.
        shown: the cut points as the method defines them, in the same unit.
    """

    thresholds: tuple[int, ...]
    shown: tuple[Fraction, ...]

    @classmethod
    def at(cls, values: list[Fraction]) -> CutPoints:
        """Cut points at these values."""
        return cls(tuple(value.__floor__() for value in values), tuple(values))

    @classmethod
    def of_thresholds(cls, thresholds: Iterable[int]) -> CutPoints:
        """Cut points that are whole numbers, or of which no more is known."""
        return cls.at([Fraction(threshold) for threshold in thresholds])


def cut_points(distribution: Distribution, levels: int, method: Method) -> CutPoints:
    """The quantiles at 1/n, 2/n, … (n−1)/n.

    ``inverted_cdf`` is type 1 and ``linear`` type 7 of Hyndman and Fan, "Sample Quantiles in Statistical
    Packages" (1996). A sketch knows no value between two that occur, so that above the size where a
    population is exact both methods give type 1.

    Args:
        distribution: of at least one customer.
        levels: n.
        method: ``inverted_cdf`` or ``linear``.

    Raises:
        ValueError: the distribution is empty.
    """
    if distribution.total == 0:
        raise ValueError("an empty population has no cut points")
    if not isinstance(distribution, Exact):
        return _of_sketch(distribution.data, levels)
    quantile = _linear if method == "linear" else _inverted_cdf
    ends = np.cumsum(distribution.counts)
    return CutPoints.at([quantile(distribution, ends, Fraction(i, levels)) for i in range(1, levels)])


def _inverted_cdf(distribution: Exact, ends: np.ndarray, share: Fraction) -> Fraction:
    """The smallest value that at least this share of customers does not exceed."""
    rank = (share * distribution.total).__ceil__()
    return Fraction(int(distribution.values[np.searchsorted(ends, rank)]))


def _linear(distribution: Exact, ends: np.ndarray, share: Fraction) -> Fraction:
    """The value at (N − 1) · share, counted from 0, on the line between its two neighbours."""
    place = share * (distribution.total - 1)
    below, above = (
        int(distribution.values[np.searchsorted(ends, index, side="right")])
        for index in (place.__floor__(), place.__ceil__())
    )
    return below + (above - below) * (place - place.__floor__())


def _of_sketch(data: bytes, levels: int) -> CutPoints:
    inclusive = True
    sketch = kll_doubles_sketch.deserialize(data)
    found = sketch.get_quantiles([i / levels for i in range(1, levels)], inclusive)
    return CutPoints.at([Fraction(int(value)) for value in found])
