from __future__ import annotations

import numpy as np
import pytest

from stream_rfm.table import finding_compiled as finding
from stream_rfm.table import hash_index, slots
from stream_rfm.table.hash_index import HashIndex


class Keys:
    """The owner of some keys."""

    def __init__(self, known: np.ndarray, first: int) -> None:
        self.known = known
        self.first = first

    def hashed(self, numbers):
        return self.known[numbers - self.first]


def all_of(index: HashIndex, hash_: int) -> list[int]:
    """All numbers that a hash may be of."""
    found = []
    while (number := finding.candidate(index.parts(), np.uint64(hash_), len(found))) >= 0:
        found.append(number)
    return found


@pytest.mark.parametrize("first", [0, 2**20 - 100, 2**33 - 5])
def test_every_number_is_among_those_of_its_hash_also_while_the_table_grows(first, monkeypatch):
    monkeypatch.setattr(hash_index, "_SMALL", 0)
    known = np.random.default_rng(1).integers(1, 2**63, 40_000).astype(np.uint64)
    index, passes = HashIndex(Keys(known, first)), 0
    index.first = first
    for low in range(0, len(known), 500):
        index.add(known[low : low + 500], first + np.arange(low, low + 500))
        passes += index._shape.frontier < index._shape.buckets
        for place in range(0, low + 500, 1 + low // 20):
            assert first + place in all_of(index, known[place])
    assert passes > 10


def test_they_are_those_that_numpy_finds_and_then_those_beside(monkeypatch):
    monkeypatch.setattr(hash_index, "_FULL", 1.0)
    known = np.repeat(np.random.default_rng(2).integers(1, 2**63, 300).astype(np.uint64), 45)
    index = HashIndex(Keys(known, 0), len(known))
    index.add(known, np.arange(len(known)))
    beside, numbers = index._beside
    assert len(beside) > 1_000
    for hash_ in np.unique(known)[:50]:
        _, marked = slots.candidates(index._lines(), index._shape, 0, np.array([hash_]))
        asked = [*sorted(marked.tolist()), *numbers[beside == hash_].tolist()]
        found = all_of(index, hash_)
        assert sorted(found[: len(marked)]) + found[len(marked) :] == asked
        assert set(np.flatnonzero(known == hash_).tolist()) <= set(asked)


def test_in_an_empty_table_there_is_none():
    index = HashIndex(Keys(np.zeros(0, np.uint64), 0))
    assert finding.candidate(index.parts(), np.uint64(7), 0) == -1
    assert finding.touched(index.parts(), np.uint64(7)) == 0


def test_three_numbers_are_mixed_as_elsewhere():
    rng = np.random.default_rng(3)
    for key, row, kind in zip(rng.integers(0, 2**63, 20), rng.integers(0, 2**32, 20), range(20), strict=True):
        ours = finding.mixed(np.uint64(key), row, kind % 3)
        assert ours == slots.mixed(np.array([key], np.uint64), np.array([row]), kind % 3)[0]
