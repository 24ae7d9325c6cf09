import msgpack
import numpy as np
import pytest
from sent import keys_of, values_of

from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import Marks, Table, Watermark

WATERMARK = Watermark(as_of=1, committed_at=2, quantiles_version=3, offset=44, app_id="shop")


def values(rows):
    """Every seventh row is nobody's by now."""
    there = [row for row in rows.tolist() if row % 7]
    return [b"c%d" % row for row in there], [msgpack.packb({"revision": row}) for row in there]


def find(ids):
    """Everybody up to the ninth is in the table."""
    numbers = [int(each.removeprefix(b"c")) for each in ids]
    return np.array([number if number < 10 else -1 for number in numbers], np.int64)


@pytest.fixture
def marks():
    return Marks(Table(values, lambda wanted: bulk_of(*values(wanted)), lambda: 6, find))


def rows(*numbers):
    return np.array(numbers, np.int64)


def taken(marks):
    sends = []
    while marks.pending or marks.watermark:
        sends.append(marks.take(3))
    return sends


def test_row_marked_often_is_written_once_with_what_it_says_then(marks):
    for _ in range(3):
        marks.changed.add(rows(2, 9_000, 2))
    assert marks.pending == 2
    [send] = taken(marks)
    assert (send.partition, keys_of(send)) == (3, [b"rfm:customer:c2", b"rfm:customer:c9000"])
    assert [msgpack.unpackb(value) for value in values_of(send)] == [{"revision": 2}, {"revision": 9000}]
    assert marks.pending == 0


def test_who_is_gone_by_then_is_not_written(marks):
    marks.changed.add(rows(6, 7, 8))
    [send] = taken(marks)
    assert keys_of(send) == [b"rfm:customer:c6", b"rfm:customer:c8"]


def test_erased_go_first_and_have_no_value(marks):
    marks.changed.add(rows(1))
    marks.erase([b"c1", b"c5", b"c1"])
    [send] = taken(marks)
    assert keys_of(send) == [b"rfm:customer:c1", b"rfm:customer:c5", b"rfm:customer:c1"]
    assert send.erased == [b"c1", b"c5"]
    assert len(values_of(send)) == 1


@pytest.mark.parametrize("erased", [0, 400, 2200])
def test_watermark_goes_behind_the_last_of_them(marks, erased):
    marks.changed.add(np.arange(1300))
    marks.erase([b"e%d" % number for number in range(erased)])
    marks.watermark = WATERMARK
    sends = taken(marks)
    assert max(send.count for send in sends) <= 1000
    assert [send.watermark for send in sends] == [None] * (len(sends) - 1) + [WATERMARK]
    keys = [key for send in sends for key in keys_of(send)]
    assert len(keys) == erased + sum(1 for row in range(1300) if row % 7)
    assert marks.watermark is None


def test_what_has_just_changed_goes_before_the_backlog_and_the_watermark_behind_both(marks):
    marks.backlog.add(np.arange(1, 2000))
    marks.changed.add(rows(3000))
    marks.watermark = WATERMARK
    assert marks.has_news
    first, *others = taken(marks)
    assert keys_of(first)[:2] == [b"rfm:customer:c3000", b"rfm:customer:c1"]
    assert [send.watermark for send in (first, *others)] == [None] * len(others) + [WATERMARK]


def test_what_has_changed_is_not_written_a_second_time_from_the_backlog(marks):
    marks.backlog.add(rows(1, 2))
    marks.changed.add(rows(2))
    [send] = taken(marks)
    assert keys_of(send) == [b"rfm:customer:c2", b"rfm:customer:c1"]


def test_backlog_alone_is_no_news(marks):
    marks.backlog.add(rows(1))
    marks.watermark = WATERMARK
    assert not marks.has_news
    marks.changed.add(rows(2))
    marks.postpone()
    assert not marks.has_news
    assert marks.pending == 2


def test_suspects_are_written_whatever_is_there(marks):
    marks.suspect.add(rows(4))
    assert marks.has_news
    [send] = taken(marks)
    assert (keys_of(send), send.replaces) == ([b"rfm:customer:c4"], True)
    marks.changed.add(rows(4))
    assert not taken(marks)[0].replaces


def test_beginning_anew_marks_everybody_and_relies_on_nothing(marks):
    marks.written, marks.reached = b"x", WATERMARK
    marks.begin_anew()
    assert (marks.pending, marks.written, marks.reached) == (6, b"", None)
    marks.unswept = False
    [send] = taken(marks)
    assert send.watermark == WATERMARK


def test_no_watermark_goes_behind_as_long_as_strangers_may_be_there(marks):
    marks.unswept, marks.watermark = True, WATERMARK
    assert marks.has_news, "a sweep waits for the stamp"
    assert marks.take(3).watermark is None
    assert not marks.has_news
    marks.changed.add(rows(1))
    assert marks.take(3).watermark is None
    marks.unswept = False
    assert marks.has_news
    assert marks.take(3).watermark == WATERMARK


def test_strangers_are_erased_once(marks):
    marks.erase([b"c11"])
    assert marks.erase_strangers([b"c9", b"c10", b"c11", b"c12"]) == 2
    assert keys_of(marks.take(3)) == [b"rfm:customer:c11", b"rfm:customer:c10", b"rfm:customer:c12"]


@pytest.mark.parametrize("erased", [1, 1500])
def test_who_comes_after_being_found_a_stranger_is_written_behind(marks, erased):
    marks.erase_strangers([b"c%d" % number for number in range(100, 100 + erased)])
    marks.changed.add(rows(100))
    marks.postpone()
    keys = [
        (key, place >= len(send.erased)) for send in taken(marks) for place, key in enumerate(keys_of(send))
    ]
    assert [written for key, written in keys if key == b"rfm:customer:c100"] == [False, True]


def test_nothing_is_taken_while_it_is_paused(marks):
    marks.changed.add(rows(1))
    marks.backlog.add(rows(2))
    marks.paused = True
    assert not marks.has_news
    assert not marks.has_backlog


def test_stamps_say_the_watermark_and_differ():
    stamp = WATERMARK.stamped("w", 1)
    assert msgpack.unpackb(stamp) == {
        "as_of": 1,
        "committed_at": 2,
        "quantiles_version": 3,
        "offset": 44,
        "app_id": "shop",
        "schema": 1,
        "replaces": False,
        "writer": "w",
        "call": 1,
    }
    assert len({stamp, WATERMARK.stamped("w", 2), WATERMARK.stamped("v", 1)}) == 3
