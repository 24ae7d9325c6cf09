"""Stamps on a real Valkey: what is gone or somebody else's is noticed, and made good."""

import asyncio

import msgpack
import numpy as np
import pytest
from cached_shop import EVERYBODY, WATERMARK_1, Shop, held, revisions, stamped

from stream_rfm.serve import cache as caching
from stream_rfm.serve import sweeping
from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import Table, Watermark


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
