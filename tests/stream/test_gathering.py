import json

import pytest
from parts import Record, day, order
from read_back import all_messages

from schemas import validator
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.stream import columns
from stream_rfm.stream.gathering import Gathering
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.publication import Publication
from stream_rfm.table import report as reports
from stream_rfm.table.journal import MARKER
from stream_rfm.table.partition import Partition

NOW = instant.parse(day(3))


@pytest.fixture(autouse=True, params=["messages", "columns"])
def _way(request, monkeypatch):
    """Records are made as messages, then from columns: both have to say the same."""
    monkeypatch.setattr(columns.CUSTOMERS, "way", None)
    if request.param == "columns":
        columns.use_compiled()


@pytest.fixture
def gathering(parts):
    return Gathering(parts.topics, Publication(parts.rules, "shop"))


def worked(parts, number, *run):
    """A lane that has counted something, with what there is to write of it."""
    lane = Lane(Partition(number, parts.rules, parts.clock), parts.versions)
    lane.put(list(run), Intake("EUR", NOW))
    while lane.ready:
        lane.step(NOW)
    lane.look_around(NOW)
    return lane, lane.take()


async def test_each_topic_takes_what_is_its_own(parts, gathering):
    lane, outcome = worked(
        parts, 1, order(0, "c-a"), Record(1, b"k", b"{"), order(2, "c-b"), order(3, "c-b", type="erase")
    )
    work = await gathering.work_of(
        [(lane, outcome)], [], gathering.offsets_of([(lane, outcome)], [], parts.merging), NOW
    )
    topics = parts.topics
    messages = all_messages(work)
    assert messages.keys() == {
        (topics.transitions.name, 1),
        (topics.segments.name, 1),
        (topics.dead_letters.name, 1),
        (topics.changelog.name, 1),
        (topics.summaries.name, 0),
    }
    assert work.offsets == {(topics.orders.name, 1): 4}
    transitions = [json.loads(value) for _, value, _ in messages[topics.transitions.name, 1]]
    assert [(each["customer_id"], each["to"]) for each in transitions] == [
        ("c-a", "unscored"),
        ("c-b", "unscored"),
        ("c-b", None),
    ]
    segments = {key: value for key, value, _ in messages[topics.segments.name, 1]}
    assert segments.keys() == {b"c-a", b"c-b"}
    assert segments[b"c-b"] is None
    validator("segment.v1").validate(json.loads(segments[b"c-a"]))
    [(_, _, headers)] = messages[topics.dead_letters.name, 1]
    assert dict(headers)["offset"] == b"1"
    [(key, report, _)] = messages[topics.summaries.name, 0]
    assert (key, reports.decode(report).partition) == (b"1", 1)
    # The marker ends the transaction, so that whoever reads that far has all of it.
    assert messages[topics.changelog.name, 1][-1][0] == MARKER


async def test_customer_erased_and_here_again_has_the_tombstone_first(parts, gathering):
    lane, outcome = worked(
        parts, 0, order(0, "c-a"), order(1, "c-a", type="erase"), order(2, "c-a", ts=day(1))
    )
    work = await gathering.work_of(
        [(lane, outcome)], [], gathering.offsets_of([(lane, outcome)], [], parts.merging), NOW
    )
    values = [
        value and json.loads(value) for _, value, _ in all_messages(work)[parts.topics.segments.name, 0]
    ]
    assert values[0] is None
    assert values[-1]["segment"] == "unscored"


async def test_partitions_put_together_get_what_each_gets_by_itself(parts, gathering, monkeypatch):
    outcomes = [
        worked(
            parts,
            number,
            *(order(at, f"c-{number}-{at % 3}", ts=day(1 + at % 2)) for at in range(number * 3 + 1)),
        )
        for number in range(3)
    ]
    # What the changelog is told, it is told once: here it is about all the others.
    topics = (parts.topics.transitions.name, parts.topics.segments.name)
    alone = {}
    for outcome in outcomes:
        work = await gathering.work_of([outcome], [], gathering.offsets_of([outcome], [], parts.merging), NOW)
        alone |= {place: said for place, said in all_messages(work).items() if place[0] in topics}
    assert alone.keys() == {(topic, number) for topic in topics for number in range(3)}
    for most in (2_000, 4, 1):
        monkeypatch.setattr("stream_rfm.stream.gathering._SLICE", most)
        work = await gathering.work_of(outcomes, [], gathering.offsets_of(outcomes, [], parts.merging), NOW)
        assert {place: said for place, said in all_messages(work).items() if place[0] in topics} == alone


async def test_every_transaction_carries_offsets_even_where_none_moved(parts, gathering):
    lane = Lane(Partition(2, parts.rules, parts.clock), parts.versions)
    lane.look_around(NOW)
    outcomes = [(lane, lane.take())]
    work = await gathering.work_of(outcomes, [], gathering.offsets_of(outcomes, [], parts.merging), NOW)
    assert work.offsets == {(parts.topics.orders.name, 2): 0}


async def test_versions_carry_the_offset_of_the_reports_that_a_successor_needs(parts, gathering):
    parts.merging.start(None, 7)
    work = await gathering.work_of(
        [], [Version(3, NOW)], gathering.offsets_of([], [Version(3, NOW)], parts.merging), NOW
    )
    [(key, value, _)] = all_messages(work)[parts.topics.quantiles.name, 0]
    assert key == b"3"
    validator("quantiles.v1").validate(json.loads(value))
    assert work.offsets == {(parts.topics.summaries.name, 0): 7}
