"""What Faust hands the agents is committed, each record once, and in runs; on a worker that runs."""

import asyncio
import json
from types import SimpleNamespace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from broker import Message, eventually, write
from faust.types import TP
from members import values_in
from parts import order
from workers import Worker

from stream_rfm.app import create_app
from stream_rfm.stream import transport
from stream_rfm.stream.transport import BatchConsumer, _message

PLACE = TP("orders", 3)


async def produce(deployment, how, *records):
    """One transaction of orders, all into the first partition."""
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.servers, transactional_id=f"{deployment.settings.app_id}-shop"
    ) as producer:
        await producer.begin_transaction()
        for record in records:
            await producer.send_and_wait(deployment.topics.orders.name, record.value, record.key, partition=0)
        await (producer.commit_transaction() if how == "commit" else producer.abort_transaction())


async def test_orders_that_their_producer_took_back_do_not_count(declared, tmp_path):
    await produce(declared, "abort", order(0, "c-a"), order(1, "c-b"))
    await produce(declared, "commit", order(2, "c-a"))
    await produce(declared, "abort", order(3, "c-b"))
    with Worker(tmp_path / "worker") as worker:
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 1, 30)
        await produce(declared, "commit", order(4, "c-a"))
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total") == 2)
        assert worker.end() == 0
    said = [json.loads(value) for value in await values_in(declared, declared.topics.transitions.name)]
    assert {each["customer_id"] for each in said} == {"c-a"}


def test_orders_are_counted_once_by_one_worker_after_the_other(declared, tmp_path):
    orders = declared.topics.orders.name
    for number in range(3):
        with Worker(tmp_path / f"worker-{number}") as worker:
            worker.wait_until_ready()
            run = [order(10 * number + n, "c-a") for n in range(10)]
            write(declared.servers, orders, [Message(each.key, each.value, partition=1) for each in run])
            assert eventually(lambda worker=worker: worker.metric("stream_rfm_order_events_total") == 10)
            assert worker.end() == 0


def test_message_is_the_runs_of_a_topic_with_the_place_of_the_first_ones_last_record_and_its_generation():
    run = [SimpleNamespace(offset=offset, timestamp=1000, timestamp_type=0) for offset in (5, 9)]
    other = [SimpleNamespace(offset=70, timestamp=2000, timestamp_type=0)]
    made = _message(PLACE, [(3, run), (4, other)], 17)
    assert (made.topic, made.partition, made.offset, made.generation_id) == ("orders", 3, 9, 17)
    assert [(number, [record.offset for record in some]) for number, some in made.value] == [
        (3, [5, 9]),
        (4, [70]),
    ]
    assert made.timestamp == 1


async def test_what_was_fetched_goes_by_topics_without_what_was_compacted_away(monkeypatch):
    monkeypatch.setattr(transport, "run_or_unread", lambda batches: batches)
    monkeypatch.setattr("stream_rfm.stream.breath._HOLD_SECONDS", -1.0)
    fetched = {TP("orders", 1): [1], TP("reports", 0): [2], TP("orders", 2): [], TP("orders", 7): [3]}
    assert await transport._by_topic(fetched) == {"orders": [(1, [1]), (7, [3])], "reports": [(0, [2])]}


async def test_consumer_is_ours_and_commits_nothing_by_itself(deployment):
    consumer = create_app(deployment.settings).consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._acked[PLACE] = [1, 2, 3]
    assert consumer._new_offset(PLACE) is None
    assert consumer._acked[PLACE] == []


async def test_where_all_is_held_back_it_goes_on_as_soon_as_something_is_not(deployment, monkeypatch):
    async def sleeps(*_: object) -> None:
        raise AssertionError("it sleeps on, whatever is resumed")

    consumer = create_app(deployment.settings).consumer
    monkeypatch.setattr(consumer, "sleep", sleeps)
    monkeypatch.setattr(transport, "_FETCH_SECONDS", 3600)
    consumer._set_active_tps({PLACE})
    consumer.pause_partitions({PLACE})

    async def fetched() -> list:
        return [each async for each in consumer.getmany(1)]

    waiting = asyncio.create_task(fetched())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    consumer.resume_partitions({PLACE})
    assert await asyncio.wait_for(waiting, 30) == []
    assert consumer._get_active_partitions() == {PLACE}


async def test_consumer_ends_while_a_fetch_waits_to_be_tried_again(deployment):
    thread = create_app(deployment.settings).consumer._new_consumer_thread()
    thread._consumer = AIOKafkaConsumer(bootstrap_servers=deployment.servers)
    await thread._consumer.start()
    await asyncio.sleep(0)  # the fetcher begins, and drops what it finds
    # As the fetcher does where a node is away.
    waiting = asyncio.create_task(asyncio.sleep(60))
    thread._consumer._fetcher._pending_tasks.add(waiting)
    await asyncio.sleep(0)
    await thread.on_thread_stop()
    assert waiting.cancelled()
    assert not thread._consumer._client._conns
