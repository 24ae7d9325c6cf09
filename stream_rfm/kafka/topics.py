"""The topics: their names, how many partitions they have, and the settings that the promises rest on."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_rfm.settings import Settings

#: The name of the customer table in Faust.
TABLE = "customers"

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_MB = 1 << 20
_REPLICAS_OF_PRODUCTION = 3

#: The largest record that anything of ours writes.
LARGEST_RECORD = 16 * _MB


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it has to be.

    Attributes:
        name: in full, with the prefix.
        partitions: how many it must have.
        configs: the settings that matter; what is not named is the broker's choice.
        expected: those that are the shop's choice, with the least that is warned of.
        vital: those of ``configs`` without which no worker starts, and what would happen.
    """

    name: str
    partitions: int
    configs: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    vital: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of a deployment."""

    orders: Topic
    dead_letters: Topic
    transitions: Topic
    segments: Topic
    quantiles: Topic
    summaries: Topic
    changelog: Topic

    def all(self) -> tuple[Topic, ...]:
        """Each of them."""
        return (
            self.orders,
            self.dead_letters,
            self.transitions,
            self.segments,
            self.quantiles,
            self.summaries,
            self.changelog,
        )


def topics_of(settings: Settings) -> Topics:
    """The topics of a deployment; ``docs/decisions/0008-topics.md`` says why they are set so."""
    partitions, prefix = settings.topics.partitions, settings.topics.prefix
    # With fewer in sync than two, what was acknowledged is lost with one broker.
    safe = {"min.insync.replicas": "2"} if settings.topics.replication >= _REPLICAS_OF_PRODUCTION else {}
    deleted, compacted = {"cleanup.policy": "delete", **safe}, {"cleanup.policy": "compact", **safe}
    large = {"max.message.bytes": str(LARGEST_RECORD)}
    too_large = {"max.message.bytes": "a record that is larger would stop its partition for good"}
    return Topics(
        orders=Topic(
            f"{prefix}orders",
            partitions,
            deleted,
            expected={"retention.ms": str(_DAY_MS)},
            vital={"cleanup.policy": "orders would be compacted away before they are counted"},
        ),
        dead_letters=Topic(
            f"{prefix}orders-dead-letters",
            partitions,
            {**deleted, **large},
            vital={"cleanup.policy": "a dead letter without a key would be refused for good", **too_large},
        ),
        transitions=Topic(f"{prefix}segment-transitions", partitions, deleted),
        segments=Topic(f"{prefix}customer-segments", partitions, compacted),
        quantiles=Topic(
            f"{prefix}rfm-quantiles",
            1,
            {**safe, "cleanup.policy": "compact,delete", "retention.ms": str(90 * _DAY_MS)},
        ),
        # Each report replaces the one before: small segments, so that compaction keeps up with them.
        summaries=Topic(
            f"{prefix}rfm-partition-summaries",
            1,
            {**compacted, **large, "segment.bytes": str(64 * _MB)},
            vital=too_large,
        ),
        # An export reads the state as of a version back from here, so that nothing young is compacted away.
        # The rest bounds what a recovery reads beyond the state, in each partition: the segment being written
        # is never compacted, and what is too little to be worth it has to wait, but for an hour at most.
        changelog=Topic(
            f"{prefix}{settings.app_id}-{TABLE}-changelog",
            partitions,
            {
                **compacted,
                **large,
                "segment.bytes": str(32 * _MB),
                "min.cleanable.dirty.ratio": "0.3",
                "min.compaction.lag.ms": str(10 * _MINUTE_MS),
                "max.compaction.lag.ms": str(_HOUR_MS),
                # Whom Redis may still hold is told by the tombstones since its watermark.
                "delete.retention.ms": str(_DAY_MS),
            },
            vital={"cleanup.policy": "the state of customers would be deleted", **too_large},
        ),
    )
