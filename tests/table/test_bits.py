from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.bits import Bits

words = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(0, 2**26 - 1) | st.just(2**32 - 1)),
    min_size=1,
)


@given(words, st.randoms(use_true_random=False))
def test_parts_of_words_are_read_and_written_apart(said, random):
    column = np.zeros(len(said), np.int32)
    parts = [Bits(column, 0, 2, np.uint8), Bits(column, 2, 3, np.uint8), Bits(column, 5, 27, np.uint32)]
    plain = [list(values) for values in zip(*said, strict=True)]
    for part, values in zip(parts, plain, strict=True):
        part[:] = np.array(values)
        place, value = random.randrange(len(said)), random.randrange(4)
        part[place], values[place] = value, value
    for part, values in zip(parts, plain, strict=True):
        assert part[: len(values)].tolist() == values
        assert part[np.arange(len(values))[::-1]].tolist() == values[::-1]
        assert part.equals(slice(1, None), 3).tolist() == [value == 3 for value in values[1:]]
        part[np.array([0])] |= 1
        assert part[0] == values[0] | 1
