import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from broker import Message, write
from members import until
from open_transaction import killed_as_it_published
from parts import day

from stream_rfm.configured import rules_of
from stream_rfm.model import instant, version
from stream_rfm.model.version import Version
from stream_rfm.stream.version_follower import VersionFollower


@pytest.fixture
def publish(declared):
    rules = rules_of(declared.settings)

    def message(number):
        document = version.to_document(Version(number, instant.parse(day(number))), rules)
        return Message(str(number).encode(), json.dumps(document).encode())

    def published(*numbers):
        write(declared.servers, declared.topics.quantiles.name, map(message, numbers))

    return published


@pytest.fixture
async def follow(declared):
    started = []

    async def following(take, *, from_latest=False):
        follower = VersionFollower(
            declared.settings.kafka, declared.topics.quantiles.name, take, from_latest=from_latest
        )
        await follower.start()
        started.append(follower)
        return follower

    yield following
    for follower in started:
        await follower.stop()


async def test_all_that_is_published_is_there_once_it_has_caught_up_and_the_rest_follows(publish, follow):
    publish(*range(20))
    taken = []
    follower = await follow(lambda each: taken.append(each.number))
    await follower.caught_up()
    assert taken == list(range(20))
    publish(20)
    assert await until(lambda: taken == list(range(21)))


async def test_it_may_begin_with_the_latest(publish, follow):
    publish(*range(100))
    taken = []
    follower = await follow(lambda each: taken.append(each.number), from_latest=True)
    await follower.caught_up()
    assert taken == [99]
    publish(100)
    assert await until(lambda: taken == [99, 100])


@pytest.mark.parametrize("from_latest", [True, False])
async def test_nothing_published_is_caught_up_with(follow, from_latest):
    taken = []
    follower = await follow(taken.append, from_latest=from_latest)
    await follower.caught_up()
    assert taken == []


async def test_it_has_not_caught_up_while_a_transaction_is_open_before_what_is_published(
    declared, publish, follow
):
    taken = []
    follower = await follow(lambda each: taken.append(each.number))
    async with killed_as_it_published(declared):
        publish(0)
        waiting = asyncio.create_task(follower.caught_up())
        await asyncio.sleep(1)
        assert not waiting.done()
        assert taken == []
    await asyncio.wait_for(waiting, 20)
    assert taken == [0]


async def test_it_goes_on_where_it_was_after_an_error(publish, follow, monkeypatch, caplog):
    publish(0, 1)
    taken, errors = [], [KafkaError(), KafkaError()]
    follower = await follow(lambda each: taken.append(each.number))
    await follower.caught_up()
    getmany = AIOKafkaConsumer.getmany

    async def failing(consumer, *places, **how):
        if errors:
            raise errors.pop()
        return await getmany(consumer, *places, **how)

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", failing)
    assert await until(lambda: not errors)
    publish(2)
    assert await until(lambda: taken[-1] == 2)
    assert taken == [0, 1, 2]
    assert "versions cannot be read; trying again" in caplog.text
