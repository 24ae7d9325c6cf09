import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from stream_rfm.stream.batches import batches_of, fill


@pytest.mark.parametrize("size", [150, 400, 100_000])
def test_batch_is_filled_as_one_by_one(size):
    messages = [
        (key, value, [("content-type", b"x")] * (place % 3))
        for place, (key, value) in enumerate([(b"k", b"v" * 200), (None, b"t"), (b"c", None)] * 20)
    ]

    def batch():
        return BatchBuilder(size, 0, is_transactional=True)

    start = 0
    while start < len(messages):
        ours, plain = batch(), batch()
        end = fill(ours, messages, start)
        for key, value, headers in messages[start:]:
            if plain.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
        assert ours.record_count() == plain.record_count() == end - start
        assert ours.closed()
        found, expected = (
            [
                (each.offset, each.key, each.value, each.headers)
                for each in MemoryRecords(bytes(made._build())).next_batch()
            ]
            for made in (ours, plain)
        )
        assert found == expected
        start = end


async def test_as_many_batches_are_made_as_messages_need():
    class Producer:
        def create_batch(self):
            return BatchBuilder(400, 0, is_transactional=True)

    messages = [(b"k%d" % number, b"v" * 100, []) for number in range(10)]
    batches = await batches_of(Producer(), messages)
    assert sum(batch.record_count() for batch in batches) == 10
    assert len(batches) > 2
    assert all(batch.closed() for batch in batches)
