from __future__ import annotations

import numpy as np

from stream_rfm.table.growing import Growing


def test_it_grows_where_it_is_and_keeps_what_is_there():
    growing = Growing(np.int64, 10)
    growing.values[:] = range(10)
    assert len(growing.reserve(10)) == 10
    assert len(growing.reserve(11)) == 15
    assert growing.values.tolist() == [*range(10), 0, 0, 0, 0, 0]
    assert len(growing.reserve(1_000_000)) == 1_000_000
    assert growing.values[:10].tolist() == list(range(10))
    assert not growing.values[10:].any()
    growing.values[-1] = 7
    assert growing.values[-1] == 7


def test_a_view_that_somebody_holds_stays_as_it_was():
    growing = Growing(np.int64, 10)
    growing.values[:] = range(10)
    held = growing.values[2:4]
    growing.reserve(100_000)[2] = 9
    assert held.tolist() == [2, 3]
    assert growing.values[:4].tolist() == [0, 1, 9, 3]


def test_values_of_records_grow_too():
    growing = Growing(np.dtype([("a", np.int64), ("b", np.uint8)]), 0)
    growing.reserve(3)["b"] = 5
    assert growing.reserve(4)["b"].tolist() == [5, 5, 5, 0]


def test_values_let_go_of_leave_the_others_alone():
    growing = Growing(np.int64, 10_000)
    growing.values[:] = range(10_000)
    growing.release(100, 5_000)
    assert growing.values[:100].tolist() == list(range(100))
    assert growing.values[5_000:].tolist() == list(range(5_000, 10_000))
    # Whole pages are given back.
    assert not growing.values[1024:4096].any()
    growing.release(7, 9)
    assert growing.values[8] == 8


def test_values_are_shifted_over_those_in_front():
    growing = Growing(np.int32, 100_000)
    growing.values[:] = range(100_000)
    growing.shift(30_000, 70_000)
    assert growing.values[:70_000].tolist() == list(range(30_000, 100_000))


def test_many_values_are_kept_in_large_pages_where_there_are_any():
    growing = Growing(np.int64, 2_000_000, scattered=True)
    growing.reserve(4_000_000)[-1] = 1
    assert growing.values.sum() == 1
