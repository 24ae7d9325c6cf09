from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import NodeNotReadyError
from aiokafka.structs import OffsetAndMetadata
from intercepted import intercept
from members import committed, member_of, transactions_of, values_in, work_of

from stream_rfm.kafka.declare import declare
from stream_rfm.local.kafka import KafkaBroker
from stream_rfm.local.services import Endpoints
from stream_rfm.stream.offset_commit import FencedOffsetCommit
from stream_rfm.stream.sent_once import NotAnsweredError
from stream_rfm.stream.transaction import NotCommittedError


@pytest.fixture
def broker(services, tmp_path):  # noqa: ARG001 - with which the cache for quick starts is there
    with KafkaBroker(tmp_path / "kafka") as own:
        yield own


@pytest.fixture
def there(broker, deployment, monkeypatch):
    """A deployment on a broker of its own, which is soon taken for silent."""
    monkeypatch.setenv("STREAM_RFM_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("STREAM_RFM_KAFKA__REQUEST_TIMEOUT_SECONDS", "1")
    declare(deployment.settings)
    return replace(deployment, endpoints=Endpoints(broker.bootstrap_servers, deployment.endpoints.redis_url))


async def test_request_that_was_not_answered_is_not_sent_again(there, broker):
    topic = there.topics.transitions.name
    async with member_of(there) as member, transactions_of(there) as transactions:
        broker.pause()
        with pytest.raises(NotCommittedError, match=r"AddPartitionsToTxnRequest\w* was not answered"):
            await transactions.commit(work_of(there, b"lost"), member.membership)
        broker.resume()
        # The old producer is of no use any more; a new one is.
        with pytest.raises(NotCommittedError):
            await transactions.commit(work_of(there, b"lost too"), member.membership)
        await transactions.renew()
        await member.until_assigned()
        await transactions.commit(work_of(there, b"kept"), member.membership)
    assert await values_in(there, topic) == [b"kept"]


async def test_commit_that_was_not_answered_is_not_sent_again(there, broker):
    topic = there.topics.transitions.name
    offsets = {TopicPartition(there.topics.orders.name, 0): OffsetAndMetadata(1, "")}
    async with member_of(there) as member, transactions_of(there) as transactions:
        producer = transactions._producer
        producer.join(member.membership)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", b"c", partition=0)
        await producer.send_offsets_to_transaction(offsets, there.settings.app_id)
        broker.pause()
        with pytest.raises(NotAnsweredError, match="EndTxnRequest"):
            await producer.commit_transaction()
        broker.resume()
        await transactions.renew()
        await member.until_assigned()
        await transactions.commit(work_of(there, b"next"), member.membership)
    # What was open was committed or aborted as a whole by then, and nothing is behind it that is not ours.
    assert await values_in(there, topic) in ([b"next"], [b"open", b"next"])


async def test_a_coordinator_that_is_gone_is_looked_for_whosever_it_was(declared, monkeypatch):
    """In a cluster the group's coordinator may go away while the transaction's stays."""
    async with member_of(declared) as member, transactions_of(declared) as transactions:
        await transactions.commit(work_of(declared, b"1"), member.membership)
        client, looked_for, gone = transactions._producer.client, [], [True]
        lookup = client.coordinator_lookup

        def refused(_):
            if gone.pop():
                gone.append(False)
                raise NodeNotReadyError
            gone.append(False)

        async def looked(kind, key):
            looked_for.append(kind)
            return await lookup(kind, key)

        intercept(client, FencedOffsetCommit, refused)
        monkeypatch.setattr(client, "coordinator_lookup", looked)
        await transactions.commit(work_of(declared, b"2", offset=2), member.membership)
    assert looked_for == [CoordinationType.GROUP]
    assert await committed(declared) == {0: 2}
