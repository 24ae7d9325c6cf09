import asyncio

import intercepted
import pytest
from aiokafka import errors
from aiokafka.structs import TopicPartition
from intercepted import Answer
from members import committed, member_of, transactions_of, values_in, work_of

from stream_rfm.stream import direct_produce
from stream_rfm.stream.flat_produce import FlatProduceRequest
from stream_rfm.stream.transaction import NotCommittedError


@pytest.fixture
async def member(declared):
    async with member_of(declared) as joined:
        yield joined.membership


def intercept(transactions, instead):
    """Have each request for records answered by what is called with it, or by Kafka; gives the requests."""
    return intercepted.intercept(transactions._producer.client, FlatProduceRequest, instead)


def everywhere(declared, value, offset=1):
    work = work_of(declared, value, offset=offset)
    for partition in range(3):
        work.put(declared.topics.segments.name, partition, [(b"c", b"s", [])])
    return work


def places_of(request):
    return [(topic, partition) for topic, partitions in request._topics for partition, _ in partitions]


async def test_all_places_go_into_one_request(declared, member):
    async with transactions_of(declared) as transactions:
        # Leaders of new topics refuse at first.
        await transactions.commit(everywhere(declared, b"1", offset=1), member)
        requests = intercept(transactions, lambda _: None)
        ends = await transactions.commit(everywhere(declared, b"2", offset=2), member)
    # What Kafka is not ready for is sent again.
    assert set(places_of(requests[0])) == set(ends) == set(everywhere(declared, b"").messages)


async def test_a_request_holds_no_more_than_brokers_take(declared, member, monkeypatch):
    monkeypatch.setattr(direct_produce, "_REQUEST_BYTES", 250_000)
    values = [bytes([number]) * 100_000 for number in range(20)]
    async with transactions_of(declared) as transactions:
        await transactions.commit(everywhere(declared, b"first", offset=1), member)
        requests = intercept(transactions, lambda _: None)
        work = work_of(declared, *values, offset=2)
        for partition in range(3):
            work.put(declared.topics.segments.name, partition, [(b"c", b"s" * 200_000, [])])
        await transactions.commit(work, member)
    # Batches of transitions are of 900 kB, and go by themselves however little a request may hold.
    assert {len(places_of(request)) for request in requests} == {1}
    sent = {(*places_of(request), bytes(request._topics[0][1][0][1])) for request in requests}
    assert len(sent) == 6
    assert await values_in(declared, declared.topics.transitions.name) == [b"first", *values]


@pytest.mark.parametrize("code", sorted(direct_produce._NOT_WRITTEN))
async def test_what_was_not_written_is_sent_again_as_it_was(declared, member, code):
    name = declared.topics.transitions.name
    refused = []

    def refuse(request):
        if len(refused) < 2 and (name, 0) in places_of(request):
            refused.append(request)
            return Answer(topics=[(name, [(0, code, -1, -1, -1)])])
        return None

    async with transactions_of(declared) as transactions:
        await transactions.commit(work_of(declared, b"1", b"2"), member)
        requests = intercept(transactions, refuse)
        assert await transactions.commit(work_of(declared, b"3", offset=2), member) == {(name, 0): 4}
        assert len({bytes(request._topics[0][1][0][1]) for request in requests}) == 1
        assert await transactions.commit(work_of(declared, b"4", offset=3), member) == {(name, 0): 6}
        assert transactions._producer._txn_manager.sequence_number(TopicPartition(name, 0)) == 4
    assert await values_in(declared, name) == [b"1", b"2", b"3", b"4"]


async def test_connection_that_is_not_there_is_made_again(declared, member):
    gone = []

    def lose(_):
        if not gone:
            gone.append(True)
            raise errors.NodeNotReadyError

    async with transactions_of(declared) as transactions:
        intercept(transactions, lose)
        await asyncio.wait_for(transactions.commit(work_of(declared, b"1"), member), 20)
    assert gone
    assert await values_in(declared, declared.topics.transitions.name) == [b"1"]


@pytest.mark.parametrize("failure", [errors.RequestTimedOutError, errors.KafkaConnectionError])
async def test_what_was_not_answered_is_not_sent_again(declared, member, failure):
    def lose(_):
        raise failure

    async with transactions_of(declared) as transactions:
        await transactions.commit(work_of(declared, b"1"), member)
        requests = intercept(transactions, lose)
        with pytest.raises(NotCommittedError, match="records were not answered"):
            await transactions.commit(work_of(declared, b"lost", offset=9), member)
        assert len(requests) == 1
        await transactions.renew()
        await transactions.commit(work_of(declared, b"2", offset=2), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2"]
    assert await committed(declared) == {0: 2}


async def test_what_kafka_refuses_fails_the_transaction(declared, member):
    name = declared.topics.transitions.name
    too_large = errors.MessageSizeTooLargeError.errno
    async with transactions_of(declared) as transactions:
        intercept(transactions, lambda _: Answer(topics=[(name, [(0, too_large, -1, -1, -1)])]))
        with pytest.raises(NotCommittedError, match=f"MessageSizeTooLargeError.*{name}, partition 0"):
            await transactions.commit(work_of(declared, b"1"), member)


async def test_numbers_of_batches_begin_again_where_kafkas_do(declared, member):
    place = TopicPartition(declared.topics.transitions.name, 0)
    async with transactions_of(declared) as transactions:
        transactions._producer._txn_manager._sequence_numbers[place] = 2**31 - 2
        await transactions.commit(work_of(declared, b"1", b"2", b"3", offset=1), member)
        await transactions.commit(work_of(declared, b"4", offset=2), member)
        assert transactions._producer._txn_manager.sequence_number(place) == 2
    assert await values_in(declared, place.topic) == [b"1", b"2", b"3", b"4"]
