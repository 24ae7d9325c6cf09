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
        for _, outcome in outcomes:
            tallies = outcome.changes.tallies
            metrics.duplicates.inc(tallies["duplicate"])
            metrics.voids.inc(tallies["void"])
            metrics.late.inc(tallies["late"])
            for kind, count in zip(Kind, outcome.kinds.tolist(), strict=True):
                if count:
                    metrics.orders.labels(kind.name.lower()).inc(count)
            for reason, count in Counter(r.reason for _, r in outcome.dead_letters).items():
                metrics.dead_letters.labels(reason.value).inc(count)
            for moves in outcome.changes.moves:
                self._count(moves, at)
            for duration in outcome.rescored:
                metrics.rescore_seconds.observe(duration)

    def not_committed(self) -> None:
        """Count a transaction that did not go through."""
        self._metrics.commits.labels("aborted").inc()

    def version(self, version: Version) -> None:
        """Note the latest version."""
        self._version_at = time.monotonic()
        self._metrics.version.set(version.number)
        self._metrics.version_as_of.set(version.as_of / instant.SECOND)
        self._metrics.population.set(version.population)

    def _count(self, moves: Moves, at: int) -> None:
        ways = np.stack(
            [moves.before.segment.astype(np.int64), moves.after.segment.astype(np.int64), moves.cause]
        )
        names = self._names if moves.former is None else self._names | moves.former.names
        distinct, counts = np.unique(ways, axis=1, return_counts=True)
        for (source, target, cause), count in zip(distinct.T.tolist(), counts.tolist(), strict=True):
            labels = (names[source], names[target], CAUSES[cause].value)
            self._metrics.transitions.labels(*labels).inc(count)
        stamped = moves.stamp[moves.stamp > 0]
        if len(stamped):
            self._metrics.order_to_transition.observe(np.maximum(0, at / 1000 - stamped) / 1000)
