import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream_rfm.local.ports import HOST, free_ports
from stream_rfm.settings import KafkaSettings
from stream_rfm.stream.reading import reading


async def test_it_can_be_left_at_once(declared):
    for _ in range(20):
        async with reading(declared.settings.kafka):
            pass


async def test_it_leaves_nothing_open_where_kafka_is_not_there(monkeypatch):
    stopped, stop = [], AIOKafkaConsumer.stop

    async def seen(consumer):
        await stop(consumer)
        stopped.append(consumer)

    monkeypatch.setattr(AIOKafkaConsumer, "stop", seen)
    with pytest.raises(KafkaConnectionError):
        async with reading(KafkaSettings(bootstrap_servers=f"{HOST}:{free_ports(1)[0]}")):
            pytest.fail("nobody answers")
    assert len(stopped) == 1


async def test_it_reads_what_is_committed_unless_it_is_told_otherwise(declared):
    topic, kafka = declared.topics.transitions.name, declared.settings.kafka
    place = TopicPartition(topic, 0)

    async def end(**options):
        async with reading(kafka, **options) as consumer:
            return (await consumer.end_offsets([place]))[place]

    async with (
        AIOKafkaProducer(bootstrap_servers=declared.servers, transactional_id="open") as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(topic, b"not committed yet", partition=0)
        assert (await end(), await end(isolation_level="read_uncommitted")) == (0, 1)
    assert await end() == 2
