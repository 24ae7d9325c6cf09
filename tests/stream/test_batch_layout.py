from aiokafka.record.default_records import DefaultRecordBatchBuilder

from stream_rfm.stream.batch_layout import CHECKSUM, COUNT, HEADER, LENGTH, MAGIC, checksum


def test_all_stands_where_aiokafka_writes_it():
    builder = DefaultRecordBatchBuilder(2, 0, 1, 7, 1, 40, 1 << 20)
    for place in range(3):
        builder.append(place, 5, b"key", b"value", [])
    batch = bytes(builder.build())
    assert HEADER.unpack_from(batch)[3:4] == (batch[MAGIC],) == (2,)
    assert HEADER.unpack_from(batch)[9:] == (7, 1, 40, 3)
    assert int.from_bytes(batch[LENGTH]) == len(batch) - LENGTH.stop
    assert int.from_bytes(batch[COUNT]) == 3
    assert int.from_bytes(batch[CHECKSUM]) == checksum(memoryview(batch))
