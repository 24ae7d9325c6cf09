"""A successor has the state that was committed, of exactly its partitions, and nothing else."""

import asyncio
import logging

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka import TopicPartition as Place
from lost_records import lose
from members import member_behind_orders
from parts import Record, order, parts_of

from stream_rfm.kafka.admin import admin_client
from stream_rfm.table.restore import ChangelogError


@pytest.fixture
async def member(declared, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    async with member_behind_orders(declared) as membership:
        yield membership


def customers(parts):
    """How many orders each customer has, by partition."""
    stores = {number: lane.partition.store.customers for number, lane in parts.lanes.items()}
    return {
        number: dict(zip(known.ids_of(np.arange(known.count)), known.lifetime_orders.tolist(), strict=False))
        for number, known in stores.items()
    }


async def test_successor_has_what_was_committed_and_goes_on_behind_it(declared, member):
    async with parts_of(declared.settings, "one") as one, parts_of(declared.settings, "two") as two:
        await one.take_over(member, 0, 1, 2, merge=True)
        await one.count(member, 0, order(0, "c-a"), order(1, "c-b"))
        await one.count(member, 2, order(0, "c-c"))
        # Read, but not committed.
        one.writer.take_orders(1, [order(0, "c-d")], member.generation)
        await two.take_over(member, 0, 1, merge=True)
        assert customers(two) == {0: {b"c-a": 1, b"c-b": 1}, 1: {}}
        assert [two.lanes[number].partition.position for number in (0, 1)] == [2, 0]
        assert two.merging.active
        # What was counted is not counted again, wherever the consumer begins.
        await two.count(member, 0, order(0, "c-a"), order(1, "c-b"), order(2, "c-a"))
        assert customers(two)[0] == {b"c-a": 2, b"c-b": 1}


async def test_state_that_nobody_else_has_written_is_kept_and_the_rest_is_read(declared, member, caplog):
    async with parts_of(declared.settings, "one") as one, parts_of(declared.settings, "two") as two:
        await one.take_over(member, 0, 1, 2)
        for number in range(3):
            await one.count(member, number, order(0, f"c-{number}"))
        kept = dict(one.lanes)
        await two.take_over(member, 1)
        await two.count(member, 1, order(1, "c-other"))
        with caplog.at_level(logging.INFO, "stream_rfm.stream.takeover"):
            await one.take_over(member, 0, 1)
        assert one.lanes[0] is kept[0]
        assert customers(one) == {0: {b"c-0": 1}, 1: {b"c-1": 1, b"c-other": 1}}
        [entry] = [each for each in caplog.records if each.message == "took partitions over"]
        assert entry.partitions == [1]
        assert not one.merging.active


async def test_assignment_of_nothing_lets_everything_go(declared, member):
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0, 1)
        await parts.takeover.run(parts.lanes, set(), merge=False)
        assert parts.lanes == {}


async def test_transaction_that_is_pending_is_waited_for(declared, member):
    group, place = declared.settings.app_id, TopicPartition(declared.topics.orders.name, 0)
    async with (
        AIOKafkaProducer(bootstrap_servers=declared.servers, transactional_id=f"{group}-pending") as producer,
        parts_of(declared.settings) as parts,
    ):
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({place: 1}, group)
        taking = asyncio.create_task(parts.take_over(member, 0))
        done, _ = await asyncio.wait([taking], timeout=0.7)
        assert not done
        await producer.abort_transaction()
        await asyncio.wait_for(taking, 10)
        assert list(parts.lanes) == [0]


async def test_changelog_that_is_gone_is_no_reason_to_begin_anew(declared, member):
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0)
        await parts.count(member, 0, order(0, "c-a"))
    with admin_client(declared.settings.kafka) as admin:
        changelog = declared.topics.changelog.name
        admin.delete_topics([changelog])
        admin.create_topics({changelog: {"num_partitions": 3, "replication_factor": 1}})
        admin.wait_for_topics([changelog])
    async with parts_of(declared.settings, "two") as parts:
        with pytest.raises(ChangelogError, match="is empty, but orders up to offset 1 have been counted"):
            await parts.take_over(member, 0)


async def test_orders_that_were_deleted_before_they_were_counted_are_said(declared, member, caplog):
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0)
        await parts.count(member, 0, order(0, "c-a"))
        with admin_client(declared.settings.kafka) as admin:
            admin.delete_records({Place(declared.topics.orders.name, 0): 3})
        parts.takeover.let_go(parts.lanes, [0])
        await parts.take_over(member, 0)
        assert parts.lanes[0].partition.position == 3
        assert parts.value("stream_rfm_lost_records_total") == 2
    assert "orders were deleted from the topic before they were counted" in caplog.text


async def test_record_of_a_customer_is_no_reason_to_name_one(declared, member, caplog):
    async with parts_of(declared.settings) as parts:
        with caplog.at_level(logging.INFO):
            await parts.take_over(member, 0)
            await parts.count(member, 0, order(0, "kunde-1"), Record(1, b"kunde-2", b"{"))
            await parts.take_over(member, 0)
    assert "kunde" not in caplog.text


async def test_partitions_that_were_added_meanwhile_end_it(declared, member):
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0, 1, 2)
        orders = declared.topics.orders.name
        with admin_client(declared.settings.kafka) as admin:
            admin.create_partitions({orders: 4})
        with pytest.raises(ChangelogError, match=rf"{orders} has 4 partitions by now, not 3, .*APP_ID"):
            await parts.take_over(member, 0, 1, 2)


async def test_reports_that_are_gone_do_not_keep_the_worker_that_merges(declared, member):
    reports = declared.topics.summaries.name
    async with AIOKafkaProducer(bootstrap_servers=declared.servers) as producer:
        for _ in range(4):
            await producer.send_and_wait(reports, b"report", b"0", partition=0)
    await asyncio.to_thread(lose, declared.settings.kafka, reports, 4)
    async with parts_of(declared.settings, "one") as one:
        await one.take_over(member, 0, 1, 2, merge=True)
        assert one.merging.position == 4
