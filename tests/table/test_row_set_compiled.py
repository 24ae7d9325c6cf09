from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.row_set_compiled import add, take

SIZE = 40
rows = st.lists(st.integers(0, SIZE - 1), max_size=12)


def held_of(some: list[int]) -> np.ndarray:
    held = np.zeros(SIZE, bool)
    held[some] = True
    return held


@given(rows, rows)
def test_rows_are_counted_once_and_only_where_they_are_new(before, some):
    held = held_of(before)
    assert add(held, np.array(some, np.int64)) == len(set(some) - set(before))
    assert np.flatnonzero(held).tolist() == sorted({*before, *some})


@given(rows.filter(len), st.integers(0, SIZE - 1), st.data())
def test_rows_are_taken_in_turn_and_round_the_end(some, begin, data):
    held, most = held_of(some), data.draw(st.integers(0, len(set(some))))
    out = np.empty(most, np.int64)
    behind = take(held, held.view(np.uint64), begin, out)
    in_turn = sorted(set(some), key=lambda row: (row < begin, row))
    assert out.tolist() == in_turn[:most]
    assert np.flatnonzero(held).tolist() == sorted(in_turn[most:])
    if most < len(in_turn):
        again = np.empty(1, np.int64)
        take(held, held.view(np.uint64), behind, again)
        assert again.tolist() == [in_turn[most]]
