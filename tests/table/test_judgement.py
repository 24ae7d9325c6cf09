from __future__ import annotations

import numpy as np
from events import START, UNIT, batch_of, order
from scorer import GRID, SCORED

from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause
from stream_rfm.table.groups import Groups
from stream_rfm.table.judgement import Settled, judge
from stream_rfm.table.moves import CAUSE
from stream_rfm.table.store import Changes, Store

RULES = Rules(GRID, window=None)
EVENTS = [order("c1", "x", 0), order("c0", "y", 0), order("c1", "z", 0)]


def judged(store: Store, *, frequency=(1, 1, 2), monetary=(5, 5, 100)) -> Changes:
    """Settle one order of the customer in row 0 and two of the one in row 1."""
    if not store.customers.count:
        digests = batch_of(EVENTS).digest
        store.customers.add(digests[[1, 0]], [b"c0", b"c1"])
    rows = np.array([0, 1, 1])
    settled = Settled(
        groups=Groups(rows),
        last=np.full(3, START),
        frequency=np.array(frequency),
        monetary=np.array(monetary) * UNIT,
        orders=np.ones(3, np.int64),
        amounts=np.full(3, 5 * UNIT),
        as_of=np.array([START, START, START + 1]),
        cause=np.full(3, CAUSE[Cause.ORDER], np.uint8),
        place=np.array([1, 0, 2]),
    )
    return judge(store, SCORED, settled, batch_of(EVENTS))


def test_the_last_value_of_each_customer_is_written():
    store = Store(RULES)
    judged(store)
    c = store.customers
    assert c.frequency[:2].tolist() == [1, 2]
    assert c.monetary[:2].tolist() == [5 * UNIT, 100 * UNIT]
    assert c.scored_at[:2].tolist() == [START, START + 1]
    assert [GRID.names[place] for place in c.segment[:2]] == ["newcomer", "prospective"]
    assert list(zip(c.r[:2], c.f[:2], c.m[:2], strict=True)) == [(3, 1, 1), (3, 2, 3)]


def test_moves_come_in_the_order_of_the_topic_with_the_orders_that_caused_them():
    [moves] = judged(Store(RULES)).moves
    found = [(t.customer_id, t.sequence, t.order_id, t.target) for t in moves.transitions(GRID)]
    assert found == [
        ("c1", 1, "x", "newcomer"),
        ("c0", 1, "y", "newcomer"),
        ("c1", 2, "z", "prospective"),
    ]


def test_each_transition_begins_where_the_one_before_ended():
    [moves] = judged(Store(RULES)).moves
    first, _, second = moves.transitions(GRID)
    assert second.before == first.after
    assert second.source == first.target


def test_what_did_not_change_is_no_news():
    store = Store(RULES)
    judged(store)
    store.take_touched()
    changes = judged(store, frequency=(1, 2, 2), monetary=(5, 100, 100))
    assert changes.moves == []
    assert changes.rows().tolist() == []
    assert store.take_touched().tolist() == []


def test_a_change_of_digits_alone_is_revision_and_no_sequence():
    store = Store(RULES)
    judged(store)
    store.take_touched()
    revision = store.customers.revision[:2].tolist()
    changes = judged(store, frequency=(1, 2, 2), monetary=(5, 50, 50))
    assert changes.moves == []
    assert changes.rows().tolist() == store.take_touched().tolist() == [1]
    assert store.customers.revision[:2].tolist() == [revision[0], revision[1] + 1]
    assert store.customers.sequence[:2].tolist() == [1, 2]
