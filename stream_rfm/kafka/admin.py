"""Kafka's administration client, opened from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, for_code

from stream_rfm.kafka.connection import for_kafka_python
from stream_rfm.kafka.telling_client import REFUSALS, TellingClient
from stream_rfm.settings import KafkaSettings, variable

# Whoever starts something by hand should not look at nothing for longer.
_LONGEST_SECONDS = 10.0
_UNKNOWN_TOPIC = 3
_NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"


class KafkaUnavailableError(Exception):
    """Kafka cannot be reached; the message says where it was looked for and what to do."""


class KafkaRefusesError(Exception):
    """Kafka does not take what this user says of itself; the message names the settings."""


@contextmanager
def admin_client(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client that is connected; closed at the end.

    Raises:
        KafkaUnavailableError: no broker answers.
        KafkaRefusesError: one answers, and lets nobody in with this name and password.
    """
    admin = _connected(kafka)
    try:
        yield admin
    finally:
        admin.close()


def _connected(kafka: KafkaSettings) -> KafkaAdminClient:
    seconds = min(_LONGEST_SECONDS, kafka.request_timeout_seconds)
    clients: list[TellingClient] = []

    def client(**configuration: Any) -> TellingClient:
        clients.append(TellingClient(**configuration))
        return clients[-1]

    try:
        return KafkaAdminClient(
            kafka_client=client,
            bootstrap_timeout_ms=round(seconds * 1000),
            request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
            **for_kafka_python(kafka),
        )
    except (KafkaError, OSError, ValueError) as error:
        reason: Exception = error
        for each in clients:
            each.give_up()
            reason = each.reason or error
        raise _said(kafka, reason) from None


def _said(kafka: KafkaSettings, error: Exception) -> KafkaUnavailableError | KafkaRefusesError:
    where, reason = f"Kafka at {kafka.bootstrap_servers}", _reason(error)
    if isinstance(error, REFUSALS):
        user, password, mechanism = (
            variable(f"kafka.sasl_{name}") for name in ("username", "password", "mechanism")
        )
        return KafkaRefusesError(
            f"{where} refuses the password of user {kafka.sasl_username}: {reason}. Correct {user}, "
            f"{password} or {mechanism}."
        )
    if _NOT_TRUSTED in reason:
        return KafkaUnavailableError(
            f"{where} is not trusted: {reason}. Name a file with the certificate of who signed its own in "
            f"{variable('kafka.ssl_cafile')}."
        )
    return KafkaUnavailableError(
        f"{where} does not answer: {reason}. Start it, or name another one in "
        f"{variable('kafka.bootstrap_servers')}."
    )


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
