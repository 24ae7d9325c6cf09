import asyncio
from contextlib import suppress

import pytest

from stream_rfm.stream import due as module
from stream_rfm.stream.due import Due

# A wait for an hour is one for something else to end it.
HOUR_MS = 3_600_000


class Work:
    """There is as much as it says."""

    def __init__(self, *, orders=False, cache=False, urgent=False):
        self.orders, self.cache, self.urgent = orders, cache, urgent

    def has_work(self, *, but_cache=False):
        return self.orders or (self.cache and not but_cache)

    def is_urgent(self):
        return self.urgent


@pytest.fixture
def due():
    """Whoever works by it has just begun a transaction."""
    made = Due(HOUR_MS)
    made.looked()
    made.pace.committed(0.01, 1)
    return made


@pytest.fixture(autouse=True)
def _nobody_looks_around(monkeypatch):
    monkeypatch.setattr(module, "_IDLE_SECONDS", HOUR_MS)


async def waits(due, work, then):
    """Whether a wait goes on until something is done, and then ends."""
    waiting = asyncio.create_task(due.wait(work))
    await asyncio.sleep(0.05)
    if waiting.done():
        return False
    then()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.shield(waiting)
    ended = waiting.done()
    waiting.cancel()
    return ended


async def test_the_first_orders_wait_for_nothing():
    await asyncio.wait_for(Due(HOUR_MS).wait(Work(orders=True)), 10)


async def test_orders_wait_for_the_next_transactions_time_whoever_wakes_it(due):
    assert not await waits(due, Work(orders=True), due.wake)


async def test_what_hurries_does_not_wait(due):
    assert await waits(due, Work(orders=True), due.hurry)


async def test_what_is_urgent_does_not_wait_either(due):
    await asyncio.wait_for(due.wait(Work(orders=True, urgent=True)), 10)


async def test_what_hurried_is_over_once_it_is_being_done(due):
    due.hurry()
    due.looked()
    assert not await waits(due, Work(orders=True), due.wake)


async def test_who_has_nothing_to_do_is_woken_when_there_is_something(due):
    work = Work()

    def orders_come():
        work.orders = work.urgent = True
        due.wake()

    assert await waits(due, work, orders_come)


async def test_the_cache_alone_waits_for_the_time_to_rest(due):
    assert not await waits(due, Work(cache=True), due.wake)


async def test_who_is_idle_looks_around_all_the_same(due, monkeypatch):
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.01)
    await asyncio.wait_for(due.wait(Work()), 10)
