"""Settings as the arguments of the Kafka clients. A password stands in none of their reprs or logs."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_never, wait_exponential

from stream_rfm.settings import KafkaSettings

log = logging.getLogger(__name__)

#: Kafka is looked for so often at least, in seconds.
LONGEST_PAUSE = 5.0


def for_kafka_python(kafka: KafkaSettings) -> dict[str, Any]:
    """Arguments that every client of kafka-python takes."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "security_protocol": kafka.security_protocol,
    }
    if kafka.ssl_cafile is not None:
        arguments["ssl_cafile"] = str(kafka.ssl_cafile)
    return {**arguments, **_sasl(kafka)}


def for_aiokafka(kafka: KafkaSettings) -> dict[str, Any]:
    """Arguments that every client of aiokafka takes."""
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
        "ssl_context": ssl_context(kafka),
        **_sasl(kafka),
    }


def ssl_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """The context for encrypted connections, ``None`` where they are not encrypted."""
    if "SSL" not in kafka.security_protocol:
        return None
    return ssl.create_default_context(cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None)


def until_there() -> AsyncRetrying:
    """Try what a client of aiokafka does again for as long as Kafka is not there, and say so."""
    return AsyncRetrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        wait=wait_exponential(multiplier=0.1, max=LONGEST_PAUSE),
        stop=stop_never,
        before_sleep=say_waiting,
    )


def say_waiting(state: RetryCallState) -> None:
    """Say, between two tries, that Kafka is waited for."""
    error = state.outcome.exception() if state.outcome else None
    log.warning("kafka is not there yet; trying again", extra={"reason": str(error)})


def _sasl(kafka: KafkaSettings) -> dict[str, Any]:
    if kafka.sasl_mechanism is None:
        return {}
    return {
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": kafka.sasl_password.get_secret_value() if kafka.sasl_password else None,
    }
