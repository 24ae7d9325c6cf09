"""A histogram of Prometheus for what comes by the thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class BulkHistogram(Collector):
    """A histogram that takes thousands of observations at once."""

    def __init__(self, name: str, help_text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help_text
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0

    def observe(self, values: np.ndarray) -> None:
        """Take observations."""
        places = np.searchsorted(self._bounds, values)
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> Iterable[Metric]:
        """The histogram as Prometheus wants it, each bucket with all below it."""
        cumulative = np.cumsum(self._counts).tolist()
        names = [*map(str, self._bounds.tolist()), "+Inf"]
        buckets = list(zip(names, map(float, cumulative), strict=True))
        yield HistogramMetricFamily(self._name, self._help, buckets=buckets, sum_value=self._sum)
