"""The composition root: everything is made and wired here, in the order in which data flows.

``faust -A stream_rfm.app agents`` and the like find the app as ``app``, made from the environment's settings.
``docs/decisions/0001-layout.md`` says why nothing else makes its own collaborators.
"""

from __future__ import annotations

import logging
import socket
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import faust
from faust.app.base import BootStrategy as StartOrder
from faust.types import TP
from mode import ServiceT

from stream_rfm.configured import FUTURE, clock_of, intake_of, rules_of
from stream_rfm.kafka import connection
from stream_rfm.kafka.topics import LARGEST_RECORD, TABLE, Topics, topics_of
from stream_rfm.serve.background import Background
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.serve.http import HealthServer
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import KafkaSettings, Settings, load
from stream_rfm.stream.accounts import Accounts
from stream_rfm.stream.customer_table import CustomerTable
from stream_rfm.stream.gathering import Gathering
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.named_member import say_names
from stream_rfm.stream.partition_facts import facts_of
from stream_rfm.stream.publication import Publication
from stream_rfm.stream.recovery import StateRecovery, StateTables
from stream_rfm.stream.snapshot_writing import SnapshotWriting
from stream_rfm.stream.snapshots import Snapshots
from stream_rfm.stream.takeover import Takeover
from stream_rfm.stream.transaction import Transactions
from stream_rfm.stream.transport import BatchConsumer, transport_of
from stream_rfm.stream.version_follower import VersionFollower
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.writer import Writer

log = logging.getLogger(__name__)

_MAX_POLL_RECORDS = 8_000
_FETCH_BYTES = 4 << 20
# By its heartbeat a worker hears that partitions move: until then nobody takes them over.
_HEARTBEAT_SECONDS = 0.5
# After so long partitions that were added are seen, and end the worker; Kafka's default is five minutes.
_METADATA_MS = 30_000


class ScorerApp(faust.App):
    """The Faust app, with the services of a scorer started before its consumer and stopped after it."""

    #: Made by :func:`create_app`.
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


def create_app(settings: Settings) -> ScorerApp:
    """The scorer as the settings want it.

    Raises:
        SettingsError: the settings do not fit together.
    """
    rules, clock, topics = rules_of(settings), clock_of(settings), topics_of(settings)
    intake = intake_of(settings, 0)
    metrics = Metrics()
    app = _faust_app(settings)

    # orders → decode → fold → score → transition → commit → cache
    versions = VersionLog(clock)
    merging = Merging(rules, clock, settings.topics.partitions)
    publication = Publication(rules, settings.app_id)
    transactions = Transactions(settings.kafka, settings.app_id, f"{settings.app_id}-{uuid.uuid4().hex}")
    # The writer is made below; the cache calls it once it runs.
    cache = SegmentCache(settings.redis, settings.app_id, metrics, lambda: app.writer.wake())  # noqa: PLW0108 - see above
    writer = app.writer = Writer(
        transactions=transactions,
        gathering=Gathering(topics, publication),
        merging=merging,
        versions=versions,
        cache=cache,
        accounts=Accounts(metrics, rules.grid),
        app_id=settings.app_id,
        intake=lambda now: replace(intake, latest=now + FUTURE),
        commit_ms=settings.commit_ms,
    )
    follower = VersionFollower(
        settings.kafka, topics.quantiles.name, writer.take_version, from_latest=not clock.waits
    )
    snapshots = _snapshots(settings, topics, metrics)
    takeover = Takeover(
        settings=settings,
        rules=rules,
        clock=clock,
        topics=topics,
        versions=versions,
        follower=follower,
        merging=merging,
        cache=cache,
        metrics=metrics,
        snapshots=snapshots,
    )

    _wire_faust(app, settings.kafka, topics, takeover, transactions)
    _wire_metrics(app, metrics, topics, snapshots)
    app.metrics = metrics
    app.health = HealthServer(settings, metrics, lambda: writer.member is not None)
    app.scorer_services = (
        app.health,
        Background("transactions", transactions.start, transactions.close),
        Background("cache", run=cache.run, stop=cache.close),
        follower,
        # Stopped when the writer has stopped: what it left is what is kept.
        *_writing(snapshots, writer, settings),
        writer,
    )
    _declare_agents(app, topics)
    return app


def _snapshots(settings: Settings, topics: Topics, metrics: Metrics) -> Snapshots | None:
    if not settings.snapshot_seconds:
        return None
    return Snapshots(
        kafka=settings.kafka,
        app_id=settings.app_id,
        topic=topics.changelog.name,
        data_dir=settings.data_dir,
        metrics=metrics,
    )


def _writing(snapshots: Snapshots | None, writer: Writer, settings: Settings) -> list[ServiceT]:
    if snapshots is None:
        return []
    writing = SnapshotWriting(snapshots, writer, settings.snapshot_seconds)
    return [Background("snapshots", run=writing.run, stop=writing.stop)]


def _faust_app(settings: Settings) -> ScorerApp:
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


def _wire_faust(
    app: ScorerApp, kafka: KafkaSettings, topics: Topics, takeover: Takeover, transactions: Transactions
) -> None:
    writer = app.writer
    orders, summaries = topics.orders.name, topics.summaries.name

    def positions() -> dict[TP, int]:
        places = {TP(orders, number): lane.partition.position for number, lane in writer.lanes.items()}
        if takeover.merging.active:
            places[TP(summaries, 0)] = takeover.merging.position
        return places

    say_names(lambda: app.on_fenced())  # noqa: PLW0108 - it is set later
    recovery = cast(StateRecovery, cast(Any, app.tables).recovery)
    app.transport = transport_of(app, kafka, positions, recovery.reload)
    recovery.writer = writer
    recovery.orders_topic, recovery.summaries_topic = orders, summaries
    recovery.renew = transactions.renew
    recovery.take_over = lambda wanted, *, merge: takeover.run(writer.lanes, wanted, merge=merge)

    def consumer() -> BatchConsumer:
        return cast(BatchConsumer, app.consumer)

    recovery.membership = lambda: consumer().membership()
    recovery.forget = lambda: takeover.let_go(writer.lanes, writer.lanes.keys())
    writer.on_failure = recovery.reload
    writer.pause = lambda number: consumer().pause_partitions({TP(orders, number)})
    writer.resume = lambda number: consumer().resume_partitions({TP(orders, number)})

    @app.on_partitions_revoked.connect
    async def revoked(*_: Any, **__: Any) -> None:
        # What is in flight is committed under the old generation; nothing new begins.
        recovery.interrupt()
        await writer.finish()


def _wire_metrics(app: ScorerApp, metrics: Metrics, topics: Topics, snapshots: Snapshots | None) -> None:
    def end_of(partition: int) -> int | None:
        with suppress(Exception):  # between two assignments there is none
            return cast(int | None, app.consumer.highwater(TP(topics.orders.name, partition)))
        return None

    def snapshot_age(partition: int) -> float | None:
        return None if snapshots is None else snapshots.age(partition)

    metrics.partitions.source = lambda: facts_of(app.writer.lanes, end_of, snapshot_age)


def _declare_agents(app: ScorerApp, topics: Topics) -> None:
    orders = app.topic(topics.orders.name, key_type=bytes, value_type=bytes)
    summaries = app.topic(topics.summaries.name, key_type=bytes, value_type=bytes)
    table = app.Table(
        TABLE,
        partitions=topics.orders.partitions,
        changelog_topic=app.topic(topics.changelog.name, key_type=bytes, value_type=bytes),
        help="Every customer's current segment; state in columns, changelog in blocks.",
    )
    cast(CustomerTable, table).lanes = app.writer.lanes

    @app.agent(orders, name="score")
    async def score(stream: Any) -> None:
        """Counts orders and scores their customers."""
        async for event in stream.noack().events():
            message = cast(Any, event.message)
            for partition, run in message.value:
                app.writer.take_orders(partition, run, message.generation_id)

    @app.agent(summaries, name="merge")
    async def merge(stream: Any) -> None:
        """Makes quantiles versions out of what partitions report."""
        async for event in stream.noack().events():
            message = cast(Any, event.message)
            for _, run in message.value:
                app.writer.take_reports(run, message.generation_id)


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


def __getattr__(name: str) -> Any:
    if name == "app":
        made = globals()["app"] = create_app(load())
        return made
    raise AttributeError(name)
