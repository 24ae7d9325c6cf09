from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_rfm.stream.tail import last_record


@asynccontextmanager
async def consumer_of(deployment):
    async with AIOKafkaConsumer(
        bootstrap_servers=deployment.servers, isolation_level="read_committed", enable_auto_commit=False
    ) as consumer:
        yield consumer


@pytest.fixture
def place(declared):
    return TopicPartition(declared.topics.transitions.name, 0)


async def fill(deployment, place, *parts):
    """Write transactions: a number of records each, and whether they are committed."""
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.servers, transactional_id=f"{deployment.settings.app_id}-fill"
    ) as producer:
        for count, is_committed in parts:
            await producer.begin_transaction()
            for number in range(count):
                await producer.send(place.topic, b"%d" % number, b"k", partition=place.partition)
            await (producer.commit_transaction() if is_committed else producer.abort_transaction())


async def found(deployment, place, wanted=lambda _: True, end=None):
    async with consumer_of(deployment) as consumer:
        first = (await consumer.beginning_offsets([place]))[place]
        last = (await consumer.end_offsets([place]))[place] if end is None else end
        record = await last_record(consumer, place, first, last, wanted)
        return None if record is None else (record.offset, record.value)


async def test_it_is_the_last_one_that_was_committed(declared, place):
    assert await found(declared, place) is None
    await fill(declared, place, (3, True), (2, False))
    assert await found(declared, place) == (2, b"2")


async def test_it_may_stand_far_from_the_end(declared, place):
    await fill(declared, place, (1, True), (1500, False))
    assert await found(declared, place) == (0, b"0")


async def test_what_nobody_wants_is_passed_over(declared, place):
    await fill(declared, place, (1200, True))
    assert await found(declared, place, lambda record: record.value == b"7") == (7, b"7")
    assert await found(declared, place, lambda record: record.value == b"none") is None


async def test_what_stands_behind_the_end_is_not_looked_at(declared, place):
    await fill(declared, place, (10, True))
    assert await found(declared, place, end=4) == (3, b"3")
