from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import groups, groups_compiled
from stream_rfm.table.groups import distinct
from stream_rfm.table.groups_compiled import once

rows = st.lists(st.integers(0, 12) | st.integers(0, 2**62)).map(lambda some: np.array(some, np.int64))


@given(rows)
def test_each_is_there_once_in_ascending_order(some):
    ascending = np.sort(some)
    assert ascending[: once(ascending)].tolist() == sorted(set(some.tolist()))


@given(rows)
def test_it_says_what_numpy_says(some):
    said = []
    with pytest.MonkeyPatch.context() as patch:
        for way in (None, groups_compiled):
            patch.setattr(groups.COMPILED, "way", way)
            before = some.tolist()
            said.append(distinct(some).tolist())
            assert some.tolist() == before
    assert said[0] == said[1]


def test_without_numba_it_is_done_by_numpy(monkeypatch):
    monkeypatch.setattr(groups.COMPILED, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.groups_compiled", None)
    with pytest.raises(ImportError):
        groups.COMPILED.load()
    assert distinct(np.array([3, 1, 3])).tolist() == [1, 3]
