"""The checker finds a transaction that was never ended, and counts those that were aborted."""

from __future__ import annotations

from pathlib import Path

from broker import Message, last_offsets, write
from deployment import Deployment
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.record.default_records import DefaultRecordBatchBuilder
from open_ends import aborted_transactions, hanging_in


def _topic(deployment: Deployment, name: str) -> str:
    topic = f"{deployment.settings.app_id}-{name}"
    admin = KafkaAdminClient(bootstrap_servers=deployment.servers)
    admin.create_topics([NewTopic(topic, 2, 1)])
    admin.close()
    return topic


def _producer(servers: str, name: str) -> KafkaProducer:
    producer = KafkaProducer(bootstrap_servers=servers, transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    return producer


def test_a_transaction_hangs_until_it_is_ended(deployment):
    topic = _topic(deployment, "probed")
    producer = _producer(deployment.servers, topic)
    try:
        producer.send(topic, b"{}", partition=1).get(20)
        [finding] = hanging_in(deployment.servers, topic, seconds=2)
        assert topic in finding
        producer.abort_transaction()
        assert list(hanging_in(deployment.servers, topic)) == []
    finally:
        producer.close(timeout=5)


def test_what_was_aborted_is_not_the_last_record(deployment):
    topic = _topic(deployment, "aborted")
    write(deployment.servers, topic, [Message(b"k", b"{}", partition=0), Message(b"k", b"{}", partition=0)])
    producer = _producer(deployment.servers, topic)
    for partition in (0, 1):
        producer.send(topic, b"{}", partition=partition).get(20)
    producer.abort_transaction()
    producer.close(timeout=5)
    assert last_offsets(deployment.servers, topic, look_back=1) == {0: 1}


def _marker(producer_id: int, epoch: int, *, abort: bool) -> bytes:
    batch = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=True,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=-1,
        batch_size=1000,
    )
    batch.append(0, timestamp=0, key=bytes([0, 0, 0, 0 if abort else 1]), value=b"\0" * 6, headers=[])
    built = batch.build()
    # A bit of the attributes says that it is a batch of markers.
    built[22] |= 0x20
    return bytes(built)


def test_an_aborted_transaction_is_one_however_many_partitions_it_had(tmp_path: Path):
    for number, markers in enumerate(
        [
            [_marker(5, 0, abort=False), _marker(5, 1, abort=True)],
            [_marker(5, 1, abort=True), _marker(5, 2, abort=True), _marker(6, 1, abort=True)],
        ]
    ):
        folder = tmp_path / f"orders-{number}"
        folder.mkdir()
        (folder / "00000000000000000000.log").write_bytes(b"".join(markers))
    assert aborted_transactions([tmp_path]) == 3
