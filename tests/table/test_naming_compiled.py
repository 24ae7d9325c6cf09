from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import entries as entries_module
from stream_rfm.table.entries import NOBODY, SUPERSEDED, Entries
from stream_rfm.table.entry_columns import CHUNK
from stream_rfm.table.naming_compiled import hashed

entry = st.tuples(
    st.integers(0, 2**64 - 1),
    st.one_of(st.integers(0, 2**26 - 1), st.just(NOBODY)),
    st.integers(0, 3),
    st.integers(0, 7),
)


def filled(some: list[tuple[int, int, int, int]], first: int = 0) -> Entries:
    key, row, kind, flags = (np.array(column, np.uint64) for column in zip(*some, strict=True))
    entries = Entries(first)
    row, kind, flags = row.astype(np.uint32), kind.astype(np.uint8), flags.astype(np.uint8)
    entries.append(np.arange(len(some)), np.zeros(len(some), np.int64), key, row, kind, flags)
    return entries


@pytest.fixture(autouse=True)
def in_columns(monkeypatch):
    monkeypatch.setattr(entries_module._Fastest, "hashed", None)


def assert_alike(entries: Entries, numbers: np.ndarray) -> None:
    expected, findable = entries.hashed(numbers)
    found, there = hashed(*entries.named_by(), numbers)
    assert there.tolist() == findable.tolist()
    assert found[there].tolist() == expected[findable].tolist()


@given(st.lists(entry, min_size=1, max_size=20), st.integers(0, 2**40), st.data())
def test_it_says_what_columns_say(some, first, data):
    entries = filled(some, first)
    # Of a number beyond the last one there is nothing to be found.
    numbers = data.draw(st.lists(st.integers(first, first + len(some) + 2), max_size=30))
    assert_alike(entries, np.array(numbers, np.int64))


def test_it_does_so_for_more_than_it_asks_memory_for_at_a_time():
    random = np.random.default_rng(1)
    keys, rows = random.integers(0, 2**63, 1000).tolist(), random.integers(0, 2**26, 1000).tolist()
    entries = filled([(key, row, 0, 0) for key, row in zip(keys, rows, strict=True)])
    assert_alike(entries, random.permutation(1000))
    assert_alike(entries, random.permutation(1000)[::3])


def test_it_does_so_when_the_first_were_dropped_and_let_go_of():
    random = np.random.default_rng(2)
    entries = filled([(1, 1, 0, 0)], 5)
    same = np.full(CHUNK, 7)
    for _ in range(12):
        keys = random.integers(0, 2**63, CHUNK).astype(np.uint64)
        entries.append(same, same, keys, same, same * 0, same * 0)
        entries.drop(max(0, entries.count - 2 * CHUNK))
    assert entries.named_by()[2] > 5
    assert_alike(entries, entries.first + random.permutation(entries.count + 3))


def test_of_who_is_erased_and_of_what_is_superseded_nothing_is_to_be_found():
    entries = filled([(1, 2, 0, 0), (1, NOBODY, 0, 0), (1, 2, 0, SUPERSEDED), (1, 2**26 - 1, 3, 3)])
    assert hashed(*entries.named_by(), np.arange(5))[1].tolist() == [True, False, False, True, False]
