from __future__ import annotations

import numpy as np
import pytest
from events import DAY, batch_of, order, refund
from scorer import GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.table import plain_compiled as compiled

RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)


@pytest.fixture
def scorer():
    known = Scorer(RULES)
    known.count([order("c0", "a", 1), order("c1", "b", 1)])
    return known


def looked(scorer: Scorer, *events, cancels: int = 0, most: float = 1e18):
    """What is said of events: whether they are plain, rows, places that count, whether inside, counts."""
    return said_of(scorer, batch_of(events), cancels, most)


def said_of(scorer: Scorer, batch, cancels: int = 0, most: float = 1e18):
    size, store = len(batch), scorer.store
    said, names = np.zeros((compiled.LINES, size), np.int64), np.zeros(size, np.uint64)
    inside, counts = np.zeros(size, bool), np.zeros(compiled.COUNTS, np.int64)
    as_of = np.full(size, max(scorer.clock, *batch.at.tolist()))
    plain = compiled.look(
        (batch.kind, batch.at, batch.amount, as_of, batch.digest, batch.key, batch.order),
        store.customers.parts(),
        (store.entries.index_parts(), *store.entries.parts()),
        (RULES.retention, store.forgotten, RULES.window, RULES.dedupe, cancels),
        most,
        (said, names, inside, counts, np.zeros(4 << size.bit_length(), np.int32)),
    )
    counted = counts[compiled.COUNTED]
    places, firsts = (said[line] for line in (compiled.PLACES, compiled.FIRSTS))
    return (
        plain,
        said[compiled.ROWS].tolist(),
        places[:counted].tolist(),
        inside[:counted].tolist(),
        firsts[: counts[compiled.STRANGERS]].tolist(),
        counts[: compiled.OLD + 1].tolist(),
    )


def test_strangers_get_the_next_rows_in_the_order_in_which_they_come(scorer):
    events = [order("c9", "x", 2), order("c1", "y", 2), order("c8", "x", 2), order("c9", "z", 2)]
    assert looked(scorer, *events) == (True, [2, 1, 3, 2], [0, 1, 2, 3], [True] * 4, [0, 2], [4, 2, 0, 0, 0])


def test_who_has_only_half_a_digest_in_common_is_somebody_else(scorer):
    batch = batch_of([order("c0", "x", 2), order("c9", "y", 2), order("c9", "z", 2), order("c9", "w", 2)])
    batch.digest = batch.digest.copy()
    batch.digest[0, 1] += np.uint64(1)
    batch.digest[2, 1] += np.uint64(1)
    _, rows, _, _, firsts, _ = said_of(scorer, batch)
    assert rows == [2, 3, 4, 3]
    assert firsts == [0, 1, 2]


def test_what_was_seen_before_does_not_count(scorer):
    twice = refund("c1", "b", 2, 1, "r")
    events = [order("c0", "a", 1), twice, twice, refund("c0", "a", 2)]
    assert looked(scorer, *events) == (True, [0, 1, 1, 0], [1, 3], [True] * 2, [], [2, 0, 2, 1, 0])


def test_what_is_outside_the_window_is_said(scorer):
    scorer.clock += 30 * DAY
    # All that was bought is as old by now.
    plain, _, _, inside, _, counts = looked(scorer, order("c2", "x", 5), order("c2", "y", 30))
    assert plain
    assert inside == [True, True]
    assert counts[compiled.OLD] == 1


def test_money_is_added_to_the_largest_sum_there_is(scorer):
    scorer.store.customers.monetary[0] = -1_000_000_000
    events = [order("c0", "x", 2, 10), order("c1", "y", 2, 20)]
    assert looked(scorer, *events, most=1_030_000_000)[0]
    assert not looked(scorer, *events, most=1_029_999_999)[0]


def test_batches_longer_than_a_pass_are_looked_at_to_their_end(scorer):
    events = [order(f"s{i % 350}", f"o{i}", 2) for i in range(700)]
    plain, rows, places, _, firsts, counts = looked(scorer, *events)
    assert plain
    assert rows == [2 + i % 350 for i in range(700)]
    assert places == list(range(700))
    assert firsts == list(range(350))
    assert counts == [700, 350, 0, 0, 0]
    assert not looked(scorer, *events, order("c0", "a", 20))[0]
    assert looked(scorer, *events, order("c0", "a", 2), events[0])[5] == [700, 350, 2, 0, 0]
