import json
import time
from itertools import groupby

import pytest
from broker import records

from stream_rfm.kafka.admin import admin_client
from stream_rfm.kafka.declare import declare
from stream_rfm.kafka.orders_writer import OrdersWriter, OrdersWriterError
from stream_rfm.local.kafka import KafkaBroker

# From Kafka's own tests of its partitioner's hash.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
HEARTBEAT = {"type": "heartbeat", "ts": "2026-01-02T03:04:05Z"}


def order(number, customers=700, note=""):
    return {"customer_id": f"c-{number % customers}", "order_id": f"o-{number}", "note": note}


def documents(deployment):
    found = records(deployment.servers, deployment.topics.orders.name)
    return {partition: [json.loads(record.value) for record in some] for partition, some in found.items()}


@pytest.mark.parametrize("partitions", [1, 3, 8, 100])
def test_partitions_are_those_of_kafkas_default_partitioner(partitions):
    writer = OrdersWriter(None, "orders", partitions, 1.0)
    assert {key: writer._partition_of(key) for key in JAVA} == {
        key: (number & 0x7FFFFFFF) % partitions for key, number in JAVA.items()
    }


async def test_orders_are_keyed_and_keep_their_order_through_many_batches(deployment):
    declare(deployment.settings)
    orders = [order(number, note="x" * 100) for number in range(9000)]
    before = time.time() * 1000
    async with OrdersWriter.of(deployment.settings) as writer:
        for each in orders:
            await writer.put(each)
        await writer.flush()
    found = records(deployment.servers, deployment.topics.orders.name)
    assert sum(map(len, found.values())) == len(orders)
    for partition, some in found.items():
        assert [json.loads(record.value) for record in some] == [
            each for each in orders if writer._partition_of(each["customer_id"].encode()) == partition
        ]
        assert all(record.key.decode() == json.loads(record.value)["customer_id"] for record in some)
        assert before - 1 <= some[0].timestamp <= some[-1].timestamp <= time.time() * 1000


async def test_what_is_put_everywhere_stands_behind_what_was_put(deployment):
    declare(deployment.settings)
    async with OrdersWriter.of(deployment.settings) as writer:
        for number in range(1000):
            await writer.put(order(number))
        await writer.put_everywhere(HEARTBEAT)
        for number in range(1000, 2000):
            await writer.put(order(number))
        await writer.flush()
    for some in documents(deployment).values():
        kinds = [[*same] for _, same in groupby(some, lambda each: each == HEARTBEAT)]
        assert [len(same) == 1 and same[0] == HEARTBEAT for same in kinds] == [False, True, False]
        assert max(int(each["order_id"][2:]) for each in kinds[0]) < 1000


async def test_missing_topic_is_said_and_not_created(deployment):
    with pytest.raises(OrdersWriterError, match=r"\.orders does not exist: .*stream-rfm topics create"):
        OrdersWriter.of(deployment.settings)
    with admin_client(deployment.settings.kafka) as admin:
        assert deployment.topics.orders.name not in admin.list_topics()


async def test_record_that_kafka_refuses_is_said_with_the_reason(deployment):
    declare(deployment.settings)
    async with OrdersWriter.of(deployment.settings) as writer:
        await writer.put(order(1, note="x" * (17 << 20)))
        with pytest.raises(OrdersWriterError, match=r"could not be delivered to topic .*MessageSizeTooLarge"):
            await writer.flush()


async def test_broker_that_is_gone_is_said_in_good_time(deployment, tmp_path):
    with KafkaBroker(tmp_path) as own:
        kafka = {"bootstrap_servers": own.bootstrap_servers, "request_timeout_seconds": 0.5}
        settings = deployment.settings_with(kafka=kafka)
        declare(settings)
        async with OrdersWriter.of(settings) as writer:
            await writer.put(order(1))
            await writer.flush()
            own.kill()
            start = time.monotonic()
            await writer.put(order(2))
            with pytest.raises(OrdersWriterError, match="could not be delivered"):
                await writer.flush()
            await writer.flush()  # it has been said
        assert time.monotonic() - start < 10
