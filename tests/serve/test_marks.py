import msgpack
import numpy as np
import pytest

from stream_rfm.serve.marks import Held, Marks, Watermark, held_by

WATERMARK = Watermark(as_of=1, committed_at=2, quantiles_version=3, offset=44, app_id="shop")


def documents(rows):
    """Rows below zero are nobody's by now."""
    return ((b"c%d" % row, {"revision": row}) for row in rows.tolist() if row % 7)


@pytest.fixture
def marks():
    return Marks(documents, lambda: np.arange(1, 6))


def rows(*numbers):
    return np.array(numbers, np.int64)


def taken(marks):
    sends = []
    while marks.pending or marks.watermark:
        sends.append(marks.take(3))
    return sends


def test_row_marked_often_is_written_once_with_what_it_says_then(marks):
    for _ in range(3):
        marks.mark(rows(2, 9_000, 2))
    assert marks.pending == 2
    [send] = taken(marks)
    assert (send.partition, send.keys) == (3, [b"rfm:customer:c2", b"rfm:customer:c9000"])
    assert [msgpack.unpackb(value) for value in send.values] == [{"revision": 2}, {"revision": 9000}]
    assert marks.pending == 0


def test_who_is_gone_by_then_is_not_written(marks):
    marks.mark(rows(6, 7, 8))
    [send] = taken(marks)
    assert send.keys == [b"rfm:customer:c6", b"rfm:customer:c8"]


def test_erased_go_first_and_have_no_value(marks):
    marks.mark(rows(1))
    marks.erased = [b"c1", b"c5"]
    [send] = taken(marks)
    assert send.keys == [b"rfm:customer:c1", b"rfm:customer:c5", b"rfm:customer:c1"]
    assert send.values[:2] == [b"", b""]
    assert send.values[2]


@pytest.mark.parametrize("erased", [0, 400, 1200])
def test_watermark_goes_behind_the_last_of_them(marks, erased):
    marks.mark(np.arange(1300))
    marks.erased = [b"e%d" % number for number in range(erased)]
    marks.watermark = WATERMARK
    sends = taken(marks)
    assert max(len(send.keys) for send in sends) <= 500
    assert [send.watermark for send in sends] == [None] * (len(sends) - 1) + [WATERMARK]
    keys = [key for send in sends for key in send.keys]
    assert len(keys) == erased + sum(1 for row in range(1300) if row % 7)
    assert marks.watermark is None


def test_beginning_anew_marks_everybody_and_relies_on_nothing(marks):
    marks.written = b"x"
    marks.begin_anew()
    assert (marks.pending, marks.written) == (5, b"")


def test_what_a_partition_says_is_read_back():
    value = WATERMARK.encode()
    assert held_by(value) == Held(value, 44, "shop")


def test_what_another_release_wrote_is_a_base_only_with_the_same_schema():
    said = msgpack.unpackb(WATERMARK.encode())
    newer = msgpack.packb(said | {"schema": 2})
    assert held_by(newer) == Held(newer, 0, None)
    del said["schema"]
    first = msgpack.packb(said)
    assert held_by(first) == Held(first, 44, "shop")


@pytest.mark.parametrize("value", [b"", b"\xc1", msgpack.packb({"offset": "x"}), msgpack.packb([1])])
def test_what_something_else_wrote_is_nothing_to_rely_on(value):
    assert held_by(value) == Held(value, 0, None)
