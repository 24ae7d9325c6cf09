from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import slots

# Four buckets; the last two are spread over six already.
SHAPE = slots.Shape(2, 4, 20, 6, 22)


def hash_of(low: int, high: int) -> np.ndarray:
    """A hash whose halves are so many eighths."""
    return np.array([(high << 61) | (low << 29) | 5], np.uint64)


def table() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((6, slots.WIDTH), np.uint32), np.zeros(6, np.uint8)


def test_a_number_goes_into_the_emptier_of_two_buckets():
    lines, filled = table()
    for number in range(8):
        assert not slots.place(lines, filled, SHAPE, hash_of(1, 7), np.array([number])).any()
    # An eighth is in the first of four buckets, seven eighths in the last of six.
    assert filled.tolist() == [4, 0, 0, 0, 0, 4]
    where, numbers = slots.candidates(lines, SHAPE, 0, hash_of(1, 7))
    assert where.tolist() == [0] * 8
    assert sorted(numbers.tolist()) == list(range(8))
    assert len(slots.candidates(lines, SHAPE, 0, hash_of(1, 7) + np.uint64(1 << 52 | 1 << 20))[0]) == 0


def test_what_finds_no_room_is_said():
    lines, filled = table()
    hashes = np.repeat(hash_of(1, 7), 40)
    stuck = slots.place(lines, filled, SHAPE, hashes, np.arange(40))
    assert stuck.sum() == 8
    assert filled.tolist() == [16, 0, 0, 0, 0, 16]


def test_numbers_are_known_from_a_first_one_on():
    lines, filled = table()
    number = 5 * 2**20
    slots.place(lines, filled, SHAPE, hash_of(1, 1), np.array([number]))
    assert slots.candidates(lines, SHAPE, number - 7, hash_of(1, 1))[1].tolist() == [number] * 2
    assert slots.candidates(lines, SHAPE, 0, hash_of(1, 1))[1].tolist() == [number % (2**20 - 1)] * 2


def test_a_number_taken_out_leaves_the_others():
    lines, filled = table()
    hashes = np.repeat(hash_of(1, 3), 5)
    slots.place(lines, filled, SHAPE, hashes, np.arange(5))
    assert slots.remove(lines, filled, SHAPE, hashes[:2], np.array([1, 9])) == 1
    assert sorted(slots.candidates(lines, SHAPE, 0, hashes[:1])[1].tolist()) == [0, 2, 3, 4]
    assert filled.sum() == np.count_nonzero(lines) == 4


def test_what_a_half_has_brought_goes_on_by_that_half():
    lines, filled = table()
    halves = np.repeat(hash_of(0, 5), 20) >> slots.HALF
    assert slots.spread(lines, filled, SHAPE, halves, np.arange(20)).sum() == 4
    assert filled.tolist() == [0, 0, 0, 16, 0, 0]


def test_it_is_known_which_half_has_brought_a_number_to_its_bucket():
    hashes = np.repeat(hash_of(1, 7), 2)
    halves = slots.brought(slots.Shape(4, 4, 20, 6, 22), hashes, np.array([0, 3]))
    assert halves.tolist() == [int(hashes[0] & slots.LOW), int(hashes[1] >> slots.HALF)]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60), st.integers(4, 2**18))
def test_slots_tell_the_halves_that_have_brought_their_numbers(hashes, buckets):
    # As many bits as there may be for numbers.
    shape = slots.Shape(buckets, buckets, (64 * buckets).bit_length() - 1, buckets + 1, 31)
    assert shape.tells
    assert not shape._replace(bits=shape.bits + 1).tells
    known, numbers = np.array(hashes, np.uint64), np.arange(len(hashes))
    lines, filled = np.zeros((buckets, slots.WIDTH), np.uint32), np.zeros(buckets, np.uint8)
    stuck = slots.place(lines, filled, shape, known, numbers)
    found, held, halves = slots.lift(lines, filled, shape, 0, 0, len(hashes))
    assert sorted(found.tolist()) == np.flatnonzero(~stuck).tolist()
    assert halves.tolist() == (slots.brought(shape, known[found], held) & slots.KNOWN).tolist()


def test_buckets_are_emptied_from_one_on_up_to_the_frontier():
    lines, filled = table()
    slots.place(lines, filled, SHAPE, np.repeat(hash_of(1, 3), 5), 40 + np.arange(5))
    before = filled.copy()
    numbers, buckets, _ = slots.lift(lines, filled, SHAPE, 0, 30, 45)
    assert set(numbers.tolist()) <= set(range(40, 45))
    assert np.bincount(buckets, minlength=6).tolist() == (before - filled).tolist()
    assert not filled[: SHAPE.frontier].any()
    assert np.count_nonzero(lines) == filled.sum()


def test_numbers_that_cannot_be_any_more_are_not_taken_along():
    lines, filled = table()
    shape = slots.Shape(4, 4, 20, 6, 22)
    slots.place(lines, filled, shape, np.repeat(hash_of(1, 3), 5), 40 + np.arange(5))
    assert sorted(slots.lift(lines, filled, shape, 0, 42, 44)[0].tolist()) == [42, 43]
    assert not lines.any()
