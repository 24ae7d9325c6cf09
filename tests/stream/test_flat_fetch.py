from io import BytesIO

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11

from stream_rfm.stream.flat_fetch import FlatFetchRequest, FlatFetchResponse_v11, Part

OFFSETS = {("orders", 0): 5, ("Größen", 300): 1 << 40, ("orders", 7): 0}
ABORTED = [(1 << 40, 3), (7, 0)]


def asked(offsets, newest=17):
    limits = {"wait_ms": 10, "least_bytes": 1 << 19, "most_bytes": 50 << 20, "most_bytes_each": 1 << 20}
    request = FlatFetchRequest(offsets, isolation_level=READ_COMMITTED, **limits)
    return request.prepare({1: (4, newest)})


def plainly_asked(offsets):
    topics = {}
    for (topic, partition), offset in offsets.items():
        topics.setdefault(topic, []).append((partition, offset, 1 << 20))
    return FetchRequest(10, 1 << 19, 50 << 20, READ_COMMITTED, list(topics.items())).prepare({1: (4, 17)})


def answer(*topics, error=0):
    return FetchResponse_v11(3, error, 0, list(topics)).encode()


@pytest.mark.parametrize("offsets", [OFFSETS, {("orders", 3): 9}, {}])
def test_what_goes_over_the_wire_is_what_aiokafka_sends(offsets):
    ours, plain = asked(offsets), plainly_asked(offsets)
    assert ours.encode() == plain.encode()
    assert ours.build_request_header(5, "a").encode() == plain.build_request_header(5, "a").encode()


def test_brokers_that_are_too_old_are_refused():
    with pytest.raises((NotImplementedError, IncompatibleBrokerVersion)):
        asked(OFFSETS, newest=10)


def test_an_answer_says_what_aiokafka_reads_of_it():
    data = answer(
        ("orders", [(0, 0, 70, 60, 50, ABORTED, -1, b"first"), (7, 6, -1, -1, -1, [], -1, b"")]),
        ("Größen", [(300, 0, 1 << 40, 3, 2, [], 4, bytes(range(256)) * 300)]),
    )
    ours, plain = FlatFetchResponse_v11.decode(data), FetchResponse_v11.decode(data)
    assert ours.error == plain.error_code == 0
    assert ours.parts == [
        Part((topic, number), error, end, aborted, records)
        for topic, partitions in plain.topics
        for number, error, end, _, _, aborted, _, records in partitions
    ]
    # As it comes from a connection: behind its header, in front of nothing.
    behind = BytesIO(b"head" + data)
    behind.seek(4)
    assert FlatFetchResponse_v11.decode(behind).parts == ours.parts


def test_what_is_not_there_is_nothing():
    # Neither a list of transactions nor records; and an error of it all.
    nothing = (0).to_bytes(8) * 3 + b"\xff" * 4 + b"\xff" * 4 + b"\xff" * 4
    one = b"\0\0\0\1" + b"\0\6orders" + b"\0\0\0\1" + b"\0\0\0\2" + b"\0\0" + nothing
    parts = FlatFetchResponse_v11.decode(b"\0" * 4 + b"\0\x46" + b"\0" * 4 + one)
    assert parts.error == 70
    assert parts.parts == [Part(("orders", 2), 0, 0, [], b"")]
    assert FlatFetchResponse_v11.decode(answer()).parts == []


def test_what_is_logged_of_an_answer_holds_none_of_its_records():
    data = answer(("orders", [(0, 0, 70, 60, 50, [], -1, b"c-secret")]))
    assert "secret" not in repr(FlatFetchResponse_v11.decode(data))
