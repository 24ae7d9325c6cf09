"""Calls on a real Valkey: one is made in the place that it was meant for, or not at all."""

import asyncio
from dataclasses import replace

import msgpack
import pytest
from redis import RedisError

from stream_rfm.serve.bulk import Bulk, bulk_of
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
    """A call that writes a customer, or erases it where there is no revision."""
    erased = [b"c"] if revision is None else []
    return Send(1, Bulk() if erased else valued(revision=revision), erased, None, replaces, stamp)


def valued(customer=b"c", **said):
    """A customer and what the value says."""
    return bulk_of([customer], [msgpack.packb(said)])


async def write(calls, send, expected):
    [done] = await calls.write([(send, expected)])
    return done


def revision(redis):
    value = redis.get(KEY)
    return None if value is None else msgpack.unpackb(value)["revision"]


async def test_a_call_goes_behind_the_one_before_or_is_refused(calls, redis):
    assert await write(calls, send(b"a", 1), b"")
    assert await write(calls, send(b"b", 2), b"a")
    assert not await write(calls, send(b"c", 3), b"a")
    assert (revision(redis), redis.get("rfm:partition:1")) == (2, b"b")
    assert not await write(calls, send(b"c", 3), b""), "where none may be, one is"
    assert await write(calls, send(b"b", 2), b"a"), "made again, as nobody heard that it was done"
    redis.flushall()
    assert not await write(calls, send(b"c", 3), b"b")
    assert revision(redis) is None


async def test_a_late_call_of_the_last_owner_does_not_bring_back_who_was_erased(calls, redis):
    assert await write(calls, send(b"old", 1), b"")
    assert await write(calls, send(b"new", None), b"old")
    assert not await write(calls, send(b"late", 2), b"old")
    assert revision(redis) is None


async def test_a_late_call_of_the_last_owner_does_not_delete_who_came_since(calls, redis):
    assert await write(calls, send(b"old", 1), b"")
    assert await write(calls, send(b"new", 2), b"old")
    assert not await write(calls, send(b"late", None), b"old")
    assert not await write(calls, send(b"late", None), b""), "nor its first one"
    assert revision(redis) == 2


async def test_a_newer_revision_stays_unless_it_is_replaced(calls, redis):
    assert await write(calls, send(b"a", 9), b"")
    assert await write(calls, send(b"b", 3), b"a")
    assert revision(redis) == 9
    assert await write(calls, send(b"c", 3, replaces=True), b"b")
    assert revision(redis) == 3


async def test_what_another_partition_wrote_has_no_revision_here_and_is_not_deleted(calls, redis):
    theirs = msgpack.packb({"revision": 9, "partition": 2})
    redis.set(KEY, theirs)
    assert await write(calls, send(b"a", None), b"")
    assert redis.get(KEY) == theirs
    ours = send(b"b", 3)
    ours.customers = valued(revision=3, partition=1)
    assert await write(calls, ours, b"a")
    assert revision(redis) == 3
    assert await write(calls, send(b"c", 2), b"b")
    assert revision(redis) == 3
    assert await write(calls, send(b"d", None), b"c")
    assert revision(redis) is None


@pytest.mark.parametrize("value", [b"", b"x", b"\xc1", msgpack.packb([1]), msgpack.packb({"revision": "x"})])
async def test_what_cannot_be_read_is_overwritten(calls, redis, value):
    redis.set(KEY, value)
    assert await write(calls, send(b"a", 3), b"")
    assert revision(redis) == 3


async def test_what_is_of_another_type_is_overwritten(calls, redis):
    redis.rpush(KEY, "x")
    redis.rpush("rfm:partition:1", "x")
    assert await calls.held([1]) == {}
    assert await write(calls, send(b"a", 3), b"")
    assert revision(redis) == 3


async def test_an_older_revision_stays_away_whatever_stands_before_it(calls, redis):
    """The end of a value is read without the rest where it ends as ours do."""

    def saying(stamp, **said):
        made = send(stamp, 1)
        made.customers = valued(segment="revision", **said)
        return made

    steps = [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1]
    stamps = [b"%d" % number for number in range(len(steps) + 1)]
    redis.set("rfm:partition:1", stamps[0])
    for before, stamp, number in zip(stamps, stamps[1:], steps, strict=False):
        assert await write(calls, saying(stamp, revision=number, partition=1), before)
        assert revision(redis) == number
        assert await write(calls, saying(before, revision=number - 1, partition=1), stamp)
        assert revision(redis) == number
        assert await write(calls, saying(stamp, partition=1, revision=number - 1), before)
        assert revision(redis) == number


@pytest.mark.parametrize("between", [b"", b"\xa1x", b"\xdd\xff\xff\xff\xff", b"\x05\x06", b"\xce\x05"])
async def test_what_only_ends_as_ours_do_is_overwritten(calls, redis, between):
    redis.set(KEY, b"\x8a\xa8revision" + between + b"\xa9partition\x01")
    assert await write(calls, send(b"a", 3), b"")
    assert revision(redis) == 3


async def test_calls_of_several_partitions_go_together_and_each_is_refused_for_itself(calls, redis):
    async def together(*stamps):
        sends = [send(stamp, None) for stamp in stamps]
        for number, each in enumerate(sends):
            each.partition, each.erased = number, [b"gone"]
            each.customers = valued(b"c%d" % number, revision=1)
        return await calls.write([(each, b"") for each in sends])

    redis.set("rfm:partition:1", b"other")
    redis.script_flush()
    assert await together(b"a", b"b", b"c") == [True, False, True]
    assert [redis.get(f"rfm:partition:{number}") for number in range(3)] == [b"a", b"other", b"c"]
    assert sorted(redis.keys("rfm:customer:*")) == [b"rfm:customer:c0", b"rfm:customer:c2"]
    assert await together(b"a", b"b", b"d") == [True, False, False]
    assert await calls.write([]) == []


async def test_a_call_that_fails_is_an_error_and_those_beside_it_may_be_made_again(calls, redis):
    def three(*, wrong):
        sends = [send(b"a", 1) for _ in range(3)]
        for number, each in enumerate(sends):
            each.partition, each.customers = number, valued(b"c%d" % number, revision=1)
        if wrong:
            # Not as many keys as it says: one value is taken for how many were erased.
            both = sends[1].customers
            sends[1].customers = replace(both, count=2, values=3 * both.values)
        return [(each, b"") for each in sends]

    with pytest.raises(RedisError):
        await calls.write(three(wrong=True))
    assert sorted(redis.keys("rfm:customer:*")) == [b"rfm:customer:c0", b"rfm:customer:c2"]
    assert await calls.write(three(wrong=False)) == [True, True, True]


async def test_who_has_hung_up_asks_by_new_connections(calls, redis):
    async def numbers():
        await calls.stamps([1])
        await calls.write([(send(b"a", 1), b"")])
        return {int(each["id"]) for each in redis.client_list(_type="normal")} - {redis.client_id()}

    before = await numbers()
    assert await numbers() == before
    await calls.hang_up()
    assert not before & await numbers()


@pytest.mark.usefixtures("redis")
async def test_values_are_read_together_with_the_stamp(calls):
    assert await write(calls, send(b"a", 3), b"")
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
