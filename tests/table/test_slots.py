from __future__ import annotations

import numpy as np

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
    assert len(slots.candidates(lines, SHAPE, 0, hash_of(1, 7) + np.uint64(1))[0]) == 0


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
    hashes, kept = np.repeat(hash_of(5, 7), 20), np.ones(20, bool)
    buckets = ((hashes & slots.LOW) * np.uint64(SHAPE.buckets) >> slots.HALF).astype(np.int64)
    assert slots.spread(lines, filled, SHAPE, hashes, buckets, np.arange(20), kept).sum() == 4
    assert filled.tolist() == [0, 0, 0, 16, 0, 0]
    assert kept.all()


def test_what_no_half_of_its_hash_has_brought_is_left_out():
    lines, filled = table()
    hashes, kept = np.repeat(hash_of(5, 7), 2), np.ones(2, bool)
    stuck = slots.spread(lines, filled, SHAPE, hashes, np.array([0, 0]), np.arange(2), kept)
    assert stuck.tolist() == kept.tolist() == [False, False]
    assert not filled.any()


def test_buckets_are_emptied_from_one_on_up_to_the_frontier():
    lines, filled = table()
    slots.place(lines, filled, SHAPE, np.repeat(hash_of(1, 3), 5), 40 + np.arange(5))
    before = filled.copy()
    numbers, buckets = slots.lift(lines, filled, SHAPE, 0, 30)
    assert set(numbers.tolist()) <= set(range(40, 45))
    assert np.bincount(buckets, minlength=6).tolist() == (before - filled).tolist()
    assert not filled[: SHAPE.frontier].any()
    assert np.count_nonzero(lines) == filled.sum()
