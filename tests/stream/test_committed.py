import asyncio

from aiokafka import AIOKafkaProducer, TopicPartition
from members import committed

PENDING_SECONDS = 0.7


async def test_group_that_has_committed_nothing_has_no_offsets(declared):
    assert await committed(declared) == {}


async def test_offsets_are_waited_for_as_long_as_a_transaction_may_change_them(declared):
    group, orders = declared.settings.app_id, declared.topics.orders.name
    async with AIOKafkaProducer(
        bootstrap_servers=declared.servers, transactional_id=f"{group}-pending", transaction_timeout_ms=20_000
    ) as producer:
        for offset, ends in ((3, producer.commit_transaction), (9, producer.abort_transaction)):
            await producer.begin_transaction()
            await producer.send_offsets_to_transaction({TopicPartition(orders, 0): offset}, group)
            asked = asyncio.create_task(committed(declared))
            done, _ = await asyncio.wait([asked], timeout=PENDING_SECONDS)
            assert not done
            await ends()
            assert await asyncio.wait_for(asked, 10) == {0: 3}
