"""The services that somebody named in the settings: they run elsewhere and are used, not started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from redis import Redis, RedisError

from stream_rfm.local.errors import ServiceError
from stream_rfm.settings import KafkaSettings, RedisSettings, Settings, variable

_KAFKA_SECONDS = 5.0
_START_INSTEAD = "Start it, or do without this setting to have one started here."


@dataclass(frozen=True)
class NamedServices:
    """What to use instead of a service of one's own; None for what nobody named."""

    kafka: KafkaSettings | None = None
    redis: RedisSettings | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those that the settings name; a default names nothing."""
        return cls(
            kafka=settings.kafka if settings.chosen("kafka.bootstrap_servers") else None,
            redis=settings.redis if settings.chosen("redis.url") else None,
        )

    def without(self, *, bootstrap_servers: str, redis_url: str) -> Self:
        """These, but for the ones at these addresses."""
        kafka, redis = self.kafka, self.redis
        return type(self)(
            kafka=None if kafka and kafka.bootstrap_servers == bootstrap_servers else kafka,
            redis=None if redis and redis.url.get_secret_value() == redis_url else redis,
        )

    def check(self) -> None:
        """Make sure that they answer.

        Raises:
            ServiceError: one of them does not.
        """
        if self.kafka:
            _check_kafka(self.kafka)
        if self.redis:
            _check_redis(self.redis)


def _check_kafka(settings: KafkaSettings) -> None:
    from kafka import KafkaAdminClient  # noqa: PLC0415 - takes a third of a second, for a rare case
    from kafka.errors import KafkaError  # noqa: PLC0415 - the same

    seconds = min(_KAFKA_SECONDS, settings.request_timeout_seconds)
    where = f"Kafka at {settings.bootstrap_servers}, named in {variable('kafka.bootstrap_servers')},"
    try:
        KafkaAdminClient(bootstrap_timeout_ms=int(seconds * 1000), **_client_configuration(settings)).close()
    except (KafkaError, OSError, ValueError) as error:
        reason = str(error).removeprefix(f"{type(error).__name__}: ") or type(error).__name__
        raise ServiceError(f"{where} does not answer: {reason}. {_START_INSTEAD}") from None


def _client_configuration(settings: KafkaSettings) -> dict[str, Any]:
    password = settings.sasl_password
    chosen = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "ssl_cafile": settings.ssl_cafile and str(settings.ssl_cafile),
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password and password.get_secret_value(),
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _check_redis(settings: RedisSettings) -> None:
    where = f"Redis, named in {variable('redis.url')},"
    seconds = settings.timeout_seconds
    try:
        with Redis.from_url(settings.url.get_secret_value(), socket_timeout=seconds) as client:
            client.ping()
    except RedisError as error:
        raise ServiceError(f"{where} does not answer: {str(error).rstrip('.')}. {_START_INSTEAD}") from None
