"""The writer and its collaborators as the app wires them, without Faust: a test hands it what is read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from stream_rfm.configured import clock_of, intake_of, rules_of
from stream_rfm.kafka.topics import topics_of
from stream_rfm.model import instant
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.serve.metrics import Metrics
from stream_rfm.settings import Settings
from stream_rfm.stream.accounts import Accounts
from stream_rfm.stream.gathering import Gathering
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.publication import Publication
from stream_rfm.stream.takeover import Takeover
from stream_rfm.stream.transaction import Transactions
from stream_rfm.stream.version_follower import VersionFollower
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.writer import Writer

AT = "2025-01-01T12:00:00Z"


class Record(NamedTuple):
    """A record of the orders topic, as it is read."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 1_735_732_800_000


def order(offset: int, customer: str, **fields: object) -> Record:
    """An order of a customer; its id is its offset, so that none is a duplicate."""
    said = {"customer_id": customer, "order_id": f"o{offset}", "amount": "10", "ts": AT} | fields
    return Record(offset, customer.encode(), json.dumps(said).encode())


def heartbeat(offset: int, ts: str) -> Record:
    return Record(offset, None, json.dumps({"type": "heartbeat", "ts": ts}).encode())


class Parts:
    """One worker's parts."""

    def __init__(self, settings: Settings, name: str) -> None:
        rules, self.clock = rules_of(settings), clock_of(settings)
        self.rules, self.topics, self.settings = rules, topics_of(settings), settings
        self.metrics = Metrics()
        self.versions = VersionLog(self.clock)
        self.merging = Merging(rules, self.clock, settings.topics.partitions)
        self.transactions = Transactions(settings.kafka, settings.app_id, f"{settings.app_id}-{name}")
        self.cache = SegmentCache(settings.redis, settings.app_id, self.metrics, self._wake)
        self.writer = Writer(
            transactions=self.transactions,
            gathering=Gathering(self.topics, Publication(rules, settings.app_id)),
            merging=self.merging,
            versions=self.versions,
            cache=self.cache,
            accounts=Accounts(self.metrics, rules.grid),
            app_id=settings.app_id,
            intake=lambda now: intake_of(settings, now),
            commit_ms=settings.commit_ms,
        )
        self.failures = 0
        self.paused: list[int] = []
        self.resumed: list[int] = []
        self.writer.on_failure = self._failed
        self.writer.holding_back.pause = self.paused.append
        self.writer.holding_back.resume = self.resumed.append
        self.follower = VersionFollower(
            settings.kafka,
            self.topics.quantiles.name,
            self.writer.take_version,
            from_latest=not self.clock.waits,
        )
        self.takeover = Takeover(
            settings=settings,
            rules=rules,
            clock=self.clock,
            topics=self.topics,
            versions=self.versions,
            follower=self.follower,
            merging=self.merging,
            cache=self.cache,
            metrics=self.metrics,
        )

    @property
    def lanes(self):
        return self.writer.lanes

    async def take_over(self, member: Membership, *wanted: int, merge: bool = False) -> None:
        """What a recovery does: read state back, then write in the name of a member."""
        self.writer.leave()
        await self.takeover.run(self.lanes, set(wanted), merge=merge)
        self.writer.join(member)

    async def count(self, member: Membership, partition: int, *run: Record) -> None:
        """One cycle of the writer, with some records read."""
        if run:
            self.writer.take_orders(partition, list(run), member.generation)
        await self.writer._cycle(member)

    def value(self, name: str, **labels: str) -> float:
        """A metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def _wake(self) -> None:
        self.writer.wake()

    def _failed(self) -> None:
        self.failures += 1


@asynccontextmanager
async def parts_of(settings: Settings, name: str = "one") -> AsyncIterator[Parts]:
    """The parts of a worker, with a producer and with a follower of the versions."""
    parts = Parts(settings, name)
    await parts.transactions.start()
    await parts.follower.start()
    try:
        yield parts
    finally:
        await parts.follower.stop()
        await parts.transactions.stop()
        await parts.cache.close()


def day(number: float) -> str:
    """An instant so many days after the first day began."""
    return instant.iso(instant.parse("2025-01-01T00:00:00Z") + round(number * instant.DAY))
