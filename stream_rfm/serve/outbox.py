"""What waits to be sent to Redis: marks of each partition, and calls that were made of them.

Values are read on the thread that scores, between two transactions, and get a share of its time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from stream_rfm.serve.marks import SMALL_BATCH, Marks, Send
from stream_rfm.serve.sampling import Sample, sample_of
from stream_rfm.serve.sweeping import Sweeping

#: What part of the time is for reading values. Sending takes twice as much again.
SHARE = 0.1
# Customers in calls that may wait to be made: some megabytes. And calls of one partition, on average.
_BUFFERED, _CALLS = 24_000, 12
# How long the event loop may be held to read values, in seconds of this thread's work.
_LONGEST_HOLD = 0.005
# The longest time that counts for the share, seconds: after a pause there is no more to be had.
_LONGEST_SINCE = 2.0

_Turns = list[tuple[int, Marks]]


class Outbox:
    """Partitions with what is marked in them, and the calls to be made.

    Attributes:
        partitions: the marks, by the partitions' numbers.
        sends: the calls, the next one first.
        arrived: set when there is something to do for who makes the calls.
    """

    def __init__(self, partitions: dict[int, Marks], sweeping: Sweeping, sample_seconds: float) -> None:
        """Begin with nothing to be sent.

        Args:
            partitions: the marks, by the partitions' numbers.
            sweeping: finds customers who are to be marked as erased.
            sample_seconds: how often to take samples; 0 for never.
        """
        self.partitions = partitions
        self.sends: deque[Send | Sample] = deque()
        self.arrived = asyncio.Event()
        self._sweeping = sweeping
        self._served = -1
        self._collected_at = self._sampled_at = time.monotonic()
        self._sample_seconds = sample_seconds
        self._random = np.random.default_rng()

    @property
    def has_more(self) -> bool:
        """Whether :meth:`collect` would do anything."""
        if self._sweeping.has_found:
            return True
        return self._has_room and any(
            partition.has_news or partition.has_backlog for partition in self.partitions.values()
        )

    def first(self) -> list[Send]:
        """The next calls that may be made together: of different partitions, as many as a small one brings.

        A call that is made again comes with all that went with it, as these are the first ones until they are
        done.
        """
        together: list[Send] = []
        customers = 0
        for send in self.sends:
            if isinstance(send, Sample) or any(send.partition == each.partition for each in together):
                break
            customers += send.count
            if together and customers > SMALL_BATCH:
                break
            together.append(send)
        return together

    def done(self, calls: Sequence[Send | Sample]) -> None:
        """Let go of the first calls, which are done; some may have gone with their partitions."""
        for send in calls:
            if self.sends and self.sends[0] is send:
                self.sends.popleft()

    def has(self, number: int, partition: Marks) -> bool:
        """Whether a partition is still the one that it was before something was waited for."""
        return self.partitions.get(number) is partition

    def release(self, number: int) -> None:
        """Let a partition go, and what waits to be sent of it."""
        self.partitions.pop(number, None)
        self._drop(number)

    def begin_anew(self, number: int, *, paused: bool = False) -> None:
        """Mark all of a partition.

        Args:
            number: the partition's number.
            paused: whether nothing of it is to be sent for now, as another deployment writes it.
        """
        partition = self.partitions[number]
        for send in reversed(self.sends):
            if isinstance(send, Send) and send.partition == number:
                partition.take_back(send)
        partition.begin_anew()
        partition.paused = paused
        partition.replaces = partition.replaces or paused
        self._drop(number)

    def postpone(self) -> None:
        """Let what is marked wait for what will be."""
        for partition in self.partitions.values():
            partition.postpone()

    async def collect(self) -> None:
        """Make calls of marks, as far as there are room and time for them."""
        started = time.monotonic()
        budget = SHARE * min(_LONGEST_SINCE, started - self._collected_at)
        self._collected_at = started
        turns = self._in_turn()
        if started - self._sampled_at > self._sample_seconds > 0:
            self._sampled_at = started
            self._collect_sample(turns)
        spent, since = 0.0, time.thread_time()
        for _ in self._steps(turns):
            self.arrived.set()
            worked = time.thread_time() - since
            if spent + worked > budget:
                break
            if worked > _LONGEST_HOLD:
                await asyncio.sleep(0)
                spent, since = spent + worked, time.thread_time()

    def _in_turn(self) -> _Turns:
        """All partitions, the one behind the last served first: none waits while others go twice."""
        numbers = sorted(self.partitions)
        numbers.sort(key=lambda number: number <= self._served)
        return [(number, self.partitions[number]) for number in numbers]

    @property
    def pending(self) -> int:
        """How many customers are to be written, whether a call was made of them or not."""
        return self._waiting + sum(partition.pending for partition in self.partitions.values())

    @property
    def _waiting(self) -> int:
        """How many customers are in calls that wait to be made."""
        return sum(send.count for send in self.sends if isinstance(send, Send))

    @property
    def _has_room(self) -> bool:
        waiting = sum(send.count for send in self.sends)
        return waiting < _BUFFERED and len(self.sends) < _CALLS * max(8, len(self.partitions))

    def _steps(self, turns: _Turns) -> Iterator[None]:
        """Do what is to be done, a piece each time: what is new, what a sweep has found, and the backlog."""
        for number, partition in turns:
            while self.has(number, partition) and partition.has_news and self._has_room:
                self.sends.append(partition.take(number))
                self._served = number
                yield
        while self._sweeping.has_found:
            self._sweeping.judge()
            yield
        for number, partition in turns:
            while self.has(number, partition) and partition.has_backlog and self._has_room:
                self.sends.append(partition.take(number))
                self._served = number
                yield

    def _collect_sample(self, turns: _Turns) -> None:
        """Take a sample of one partition; it waits behind the calls that make it true."""
        known = [turn for turn in turns if turn[1].written]
        # One at a time: a second would find again what the first has found.
        if known and self._has_room and not any(isinstance(send, Sample) for send in self.sends):
            self.sends.append(sample_of(*known[self._random.integers(len(known))], self._random))
            self.arrived.set()

    def _drop(self, number: int) -> None:
        self.sends = deque(send for send in self.sends if send.partition != number)
        self._sweeping.leave(number)
