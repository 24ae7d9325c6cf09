"""Calls on a real Valkey: one is made in the place that it was meant for, or not at all."""

import asyncio

import msgpack
import pytest

from stream_rfm.serve.marks import Send, Watermark
from stream_rfm.serve.redis_calls import Held, RedisCalls, end_if_cancelled, held_by
from stream_rfm.settings import RedisSettings

WATERMARK = Watermark(as_of=1, committed_at=2, quantiles_version=3, offset=44, app_id="shop")
KEY = "rfm:customer:c"


@pytest.fixture
async def calls(valkey):
    made = RedisCalls(RedisSettings(url=valkey.url))
    yield made
    await made.close()


def send(stamp, revision, *, replaces=False):
    value = msgpack.packb({"revision": revision}) if revision is not None else b""
    return Send(1, [KEY.encode()], [value], [], None, replaces, stamp)


def revision(redis):
    value = redis.get(KEY)
    return None if value is None else msgpack.unpackb(value)["revision"]


async def test_a_call_goes_behind_the_one_before_or_is_refused(calls, redis):
    assert await calls.write(send(b"a", 1), b"")
    assert await calls.write(send(b"b", 2), b"a")
    assert not await calls.write(send(b"c", 3), b"a")
    assert (revision(redis), redis.get("rfm:partition:1")) == (2, b"b")
    assert not await calls.write(send(b"c", 3), b""), "where none may be, one is"
    assert await calls.write(send(b"b", 2), b"a"), "made again, as nobody heard that it was done"
    redis.flushall()
    assert not await calls.write(send(b"c", 3), b"b")
    assert revision(redis) is None


async def test_a_late_call_of_the_last_owner_does_not_bring_back_who_was_erased(calls, redis):
    assert await calls.write(send(b"old", 1), b"")
    assert await calls.write(send(b"new", None), b"old")
    assert not await calls.write(send(b"late", 2), b"old")
    assert revision(redis) is None


async def test_a_late_call_of_the_last_owner_does_not_delete_who_came_since(calls, redis):
    assert await calls.write(send(b"old", 1), b"")
    assert await calls.write(send(b"new", 2), b"old")
    assert not await calls.write(send(b"late", None), b"old")
    assert not await calls.write(send(b"late", None), b""), "nor its first one"
    assert revision(redis) == 2


async def test_a_newer_revision_stays_unless_it_is_replaced(calls, redis):
    assert await calls.write(send(b"a", 9), b"")
    assert await calls.write(send(b"b", 3), b"a")
    assert revision(redis) == 9
    assert await calls.write(send(b"c", 3, replaces=True), b"b")
    assert revision(redis) == 3


async def test_what_another_partition_wrote_has_no_revision_here_and_is_not_deleted(calls, redis):
    theirs = msgpack.packb({"revision": 9, "partition": 2})
    redis.set(KEY, theirs)
    assert await calls.write(send(b"a", None), b"")
    assert redis.get(KEY) == theirs
    ours = send(b"b", 3)
    ours.values = [msgpack.packb({"revision": 3, "partition": 1})]
    assert await calls.write(ours, b"a")
    assert revision(redis) == 3
    assert await calls.write(send(b"c", 2), b"b")
    assert revision(redis) == 3
    assert await calls.write(send(b"d", None), b"c")
    assert revision(redis) is None


@pytest.mark.parametrize("value", [b"", b"x", b"\xc1", msgpack.packb([1]), msgpack.packb({"revision": "x"})])
async def test_what_cannot_be_read_is_overwritten(calls, redis, value):
    redis.set(KEY, value)
    assert await calls.write(send(b"a", 3), b"")
    assert revision(redis) == 3


async def test_what_is_of_another_type_is_overwritten(calls, redis):
    redis.rpush(KEY, "x")
    redis.rpush("rfm:partition:1", "x")
    assert await calls.held([1]) == {}
    assert await calls.write(send(b"a", 3), b"")
    assert revision(redis) == 3


@pytest.mark.usefixtures("redis")
async def test_values_are_read_together_with_the_stamp(calls):
    assert await calls.write(send(b"a", 3), b"")
    stamp, [value, nothing] = await calls.values(1, [KEY.encode(), b"rfm:customer:nobody"])
    assert (stamp, msgpack.unpackb(value), nothing) == (b"a", {"revision": 3}, None)
    assert await calls.stamps([1, 2]) == [b"a", None]


async def test_what_a_partition_says_is_read_back(calls, redis):
    stamp = WATERMARK.stamped("w", 5)
    redis.set("rfm:partition:1", stamp)
    assert await calls.held([1, 2]) == {1: Held(stamp, WATERMARK)}
    assert await calls.held([]) == {}


async def test_redis_that_does_not_answer_holds_nobody_up(valkey, redis):
    redis.set("rfm:partition:1", WATERMARK.stamped("w", 5))
    calls = RedisCalls(RedisSettings(url=valkey.url, timeout_seconds=60))
    valkey.pause()
    try:
        # Much sooner than a call would be given up.
        assert await asyncio.wait_for(calls.held([1]), 30) == {}
    finally:
        valkey.resume()
    assert list(await calls.held([1])) == [1]
    await calls.close()


async def test_customers_are_read_page_by_page_with_the_partitions_that_they_say(calls, redis):
    redis.mset({f"{KEY}{n}": msgpack.packb({"segment": "s", "partition": n % 3}) for n in range(1200)})
    redis.mset({f"{KEY}x": b"\xc1", f"{KEY}y": b"", f"{KEY}z": msgpack.packb({"partition": "1"})})
    redis.mset({"rfm:partition:1": msgpack.packb({"partition": 1}), "else": msgpack.packb({"partition": 1})})
    redis.rpush(f"{KEY}list", "of another type")
    cursor, found = await calls.customers(0)
    assert 0 < len(found) < 1000
    while cursor:
        cursor, more = await calls.customers(cursor)
        found += more
    assert dict(found) == {b"c%d" % n: n % 3 for n in range(1200)}
    assert await calls.server() == redis.info("server")["run_id"]


@pytest.mark.parametrize("value", [b"", b"\xc1", msgpack.packb({"offset": "x"}), msgpack.packb([1])])
def test_what_something_else_wrote_is_nothing_to_rely_on(value):
    assert held_by(value) == Held(value, None)


def test_what_another_release_wrote_is_a_base_only_with_the_same_schema():
    stamp = WATERMARK.stamped("w", 1)
    assert held_by(stamp) == Held(stamp, WATERMARK)
    said = msgpack.unpackb(stamp)
    newer = msgpack.packb(said | {"schema": 2})
    assert held_by(newer) == Held(newer, None)
    del said["schema"]
    first = msgpack.packb(said)
    assert held_by(first) == Held(first, WATERMARK)


async def test_who_was_cancelled_in_a_call_that_says_nothing_of_it_ends_all_the_same():
    async def swallowing():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            end_if_cancelled()

    end_if_cancelled()
    task = asyncio.create_task(swallowing())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
