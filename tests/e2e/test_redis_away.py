"""Redis is a cache: whatever happens to it, scoring goes on, and it comes to hold everybody again."""

from datetime import datetime

import pytest
from broker import eventually
from flow import assert_cache_follows, assert_same, cached, command, exported, replayed
from redis import Redis
from shop import DAYS, between, day, written
from workers import Worker

from stream_rfm.client import SegmentReader
from stream_rfm.local.valkey import ValkeyServer

#: The worker looks after a wiped Redis every few seconds.
HEALED_SECONDS = 20


@pytest.fixture
def valkey(choose, tmp_path):
    """A Valkey of the test's own, that forgets everything when it ends; not started yet."""
    server = ValkeyServer(tmp_path / "valkey")
    choose(redis__url=server.url, redis__timeout_seconds=0.5)
    yield server
    server.stop()


@pytest.fixture
def feed(documents, tmp_path):
    """Sends the orders of some days, and waits until all customers are scored as of their end."""
    command("topics", "create")

    def fed(first, end):
        part = written(tmp_path / f"orders-{first}.jsonl", between(documents, first, end))
        command("produce", part, "--until", day(end))
        return exported(day(end), tmp_path / f"export-{end}.csv")

    return fed


def away(worker):
    """Whether the worker knows that Redis does not answer."""
    return worker.metric("stream_rfm_cache_errors_total") > 0


def freshness(valkey, deployment):
    """As of when the cache says that its customers are."""
    with SegmentReader(valkey.url) as reader:
        answers = reader.get_many(cached(deployment)).values()
        said = {answer.partition: reader.freshness(answer) for answer in answers}
    return {each and each.as_of for each in said.values()}


def test_scoring_goes_on_without_redis_and_the_cache_is_whole_afterwards(
    valkey, feed, orders, deployment, tmp_path
):
    with Worker(tmp_path / "worker") as worker:
        feed(0, 20)
        assert worker.ready
        assert eventually(lambda: away(worker))
        assert len(worker.logged("redis is away; scoring goes on")) == 1
        valkey.start()
        assert_cache_follows(deployment, feed(20, 30))
        assert len(worker.logged("redis is back")) == 1
        valkey.kill()
        feed(30, 45)
        valkey.start()
        export = feed(45, DAYS)
        assert_cache_follows(deployment, export)
        assert worker.end() == 0
    assert_same(deployment, replayed(orders, day(DAYS), tmp_path / "replay"), export)


def test_hung_redis_stops_nothing_and_nobody(valkey, feed, orders, deployment, tmp_path):
    valkey.start()
    with Worker(tmp_path / "worker") as worker:
        assert_cache_follows(deployment, feed(0, 20))
        valkey.pause()
        export = feed(20, DAYS)
        assert eventually(lambda: away(worker))
        assert worker.ready
        assert worker.end(10) == 0
    valkey.resume()
    assert_same(deployment, replayed(orders, day(DAYS), tmp_path / "replay"), export)
    with Worker(tmp_path / "next") as worker:
        assert_cache_follows(deployment, export, HEALED_SECONDS)
        assert worker.end() == 0


def test_redis_that_is_back_as_it_once_was_keeps_nobody_who_was_erased_since(
    valkey, feed, documents, deployment, tmp_path
):
    valkey.start()
    with Worker(tmp_path / "worker") as worker, Redis.from_url(valkey.url) as redis:
        assert_cache_follows(deployment, feed(0, 20))
        keys = redis.keys("rfm:customer:*")
        once = dict(zip(keys, redis.mget(keys), strict=True))
        gone = min(
            cached(deployment).keys() - {each.get("customer_id") for each in between(documents, 20, 21)}
        )
        erase = {"type": "erase", "customer_id": gone, "ts": day(20)}
        command("produce", written(tmp_path / "erase.jsonl", [erase]))
        export = feed(20, 21)
        assert_cache_follows(deployment, export)
        assert worker.end() == 0
        # Without what tells from where on it lacks something.
        redis.flushall()
        redis.mset(once)
    assert gone in cached(deployment)
    with Worker(tmp_path / "next") as worker:
        assert_cache_follows(deployment, export, HEALED_SECONDS)
        assert worker.metric("stream_rfm_cache_swept_total") >= 1
        assert worker.end() == 0


def test_wiped_redis_is_filled_again_though_no_order_comes(valkey, feed, deployment, tmp_path):
    valkey.start()
    with Worker(tmp_path / "worker") as worker:
        export = feed(0, 30)
        assert_cache_follows(deployment, export)
        with Redis.from_url(valkey.url) as redis:
            redis.flushall()
        assert not cached(deployment)
        assert_cache_follows(deployment, export, HEALED_SECONDS)
        assert worker.end() == 0


def test_next_worker_writes_what_redis_lacks_and_no_more(valkey, feed, deployment, tmp_path):
    valkey.start()
    with Worker(tmp_path / "first") as worker:
        export = feed(0, 30)
        assert_cache_follows(deployment, export)
        assert worker.end() == 0
    with Worker(tmp_path / "second") as worker:
        worker.wait_until_ready()
        assert_cache_follows(deployment, export)
        assert worker.metric("stream_rfm_cache_writes_total") < len(cached(deployment))
        assert worker.end() == 0
    with Redis.from_url(valkey.url) as redis:
        redis.flushall()
    with Worker(tmp_path / "third") as worker:
        assert_cache_follows(deployment, export, HEALED_SECONDS)
        assert worker.metric("stream_rfm_cache_writes_total") >= len(cached(deployment))
        # No order comes, and so no commit: how fresh they are is said all the same.
        assert eventually(lambda: freshness(valkey, deployment) == {datetime.fromisoformat(day(30))})
        assert worker.end() == 0
