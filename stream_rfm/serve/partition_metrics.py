"""What is shown of each partition that a worker has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What can be said of one partition now.

    Attributes:
        partition: its number.
        lag: records of the topic that are not counted yet; ``None`` before Kafka has told how many there are.
        customers: how many are known.
        memory: bytes that its state takes.
        waiting: whether it waits for other partitions at a boundary.
        clock_ahead: seconds that the last instant it knows is ahead of this machine's clock.
        snapshot_age: seconds since its snapshot on this machine was its state; ``None`` without one.
    """

    partition: int
    lag: int | None
    customers: int
    memory: int
    waiting: bool
    clock_ahead: float = 0.0
    snapshot_age: float | None = None


# For each fact the name of its series, and what they say.
_SERIES = {
    "lag": ("stream_rfm_consumer_lag", "Records of the orders topic not counted yet."),
    "customers": ("stream_rfm_customers", "Customers known."),
    "memory": ("stream_rfm_state_bytes", "Memory that the customers' state takes."),
    "waiting": (
        "stream_rfm_partition_waiting",
        "1 while the partition waits for others at a boundary (event clock).",
    ),
    "clock_ahead": (
        "stream_rfm_clock_ahead_seconds",
        "How far the last instant that the partition knows is ahead of this machine's clock.",
    ),
    "snapshot_age": (
        "stream_rfm_snapshot_age_seconds",
        "Since the partition's snapshot on this machine was its state.",
    ),
}


class PartitionCollector(Collector):
    """Series of the partitions that this worker has; when one goes, its series go."""

    def __init__(self) -> None:
        #: Says what there is; set by whoever has the partitions.
        self.source: Callable[[], Iterable[PartitionFacts]] = tuple

    def collect(self) -> Iterable[Metric]:
        """One series a partition for each fact that is known."""
        families = {
            fact: GaugeMetricFamily(name, said, labels=["partition"])
            for fact, (name, said) in _SERIES.items()
        }
        for facts in self.source():
            for fact, family in families.items():
                if (value := getattr(facts, fact)) is not None:
                    family.add_metric([str(facts.partition)], value)
        return families.values()
