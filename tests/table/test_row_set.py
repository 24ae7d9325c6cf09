import sys

import numpy as np
import pytest

from stream_rfm.table import row_set
from stream_rfm.table.row_set import RowSet


def of(*rows):
    return np.array(rows, np.int64)


@pytest.fixture(params=["by numpy", "compiled"])
def rows(request, monkeypatch):
    monkeypatch.setattr(row_set.COMPILED, "way", None)
    if request.param == "compiled":
        row_set.COMPILED.load()
    return RowSet()


def test_a_row_is_in_it_once(rows):
    rows.add(of(2, 90_000, 2))
    rows.add(of(2))
    assert len(rows) == 2
    assert rows.holds(of(1, 2, 90_000, 1_000_000)).tolist() == [False, True, True, False]
    assert rows.take(10).tolist() == [2, 90_000]
    assert len(rows) == 0
    assert rows.take(10).tolist() == []


def test_every_row_has_its_turn_however_often_others_come_again(rows):
    rows.add(np.arange(50_000))
    taken = set()
    for _ in range(110):
        rows.add(np.arange(400))
        taken.update(rows.take(500).tolist())
    assert taken == set(range(50_000))


def test_first_rows_are_put_in_beside_what_is_there(rows):
    rows.add(of(1, 7))
    rows.add_first(3)
    assert len(rows) == 4
    assert rows.take(9).tolist() == [0, 1, 2, 7]


def test_all_of_another_set_is_taken(rows):
    other = RowSet()
    rows.add(of(1, 2))
    other.add(of(2, 100_000))
    rows.take_from(other)
    assert (len(rows), len(other)) == (3, 0)
    assert rows.take(9).tolist() == [1, 2, 100_000]
    assert other.take(9).tolist() == []


def test_it_is_as_a_set_whatever_is_done(rows):
    random, expected = np.random.default_rng(5), set()
    for _ in range(400):
        if random.random() < 0.5:
            some = random.integers(0, 60_000, random.integers(0, 300))
            rows.add(some)
            expected.update(some.tolist())
        elif random.random() < 0.2:
            some = np.unique(random.integers(0, 70_000, 1000))
            rows.discard(some)
            expected.difference_update(some.tolist())
        else:
            most = int(random.integers(0, 500))
            taken = rows.take(most).tolist()
            assert len(set(taken)) == len(taken) == min(most, len(expected))
            assert expected.issuperset(taken)
            expected.difference_update(taken)
        assert len(rows) == len(expected)


@pytest.mark.parametrize("turn", [0, 1, 60_000, 199_999])
def test_few_are_found_wherever_they_are_in_turn(rows, turn):
    marked = [0, 1, 20_000, 70_000, 199_998, 199_999]
    rows.add_first(200_000)
    assert len(rows.take(200_000)) == 200_000
    rows.add(of(turn))
    assert rows.take(1).tolist() == [turn]
    rows.add(np.array(marked))
    in_turn = [row for row in marked if row > turn] + [row for row in marked if row <= turn]
    assert [rows.take(1).tolist()[0] for _ in marked] == in_turn
    rows.add(np.array(marked))
    assert sorted(rows.take(9).tolist()) == marked


def test_what_numpy_marked_is_taken_by_what_is_compiled(monkeypatch):
    monkeypatch.setattr(row_set.COMPILED, "way", None)
    rows = RowSet()
    rows.add(of(0, 5, 6, 5))
    rows.add(of(9))
    assert rows.take(1).tolist() == [0]
    row_set.COMPILED.load()
    rows.add(of(6, 0, 3, 3))
    assert rows.take(2).tolist() == [3, 5]
    assert rows.take(9).tolist() == [6, 9, 0]
    assert len(rows) == 0


def test_without_numba_it_is_done_by_numpy(monkeypatch):
    monkeypatch.setattr(row_set.COMPILED, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.row_set_compiled", None)
    with pytest.raises(ImportError):
        row_set.COMPILED.load()
    rows = RowSet()
    rows.add(of(1))
    assert rows.take(2).tolist() == [1]
