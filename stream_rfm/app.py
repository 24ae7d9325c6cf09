"""The composition root: everything is made and wired here, in the order in which data flows.

``faust -A stream_rfm.app agents`` and the like find the app as ``app``, made from the environment's settings.
``docs/decisions/0001-layout.md`` says why nothing else makes its own collaborators.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from faust.types import TP
from mode import ServiceT

from stream_rfm.configured import FUTURE, clock_of, intake_of, rules_of
from stream_rfm.kafka.topics import TABLE, Topics, topics_of
from stream_rfm.serve.background import Background
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.serve.http import HealthServer
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import KafkaSettings, Settings, load
from stream_rfm.stream.accounts import Accounts
from stream_rfm.stream.customer_table import CustomerTable
from stream_rfm.stream.faust_app import ScorerApp, faust_app_of
from stream_rfm.stream.gathering import Gathering
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.named_member import say_names
from stream_rfm.stream.partition_facts import facts_of
from stream_rfm.stream.publication import Publication
from stream_rfm.stream.recovery import StateRecovery
from stream_rfm.stream.snapshot_writing import SnapshotWriting
from stream_rfm.stream.snapshots import Snapshots
from stream_rfm.stream.takeover import Takeover
from stream_rfm.stream.transaction import Transactions
from stream_rfm.stream.transport import BatchConsumer, transport_of
from stream_rfm.stream.version_follower import VersionFollower
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.writer import Writer


def create_app(settings: Settings) -> ScorerApp:
    """The scorer as the settings want it.

    Raises:
        SettingsError: the settings do not fit together.
    """
    rules, clock, topics = rules_of(settings), clock_of(settings), topics_of(settings)
    intake = intake_of(settings, 0)
    metrics = Metrics()
    app = faust_app_of(settings)

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
    writer.holding_back.pause = lambda number: consumer().pause_partitions({TP(orders, number)})
    writer.holding_back.resume = lambda number: consumer().resume_partitions({TP(orders, number)})

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


def __getattr__(name: str) -> Any:
    if name == "app":
        made = globals()["app"] = create_app(load())
        return made
    raise AttributeError(name)
