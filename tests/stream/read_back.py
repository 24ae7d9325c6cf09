"""Record batches of ours, read back by aiokafka."""

from __future__ import annotations

from aiokafka.record.memory_records import MemoryRecords

from stream_rfm.stream.batches import Message
from stream_rfm.stream.record_batches import RecordBatch, Records
from stream_rfm.stream.work import Work


def messages_in(batch: RecordBatch) -> list[Message]:
    """Keys, values and headers of a batch that holds together."""
    records = MemoryRecords(bytes(batch._build()))
    found = records.next_batch()
    assert found.validate_crc()
    assert found.is_transactional
    said = [(each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in found]
    assert [offset for offset, *_ in said] == list(range(batch.record_count()))
    assert len({stamp for _, stamp, *_ in said}) == 1
    assert not records.has_next()
    return [(key, value, headers) for *_, key, value, headers in said]


def messages_of(records: Records) -> list[Message]:
    """Those of all batches; nothing can be added then."""
    return [message for batch in records.batches() for message in messages_in(batch)]


def all_messages(work: Work) -> dict[tuple[str, int], list[Message]]:
    """Those of a transaction, however they are written, by topic and partition."""
    written = {place: messages_of(records) for place, records in work.records.items()}
    said = {
        place: [(key, value, [*headers]) for key, value, headers in some]
        for place, some in work.messages.items()
    }
    return said | {place: some for place, some in written.items() if some}
