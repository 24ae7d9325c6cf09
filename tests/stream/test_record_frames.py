import numpy as np
import pytest
from test_record_text import written

from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.stream import record_batches, record_frames, record_text
from stream_rfm.stream.record_batches import AT, COUNT, MISSING, NO_WORD, WHY
from stream_rfm.stream.word_pool import WordPool
from stream_rfm.stream.words import Words


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 8191, 8192, 8193, 500_000])
def test_frames_say_how_long_they_are_however_long(size):
    inside = bytes(range(1, 252)) * 2_000
    expected = record_batches.framed(inside[:size])
    data = np.frombuffer(inside, np.uint8)
    assert written(record_frames.framed, data, 0, size) == expected
    assert record_frames.size_of_number(size) == len(expected) - size

    def closed(out, at):
        return record_frames.closed(out, at, record_text.stretch(out, record_frames.begun(at), data, 0, size))

    assert written(closed) == expected


def test_words_are_found_where_the_pool_has_them():
    words = Words(Rules(load("classic-5")))
    pool = WordPool(words)
    keys = [segment << 24 | r << 16 | 5 << 8 | 1 for segment in range(10) for r in range(1, 6)]
    assert record_frames.found(pool.table, keys[0]) == -1
    for key in keys:
        pool.add(key)
    for key in keys:
        assert (
            written(record_frames.word, pool.table, record_frames.found(pool.table, key))
            == words.standings[key]
        )
    assert record_frames.found(pool.table, keys[-1] + 1) == -1


def test_a_record_begins_with_its_attributes_its_time_and_its_place():
    assert written(record_frames.record, 70)[2:] == bytes([0, 0]) + record_batches.number(70)


def test_why_it_was_stopped_is_said():
    state = np.zeros(5, np.int64)
    record_frames.stopped(state, 9, 3, NO_WORD, 12)
    assert [state[place] for place in (AT, COUNT, WHY, MISSING)] == [9, 3, NO_WORD, 12]
