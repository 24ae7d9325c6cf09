import pytest
from parts import Record, day, order

from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.stream import waiting as module
from stream_rfm.stream.waiting import Waiting, size_of

INTAKE = Intake("EUR", instant.parse(day(1000)))
LARGE = 900_000


@pytest.fixture
def waiting():
    return Waiting()


def pieces(waiting):
    """The offsets of each piece, until there is none."""
    found = []
    while waiting:
        found.append([record.offset for record in waiting.first.records])
        waiting.drop_first()
    return found


def test_it_counts_records_and_bytes_whatever_they_hold(waiting):
    run = [order(0, "a"), Record(1, None, None), Record(2, b"key", b"{", [("name", b"said"), ("none", None)])]
    waiting.put(run, INTAKE)
    assert waiting.records == 3
    assert waiting.bytes == len(run[0].key) + len(run[0].value) + len(b"key{namesaidnone")
    assert waiting.bytes == sum(map(size_of, run))
    waiting.drop_first()
    assert (waiting.records, waiting.bytes, bool(waiting)) == (0, 0, False)


def test_small_runs_are_joined_and_read_with_the_last_intake(waiting):
    for number in range(5):
        waiting.put([order(number, "a")], Intake("EUR", instant.parse(day(1000)) + number))
    assert [record.offset for record in waiting.first.records] == [0, 1, 2, 3, 4]
    assert not waiting.first.rejected
    # What comes now is another piece, as the first one may have been counted in part.
    waiting.put([order(5, "a")], INTAKE)
    assert pieces(waiting) == [[0, 1, 2, 3, 4], [5]]


def test_run_is_cut_into_pieces_in_the_order_of_the_topic(waiting, monkeypatch):
    monkeypatch.setattr(module, "_PIECE_RECORDS", 3)
    waiting.put([order(number, "a") for number in range(7)], INTAKE)
    waiting.put([order(7, "a")], INTAKE)
    assert waiting.first.next_offset == 3
    assert pieces(waiting) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert (waiting.records, waiting.bytes) == (0, 0)


def test_piece_has_no_more_bytes_than_it_may_but_for_one_record(waiting):
    sizes = [LARGE, LARGE, LARGE, 5 * LARGE, 1, 1, 2 << 20, 1]
    waiting.put([Record(number, None, bytes(size)) for number, size in enumerate(sizes)], INTAKE)
    assert pieces(waiting) == [[0, 1], [2], [3], [4, 5], [6], [7]]


@pytest.mark.parametrize("value", [None, b"{"])
def test_records_that_cannot_count_are_too_many_as_others_are(waiting, value):
    waiting.put([Record(number, b"k", value) for number in range(20_000)], INTAKE)
    assert not waiting.is_much
    waiting.put([Record(20_000, b"k", value)], INTAKE)
    assert waiting.is_much
    while waiting.is_much or not waiting.is_little:
        waiting.drop_first()
    assert 0 < waiting.records < 10_000


def test_few_large_orders_are_too_many(waiting):
    for number in range(18):
        assert not waiting.is_much
        waiting.put([order(number, "a", attributes={"note": "x" * LARGE})], INTAKE)
    assert len(waiting.first.batch) == 2
    waiting.put([order(18, "a", attributes={"note": "x" * LARGE})], INTAKE)
    assert waiting.is_much
    while not waiting.is_little:
        waiting.drop_first()
    assert waiting.records == 9


def test_nothing_waits_after_a_clear(waiting):
    waiting.put([order(0, "a")], INTAKE)
    waiting.clear()
    assert (waiting.records, waiting.bytes, bool(waiting)) == (0, 0, False)
