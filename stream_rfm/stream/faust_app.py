"""The Faust app: our settings in Faust's words, and where our services have their place among its own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

import faust
from faust.app.base import BootStrategy as StartOrder
from mode import ServiceT

from stream_rfm.kafka import connection
from stream_rfm.kafka.topics import LARGEST_RECORD
from stream_rfm.serve.http import HealthServer
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import KafkaSettings, Settings
from stream_rfm.stream.customer_table import CustomerTable
from stream_rfm.stream.recovery import StateTables
from stream_rfm.stream.writer import Writer

_MAX_POLL_RECORDS = 8_000
_FETCH_BYTES = 4 << 20
# By its heartbeat a worker hears that partitions move: until then nobody takes them over.
_HEARTBEAT_SECONDS = 0.5
# aiokafka would leave the group when nothing was fetched through it for so long, and not join again before
# something is; records are not fetched through it, and orders may be away for longer than any bound.
_LONGEST_IDLE_SECONDS = 1e9
# After so long partitions that were added are seen, and end the worker; Kafka's default is five minutes.
_METADATA_MS = 30_000


class ScorerApp(faust.App):
    """The Faust app, with the services of a scorer started before its consumer and stopped after it."""

    #: Made by :func:`stream_rfm.app.create_app`.
    writer: Writer
    metrics: Metrics
    health: HealthServer
    scorer_services: tuple[ServiceT, ...]
    #: Set by whoever runs it: what to do when another process has joined under this one's name.
    on_fenced: Callable[[], None]

    def _create_directories(self) -> None:
        """Make none: Faust would keep its tables there, and ours are in memory and in the changelog."""

    async def _on_agent_error(self, _: Any, error: BaseException) -> None:
        """End: Faust would go on with what comes next, and what the agent was handed would not count."""
        await self.crash(error)

    class BootStrategy(StartOrder):  # noqa: D106 - Faust's name for the order of services
        def server(self) -> Iterable[ServiceT]:
            """Faust's own services, with ours between the producer and the consumer."""
            app = cast(ScorerApp, self.app)
            return self._chain(
                self.sensors(),
                self.kafka_producer(),
                app.scorer_services,
                self.kafka_consumer(),
                self.agents(),
                self.kafka_conductor(),
                self.tables(),
            )


def faust_app_of(settings: Settings) -> ScorerApp:
    """An app without services, topics or agents."""
    kafka = settings.kafka
    app = ScorerApp(
        settings.app_id,
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka),
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        topic_partitions=settings.topics.partitions,
        topic_replication_factor=settings.topics.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        web_enabled=False,
        canonical_url=f"http://{kafka.instance_id or socket.gethostname()}:{settings.metrics_port}",
        consumer_group_instance_id=kafka.instance_id,
        stream_wait_empty=False,
        stream_recovery_delay=0,
        worker_redirect_stdouts=False,
        broker_max_poll_records=_MAX_POLL_RECORDS,
        broker_max_poll_interval=_LONGEST_IDLE_SECONDS,
        consumer_metadata_max_age_ms=_METADATA_MS,
        broker_session_timeout=kafka.session_timeout_seconds,
        broker_rebalance_timeout=kafka.session_timeout_seconds,
        broker_heartbeat_interval=min(_HEARTBEAT_SECONDS, kafka.session_timeout_seconds / 4),
        broker_request_timeout=max(kafka.request_timeout_seconds, kafka.session_timeout_seconds + 5),
        consumer_max_fetch_size=max(_FETCH_BYTES, LARGEST_RECORD // 4),
        producer_max_request_size=LARGEST_RECORD,
        TableManager=StateTables,
        Table=CustomerTable,
    )
    app.finalize()
    return app


def _credentials(kafka: KafkaSettings) -> Any:
    context = connection.ssl_context(kafka)
    if kafka.sasl_mechanism is not None:
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value() if kafka.sasl_password else None,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
