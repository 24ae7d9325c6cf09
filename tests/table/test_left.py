from __future__ import annotations

import numpy as np
from events import DAY, OF_CUSTOMERS, START, histories, order
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scorer import GRID, Scorer

from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.table.groups import Groups, stable_order
from stream_rfm.table.left import NOTHING_LEFT, Left

WINDOW = 10 * DAY
RULES = Rules(GRID, window=WINDOW, dedupe=20 * DAY)


@given(
    histories(kinds=OF_CUSTOMERS),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3 * DAY), st.booleans()), min_size=1, max_size=8),
)
@settings(max_examples=60)
def test_each_entry_goes_with_its_customers_first_event_behind_its_leaving(history, coming):
    scorer = Scorer(RULES)
    scorer.count(history)
    entries, known = scorer.store.entries, scorer.store.customers.count
    assume(known)
    rows = np.array([row % known for row, _, _ in coming])
    as_of = scorer.clock + np.cumsum([pause for _, pause, _ in coming])
    where = np.flatnonzero([is_asked for _, _, is_asked in coming])
    where = where[stable_order(rows[where])]
    if not len(where):
        return
    left = Left.before(entries, WINDOW, as_of, where, Groups(rows[where]))
    expected = {}
    for position in entries.leaving(int(as_of[-1]) - WINDOW).tolist():
        own = [
            number
            for number, place in enumerate(where.tolist())
            if rows[place] == entries.row[position] and as_of[place] - WINDOW >= entries.at[position]
        ]
        if own:
            expected[position] = min(own)
    assert dict(zip(left.positions.tolist(), left.place.tolist(), strict=True)) == expected
    assert left.orders.tolist() == [entries.kind[position] == Kind.ORDER for position in expected]
    assert left.money.tolist() == [entries.amount[position] for position in expected]


def test_nothing_leaves_where_all_is_inside():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "x", 0)])
    as_of = np.array([START])
    groups = Groups(np.array([0]))
    assert Left.before(scorer.store.entries, WINDOW, as_of, np.array([0]), groups) is NOTHING_LEFT
