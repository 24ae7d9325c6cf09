"""Scores and codes: 1 to n, n best, from values and cut points."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.quantiles import CutPoints

Best = Literal["high", "low"]


def score_high(values: Ints, cuts: CutPoints) -> Column:
    """Scores of frequencies or monetary values: 1 + the number of cut points below each."""
    return (1 + np.searchsorted(np.array(cuts.thresholds, np.int64), values, side="left")).astype(np.uint8)


def score_recency(ages: Ints, cuts: CutPoints) -> Column:
    """Scores of recencies, where less is better: n − the number of cut points below each."""
    levels = len(cuts.thresholds) + 1
    below = np.searchsorted(np.array(cuts.thresholds, np.int64), ages, side="left")
    return (levels - below).astype(np.uint8)


def code_index(r: Column, f: Column, m: Column, levels: int) -> Ints:
    """The place of each code among the n³ of a grid, from 0: ``111`` first, ``nnn`` last."""
    return ((r.astype(np.int64) - 1) * levels + (f - 1)) * levels + (m - 1)


def printed(score: int, levels: int, best: Best) -> int:
    """A score as people see it; ``best: low`` counts the other way round."""
    return score if best == "high" else levels + 1 - score


@lru_cache(4096)
def code(r: int, f: int, m: int, levels: int, best: Best) -> str:
    """The code of three scores as people see it: ``545``; with ten levels ``10-4-5``."""
    return ("-" if levels > 9 else "").join(str(printed(score, levels, best)) for score in (r, f, m))
