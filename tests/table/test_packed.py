from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import packed
from stream_rfm.table.packed import Packed, Stretch

UNITS = (1_000_000, 1_000, 1)
far = st.integers(-(2**62), 2**62)
near = st.integers(-(2**23), 2**23)
values = st.one_of(near, far, near.map(lambda n: 1_000 * n), near.map(lambda n: 1_000_000 * n))
batches = st.lists(st.lists(values, min_size=1, max_size=7) | st.lists(near, min_size=1), max_size=9)


@given(batches, st.integers(0, 4), st.data())
def test_values_come_back_as_they_were(history, gone, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "SPAN", 4)
        patch.setattr(packed, "_SLICE", 8)
        patch.setattr(packed.COMPILED, "way", None)  # what is compiled has spans as they are
        column, plain = Packed(UNITS, 0), []
        for batch in history:
            column.append(np.array(batch, np.int64))
            plain += batch
            assert column.part(0, len(plain)).tolist() == plain
            low, high = sorted(data.draw(st.integers(0, len(plain))) for _ in range(2))
            assert column.part(low, high).tolist() == plain[low:high]
        where = data.draw(st.lists(st.sampled_from(range(len(plain))), max_size=5)) if plain else []
        assert column.take(np.array(where, np.int64)).tolist() == [plain[place] for place in where]
        chunks = min(gone, len(plain) // 4)
        column.release(0, chunks * 4)
        rest = plain[chunks * 4 :]
        assert column.part(chunks * 4, len(plain)).tolist() == rest
        if chunks:
            column.shift(chunks * 4)
        assert column.part(0, len(rest)).tolist() == rest
        for batch in history:
            column.append(np.array(batch, np.int64))
            rest += batch
        assert column.part(0, len(rest)).tolist() == rest


def filled(values: np.ndarray) -> Packed:
    column = Packed(UNITS, 0)
    column.append(values.astype(np.int64))
    assert column.part(0, len(values)).tolist() == values.tolist()
    return column


def test_milliseconds_of_two_hours_and_seconds_of_three_months_take_three_bytes():
    count = 100 * packed.SPAN
    rng, start = np.random.default_rng(1), 1_767_225_600_000_000
    assert filled(start + 1_000 * rng.integers(0, 2 * 3_600_000, count)).nbytes < 3.05 * count
    assert filled(start + 1_000_000 * rng.integers(0, 90 * 86_400, count)).nbytes < 3.05 * count


@pytest.mark.parametrize(("days", "unit"), [(30, 1_000), (20_000, 1_000_000)])
def test_each_span_has_a_base_of_its_own(days, unit):
    count = 1000 * packed.SPAN
    steps = np.arange(count) * (days * 86_400_000_000 // unit) // count
    assert filled(unit * steps).nbytes == 3 * count + 12 * 1000


def test_what_is_too_far_apart_takes_eight_more_and_only_in_its_span():
    values = 1_767_225_600_000_000 + 1_000 * np.arange(10 * packed.SPAN)
    values[5] = 1
    assert filled(values).nbytes == 3 * len(values) + 10 * 12 + 8 * packed.SPAN
    assert filled(np.arange(packed.SPAN) * 10**15).nbytes == 11 * packed.SPAN + 12


@pytest.mark.parametrize("first", [1, 100, packed.SPAN - 1, packed.SPAN])
def test_a_span_that_is_begun_is_written_anew_where_more_does_not_fit(first):
    values = np.arange(2 * packed.SPAN) * 1_000_000
    values[first] += 1
    column = Packed(UNITS, 0)
    column.append(values[:first])
    column.append(values[first:])
    assert column.part(0, len(values)).tolist() == values.tolist()


def test_a_stretch_is_read_like_an_array_from_its_start_on():
    stretch = Stretch(filled(np.arange(100) * 7), 30)
    assert stretch[:5].tolist() == [210, 217, 224, 231, 238]
    assert stretch[68:90].tolist() == [686, 693]
    assert stretch[np.array([1, 0, 1])].tolist() == [217, 210, 217]
    assert stretch[2] == stretch[np.int64(2)] == 224


def test_without_numba_it_is_read_by_numpy(monkeypatch):
    monkeypatch.setattr(packed.COMPILED, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.packed_compiled", None)
    with pytest.raises(ImportError):
        packed.COMPILED.load()
    filled(np.arange(1_000) * 7)
