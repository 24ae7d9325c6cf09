"""Where compiled code stops; what it writes is compared in test_columns."""

import numpy as np
from events import order
from scorer import GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.stream import transition_records
from stream_rfm.stream.record_batches import AT, DAY, MISSING, NO_ROOM, NO_WORD, WHY
from stream_rfm.stream.word_pool import WordPool
from stream_rfm.stream.words import Words
from stream_rfm.table.texts import Texts

RULES = Rules(GRID)
HEADERS = np.frombuffer(b"\0", np.uint8)


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
