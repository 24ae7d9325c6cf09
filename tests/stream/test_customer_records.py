"""Where compiled code stops; what it writes is compared in test_columns."""

import numpy as np
import pytest
from events import order
from scorer import GRID, Scorer

from stream_rfm.model import instant
from stream_rfm.model.order import LONGEST_ID
from stream_rfm.model.rules import Rules
from stream_rfm.stream import customer_records
from stream_rfm.stream.record_batches import AT, COUNT, MISSING, NO_ROOM, NO_WORD, WHY
from stream_rfm.stream.word_pool import KIND_SHIFT, SEGMENT, WordPool
from stream_rfm.stream.words import Words, standing_key

RULES = Rules(GRID)
LATEST = instant.parse("9999-12-31T23:59:59.999999Z")
HEADERS = np.frombuffer(b"\0", np.uint8)


@pytest.fixture
def store():
    made = Scorer(RULES)
    made.count([order(f"c{number}", "a", 0) for number in range(3)])
    return made.store


@pytest.fixture
def people(store):
    return store.customers.rows, store.customers._ids.values, np.arange(3)


def test_customers_stop_where_there_is_no_room(people):
    out, state = np.empty(290, np.uint8), np.zeros(5, np.int64)
    done = customer_records.customers((out, state), people, 0, 0, 3)
    assert done == state[COUNT] == 2
    assert state[WHY] == NO_ROOM
    assert state[AT] + state[MISSING] > len(out)
    more = np.concatenate([out, np.empty(state[MISSING], np.uint8)])
    assert customer_records.customers((more, state), people, 0, done, 3) == 3
    assert (state[COUNT], state[WHY]) == (3, 0)


def test_segments_stop_where_there_is_no_word_or_no_room(store, people):
    customers, state, pool = store.customers, np.zeros(5, np.int64), WordPool(Words(RULES))

    def write(size, first):
        into = (np.empty(size, np.uint8), state)
        return customer_records.segments(into, people, pool.table, HEADERS, 0, first, 3)

    assert write(5_000, 0) == 0
    columns = (customers.segment, customers.r, customers.f, customers.m)
    key = SEGMENT << KIND_SHIFT | int(standing_key(*(column[:1] for column in columns))[0])
    assert (state[WHY], state[MISSING], state[AT]) == (NO_WORD, key, 0)
    pool.add(key)
    assert write(1_300, 0) == state[COUNT] == 2
    assert state[WHY] == NO_ROOM
    assert write(5_000, 2) == state[COUNT] == 3


def test_there_is_room_for_the_largest_records():
    scorer, out = Scorer(RULES), np.full(9_000, 0xEE, np.uint8)
    scorer.count([order("\x01" * LONGEST_ID, "a", 0)])
    customers, pool = scorer.store.customers, WordPool(Words(RULES))
    customers.sequence[0] = customers.revision[0] = customers.version[0] = 2**32 - 1
    customers.scored_at[0] = LATEST
    people = (customers.rows, customers._ids.values, np.zeros(1, np.int64))
    for write, *facts in (
        (customer_records.customers, people, 2**62),
        (customer_records.segments, people, pool.table, HEADERS, 2**31),
    ):
        room, state = np.zeros((2, 5), np.int64)
        out[:] = 0xEE
        while write((out[:0], room), *facts, 0, 1) == 0 and room[WHY] == NO_WORD:
            pool.add(int(room[MISSING]))
        assert write((out, state), *facts, 0, 1) == 1
        assert state[AT] <= int(np.flatnonzero(out != 0xEE)[-1]) + 1 <= room[MISSING]
