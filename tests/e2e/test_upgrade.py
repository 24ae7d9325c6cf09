"""This release goes on where an earlier one ended: nobody lost, no sequence broken, nothing said twice."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from flow import assert_cache_follows, assert_same, command, exported, replayed
from kept import MIDDLE, RELEASES, SETTINGS, state_of
from redis import Redis
from shop import DAYS, day, written
from workers import Worker

# The worker reads these; the state is in the changelog alone.
FILLED = ("orders", "transitions", "segments", "quantiles", "summaries", "changelog")


@pytest.fixture(params=RELEASES)
def state(request, choose):
    elsewhere = ("APP_ID", "PORT")
    choose(**{
        name.removeprefix("STREAM_RFM_").lower(): value
        for name, value in SETTINGS.items()
        if not name.endswith(elsewhere)
    })  # fmt: skip
    return state_of(request.param)


async def filled(deployment, state):
    """Put everything where the release had it; but the changelog has no markers of transactions now."""
    async with AIOKafkaProducer(bootstrap_servers=deployment.servers, max_request_size=16 << 20) as producer:
        for role in FILLED:
            topic = getattr(deployment.topics, role).name
            for partition, records in state.topics[role].items():
                for _, timestamp, key, value, headers in records:
                    await producer.send(
                        topic, value, key, partition, timestamp_ms=timestamp, headers=list(headers)
                    )
        await producer.flush()
    async with AIOKafkaConsumer(
        bootstrap_servers=deployment.servers, group_id=deployment.settings.app_id, enable_auto_commit=False
    ) as consumer:
        ends = {
            TopicPartition(deployment.topics.orders.name, partition): records[-1][0] + 1
            for partition, records in state.topics["orders"].items()
        }
        consumer.assign(list(ends))
        await consumer.commit(ends)
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        redis.mset(state.redis)


def test_it_goes_on_where_the_earlier_one_ended(deployment, state, tmp_path):
    command("topics", "create")
    asyncio.run(filled(deployment, state))
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        assert exported(day(MIDDLE), tmp_path / "middle.csv").read_text("utf-8") == state.export
        command("produce", written(tmp_path / "rest.jsonl", state.rest), "--until", day(DAYS))
        export = exported(day(DAYS), tmp_path / "export.csv")
        assert_cache_follows(deployment, export)
        assert worker.end() == 0
    before = [
        json.loads(value) for found in state.topics["orders"].values() for *_, value, _ in sorted(found)
    ]
    orders = [each for each in before if each.get("type") != "heartbeat"] + state.rest
    orders.sort(key=lambda document: document["ts"])
    replay = replayed(written(tmp_path / "orders.jsonl", orders), day(DAYS), tmp_path / "replay")
    assert_same(deployment, replay, export)
