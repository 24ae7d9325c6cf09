"""What is fetched, from a real broker; what goes wrong there is said instead of it."""

import asyncio
import time

import intercepted
import pytest
from aiokafka import AIOKafkaProducer, errors
from aiokafka.protocol.admin import DeleteRecordsRequest
from broker import Message, write
from faust.types import TP
from intercepted import Answer

from stream_rfm.stream import direct_fetch
from stream_rfm.stream.direct_fetch import DirectFetch
from stream_rfm.stream.fetched import run_of
from stream_rfm.stream.flat_fetch import FlatFetchRequest, Part


@pytest.fixture
async def fetch(declared):
    made = fetching(declared)
    await made.start()
    yield made
    await made.stop()


def fetching(deployment, **limits):
    made = DirectFetch(deployment.settings.kafka, **{"least_bytes": 1 << 19, "most_bytes": 1 << 20, **limits})
    made.wait_ms = 10
    return made


def places(deployment, *numbers):
    return [TP(deployment.topics.orders.name, number) for number in numbers]


def put(deployment, partition, *values):
    write(
        deployment.servers,
        deployment.topics.orders.name,
        [Message(b"k", value, partition=partition) for value in values],
    )


async def taken(fetch, wanted, count, seconds=20):
    """The values of so many records, by partition, in the order in which they come."""
    found, deadline = {}, time.monotonic() + seconds
    while sum(map(len, found.values())) < count:
        assert time.monotonic() < deadline, found
        for place, batches in (await fetch.take(wanted, 0.1)).items():
            found.setdefault(place, []).extend(record.value for record in run_of(batches))
    return found


async def until_asked(fetch, wanted):
    """Have a request under way; where leaders are is known by then."""
    while not fetch._asked:
        assert await fetch.take(wanted, 0) == {}


def intercept(fetch, instead):
    """Have each request answered by what is called with it, or by Kafka; gives the requests."""
    return intercepted.intercept(fetch._client, FlatFetchRequest, instead)


def answer(*parts, error=0):
    return Answer(parts=parts, error=error)


async def test_each_partition_gives_what_is_there_from_its_offset_on(declared, fetch):
    first, second = wanted = places(declared, 0, 2)
    put(declared, 0, b"a", b"b", b"c")
    put(declared, 2, b"x")
    fetch.go_on({first: 1, second: 0})
    assert fetch.end_of(first) is None
    assert await taken(fetch, wanted, 3) == {first: [b"b", b"c"], second: [b"x"]}
    assert (fetch.end_of(first), fetch.end_of(second)) == (3, 1)
    put(declared, 2, b"y", b"z")
    assert await taken(fetch, wanted, 2) == {second: [b"y", b"z"]}
    assert await fetch.take(wanted, 0.05) == {}


async def test_what_is_held_back_is_asked_for_no_more_and_comes_when_it_is_wanted(declared, fetch):
    first, second = places(declared, 0, 1)
    put(declared, 0, b"a")
    fetch.go_on({first: 0, second: 0})
    # It is asked for, and then held back, while it is on its way.
    await until_asked(fetch, [first, second])
    put(declared, 1, b"x")
    assert await taken(fetch, [second], 1) == {second: [b"x"]}
    requests = intercept(fetch, lambda _: None)
    put(declared, 1, b"y")
    assert await taken(fetch, [second], 1) == {second: [b"y"]}
    assert {place for request in requests for place in request.offsets} == {second}
    assert await taken(fetch, [first], 1) == {first: [b"a"]}


async def test_what_was_under_way_when_it_goes_on_elsewhere_is_dropped(declared, fetch):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a", b"b")
    fetch.go_on({place: 0})
    await until_asked(fetch, wanted)
    fetch.go_on({place: 1})
    assert await taken(fetch, wanted, 1) == {place: [b"b"]}
    fetch.go_on({place: 0})
    assert await taken(fetch, wanted, 2) == {place: [b"a", b"b"]}
    fetch.go_on({})
    assert await fetch.take(wanted, 0) == {}
    assert fetch.end_of(place) is None


async def test_only_what_is_committed_is_given(declared, fetch):
    [place] = wanted = places(declared, 0)
    async with AIOKafkaProducer(bootstrap_servers=declared.servers, transactional_id="shop") as producer:
        for value, abort in ((b"aborted", True), (b"committed", False), (b"aborted too", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(place.topic, value, partition=0)
            await (producer.abort_transaction() if abort else producer.commit_transaction())
        fetch.go_on({place: 0})
        assert await taken(fetch, wanted, 1) == {place: [b"committed"]}
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"open", partition=0)
        assert await fetch.take(wanted, 0.1) == {}
        # Of an answer of markers alone the next request goes on behind them.
        assert fetch._offsets[place] == 6
        await producer.commit_transaction()
        assert await taken(fetch, wanted, 1) == {place: [b"open"]}


async def test_a_record_larger_than_what_is_given_of_a_partition_comes(declared):
    [place] = wanted = places(declared, 0)
    small = fetching(declared, most_bytes=1_000)
    await small.start()
    put(declared, 0, b"l" * 100_000, b"s")
    small.go_on({place: 0})
    assert await taken(small, wanted, 2) == {place: [b"l" * 100_000, b"s"]}
    await small.stop()


async def test_an_offset_that_the_topic_no_longer_holds_is_an_error(declared, fetch):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a", b"b", b"c")
    fetch.go_on({place: 2})
    assert await taken(fetch, wanted, 1) == {place: [b"c"]}
    leader = fetch._client.cluster.leader_for_partition(place)
    await fetch._client.send(leader, DeleteRecordsRequest([(place.topic, [(0, 2)])], 10_000, {}))
    fetch.go_on({place: 0})
    with pytest.raises(errors.OffsetOutOfRangeError):
        await taken(fetch, wanted, 1)
    fetch.go_on({place: 2})
    assert await taken(fetch, wanted, 1) == {place: [b"c"]}


async def test_a_topic_that_must_not_be_read_is_an_error(declared, fetch):
    [place] = wanted = places(declared, 0)
    fetch.go_on({place: 0})
    code = errors.TopicAuthorizationFailedError.errno
    intercept(fetch, lambda _: answer(Part(tuple(place), code, -1, [], b"")))
    with pytest.raises(errors.TopicAuthorizationFailedError):
        await taken(fetch, wanted, 1)


async def test_a_batch_that_is_not_what_was_written_is_an_error_and_is_fetched_again(declared, fetch):
    first, second = wanted = places(declared, 0, 1)
    put(declared, 0, b"value")
    put(declared, 1, b"other")
    fetch.go_on({first: 0, second: 0})
    send, damaged = fetch._client.send, []

    async def damage(node, request, **options):
        answer = await send(node, request, **options)
        for place, part in enumerate(getattr(answer, "parts", ())):
            if part.data and part.place == first and not damaged:
                damaged.append(part)
                answer.parts[place] = part._replace(data=part.data.replace(b"value", b"valve"))
        return answer

    fetch._client.send = damage
    with pytest.raises(errors.CorruptRecordException):
        await taken(fetch, wanted, 2)
    assert await taken(fetch, wanted, 2) == {first: [b"value"], second: [b"other"]}


@pytest.mark.parametrize(
    "kind",
    [errors.NotLeaderForPartitionError, errors.UnknownTopicOrPartitionError, errors.UnknownError, None],
)
async def test_what_a_leader_does_not_give_is_asked_for_again_and_that_is_said_once(
    declared, fetch, caplog, kind
):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a")
    left = [None] * 3

    def refuse(_):
        if not left:
            return None
        left.pop()
        if kind is None:
            return answer(error=errors.UnknownError.errno)
        return answer(Part(tuple(place), kind.errno, -1, [], b""))

    fetch.go_on({place: 0})
    intercept(fetch, refuse)
    began = time.monotonic()
    assert await taken(fetch, wanted, 1) == {place: [b"a"]}
    assert time.monotonic() - began > 2 * direct_fetch._BACKOFF_SECONDS
    said = [record for record in caplog.records if record.message.startswith("records were not fetched")]
    assert [record.reason for record in said] == [(kind or errors.UnknownError).__name__]


async def test_a_partition_without_a_leader_is_waited_for(declared, fetch, monkeypatch):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a")
    fetch.go_on({place: 0})
    leader, left = fetch._client.cluster.leader_for_partition, [None] * 3
    monkeypatch.setattr(
        fetch._client.cluster, "leader_for_partition", lambda of: left.pop() if left else leader(of)
    )
    assert await taken(fetch, wanted, 1) == {place: [b"a"]}
    assert not left


async def test_what_was_asked_of_two_leaders_is_taken_once(declared, fetch):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a")
    fetch.go_on({place: 0})
    await until_asked(fetch, wanted)
    await asyncio.wait(fetch._asked.values())
    [asked] = fetch._asked.values()
    fetch._asked[-7] = asked
    assert await taken(fetch, wanted, 1) == {place: [b"a"]}
    assert await fetch.take(wanted, 0.05) == {}


async def test_it_goes_on_after_its_connections_were_closed(declared, fetch):
    [place] = wanted = places(declared, 0)
    put(declared, 0, b"a")
    fetch.go_on({place: 0})
    assert await taken(fetch, wanted, 1) == {place: [b"a"]}
    for connection in list(fetch._client._conns.values()):
        connection.close()
    put(declared, 0, b"b")
    assert await taken(fetch, wanted, 1) == {place: [b"b"]}


async def test_it_ends_while_something_is_under_way(declared, fetch):
    [place] = wanted = places(declared, 0)
    fetch.wait_ms = 5_000
    fetch.go_on({place: 0})
    await until_asked(fetch, wanted)
    await asyncio.wait_for(fetch.stop(), 3)
    assert not fetch._asked
    assert fetch._client is None
