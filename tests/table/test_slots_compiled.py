from __future__ import annotations

import numpy as np
import pytest

from stream_rfm.table import slots, slots_compiled

WAYS = [slots, slots_compiled]


def test_the_ways_lay_out_the_same_numbers():
    rng = np.random.default_rng(3)
    hashes, numbers = rng.integers(0, 2**63, 3_000).astype(np.uint64), np.arange(3_000)
    shape = slots.Shape(100, 160, 20, 200, 22)
    layouts = []
    for way in WAYS:
        lines, filled = np.zeros((200, 16), np.uint32), np.zeros(200, np.uint8)
        stuck = way.place(lines, filled, shape, hashes, numbers)
        placed = np.flatnonzero(~stuck)
        assert filled.sum() == len(placed) > 2_000
        assert filled.tolist() == np.count_nonzero(lines, axis=1).tolist()
        where, found = way.candidates(lines, shape, 0, hashes)
        assert set(zip(placed.tolist(), placed.tolist(), strict=True)) <= set(
            zip(where.tolist(), found.tolist(), strict=True)
        )
        assert way.remove(lines, filled, shape, hashes[:500], numbers[:500]) == (placed < 500).sum()
        layouts.append(int(filled.sum()))
    assert layouts[0] == pytest.approx(layouts[1], rel=0.05)


def test_more_candidates_than_there_was_room_for_are_all_said():
    # All with one tag in two buckets, so that each may be any of them.
    hashes, numbers = np.zeros(16, np.uint64), np.arange(16)
    shape = slots.Shape(4, 4, 20, 4, 20)
    lines, filled = np.zeros((4, 16), np.uint32), np.zeros(4, np.uint8)
    assert not slots_compiled.place(lines, filled, shape, hashes, numbers).any()
    asked = np.zeros(100, np.uint64)
    where, found = slots_compiled.candidates(lines, shape, 0, asked)
    assert sorted(zip(where.tolist(), found.tolist(), strict=True)) == sorted(
        zip(*(each.tolist() for each in slots.candidates(lines, shape, 0, asked)), strict=True)
    )


def test_the_ways_spread_the_same_numbers_over_a_wider_table():
    rng = np.random.default_rng(4)
    hashes, numbers = rng.integers(0, 2**63, 1_200).astype(np.uint64), np.arange(7, 1_207)
    before, found = slots.Shape(100, 100, 12, 160, 12), []
    for way in WAYS:
        lines, filled = np.zeros((160, 16), np.uint32), np.zeros(160, np.uint8)
        # By numpy for both, so that both begin with the same.
        assert not slots.place(lines, filled, before, hashes, numbers).any()
        lifted, buckets, halves = way.lift(lines, filled, before, 40, 7, 1_000)
        after = before._replace(frontier=40)
        stuck = way.spread(lines, filled, after, halves, lifted)
        order = np.argsort(lifted)
        found.append([each[order].tolist() for each in (lifted, buckets, halves)] + [filled.tolist()])
        where, _ = way.candidates(lines, after, 7, hashes)
        gone = set(range(1_000, 1_207)) | set(lifted[stuck].tolist())
        assert set(range(1_200)) - {number - 7 for number in gone} <= set(where.tolist())
    assert found[0] == found[1]
    assert len(found[0][0]) > 400
