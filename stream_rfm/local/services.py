"""Kafka and Valkey together, as the demo, developers and tests need them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.named import NamedServices
from stream_rfm.local.service import Service
from stream_rfm.local.valkey import ValkeyServer
from stream_rfm.settings import variable

_NOTHING_NAMED = NamedServices()


@dataclass(frozen=True)
class Endpoints:
    """Where the services are reached."""

    bootstrap_servers: str
    redis_url: str = field(repr=False)  # that of a named Redis may hold a password

    def environment(self) -> dict[str, str]:
        """The environment variables that lead stream-rfm to these services."""
        return {
            variable("kafka.bootstrap_servers"): self.bootstrap_servers,
            variable("redis.url"): self.redis_url,
        }


class LocalServices:
    """A Kafka and a Valkey of one's own, which die with this process; or the ones that were named.

    Args:
        folder: where their data and logs are; made when missing.
        named: what runs elsewhere and is used instead: :meth:`NamedServices.of` the settings.
        kafka_port: where Kafka listens; None for a free port.
        kafka_long_lived: whether Kafka is to run for longer than minutes, see :class:`KafkaBroker`.
        valkey_port: where Valkey listens; None for a free port.
        valkey_save: when Valkey writes a snapshot; never when empty.
    """

    def __init__(
        self,
        folder: Path,
        named: NamedServices = _NOTHING_NAMED,
        *,
        kafka_port: int | None = None,
        kafka_long_lived: bool = False,
        valkey_port: int | None = None,
        valkey_save: str = "",
    ) -> None:
        self._named = named
        self._kafka = named.kafka or KafkaBroker(
            folder / "kafka", port=kafka_port, long_lived=kafka_long_lived
        )
        self._redis = named.redis or ValkeyServer(folder / "valkey", port=valkey_port, save=valkey_save)

    @property
    def kafka(self) -> KafkaBroker | None:
        """The broker that is started here; None when one was named."""
        return self._kafka if isinstance(self._kafka, KafkaBroker) else None

    @property
    def valkey(self) -> ValkeyServer | None:
        """The Valkey that is started here; None when a Redis was named."""
        return self._redis if isinstance(self._redis, ValkeyServer) else None

    @property
    def own(self) -> list[Service]:
        """The services that are started and stopped here, not the named ones."""
        return [service for service in (self.valkey, self.kafka) if service is not None]

    @property
    def endpoints(self) -> Endpoints:
        """Where the services are reached; final once they have been started."""
        redis = self._redis
        url = redis.url if isinstance(redis, ValkeyServer) else redis.url.get_secret_value()
        return Endpoints(self._kafka.bootstrap_servers, url)

    def start(self) -> None:
        """Start both, one after the other: Valkey is up in a tenth of a second.

        Raises:
            ServiceError: one cannot be started, or a named one does not answer; nothing runs then.
        """
        self._named.check()
        try:
            for service in self.own:
                service.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what was started here, in good order."""
        for service in self.own:
            service.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
