import msgpack
import numpy as np
import pytest
from sent import keys_of

from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import BATCH, SMALL_BATCH, Marks, Table, Watermark
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.outbox import _BUFFERED, Outbox
from stream_rfm.serve.redis_calls import RedisCalls
from stream_rfm.serve.sampling import sample_of
from stream_rfm.serve.sweeping import Sweeping
from stream_rfm.settings import RedisSettings

WATERMARK = Watermark(as_of=1, committed_at=2, quantiles_version=3, offset=44, app_id="shop")


@pytest.fixture
def outbox():
    partitions = {}
    # Nothing is called.
    sweeping = Sweeping(RedisCalls(RedisSettings()), partitions, Metrics())
    return Outbox(partitions, sweeping, 0)


def table_of(values):
    return Table(values, lambda rows: bulk_of(*values(rows)), lambda: 9, lambda ids: np.full(len(ids), -1))


def marks(**state):
    def values(rows):
        return [b"c%d" % row for row in rows.tolist()], [
            msgpack.packb({"revision": row}) for row in rows.tolist()
        ]

    return Marks(table_of(values), **state)


def rows(count, first=0):
    return np.arange(first, first + count)


async def emptied(outbox):
    """Collect until there is no more."""
    while outbox.has_more:
        await outbox.collect()
    return list(outbox.sends)


async def test_what_is_new_in_any_partition_goes_before_every_backlog(outbox):
    for number in (1, 2):
        outbox.partitions[number] = marks()
        outbox.partitions[number].backlog.add(rows(3 * SMALL_BATCH))
        outbox.partitions[number].changed.add(rows(SMALL_BATCH, first=5000))
    first, second, *others = await emptied(outbox)
    assert {first.partition, second.partition} == {1, 2}
    assert all(b"c5" in key for send in (first, second) for key in keys_of(send))
    assert sum(send.count for send in others) == 6 * SMALL_BATCH
    assert outbox.pending == 8 * SMALL_BATCH
    outbox.done([first, second, *others])
    assert outbox.pending == 0
    assert outbox.arrived.is_set()


async def test_more_than_there_is_room_for_stays_a_mark(outbox):
    outbox.partitions[1] = marks()
    outbox.partitions[1].backlog.add(rows(40_000))
    assert sum(send.count for send in await emptied(outbox)) == _BUFFERED
    assert outbox.pending == 40_000
    outbox.sends.clear()
    assert outbox.pending == 40_000 - _BUFFERED


async def test_of_many_partitions_none_waits_while_others_go_twice(outbox):
    for number in range(64):
        outbox.partitions[number] = marks()
    served: list[int] = []
    while len(served) < 3 * 64:
        for partition in outbox.partitions.values():
            partition.changed.add(rows(BATCH))
        outbox._collected_at = 0.0
        await outbox.collect()
        assert 0 < sum(send.count for send in outbox.sends) < _BUFFERED + BATCH
        served += [send.partition for send in outbox.sends]
        outbox.sends.clear()
    assert [served.count(number) for number in range(64)] == [pytest.approx(len(served) / 64, abs=1)] * 64


async def test_beginning_anew_takes_back_what_was_not_sent(outbox):
    outbox.partitions[1] = marks(watermark=WATERMARK, written=b"x", stamped=True)
    outbox.partitions[1].erase([b"e"])
    [send] = await emptied(outbox)
    assert send.watermark == WATERMARK
    outbox.begin_anew(1)
    partition = outbox.partitions[1]
    assert not outbox.sends
    assert (list(partition.erased), partition.watermark, partition.pending) == ([b"e"], WATERMARK, 10)
    assert (partition.unswept, partition.stamped, partition.replaces) == (True, False, False)
    assert outbox.has_more


async def test_paused_partition_only_gathers_marks_and_replaces_afterwards(outbox):
    outbox.partitions[1] = marks()
    outbox.begin_anew(1, paused=True)
    outbox.partitions[1].changed.add(rows(3))
    assert not outbox.has_more
    await outbox.collect()
    assert not outbox.sends
    outbox.begin_anew(1)
    [send] = await emptied(outbox)
    assert (send.count, send.replaces) == (9, True)


async def test_partition_that_is_released_leaves_nothing(outbox):
    outbox.partitions[1] = marks()
    outbox.partitions[1].changed.add(rows(3))
    await emptied(outbox)
    outbox.release(1)
    assert (list(outbox.sends), outbox.partitions, outbox.has_more) == ([], {}, False)


def numbers(sends):
    return [send.partition for send in sends]


async def test_calls_are_small_but_where_many_wait(outbox):
    for number, count in ((1, 500), (2, 5_000)):
        outbox.partitions[number] = marks()
        outbox.partitions[number].changed.add(rows(count))
    counts = {1: [], 2: []}
    for send in await emptied(outbox):
        counts[send.partition].append(send.count)
    assert counts[1] == [SMALL_BATCH] * 5
    assert counts[2][0] == BATCH
    assert counts[2][-1] <= SMALL_BATCH
    assert sum(counts[2]) == 5_000


async def test_calls_of_different_partitions_go_together_as_far_as_one_may_bring_so_many(outbox):
    for number, count in ((1, 30), (2, 60), (3, 20), (4, 3_000)):
        outbox.partitions[number] = marks()
        outbox.partitions[number].changed.add(rows(count))
    await emptied(outbox)
    while outbox.sends:
        first = outbox.first()
        customers = sum(send.count for send in first)
        assert len(first) == 1 or customers <= SMALL_BATCH
        following = list(outbox.sends)[len(first) : len(first) + 1]
        assert all(customers + send.count > SMALL_BATCH for send in following)
        outbox.done(first)


async def test_second_call_of_a_partition_waits_for_what_the_first_one_left(outbox):
    for number in (1, 2):
        outbox.partitions[number] = marks()
        outbox.partitions[number].changed.add(rows(10))
    before = await emptied(outbox)
    outbox.partitions[before[0].partition].changed.add(rows(10))
    after = (await emptied(outbox))[-1]
    assert outbox.first() == before
    outbox.done(before)
    assert outbox.first() == [after]


async def test_what_is_made_again_comes_with_all_that_went_with_it(outbox):
    for number in (1, 2, 3):
        outbox.partitions[number] = marks()
        outbox.partitions[number].changed.add(rows(10))
    await emptied(outbox)
    together = numbers(outbox.first())
    outbox.partitions[4] = marks()
    outbox.partitions[4].changed.add(rows(10))
    await emptied(outbox)
    released = together.pop(1)
    outbox.release(released)
    assert numbers(outbox.first()) == [*together, 4]


async def test_what_went_with_its_partition_meanwhile_is_not_let_go_twice(outbox):
    for number in (1, 2):
        outbox.partitions[number] = marks()
        outbox.partitions[number].changed.add(rows(10))
    await emptied(outbox)
    first = outbox.first()
    outbox.release(first[0].partition)
    outbox.done(first)
    assert not outbox.sends


async def test_sample_is_compared_behind_all_calls_before_it(outbox):
    outbox.partitions[1] = marks()
    outbox.partitions[1].changed.add(rows(10))
    [send] = await emptied(outbox)
    outbox.sends.append(sample_of(1, outbox.partitions[1], np.random.default_rng(1)))
    outbox.partitions[2] = marks()
    outbox.partitions[2].changed.add(rows(10))
    await emptied(outbox)
    assert outbox.first() == [send]
