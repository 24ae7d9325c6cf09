"""Whether a consumer group is one deployment's: two with one ``app_id`` would share partitions and Redis."""

from __future__ import annotations

from kafka import KafkaAdminClient

from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import Settings, SettingsError, variable


def check_group(settings: Settings, admin: KafkaAdminClient) -> None:
    """See whether the group has only ever counted orders of this deployment's topics.

    Raises:
        SettingsError: another deployment uses the group.
        KafkaError: the broker does not say.
    """
    group = settings.app_id
    ours = {topic.name for topic in topics_of(settings).all()}
    theirs = sorted({place.topic for place in admin.list_group_offsets([group])[group]} - ours)
    if theirs:
        topics = "".join(f" --topic {topic}" for topic in theirs)
        raise SettingsError(
            f"The consumer group {group} has read topic {theirs[0]}, which is none of this deployment's: "
            f"choose another {variable('app_id')}, or, if that one is given up, forget it with "
            f"`kafka-consumer-groups.sh --bootstrap-server {settings.kafka.bootstrap_servers} "
            f"--group {group} --delete-offsets{topics}`."
        )
