"""Customers who are in no table do not stay in Redis, a real Valkey, whatever happened to it."""

import asyncio

import msgpack
import numpy as np
import pytest
from cached_shop import EVERYBODY, Shop, held, stamped

from stream_rfm.serve import sweeping as sweeps
from stream_rfm.serve.bulk import Bulk
from stream_rfm.serve.marks import Marks, Table
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.redis_calls import RedisCalls
from stream_rfm.serve.sweeping import Sweeping
from stream_rfm.settings import RedisSettings

CUSTOMER = "rfm:customer:"


def value(partition):
    return msgpack.packb({"revision": 1, "partition": partition})


def swept(shop):
    return shop.cache._metrics.registry.get_sample_value("stream_rfm_cache_swept_total")


def copied(redis):
    """What Redis holds, as a snapshot of it would."""
    keys = redis.keys("*")
    return dict(zip(keys, redis.mget(keys), strict=True))


async def found(shop):
    """Collect until a sweep has found something that is not judged yet."""
    async with asyncio.timeout(10):
        while not shop.cache._sweeping.has_found:
            await shop.cache._outbox.collect()
            await asyncio.sleep(0)


async def test_who_was_erased_while_redis_was_away_is_gone_after_a_restart(made, redis):
    first = Shop(made())
    first.adopt(range(EVERYBODY))
    first.commit([])
    await first.settled()
    first.erase(5, 6)
    # It ends before it could write that, and the next one is not told what Redis holds.
    first.cache.release(1)
    redis.mset({f"{CUSTOMER}c9{n}": value(2) for n in range(9000, 9010)})
    others = {f"{CUSTOMER}x".encode(): b"\xc1", b"rfm:else": value(1)}
    redis.mset(others)
    second = Shop(made(), gone=[5, 6])
    second.adopt(range(EVERYBODY))
    second.commit([])
    await second.settled()
    assert swept(second) == 2
    assert redis.mget(others) == list(others.values())
    redis.delete(*others)
    assert held(redis).keys() == set(range(EVERYBODY)) - {5, 6} | set(range(99000, 99010))
    assert stamped(redis)["offset"] == 1


async def test_older_redis_does_not_bring_back_who_was_erased_since(made, redis):
    shop = Shop(made())
    shop.adopt(range(EVERYBODY))
    shop.commit([])
    await shop.settled()
    older = copied(redis)
    shop.erase(5)
    await shop.settled()
    assert 5 not in held(redis)
    redis.mset(older)
    async with asyncio.timeout(10):
        while 5 in held(redis) or shop.is_swept:
            await shop.settled()
            await asyncio.sleep(0.05)
    assert len(held(redis)) == EVERYBODY - 1
    assert swept(shop) == 1


async def test_owner_that_does_not_know_yet_that_it_is_none_brings_back_nobody_for_long(made, redis):
    late = Shop(made())
    late.adopt(range(EVERYBODY))
    late.commit([])
    await late.settled()
    owner = Shop(made(), gone=[5])
    owner.adopt(range(EVERYBODY))
    owner.commit([])
    await owner.settled()
    assert 5 not in held(redis)
    async with asyncio.timeout(10):
        # It finds another's stamp, and writes all anew.
        while 5 not in held(redis):
            await late.settled()
            await asyncio.sleep(0.02)
    late.cache.release(1)
    async with asyncio.timeout(10):
        while 5 in held(redis):
            await owner.settled()
            await asyncio.sleep(0.02)
    await owner.settled()
    assert len(held(redis)) == EVERYBODY - 1


@pytest.mark.parametrize("judged", [False, True])
async def test_who_comes_while_a_sweep_is_under_way_stays(made, redis, judged):
    redis.set(f"{CUSTOMER}c7", value(1))
    shop = Shop(made(), gone=[7])
    shop.adopt([])
    await found(shop)
    if judged:
        shop.cache._sweeping.judge()
    shop.gone.clear()
    shop.revisions[7] = 3
    shop.commit([7])
    await shop.settled()
    assert held(redis) == {7: {"revision": 3, "partition": 1}}
    assert swept(shop) == judged


async def test_nothing_is_relied_on_before_a_sweep_is_through(made, redis, monkeypatch):
    monkeypatch.setattr(sweeps, "_AHEAD", 0)
    redis.set(f"{CUSTOMER}c7", value(1))
    shop = Shop(made(), gone=[7])
    shop.adopt(range(EVERYBODY))
    shop.commit([])
    async with asyncio.timeout(10):
        while len(held(redis)) < EVERYBODY:
            await shop.cache.collect()
            await asyncio.sleep(0.01)
    assert not shop.cache.has_more, "or the writer would go round and round"
    [said] = (await shop.cache.held([1])).values()
    assert (said.watermark.offset, said.watermark.committed_at) == (0, 0)


async def test_watermark_whose_tombstones_may_be_gone_is_swept_behind(made, redis):
    first = Shop(made())
    first.adopt(range(EVERYBODY))
    first.commit([])
    await first.settled()
    second = made()
    shop = Shop(second, gone=[5])
    # Its commit was in 1970.
    shop.adopt([], (await second.held([1]))[1])
    await shop.settled()
    assert 5 not in held(redis)
    assert shop.written == 0


async def test_redis_that_goes_away_in_the_midst_is_gone_through_from_the_beginning(
    made, redis, valkey, monkeypatch
):
    monkeypatch.setattr(sweeps, "_FAILED_PAUSE", 0.1)
    redis.mset({f"{CUSTOMER}c{n}": value(1) for n in range(EVERYBODY, 2 * EVERYBODY)})
    shop = Shop(made(), gone=range(EVERYBODY, 2 * EVERYBODY))
    shop.adopt([])
    await found(shop)
    valkey.pause()
    await asyncio.sleep(0.5)
    valkey.resume()
    await shop.settled(20)
    assert held(redis) == {}


# Round by round.


@pytest.fixture
async def calls(valkey):
    made = RedisCalls(RedisSettings(url=valkey.url))
    yield made
    await made.close()


@pytest.fixture
def partitions():
    return {}


@pytest.fixture
def sweeping(calls, partitions, redis):
    redis.mset({f"{CUSTOMER}c{n}": value(n % 3) for n in range(3000)})
    return Sweeping(calls, partitions, Metrics())


def marks():
    """A partition with nobody in it, whose stamp is there."""
    table = Table(lambda _: ([], []), lambda _: Bulk(), lambda: 0, lambda ids: np.full(len(ids), -1))
    return Marks(table, unswept=True, stamped=True)


async def through(sweeping):
    """Read a round to its end."""
    await sweeping.read()
    while sweeping._round:
        await sweeping.read()


def judge(sweeping):
    while sweeping.has_found:
        sweeping.judge()


async def test_one_round_is_for_all_that_want_it(sweeping, partitions):
    partitions |= {0: marks(), 1: marks(), 2: marks()}
    partitions[2].stamped = False
    await through(sweeping)
    assert partitions[0].unswept
    judge(sweeping)
    assert [len(partitions[n].erased) for n in range(3)] == [1000, 1000, 0]
    assert [partitions[n].unswept for n in range(3)] == [False, False, True]
    assert sweeping.seconds_left == float("inf")


async def test_partition_that_comes_late_waits_for_a_round_of_its_own(sweeping, partitions):
    partitions[0] = marks()
    await sweeping.read()
    partitions[1] = marks()
    await through(sweeping)
    judge(sweeping)
    assert (partitions[0].unswept, partitions[1].unswept) == (False, True)
    await through(sweeping)
    judge(sweeping)
    assert (len(partitions[1].erased), partitions[1].unswept) == (1000, False)


async def test_partition_that_goes_takes_with_it_what_was_found(sweeping, partitions):
    partitions |= {0: marks(), 1: marks()}
    await through(sweeping)
    sweeping.leave(0)
    again = partitions[0] = marks()
    judge(sweeping)
    assert (len(again.erased), again.unswept) == (0, True)
    assert not partitions[1].unswept


async def test_cursor_of_another_process_is_relied_on_by_nobody(sweeping, partitions):
    partitions[0] = marks()
    await sweeping.read()
    sweeping._server = "another"
    while sweeping._round:
        await sweeping.read()
    judge(sweeping)
    assert partitions[0].unswept
    await through(sweeping)
    judge(sweeping)
    assert (len(partitions[0].erased), partitions[0].unswept) == (1000, False)


async def test_reading_has_a_share_of_the_time_and_waits_for_who_judges(sweeping, partitions, monkeypatch):
    monkeypatch.setattr(sweeps, "_AHEAD", 2)
    monkeypatch.setattr(sweeps, "_LONGEST_PAGE", 1000)
    partitions[0] = marks()
    assert sweeping.seconds_left == 0
    started = asyncio.get_running_loop().time()
    await sweeping.read()
    took = asyncio.get_running_loop().time() - started
    assert 0 < sweeping.seconds_left <= 9 * took
    await sweeping.read()
    assert sweeping.seconds_left == float("inf")
    sweeping.judge()
    assert sweeping.seconds_left < float("inf")
