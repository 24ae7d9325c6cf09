"""What the tests of this folder ask processes, brokers and Redis."""

import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from broker import eventually
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def create_topic(servers: str, name: str, replicas: int = 1) -> None:
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.create_topics([NewTopic(name, 1, replicas)])


def write(servers: str, topic: str, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, acks="all")
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(20)
    finally:
        producer.close(timeout=5)


def read(servers: str, topic: str, count: int) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    try:
        consumer.assign([partition])
        found: list[bytes] = []
        eventually(lambda: bool(found.extend(_poll(consumer)) or len(found) >= count), 20)
        return found
    finally:
        consumer.close()


def _poll(consumer: KafkaConsumer) -> list[bytes]:
    return [record.value for records in consumer.poll(timeout_ms=200).values() for record in records]


@contextmanager
def taken(port: int = 0) -> Iterator[int]:
    """A port of the loopback address on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield listener.getsockname()[1]


def python(code: str, *arguments: object, **options) -> subprocess.Popen:
    """Another Python process that runs this code, with pipes for what it is told and says."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
