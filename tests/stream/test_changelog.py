"""What was committed comes back, up to where it was asked for, and nothing else."""

import asyncio

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from members import member_of
from parts import Parts, order, parts_of
from snapshot_parts import facts

from stream_rfm.kafka.admin import admin_client
from stream_rfm.model import instant
from stream_rfm.stream.changelog import Changelog
from stream_rfm.stream.writer import now
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


@pytest.fixture
def cleaned_at_once(declared):
    """The changelog with the smallest segments there are, each compacted as soon as it is full."""
    broker = ConfigResourceType.BROKER
    topic = declared.topics.changelog.name
    small = {
        "segment.bytes": str(1 << 20),
        "min.compaction.lag.ms": "0",
        "min.cleanable.dirty.ratio": "0.01",
    }
    with admin_client(declared.settings.kafka) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, small)])
        # It looks for something to do each 15 s.
        admin.alter_configs([ConfigResource(broker, "1", {"log.cleaner.backoff.ms": "100"})])
        yield
        admin.reset_configs([ConfigResource(broker, "1", ["log.cleaner.backoff.ms"])])


async def read_in_less(parts, changelog, most):
    """The first partition's state, read again until it takes no more records than these."""
    for _ in range(200):
        read = []
        restore = await changelog.read(0, parts.lanes[0].changelog_end, on_records=read.append)
        if sum(read) <= most:
            return restore
        await asyncio.sleep(0.1)
    pytest.fail(f"{sum(read)} records are read")


@pytest.mark.usefixtures("cleaned_at_once")
async def test_what_is_read_from_the_beginning_is_little_more_than_the_state(parts, changelog, member):
    names, rounds = [f"c-{number}" for number in range(500)], 80
    ts = instant.iso(now() - instant.DAY)
    written = 0
    for _ in range(rounds):
        run = [order(written + place, name, ts=ts) for place, name in enumerate(names)]
        await parts.count(member, 0, *run)
        written += len(run)
    gone, back = names[:2]
    erased = [order(written + place, name, type="erase") for place, name in enumerate((gone, back))]
    await parts.count(member, 0, *erased, order(written + 2, back, ts=ts))
    known = {name: said[1:] for name, said in facts(parts).items()}
    assert len(known) == len(names) - 1

    # The last segment is read as it was written, some thousand records.
    restore = await read_in_less(parts, changelog, written // 5)
    parts.lanes[0].partition = Partition.restored(0, parts.rules, parts.clock, restore)
    assert {name: said[1:] for name, said in facts(parts).items()} == known
