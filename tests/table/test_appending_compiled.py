from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.appending_compiled import append
from stream_rfm.table.entry_columns import CHUNK, INSIDE, TOLD, EntryColumns
from stream_rfm.table.packed import SPAN

near, far = st.integers(0, 2**31).map(lambda n: n * 10_000), st.integers(0, 2**62)
event = st.tuples(
    st.integers(0, 1),
    st.one_of(st.integers(0, 2**31).map(lambda n: n * 1_000_000), far),
    st.one_of(near, near, far),
    st.integers(0, 2**26 - 2),
    st.booleans(),
)


def held(columns: EntryColumns) -> list:
    chunks = [columns._of_chunks(each).tolist() for each in (columns._oldest, columns._newest)]
    packed = (columns._at.count, columns._amount.count)
    return [[getattr(columns, name)[: columns.count].tolist() for name in (*TOLD, "flags")], chunks, packed]


def put(columns: EntryColumns, events, *, compiled: bool) -> bool:
    """Put events behind the last entry, by what is compiled where that can; whether it could."""
    kind, at, amount, row, inside = (np.array(each, np.int64) for each in zip(*events, strict=True))
    kind, key, inside = kind.astype(np.uint8), at.astype(np.uint64) * np.uint64(7), inside.astype(bool)
    where = np.arange(len(events))
    if compiled and columns.put(append, (kind, at, amount, key), where, row, inside):
        return True
    columns.load(at, np.where(kind, -amount, amount), key, row, kind, inside * np.uint8(INSIDE))
    return False


@given(st.lists(st.lists(event, min_size=1, max_size=5), min_size=1, max_size=6))
def test_it_leaves_what_is_left_in_columns(batches):
    ours, others = EntryColumns(5, 0), EntryColumns(5, 0)
    for events in batches:
        put(ours, events, compiled=True)
        put(others, events, compiled=False)
        assert held(ours) == held(others)


def plain(count: int, at: int = 0) -> list:
    return [(0, (at + i) * 1_000_000, 10_000, i, i % 2) for i in range(count)]


def test_it_does_so_for_places_here_and_there():
    columns = EntryColumns(0, 0)
    put(columns, plain(1), compiled=False)
    kind, at, amount = np.array([0, 1, 0], np.uint8), np.arange(3) * 1_000_000, np.arange(3) * 10_000
    key, rows = np.arange(3).astype(np.uint64), np.array([7, 8, 9])
    assert columns.put(append, (kind, at, amount, key), np.array([1, 2]), rows, np.array([False, True]))
    assert columns.amount[1:3].tolist() == [-10_000, 20_000]
    assert columns.row[1:3].tolist() == [8, 9]
    assert (columns.kind[1:3].tolist(), columns.flags[1:3].tolist()) == ([1, 0], [0, INSIDE])


def test_spans_and_chunks_are_begun_by_it_too():
    columns, others, at = EntryColumns(0, 0), EntryColumns(0, 0), 0
    for size in (1, SPAN - 1, 3, SPAN, 3 * SPAN, CHUNK, 1, 2 * CHUNK + 5):
        assert put(columns, plain(size, at), compiled=True)
        put(others, plain(size, at), compiled=False)
        at += size
    assert held(columns) == held(others)
    assert columns.nbytes == others.nbytes < 18.2 * columns.count


@pytest.mark.parametrize(
    "odd",
    [
        (0, 1_500, 10_000, 1, 1),
        (0, 1_000_000, 10_001, 1, 1),
        (0, 1_000_000, 10_000 * 2**24, 1, 1),
        (1, 1_000_000, 10_000 * 2**23 - 10_000, 1, 1),
        (0, 2**62, 10_000, 1, 1),
    ],
)
def test_what_does_not_fit_its_span_is_not_its_to_do_until_the_span_is_in_full(odd):
    columns, others = EntryColumns(0, 0), EntryColumns(0, 0)
    for events, done in ((plain(2), True), ([*plain(2, 2), odd], False)):
        assert put(columns, events, compiled=True) == done
        put(others, events, compiled=False)
    put(columns, [(0, 2**62, 2**62 + 1, 1, 1)], compiled=False)
    put(others, [(0, 2**62, 2**62 + 1, 1, 1)], compiled=False)
    assert put(columns, [odd, *plain(2)], compiled=True)
    put(others, [odd, *plain(2)], compiled=False)
    assert held(columns) == held(others)


def test_a_span_that_is_begun_in_full_is_not_its_to_do():
    columns, others = EntryColumns(0, 0), EntryColumns(0, 0)
    put(columns, plain(SPAN - 1), compiled=True)
    put(others, plain(SPAN - 1), compiled=False)
    odd = [*plain(2, SPAN), (0, 2**62, 1, 1, 1)]
    assert not put(columns, odd, compiled=True)
    put(others, odd, compiled=False)
    assert put(columns, plain(5, SPAN), compiled=True)
    put(others, plain(5, SPAN), compiled=False)
    assert held(columns) == held(others)
