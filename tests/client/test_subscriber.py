import asyncio
import logging
from itertools import islice
from threading import Thread

import crc32c
import pytest
from aiokafka import AIOKafkaProducer
from broker import Message, eventually, write
from kafka import KafkaProducer
from kafka.record import util
from transition_records import message, moved

from stream_rfm.client import SubscriptionError, TransitionSubscriber
from stream_rfm.kafka.declare import declare


@pytest.fixture
def topic(deployment):
    declare(deployment.settings)
    return deployment.topics.transitions.name


@pytest.fixture
def publish(deployment, topic):
    return lambda *messages: write(deployment.servers, topic, messages)


@pytest.fixture
def subscriber(deployment, topic):
    return lambda **options: TransitionSubscriber(deployment.servers, topic=topic, **options)


def sequences(transitions, count):
    return [transition.sequence for transition in islice(transitions, count)]


def numbered(first, last, partition=0):
    return [message(moved("c-1", sequence), partition) for sequence in range(first, last + 1)]


def stand_at_the_end(transitions):
    """Have a new group find where it begins, by what is not the subscriber's own way of asking."""
    consumer = transitions._consumer
    assert eventually(lambda: consumer.poll(100) or consumer.assignment())
    assert None not in {consumer.position(place) for place in consumer.assignment()}


def test_without_a_group_it_begins_now_and_everybody_gets_everything(publish, subscriber):
    publish(*numbered(1, 3))
    with subscriber() as one, subscriber() as other:
        publish(*numbered(4, 5), message(moved("c-2", 1), partition=2))
        assert sorted((t.customer_id, t.sequence) for t in islice(one, 3)) == [
            ("c-1", 4),
            ("c-1", 5),
            ("c-2", 1),
        ]
        assert sequences((t for t in other if t.customer_id == "c-1"), 2) == [4, 5]


def test_earliest_begins_with_what_is_kept(publish, subscriber):
    publish(*numbered(1, 3))
    with subscriber(start="earliest") as transitions:
        assert sequences(transitions, 3) == [1, 2, 3]


def test_group_goes_on_behind_what_is_processed(publish, subscriber):
    publish(*numbered(1, 5))
    with subscriber(group="g", start="earliest") as transitions:
        for transition in transitions:
            if transition.sequence == 3:
                break  # while it is processed
    with subscriber(group="g", start="earliest") as transitions:
        assert sequences(transitions, 3) == [3, 4, 5]


def test_what_a_failed_program_had_not_processed_comes_again(publish, subscriber):
    publish(*numbered(1, 2))

    def process():
        with subscriber(group="g", start="earliest") as transitions:
            for _ in transitions:
                raise RuntimeError("failed")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="failed"):
            process()
    with subscriber(group="g", start="earliest") as transitions:
        assert sequences(transitions, 2) == [1, 2]


def test_new_group_gets_again_what_it_had_not_processed_of_what_came_since_it_began(publish, subscriber):
    publish(*numbered(1, 1))
    with subscriber(group="g") as transitions:
        stand_at_the_end(transitions)
        publish(*numbered(2, 3))
        assert sequences(transitions, 1) == [2]  # and the program ends before it is processed
    publish(*numbered(4, 4))
    with subscriber(group="g") as transitions:
        given = []
        assert eventually(lambda: given.extend(transitions.poll(0.5)) or len(given) == 3)
        assert [t.sequence for t in given] == [2, 3, 4]


def test_group_goes_on_where_it_began_in_partitions_of_which_it_has_processed_nothing(publish, subscriber):
    publish(*numbered(1, 1, partition=1))
    with subscriber(group="g") as transitions:
        stand_at_the_end(transitions)
        assert transitions.poll(0.01) == []
    publish(*numbered(2, 2, partition=1))
    with subscriber(group="g") as transitions:
        assert [t.sequence for t in transitions.poll(10)] == [2]


def test_broken_off_iteration_goes_on_where_it_was(publish, subscriber):
    publish(*numbered(1, 4))
    with subscriber(start="earliest") as transitions:
        assert sequences(transitions, 1) == [1]
        assert sequences(transitions, 2) == [2, 3]
        assert [t.sequence for t in transitions.poll(5)] == [4]
        assert transitions.poll(0.01) == []


def test_poll_gives_what_has_arrived_and_commits_what_was_given_before(publish, subscriber):
    publish(*numbered(1, 3))
    with subscriber(group="g", start="earliest") as transitions:
        given = []
        assert eventually(lambda: given.extend(transitions.poll(0.5)) or len(given) == 3)
        transitions.poll(0)
    publish(*numbered(4, 4))
    with subscriber(group="g", start="earliest") as transitions:
        assert sequences(transitions, 1) == [4]


def test_members_of_a_group_share_the_partitions(subscriber):
    with subscriber(group="g", start="earliest") as one, subscriber(group="g", start="earliest") as other:
        members = (one, other)
        assigned = lambda: [len(member._consumer.assignment()) for member in members]  # noqa: E731
        # Each has to ask, for the group to find its balance.
        threads = [
            Thread(target=lambda m=m: eventually(lambda: m.poll(0.1) or 0 not in assigned(), 20))
            for m in members
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(assigned()) == [1, 2]


def test_transitions_of_an_open_or_aborted_transaction_are_not_seen(deployment, topic, subscriber):
    producer = KafkaProducer(bootstrap_servers=deployment.servers, transactional_id=topic)
    try:
        producer.init_transactions()
        with subscriber() as transitions:
            for sequence, end in ((1, producer.abort_transaction), (2, producer.commit_transaction)):
                said = message(moved("c-1", sequence))
                producer.begin_transaction()
                producer.send(topic, said.value, said.key, said.headers).get(10)
                assert transitions.poll(0.2) == []
                end()
            assert sequences(transitions, 1) == [2]
    finally:
        producer.close(timeout=5)


async def write_header_without_value(servers, topic):
    """Write what the other client does not let through."""
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(topic, b"{}", b"c-secret", 0, headers=[("ce_type", None)])


def test_record_that_is_no_transition_is_passed_over_and_logged_without_its_customer(
    deployment, topic, publish, subscriber, caplog
):
    publish(
        Message(b"c-secret", b"no JSON", partition=0),
        Message(b"c-secret", None, partition=0),
        Message(b"c-secret", b"[" * 200_000, message(moved("c-secret")).headers, partition=0),
    )
    asyncio.run(write_header_without_value(deployment.servers, topic))
    publish(*numbered(1, 1))
    with caplog.at_level(logging.INFO), subscriber(group="g", start="earliest") as transitions:
        assert eventually(lambda: [t.sequence for t in transitions.poll(0.5)] == [1])
    said = [record.getMessage() for record in caplog.records if record.name.startswith("stream_rfm")]
    assert len(said) == 4
    assert "offset 0: its ce_type is ''" in said[0]
    assert "secret" not in "".join(said)


def test_missing_topic_is_said(deployment):
    with pytest.raises(SubscriptionError, match=r"Topic missing does not exist: .*stream-rfm topics create"):
        TransitionSubscriber(deployment.servers, topic="missing")


def test_kafka_that_does_not_answer_is_said():
    with pytest.raises(SubscriptionError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        TransitionSubscriber("127.0.0.1:1", bootstrap_timeout_ms=200)


def test_checksums_of_what_is_read_are_compiled():
    # Without that package they would be reckoned in Python, which nothing else would say.
    assert util._crc32c is crc32c.crc32c
