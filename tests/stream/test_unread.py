import pytest
from aiokafka.errors import CorruptRecordException
from fetched_runs import batch_of, fetched
from parts import Record, order

from stream_rfm.intake import kernels
from stream_rfm.intake.document import Intake
from stream_rfm.intake.run import Run, offset_of
from stream_rfm.stream import waiting as module
from stream_rfm.stream.fetched import run_of
from stream_rfm.stream.unread import Unread, edges_of, run_or_unread, stamp_of, together
from stream_rfm.stream.waiting import Waiting


def batches(first, *counts, compression=0):
    """Batches of so many records each, the first one at an offset."""
    found = []
    for count in counts:
        records = [order(first + place, "a") for place in range(count)]
        found += fetched(batch_of(records, compression, first))
        first += count
    return found


def offsets(run):
    return [record.offset for record in run]


def test_it_says_how_much_there_is_without_being_looked_into(monkeypatch):
    monkeypatch.setattr("stream_rfm.stream.unread.run_of", None)
    run = Unread(some := batches(5, 3, 4))
    assert (len(run), edges_of(run)) == (7, (5, 11))
    assert stamp_of(run) == some[-1].max_timestamp
    assert run.size == sum(len(batch.data) for batch in some)


def test_it_gives_what_its_batches_hold():
    run, plain = Unread(some := batches(5, 3, 4)), run_of(batches(5, 3, 4))
    assert offsets(run) == offsets(plain) == list(range(5, 12))
    assert run[-1] == plain[-1]
    assert offsets(run[2:4]) == [7, 8]
    assert edges_of(run_of(some)) == (5, 11)
    assert stamp_of(run) == stamp_of(plain) == plain[-1].timestamp


def test_it_gives_the_same_again_and_again_before_anything_is_compiled(monkeypatch):
    monkeypatch.setattr(kernels._Shelf, "kernels", None)
    run = Unread(batches(5, 3, 4))
    assert isinstance(run.records(), list)
    assert offsets(run) == offsets(run) == list(range(5, 12))
    assert [run[0].offset, run[-1].offset] == [5, 11]


@pytest.mark.parametrize("compression", [1, 2, 3, 4])
def test_what_is_compressed_is_read_at_once_as_nobody_knows_how_large_it_is(compression):
    run = run_or_unread(batches(0, 3, compression=compression))
    assert isinstance(run, Run)
    assert offsets(run) == [0, 1, 2]
    assert not isinstance(run_or_unread(batches(0, 2) + batches(2, 2, compression=compression)), Unread)
    assert isinstance(run_or_unread(batches(0, 2)), Unread)
    assert not run_or_unread([])


def test_all_that_waits_is_taken_apart_at_once():
    runs = [Unread(batches(0, 2)), Unread(batches(2, 3, 1))]
    assert offsets(together(runs)) == list(range(6))
    mixed = [runs[0], run_of(batches(2, 3)), [order(5, "b"), Record(6, None, None)]]
    assert offsets(together(mixed)) == list(range(7))


def test_waiting_counts_it_cuts_what_is_large_and_joins_what_is_small(monkeypatch):
    monkeypatch.setattr(module, "_PIECE_RECORDS", 4)
    waiting, intake = Waiting(), Intake("EUR", 1 << 60)
    some = [Unread(batches(0, 1, 1)), Unread(batches(2, 2)), Unread(batches(4, 6)), Unread(batches(10, 1))]
    for run in some:
        waiting.put(run, intake)
    assert waiting.records == 11
    assert waiting.bytes > 0
    found = []
    while waiting:
        read = waiting.first
        found.append([offset_of(read.records, place) for place in range(len(read.records))])
        waiting.drop_first()
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert (waiting.records, waiting.bytes) == (0, 0)


def test_what_does_not_hold_together_is_refused_when_it_is_looked_into():
    [batch] = batches(0, 3)
    data = bytes(batch.data)
    # One record more than there are.
    bad = Unread(fetched(data[:57] + (4).to_bytes(4) + data[61:]))
    assert len(bad) == 4
    with pytest.raises(CorruptRecordException):
        together([bad])
