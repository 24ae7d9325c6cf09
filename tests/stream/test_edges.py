from broker import Message, write
from kafka import TopicPartition
from members import member_of, transactions_of, work_of

from stream_rfm.kafka.admin import admin_client
from stream_rfm.stream.edges import edges


async def test_edges_are_those_of_the_topic_with_what_is_not_committed(declared):
    settings, orders = declared.settings, declared.topics.orders.name
    write(declared.servers, orders, [Message(b"k", b"v", partition=number) for number in (0, 0, 0, 2)])
    assert await edges(settings.kafka, orders, [0, 1, 2]) == ({0: 0, 1: 0, 2: 0}, {0: 3, 1: 0, 2: 1})
    with admin_client(settings.kafka) as admin:
        admin.delete_records({TopicPartition(orders, 0): 2})
    assert await edges(settings.kafka, orders, [0]) == ({0: 2}, {0: 3})


async def test_marker_of_a_transaction_takes_an_offset(declared):
    async with transactions_of(declared) as transactions, member_of(declared) as member:
        ends = await transactions.commit(work_of(declared, b"1", b"2"), member.membership)
    transitions = declared.topics.transitions.name
    assert ends == {(transitions, 0): 2}
    assert (await edges(declared.settings.kafka, transitions, [0]))[1] == {0: 3}


async def test_of_no_partitions_there_are_none(declared):
    assert await edges(declared.settings.kafka, declared.topics.orders.name, []) == ({}, {})
