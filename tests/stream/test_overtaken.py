"""What Redis says beyond the changelog's end is a successor's, or of another changelog."""

import pytest
from members import member_behind_orders
from parts import order, parts_of
from redis import Redis

from stream_rfm.serve.marks import Watermark
from stream_rfm.stream.overtaken import OvertakenError


@pytest.fixture
async def member(declared, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    async with member_behind_orders(declared) as membership:
        yield membership


async def test_what_redis_says_of_a_changelog_that_has_grown_meanwhile_is_not_replaced(
    declared, member, monkeypatch
):
    async with parts_of(declared.settings, "one") as one, parts_of(declared.settings, "two") as two:
        await one.take_over(member, 0)
        await one.count(member, 0, order(0, "c-a"))
        held = two.cache.held

        async def overtaken(numbers):
            # As by a successor, while this worker slept between asking Kafka and asking Redis.
            await one.count(member, 0, order(1, "c-b"))
            said = Watermark(1, 2, 0, one.lanes[0].changelog_end, declared.settings.app_id)
            with Redis.from_url(declared.endpoints.redis_url) as redis:
                redis.set("rfm:partition:0", said.stamped("one", 1))
            return await held(numbers)

        with monkeypatch.context() as patched:
            patched.setattr(two.cache, "held", overtaken)
            with pytest.raises(OvertakenError, match="has written partitions \\[0\\]"):
                await two.take_over(member, 0)
        assert two.lanes == {}
        await two.take_over(member, 0)
        assert two.lanes[0].partition.store.customers.count == 2
        assert not two.cache._partitions[0].replaces


async def test_what_redis_says_of_a_longer_changelog_that_is_gone_is_replaced(declared, member):
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0)
        await parts.count(member, 0, order(0, "c-a"))
        parts.takeover.let_go(parts.lanes, [0])
        said = Watermark(1, 2, 0, 1_000, declared.settings.app_id)
        with Redis.from_url(declared.endpoints.redis_url) as redis:
            redis.set("rfm:partition:0", said.stamped("one", 1))
        await parts.take_over(member, 0)
        assert parts.cache._partitions[0].replaces
