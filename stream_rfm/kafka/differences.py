"""What is otherwise on a topic than it has to be, and whether a worker can live with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stream_rfm.kafka.topics import Topic
from stream_rfm.settings import Settings, variable

_FOR_EVER = "-1"
_AT_LEAST = frozenset(
    {
        "delete.retention.ms",
        "max.message.bytes",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "retention.ms",
    }
)
_AT_MOST = frozenset({"max.compaction.lag.ms", "min.cleanable.dirty.ratio", "segment.bytes"})


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is.

    Attributes:
        partitions: how many it has.
        replicas: of the partition that has fewest.
        configs: its settings, those that the broker chose among them.
    """

    partitions: int
    replicas: int
    configs: Mapping[str, str]


def differences(topic: Topic, found: Found, replication: int) -> tuple[str, ...]:
    """What differs, each as ``what: is, not should``."""
    said = []
    if found.partitions != topic.partitions:
        said.append(f"partitions: {found.partitions}, not {topic.partitions}")
    if found.replicas != replication:
        said.append(f"replication: {found.replicas}, not {replication}")
    wanted = topic.configs | topic.expected
    return (*said, *(_said(key, found, wanted[key]) for key in wanted if not _fits(key, found, wanted[key])))


def refusal(topic: Topic, found: Found, settings: Settings) -> str | None:
    """Why no worker may start with this topic, and what to do, in a sentence; ``None`` where one may."""
    if found.partitions != topic.partitions:
        return (
            f"Topic {topic.name} has {found.partitions} partitions, not {topic.partitions}, and customers "
            f"would be in other ones than their state: set {variable('topics.partitions')} to what it has, "
            f"or use topics of another {variable('topics.prefix')}."
        )
    for key, harm in topic.vital.items():
        wanted = topic.configs[key]
        if not _fits(key, found, wanted):
            return (
                f"Topic {topic.name} has {_said(key, found, wanted)}, and so {harm}: set it right with "
                f"`kafka-configs.sh --bootstrap-server {settings.kafka.bootstrap_servers} --alter "
                f"--topic {topic.name} --add-config {key}={wanted}`."
            )
    return None


def _said(key: str, found: Found, wanted: str) -> str:
    bound = " or more" if key in _AT_LEAST else " or less" if key in _AT_MOST else ""
    return f"{key}: {found.configs.get(key)}, not {wanted}{bound}"


def _fits(key: str, found: Found, wanted: str) -> bool:
    value = found.configs.get(key)
    if value is None:
        return False
    if key in _AT_LEAST:
        return value == _FOR_EVER or int(value) >= int(wanted)
    if key in _AT_MOST:
        return float(value) <= float(wanted)
    return set(value.split(",")) == set(wanted.split(","))
