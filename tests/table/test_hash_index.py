from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import hash_index, slots, slots_compiled
from stream_rfm.table.hash_index import HashIndex, mixed

WAYS = [slots, slots_compiled]
ways = pytest.mark.parametrize("way", WAYS, ids=["numpy", "numba"])

# Few different low bits, so that many fall into the same buckets.
hashes = (
    st.integers(0, 3) | st.integers(2**64 - 3, 2**64 - 1) | st.integers(0, 2**20 - 1).map(lambda n: n << 44)
)


class Keys:
    """The keys in the owner's columns: of numbers from the first one on."""

    def __init__(self, known: list[int], first: int = 0) -> None:
        self.known = np.array(known, np.uint64)
        self.first = first
        self.asked = 0

    def hashed(self, numbers: np.ndarray) -> np.ndarray:
        self.asked += len(numbers)
        return self.known[numbers - self.first]

    def add(self, index: HashIndex, low: int, high: int) -> None:
        index.add(self.known[low:high], np.arange(self.first + low, self.first + high))

    def remove(self, index: HashIndex, low: int, high: int) -> None:
        index.remove(self.known[low:high], np.arange(self.first + low, self.first + high))

    def look(self, index: HashIndex, asked: list[int]) -> list[int]:
        questions = np.array(asked, np.uint64)

        def same(numbers: np.ndarray, which: np.ndarray) -> np.ndarray:
            places = numbers - self.first
            known = (places >= 0) & (places < len(self.known))
            return known & (self.known[np.where(known, places, 0)] == questions[which])

        return index.find(questions, same).tolist()


@ways
@given(st.lists(hashes, unique=True, max_size=60), st.lists(hashes, max_size=10), st.integers(1, 7))
def test_every_number_added_is_found_and_no_other(way, known, strangers, size):
    keys = Keys(known)
    index = HashIndex(keys, way=way)
    for low in range(0, len(known), size):
        keys.add(index, low, min(low + size, len(known)))
    numbers = {key: number for number, key in enumerate(known)}
    asked = known + strangers
    assert keys.look(index, asked) == [numbers.get(key, -1) for key in asked]


@ways
def test_thousands_of_the_same_buckets_are_kept_apart(way):
    known = [number << 32 for number in range(3000)]
    keys = Keys(known)
    index = HashIndex(keys, way=way)
    for low in range(0, 3000, 500):
        keys.add(index, low, low + 500)
    assert keys.look(index, known) == list(range(3000))
    assert keys.look(index, [3000 << 32]) == [-1]
    # What cannot be spread does not make it grow.
    assert index.nbytes < 3000 * 60


@ways
@pytest.mark.parametrize("first", [0, 2**20 - 100, 2**33 - 5])
def test_it_grows_a_few_buckets_at_a_time_and_finds_everything_meanwhile(way, first, monkeypatch):
    monkeypatch.setattr(hash_index, "_SMALL", 0)
    known = np.random.default_rng(1).integers(1, 2**63, 60_000).tolist()
    keys = Keys(known, first)
    index = HashIndex(keys, way=way)
    index.first = first
    passes = 0
    for low in range(0, 60_000, 500):
        keys.add(index, low, low + 500)
        passes += index._shape.frontier < index._shape.buckets
        some = [*range(max(0, low - 200), low + 500, 7), *range(0, low, 1 + low // 50)]
        assert keys.look(index, [known[i] for i in some]) == [first + i for i in some]
    assert keys.look(index, known) == list(range(first, first + 60_000))
    assert passes > 20
    assert index.nbytes < 60_000 * 6.5
    # Only those that found no room were asked for their hashes.
    assert keys.asked < 60_000 * 0.05


@pytest.mark.parametrize("size", [7, 60, 400])
def test_it_grows_in_time_however_few_come_at_a_time(size):
    hashes = np.random.default_rng(5).integers(0, 2**64, 100_000, dtype=np.uint64)
    keys, beside = Keys(hashes.tolist()), 0
    index = HashIndex(keys, way=slots_compiled)
    for low in range(0, len(hashes), size):
        keys.add(index, low, min(low + size, len(hashes)))
        beside = max(beside, len(index._beside[0]))
    assert beside < 0.005 * len(hashes)


@ways
def test_numbers_that_are_removed_are_found_no_more(way):
    known = np.random.default_rng(2).integers(1, 2**63, 20_000).tolist()
    keys = Keys(known)
    index = HashIndex(keys, way=way)
    keys.add(index, 0, 5_000)
    keys.remove(index, 0, 2_000)
    # Of those that are not there, nothing is to be seen.
    keys.remove(index, 9_000, 9_010)
    assert keys.look(index, known[:5_000]) == [-1] * 2_000 + list(range(2_000, 5_000))
    assert index._used == 3_000
    keys.add(index, 5_000, 20_000)
    keys.remove(index, 6_000, 8_000)
    assert keys.look(index, known) == [
        -1 if number < 2_000 or 6_000 <= number < 8_000 else number for number in range(20_000)
    ]
    assert index._used == 16_000


@ways
def test_numbers_before_the_first_leave_when_it_grows_or_when_they_are_removed(way, monkeypatch):
    monkeypatch.setattr(hash_index, "_SMALL", 0)
    known = np.random.default_rng(3).integers(1, 2**63, 30_000).tolist()
    keys = Keys(known)
    index = HashIndex(keys, way=way)
    for low in range(0, 30_000, 500):
        keys.add(index, low, low + 500)
        # As entries leave: at once, and out of the index a little later.
        index.first = max(0, low - 4_000)
        keys.remove(index, max(0, low - 6_000), max(0, low - 5_500))
        some = [*range(index.first, low + 500, 97)]
        assert keys.look(index, [known[i] for i in some]) == some
    assert 4_500 <= index._used <= 6_500
    assert index._used == np.count_nonzero(index._lines()) + len(index._beside[0])


@ways
def test_where_slots_cannot_tell_the_hashes_their_owner_is_asked(way, monkeypatch):
    monkeypatch.setattr(hash_index, "_SMALL", 0)
    known = np.random.default_rng(4).integers(1, 2**63, 3_000).tolist()
    # So far apart that there is hardly room for bits of a hash.
    far = np.arange(3_000) * 600_000
    hashes, asked = np.array(known, np.uint64), []

    class Far:
        def hashed(self, numbers: np.ndarray) -> np.ndarray:
            asked.extend(numbers.tolist())
            return hashes[numbers // 600_000]

    index = HashIndex(Far(), way=way)
    for low in range(0, 3_000, 100):
        index.add(hashes[low : low + 100], far[low : low + 100])
        found = index.find(
            hashes[: low + 100], lambda numbers, which: hashes[numbers // 600_000] == hashes[which]
        )
        assert found.tolist() == far[: low + 100].tolist()
    assert len(asked) > 3_000


@ways
def test_a_key_used_again_and_again_takes_no_room_where_former_ones_are_removed(way):
    keys = Keys([7] * 6_000)
    index = HashIndex(keys, way=way)
    for low in range(0, 6_000, 100):
        keys.add(index, low, low + 100)
        keys.remove(index, max(0, low - 1), low + 99)
        assert keys.look(index, [7]) == [low + 99]
    assert len(index._beside[0]) <= 100
    assert index._used == 1


def test_what_is_compiled_takes_over_once_it_is_there(monkeypatch):
    monkeypatch.setattr(hash_index.COMPILED, "way", slots)
    keys = Keys([7, 8])
    index = HashIndex(keys)
    keys.add(index, 0, 1)
    hash_index.COMPILED.load()
    keys.add(index, 1, 2)
    assert index._way is slots_compiled
    assert keys.look(index, [8, 7, 9]) == [1, 0, -1]


def test_without_numba_numpy_does_it(monkeypatch):
    monkeypatch.setattr(hash_index.COMPILED, "way", slots)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.slots_compiled", None)
    with pytest.raises(ImportError):
        hash_index.COMPILED.load()
    assert HashIndex(Keys([]))._way is slots


def test_nothing_is_found_in_nothing():
    keys = Keys([])
    assert keys.look(HashIndex(keys), []) == []
    assert keys.look(HashIndex(keys), [1]) == [-1]


numbers = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 5))


@given(st.lists(numbers, unique=True, min_size=2, max_size=20))
def test_three_numbers_are_mixed_into_one_hash(triples):
    keys, rows, kinds = (np.array(column, np.uint64) for column in zip(*triples, strict=True))
    together = mixed(keys, rows.astype(np.int64), kinds.astype(np.int64))
    assert together.tolist() == slots.mixed(keys, rows.astype(np.int64), kinds.astype(np.int64)).tolist()
    assert together.tolist() == slots_compiled.mixed(keys, rows, kinds.astype(np.uint8)).tolist()
    assert len(set(together.tolist())) == len(triples)
    alone = [mixed(keys[i : i + 1], rows[i : i + 1], int(kinds[i]))[0] for i in range(len(triples))]
    assert together.tolist() == alone
