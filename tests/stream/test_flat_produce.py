import pytest
from aiokafka.protocol.produce import ProduceRequest

from stream_rfm.stream.flat_produce import FlatProduceRequest, FlatProduceRequest_v7

TOPICS = [("orders", [(0, bytearray(b"first")), (7, b"")]), ("Größen", [(300, bytearray(range(256)) * 300)])]


def prepared(kind, newest, topics, name="shop-1"):
    request = kind(transactional_id=name, required_acks=-1, timeout=40_000, topics=topics)
    return request.prepare({0: (3, newest)})


@pytest.mark.parametrize("topics", [TOPICS, TOPICS[:1], []])
@pytest.mark.parametrize("newest", [3, 7, 11])
def test_what_goes_over_the_wire_is_what_aiokafka_sends(topics, newest):
    ours = prepared(FlatProduceRequest, newest, topics)
    assert ours.encode() == prepared(ProduceRequest, newest, topics).encode()


def test_header_and_answer_are_of_the_same_version():
    ours, plain = (prepared(kind, 11, TOPICS, None) for kind in (FlatProduceRequest, ProduceRequest))
    assert isinstance(ours, FlatProduceRequest_v7)
    assert ours.RESPONSE_TYPE is plain.RESPONSE_TYPE
    assert ours.build_request_header(5, "a").encode() == plain.build_request_header(5, "a").encode()
    assert ours.encode() == plain.encode()
