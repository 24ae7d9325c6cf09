"""Whatever is in the orders topic counts, or is a dead letter that says why; and the worker goes on."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from bad_records import cases, order
from broker import Message, eventually, records, write
from flow import cached, command, exported
from kafka import KafkaProducer
from shop import MARK, START, iso
from workers import Worker

PARTITIONS = 3
NEXT_DAY = iso(START + timedelta(days=1))


@pytest.fixture(params=["wall", "event"])
def clock(request, deployment, choose):
    assert deployment.settings.topics.partitions == PARTITIONS
    choose(clock=request.param, min_customers=1, rescore_seconds=2)
    return request.param


def good(customer, partition):
    name = f"{MARK}-{customer}-{partition}"
    return Message(name.encode(), json.dumps(order(name, "o")).encode(), partition=partition)


def heartbeat(partition):
    return Message(None, json.dumps({"type": "heartbeat", "ts": NEXT_DAY}).encode(), partition=partition)


def everything():
    """Every case between good orders of its own partition, and how often it was sent: once."""
    everywhere = range(PARTITIONS)
    odd = [
        Message(case.key, case.value, case.headers, partition=number % PARTITIONS)
        for number, case in enumerate(cases())
    ]
    return [
        *(good("before", partition) for partition in everywhere),
        *odd,
        *(good("after", partition) for partition in everywhere),
        *(heartbeat(partition) for partition in everywhere),
    ]


def dead_letters(deployment):
    found = records(deployment.servers, deployment.topics.dead_letters.name)
    return {
        (partition, int(dict(record.headers)["offset"])): record
        for partition, some in found.items()
        for record in some
    }


def test_each_is_counted_or_a_dead_letter_with_its_reason(clock, deployment, tmp_path):
    command("topics", "create")
    orders = deployment.topics.orders.name
    refused = Counter(case.reason.value for case in cases() if case.reason is not None)
    counted = [case for case in cases() if case.reason is None]
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        write(deployment.servers, orders, everything())
        assert eventually(lambda: len(dead_letters(deployment)) >= refused.total(), 30)
        everybody = {f"{MARK}-{case.name}" for case in counted} | {
            f"{MARK}-{when}-{partition}" for when in ("before", "after") for partition in range(PARTITIONS)
        }
        assert eventually(lambda: cached(deployment).keys() == everybody, 30)
        as_of = NEXT_DAY if clock == "event" else iso(datetime.now(UTC))
        lines = exported(as_of, tmp_path / "export.csv").read_text().splitlines()
        assert {line.split(",")[0] for line in lines[1:]} == everybody
        assert_in_metrics(worker, refused, len(everybody))
        # It was never at a loss: one takeover, and nothing that it had to do again.
        assert len(worker.logged("took partitions over")) == 1
        assert worker.metric("stream_rfm_commits_total", result="aborted") == 0
        assert worker.end() == 0
    assert_untouched(deployment, orders)


def assert_in_metrics(worker, refused, customers):
    found = {
        labels["reason"]: count
        for name, labels, count in worker.samples()
        if name == "stream_rfm_dead_letters_total"
    }
    assert found == refused
    assert worker.metric("stream_rfm_order_events_total", type="order") == customers - 1
    assert worker.metric("stream_rfm_order_events_total", type="enquiry") == 1


def assert_untouched(deployment, orders):
    """Key, value and headers as they came; behind them why, and where it was."""
    letters = dead_letters(deployment)
    topic = records(deployment.servers, orders)
    seen = Counter()
    for number, case in enumerate(cases()):
        partition = number % PARTITIONS
        offset = 1 + number // PARTITIONS
        original = topic[partition][offset]
        letter = letters.pop((partition, offset), None)
        assert (letter is None) == (case.reason is None), case.name
        if letter is None:
            continue
        assert (letter.key, letter.value) == (original.key, original.value) == (case.key, case.value)
        added = letter.headers[len(case.headers) :]
        assert letter.headers[: len(case.headers)] == original.headers
        assert [name for name, _ in added] == ["reason", "detail", "topic", "partition", "offset"]
        said = dict(added)
        assert said["reason"].decode() == case.reason.value, case.name
        assert 0 < len(said["detail"]) <= 500
        assert (said["topic"].decode(), int(said["partition"])) == (orders, partition)
        seen[case.reason] += 1
    assert not letters
    assert seen.total() > 30


class NoText(str):
    """The name of a header as a client sends it that takes any bytes for one."""

    __slots__ = ()

    def encode(self, *_):
        return b"caf\xe9"


def test_the_name_of_a_header_that_is_no_text_stops_nothing(deployment, tmp_path, choose):
    choose(min_customers=1)
    command("topics", "create")
    cancelled = json.dumps(order("c-1", "o-1", type="cancel", amount=None)).encode()
    header = [(NoText("cafe"), b"1")]
    sent = [
        Message(b"c-1", json.dumps(order("c-1", "o-1")).encode(), header, 0),
        Message(b"c-1", cancelled, header, 0),
        Message(b"c-1", b"nothing", header, 0),
        Message(b"c-1", json.dumps(order("c-1", "o-2")).encode(), [], 0),
    ]
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        write(deployment.servers, deployment.topics.orders.name, sent)
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total", type="order") == 2, 30)
        assert worker.metric("stream_rfm_order_events_total", type="cancel") == 1
        assert worker.end() == 0
    [letter] = dead_letters(deployment).values()
    assert (letter.value, letter.headers[0]) == (b"nothing", ("caf\\xe9", b"1"))


def test_what_came_compressed_and_is_larger_than_any_topic_takes_stops_nothing(deployment, tmp_path, choose):
    choose(min_customers=1)
    command("topics", "create")
    topic, large = deployment.topics.orders.name, b"x" * (17 << 20)
    with Worker(tmp_path / "worker") as worker:
        worker.wait_until_ready()
        with KafkaProducer(
            bootstrap_servers=deployment.servers,
            compression_type="gzip",
            max_request_size=64 << 20,
        ) as producer:
            producer.send(topic, large, b"c-1", [("trace", b"1")], partition=0).get(30)
        write(deployment.servers, topic, [good("after", 0)])
        assert eventually(lambda: worker.metric("stream_rfm_order_events_total", type="order") == 1, 60)
        assert worker.metric("stream_rfm_commits_total", result="aborted") == 0
        assert worker.end() == 0
    [letter] = dead_letters(deployment).values()
    said = dict(letter.headers)
    assert (letter.key, letter.value, "trace" in said) == (None, None, False)
    assert (said["reason"], said["offset"], said["partition"]) == (b"invalid-document", b"0", b"0")
    assert int(said["omitted-bytes"]) > len(large)
