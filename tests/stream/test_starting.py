"""Clients of Faust whose Kafka is away as they start; it appears behind a port that was closed before."""

import asyncio
import logging

import pytest
from aiokafka.errors import KafkaConnectionError
from broker import eventually
from door import Door
from mode import Service

from stream_rfm.app import create_app
from stream_rfm.local.ports import HOST
from stream_rfm.stream.starting import when_there

WAITING = "kafka is not there yet; trying again"


@pytest.fixture
async def door(declared):
    """Leads to Kafka, once it is open."""
    made = Door(int(declared.servers.rpartition(":")[2]))
    yield made
    await made.cut()


@pytest.fixture(params=["member", "fetch", "producer"])
async def client(request, door, declared, monkeypatch):
    """One of the app's services that have a client of Kafka."""
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", f"{HOST}:{door.port}")
    app = create_app(declared.settings)
    if request.param == "producer":
        return app.producer
    consumer = app.consumer
    return consumer._new_consumer_thread() if request.param == "member" else consumer._fetch


async def waited_for(caplog, times):
    def so_often():
        return sum(record.message == WAITING for record in caplog.records) >= times

    assert await asyncio.to_thread(eventually, so_often, 20)


async def test_client_starts_when_kafka_is_there(client, door, caplog):
    starting = asyncio.create_task(client.start())
    await waited_for(caplog, 2)
    assert not starting.done()
    await door.open()
    await asyncio.wait_for(starting, 30)
    assert client.started
    assert not client.crashed
    await asyncio.wait_for(client.stop(), 30)


async def test_client_ends_while_it_waits(client, caplog):
    starting = asyncio.create_task(client.start())
    await waited_for(caplog, 1)
    await asyncio.wait_for(client.stop(), 10)
    await asyncio.wait_for(starting, 10)
    assert not client.crashed


async def test_client_that_hangs_as_it_starts_is_given_up_when_its_service_stops():
    service, given_up = Service(), []

    async def hang():
        await asyncio.sleep(60)

    async def give_up():
        given_up.append("client")

    starting = asyncio.create_task(when_there(service, hang, give_up))
    await asyncio.sleep(0.1)
    assert not given_up
    await service.stop()
    await asyncio.wait_for(starting, 10)
    assert given_up == ["client"]


async def test_each_client_that_fails_is_given_up_before_the_next_is_made(caplog):
    caplog.set_level(logging.WARNING)
    steps, errors = [], [KafkaConnectionError("away"), OSError("gone"), None]

    async def start():
        steps.append("start")
        if error := errors.pop(0):
            raise error

    async def give_up():
        steps.append("give up")

    await when_there(Service(), start, give_up)
    assert steps == ["start", "give up", "start", "give up", "start"]
    assert [record.reason for record in caplog.records] == ["KafkaConnectionError: away", "gone"]


async def test_what_is_not_of_kafka_is_not_tried_again():
    async def start():
        raise ValueError("wrong")

    async def give_up():
        pass

    with pytest.raises(ValueError, match="wrong"):
        await when_there(Service(), start, give_up)
