"""Records of a compacted topic that are gone, as somebody has turned it into one that loses records."""

from __future__ import annotations

from broker import eventually
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import PolicyViolationError

from stream_rfm.kafka.admin import admin_client
from stream_rfm.settings import KafkaSettings


def lose(kafka: KafkaSettings, topic: str, before: int) -> None:
    """Have the records of the first partition before an offset go."""
    with admin_client(kafka) as admin:
        deletes = ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": "delete"})
        admin.alter_configs([deletes])
        # The partition hears of it a moment later.
        assert eventually(lambda: _are_gone(admin, TopicPartition(topic, 0), before))


def _are_gone(admin: KafkaAdminClient, place: TopicPartition, before: int) -> bool:
    try:
        admin.delete_records({place: before})
    except PolicyViolationError:
        return False
    return True
