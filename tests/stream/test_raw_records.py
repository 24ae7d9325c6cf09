from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from broker import Message, write

from stream_rfm.stream.raw_records import use_raw_records

SENT = [
    Message(b"k", b"v", [("a", b"1"), ("a", b"\xff"), ("b", b"")], 0),
    Message(None, b"v", [], 0),
    Message(b"k", None, [], 0),
]


async def fetched(deployment):
    place = TopicPartition(deployment.topics.orders.name, 0)
    async with AIOKafkaConsumer(bootstrap_servers=deployment.servers, enable_auto_commit=False) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        found = []
        while len(found) < len(SENT):
            found += (await consumer.getmany(timeout_ms=100)).get(place, [])
        return found


async def test_raw_records_say_what_the_others_say(declared, monkeypatch):
    write(declared.servers, declared.topics.orders.name, SENT)
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    plain = await fetched(declared)
    use_raw_records()
    raw = await fetched(declared)
    for name in ("key", "value", "offset", "timestamp", "timestamp_type"):
        assert [getattr(record, name) for record in raw] == [getattr(record, name) for record in plain]
    assert [tuple(record.headers) for record in raw] == [record.headers for record in plain]
    assert not any(isinstance(record, type(plain[0])) for record in raw)
