import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import msgpack
import pytest
from broker import eventually
from redis import Redis, RedisError

from stream_rfm.client import CustomerSegment, SegmentReader, UnreadableError
from stream_rfm.local.valkey import ValkeyServer

THREADS = 120
SAID = {
    "segment": "loyal",
    "code": "345",
    "r": 3,
    "f": 4,
    "m": 5,
    "scored_at": 1_767_323_045_250,
    "quantiles_version": 7,
    "sequence": 2,
    "revision": 9,
    "partition": 1,
}
READ = CustomerSegment(
    **{**SAID, "scored_at": datetime(2026, 1, 2, 3, 4, 5, 250_000, UTC)}, customer_id="c-1"
)


@pytest.fixture
def redis(deployment):
    with Redis.from_url(deployment.endpoints.redis_url) as redis:
        yield redis


@pytest.fixture
def reader(deployment):
    with SegmentReader(deployment.endpoints.redis_url) as reader:
        yield reader


def put(redis, key, said):
    redis.set(key, msgpack.packb(said))


def test_customer_is_read_with_every_field(redis, reader):
    put(redis, "rfm:customer:c-1", SAID)
    assert reader.get("c-1") == READ


def test_customer_nobody_knows_is_none(reader):
    assert reader.get("c-1") is None


def test_reserved_segment_has_no_scores(redis, reader):
    put(
        redis,
        "rfm:customer:c-1",
        SAID | {"segment": "prospect", "code": None, "r": None, "f": None, "m": None},
    )
    answer = reader.get("c-1")
    assert (answer.segment, answer.code, answer.r, answer.f, answer.m) == ("prospect", None, None, None, None)


def test_partition_that_is_written_anew_says_nothing_of_how_fresh_it_is(redis, reader):
    put(redis, "rfm:partition:1", {"as_of": 0, "committed_at": 0, "quantiles_version": 0})
    assert reader.freshness(READ) is None


def test_unknown_fields_are_ignored(redis, reader):
    put(redis, "rfm:customer:c-1", SAID | {"mood": {"good": True}})
    put(redis, "rfm:partition:1", {"as_of": 0, "committed_at": 1, "quantiles_version": 1, "offset": 4})
    assert reader.get("c-1") == READ
    assert reader.freshness(READ).quantiles_version == 1


def test_many_are_read_at_once_whatever_their_number_and_names(redis, reader):
    ids = [f"ü:{number} *" for number in range(2500)]
    with redis.pipeline() as pipeline:
        for number, customer in enumerate(ids[::2]):
            pipeline.set(f"rfm:customer:{customer}", msgpack.packb(SAID | {"sequence": number}))
        pipeline.execute()
    answers = reader.get_many([*ids, ids[0]])
    assert list(answers) == ids
    assert [answers[customer].sequence for customer in ids[::2]] == list(range(1250))
    assert not any(answers[customer] for customer in ids[1::2])
    assert reader.get_many([]) == {}


def test_freshness_is_that_of_the_partition(redis, reader):
    assert reader.freshness(READ) is None
    committed = datetime.now(UTC) - timedelta(seconds=90)
    said = {"as_of": 1_767_323_045_000, "committed_at": committed.timestamp() * 1000, "quantiles_version": 8}
    put(redis, "rfm:partition:1", said)
    fresh = reader.freshness(READ)
    assert fresh.as_of == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert abs(fresh.committed_at - committed) < timedelta(milliseconds=1)
    assert fresh.quantiles_version == 8
    assert timedelta(seconds=90) <= fresh.age + timedelta(milliseconds=1) < timedelta(seconds=95)


@pytest.mark.parametrize("value", [b"\xc1", b"", b"no map", msgpack.packb({}), msgpack.packb([1])])
def test_what_something_else_wrote_is_unreadable_and_names_no_customer(redis, reader, value):
    redis.set("rfm:customer:c-1", value)
    redis.set("rfm:partition:1", value)
    with pytest.raises(UnreadableError, match=r"rfm:customer:… cannot be read") as failure:
        reader.get("c-1")
    assert "c-1" not in str(failure.value)
    with pytest.raises(UnreadableError, match=r"rfm:partition:… cannot be read"):
        reader.freshness(READ)


def test_answer_is_waited_for_no_longer_than_the_timeout(tmp_path):
    with ValkeyServer(tmp_path) as own:
        with Redis.from_url(own.url) as redis, SegmentReader(own.url, timeout=0.2) as reader:
            assert reader.get("c-1") is None
            redis.client_pause(2000)
            start = time.monotonic()
            with pytest.raises(RedisError):
                reader.get("c-1")
            assert time.monotonic() - start < 1.5
        own.kill()
        with SegmentReader(own.url, timeout=0.2) as reader, pytest.raises(RedisError):
            reader.get("c-1")


@pytest.fixture
def asked_together(tmp_path):
    """What threads get that ask a Redis at the same time: none has an answer before all have asked."""
    with ValkeyServer(tmp_path) as own, ThreadPoolExecutor(THREADS) as threads:

        def ask(options=""):
            with SegmentReader(own.url + options, timeout=30) as reader:
                pool = reader._connections._pool
                own.pause()
                try:
                    asked = [threads.submit(reader.get, f"c-{number}") for number in range(THREADS)]
                    assert eventually(
                        lambda: pool._created_connections == THREADS or any(each.done() for each in asked)
                    )
                finally:
                    own.resume()
                wait(asked)
                return [each.exception() for each in asked]

        yield ask


def test_as_many_threads_as_there_are_may_ask_at_the_same_time(asked_together):
    assert asked_together() == [None] * THREADS


def test_who_limits_the_connections_in_the_url_has_no_more(asked_together):
    refused = [error for error in asked_together("?max_connections=5") if error is not None]
    assert refused
    assert all(isinstance(error, RedisError) for error in refused)


def test_connection_that_the_server_has_closed_is_no_failure(redis, reader):
    put(redis, "rfm:customer:c-1", SAID)
    assert reader.get("c-1") == READ
    redis.client_kill_filter(_type="normal", skipme=True)
    assert reader.get("c-1") == READ


def test_url_that_is_none_is_said_without_its_password():
    with pytest.raises(ValueError, match="It is no URL of a Redis") as failure:
        SegmentReader("redis://:sec/ret@127.0.0.1:x/0")
    assert "sec" not in str(failure.value)
