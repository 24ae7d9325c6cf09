"""Kafka's administration client, opened from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, for_code

from stream_rfm.kafka.connection import for_kafka_python
from stream_rfm.settings import KafkaSettings, variable

# Whoever starts something by hand should not look at nothing for longer.
_LONGEST_SECONDS = 10.0
_UNKNOWN_TOPIC = 3


class KafkaUnavailableError(Exception):
    """Kafka cannot be reached; the message says where it was looked for and what to do."""


@contextmanager
def admin_client(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client that is connected; closed at the end.

    Raises:
        KafkaUnavailableError: no broker answers.
    """
    seconds = min(_LONGEST_SECONDS, kafka.request_timeout_seconds)
    try:
        admin = KafkaAdminClient(
            bootstrap_timeout_ms=round(seconds * 1000),
            request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
            **for_kafka_python(kafka),
        )
    except (KafkaError, OSError, ValueError) as error:
        raise KafkaUnavailableError(
            f"Kafka at {kafka.bootstrap_servers} does not answer: {_reason(error)}. Start it, or "
            f"name another one in {variable('kafka.bootstrap_servers')}."
        ) from None
    try:
        yield admin
    finally:
        admin.close()


def partitions_of(admin: KafkaAdminClient, topic: str) -> int | None:
    """How many partitions a topic has; ``None`` where there is no such topic. Creates none.

    Raises:
        KafkaError: the broker does not say.
    """
    [found] = admin.describe_topics([topic])
    code = found["error_code"]
    if code == _UNKNOWN_TOPIC:
        return None
    if code:
        raise for_code(code)(f"topic {topic}")
    return len(found["partitions"])


def _reason(error: Exception) -> str:
    return str(error).removeprefix(f"{type(error).__name__}: ").rstrip(".") or type(error).__name__
