from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import entry_columns, packed
from stream_rfm.table.entry_columns import NOBODY, TOLD, EntryColumns

entry = st.tuples(
    st.integers(0, 2**50),
    st.integers(-(10**18), 10**18),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**26 - 2) | st.just(NOBODY),
    st.integers(0, 2),
    st.integers(0, 7),
)
NAMES = (*TOLD, "flags")


class Held(EntryColumns):
    """Columns that are let go of at the front at once."""

    def drop(self, count: int) -> tuple[list[int], ...]:
        self.first += count
        self.count -= count
        gone = self._let_go(self.first)
        self._look()
        return tuple(column.tolist() for column in gone)


@given(st.lists(st.lists(entry, max_size=9) | st.integers(1, 12), max_size=12), st.sampled_from([0, 2**33]))
def test_columns_are_a_list_of_entries_that_loses_its_front(history, first):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry_columns, "CHUNK", 4)
        patch.setattr(packed, "SPAN", 4)
        patch.setattr(packed.COMPILED, "way", None)  # what is compiled has spans as they are
        columns, plain = Held(first, 0), []
        for step in history:
            if isinstance(step, list):
                at, amount, key, row, kind, flags = zip(*step, strict=True) if step else ([],) * 6
                positions = columns.load(
                    np.array(at, np.int64),
                    np.array(amount, np.int64),
                    np.array(key, np.uint64),
                    np.array(row, np.uint32),
                    np.array(kind, np.uint8),
                    np.array(flags, np.uint8),
                )
                assert positions.tolist() == list(range(len(plain), len(plain) + len(step)))
                plain += step
            else:
                gone, plain = plain[:step], plain[step:]
                assert columns.drop(len(gone)) == tuple([e[i] for e in gone] for i in (2, 3, 4))
                first += len(gone)
            assert (columns.first, columns.next) == (first, first + len(plain))
            for place, name in enumerate(NAMES):
                assert getattr(columns, name)[: len(plain)].tolist() == [e[place] for e in plain]
            copied = columns.copied()
            assert [copied[name].tolist() for name in TOLD] == [[e[i] for e in plain] for i in range(5)]


def test_memory_of_dropped_entries_is_used_again():
    columns, size = Held(0, 0), 3 * entry_columns.CHUNK
    zeros = np.zeros(size, np.uint8)
    for number in range(20):
        at = np.arange(size) + number
        columns.load(at, at, at.astype(np.uint64), at, zeros, zeros)
        if number:
            columns.drop(size)
        assert columns.at[:size].tolist() == (np.arange(size) + max(0, number)).tolist()
        assert columns.nbytes < 2 * size * 18.2 + entry_columns.CHUNK * 18
    assert len(columns._keys.values) < 8 * size
