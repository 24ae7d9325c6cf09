"""The stream comes to what a replay of the same orders says, whoever works and whoever is killed."""

import gzip
import json
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from broker import eventually, records
from flow import (
    assert_cache_follows,
    assert_chained,
    assert_same,
    cdnow,
    command,
    counted,
    exported,
    replayed,
    transitions,
)
from kafka import KafkaConsumer, TopicPartition
from shop import DAYS, day, iso
from workers import COMMAND, Worker

AS_OF = day(DAYS)
#: The first day begins with version 0, each other day with the next.
LAST_VERSION = DAYS


def versions_made(deployment):
    """How many versions there are, version 0 among them."""
    return len(records(deployment.servers, deployment.topics.quantiles.name)[0])


@pytest.mark.parametrize(
    ("count", "rules"),
    [(1, {}), (2, {}), (2, {"levels": 3, "window_days": "null"})],
    ids=["one", "two", "two-of-three-levels"],
)
def test_workers_come_to_what_a_replay_says(orders, deployment, choose, tmp_path, count, rules):
    choose(**rules)
    command("topics", "create")
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(tmp_path / f"w{number}")) for number in range(count)]
        for worker in workers:
            worker.wait_until_ready()
        command("produce", orders, "--until", AS_OF)
        export = exported(AS_OF, tmp_path / "export.csv")
        assert_cache_follows(deployment, export)
        # None of them has done it alone.
        assert all(worker.metric("stream_rfm_order_events_total") for worker in workers)
        assert [worker.end() for worker in workers] == [0] * count
    assert versions_made(deployment) == LAST_VERSION + 1
    assert_same(deployment, replayed(orders, AS_OF, tmp_path / "replay"), export)


def test_kill_in_the_middle_changes_nothing(orders, deployment, tmp_path):
    command("topics", "create")
    with Worker(tmp_path / "killed") as killed, Worker(tmp_path / "other") as other:
        killed.wait_until_ready()
        other.wait_until_ready()
        command("produce", orders, "--until", AS_OF)
        assert eventually(lambda: killed.metric("stream_rfm_quantiles_version") >= LAST_VERSION // 4, 30)
        killed.kill()
        made = versions_made(deployment)
        assert LAST_VERSION // 4 <= made <= LAST_VERSION // 2, "the kill did not come in the middle"
        export = exported(AS_OF, tmp_path / "export.csv")
        assert_cache_follows(deployment, export)
        assert other.end() == 0
    assert_same(deployment, replayed(orders, AS_OF, tmp_path / "replay"), export)


def behind(deployment):
    """How many records of the orders the group has not counted yet."""
    topic = deployment.topics.orders
    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=deployment.servers, group_id=deployment.settings.app_id)
    try:
        ends = consumer.end_offsets(places)
        return sum(ends[place] - (consumer.committed(place) or 0) for place in places)
    finally:
        consumer.close(autocommit=False)


def test_wall_clock_comes_to_the_batch_result_whoever_is_killed(
    orders, documents, choose, deployment, tmp_path
):
    choose(clock="wall", rescore_seconds=2, window_days="null")
    command("topics", "create")
    with ExitStack() as stack:
        first, second = (stack.enter_context(Worker(tmp_path / name)) for name in ("first", "second"))
        first.wait_until_ready()
        second.wait_until_ready()
        producing = stack.enter_context(subprocess.Popen([COMMAND, "produce", orders, "--rate", "300"]))
        assert eventually(lambda: counted(first, second) > len(documents) / 4, 30)
        first.kill()
        assert counted(second) < len(documents) / 2
        assert producing.poll() is None, "the kill did not come in the middle"
        third = stack.enter_context(Worker(tmp_path / "third")).wait_until_ready()
        assert producing.wait(30) == 0
        # A partition that is being taken over shows no lag, and stands in a version as it last was.
        assert eventually(lambda: second.ready and third.ready and not behind(deployment), 60)
        export = tmp_path / "export.csv"
        said = command("export", "--wait-as-of", iso(datetime.now(UTC)), "-o", export, "--json")
        assert_cache_follows(deployment, export)
        assert (second.end(), third.end()) == (0, 0)
    replay = replayed(orders, json.loads(said)["as_of"], tmp_path / "replay")
    assert export.read_bytes() == (replay / "segments.csv").read_bytes()
    found, ids = transitions(deployment)
    assert_chained(found)
    assert set(ids.values()) == {1}


def test_real_customers_whose_workers_are_killed(deployment, choose, tmp_path):
    orders, as_of = cdnow(), "1998-06-27T00:00:00Z"
    # A version a day would be many times the work, of the same kind; the last is scored as of that instant.
    choose(clock="event", rescore_event_seconds=18 * 86_400)
    with gzip.open(orders, "rt") as lines:
        total = sum(1 for _ in lines) - 1
    command("topics", "create")
    with ExitStack() as stack:
        first, second = (stack.enter_context(Worker(tmp_path / name)) for name in ("first", "second"))
        first.wait_until_ready()
        second.wait_until_ready()
        command("produce", orders, "--until", as_of)
        assert eventually(lambda: counted(first, second) > total / 5, 60)
        first.kill()
        assert counted(second) < total / 2, "the kill did not come in the middle"
        third = stack.enter_context(Worker(tmp_path / "third")).wait_until_ready()
        export = exported(as_of, tmp_path / "export.csv", seconds=120)
        assert_cache_follows(deployment, export, seconds=60)
        assert (second.end(), third.end()) == (0, 0)
    assert_same(deployment, replayed(orders, as_of, tmp_path / "replay"), export)
