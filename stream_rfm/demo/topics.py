"""The topics of one run: created for it, and removed from a Kafka that outlives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError

from stream_rfm.kafka.admin import KafkaUnavailableError, admin_client
from stream_rfm.kafka.declare import declare
from stream_rfm.kafka.topics import topics_of
from stream_rfm.settings import Settings


@contextmanager
def own_topics(settings: Settings, say: Callable[[str], None], *, remove: bool) -> Iterator[None]:
    """Create the topics.

    Args:
        settings: which ones, and where.
        say: told when they could not be removed.
        remove: whether to remove them afterwards.

    Raises:
        KafkaUnavailableError: no broker answers.
        TopicsError: a topic cannot be created.
    """
    try:
        declare(settings)
        yield
    finally:
        if remove:
            _remove(settings, say)


def _remove(settings: Settings, say: Callable[[str], None]) -> None:
    try:
        with admin_client(settings.kafka) as admin:
            admin.delete_topics([topic.name for topic in topics_of(settings).all()])
    except (KafkaUnavailableError, KafkaError) as error:
        say(f"The topics {settings.topics.prefix}* are left on Kafka, which did not remove them: {error}")
