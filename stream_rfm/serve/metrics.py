"""Metrics of one worker, in a registry of their own. No customer id is ever a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_rfm.serve.bulk_histogram import BulkHistogram
from stream_rfm.serve.partition_metrics import PartitionCollector
from stream_rfm.serve.recovery_metrics import RecoveryCollector

_LATENCIES = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 60.0)


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
