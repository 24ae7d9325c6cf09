from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from events import DAY, HOUR, UNIT, batch_of, cancel, cut, decoded, enquiry, erase, histories, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, SCORED, Scorer, rules, sizes, versions

from stream_rfm.model import money
from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.table import hash_index, plain, settling, slots
from stream_rfm.table.entry_columns import CHUNK

PLAIN = (Kind.ORDER, Kind.REFUND)
NO_ERASE = (*PLAIN, Kind.CANCEL)
RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)


class Looks:
    """Counts batches, and says how many of them were plain."""

    def __init__(self) -> None:
        self.plain = self.all = 0
        self.count = plain.count

    def __call__(self, *given):
        changes = self.count(*given)
        self.all += 1
        self.plain += changes is not None
        return changes


@pytest.fixture(autouse=True)
def looks(monkeypatch):
    """What is compiled is there."""
    for module in (settling.COMPILED, plain.ADDING, plain.APPENDING, plain.LOOKING):
        monkeypatch.setattr(module, "way", None)
    # What is looked up is not what is compared here, and numpy takes most of the time for it.
    monkeypatch.setattr(hash_index.COMPILED, "way", slots)
    hash_index.COMPILED.load()
    plain.use_compiled()
    counted = Looks()
    monkeypatch.setattr(plain, "count", counted)
    return counted


def told(scorer: Scorer) -> list:
    """All that a store holds of customers and entries, in order, and all that was said of it."""
    store = scorer.store
    customers, entries = store.customers, store.entries
    rows = [customers.rows[name][: customers.count].tolist() for name in customers.rows.dtype.names]
    columns = [
        getattr(entries, name)[: entries.count].tolist()
        for name in ("at", "amount", "key", "row", "kind", "flags")
    ]
    chunks = [entries._of_chunks(each).tolist() for each in (entries._oldest, entries._newest)]
    found = entries.find(
        entries.key[: entries.count],
        entries.row[: entries.count],
        entries.kind[: entries.count],
        np.full(entries.count, -1),
    )
    return [
        customers.ids_of(np.arange(customers.count)),
        *(rows, columns, chunks, found.tolist(), entries.refunds_of, store.take_refunds()),
        *(store.take_touched().tolist(), scorer.transitions(), scorer.changes.rows().tolist()),
        {name: count for name, count in scorer.changes.tallies.items() if count},
        scorer.changes.rejected,
    ]


def counted(parts, rules=RULES, version=SCORED, *, compiled: bool, every: int = 0) -> list:
    look = plain.LOOKING.way
    plain.LOOKING.way = look if compiled else None
    try:
        scorer = Scorer(rules, version)
        for number, part in enumerate(parts, 1):
            scorer.count(part)
            if every and number % every == 0:
                scorer.rescore(HOUR)
        return told(scorer)
    finally:
        plain.LOOKING.way = look


def assert_alike(parts, *with_, **named) -> None:
    assert counted(parts, *with_, compiled=True, **named) == counted(parts, *with_, compiled=False, **named)


@settings(max_examples=100)
@given(histories(kinds=PLAIN, late=True), rules, versions, sizes, st.integers(0, 3))
def test_it_says_and_holds_what_it_does_otherwise(history, rules, version, sizes, every):
    assert_alike([history[part] for part in cut(history, sizes)], rules, version, every=every)


@settings(max_examples=60)
@given(histories(late=True, kinds=(*PLAIN, Kind.CANCEL, Kind.ENQUIRY, Kind.ERASE)), rules, versions, sizes)
def test_it_does_so_where_only_some_of_it_is_plain(history, rules, version, sizes):
    assert_alike([history[part] for part in cut(history, sizes)], rules, version)


@settings(max_examples=100)
@given(histories(kinds=NO_ERASE, late=True, customers=2), rules, versions, sizes)
def test_it_does_so_for_few_customers_with_the_same_ids_again_and_again(history, rules, version, sizes):
    assert_alike([history[part] for part in cut(history, sizes)], rules, version)


def many(seed: int, count: int, customers: int, *, amounts=(10, 20, 35.5)) -> list:
    """Orders of many customers, each with an id of its own but for some that are sent twice, and refunds."""
    rng = np.random.default_rng(seed)
    events: list = []
    for number in range(count):
        what, customer = rng.random(), f"c{rng.integers(customers)}"
        if events and what < 0.03:
            events.append(events[int(rng.integers(max(0, len(events) - 400), len(events)))])
        elif events and what < 0.08:
            of = events[int(rng.integers(len(events)))]
            events.append(
                refund(of.customer_id, of.order_id, number / 1e5, 1, f"r{number}" if number % 2 else None)
            )
        else:
            events.append(order(customer, f"o{number}", number / 1e5, rng.choice(amounts)))
    return events


@pytest.mark.parametrize("amounts", [(10, 20.25), (0.000001, 7), (1, 3_000.5, 0.000_003), (1, 5_000_000_000)])
def test_it_does_so_over_chunks_and_while_tables_grow(amounts, looks):
    history = many(1, 3 * CHUNK, 4_000, amounts=amounts)
    parts = [history[part] for part in cut(history, [500, 1, 7, 1_300, 100])]
    assert_alike(parts)
    assert looks.plain == len(parts)


def test_it_does_so_where_the_index_keeps_much_beside(monkeypatch, looks):
    monkeypatch.setattr(hash_index, "_FULL", 1.1)
    history = many(2, 6_000, 3_000)
    parts = [history[part] for part in cut(history, [300, 11])]
    assert_alike(parts)
    assert looks.plain == len(parts)
    scorer, most = Scorer(RULES), [0, 0]
    for part in parts:
        scorer.count(part)
        held = (scorer.store.entries._index, scorer.store.customers._index)
        most = [max(known, len(index._beside[0])) for known, index in zip(most, held, strict=True)]
    assert min(most) > 100


def test_it_does_so_where_rows_at_the_front_are_dropped(looks):
    history = many(3, 9_000, 500)
    scorers = []
    for compiled in (True, False):
        plain.LOOKING.way = plain.LOOKING.way if compiled else None
        scorer = Scorer(RULES)
        for number, part in enumerate(cut(history, [400])):
            scorer.count(history[part])
            if number == 14:
                scorer.store.entries.drop(CHUNK + 100)
        scorers.append(told(scorer))
    assert scorers[0] == scorers[1]
    assert looks.plain == 23


def prepared(*events, rules=RULES) -> Scorer:
    scorer = Scorer(rules)
    if events:
        scorer.count(events)
    return scorer


def is_plain(scorer: Scorer, *events, as_of=None) -> bool:
    """Whether a batch is plain; if it is not, nothing may have changed."""
    _, before = told(scorer), told(scorer)
    clock = np.maximum.accumulate([max(scorer.clock, event.at) for event in events])
    as_of = clock if as_of is None else np.array(as_of)
    changes = plain.count(scorer.store, batch_of(events), as_of, scorer.version)
    assert changes is not None or told(scorer) == before
    return changes is not None


def test_orders_and_refunds_are_plain():
    scorer = prepared(order("c0", "x", 0))
    assert is_plain(scorer, order("c0", "y", 1), refund("c1", "x", 1), refund("c0", "x", 1, 5, "r"))


def test_of_what_is_sent_twice_the_first_counts():
    scorer = prepared(order("c0", "x", 0, 5))
    twice = order("c1", "y", 1, 5)
    scorer.count([order("c0", "x", 1, 5), twice, twice, refund("c1", "y", 1, 2), order("c2", "y", 1, 3)])
    assert scorer.changes.tallies["duplicate"] == 2
    assert scorer.store.customers.monetary[:3].tolist() == [5 * UNIT, 3 * UNIT, 3 * UNIT]
    assert is_plain(scorer, *[order("c0", "x", 1, 5)] * 3)
    assert scorer.store.entries.count == 4


@pytest.mark.parametrize(
    "odd", [cancel("c0", "x", 1), erase("c0", 1), enquiry("c0", 1), enquiry("c1", 1), erase("c9", 1)]
)
def test_other_kinds_are_not(odd):
    assert not is_plain(prepared(order("c0", "x", 0)), order("c1", "y", 1), odd)


def test_an_id_seen_long_ago_is_not():
    assert not is_plain(prepared(order("c0", "x", 0)), order("c0", "x", 8))
    assert is_plain(prepared(order("c0", "x", 0)), order("c0", "x", 7))
    assert is_plain(prepared(order("c0", "x", 0)), order("c1", "x", 8))
    apart = (order("c0", "x", 0), order("c0", "x", 8))
    assert not is_plain(prepared(), *apart, as_of=[apart[1].at] * 2)


def test_what_has_to_do_with_a_cancelled_order_is_not():
    scorer = prepared(order("c0", "x", 0), order("c0", "y", 0), cancel("c0", "x", 1), cancel("c0", "z", 1))
    assert is_plain(scorer, order("c0", "w", 1), refund("c0", "y", 1), order("c1", "x", 1))
    assert not is_plain(scorer, refund("c0", "x", 1))
    assert not is_plain(scorer, order("c0", "z", 1))
    assert not is_plain(scorer, refund("c0", "z", 1, 1, "r"))


def test_customers_of_whom_something_leaves_the_window_are_not():
    scorer = prepared(order("c0", "x", 0), order("c1", "y", 1))
    assert not is_plain(scorer, order("c0", "z", 30))
    assert is_plain(scorer, order("c1", "z", 30))
    late = (order("c2", "a", 2), order("c2", "b", 32))
    assert not is_plain(scorer, *late)
    # Whoever comes too late is not in the window at all.
    assert is_plain(scorer, order("c2", "b", 32))
    unlimited = prepared(order("c0", "x", 0), rules=replace(RULES, window=None))
    assert is_plain(unlimited, order("c0", "z", 3_000))


def test_an_id_that_is_forgotten_is_not_seen_before():
    scorer = prepared(order("c0", "x", 0))
    scorer.rescore(31 * DAY)
    assert is_plain(scorer, order("c0", "x", 5))
    assert scorer.store.entries.count == 2


def test_of_orders_with_one_id_the_one_that_is_remembered_says_whether_a_refund_is_void():
    again = (order("c0", "x", 0), order("c0", "x", 31), cancel("c0", "x", 31), refund("c0", "x", 31))
    parts = [[event] for event in again]
    assert_alike(parts)
    assert counted(parts, compiled=True)[-2] == {"void": 1}


def test_what_is_forgotten_already_is_not():
    scorer = prepared(order("c0", "x", 40))
    assert not is_plain(scorer, order("c1", "y", 10))
    scorer.store.forgotten = order("c1", "y", 38).at
    assert not is_plain(scorer, order("c1", "y", 38))
    assert is_plain(scorer, order("c1", "y", 39))


def test_money_that_might_not_fit_is_not():
    scorer = prepared(order("c0", "x", 0))
    room = money.LARGEST_SUM // UNIT - 10
    assert not is_plain(scorer, order("c0", "y", 1, room), order("c1", "z", 1, room))
    assert not is_plain(scorer, order("c0", "y", 1, room * 1.01))
    scorer.store.customers.lifetime_monetary[0] = -money.LARGEST_SUM
    assert not is_plain(scorer, order("c0", "y", 1))
    assert is_plain(scorer, order("c1", "y", 1))


def test_customers_by_former_rules_are_not():
    scorer = prepared(order("c0", "x", 0))
    scorer.store.former = object()
    assert not is_plain(scorer, order("c0", "y", 1))


def test_who_was_erased_is_a_stranger():
    scorer = prepared(order("c0", "x", 0), erase("c0", 1))
    assert is_plain(scorer, order("c0", "x", 1))
    assert scorer.store.customers.count == 2


def test_without_numba_nothing_is_plain(monkeypatch):
    monkeypatch.setattr(plain.LOOKING, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.plain_compiled", None)
    with pytest.raises(ImportError):
        plain.use_compiled()
    assert not is_plain(prepared(), order("c0", "x", 0))


@settings(max_examples=5)
@given(st.randoms(use_true_random=False), rules, versions)
def test_large_batches_of_many_customers_too(random, rules, version):
    history = decoded([random.getrandbits(40) for _ in range(900)], kinds=PLAIN, customers=16, late=True)
    assert_alike([history[part] for part in cut(history, [300, 40])], rules, version)
