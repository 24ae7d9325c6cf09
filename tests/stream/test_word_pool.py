from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.stream.word_pool import ADVICE, CAUSED, KIND_SHIFT, SEGMENT, SPREAD, STANDING, WAY, WordPool
from stream_rfm.stream.words import Words
from stream_rfm.table.moves import CAUSES

WORDS = Words(Rules(load("classic-5")))


def looked_up(pool, key):
    keys, starts, sizes, said = pool.table
    slot = (key * SPREAD >> 32) & (len(keys) - 1)
    while keys[slot] not in (key, -1):
        slot = (slot + 1) & (len(keys) - 1)
    return said[starts[slot] : starts[slot] + sizes[slot]].tobytes() if keys[slot] == key else None


def test_words_are_found_by_kind_and_number_once_they_were_asked_for():
    pool = WordPool(WORDS)
    scores = (1 << 24) | (5 << 16) | (4 << 8) | 3
    way = (1 << 24) | (2 << 8)
    expected = {
        STANDING << KIND_SHIFT | scores: WORDS.standings[scores],
        SEGMENT << KIND_SHIFT | scores: WORDS.segments[scores],
        WAY << KIND_SHIFT | way: WORDS.ways[way],
        ADVICE << KIND_SHIFT | 1: WORDS.advice[1],
        CAUSED << KIND_SHIFT | 2: CAUSES[2].value.encode(),
    }
    for key in expected:
        assert looked_up(pool, key) is None
        pool.add(key)
    assert {key: looked_up(pool, key) for key in expected} == expected


def test_there_may_be_many():
    pool = WordPool(WORDS)
    scores = range(1, 6)
    keys = [s << 24 | r << 16 | f << 8 | m for s in range(10) for r in scores for f in scores for m in scores]
    before = len(pool.table[3])
    for key in keys:
        pool.add(key)
    assert len(pool.table[3]) > before
    assert [looked_up(pool, key) for key in keys] == [WORDS.standings[key] for key in keys]
    assert len(pool.table[0]) >= 2 * len(keys)
