from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.hash_index import HashIndex, mixed

# Few different low bits, so that many fall into the same slots.
hashes = (
    st.integers(0, 3) | st.integers(2**64 - 3, 2**64 - 1) | st.integers(0, 2**20 - 1).map(lambda n: n << 44)
)


class Keys:
    """The keys in the caller's columns."""

    def __init__(self, known: list[int]) -> None:
        self.known = np.array(known, np.uint64)

    def look(self, index: HashIndex, asked: list[int]) -> list[int]:
        questions = np.array(asked, np.uint64)
        return index.find(questions, lambda places, which: self.known[places] == questions[which]).tolist()


@given(st.lists(hashes, unique=True, max_size=60), st.lists(hashes, max_size=10), st.integers(1, 7))
def test_every_place_added_is_found_and_no_other(known, strangers, size):
    keys, index = Keys(known), HashIndex()
    for low in range(0, len(known), size):
        part = keys.known[low : low + size]
        index.add(part, np.arange(low, low + len(part)))
    places = {key: place for place, key in enumerate(known)}
    asked = known + strangers
    assert keys.look(index, asked) == [places.get(key, -1) for key in asked]


def test_a_thousand_with_the_same_low_bits_are_kept_apart():
    known = [number << 32 for number in range(1000)]
    keys, index = Keys(known), HashIndex(1000)
    index.add(keys.known, np.arange(1000))
    assert keys.look(index, known) == list(range(1000))
    assert keys.look(index, [1000 << 32]) == [-1]


def test_it_is_at_most_half_full():
    index = HashIndex(600)
    assert index.nbytes == 2048 * 4
    assert index.has_room(1024)
    assert not index.has_room(1025)
    index.add(np.arange(1000, dtype=np.uint64), np.arange(1000))
    assert index.has_room(24)
    assert not index.has_room(25)


def test_nothing_is_found_in_nothing():
    assert Keys([]).look(HashIndex(), []) == []


numbers = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 5))


@given(st.lists(numbers, unique=True, min_size=2, max_size=20))
def test_three_numbers_are_mixed_into_one_hash(triples):
    keys, rows, kinds = (np.array(column, np.uint64) for column in zip(*triples, strict=True))
    together = mixed(keys, rows.astype(np.int64), kinds.astype(np.int64))
    assert len(set(together.tolist())) == len(triples)
    alone = [mixed(keys[i : i + 1], rows[i : i + 1], int(kinds[i]))[0] for i in range(len(triples))]
    assert together.tolist() == alone
