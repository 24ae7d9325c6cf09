import json
import time
from itertools import pairwise

import pytest
from broker import records

from stream_rfm.kafka.declare import declare
from stream_rfm.kafka.feed import Feed
from stream_rfm.model import instant


def order(number, ts="2026-01-01T00:00:00Z"):
    return {"customer_id": f"c-{number}", "order_id": f"o-{number}", "ts": ts}


def heartbeat(ts):
    return {"type": "heartbeat", "ts": ts}


@pytest.fixture(autouse=True)
def _topics(deployment):
    declare(deployment.settings)


@pytest.fixture
def found(deployment):
    """What is in the topic, by partition."""

    def documents():
        some = records(deployment.servers, deployment.topics.orders.name)
        return [[json.loads(record.value) for record in some[partition]] for partition in sorted(some)]

    return documents


async def test_later_orders_are_left_out_and_every_partition_ends_with_a_heartbeat(deployment, found):
    until = "2026-01-02T00:00:00.5Z"
    feed = Feed(deployment.settings, until=instant.parse(until))
    on_time = [order(1), order(2, until), order(3, 1767312000500), order(4, "when?"), {"customer_id": "c-5"}]
    late = [order(6, "2026-01-02T00:00:01Z"), order(7, 1767312000501), heartbeat("2026-01-03T00:00:00Z")]
    await feed.run([*late, *on_time, *late])
    assert (feed.fed.orders, feed.fed.after) == (5, 6)
    partitions = found()
    assert [some[-1] for some in partitions] == [heartbeat("2026-01-02T00:00:00.500000Z")] * 3
    sent = [each for some in partitions for each in some[:-1]]
    assert sorted(sent, key=lambda each: each["customer_id"]) == on_time


async def test_without_an_end_there_is_no_heartbeat_but_those_of_the_file_go_everywhere(deployment, found):
    feed = Feed(deployment.settings)
    await feed.run([order(1), heartbeat("2026-01-02T00:00:00Z"), heartbeat("when?")])
    assert feed.fed.orders == 1
    for some in found():
        assert some[-2:] == [heartbeat("2026-01-02T00:00:00Z"), heartbeat("when?")]


async def test_nothing_but_the_end_is_a_heartbeat_everywhere(deployment, found):
    await Feed(deployment.settings, until=instant.parse("2026-01-02T00:00:00Z")).run([])
    assert found() == [[heartbeat("2026-01-02T00:00:00Z")]] * 3


async def test_rate_paces_and_orders_arrive_meanwhile(deployment):
    start = time.monotonic()
    await Feed(deployment.settings, rate=50).run(order(1) for _ in range(30))
    assert 29 / 50 <= time.monotonic() - start < 5
    [some] = [some for some in records(deployment.servers, deployment.topics.orders.name).values() if some]
    gaps = [after.timestamp - before.timestamp for before, after in pairwise(some)]
    assert max(gaps) < 500
    assert sum(gaps) >= 29 * 20 - 40


async def test_what_comes_before_a_fault_is_sent(deployment, found):
    def documents():
        for number in range(100):
            yield order(number)
        raise ValueError("fault")

    feed = Feed(deployment.settings, until=instant.parse("2026-01-02T00:00:00Z"))
    with pytest.raises(ValueError, match="fault"):
        await feed.run(documents())
    sent = [each for some in found() for each in some]
    assert len(sent) == feed.fed.orders == 100


async def test_progress_counts_everything_that_was_read(deployment):
    told = []
    feed = Feed(deployment.settings, until=instant.parse("2026-01-01T00:00:00Z"), progress=told.append)
    await feed.run([order(1), order(1, "2026-01-02T00:00:00Z"), heartbeat("2026-01-01T00:00:00Z")] * 700)
    assert sum(told) == 2100
    assert len(told) > 2
