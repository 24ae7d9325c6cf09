"""Taking partitions over: wait until nothing is pending on them, then read their state back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from stream_rfm.kafka.admin import admin_client, partitions_of
from stream_rfm.kafka.topics import Topics
from stream_rfm.model import instant
from stream_rfm.model.rules import Rules
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.serve.marks import Table
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.redis_calls import Held
from stream_rfm.settings import Settings, variable
from stream_rfm.stream.changelog import Changelog
from stream_rfm.stream.committed import stable_offsets
from stream_rfm.stream.edges import edges
from stream_rfm.stream.first_report import first_report
from stream_rfm.stream.going_on import Bounds, go_on
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.overtaken import check_ends
from stream_rfm.stream.segment_values import SegmentValues
from stream_rfm.stream.snapshots import Loaded, Snapshots
from stream_rfm.stream.version_follower import VersionFollower
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.stream.writer import now
from stream_rfm.table.clock import Clock
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError, Restore
from stream_rfm.table.snapshot import SnapshotError

log = logging.getLogger(__name__)

# State of so many partitions is read at once: more would only wait for the same core.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class _Restored:
    """A lane with its state back.

    Attributes:
        lane: the lane.
        restore: what it was made of.
        held: what Redis says that it holds of it, where that can be relied on.
        replaces: whether what Redis holds is of another changelog.
    """

    lane: Lane
    restore: Restore
    held: Held | None
    replaces: bool


class Takeover:
    """Makes the lanes of a worker those of its assignment."""

    def __init__(  # noqa: PLR0913 - the composition root hands it its collaborators
        self,
        *,
        settings: Settings,
        rules: Rules,
        clock: Clock,
        topics: Topics,
        versions: VersionLog,
        follower: VersionFollower,
        merging: Merging,
        cache: SegmentCache,
        metrics: Metrics,
        snapshots: Snapshots | None = None,
    ) -> None:
        """Prepare to take over; ``snapshots`` are where state is found on this machine, if anywhere."""
        self._kafka = settings.kafka
        self._group = settings.app_id
        self._rules = rules
        self._values = SegmentValues(rules)
        self._clock = clock
        self._topics = topics
        self._versions = versions
        self._follower = follower
        #: Makes the versions, where this worker is the one to do so.
        self.merging = merging
        self._cache = cache
        self._metrics = metrics
        self._snapshots = snapshots
        self._changelog = Changelog(settings.kafka, topics.changelog.name)

    async def run(self, lanes: dict[int, Lane], wanted: set[int], *, merge: bool) -> None:
        """Take over what is wanted and was not there, and let go of the rest.

        Args:
            lanes: the lanes there are; changed in place.
            wanted: the partitions assigned.
            merge: whether this worker is the one to make versions.

        Raises:
            ChangelogError: the state does not go with the topics that are there.
            OvertakenError: a partition was written meanwhile.
        """
        started = time.monotonic()
        for number in set(lanes) - wanted:
            self._let_go(lanes, number)
        await asyncio.to_thread(self._check_partitions)
        places = [(self._topics.orders.name, number) for number in sorted(wanted)]
        places.append((self._topics.summaries.name, 0))
        committed = await asyncio.to_thread(stable_offsets, self._kafka, self._group, places)
        if merge:
            await self._follower.caught_up()
            reports = self._topics.summaries.name
            first = await first_report(self._kafka, reports, committed.get((reports, 0)))
            self.merging.start(self._versions.latest, first)
        else:
            self.merging.stop()
        if not wanted:
            return
        asked_at = now()
        firsts, ends = await edges(self._kafka, self._topics.changelog.name, sorted(wanted))
        for number in set(lanes) & wanted:
            if not self._still_ours(lanes[number], committed, ends[number]):
                self._let_go(lanes, number)
        missing = sorted(wanted - set(lanes))
        if missing:
            await self._read_back(lanes, missing, committed, firsts, ends, asked_at)
        for number in wanted:
            lanes[number].settled_at = asked_at
        if missing:
            seconds = time.monotonic() - started
            self._metrics.recovery_seconds.observe(seconds)
            log.info("took partitions over", extra={"partitions": missing, "seconds": round(seconds, 3)})

    async def _read_back(
        self,
        lanes: dict[int, Lane],
        numbers: list[int],
        committed: Mapping[tuple[str, int], int],
        firsts: Mapping[int, int],
        ends: Mapping[int, int],
        asked_at: int,
    ) -> None:
        """Make lanes of partitions, some at a time."""
        if self._snapshots is not None:
            await self._snapshots.identify()
        bounds, held = await asyncio.gather(self._bounds(numbers, committed), self._cache.held(numbers))
        await check_ends(self._kafka, self._topics.changelog.name, self._group, held, ends)
        for start in range(0, len(numbers), _AT_ONCE):
            group = numbers[start : start + _AT_ONCE]
            restored = await asyncio.gather(
                *(self._restored(n, firsts[n], ends[n], bounds[n], held.get(n)) for n in group)
            )
            # Nothing is waited for in between: a takeover that is interrupted leaves what it has whole.
            for each in restored:
                self._adopt(each, asked_at)
                lanes[each.lane.number] = each.lane

    def _check_partitions(self) -> None:
        """See whether customers are still in the partitions that their state is in."""
        orders = self._topics.orders
        with admin_client(self._kafka) as admin:
            found = partitions_of(admin, orders.name)
        if found != orders.partitions:
            raise ChangelogError(
                f"Topic {orders.name} has {found or 'no'} partitions by now, not {orders.partitions}, and "
                f"customers would be in other ones than their state: to start anew, choose another "
                f"{variable('app_id')} and {variable('topics.prefix')}."
            )

    def let_go(self, lanes: dict[int, Lane], numbers: Iterable[int]) -> None:
        """Forget the state of some partitions."""
        for number in list(numbers):
            self._let_go(lanes, number)

    def _let_go(self, lanes: dict[int, Lane], number: int) -> None:
        lanes.pop(number, None)
        self._cache.release(number)

    def _still_ours(self, lane: Lane, committed: Mapping[tuple[str, int], int], end: int) -> bool:
        """Whether nobody else has written a partition since this worker did."""
        offset = committed.get((self._topics.orders.name, lane.number), 0)
        return lane.changelog_end == end and lane.partition.position == offset

    async def _bounds(
        self, numbers: list[int], committed: Mapping[tuple[str, int], int]
    ) -> dict[int, Bounds]:
        topic = self._topics.orders.name
        firsts, ends = await edges(self._kafka, topic, numbers)
        return {n: Bounds(firsts[n], ends[n], committed.get((topic, n))) for n in numbers}

    async def _restored(
        self, number: int, first: int, end: int, bounds: Bounds, held: Held | None
    ) -> _Restored:
        # What Redis says of another changelog, or of a longer one, is nothing to go on from, and with offset
        # 0 it says that it was being written anew.
        said = held.watermark if held else None
        ours = said is not None and said.app_id == self._group and said.offset <= end
        recent_from = said.offset if said and ours and said.offset else None
        relied = held if recent_from else None
        try:
            partition, restore = await self._state(number, first, end, recent_from)
        finally:
            self._metrics.recovery.done(number)
        lost = go_on(partition, bounds, has_state=restore.marker is not None)
        if lost:
            self._metrics.lost_records.inc(lost)
            log.error(
                "orders were deleted from the topic before they were counted: its retention is too short",
                extra={"partition": number, "offsets": lost},
            )
        if partition.rules_changed:
            log.info(
                "rules changed; customers are scored again, and orders wait for it",
                extra={"partition": number, "rules": self._rules.fingerprint()},
            )
        lane = Lane(partition, self._versions)
        lane.changelog_end = end
        return _Restored(lane, restore, relied, replaces=held is not None and not ours)

    async def _state(
        self, number: int, first: int, end: int, recent_from: int | None
    ) -> tuple[Partition, Restore]:
        """A partition from its snapshot and what was written since, or else from all of the changelog."""
        loaded = await self._snapshots.load(number, first, end) if self._snapshots is not None else None
        if loaded is not None and self._snapshots is not None:
            try:
                return await self._read(number, end, recent_from, loaded)
            except ChangelogError as error:
                self._snapshots.refuse(number, SnapshotError("unfit", str(error)))
        return await self._read(number, end, recent_from, None)

    async def _read(
        self, number: int, end: int, recent_from: int | None, loaded: Loaded | None
    ) -> tuple[Partition, Restore]:
        restore = await self._changelog.read(
            number,
            end,
            recent_from,
            loaded=loaded,
            on_records=self._metrics.recovered_records.inc,
            on_position=lambda position: self._metrics.recovery.at(number, position, end),
        )
        partition = await asyncio.to_thread(Partition.restored, number, self._rules, self._clock, restore)
        return partition, restore

    def _adopt(self, restored: _Restored, asked_at: int) -> None:
        lane, held = restored.lane, restored.held
        partition, watermark = lane.partition, None
        if restored.restore.marker is not None and lane.changelog_end:
            # All that was committed before that instant is in it, as if its last commit were of then.
            watermark = lane.committed(
                lane.changelog_end - 1, asked_at, self._group, asked_at // instant.MILLISECOND
            )
        store, number = partition.store, partition.number
        customers = store.customers
        ids = list(restored.restore.recent)
        rows = customers.find_ids(ids)
        erased = [customer for customer, row in zip(ids, rows.tolist(), strict=True) if row < 0]
        self._cache.adopt(
            number,
            Table(
                lambda wanted: self._values.of(store, wanted, number),
                lambda wanted: self._values.bulk(store, wanted, number),
                lambda: customers.count,
                customers.find_ids,
            ),
            rows[rows >= 0] if held else np.arange(customers.count),
            erased,
            held,
            watermark=watermark,
            replaces=restored.replaces,
        )
