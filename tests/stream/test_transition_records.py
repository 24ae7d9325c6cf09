"""Where compiled code stops; what it writes is compared in test_columns."""

import numpy as np
from events import DAY as ONE_DAY
from events import order
from scorer import GRID, Scorer

from stream_rfm.model import instant, money
from stream_rfm.model.order import LONGEST_ID
from stream_rfm.model.rules import Rules
from stream_rfm.stream import transition_records
from stream_rfm.stream.record_batches import AT, COUNT, DAY, MISSING, NO_ROOM, NO_WORD, WHY
from stream_rfm.stream.word_pool import WordPool
from stream_rfm.stream.words import Words
from stream_rfm.table.moves import (
    AFTER,
    AS_OF,
    BEFORE,
    FREQUENCY,
    LAST,
    LINES,
    MONETARY,
    REVISION,
    SEQUENCE,
    VERSION,
)
from stream_rfm.table.texts import Texts

RULES = Rules(GRID)
LATEST = instant.parse("9999-12-31T23:59:59.999999Z")
HEADERS = np.frombuffer(b"\0", np.uint8)


def test_ages_are_days_before_and_after_and_the_greatest_is_known():
    lines = np.zeros((LINES, 3), np.int64)
    lines[BEFORE + AS_OF], lines[BEFORE + LAST] = [ONE_DAY, 5, 0], [0, 9, 0]
    lines[AFTER + AS_OF] = [3 * ONE_DAY, ONE_DAY // 2, 7]
    days = np.empty(6)
    assert transition_records.ages(lines, days) == 3 * ONE_DAY
    assert days.tolist() == [1, 3, 0, 0.5, 0, 7 / ONE_DAY]


def test_transitions_go_on_with_the_days_where_they_stopped():
    scorer, pool = Scorer(RULES), WordPool(Words(RULES))
    [moves] = scorer.count([order(f"c{number}", "a", 0) for number in range(3)]).moves
    ids = Texts.of([b"c%d" % number for number in range(3)], bytes)
    places = (ids.data, ids.start, ids.size)
    texts = (places, places, np.frombuffer(b"[11,12,21,22,31,32]", np.uint8))
    fixed = (HEADERS, HEADERS, np.empty(24, np.uint64))
    out, state, done, stops = np.empty(0, np.uint8), np.zeros(5, np.int64), 0, []
    state[DAY] = 1
    while done < 3:
        into = (out, state)
        done = transition_records.transitions(into, moves.lines(), texts, pool.table, fixed, done, 3)
        stops.append(int(state[WHY]))
        if state[WHY] == NO_WORD:
            pool.add(int(state[MISSING]))
        elif state[WHY] == NO_ROOM:
            out = np.concatenate([out[: state[AT]], np.empty(state[MISSING], np.uint8)])
    assert stops.count(NO_WORD) == 4
    assert stops.count(NO_ROOM) == 3
    said = out[: state[AT]].tobytes()
    assert [said.count(b'"recency_days":%d,' % day) for day in (12, 22, 32, 11)] == [1, 1, 1, 0]
    assert state[DAY] == len(texts[2])


def test_there_is_room_for_the_largest_record():
    scorer, pool = Scorer(RULES), WordPool(Words(RULES))
    [moves] = scorer.count([order("c", "a", 0), order("c", "b", 1, 90)]).moves
    lines = moves.lines()[:, 1:].copy()
    lines[SEQUENCE] = lines[REVISION] = lines[VERSION] = 2**32 - 1
    for side in (BEFORE, AFTER):
        lines[side + FREQUENCY], lines[side + MONETARY] = -(2**31), -money.LARGEST_SUM - 1
        lines[side + LAST], lines[side + AS_OF] = 0, LATEST
    ids = Texts.of([b"\x01" * LONGEST_ID], bytes)
    places, days = (ids.data, ids.start, ids.size), np.frombuffer(b"[-1.2345678901234567e-300]", np.uint8)
    days = np.concatenate([days[:-1], np.frombuffer(b",", np.uint8), days[1:]])
    at = np.frombuffer(b"9999-12-31T23:59:59.999999Z", np.uint8)
    fixed = (HEADERS, at, np.empty(24, np.uint64))
    out, state, done = np.full(9_000, 0xEE, np.uint8), np.zeros(5, np.int64), 0
    for size in (0, *[9_000] * 9):
        state[DAY] = 1
        into = (out[:size], state)
        done = transition_records.transitions(into, lines, (places, places, days), pool.table, fixed, done, 1)
        if state[WHY] == NO_WORD:
            pool.add(int(state[MISSING]))
    # How much room is wanted is said where there is none.
    room = np.zeros(5, np.int64)
    room[DAY] = 1
    facts = (lines, (places, places, days), pool.table, fixed, 0, 1)
    transition_records.transitions((out[:0], room), *facts)
    assert (room[WHY], done, state[COUNT]) == (NO_ROOM, 1, 1)
    touched = int(np.flatnonzero(out != 0xEE)[-1]) + 1
    assert state[AT] <= touched <= room[MISSING]
