"""What the writer does, told to the metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from stream_rfm.model import instant
from stream_rfm.model.grid import Grid
from stream_rfm.model.order import Kind
from stream_rfm.model.version import Version
from stream_rfm.serve.metrics import Metrics
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.words import way_key
from stream_rfm.table.moves import CAUSES, Moves

_NOBODY = "none"


class Accounts:
    """Counts what was committed, and nothing that was not."""

    def __init__(self, metrics: Metrics, grid: Grid) -> None:
        self._metrics = metrics
        self._names = {**dict(enumerate(grid.names)), 0xFFFF: _NOBODY}
        self._version_at = time.monotonic()
        metrics.version_age.set_function(lambda: time.monotonic() - self._version_at)

    def committed(self, outcomes: Sequence[tuple[Lane, Outcome]], seconds: float, at: int) -> None:
        """Count a transaction.

        Args:
            outcomes: what it held.
            seconds: how long it took.
            at: the instant that it is.
        """
        metrics = self._metrics
        metrics.commits.labels("committed").inc()
        metrics.commit_seconds.observe(seconds)
        tallies: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        kinds = np.zeros(len(Kind), np.int64)
        moved: list[Moves] = []
        for _, outcome in outcomes:
            tallies.update(outcome.changes.tallies)
            reasons.update(refused.reason.value for _, refused in outcome.dead_letters)
            kinds += outcome.kinds
            moved += outcome.changes.moves
            for duration in outcome.rescored:
                metrics.rescore_seconds.observe(duration)
        metrics.duplicates.inc(tallies["duplicate"])
        metrics.voids.inc(tallies["void"])
        metrics.late.inc(tallies["late"])
        for kind, count in zip(Kind, kinds.tolist(), strict=True):
            if count:
                metrics.orders.labels(kind.name.lower()).inc(count)
        for reason, count in reasons.items():
            metrics.dead_letters.labels(reason).inc(count)
        # By what segments are called: each partition has numbers of its own for those of former rules.
        ours = [moves for moves in moved if moves.former is None]
        for alike in [ours, *([moves] for moves in moved if moves.former is not None)]:
            if alike:
                self._count(alike, at)

    def not_committed(self) -> None:
        """Count a transaction that did not go through."""
        self._metrics.commits.labels("aborted").inc()

    def version(self, version: Version) -> None:
        """Note the latest version."""
        self._version_at = time.monotonic()
        self._metrics.version.set(version.number)
        self._metrics.version_as_of.set(version.as_of / instant.SECOND)
        self._metrics.population.set(version.population)

    def _count(self, moved: Sequence[Moves], at: int) -> None:
        """Count moves of many partitions together: a call of numpy takes as long for few as for many."""
        former = moved[0].former
        names = self._names if former is None else self._names | former.names
        source, target, cause = (
            np.concatenate(columns)
            for columns in zip(*((m.before.segment, m.after.segment, m.cause) for m in moved), strict=True)
        )
        ways, counts = np.unique(way_key(source, target, cause), return_counts=True)
        for way, count in zip(ways.tolist(), counts.tolist(), strict=True):
            labels = (names[way >> 24], names[way >> 8 & 0xFFFF], CAUSES[way & 0xFF].value)
            self._metrics.transitions.labels(*labels).inc(count)
        stamp = np.concatenate([moves.stamp for moves in moved])
        stamp = stamp[stamp > 0]
        if len(stamp):
            self._metrics.order_to_transition.observe(np.maximum(0, at / 1000 - stamp) / 1000)
