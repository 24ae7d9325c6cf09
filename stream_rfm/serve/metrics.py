"""Metrics of one worker, in a registry of their own. No customer id is ever a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_LATENCIES = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 60.0)


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


class PartitionCollector(Collector):
    """Series of the partitions that this worker has; when one goes, its series go."""

    def __init__(self) -> None:
        #: Says what there is; set by whoever has the partitions.
        self.source: Callable[[], Iterable[PartitionFacts]] = tuple

    def collect(self) -> Iterable[Metric]:
        """One series a partition for each fact."""
        lag = GaugeMetricFamily(
            "stream_rfm_consumer_lag", "Records of the orders topic not counted yet.", labels=["partition"]
        )
        customers = GaugeMetricFamily("stream_rfm_customers", "Customers known.", labels=["partition"])
        memory = GaugeMetricFamily(
            "stream_rfm_state_bytes", "Memory that the customers' state takes.", labels=["partition"]
        )
        waiting = GaugeMetricFamily(
            "stream_rfm_partition_waiting",
            "1 while the partition waits for others at a boundary (event clock).",
            labels=["partition"],
        )
        clock_ahead = GaugeMetricFamily(
            "stream_rfm_clock_ahead_seconds",
            "How far the last instant that the partition knows is ahead of this machine's clock.",
            labels=["partition"],
        )
        snapshot_age = GaugeMetricFamily(
            "stream_rfm_snapshot_age_seconds",
            "Since the partition's snapshot on this machine was its state.",
            labels=["partition"],
        )
        for facts in self.source():
            labels = [str(facts.partition)]
            if facts.lag is not None:
                lag.add_metric(labels, facts.lag)
            customers.add_metric(labels, facts.customers)
            memory.add_metric(labels, facts.memory)
            waiting.add_metric(labels, facts.waiting)
            clock_ahead.add_metric(labels, facts.clock_ahead)
            if facts.snapshot_age is not None:
                snapshot_age.add_metric(labels, facts.snapshot_age)
        return lag, customers, memory, waiting, clock_ahead, snapshot_age


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


class Metrics:
    """All metrics of a worker; see ``docs/metrics.md``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.orders = Counter(
            "stream_rfm_order_events", "Order events counted, by type.", ["type"], registry=registry
        )
        self.transitions = Counter(
            "stream_rfm_transitions", "Segment changes.", ["from", "to", "cause"], registry=registry
        )
        self.dead_letters = Counter(
            "stream_rfm_dead_letters", "Records refused, by reason.", ["reason"], registry=registry
        )
        self.duplicates = Counter(
            "stream_rfm_duplicate_events", "Events seen before, not counted again.", registry=registry
        )
        self.voids = Counter(
            "stream_rfm_void_events", "Events of orders that had been cancelled.", registry=registry
        )
        self.late = Counter(
            "stream_rfm_late_events",
            "Events later than backfill_hours after they happened.",
            registry=registry,
        )
        self.order_to_transition = BulkHistogram(
            "stream_rfm_order_to_transition_seconds",
            "From an order's arrival in Kafka to the commit of the transition it caused.",
            _LATENCIES,
        )
        registry.register(self.order_to_transition)
        self.commit_seconds = Histogram(
            "stream_rfm_commit_seconds", "Duration of a transaction.", buckets=_LATENCIES, registry=registry
        )
        self.commits = Counter(
            "stream_rfm_commits", "Transactions, by how they ended.", ["result"], registry=registry
        )
        self.rescore_seconds = Histogram(
            "stream_rfm_rescore_seconds",
            "From the start to the end of scoring a partition with a new version.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.population = Gauge(
            "stream_rfm_population", "Customers ranked in the latest quantiles version.", registry=registry
        )
        self.version = Gauge(
            "stream_rfm_quantiles_version", "The latest quantiles version.", registry=registry
        )
        self.version_as_of = Gauge(
            "stream_rfm_quantiles_as_of_seconds",
            "The instant that the latest version holds for, in seconds since 1970.",
            registry=registry,
        )
        self.version_age = Gauge(
            "stream_rfm_quantiles_age_seconds", "Time since the latest version arrived.", registry=registry
        )
        self.recovery_seconds = Histogram(
            "stream_rfm_recovery_seconds",
            "Duration of taking partitions over, from assignment to reading on.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.recovered_records = Counter(
            "stream_rfm_recovered_records", "Changelog records read in recoveries.", registry=registry
        )
        self.recovery = RecoveryCollector()
        registry.register(self.recovery)
        self.snapshots = Counter(
            "stream_rfm_snapshots", "Local snapshots, by what became of them.", ["result"], registry=registry
        )
        self.snapshots_refused = Counter(
            "stream_rfm_snapshots_refused",
            "Local snapshots that were not used, by reason.",
            ["reason"],
            registry=registry,
        )
        self.snapshot_seconds = Histogram(
            "stream_rfm_snapshot_seconds",
            "Duration of writing a partition's snapshot.",
            buckets=_LATENCIES,
            registry=registry,
        )
        self.snapshot_bytes = Counter(
            "stream_rfm_snapshot_bytes", "Written as local snapshots.", registry=registry
        )
        self.topic_differences = Gauge(
            "stream_rfm_topic_differences",
            "What was otherwise on a topic at the start than it should be.",
            ["topic"],
            registry=registry,
        )
        self.lost_records = Counter(
            "stream_rfm_lost_records",
            "Records deleted from the topic before they were counted.",
            registry=registry,
        )
        self.cache_writes = Counter(
            "stream_rfm_cache_writes", "Customers written to Redis.", registry=registry
        )
        self.cache_errors = Counter(
            "stream_rfm_cache_errors", "Failed attempts to write to Redis.", registry=registry
        )
        self.cache_pending = Gauge(
            "stream_rfm_cache_pending", "Customers not yet written to Redis.", registry=registry
        )
        self.cache_sampled = Counter(
            "stream_rfm_cache_sampled",
            "Customers whose keys were compared with the state.",
            registry=registry,
        )
        self.cache_divergent = Counter(
            "stream_rfm_cache_divergent", "Those of them whose keys said something else.", registry=registry
        )
        self.cache_swept = Counter(
            "stream_rfm_cache_swept",
            "Customers whom Redis held and no table, and whose keys were deleted.",
            registry=registry,
        )
        self.partitions = PartitionCollector()
        registry.register(self.partitions)
