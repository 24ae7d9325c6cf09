"""The cache on a real Valkey: what it says is never older than what it said, and in the end it is whole."""

import asyncio

import msgpack
import numpy as np
import pytest
from cached_shop import EVERYBODY, Shop, held, revisions, stamped

from stream_rfm.serve import cache as caching
from stream_rfm.serve import outbox, sweeping
from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import Table, Watermark

WATERMARK_1 = {
    "as_of": 1,
    "committed_at": 2,
    "quantiles_version": 3,
    "offset": 1,
    "app_id": "shop",
    "schema": 1,
    "replaces": False,
}


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


async def test_wiped_redis_is_written_anew_without_a_commit(made, redis):
    shop = Shop(made())
    shop.adopt([])
    shop.commit([1])
    await shop.settled()
    redis.flushall()
    async with asyncio.timeout(10):
        while len(held(redis)) < EVERYBODY:
            await shop.settled()
            await asyncio.sleep(0.05)
    assert redis.get("rfm:partition:1")


async def test_wipe_while_all_is_written_anew_is_not_missed(made, redis, monkeypatch):
    monkeypatch.setattr(caching, "_LOOK_SECONDS", 1000)
    shop = Shop(made())
    shop.adopt(range(EVERYBODY))
    shop.commit([])
    async with asyncio.timeout(10):
        while not redis.exists("rfm:partition:1"):
            await shop.cache.collect()
            await asyncio.sleep(0)
        redis.flushall()
        while len(held(redis)) < EVERYBODY:
            await shop.settled()
            await asyncio.sleep(0.05)
    assert stamped(redis) == WATERMARK_1


async def test_keys_that_somebody_changed_or_removed_are_counted_and_written_again(made, redis, caplog):
    shop = Shop(made(sample_seconds=0.01))
    shop.adopt(range(EVERYBODY))
    shop.commit([])
    await shop.settled()
    whole = held(redis)
    changed = {f"rfm:customer:c{row}": msgpack.packb({"revision": 7_000}) for row in range(300)}
    redis.mset(changed)
    redis.delete(*[f"rfm:customer:c{row}" for row in range(300, 500)])
    redis.delete("rfm:customer:c500")
    redis.rpush("rfm:customer:c500", "of another type")
    async with asyncio.timeout(30):
        while redis.type("rfm:customer:c500") != b"string" or held(redis) != whole:
            await shop.cache.collect()
            await asyncio.sleep(0.01)
    metrics = shop.cache._metrics.registry
    assert metrics.get_sample_value("stream_rfm_cache_divergent_total") == 501
    assert metrics.get_sample_value("stream_rfm_cache_sampled_total") > 501
    assert "redis holds other values than were written to it" in caplog.text


@pytest.mark.usefixtures("redis")
async def test_samples_of_a_cache_that_follows_do_not_differ(made):
    shop = Shop(made(sample_seconds=0.001))
    shop.adopt(range(EVERYBODY))
    random = np.random.default_rng(1)
    sampled = shop.cache._metrics.registry
    async with asyncio.timeout(30):
        while (sampled.get_sample_value("stream_rfm_cache_sampled_total") or 0) < 5_000:
            some = np.unique(random.integers(0, EVERYBODY, 50))
            shop.revisions[some] += 1
            shop.commit(some)
            await shop.cache.collect()
            await asyncio.sleep(0.002)
    assert sampled.get_sample_value("stream_rfm_cache_divergent_total") == 0


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


async def test_what_another_deployment_wrote_is_replaced_whatever_its_revisions(made, redis):
    theirs = Shop(made("theirs"), revision=1000, app_id="theirs")
    theirs.adopt([])
    theirs.commit(range(3))
    await theirs.settled()
    ours = Shop(made(), revision=1)
    ours.adopt(range(EVERYBODY))
    ours.commit([])
    await ours.settled()
    assert set(revisions(redis).values()) == {1}
    assert len(held(redis)) == EVERYBODY


async def test_nothing_of_another_deployment_is_left_to_be_newer_than_who_comes_later(made, redis):
    theirs = Shop(made("theirs"), revision=1000, app_id="theirs")
    theirs.adopt([])
    theirs.commit(range(50))
    await theirs.settled()
    theirs.cache.release(1)
    ours = Shop(made(), gone=range(EVERYBODY))
    ours.adopt([], replaces=True)
    ours.commit([])
    await ours.settled()
    assert held(redis) == {}
    ours.gone.clear()
    ours.commit(range(50))
    await ours.settled()
    assert revisions(redis) == dict.fromkeys(range(50), 1)


async def test_what_another_deployment_wrote_is_replaced_to_the_end_by_whoever_goes_on(
    made, redis, monkeypatch
):
    theirs = Shop(made("theirs"), revision=1000, app_id="theirs")
    theirs.adopt([])
    theirs.commit(range(50))
    await theirs.settled()
    theirs.cache.release(1)
    monkeypatch.setattr(sweeping, "_AHEAD", 0)
    first = Shop(made(), gone=range(EVERYBODY))
    first.adopt([], replaces=True)
    first.commit([])
    async with asyncio.timeout(10):
        while stamped(redis)["app_id"] != "shop":
            await first.cache.collect()
            await asyncio.sleep(0.01)
    first.cache.release(1)
    assert stamped(redis) == {
        **dict.fromkeys(WATERMARK_1, 0),
        "app_id": "shop",
        "schema": 1,
        "replaces": True,
    }
    monkeypatch.undo()
    second = Shop(made())
    second.adopt(range(EVERYBODY))
    second.commit([])
    await second.settled()
    assert set(revisions(redis).values()) == {1}
    assert stamped(redis) == WATERMARK_1


async def test_two_deployments_do_not_go_on_replacing_each_other(made, redis, caplog):
    theirs = Shop(made("theirs"), revision=1000, app_id="theirs")
    theirs.adopt(range(EVERYBODY))
    theirs.commit([])
    await theirs.settled()
    ours = Shop(made(), revision=1)
    ours.adopt(range(EVERYBODY), replaces=True)
    ours.commit([])
    for _ in range(20):
        theirs.commit([1])
        ours.commit([1])
        await ours.settled()
        await theirs.settled()
        await asyncio.sleep(0.03)
    assert set(revisions(redis).values()) == {1}
    assert stamped(redis)["app_id"] == "shop"
    assert caplog.text.count("another deployment writes to this redis") == 1
    assert "writing all" not in caplog.text
    ours.cache.release(1)
    redis.flushall()
    async with asyncio.timeout(10):
        while len(held(redis)) < EVERYBODY:
            await theirs.settled()
            await asyncio.sleep(0.05)
    assert stamped(redis)["app_id"] == "theirs"


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


async def test_refused_partition_is_written_anew_and_those_that_went_with_it_are_written(made, redis):
    def of(number):
        def values(rows):
            said = msgpack.packb({"revision": revision, "partition": number})
            return [b"%d-%d" % (number, row) for row in rows.tolist()], [said] * len(rows)

        return Table(
            values,
            lambda wanted: bulk_of(*values(wanted)),
            lambda: 4,
            lambda ids: np.zeros(len(ids), np.int64),
        )

    def commit(*rows):
        for number in (1, 2, 3):
            cache.note(number, np.array(rows, np.int64), [], Watermark(1, 2, 3, revision, "shop"))

    cache, revision = made(), 1
    shop = Shop(cache)
    for number in (1, 2, 3):
        cache.adopt(number, of(number), np.empty(0, np.int64), [])
    commit(0)
    await shop.settled()
    redis.delete("rfm:partition:2")
    revision = 2
    commit(1)
    await shop.settled()
    keys = ["1-0", "1-1", "2-0", "2-1", "2-2", "2-3", "3-0", "3-1"]
    said = {key: msgpack.unpackb(redis.get(f"rfm:customer:{key}"))["revision"] for key in keys}
    assert said == {**dict.fromkeys(keys, 2), "1-0": 1, "3-0": 1}
    assert len(redis.keys("rfm:customer:*")) == len(keys)
    offsets = [msgpack.unpackb(redis.get(f"rfm:partition:{number}"))["offset"] for number in (1, 2, 3)]
    assert offsets == [2, 2, 2]
