import time

import pytest
from parts import Record, day, heartbeat, order

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.order import Kind, Reason
from stream_rfm.model.version import Version
from stream_rfm.serve.marks import Watermark
from stream_rfm.stream import waiting
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.partition import Partition

INTAKE = Intake("EUR", instant.parse(day(1000)))
NOW = instant.parse(day(500))
BROKEN = b"{"


@pytest.fixture
def lane_of(deployment, monkeypatch):
    def made(clock):
        monkeypatch.setenv("STREAM_RFM_CLOCK", clock)
        monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
        settings = deployment.settings
        versions = VersionLog(clock_of(settings))
        return Lane(Partition(0, rules_of(settings), clock_of(settings)), versions), versions

    return made


@pytest.fixture
def lane(lane_of):
    return lane_of("wall")[0]


def put(lane, *run):
    lane.put(list(run), INTAKE)


def work(lane):
    while lane.ready:
        lane.step(NOW)
    return lane.take()


def test_events_are_counted_with_the_dead_letters_between_them(lane):
    put(lane, order(0, "a"), Record(1, b"b", BROKEN), order(2, "b", type="enquiry"), Record(3, b"c", BROKEN))
    assert lane.waiting.records == 4
    outcome = work(lane)
    assert (outcome.events, outcome.transitions, outcome.progressed) == (2, 2, True)
    assert outcome.kinds[Kind.ORDER] == outcome.kinds[Kind.ENQUIRY] == 1
    assert [record.offset for record, _ in outcome.dead_letters] == [1, 3]
    assert lane.partition.position == 4
    assert lane.waiting.records == 0
    assert not lane.take().progressed


def test_run_of_nothing_but_dead_letters_moves_on(lane):
    put(lane, Record(0, None, None), Record(1, b"b", BROKEN))
    outcome = work(lane)
    assert [reason.reason for _, reason in outcome.dead_letters] == [
        Reason.TOMBSTONE,
        Reason.INVALID_DOCUMENT,
    ]
    assert (lane.partition.position, outcome.progressed) == (2, True)


def test_bad_records_are_refused_in_steps_that_are_bounded_each_once_and_in_order(lane, monkeypatch):
    monkeypatch.setattr(waiting, "_PIECE_RECORDS", 5)
    # They are found out about one kind after the other.
    bad = (Record(0, b"b", BROKEN), order(0, "a", ts="?"), Record(0, b"b", None), order(0, "a", amount="-1"))
    run = [bad[number % 4]._replace(offset=number) for number in range(22)]
    put(lane, *run)
    steps = []
    while lane.ready:
        lane.step(NOW)
        steps.append(len(lane.outcome.dead_letters))
        assert lane.partition.position == steps[-1]
    assert steps == [5, 10, 15, 20, 22]
    outcome = lane.take()
    assert [record.offset for record, _ in outcome.dead_letters] == list(range(22))
    assert outcome.dead_bytes == sum(map(waiting.size_of, run))
    assert not lane.waiting


def test_bad_records_go_with_the_orders_that_they_are_between(lane, monkeypatch):
    monkeypatch.setattr(waiting, "_PIECE_RECORDS", 4)
    put(lane, *(order(n, "a") if n % 3 == 2 else Record(n, b"b", BROKEN) for n in range(12)))
    steps = []
    while lane.ready:
        lane.step(NOW)
        steps.append((lane.partition.position, lane.outcome.events, len(lane.outcome.dead_letters)))
    assert steps == [(4, 1, 3), (8, 2, 6), (12, 4, 8)]
    assert lane.outcome.dead_letters == sorted(lane.outcome.dead_letters, key=lambda each: each[0].offset)


def test_money_that_does_not_fit_is_a_dead_letter_with_its_own_record(lane):
    # Each is as much as one order may be; the sum of one more than fits does not fit.
    put(
        lane,
        *(order(number, "rich", amount="1000000000000") for number in range(12)),
        Record(12, b"b", BROKEN),
    )
    outcome = work(lane)
    [*too_large, (broken, _)] = outcome.dead_letters
    assert too_large
    assert broken.offset == 12
    for record, reason in too_large:
        assert (record.key, reason.reason) == (b"rich", Reason.SUM_TOO_LARGE)
    assert len({record.offset for record, _ in outcome.dead_letters}) == len(outcome.dead_letters)
    assert lane.partition.position == 13


def test_what_was_read_before_is_not_read_again(lane):
    put(lane, order(0, "a"), order(1, "a"))
    run = [order(number, "a") for number in range(4)]
    assert lane.unread(run) == run[2:]
    assert lane.unread(run[:2]) == []
    # A gap is what compaction, retention or a transaction's marker leaves.
    late = [order(9, "a")]
    assert lane.unread(late) == late


def test_what_was_read_and_not_counted_is_read_again_after_a_clear(lane):
    put(lane, order(0, "a"))
    work(lane)
    put(lane, order(1, "a"))
    lane.clear()
    assert (lane.waiting.records, lane.waiting.bytes, lane.ready) == (0, 0, False)
    again = [order(1, "a")]
    assert lane.unread(again) == again


def test_partition_that_waits_at_a_boundary_is_not_ready_and_tells_the_merger_once(lane_of):
    lane, versions = lane_of("event")
    put(lane, order(0, "a"), order(1, "a", ts=day(1.5)))
    work(lane)
    lane.look_around(NOW)
    assert lane.take().report.start == instant.parse(day(1))
    lane.look_around(NOW)
    assert lane.take().report is None
    versions.add(Version(0, instant.parse(day(0))))
    assert lane.ready
    assert lane.holds_others
    outcome = work(lane)
    assert outcome.events == 1
    # The run is split at the boundary: the second order waits for the first day's version.
    assert (lane.partition.position, bool(lane.waiting), lane.ready) == (1, True, False)
    lane.look_around(NOW)
    [(as_of, summary)] = lane.take().report.frames
    assert (as_of, summary.population) == (instant.parse(day(1)), 1)


def test_dead_letters_wait_for_what_stands_before_them(lane_of):
    lane, versions = lane_of("event")
    put(lane, order(0, "a"), Record(1, b"b", BROKEN), order(2, "a", ts=day(1.5)), Record(3, b"b", BROKEN))
    versions.add(Version(0, instant.parse(day(0))))
    lane.step(NOW)
    outcome = work(lane)
    assert [record.offset for record, _ in outcome.dead_letters] == [1]
    assert lane.partition.position == 2
    put(lane, heartbeat(4, day(2)))
    assert not lane.ready


@pytest.mark.parametrize(("clock", "hours"), [("wall", 1000), ("event", 0)])
def test_clock_that_was_ahead_is_told(lane_of, clock, hours):
    lane, _ = lane_of(clock)
    assert lane.clock_ahead == 0
    put(lane, order(0, "a"))
    lane.step(time.time_ns() // 1000 + 3_600_000 * instant.SECOND)
    assert round(lane.clock_ahead / 3600) == hours


def test_watermark_says_how_far_its_last_commit_came(lane):
    put(lane, order(0, "a"))
    work(lane)
    watermark = lane.committed(41, NOW, "shop", 1_767_225_600_000)
    assert (lane.changelog_end, lane.settled_at) == (42, NOW)
    assert watermark == Watermark(0, 1_767_225_600_000, 0, 42, "shop")
    lane.partition.version = Version(3, NOW)
    watermark = lane.committed(41, NOW, "shop", 1_767_225_600_000)
    assert (watermark.quantiles_version, watermark.as_of) == (3, NOW // instant.MILLISECOND)
