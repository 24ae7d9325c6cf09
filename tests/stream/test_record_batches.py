import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st
from read_back import messages_in, messages_of

from stream_rfm.stream.batches import BATCH_BYTES
from stream_rfm.stream.record_batches import AT, Records, framed, number

some = st.none() | st.binary(max_size=300)
messages = st.lists(
    st.tuples(some, some, st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3)),
    max_size=90,
)


def theirs(messages):
    """The same messages in a batch of aiokafka's."""
    builder = BatchBuilder(1 << 30, 0, is_transactional=True)
    for key, value, headers in messages:
        builder.append(timestamp=17, key=key, value=value, headers=headers)
    return builder


@given(messages)
def test_a_batch_is_one_of_aiokafkas_byte_for_byte(messages):
    records = Records()
    records.add(messages)
    assert bool(records) == bool(messages)
    if not messages:
        assert records.batches() == []
        return
    [ours] = records.batches()
    ours._stamp = 17
    plain = theirs(messages)
    for batch in (ours, plain):
        batch._set_producer_state(5, 2, 70)
    assert ours.record_count() == plain.record_count()
    assert bytes(ours._build()) == bytes(plain._build())
    assert messages_in(ours) == messages


def test_it_is_built_once_and_stays_as_it_is():
    records = Records()
    records.add([(b"k", b"v", [])])
    [batch] = records.batches()
    first = bytes(batch._build())
    assert bytes(batch._build()) == first


def test_a_batch_stays_below_the_limit_but_for_a_single_record():
    records, large = Records(), b"x" * 3_000_000
    said = [(b"%d" % each, b"y" * 100_000, []) for each in range(20)]
    said[4:4] = [(b"large", large, []), (b"larger", large + b"x", []), (b"small", b"", [])]
    for each in said:
        records.add([each])
    batches = records.batches()
    assert messages_of(records) == said
    for batch in batches:
        assert len(batch._build()) <= BATCH_BYTES or batch.record_count() == 1
    assert len(batches) == 5


def test_room_that_is_expected_is_within_a_batch():
    records = Records()
    records.expect(50_000)
    assert len(records.out) >= records.state[AT] + 50_000
    records.expect(50_000_000)
    assert len(records.out) == BATCH_BYTES
    records.add([(b"k", b"v", [])])
    out = records.out
    records.expect(50_000_000)
    assert records.out is out
    assert messages_of(records) == [(b"k", b"v", [])]


@pytest.mark.parametrize(
    ("value", "said"), [(0, "00"), (63, "7e"), (64, "8001"), (8191, "fe7f"), (8192, "808001")]
)
def test_numbers_are_of_variable_length(value, said):
    assert number(value) == bytes.fromhex(said)
    assert framed(bytes(value)) == bytes.fromhex(said) + bytes(value)


def test_there_may_be_nothing_in_a_frame():
    assert framed(None) == b"\x01"
