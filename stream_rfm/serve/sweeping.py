"""Sweeps: customers whom Redis holds, and who are in no table any more, are found and marked as erased.

Who was erased while Redis was away, or who is back with an older Redis, is in no table that would say so, and
neither is whom another deployment left there. So whenever a partition was taken over without relying on what
Redis holds of it, or is written anew, all that Redis holds is gone through once.

Whose a customer is says the value, not a hash of the id. What a page holds is judged where the state is as it
was last committed, and goes under the partition's stamp as any erased customer does: of an owner that is no
longer one nothing is taken. A round begins only once this worker's stamp is there, so that nothing can come
back behind it unnoticed.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from stream_rfm.serve.marks import Marks
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.redis_calls import RedisCalls

# Pages that may wait to be judged.
_AHEAD = 24
# Of the time, a tenth is for reading pages.
_PAUSES = 9
# What a page may count as, seconds: what takes longer has waited for others.
_LONGEST_PAGE = 0.01
# After a page that could not be read, seconds.
_FAILED_PAUSE = 5.0


@dataclass(slots=True)
class _Page:
    """What was found.

    Attributes:
        ids: of customers, by the partitions that they say they are in.
        through: partitions of which all has been found with this page.
    """

    ids: dict[int, list[bytes]] = field(default_factory=dict)
    through: list[int] = field(default_factory=list)


class Sweeping:
    """Goes through Redis, round by round, for the partitions that want it when a round begins."""

    def __init__(self, calls: RedisCalls, partitions: Mapping[int, Marks], metrics: Metrics) -> None:
        """Prepare.

        Args:
            calls: to Redis.
            partitions: the marks, by the partitions' numbers.
            metrics: where to count.
        """
        self._calls = calls
        self._partitions = partitions
        self._metrics = metrics
        self._round: set[int] = set()
        self._cursor = 0
        self._server = ""
        self._pages: deque[_Page] = deque()
        self._due_at = 0.0

    @property
    def has_found(self) -> bool:
        """Whether there is something to be judged."""
        return bool(self._pages)

    @property
    def seconds_left(self) -> float:
        """How long to wait until the next page is to be read; infinite as long as none is."""
        if len(self._pages) < _AHEAD and (self._round or self._waiting()):
            return max(0.0, self._due_at - time.monotonic())
        return math.inf

    def leave(self, number: int) -> None:
        """Forget what was found of a partition: it is no longer there, or has to be gone through anew."""
        self._round.discard(number)
        for page in self._pages:
            page.ids.pop(number, None)
            if number in page.through:
                page.through.remove(number)

    async def read(self) -> None:
        """Read the next page."""
        started = time.monotonic()
        self._due_at = started + _FAILED_PAUSE
        try:
            if not self._round:
                self._server = await self._calls.server()
                self._round, self._cursor = self._waiting(), 0
            await self._read_page()
        except (RedisError, OSError):
            self._round = set()
            raise
        self._due_at = time.monotonic() + _PAUSES * min(_LONGEST_PAGE, time.monotonic() - started)

    def judge(self) -> None:
        """Mark those of a page as erased who are in no table; state must be as it was last committed."""
        page = self._pages.popleft()
        for number, ids in page.ids.items():
            gone = self._partitions[number].erase_strangers(ids)
            self._metrics.cache_swept.inc(gone)
        for number in page.through:
            self._partitions[number].unswept = False

    async def _read_page(self) -> None:
        """Read a page; partitions may leave meanwhile."""
        self._cursor, found = await self._calls.customers(self._cursor)
        if not self._cursor and await self._calls.server() != self._server:
            # To another process a cursor says nothing, and it was asked with it: not all was found.
            self._round = set()
            return
        page = _Page()
        for customer, number in found:
            if number in self._round:
                page.ids.setdefault(number, []).append(customer)
        if not self._cursor:
            page.through, self._round = list(self._round), set()
        if page.ids or page.through:
            self._pages.append(page)

    def _waiting(self) -> set[int]:
        waiting = {n for n, marks in self._partitions.items() if marks.unswept and marks.stamped}
        for page in self._pages:
            waiting.difference_update(page.through)
        return waiting
