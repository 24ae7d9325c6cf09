"""The single writer: gathers what all partitions have done and commits it, one transaction at a time.

While a transaction is in flight the next batches gather; :mod:`stream_rfm.stream.due` says when the next
begins. Nothing but :meth:`Writer._cycle` changes state, and what it changed is committed before it changes
anything else: so state is always that of the log, or one transaction ahead.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from mode import Service

from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.serve.cache import SegmentCache
from stream_rfm.stream.accounts import Accounts
from stream_rfm.stream.breath import breathe
from stream_rfm.stream.due import Due
from stream_rfm.stream.gathering import Gathering
from stream_rfm.stream.holding_back import HoldingBack
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.merging import Merging
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.outcome import Outcome
from stream_rfm.stream.transaction import NotCommittedError, Transactions
from stream_rfm.stream.turns import Turns
from stream_rfm.stream.version_log import VersionLog

log = logging.getLogger(__name__)

# Records of all partitions that make a transaction worth while before commit_ms have passed.
_ENOUGH_RECORDS = 8_000


def now() -> int:
    """The instant that it is."""
    return time.time_ns() // 1000


class Writer(Service):
    """Owns the lanes of this worker and writes what they do."""

    def __init__(  # noqa: PLR0913 - the composition root hands it its collaborators
        self,
        *,
        transactions: Transactions,
        gathering: Gathering,
        merging: Merging,
        versions: VersionLog,
        cache: SegmentCache,
        accounts: Accounts,
        app_id: str,
        intake: Callable[[int], Intake],
        commit_ms: int,
        **service: Any,
    ) -> None:
        """Collaborators are created by :func:`stream_rfm.app.create_app`.

        Args:
            transactions: commits work.
            gathering: makes work out of outcomes.
            merging: makes versions, where this worker is the one to do so.
            versions: the versions published.
            cache: is told what was committed.
            accounts: is told for the metrics.
            app_id: the deployment.
            intake: what documents are read with at an instant.
            commit_ms: milliseconds between the starts of two transactions, at least.
            service: arguments of :class:`mode.Service`.
        """
        super().__init__(**service)
        self.lanes: dict[int, Lane] = {}
        #: In whose name the lanes are committed: as it was when they were taken over, since what the client
        #: says of itself later may be that it is nobody, and nobody's offsets are not fenced. ``None`` while
        #: partitions move.
        self.member: Membership | None = None
        #: Held while a transaction is in the making.
        self.lock = asyncio.Lock()
        #: Whether state is that of the log: not while a transaction is made, nor after one that failed.
        self.settled = False
        #: Partitions of which too much waits.
        self.holding_back = HoldingBack()
        #: Set by the composition root: what to do when a commit failed.
        self.on_failure: Callable[[], None]
        self._transactions = transactions
        self._gathering = gathering
        self._merging = merging
        self._versions = versions
        self._cache = cache
        self._accounts = accounts
        self._app_id = app_id
        self._intake = intake
        self._due = Due(commit_ms)
        self._turns = Turns(now)
        self._gathered = 0

    def take_orders(self, partition: int, run: list[Any], generation: int) -> None:
        """Take records of the orders topic; those of another generation are read again by their owner."""
        lane = self.lanes.get(partition)
        if lane is None or not self._is_of(generation):
            return
        run = lane.unread(run)
        if not run:
            return
        # By a clock that was set back, orders would be in the future that are not.
        lane.put(run, self._intake(lane.partition.not_before(now())))
        self._gathered += len(run)
        self.holding_back.hold(lane)
        if self._gathered > _ENOUGH_RECORDS:
            self._due.hurry()
        else:
            self.wake()

    def take_reports(self, run: list[Any], generation: int) -> None:
        """Take records of the topic of reports."""
        if self._is_of(generation):
            self._merging.take(run)
            self._due.hurry()

    def take_version(self, version: Version) -> None:
        """Take a version that was published, by this worker or another."""
        if self._versions.add(version):
            self._accounts.version(version)
            self._due.hurry()

    def wake(self) -> None:
        """Something may have to be done."""
        self._due.wake()

    def join(self, member: Membership) -> None:
        """Begin to write in the name of a member of the group; the lanes are those that it was assigned.

        Raises:
            ValueError: it is a member of no generation, and its offsets would not be fenced.
        """
        if member.generation < 0 or not member.member_id:
            raise ValueError("offsets of nobody in particular are not fenced")
        self.member = member
        self.settled = True

    def leave(self) -> None:
        """Write no more, and drop what was read: it is read again from the positions of the lanes."""
        self.member = None
        self.settled = False
        self.holding_back.forget()
        for lane in self.lanes.values():
            lane.clear()

    async def finish(self) -> None:
        """Let the transaction in flight end, and begin no other."""
        if self.member is not None and self.lock.locked():
            log.info("partitions move while a transaction is in flight")
        async with self.lock:
            self.member = None

    @Service.task
    async def _write(self) -> None:
        while not self.should_stop:
            await self._due.wait(self)
            async with self.lock:
                if self.member is not None:
                    await self._cycle(self.member)

    def _is_of(self, generation: int) -> bool:
        return self.member is not None and self.member.generation == generation

    def has_work(self, *, but_cache: bool = False) -> bool:
        """Whether there is anything to do, the cache's left out or not."""
        if self.member is None:
            return False
        if self._merging.has_news or (not but_cache and self._cache.has_more):
            return True
        return any(lane.ready for lane in self.lanes.values())

    def is_urgent(self) -> bool:
        """Whether much has gathered, or partitions wait for one another."""
        waiting = sum(lane.waiting.records for lane in self.lanes.values())
        return waiting > _ENOUGH_RECORDS or any(lane.holds_others for lane in self.lanes.values())

    async def _cycle(self, member: Membership) -> None:
        """Do what can be done, commit it, and tell everybody."""
        self._due.looked()
        self._gathered = 0
        # State is what was committed last: what the cache asks for now is what others may know.
        await self._cache.collect()
        self.settled = False
        self._transactions.begin(
            [n for n, lane in self.lanes.items() if lane.takes_turns and lane.has_orders]
        )
        await breathe()
        sent: list[tuple[Lane, Outcome]] = []
        async for _ in self._turns.work(list(self.lanes.values()), self.holding_back.let_go):
            sent += await self._send_part()
        outcomes = self._outcomes()
        made = self._merging.versions(now())
        if not (outcomes or made or self._transactions.is_begun):
            self.settled = True
            return
        making = time.monotonic()
        done = [*sent, *outcomes]
        offsets = self._gathering.offsets_of(done, made, self._merging)
        self._transactions.send_offsets(offsets, member)
        work = await self._gathering.work_of(outcomes, made, offsets, now())
        started, settled_at = time.monotonic(), now()
        try:
            ends = await self._transactions.commit(work, member)
        except NotCommittedError as error:
            self._accounts.not_committed()
            self.member = None
            log.warning(
                "a transaction was not committed",
                extra={"reason": str(error), "generation": member.generation},
            )
            self.on_failure()
            return
        ended = time.monotonic()
        self._turns.allowance.learn(ended - making, sum(each.published for _, each in outcomes))
        self._accounts.committed(done, ended - started, now())
        self._due.pace.committed(ended - started, len({lane.number for lane, _ in done}))
        for version in made:
            self.take_version(version)
        self._note(done, ends, settled_at)
        self.settled = True
        self.wake()

    async def _send_part(self) -> list[tuple[Lane, Outcome]]:
        """Have what was done so far written while more is done; gives what was sent."""
        if not self._transactions.is_begun:
            return []
        outcomes = self._outcomes()
        self._transactions.send_part(await self._gathering.work_of(outcomes, [], {}, now()))
        await breathe()
        return outcomes

    def _outcomes(self) -> list[tuple[Lane, Outcome]]:
        outcomes = []
        for lane in self.lanes.values():
            if lane.outcome.progressed:
                outcome = lane.take()
                outcomes.append((lane, outcome))
                if outcome.report is not None:
                    self._merging.take_own(outcome.report)
        return outcomes

    def _note(
        self, outcomes: list[tuple[Lane, Outcome]], ends: dict[tuple[str, int], int], settled_at: int
    ) -> None:
        committed_at = now() // instant.MILLISECOND
        for lane, outcome in outcomes:
            end = ends[self._gathering.topics.changelog.name, lane.number]
            watermark = lane.committed(end, settled_at, self._app_id, committed_at)
            self._cache.note(lane.number, outcome.changes.rows(), outcome.changes.erased, watermark)
