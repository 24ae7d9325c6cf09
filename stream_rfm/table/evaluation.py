"""Scores and segments of many customers at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_rfm.model import scoring
from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.grid import LAPSED, PROSPECT, UNSCORED
from stream_rfm.model.rules import DIMENSIONS, Rules
from stream_rfm.model.version import Version
from stream_rfm.table.customer_row import NEVER


@dataclass(frozen=True, slots=True)
class Scores:
    """Where customers stand: scores (0: none) and the place of their segment in the grid's names."""

    r: Column
    f: Column
    m: Column
    segment: Column


#: Cut points, a line a dimension; the segment of each code; and levels, whether there are cut points, the
#: segments of those without scores, how many cut points each dimension has, microseconds after which an event
#: is late, and the version's number.
Facts = tuple[Ints, Column, Ints]


class Evaluator:
    """Scores customers by the rules and one version at a time."""

    def __init__(self, rules: Rules) -> None:
        self._levels = rules.levels
        self._segments = np.array(rules.grid.segment_of_code(), np.uint16)
        names = rules.grid.names
        self._lapsed, self._prospect, self._unscored = map(names.index, (LAPSED, PROSPECT, UNSCORED))
        self._backfill = rules.backfill
        self._facts: tuple[Version | None, Facts] = (None, self._facts_of(Version(0, 0)))

    def facts(self, version: Version) -> Facts:
        """What customers are scored by, for :mod:`~stream_rfm.table.settling_compiled`."""
        if self._facts[0] is not version:
            self._facts = (version, self._facts_of(version))
        return self._facts[1]

    def score(
        self, last: Ints, frequency: Column, monetary: Ints, as_of: Ints | int, version: Version
    ) -> Scores:
        """Score customers as of an instant.

        Args:
            last: instants of the last purchases, ``NEVER`` where there was none.
            frequency: purchases inside the window.
            monetary: money inside the window, in millionths.
            as_of: the instant that the scores hold for, one for all or one each.
            version: the cut points.
        """
        buyers = frequency > 0
        segment = np.where(last == NEVER, self._prospect, self._lapsed).astype(np.uint16)
        if version.cuts is None:
            segment[buyers] = self._unscored
            none = np.zeros(len(last), np.uint8)
            return Scores(none, none, none, segment)
        recency, frequencies, money = version.cuts
        r = scoring.score_recency(np.maximum(0, as_of - last), recency)
        f = scoring.score_high(frequency, frequencies)
        m = scoring.score_high(monetary, money)
        code = scoring.code_index(r, f, m, self._levels)
        segment = np.where(buyers, self._segments[code], segment)
        return Scores(r * buyers, f * buyers, m * buyers, segment)

    def _facts_of(self, version: Version) -> Facts:
        each = [of.thresholds for of in version.cuts or ()] or [()] * len(DIMENSIONS)
        lines = np.zeros((len(each), max(1, *map(len, each))), np.int64)
        for line, thresholds in zip(lines, each, strict=True):
            line[: len(thresholds)] = thresholds
        others = (self._unscored, self._lapsed, self._prospect)
        scored = int(version.cuts is not None)
        facts = (self._levels, scored, *others, *map(len, each), self._backfill, version.number)
        return lines, self._segments, np.array(facts)
