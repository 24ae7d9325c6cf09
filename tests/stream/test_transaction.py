import asyncio
import gc
import json
from dataclasses import replace

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from events import order
from members import committed, member_of, transactions_of, until, values_in, work_of
from scorer import GRID, Scorer

from stream_rfm.local.ports import free_ports
from stream_rfm.model.rules import Rules
from stream_rfm.stream import columns
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.publication import Publication
from stream_rfm.stream.transaction import NotCommittedError, Transactions
from stream_rfm.stream.work import Work

RULES = Rules(GRID)


@pytest.fixture
async def member(declared):
    async with member_of(declared) as joined:
        yield joined.membership


async def test_all_that_work_holds_is_there_in_its_order_and_the_ends_are_told(declared, member):
    topics = declared.topics
    work = work_of(declared, b"1", b"2", b"3")
    work.put(topics.segments.name, 1, [(b"c", None, []), (b"c", b"s", [("content-type", b"x")])])
    work.put(topics.dead_letters.name, 1, [(None, b"t", [])])
    work.put(topics.changelog.name, 2, [])
    async with transactions_of(declared) as transactions:
        ends = await transactions.commit(work, member)
        assert ends == {
            (topics.transitions.name, 0): 3,
            (topics.segments.name, 1): 2,
            (topics.dead_letters.name, 1): 1,
        }
        again = await transactions.commit(work_of(declared, b"4"), member)
    # A transaction's marker takes an offset of its own.
    assert again == {(topics.transitions.name, 0): 5}
    assert await values_in(declared, topics.transitions.name) == [b"1", b"2", b"3", b"4"]
    assert await values_in(declared, topics.segments.name, 1) == [None, b"s"]
    assert await values_in(declared, topics.dead_letters.name, 1) == [b"t"]


async def test_what_is_written_from_columns_is_there_among_messages_in_its_order(
    declared, member, monkeypatch
):
    monkeypatch.setattr(columns.CUSTOMERS, "way", None)
    columns.use_compiled()
    scorer, work, place = Scorer(RULES), Work(), (declared.topics.segments.name, 1)
    scorer.count([order(f"c{number}", "a", 0) for number in range(5_000)])
    rows = np.arange(5_000)
    work.put(*place, [(b"before", None, [])])
    records = work.records_of(*place)
    for _ in Publication(RULES, "shop").columns.segments(records, scorer.store, rows, 1):
        pass
    work.put(*place, [(b"behind", b"x", [("content-type", b"x")])])
    work.put(declared.topics.transitions.name, 0, [(b"k", b"v", [])])
    work.records_of(declared.topics.changelog.name, 0)
    assert len(records.batches()) > 1
    async with transactions_of(declared) as transactions:
        ends = await transactions.commit(work, member)
    assert ends == {place: 5_002, (declared.topics.transitions.name, 0): 1}
    values = await values_in(declared, *place)
    assert (values[0], values[-1]) == (None, b"x")
    ids = [json.loads(value)["customer_id"].encode() for value in values[1:-1]]
    assert ids == scorer.store.customers.ids_of(rows)


async def test_kafka_that_is_not_there_yet_is_waited_for(declared, caplog):
    host, _, there = declared.servers.partition(":")

    async def forward(reader, writer):
        onward = await asyncio.open_connection(host, int(there))
        for source, target in ((reader, onward[1]), (onward[0], writer)):
            tasks.append(asyncio.create_task(pump(source, target)))

    async def pump(source, target):
        while data := await source.read(65_536):
            target.write(data)

    tasks = []
    [port] = free_ports(1)
    kafka = declared.settings.kafka.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"})
    transactions = Transactions(kafka, "group", "group-late")
    starting = asyncio.create_task(transactions.start())
    assert await until(lambda: "kafka is not there yet; trying again" in caplog.text)
    async with await asyncio.start_server(forward, "127.0.0.1", port):
        await asyncio.wait_for(starting, 30)
        assert transactions._producer is not None
        await transactions.stop()
        for task in tasks:
            task.cancel()


async def test_offsets_alone_are_committed(declared, member):
    async with transactions_of(declared) as transactions:
        assert await transactions.commit(Work(offsets={(declared.topics.orders.name, 1): 8}), member) == {}
    assert await committed(declared) == {1: 8}


async def begun(declared, transactions, member, *values):
    """A transaction that was begun, since one before it has written the same."""
    await transactions.commit(work_of(declared, *values), member)
    transactions.begin([0])
    assert transactions.is_begun


async def test_parts_that_were_sent_before_are_committed_with_the_rest_and_in_their_order(declared, member):
    transitions, changelog = declared.topics.transitions.name, declared.topics.changelog.name
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"0")
        for values in ([b"1", b"2"], [b"3"]):
            part = work_of(declared, *values)
            part.put(changelog, 1, [(b"c", b"".join(values), [])])
            transactions.send_part(part)
        await asyncio.sleep(0.3)
        assert await values_in(declared, transitions, patience=0) == [b"0"]
        ends = await transactions.commit(work_of(declared, b"4", offset=8), member)
        # A transaction's marker takes an offset of its own.
        assert ends == {(transitions, 0): 6, (changelog, 1): 2}
        transactions.begin([1])
        assert transactions.is_begun, "what parts were written to is likely to be written to again"
        await transactions.commit(Work(), member)
    assert await values_in(declared, transitions) == [b"0", b"1", b"2", b"3", b"4"]
    assert await values_in(declared, changelog, 1) == [b"12", b"3"]
    assert await committed(declared) == {0: 8}


async def test_a_part_that_cannot_be_written_takes_the_others_with_it(declared, member):
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"0")
        transactions.send_part(work_of(declared, b"1"))
        lost = Work()
        lost.put("no-such-topic", 0, [(b"c", b"nowhere", [])])
        transactions.send_part(lost)
        transactions.send_part(work_of(declared, b"2"))
        with pytest.raises(NotCommittedError):
            await transactions.commit(work_of(declared, b"3", offset=9), member)
        await transactions.renew()
        await transactions.commit(work_of(declared, b"next", offset=4), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"0", b"next"]
    assert await committed(declared) == {0: 4}


async def test_parts_of_a_transaction_that_was_given_up_are_not_those_of_the_next(declared, member):
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"0")
        transactions.send_part(work_of(declared, b"1"))
        await transactions.renew()
        assert await transactions.commit(work_of(declared, b"2"), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"0", b"2"]


async def test_there_are_no_parts_of_what_was_not_begun(declared):
    async with transactions_of(declared) as transactions:
        with pytest.raises(RuntimeError, match="not begun"):
            transactions.send_part(work_of(declared, b"1"))


async def test_work_of_many_batches_is_one_transaction(declared, member):
    values = [bytes([number]) * 100_000 for number in range(40)]
    large = b"x" * 3_000_000
    work = work_of(declared, *values)
    work.put(declared.topics.changelog.name, 0, [(b"c", large, []), (b"c", b"small", []), (b"c", large, [])])
    async with transactions_of(declared) as transactions:
        ends = await transactions.commit(work, member)
        assert ends[declared.topics.transitions.name, 0] == 40
        assert ends[declared.topics.changelog.name, 0] == 3
    assert await values_in(declared, declared.topics.transitions.name) == values
    assert await values_in(declared, declared.topics.changelog.name) == [large, b"small", large]


async def test_what_cannot_be_written_whole_is_not_written_at_all(declared, member):
    work = work_of(declared, b"in it", offset=3)
    work.put("no-such-topic", 0, [(b"c", b"nowhere", [])])
    async with transactions_of(declared) as transactions:
        with pytest.raises(NotCommittedError) as failure:
            await transactions.commit(work, member)
        assert "FencedMemberError" not in str(failure.value)
        await transactions.renew()
        await transactions.commit(work_of(declared, b"next", offset=4), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"next"]
    assert await committed(declared) == {0: 4}


async def test_zombie_of_the_same_name_is_fenced(declared, member):
    async with transactions_of(declared) as zombie:
        await zombie.commit(work_of(declared, b"1"), member)
        async with transactions_of(declared) as successor:
            with pytest.raises(NotCommittedError):
                await zombie.commit(work_of(declared, b"zombie", offset=9), member)
            await successor.commit(work_of(declared, b"2", offset=2), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2"]
    assert await committed(declared) == {0: 2}


async def test_what_a_killed_worker_left_open_is_aborted_by_the_next_of_its_name(declared, member):
    name = f"{declared.settings.app_id}-test"
    killed = AIOKafkaProducer(bootstrap_servers=declared.servers, transactional_id=name)
    await killed.start()
    await killed.begin_transaction()
    await killed.send_and_wait(declared.topics.transitions.name, b"half", partition=0)
    async with transactions_of(declared) as transactions:
        await transactions.commit(work_of(declared, b"whole"), member)
        assert await values_in(declared, declared.topics.transitions.name) == [b"whole"]
    await asyncio.wait_for(killed._sender.close(), 5)
    await killed.client.close()


async def test_stopped_producer_commits_nothing(declared, member):
    async with transactions_of(declared) as transactions:
        pass
    with pytest.raises(NotCommittedError, match="stopped"):
        await transactions.commit(work_of(declared, b"late"), member)


async def test_refused_offsets_leave_no_error_behind_that_nobody_looked_at(declared, member, caplog):
    # What tests before have left behind is not meant.
    gc.collect()
    caplog.clear()
    async with transactions_of(declared) as transactions:
        with pytest.raises(NotCommittedError) as refused:
            await transactions.commit(
                work_of(declared, b"stale"), replace(member, generation=member.generation + 7)
            )
        assert "FencedMemberError" in str(refused.value)
        await transactions.renew()
    del refused
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.parametrize("pause", [0.0, 0.3])
async def test_one_that_was_begun_before_holds_what_it_is_given_then(declared, member, pause):
    topics = declared.topics
    async with transactions_of(declared) as transactions:
        transactions.begin([0, 1, 2])
        assert not transactions.is_begun
        await begun(declared, transactions, member, b"1")
        # Kafka may have been told by now, or not yet.
        await asyncio.sleep(pause)
        work = work_of(declared, b"2", offset=2)
        work.put(topics.segments.name, 1, [(b"c", b"s", [])])
        await transactions.commit(work, member)
        transactions.begin([0, 1])
        await asyncio.sleep(pause)
        # Of what was begun for two partitions one is not touched.
        await transactions.commit(work_of(declared, b"3", offset=3), member)
    assert await values_in(declared, topics.transitions.name) == [b"1", b"2", b"3"]
    assert await values_in(declared, topics.segments.name, 1) == [b"s"]
    assert await committed(declared) == {0: 3}


async def test_one_that_was_begun_in_vain_holds_nothing(declared, member):
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"1")
        assert await transactions.commit(Work(), member) == {}
        await transactions.commit(work_of(declared, b"2", offset=2), member)
        transactions.begin([0])
        await transactions.renew()
        assert not transactions.is_begun
        await transactions.commit(work_of(declared, b"3", offset=3), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2", b"3"]


@pytest.mark.parametrize("pause", [0.0, 0.3])
async def test_zombie_that_has_begun_is_fenced(declared, member, pause):
    async with transactions_of(declared) as zombie:
        await zombie.commit(work_of(declared, b"1"), member)
        zombie.begin([0])
        await asyncio.sleep(pause)
        async with transactions_of(declared) as successor:
            with pytest.raises(NotCommittedError):
                await zombie.commit(work_of(declared, b"zombie", offset=9), member)
            zombie.begin([0])
            await successor.commit(work_of(declared, b"2", offset=2), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2"]
    assert await committed(declared) == {0: 2}


@pytest.mark.parametrize("pause", [0.0, 0.3])
async def test_offsets_sent_before_the_records_are_committed_with_them(declared, member, pause):
    async with transactions_of(declared) as transactions:
        first = work_of(declared, b"1")
        # Nothing was begun: they go with the records.
        transactions.send_offsets(first.offsets, member)
        await transactions.commit(first, member)
        transactions.begin([0])
        second = work_of(declared, b"2", offset=2)
        transactions.send_offsets(second.offsets, member)
        await asyncio.sleep(pause)
        await transactions.commit(second, member)
        assert await committed(declared) == {0: 2}
        transactions.begin([0])
        await transactions.commit(work_of(declared, b"3", offset=3), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2", b"3"]
    assert await committed(declared) == {0: 3}


@pytest.mark.parametrize("pause", [0.0, 0.3])
async def test_whose_offsets_are_refused_before_the_records_has_committed_nothing(declared, member, pause):
    stale = replace(member, generation=member.generation + 7)
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"1")
        work = work_of(declared, b"stale", offset=9)
        transactions.send_offsets(work.offsets, stale)
        await asyncio.sleep(pause)
        with pytest.raises(NotCommittedError) as refused:
            await transactions.commit(work, stale)
        assert "FencedMemberError" in str(refused.value)
        await transactions.renew()
        await transactions.commit(work_of(declared, b"2", offset=2), member)
    assert await values_in(declared, declared.topics.transitions.name) == [b"1", b"2"]
    assert await committed(declared) == {0: 2}


async def test_offsets_on_their_way_are_dropped_with_the_producer(declared, member):
    async with transactions_of(declared) as transactions:
        await begun(declared, transactions, member, b"1")
        transactions.send_offsets(work_of(declared, offset=9).offsets, member)
        await transactions.renew()
        await transactions.commit(work_of(declared, b"2", offset=2), member)
    assert await committed(declared) == {0: 2}


async def test_who_closes_after_a_failure_leaves_nothing_open(declared):
    settings = declared.settings
    patient = settings.kafka.model_copy(update={"transaction_timeout_seconds": 60.0})
    leaving = Transactions(patient, settings.app_id, f"{settings.app_id}-leaving")
    await leaving.start()
    with pytest.raises(NotCommittedError):
        await leaving.commit(work_of(declared, b"never"), Membership(9, "nobody"))
    await leaving.close()
    async with transactions_of(declared) as staying, member_of(declared) as member:
        await staying.commit(work_of(declared, b"after"), member.membership)
    # What is behind an open transaction is not given to readers of committed records.
    assert await values_in(declared, declared.topics.transitions.name) == [b"after"]
