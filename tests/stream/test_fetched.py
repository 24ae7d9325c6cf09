import gzip
import time

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from broker import Message, write
from committed_records import committed_records
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.intake import kernels
from stream_rfm.intake.run import Run
from stream_rfm.stream import fetched as module
from stream_rfm.stream.batch_layout import CHECKSUM, HEADER, LENGTH, MAGIC, checksum
from stream_rfm.stream.direct_fetch import DirectFetch
from stream_rfm.stream.fetched import Fetched, committed_batches, run_of, use_fetched

SENT = [
    Message(b"k", b"v", [("a", b"1"), ("a", b"\xff"), ("b", b"")], 0),
    Message(None, b"v", [], 0),
    Message(b"k", None, [], 0),
]
COMPRESSIONS = ["gzip", "snappy", "lz4", "zstd"]
# aiokafka's own, which another test of the same process may replace for good.
PARSERS = {name: getattr(fetcher, name) for name in ("PartitionRecords", "MemoryRecords")}


@pytest.fixture
def _patched(monkeypatch):
    for name, parser in PARSERS.items():
        monkeypatch.setattr(fetcher, name, parser)


async def fetched(deployment, count):
    found = (await committed_records(deployment.servers, deployment.topics.orders.name, [0]))[0]
    assert len(found) == count
    return found


async def fetched_whole(deployment, count):
    place = TP(deployment.topics.orders.name, 0)
    fetch = DirectFetch(deployment.settings.kafka, least_bytes=1, most_bytes=1 << 20)
    await fetch.start()
    fetch.wait_ms = 100
    fetch.go_on({place: 0})
    found, deadline = [], time.monotonic() + 20
    while len(found) < count or fetch.end_of(place) is None:
        assert time.monotonic() < deadline
        for batches in (await fetch.take([place], 0.1)).values():
            found += run_of(batches)
    await fetch.stop()
    assert len(found) == count
    return found


def facts(records):
    return [(r.key, r.value, r.offset, r.timestamp, tuple(r.headers)) for r in records]


async def compressed(deployment, compression, values):
    producer = AIOKafkaProducer(
        bootstrap_servers=deployment.servers, compression_type=compression, linger_ms=50
    )
    async with producer:
        for value in values:
            await producer.send(deployment.topics.orders.name, value, key=b"k", partition=0)


@pytest.mark.usefixtures("_patched")
async def test_whole_batches_and_parsed_records_say_what_the_others_say(declared):
    write(declared.servers, declared.topics.orders.name, SENT)
    plain = await fetched(declared, len(SENT))
    use_fetched()
    parsed = await fetched(declared, len(SENT))
    assert facts(parsed) == facts(plain)
    assert not any(isinstance(record, type(plain[0])) for record in parsed)
    assert kernels.load() is not None
    assert facts(await fetched_whole(declared, len(SENT))) == facts(plain)


@pytest.mark.usefixtures("_patched")
@pytest.mark.parametrize("compression", COMPRESSIONS)
async def test_what_was_compressed_is_read(declared, compression, monkeypatch):
    values = [b"%d " % number * 50 for number in range(300)]
    await compressed(declared, compression, values)
    use_fetched()
    kernels.load()
    in_columns = await fetched_whole(declared, len(values))
    assert [record.value for record in in_columns] == values
    monkeypatch.setattr(kernels._Shelf, "kernels", None)
    assert facts(await fetched_whole(declared, len(values))) == facts(in_columns)


@pytest.mark.usefixtures("_patched")
async def test_what_was_aborted_is_left_out(declared):
    topic = declared.topics.orders.name
    async with AIOKafkaProducer(bootstrap_servers=declared.servers, transactional_id="some") as producer:
        for value, abort in ((b"aborted", True), (b"committed", False), (b"aborted too", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value, partition=0)
            await (producer.abort_transaction() if abort else producer.commit_transaction())
    use_fetched()
    kernels.load()
    assert [record.value for record in await fetched_whole(declared, 1)] == [b"committed"]


def batches(data):
    found = Fetched(data, whole=True)
    while found.has_next():
        yield found.next_batch()


def test_batches_that_do_not_hold_together_are_aiokafkas_to_refuse():
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415 - only here

    kernels.load()
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for place in range(3):
        builder.append(place, 5, b"key", b"value", [])
    good = bytes(builder.build())
    run = run_of(list(batches(good + good)))
    assert isinstance(run, Run)
    assert [record.offset for record in run] == [0, 1, 2, 0, 1, 2]
    # One more than there are, and the length of the first record changed.
    for bad in (good[:57] + (4).to_bytes(4) + good[61:], good[:61] + b"\x02" + good[62:]):
        with pytest.raises(CorruptRecordException):
            run_of(list(batches(bad)))


@pytest.mark.parametrize("codec", [0, 1])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_name_of_a_header_may_be_of_any_bytes(compiled, codec, monkeypatch):
    """A client that takes bytes for it may send some that are no UTF-8, and Kafka takes them."""
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415 - only here

    kernels.load()
    if not compiled:
        monkeypatch.setattr(kernels._Shelf, "kernels", None)
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for place in range(2):
        builder.append(place, 5, b"key", b"value", [("caf?", b"said")])
    data = bytes(builder.build())
    records = data[HEADER.size :].replace(b"caf?", b"caf\xe9")
    if codec:
        records = gzip.compress(records)
    good = bytearray(data[: HEADER.size] + records)
    good[LENGTH] = (len(good) - LENGTH.stop).to_bytes(4)
    good[22] |= codec
    found = run_of(list(batches(bytes(good))))
    assert [(record.offset, record.headers) for record in found] == [
        (0, [("caf\\xe9", b"said")]),
        (1, [("caf\\xe9", b"said")]),
    ]


@pytest.mark.parametrize("magic", [0, 1, 2])
def test_a_checksum_is_what_aiokafka_says_it_is(magic):
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415 - only here
    from aiokafka.record.legacy_records import LegacyRecordBatchBuilder  # noqa: PLC0415

    if magic == 2:
        builder = DefaultRecordBatchBuilder(2, 0, 1, 7, 1, 40, 1 << 20)
        for place in range(3):
            builder.append(place, 5, b"key", b"value", [("name", b"said")])
    else:
        builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
        builder.append(0, 5, b"key", b"value")
    good = bytes(builder.build())
    [batch] = batches(good)
    assert batch.validate_crc()
    # Version 2 sums all that is behind its checksum; of those before, the value's length says where they end.
    for place in range(17 if magic == 2 else len(good) - len(b"value"), len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x10
        [batch] = batches(bytes(bad))
        assert batch.validate_crc() is MemoryRecords(bytes(bad)).next_batch().validate_crc() is False


PLACE = TopicPartition("orders", 0)
#: How many records, compressed or not, of a transaction or not, of a marker or not, and offsets that are
#: missing before it.
batch = st.tuples(
    st.integers(1, 3),
    st.sampled_from([0, 1]),
    st.booleans(),
    st.sampled_from([0, 0, 0x20]),
    st.integers(0, 2),
)


def built(kinds, first):
    """Batches as a broker has them, and the offset behind them."""
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415 - only here

    out, base = [], first
    for count, codec, transactional, control, gap in kinds:
        producer = 7 if transactional or control else -1
        is_bound = bool(transactional or control)
        builder = DefaultRecordBatchBuilder(2, codec and not control, is_bound, producer, 0, 0, 1 << 20)
        for place in range(1 if control else count):
            builder.append(place, 5, b"\0\0\0\1" if control else b"key", b"value" * 9, [])
        data = bytearray(builder.build())
        base += gap
        data[:8] = base.to_bytes(8)
        data[22] |= control
        data[CHECKSUM] = checksum(memoryview(data)).to_bytes(4)
        base += HEADER.unpack_from(data)[6] + 1
        out.append(bytes(data))
    return out, base


def said(data, offset, *, by_headers):
    with pytest.MonkeyPatch.context() as patch:
        if not by_headers:
            patch.setattr(module, "_all_committed", lambda *_: None)
        try:
            found, behind = committed_batches(PLACE, data, [], offset)
        except CorruptRecordException as error:
            return str(error)
    facts = [
        (one.base_offset, one.offset, one.max_timestamp, one.is_plain, one.count)
        for one in found
        if one.data[MAGIC] == 2
    ]
    return facts, [bytes(one.data) for one in found], behind


@given(st.lists(batch, max_size=4), st.integers(0, 9), st.integers(0, 20), st.data())
def test_headers_say_what_aiokafka_says(kinds, first, offset, data):
    every = built(kinds, first)[0]
    if every and data.draw(st.booleans()):
        which = data.draw(st.integers(0, len(every) - 1))
        damaged = bytearray(every[which])
        damaged[data.draw(st.integers(CHECKSUM.start, len(damaged) - 1))] ^= 1
        every[which] = bytes(damaged)
    whole = b"".join(every)
    part = whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole
    assert said(part, offset, by_headers=True) == said(part, offset, by_headers=False)


def test_older_formats_are_aiokafkas_to_read():
    from aiokafka.record.legacy_records import LegacyRecordBatchBuilder  # noqa: PLC0415 - only here

    for magic in (0, 1):
        builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
        builder.append(0, 5, None, b"v")
        old = bytes(builder.build())
        assert len(old) < HEADER.size
        for data in (old, built([(2, 0, False, 0, 1)], 0)[0][0] + old):
            assert said(data, 0, by_headers=True) == said(data, 0, by_headers=False)


def test_what_is_aborted_is_aiokafkas_to_leave_out():
    every, end = built([(2, 0, True, 0, 0), (1, 0, False, 0, 0), (1, 0, True, 0x20, 0)], 0)
    found, behind = committed_batches(PLACE, b"".join(every), [(7, 0)], 0)
    assert [one.base_offset for one in found] == [2]
    assert behind == end
