"""What is written is held to what msgspec and hiredis make: see test_segment_values; here what they hide."""

import numpy as np
from scorer import ruled
from test_segment_values import DAY, Scorer, order

from stream_rfm.stream import bulk_records, columns
from stream_rfm.stream.record_batches import AT, COUNT
from stream_rfm.stream.word_pool import KIND_SHIFT, PACKED, WordPool
from stream_rfm.stream.words import Words


def test_word_that_is_missing_is_said_and_nothing_is_filled():
    scorer = Scorer(ruled(30 * DAY, 7 * DAY))
    scorer.count([order("c1", "a", 1, 40)])
    scorer.rescore(after=DAY)
    pool = WordPool(Words(scorer.rules))
    buffers = [(np.empty(1_000, np.uint8), np.zeros(5, np.int64)) for _ in range(2)]
    people, tail = columns.people(scorer.store, np.arange(1)), np.zeros(1, np.uint8)
    missing = bulk_records.bulk(*buffers, people, pool.table, tail)
    assert missing >> KIND_SHIFT == PACKED
    assert not any(state.any() for _, state in buffers)
    pool.add(missing)
    assert bulk_records.bulk(*buffers, people, pool.table, tail) == -1
    assert all(state[AT] for _, state in buffers)
    assert buffers[1][1][COUNT] == 1
