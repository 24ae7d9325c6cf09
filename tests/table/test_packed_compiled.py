from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.packed import FURTHEST, SPAN, Packed
from stream_rfm.table.packed_compiled import are_ready, put, unpack, value_at

UNITS = (1_000, 1)
near = st.integers(0, FURTHEST).map(lambda n: 1_000 * n)
batches = st.lists(
    st.tuples(
        st.lists(near | near.map(lambda n: n + 1) | st.integers(-(2**62), 2**62), max_size=9), st.booleans()
    ),
    min_size=1,
    max_size=9,
)


def extended(column: Packed, values: list[int]) -> bool:
    """Put values behind the last one by what is compiled, if it can."""
    column.reserve(len(values))
    if not are_ready(column.parts(), column.count, np.array([values], np.int64).reshape(1, -1), 0):
        return False
    for value in values:
        put(column.parts(), column.count, value)
        column.count += 1
    return True


@given(batches)
def test_values_come_back_whoever_wrote_them(batches):
    column, plain = Packed(UNITS, 0), []
    for values, by_numpy in batches:
        if by_numpy or not extended(column, values):
            column.append(np.array(values, np.int64))
        plain += values
        assert column.part(0, len(plain)).tolist() == plain
        assert [value_at(column.parts(), at) for at in range(len(plain))] == plain
        for low in (0, len(plain) // 2):
            out = np.empty(len(plain) - low, np.int64)
            unpack(column.parts(), low, out)
            assert out.tolist() == plain[low:]


def test_spans_are_begun_in_the_largest_unit_that_all_their_values_are_multiples_of():
    column, by_numpy = Packed(UNITS, 0), Packed(UNITS, 0)
    values = [1_000 * n for n in range(SPAN)] + [1_000 * n + n % 2 for n in range(SPAN)]
    assert extended(column, values)
    by_numpy.append(np.array(values))
    for ours, others in zip(column.parts(), by_numpy.parts(), strict=True):
        size = min(len(ours), len(others), len(values))
        assert ours[:size].tolist() == others[:size].tolist()


@pytest.mark.parametrize("value", [1, 1_000 * (FURTHEST + 1), -1_000 * (FURTHEST + 1), 2**62])
def test_what_does_not_fit_its_span_is_refused(value):
    column = Packed(UNITS, 0)
    assert extended(column, [0, 1_000 * FURTHEST, -1_000 * FURTHEST])
    assert not extended(column, [value])
    assert column.part(0, 3).tolist() == [0, 1_000 * FURTHEST, -1_000 * FURTHEST]
