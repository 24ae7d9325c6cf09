"""Kafka that is not there: waited for at the start, outlived while running; and signals are heeded."""

import signal
import sys
import time
from dataclasses import replace

import pytest
from broker import eventually
from flow import assert_cache_follows, assert_same, command, exported, replayed
from shop import DAYS, between, day, written
from workers import Worker

from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.services import Endpoints

WAITING = "kafka is not there yet; trying again"
# A worker whose topics are seen to: what comes next are the clients that Faust keeps.
GOING_ON = """
from stream_rfm import worker
from stream_rfm.settings import load
worker._prepare_topics = lambda *_: None
worker.run(load())
"""


@pytest.fixture(scope="module")
def broker(services, tmp_path_factory):  # noqa: ARG001 - with which the cache for quick starts is there
    """A broker that these tests may stop and freeze."""
    with KafkaBroker(tmp_path_factory.mktemp("own-kafka")) as own:
        yield own


@pytest.fixture
def kafka(broker, choose):
    choose(kafka__bootstrap_servers=broker.bootstrap_servers, kafka__request_timeout_seconds=2.5)
    yield broker
    if broker.running:
        broker.resume()
    else:
        broker.start()


@pytest.fixture
def there(kafka, deployment):
    """The deployment on that broker."""
    return replace(deployment, endpoints=Endpoints(kafka.bootstrap_servers, deployment.endpoints.redis_url))


@pytest.mark.parametrize(
    ("topics", "run", "said"),
    [
        (False, None, "{}:{}"),
        # As aiokafka names it.
        (True, (sys.executable, "-c", GOING_ON), "('{}', {},"),
    ],
    ids=["before its topics are seen to", "then"],
)
def test_kafka_is_waited_for_and_the_log_says_so(kafka, documents, tmp_path, topics, run, said):
    if topics:
        command("topics", "create")
    kafka.stop()
    where = said.format(*kafka.bootstrap_servers.split(":"))
    with Worker(tmp_path / "ended", command=run) as ended, Worker(tmp_path / "worker", command=run) as worker:
        for each in (ended, worker):
            assert eventually(lambda each=each: len(each.logged(WAITING)) >= 2, 20)
            assert all(where in entry["reason"] for entry in each.logged(WAITING))
        assert ended.end(5) == 0
        assert ended.logged("ending")
        assert "Traceback" not in ended.said
        kafka.start()
        worker.wait_until_ready()
        command("produce", written(tmp_path / "orders.jsonl", between(documents, 0, 5)), "--until", day(5))
        exported(day(5), tmp_path / "export.csv")
        assert worker.end() == 0


@pytest.mark.parametrize("how", ["frozen", "restarted"])
def test_result_is_right_after_kafka_was_away(kafka, there, orders, tmp_path, how):
    command("topics", "create")
    with Worker(tmp_path / "first") as first, Worker(tmp_path / "second") as second:
        first.wait_until_ready()
        second.wait_until_ready()
        command("produce", orders, "--until", day(DAYS))
        assert eventually(lambda: first.metric("stream_rfm_quantiles_version") >= DAYS // 6, 30)
        if how == "frozen":
            kafka.pause()
            made = first.metric("stream_rfm_quantiles_version")
            # Longer than the session of a member, and than a transaction may take.
            time.sleep(4)
            kafka.resume()
        else:
            kafka.stop()
            made = first.metric("stream_rfm_quantiles_version")
            kafka.start()
        assert made < DAYS, "Kafka did not go away in the middle"
        export = exported(day(DAYS), tmp_path / "export.csv", seconds=90)
        assert_cache_follows(there, export)
        assert (first.end(), second.end()) == (0, 0)
    assert_same(there, replayed(orders, day(DAYS), tmp_path / "replay"), export)


def test_second_signal_ends_at_once_what_hangs(kafka, tmp_path):
    command("topics", "create")
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        kafka.pause()
        worker.tell(signal.SIGTERM)
        assert eventually(lambda: worker.logged("ending"))
        # The same signal to the process and to its group is one signal, not two.
        worker.tell(signal.SIGTERM)
        time.sleep(0.6)
        assert worker.running
        worker.tell(signal.SIGTERM)
        assert worker.process.wait(2) == 1
        assert worker.logged("ending at once")


def test_shutdown_that_hangs_is_given_up_in_time(kafka, choose, tmp_path):
    command("topics", "create")
    choose(shutdown_seconds=1.5)
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        kafka.pause()
        assert worker.end(10) == 1
        assert worker.logged("the work in hand did not end in time; ending without it")
