"""Which topic it is that has a name now, and how long its tombstones stay."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from kafka.admin import ConfigResource, ConfigResourceType

from stream_rfm.kafka.admin import admin_client
from stream_rfm.settings import KafkaSettings

_TOMBSTONES = "delete.retention.ms"


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """A topic, rather than its name.

    Attributes:
        topic_id: another one for each topic that ever had the name; ``None`` from brokers older than 2.8.
        delete_retention_ms: so long a tombstone stays at least, in milliseconds.
    """

    topic_id: str | None
    delete_retention_ms: int


def identity_of(kafka: KafkaSettings, topic: str) -> TopicIdentity:
    """Ask which topic it is. It blocks: a caller with an event loop hands it to a thread.

    Raises:
        KafkaUnavailableError: no broker answers.
        KafkaError: the broker does not say.
    """
    with admin_client(kafka) as admin:
        [found] = admin.describe_topics([topic])
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, [_TOMBSTONES])
        configs = admin.describe_configs([asked], config_filter="all")["topic"][topic]
    topic_id = str(found.get("topic_id") or uuid.UUID(int=0))
    known = topic_id != str(uuid.UUID(int=0))
    return TopicIdentity(topic_id if known else None, int(configs[_TOMBSTONES]["value"]))
