"""Everything that a cycle does is there after its commit, or nothing is."""

import asyncio
import json

import pytest
from broker import Message, write
from members import committed, member_of, until, values_in
from parts import Record, day, heartbeat, order, parts_of
from snapshot_parts import facts

from stream_rfm.model import instant
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.version import Version
from stream_rfm.stream import outcome, turns, waiting
from stream_rfm.stream.edges import edges
from stream_rfm.stream.offset_commit import Membership
from stream_rfm.stream.writer import now


@pytest.fixture
async def member(declared):
    async with member_of(declared) as joined:
        yield joined.membership


@pytest.fixture
async def parts(declared, member, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_CLOCK", "event")
    monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
    async with parts_of(declared.settings) as made:
        await made.take_over(member, 0, 1, 2, merge=True)
        yield made


async def test_orders_wait_for_the_first_version_on_which_all_agree(parts, declared, member):
    await parts.count(member, 0, order(0, "c-a"))
    await parts.count(member, 1, order(0, "c-b"))
    assert await values_in(declared, declared.topics.quantiles.name) == []
    await parts.count(member, 2, heartbeat(0, day(1)))
    [first] = await values_in(declared, declared.topics.quantiles.name)
    assert (json.loads(first)["version"], json.loads(first)["as_of"]) == (0, day(0))


async def test_cycle_commits_transitions_segments_state_offsets_and_dead_letters(parts, declared, member):
    topics = declared.topics
    await parts.count(
        member, 0, order(0, "c-a"), Record(1, b"c-x", b"{"), order(2, "c-a"), heartbeat(3, day(1))
    )
    for number in (1, 2):
        await parts.count(member, number, heartbeat(0, day(1)))
    while parts.writer.has_work():
        await parts.count(member, 0)
    [entered, scored] = map(json.loads, await values_in(declared, topics.transitions.name))
    assert (entered["customer_id"], entered["to"], entered["order_id"]) == ("c-a", "unscored", "o0")
    assert (scored["from"], scored["sequence"], scored["quantiles_version"]) == ("unscored", 2, 1)
    segments = await values_in(declared, topics.segments.name)
    assert json.loads(segments[-1])["segment"] == scored["to"]
    assert await values_in(declared, topics.dead_letters.name) == [b"{"]
    assert await committed(declared) == {0: 4, 1: 1, 2: 1}
    assert parts.value("stream_rfm_order_events_total", type="order") == 2
    assert parts.value("stream_rfm_dead_letters_total", reason="invalid-document") == 1
    assert [lane.changelog_end for lane in parts.lanes.values()] == [
        edge for _, edge in sorted((await changelog_ends(parts)).items())
    ]


def sent_of(parts, monkeypatch):
    """The partitions of each part that is sent before the rest is counted, from now on."""
    sent, send_part = [], parts.transactions.send_part

    def send(work):
        sent.append({number for _, number in work.places})
        send_part(work)

    monkeypatch.setattr(parts.transactions, "send_part", send)
    return sent


async def test_what_is_sent_in_parts_is_committed_together(declared, member, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_CLOCK", "wall")
    topics = declared.topics
    async with parts_of(declared.settings) as parts:
        await parts.take_over(member, 0, 1, 2, merge=False)
        parts.writer.take_orders(0, [order(0, "c-a")], member.generation)
        await parts.count(member, 1, order(0, "c-b"))
        monkeypatch.setattr(turns, "_A_PART", 1)
        sent = sent_of(parts, monkeypatch)
        parts.writer.take_orders(0, [order(1, "c-a"), order(2, "c-d")], member.generation)
        commits = parts.value("stream_rfm_commits_total", result="committed")
        await parts.count(member, 1, order(1, "c-e"))
        assert sent == [{0}]
        assert parts.value("stream_rfm_commits_total", result="committed") == commits + 1
        assert parts.value("stream_rfm_order_events_total", type="order") == 5
        ends = await changelog_ends(parts)
        assert [parts.lanes[number].changelog_end for number in (0, 1)] == [ends[0], ends[1]]
    values = [await values_in(declared, topics.transitions.name, number) for number in (0, 1)]
    who = [[json.loads(each)["customer_id"] for each in some] for some in values]
    assert who == [["c-a", "c-d"], ["c-b", "c-e"]]
    assert await committed(declared) == {0: 3, 1: 2, 2: 0}


async def test_part_that_was_sent_a_version_and_the_rest_are_one_transaction(declared, member, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_CLOCK", "wall")
    monkeypatch.setattr(turns, "_A_PART", 1)
    ts = instant.iso(now() - instant.DAY)
    cuts = tuple(CutPoints.of_thresholds([1, 2, 3, 4]) for _ in range(3))
    # What it is given has to be there for a successor, too.
    write(declared.servers, declared.topics.orders.name, [Message(b"k", b"{}", [], n % 3) for n in range(24)])
    async with parts_of(declared.settings) as parts, parts_of(declared.settings, "two") as successor:
        await parts.take_over(member, 0, 1, 2)
        sent = sent_of(parts, monkeypatch)
        parts.writer.take_orders(1, [order(0, "c-z", ts=ts)], member.generation)
        await parts.count(member, 0, *(order(offset, f"c-{offset}", ts=ts) for offset in range(5)))
        parts.writer.take_version(Version(1, now(), 6, cuts, rules=parts.rules.fingerprint()))
        commits = parts.value("stream_rfm_commits_total", result="committed")
        parts.writer.take_orders(1, [order(1, "c-z", ts=ts)], member.generation)
        last = [order(5, "c-0", ts=ts), order(6, "c-1", type="erase", ts=ts), order(7, "c-2", ts=ts)]
        await parts.count(member, 0, *last)
        assert sent == [{0}]
        assert parts.value("stream_rfm_commits_total", result="committed") == commits + 1
        # The others of partition 0 were scored behind what was sent of it.
        assert {said[-1] for said in facts(parts).values()} == {1}
        await successor.take_over(member, 0, 1, 2)
        assert facts(successor) == facts(parts)
        assert [lane.partition.position for lane in successor.lanes.values()] == [8, 2, 0]
    values = await values_in(declared, declared.topics.transitions.name, 0)
    said = [json.loads(each) for each in values]
    for customer in {each["customer_id"] for each in said}:
        of = [each for each in said if each["customer_id"] == customer]
        assert [each["sequence"] for each in of] == list(range(1, len(of) + 1))
        assert [each["from"] for each in of[1:]] == [each["to"] for each in of[:-1]]


async def changelog_ends(parts):
    return (await edges(parts.settings.kafka, parts.topics.changelog.name, [0, 1, 2]))[1]


async def test_failed_transaction_leaves_nothing_and_is_told(parts, declared, member):
    await parts.count(member, 0, order(0, "c-a"))
    stranger = Membership(member.generation, "somebody-else")
    parts.writer.member = stranger
    parts.writer.take_orders(1, [order(0, "c-b")], stranger.generation)
    await parts.writer._cycle(stranger)
    assert parts.failures == 1
    assert parts.writer.member is None
    assert parts.value("stream_rfm_commits_total", result="aborted") == 1
    assert 1 not in await committed(declared)
    # What is read before the state has been read back counts for nothing.
    parts.writer.take_orders(1, [order(0, "c-b")], member.generation)
    assert not parts.writer.has_work()


@pytest.mark.parametrize("nobody", [Membership(), Membership(3, ""), Membership(-1, "m")])
async def test_nobody_in_particular_may_not_write(parts, nobody):
    with pytest.raises(ValueError, match="not fenced"):
        parts.writer.join(nobody)


async def test_records_of_another_generation_or_partition_are_left_to_their_owner(parts, member):
    parts.writer.take_orders(0, [order(0, "c-a")], member.generation - 1)
    parts.writer.take_orders(7, [order(0, "c-a")], member.generation)
    parts.writer.take_reports([Record(0, b"0", b"\xc1")], member.generation - 1)
    assert not any(lane.waiting for lane in parts.lanes.values())
    assert not parts.merging.has_news


async def test_partition_that_is_far_ahead_is_held_back_and_goes_on(parts, member, monkeypatch):
    monkeypatch.setattr(waiting, "MOST_RECORDS", 10)
    for first in (0, 6):
        parts.writer.take_orders(0, [order(first + n, "c-a") for n in range(6)], member.generation)
    await goes_on(parts, member)


async def goes_on(parts, member):
    """The first partition, which waits for the others, is held back until they are there."""
    assert parts.paused == [0]
    await parts.count(member, 0)
    assert parts.resumed == []
    for number in (1, 2):
        parts.writer.take_orders(number, [heartbeat(0, day(1))], member.generation)
    while parts.writer.has_work():
        await parts.count(member, 0)
    assert parts.resumed == [0]


async def test_partition_is_held_back_for_bad_records_as_for_others(parts, declared, member, monkeypatch):
    monkeypatch.setattr(waiting, "MOST_RECORDS", 10)
    parts.writer.take_orders(0, [order(0, "c-a")], member.generation)
    run = [Record(1 + n, b"c-x", b"{") for n in range(10)]
    parts.writer.take_orders(0, run, member.generation)
    await goes_on(parts, member)
    assert len(await values_in(declared, declared.topics.dead_letters.name)) == 10


async def test_partition_is_held_back_for_large_orders(parts, member):
    # Each is a run: they are what a fetch brings, which ends before the limit.
    for n in range(19):
        large = order(n, "c-a", attributes={"note": "x" * 900_000})
        parts.writer.take_orders(0, [large], member.generation)
    assert parts.lanes[0].waiting.records < waiting.MOST_RECORDS
    await goes_on(parts, member)
    assert parts.lanes[0].partition.position == 19


@pytest.mark.parametrize(
    ("limit", "most", "steps"),
    [("_MOST_DEAD_LETTERS", 6, [6, 12, 18, 20]), ("_MOST_DEAD_BYTES", 7, [4, 8, 12, 16, 20])],
)
async def test_bad_records_go_in_transactions_of_bounded_size(
    parts, declared, member, monkeypatch, limit, most, steps
):
    monkeypatch.setattr(waiting, "_PIECE_RECORDS", 2)
    monkeypatch.setattr(outcome, limit, most)
    values = [b"%02d" % n for n in range(20)]
    parts.writer.take_orders(0, [Record(n, None, values[n]) for n in range(20)], member.generation)
    for position in steps:
        await parts.count(member, 0)
        assert await committed(declared) == {0: position}
        assert await values_in(declared, declared.topics.dead_letters.name) == values[:position]
    assert not parts.lanes[0].waiting


async def test_end_waits_for_the_transaction_in_flight(parts, declared, member, monkeypatch):
    begun, go_on = asyncio.Event(), asyncio.Event()
    commit = parts.transactions.commit

    async def slow(work, of):
        begun.set()
        await go_on.wait()
        return await commit(work, of)

    monkeypatch.setattr(parts.transactions, "commit", slow)
    await parts.writer.start()
    try:
        parts.writer.take_orders(0, [order(0, "c-a")], member.generation)
        await asyncio.wait_for(begun.wait(), 10)
        ending = asyncio.create_task(parts.writer.finish())
        await asyncio.sleep(0.1)
        assert not ending.done()
        go_on.set()
        await asyncio.wait_for(ending, 10)
        parts.writer.take_orders(1, [order(0, "c-b")], member.generation)
        assert not parts.writer.has_work()
    finally:
        await parts.writer.stop()
    assert 0 in await committed(declared)


async def test_service_that_has_been_idle_has_nothing_to_wait_for_when_an_order_comes(parts, member):
    await parts.writer.start()
    try:
        pace = parts.writer._due.pace
        first = pace.rest(0.0)
        # It looks around though nothing comes, and that is no transaction.
        assert await until(lambda: pace.rest(0.0) > first)
        assert pace.pause(0.0) < 0
        parts.writer.take_orders(0, [order(0, "c-a")], member.generation)
        assert await until(lambda: parts.lanes[0].partition.waiting and parts.writer.settled)
        assert pace.pause(0.0) > 0
    finally:
        await parts.writer.stop()


async def test_service_commits_by_itself_what_it_is_given(parts, declared, member):
    await parts.writer.start()
    try:
        for number in range(3):
            parts.writer.take_orders(number, [heartbeat(0, day(1))], member.generation)
        assert await until(lambda: parts.versions.latest and parts.versions.latest.number == 1)
    finally:
        await parts.writer.stop()
    assert len(await values_in(declared, declared.topics.quantiles.name)) == 2
