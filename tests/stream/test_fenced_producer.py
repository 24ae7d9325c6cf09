from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ProducerFenced
from members import until

from stream_rfm.stream.fenced_producer import FencedProducer


@pytest.fixture
def made(declared):
    def make() -> FencedProducer:
        return FencedProducer(
            bootstrap_servers=declared.servers,
            transactional_id=f"{declared.settings.app_id}-fenced",
            retry_backoff_ms=4,
        )

    return make


@pytest.fixture
async def producer(made):
    producer = made()
    await producer.start()
    yield producer
    await producer.give_up()


@pytest.fixture
def place(declared):
    return declared.topics.transitions.name, 0


async def end_of(declared, place) -> int:
    async with AIOKafkaConsumer(bootstrap_servers=declared.servers) as consumer:
        [end] = (await consumer.end_offsets([TopicPartition(*place)])).values()
    return end


async def test_kafka_is_told_of_partitions_before_anything_is_sent(declared, producer, place):
    assert producer.begin_ahead([place], declared.settings.app_id)
    await producer.commit_transaction()
    # Nothing but the marker is there.
    assert await end_of(declared, place) == 1


async def test_what_is_begun_is_not_begun_again(declared, producer, place):
    assert producer.begin_ahead([place], declared.settings.app_id)
    assert not producer.begin_ahead([place], declared.settings.app_id)
    await producer.commit_transaction()
    assert producer.begin_ahead([], declared.settings.app_id)


async def test_it_says_why_the_transaction_in_hand_has_failed(declared, producer, made, place):
    assert producer.failure is None
    successor = made()
    await successor.start()
    try:
        assert producer.begin_ahead([place], declared.settings.app_id)
        assert await until(lambda: producer.failure)
        assert isinstance(producer.failure, ProducerFenced)
        assert not producer.begin_ahead([place], declared.settings.app_id)
    finally:
        await successor.give_up()


async def test_who_gives_up_does_not_wait_and_the_next_of_its_name_goes_on(declared, producer, made, place):
    assert producer.begin_ahead([place], declared.settings.app_id)
    await asyncio.wait_for(producer.give_up(), 5)
    successor = made()
    await successor.start()
    try:
        assert successor.begin_ahead([place], declared.settings.app_id)
        await successor.commit_transaction()
    finally:
        await successor.give_up()
    assert await end_of(declared, place) >= 1
