"""Faust's table recovery, done our way: state comes back in batches, before the streams go on."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from stream_rfm.stream import cancellation
from stream_rfm.stream.writer import Writer
from stream_rfm.table.restore import ChangelogError

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0


class StateRecovery(Recovery):
    """Runs after every rebalance, and when a transaction left memory ahead of the log."""

    #: Set by :func:`stream_rfm.app.create_app` before the worker starts.
    writer: Writer
    take_over: Any
    renew: Any
    forget: Any
    membership: Any
    orders_topic: str
    summaries_topic: str

    _reload = False

    def __init__(self, app: Any, tables: TableManager, **service: Any) -> None:
        super().__init__(app, tables, **service)
        self._revoked = asyncio.Event()

    def interrupt(self) -> None:
        """Take nothing over any longer: partitions move again, and the group waits for this worker."""
        self._revoked.set()

    def reload(self) -> None:
        """Read the state of every partition back: what is in memory is not what the log says."""
        self._reload = True
        self.signal_recovery_start.set()

    @Service.task
    async def _restart_recovery(self) -> None:
        failures = 0
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]
                break
            self.signal_recovery_start.clear()
            # A reload keeps the generation it has; a rebalance brings the one it is for.
            generation = self.app.consumer_generation_id
            try:
                await self._recover(generation)
                failures = 0
            except RebalanceAgain:
                continue
            except ServiceStopped:
                break
            except ChangelogError as error:
                # Trying again would find the same: the process ends, and says why.
                await self.crash(error)
                break
            except (Exception, asyncio.CancelledError):
                if cancellation.is_wanted():
                    raise
                failures += 1
                log.exception("state could not be read back; trying again", extra={"failures": failures})
                await self.sleep(min(_LONGEST_PAUSE, 0.2 * 2**failures))
                self.signal_recovery_start.set()

    async def _recover(self, generation: int) -> None:
        self._set_recovery_started()
        self._hold_flow()
        self._revoked.clear()
        assigned: set[TP] = self.app.consumer.assignment()
        wanted = {place.partition for place in assigned if place.topic == self.orders_topic}
        merge = any(place.topic == self.summaries_topic for place in assigned)
        async with self.writer.lock:
            self.writer.leave()
            if self._reload:
                self.forget()
                # What became of the last transaction is open: its producer is never used again.
                await self._wait(self.renew())
                self._reload = False
            await self._wait(self.take_over(wanted, merge=merge))
            member = self.membership()
            # In between the group may have moved on, or have let this worker go: the news is under way.
            if not self.app.consumer_generation_id == generation == member.generation:
                raise RebalanceAgain
            self.writer.join(member)
        self._set_recovery_ended()
        await self._resume_streams(generation_id=generation)
        self.writer.wake()

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ASYNC109 - Faust's name
        """Wait for something unless partitions move meanwhile; then it is cancelled.

        Raises:
            RebalanceAgain: they do. Faust's own hears of it when they have been assigned, and until then the
                whole group would stand still for as long as this takeover takes.
            ServiceStopped: the worker ends.
            TimeoutError: it has taken too long.
        """
        moves: tuple[Any, ...] = self.signal_recovery_start, self._revoked
        ended = await self.wait_first(coro, *moves, timeout=timeout)
        if ended.stopped:
            # It is said of what has taken too long as well, and that is to be tried again.
            raise ServiceStopped if self.should_stop else TimeoutError
        if any(event.is_set() for event in moves):
            raise RebalanceAgain

    def _hold_flow(self) -> None:
        """Let nothing through that was fetched before; it is fetched again from where the state ends."""
        consumer: Any = self.app.consumer
        consumer.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()


class StateTables(TableManager):
    """Faust's table manager, with our recovery, and without streams that read changelogs."""

    @property
    def recovery(self) -> StateRecovery:
        """The recovery of this manager."""
        if self._recovery is None:
            self._recovery = StateRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery  # type: ignore[return-value]  # made just above

    async def on_start(self) -> None:
        """Start at once: there is no changelog stream to wait for."""
        await self._update_channels()
        await self.recovery.start()

    async def on_stop(self) -> None:
        """Let the transaction in flight end before the consumer leaves its group."""
        # A takeover may hold the writer for as long as Kafka, or a follower that crashed, does not answer.
        await self.recovery.stop()
        await self.recovery.writer.finish()
        await super().on_stop()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        await asyncio.sleep(0)
        self._tables_registered.set()
