"""A customer with a million orders in the window costs no more than one who has a few."""

import pytest
from driver import compact, restored
from events import DAY, HOUR, START, batch_of, cancel, order, refund
from scorer import GRID

from stream_rfm.model.rules import Rules
from stream_rfm.table.clock import Clock
from stream_rfm.table.counting import Counting
from stream_rfm.table.partition import Partition

pytestmark = pytest.mark.usefixtures("counting")

RULES, CLOCK = Rules(GRID, window=365 * DAY, dedupe=7 * DAY), Clock("wall", HOUR)
BATCH = 4000


def counted(orders):
    """A partition whose only customer has so many orders, and its changelog after compaction."""
    partition, changelog = Partition(0, RULES, CLOCK), {}
    template = batch_of([order("c0", "o", 0)] * BATCH)
    for first in range(0, orders, BATCH):
        template.key[:] = template.order[:] = range(1 + first, 1 + first + BATCH)
        template.at[:] = range(START + first * 1000, START + (first + BATCH) * 1000, 1000)
        partition.advance(template, START + DAY)
        compact(changelog, partition.records([]))
    return partition, changelog


@pytest.fixture(scope="module")
def hot():
    return counted(1_000_000)


EVENTS = [
    [order("c0", "x", 1)],
    [order("c0", "x", 1)],
    [refund("c0", "x", 1, 3, "r")],
    [cancel("c0", "x", 1)],
    [order("c0", f"y{number}", 1) for number in range(500)],
    [cancel("c0", f"y{number}", 1) for number in range(100)],
]


def bytes_of(partition):
    """What the changelog is told of each step, in bytes; a thousandth order's counters are a byte longer."""
    told = []
    for events in EVENTS:
        partition.advance(batch_of(events), START + DAY)
        told.append(sum(len(key) + len(value or b"") for key, value in partition.records([])))
    return told


def test_restored_it_is_the_same_and_each_event_costs_as_many_bytes_as_anyones(hot):
    partition, changelog = hot
    again = restored(changelog, 0, RULES, CLOCK)
    assert again.store.customers.frequency[0] == partition.store.customers.frequency[0] == 1_000_000
    assert len(changelog) < 1_000
    few, _ = counted(BATCH)
    assert bytes_of(again) == pytest.approx(bytes_of(few), abs=8)
    assert again.store.customers.frequency[0] == 1_000_400


def test_orders_between_cancels_are_counted_together(hot, monkeypatch):
    partition = restored(hot[1], 0, RULES, CLOCK)
    calls = []
    count = Counting.count
    monkeypatch.setattr(Counting, "count", lambda self, where: calls.append(len(where)) or count(self, where))
    events = [order("c0", f"z{number}", 1) for number in range(900)]
    events[300], events[600] = cancel("c0", "z9", 1), cancel("c0", "z8", 1)
    partition.advance(batch_of(events), START + DAY)
    assert calls == [300, 299, 299]
    assert partition.store.customers.frequency[0] == 1_000_896
