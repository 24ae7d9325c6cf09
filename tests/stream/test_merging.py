import pytest
from fetched_runs import batch_of, fetched
from parts import Record, day

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.model import instant
from stream_rfm.model.version import Version
from stream_rfm.stream import unread
from stream_rfm.stream.fetched import run_of
from stream_rfm.stream.merging import Merging
from stream_rfm.table import report as reports
from stream_rfm.table.report import Report

PARTITIONS = 2


@pytest.fixture
def merging(deployment, monkeypatch):
    monkeypatch.setenv("STREAM_RFM_CLOCK", "event")
    return Merging(rules_of(deployment.settings), clock_of(deployment.settings), PARTITIONS)


def started(partition, offset):
    """A partition's report of its first boundary."""
    return Record(offset, b"", reports.encode(Report(partition, instant.parse(day(1)), ())))


FIRST = Version(0, instant.parse(day(0)))


def test_who_does_not_merge_makes_nothing(merging):
    merging.take([started(0, 0), started(1, 1)])
    merging.take_own(Report(0, instant.parse(day(1)), ()))
    assert not merging.active
    assert not merging.has_news
    assert merging.versions(0) == []


def test_version_is_made_when_all_partitions_have_reported_and_is_given_once(merging):
    merging.start(None, 0)
    merging.take([started(0, 0)])
    assert merging.has_news
    assert merging.versions(0) == []
    assert not merging.has_news
    merging.take([started(1, 1)])
    assert merging.versions(0) == [FIRST]
    assert merging.versions(0) == []
    assert merging.position == 2


def test_own_report_counts_before_it_is_read(merging):
    merging.start(None, 5)
    merging.take_own(Report(0, instant.parse(day(1)), ()))
    merging.take([started(1, 5)])
    assert merging.versions(0) == [FIRST]


def test_reports_before_the_position_tombstones_and_rubbish_are_passed_over(merging, caplog):
    merging.start(None, 3)
    merging.take([started(1, 0), started(0, 3), Record(4, b"", None), Record(5, b"", b"\xc1")])
    assert merging.versions(0) == []
    merging.take([started(1, 6)])
    assert merging.versions(0) == [FIRST]
    assert merging.position == 7
    [entry] = [each for each in caplog.records if each.message == "a report cannot be read"]
    assert entry.offset == 5


def test_run_is_taken_apart_once(merging, monkeypatch):
    looked = []
    monkeypatch.setattr(unread, "run_of", lambda some: looked.append(some) or run_of(some))
    merging.start(None, 0)
    merging.take(unread.Unread(fetched(batch_of([started(0, 0), started(1, 1)]))))
    assert merging.versions(0) == [FIRST]
    assert (merging.position, len(looked)) == (2, 1)


def test_another_merger_would_have_to_begin_where_something_is_still_open(merging):
    merging.start(None, 0)
    merging.take([started(0, 0)])
    assert merging.needed_from() == 0
    merging.take([started(1, 1)])
    merging.versions(0)
    assert merging.needed_from() == merging.position == 2
    merging.stop()
    assert merging.needed_from() == 2
    assert not merging.active
