"""A worker whose transaction failed reads its state back, and goes on as if nothing had been."""

import asyncio
import signal
import time
from contextlib import ExitStack, asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from broker import Message, eventually, write
from kafka import TopicPartition as Place
from members import committed
from parts import order
from workers import Worker

from stream_rfm.app import create_app
from stream_rfm.kafka.admin import admin_client
from stream_rfm.stream.export import Export

SESSION_SECONDS = 2


@pytest.fixture
def group(declared, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_KAFKA__SESSION_TIMEOUT_SECONDS", str(SESSION_SECONDS))
    monkeypatch.setenv("STREAM_RFM_RESCORE_SECONDS", "1")
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    monkeypatch.setenv("STREAM_RFM_WINDOW_DAYS", "null")
    return declared


def send(deployment, first, count):
    """Orders of one customer in each partition."""
    write(
        deployment.servers,
        deployment.topics.orders.name,
        [
            Message(each.key, each.value, partition=number % 3)
            for number in range(first, first + count)
            for each in [order(number, f"c-{number % 3}")]
        ],
    )


def counted(*workers):
    return sum(worker.metric("stream_rfm_order_events_total") for worker in workers)


async def frequencies(deployment, path):
    """How many orders each customer has as of now."""
    await Export(deployment.settings).run(path, time.time_ns() // 1000, 20, lambda _: None)
    return {row.split(",")[0]: int(row.split(",")[2]) for row in path.read_text().splitlines()[1:]}


@asynccontextmanager
async def fenced(deployment):
    """Take the name of the one worker's producer, so that its next transaction fails."""
    with admin_client(deployment.settings.kafka) as admin:
        [name] = [
            each.transactional_id
            for some in admin.list_transactions().values()
            for each in some
            if each.transactional_id.startswith(deployment.settings.app_id)
        ]
    async with AIOKafkaProducer(bootstrap_servers=deployment.servers, transactional_id=name):
        yield


async def test_state_is_read_back_after_a_failed_transaction(group, tmp_path):
    with Worker(tmp_path / "worker") as worker:
        assert await asyncio.to_thread(eventually, lambda: worker.ready, 30)
        send(group, 0, 9)
        assert await asyncio.to_thread(eventually, lambda: counted(worker) == 9)
        async with fenced(group):
            send(group, 9, 9)
            assert await asyncio.to_thread(eventually, lambda: counted(worker) == 18, 30)
            assert await frequencies(group, tmp_path / "export.csv") == {"c-0": 6, "c-1": 6, "c-2": 6}
        failed = len(worker.logged("a transaction was not committed"))
        assert failed >= 1
        assert worker.metric("stream_rfm_commits_total", result="aborted") == failed
        # Read back are all partitions, with the generation that there is.
        taken = [entry["partitions"] for entry in worker.logged("took partitions over")]
        assert taken == [[0, 1, 2]] * (1 + failed)
        assert await asyncio.to_thread(worker.end) == 0


@asynccontextmanager
async def pending(deployment):
    """A transaction of the group that does not end, so that a takeover has to wait for it."""
    place = TopicPartition(deployment.topics.orders.name, 0)
    group = deployment.settings.app_id
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.servers, transactional_id=f"{group}-pending"
    ) as producer:
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({place: 0}, group)
        yield
        await producer.abort_transaction()


async def test_takeover_that_takes_long_holds_up_no_rebalance(group, tmp_path, monkeypatch):
    # For so long would the group wait for a worker that does not join again.
    monkeypatch.setenv("STREAM_RFM_KAFKA__SESSION_TIMEOUT_SECONDS", "60")

    def members():
        with admin_client(group.settings.kafka) as admin:
            [found] = admin.describe_groups([group.settings.app_id]).values()
        return found["group_state"], len(found["members"])

    def wait(condition, seconds=30):
        return asyncio.to_thread(eventually, condition, seconds)

    send(group, 0, 9)
    with ExitStack() as running:
        async with pending(group):
            workers = []
            for count in (1, 2, 3):
                workers.append(running.enter_context(Worker(tmp_path / str(count))))
                assert await wait(lambda count=count: members() == ("Stable", count)), members()
            taken = [entry["partitions"] for each in workers for entry in each.logged("took partitions over")]
            assert not any(0 in partitions for partitions in taken)
        assert await wait(lambda: counted(*workers) == 9)
        assert [await asyncio.to_thread(worker.end) for worker in workers] == [0, 0, 0]


async def test_orders_that_are_deleted_while_it_runs_are_said_too(group, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_KAFKA__SESSION_TIMEOUT_SECONDS", "30")
    orders = group.topics.orders.name
    with Worker(tmp_path / "worker") as worker:
        assert await asyncio.to_thread(eventually, lambda: worker.ready, 30)
        send(group, 0, 9)
        assert await asyncio.to_thread(eventually, lambda: counted(worker) == 9)
        worker.tell(signal.SIGSTOP)
        # By then the broker has answered what it was asked before.
        await asyncio.sleep(2)
        send(group, 9, 9)
        with admin_client(group.settings.kafka) as admin:
            admin.delete_records({Place(orders, 0): 5})
        worker.tell(signal.SIGCONT)
        assert await asyncio.to_thread(eventually, lambda: counted(worker) == 16, 30)
        assert worker.metric("stream_rfm_lost_records_total") == 2
        [said] = worker.logged(
            "orders were deleted from the topic before they were counted: its retention is too short"
        )
        assert (said["partition"], said["offsets"]) == (0, 2)
        assert await committed(group) == {0: 6, 1: 6, 2: 6}
        assert await asyncio.to_thread(worker.end) == 0


async def test_zombie_commits_nothing_and_works_again_when_it_is_back(group, tmp_path):
    def wait(condition, seconds=30):
        return asyncio.to_thread(eventually, condition, seconds)

    with Worker(tmp_path / "zombie") as zombie, Worker(tmp_path / "other") as other:
        assert await wait(lambda: zombie.ready and other.ready)
        send(group, 0, 9)
        assert await wait(lambda: counted(zombie, other) == 9)
        before = counted(other)
        assert 0 < before < 9
        # Longer than its session: the group goes on without it.
        zombie.tell(signal.SIGSTOP)
        send(group, 9, 9)
        assert await wait(lambda: counted(other) == before + 9)
        zombie.tell(signal.SIGCONT)
        assert await wait(lambda: zombie.logged("took partitions over")[1:] and zombie.ready)
        send(group, 18, 9)
        assert await wait(lambda: counted(zombie, other) == 27)
        assert await frequencies(group, tmp_path / "export.csv") == {"c-0": 9, "c-1": 9, "c-2": 9}
        assert await committed(group) == {0: 9, 1: 9, 2: 9}
        assert counted(zombie) > 9 - before
        assert (await asyncio.to_thread(zombie.end), await asyncio.to_thread(other.end)) == (0, 0)


async def test_what_takes_too_long_is_tried_again_and_is_no_end_of_the_worker(deployment):
    recovery = create_app(deployment.settings).tables.recovery
    with pytest.raises(TimeoutError):
        await recovery._wait(asyncio.sleep(60), timeout=0.05)
