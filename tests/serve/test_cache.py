"""The cache on a real Valkey: what it says is never older than what it said, and in the end it is whole."""

import asyncio
import logging
import time
from dataclasses import replace

from cached_shop import EVERYBODY, WATERMARK_1, Shop, held, revisions, stamped
from door import Door
from redis import Redis

from stream_rfm.local.valkey import ValkeyServer
from stream_rfm.serve import outbox
from stream_rfm.serve.marks import Watermark


async def test_customers_go_behind_the_commit_and_the_watermark_behind_them(made, redis):
    shop = Shop(made())
    shop.adopt([])
    shop.commit([1, 2])
    assert held(redis) == {}
    await shop.settled()
    assert held(redis) == {row: {"revision": 1, "partition": 1} for row in (1, 2)}
    assert stamped(redis) == WATERMARK_1


async def test_older_revision_never_overwrites_a_newer_one(made, redis):
    new, old = Shop(made(), revision=9), Shop(made(), revision=3)
    for shop, rows in ((new, [1, 2]), (old, [2, 3])):
        shop.adopt([])
        shop.commit(rows)
        await shop.settled()
    assert revisions(redis) == {1: 9, 2: 9, 3: 3}
    new.revisions[3] = 4
    new.commit([3])
    await new.settled()
    assert revisions(redis)[3] == 4


async def test_many_commits_are_one_write(made, redis):
    shop = Shop(made())
    shop.adopt([])
    for revision in range(2, 50):
        shop.revisions[:10] = revision
        shop.commit(range(10))
    await shop.settled()
    assert revisions(redis) == dict.fromkeys(range(10), 49)
    assert shop.written == 10


async def test_erased_are_gone_and_may_come_again(made, redis):
    shop = Shop(made(), revision=5)
    shop.adopt([])
    shop.commit([1, 2, 3])
    await shop.settled()
    shop.revisions[3] = 1
    shop.commit([3], erased=[b"c2", b"c3"])
    await shop.settled()
    assert revisions(redis) == {1: 5, 3: 1}


async def test_outage_costs_nothing_but_time(made, redis, valkey, caplog):
    cache = made()
    shop = Shop(cache)
    shop.adopt([])
    valkey.pause()
    try:
        for revision in range(2, 200):
            shop.revisions[:] = revision
            shop.commit(range(EVERYBODY))
            await cache.collect()
            await asyncio.sleep(0.005)
        # What waits to be sent is bounded, the rest are marks.
        assert sum(send.count for send in cache._outbox.sends) <= outbox._BUFFERED
        assert "redis is away; scoring goes on" in caplog.text
    finally:
        valkey.resume()
    await shop.settled(20)
    assert revisions(redis) == dict.fromkeys(range(EVERYBODY), 199)
    assert "writing all" not in caplog.text, (
        "what it did when nobody listened any more is no stranger's doing"
    )


async def test_server_that_has_become_a_replica_is_left_for_the_one_behind_the_address(
    made, redis, valkey, tmp_path
):
    with ValkeyServer(tmp_path) as other, Redis.from_url(other.url) as now:
        [ours], [theirs] = valkey.ports, other.ports
        door = Door(ours)
        await door.open()
        try:
            shop = Shop(made(url=f"redis://127.0.0.1:{door.port}/0"))
            shop.adopt(range(EVERYBODY))
            shop.commit([])
            await shop.settled()
            redis.replicaof("127.0.0.1", theirs)
            door.lead_to(theirs)
            shop.revisions[:] = 2
            shop.commit(range(EVERYBODY))
            async with asyncio.timeout(20):
                while revisions(now) != dict.fromkeys(range(EVERYBODY), 2):
                    await shop.settled(20)
                    await asyncio.sleep(0.05)
            assert stamped(now) == {**WATERMARK_1, "offset": 2}
        finally:
            redis.replicaof("NO", "ONE")
            await door.cut()


async def test_redis_is_back_only_once_it_has_answered(made, redis, valkey, caplog):
    caplog.set_level(logging.INFO)
    cache = made()
    shop = Shop(cache)
    shop.adopt(range(EVERYBODY))
    valkey.pause()
    try:
        async with asyncio.timeout(10):
            while "redis is away" not in caplog.text:
                await cache.collect()
                await asyncio.sleep(0.01)
        # Nothing is left that is to be sent, or looked at.
        cache.release(1)
        cache._looked_at = 0
        await cache._look_around()
        assert "redis is back" not in caplog.text
    finally:
        valkey.resume()
    shop = Shop(cache)
    shop.adopt(range(EVERYBODY))
    await shop.settled()
    assert caplog.text.count("redis is back") == 1
    assert len(held(redis)) == EVERYBODY


async def test_successor_relies_on_what_its_own_deployment_wrote(made, redis):
    shop = Shop(made())
    shop.adopt([])
    shop.commit([1])
    await shop.settled()
    successor = made()
    held = await successor.held([1, 2])
    assert list(held) == [1]
    found = held[1]
    assert found.watermark == Watermark(1, 2, 3, 1, "shop")
    shop = Shop(successor, revision=2)
    shop.adopt([5], found, erased=[b"c1"])
    shop.commits = 1
    shop.commit([])
    await shop.settled()
    assert revisions(redis) == {5: 2}
    assert shop.written == 1


RESTORED = Watermark(11, 12, 13, 14, "shop")
RESTORED_SAID = {**WATERMARK_1, "as_of": 11, "committed_at": 12, "quantiles_version": 13, "offset": 14}


async def test_how_far_a_partition_has_come_is_said_without_a_commit_once_all_is_there(made, redis):
    shop = Shop(made())
    shop.adopt(range(EVERYBODY), watermark=RESTORED)
    async with asyncio.timeout(10):
        while not redis.exists("rfm:partition:1"):
            await shop.cache.collect()
            await asyncio.sleep(0)
    assert stamped(redis)["committed_at"] == 0
    await shop.settled()
    assert len(held(redis)) == EVERYBODY
    assert stamped(redis) == RESTORED_SAID


async def test_successor_says_how_far_it_has_come_also_where_no_customer_is_to_be_written(made, redis):
    shop = Shop(made())
    shop.adopt([])
    shop.commit([1])
    await shop.settled()
    successor = made()
    found = (await successor.held([1]))[1]
    # So young that nothing has to be looked for in Redis either.
    young = replace(found, watermark=replace(found.watermark, committed_at=time.time_ns() // 1_000_000))
    shop = Shop(successor)
    shop.adopt([], young, watermark=RESTORED)
    await shop.settled()
    assert stamped(redis) == RESTORED_SAID
    assert shop.written == 0


async def test_partition_that_was_let_go_is_not_written(made, redis):
    cache = made()
    shop = Shop(cache)
    shop.adopt([])
    shop.commit(range(10))
    cache.release(1)
    assert not cache.has_more
    shop.commit([1])
    await shop.settled()
    assert held(redis) == {}
