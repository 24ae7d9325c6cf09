"""What was committed comes back, up to where it was asked for, and nothing else."""

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from members import member_of
from parts import Parts, order, parts_of

from stream_rfm.stream.changelog import Changelog
from stream_rfm.table.journal import CUSTOMER, MARKER
from stream_rfm.table.marker import read_marker
from stream_rfm.table.partition import Partition


@pytest.fixture
async def member(declared):
    async with member_of(declared) as joined:
        yield joined.membership


@pytest.fixture
async def parts(declared, member):
    async with parts_of(declared.settings) as made:
        await made.take_over(member, 0)
        yield made


@pytest.fixture
def changelog(declared):
    return Changelog(declared.settings.kafka, declared.topics.changelog.name)


def customers(parts: Parts, restore):
    known = Partition.restored(0, parts.rules, parts.clock, restore).store.customers
    rows = np.flatnonzero(known.is_somebody())
    return dict(zip(known.ids_of(rows), known.lifetime_orders[rows].tolist(), strict=True))


async def test_state_comes_back_as_it_was(parts, changelog, member):
    for number in range(3):
        await parts.count(member, 0, order(2 * number, "c-a"), order(2 * number + 1, f"c-{number}"))
    read = []
    restore = await changelog.read(0, parts.lanes[0].changelog_end, on_records=read.append)
    assert customers(parts, restore) == {b"c-a": 3, b"c-0": 1, b"c-1": 1, b"c-2": 1}
    assert read_marker(restore.marker).position == 6
    # A customer's record each, a block of entries and the marker in every transaction.
    assert sum(read) >= 3 * 3
    assert restore.recent == set()


async def test_it_stops_at_the_end_or_behind_the_marker_that_is_asked_for(parts, changelog, member):
    await parts.count(member, 0, order(0, "c-a"))
    first = parts.lanes[0].changelog_end
    await parts.count(member, 0, order(1, "c-b"))
    await parts.count(member, 0, order(2, "c-c"))
    end = parts.lanes[0].changelog_end
    assert customers(parts, await changelog.read(0, first)).keys() == {b"c-a"}
    restore = await changelog.read(0, end, stop_at=lambda value: read_marker(value).position >= 2)
    assert customers(parts, restore).keys() == {b"c-a", b"c-b"}
    never = await changelog.read(0, end, stop_at=lambda _: False)
    assert customers(parts, never).keys() == {b"c-a", b"c-b", b"c-c"}


async def test_customers_written_lately_are_remembered(parts, changelog, member):
    await parts.count(member, 0, order(0, "c-a"), order(1, "c-b"))
    first = parts.lanes[0].changelog_end
    await parts.count(member, 0, order(2, "c-b", type="erase"), order(3, "c-c"))
    restore = await changelog.read(0, parts.lanes[0].changelog_end, recent_from=first)
    assert restore.recent == {b"c-b", b"c-c"}
    assert customers(parts, restore).keys() == {b"c-a", b"c-c"}


async def test_what_was_not_committed_is_not_read(declared, parts, changelog, member):
    await parts.count(member, 0, order(0, "c-a"))
    async with AIOKafkaProducer(
        bootstrap_servers=declared.servers, transactional_id=f"{declared.settings.app_id}-aborted"
    ) as producer:
        await producer.begin_transaction()
        for key in (CUSTOMER + b"c-ghost", MARKER):
            await producer.send_and_wait(declared.topics.changelog.name, b"rubbish", key, partition=0)
        await producer.abort_transaction()
    await parts.count(member, 0, order(1, "c-a"))
    restore = await changelog.read(0, parts.lanes[0].changelog_end)
    assert customers(parts, restore) == {b"c-a": 2}


async def test_empty_partition_has_nothing(changelog):
    restore = await changelog.read(2, 0)
    assert restore.marker is None
