"""Writes snapshots beside the scoring: copied between two transactions, and written by a thread."""

from __future__ import annotations

import asyncio
import time

from stream_rfm.stream.lane import Lane
from stream_rfm.stream.snapshots import Snapshots
from stream_rfm.stream.writer import Writer

_LOOK_SECONDS = 1.0
# What part of a processor writing may take while orders are scored on it, and when there are none any more.
_BESIDE_ORDERS, _AT_THE_END = 0.25, 1.0
_SWEEP_SECONDS = 3600.0
# At the end of a worker so long at most goes into the last ones.
_STOP_SECONDS = 5.0
# A tail of so many records, or of so many for each customer, is read in no time.
_FEW_RECORDS, _CUSTOMERS_A_RECORD = 1_000, 20
# However few records there are, a snapshot is written anew before a quarter of its life is over.
_OF_LIFE = 4


class SnapshotWriting:
    """Copies one partition after the other, and hands each copy to be written.

    Between two of them is time to count what has waited for the first: in succession, all of them would keep
    orders waiting for much longer than each by itself.
    """

    def __init__(self, snapshots: Snapshots, writer: Writer, seconds: float) -> None:
        """Prepare to write.

        Args:
            snapshots: writes them.
            writer: has the partitions.
            seconds: between two snapshots of a partition, at least.
        """
        self._snapshots = snapshots
        self._writer = writer
        self._seconds = seconds
        self._tried: dict[int, float] = {}
        self._swept = float("-inf")

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            each = self._seconds / max(1, len(self._writer.lanes))
            await asyncio.sleep(min(_LOOK_SECONDS, each))
            if time.monotonic() - self._swept > _SWEEP_SECONDS:
                self._swept = time.monotonic()
                await self._snapshots.sweep()
            lane = self._next()
            if lane is not None:
                self._tried[lane.number] = time.monotonic()
                await self._write(lane, _BESIDE_ORDERS)

    async def stop(self) -> None:
        """Write the last state of the partitions, as many as there is time for; the others keep theirs."""
        give_up = time.monotonic() + _STOP_SECONDS
        for lane in list(self._writer.lanes.values()):
            head = self._snapshots.head(lane.number)
            if time.monotonic() < give_up and (head is None or head.offset != lane.changelog_end):
                await self._write(lane, _AT_THE_END)

    def _next(self) -> Lane | None:
        """Of the partitions that are due the one that has waited for longest."""
        due = (lane for lane in self._writer.lanes.values() if self._is_due(lane))
        return min(due, key=lambda lane: self._tried.get(lane.number, float("-inf")), default=None)

    def _is_due(self, lane: Lane) -> bool:
        if time.monotonic() - self._tried.get(lane.number, float("-inf")) < self._seconds:
            return False
        head = self._snapshots.head(lane.number)
        if head is None:
            return True
        records = (lane.changelog_end or 0) - head.offset
        if lane.settled_at - head.settled_at > self._snapshots.longest / _OF_LIFE:
            return records > 0
        customers = lane.partition.store.customers.count
        return records > max(_FEW_RECORDS, customers // _CUSTOMERS_A_RECORD)

    async def _write(self, lane: Lane, share: float) -> None:
        writer = self._writer
        # While the lock is held nothing changes state: the thread may take its time, and the loop goes on.
        async with writer.lock:
            offset, settled_at = lane.changelog_end, lane.settled_at
            if writer.lanes.get(lane.number) is not lane or not writer.settled or offset is None:
                return
            taken = await asyncio.to_thread(lane.partition.snapshot)
        if taken is not None:
            await self._snapshots.save(lane.number, taken, offset, settled_at, share)
