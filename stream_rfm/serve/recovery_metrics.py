"""What is shown of changelogs that are being read."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class RecoveryCollector(Collector):
    """How far the reading of changelogs has come, while it is under way."""

    def __init__(self) -> None:
        self._positions: dict[int, tuple[int, int]] = {}

    def at(self, partition: int, offset: int, end: int) -> None:
        """A partition has been read up to an offset, and is read up to an end."""
        self._positions[partition] = offset, end

    def done(self, partition: int) -> None:
        """A partition is not being read any more."""
        self._positions.pop(partition, None)

    def collect(self) -> Iterable[Metric]:
        """Two series for each partition that is being read."""
        offset = GaugeMetricFamily(
            "stream_rfm_recovery_offset",
            "How far a changelog has been read in a recovery.",
            labels=["partition"],
        )
        end = GaugeMetricFamily(
            "stream_rfm_recovery_end", "How far it is read in this recovery.", labels=["partition"]
        )
        for partition, (position, last) in sorted(self._positions.items()):
            offset.add_metric([str(partition)], position)
            end.add_metric([str(partition)], last)
        return offset, end
