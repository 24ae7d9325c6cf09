from __future__ import annotations

import sys

import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, batch_of, cut, decoded, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, SCORED, UNSCORED, Scorer, rules, sizes, versions

from stream_rfm.model import money
from stream_rfm.model.rules import Rules
from stream_rfm.table import hash_index, plain, settling, slots
from stream_rfm.table.moves import STANDING

RULES = Rules(GRID, window=30 * DAY)


@pytest.fixture(autouse=True)
def ways(monkeypatch):
    """What is compiled is there, and may be taken away."""
    # What is looked up is not what is compared here, and numpy takes most of the time for it.
    monkeypatch.setattr(hash_index.COMPILED, "way", slots)
    hash_index.COMPILED.load()
    monkeypatch.setattr(settling.COMPILED, "way", None)
    monkeypatch.setattr(plain.LOOKING, "way", None)
    settling.COMPILED.load()


def told(scorer: Scorer) -> list:
    """All that is known of customers, and all that was said of them."""
    customers = scorer.store.customers
    rows = [customers.rows[name][: customers.count].tolist() for name in customers.rows.dtype.names]
    return [rows, scorer.transitions(), scorer.changes.rows().tolist(), scorer.changes.tallies]


def counted(history, rules, version, sizes, *, compiled: bool) -> list:
    way = settling.COMPILED.way
    settling.COMPILED.way = way if compiled else None
    try:
        scorer = Scorer(rules, version)
        for part in cut(history, sizes):
            scorer.count(history[part])
        return [*told(scorer), scorer.store.take_touched().tolist()]
    finally:
        settling.COMPILED.way = way


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS, late=True), rules, versions, sizes)
def test_in_turn_is_as_in_columns(history, rules, version, sizes):
    in_turn, in_columns = (
        counted(history, rules, version, sizes, compiled=compiled) for compiled in (True, False)
    )
    assert in_turn == in_columns


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), versions)
def test_in_large_batches_too(random, version):
    numbers = [random.getrandbits(16) for _ in range(600)]
    history = decoded(numbers, kinds=OF_CUSTOMERS, customers=40)
    in_turn, in_columns = (
        counted(history, RULES, version, [300], compiled=compiled) for compiled in (True, False)
    )
    assert in_turn == in_columns


def test_columns_of_moves_are_integers_whoever_counted():
    said = []
    for compiled in (True, False):
        if not compiled:
            settling.COMPILED.way = None
        scorer = Scorer(RULES, SCORED)
        [moves] = scorer.count([order("c0", "x", 0, 100), order("c1", "y", 1)]).moves
        columns = [moves.sequence, moves.cause, moves.version, moves.revision, moves.stamp]
        for standings in (moves.before, moves.after):
            columns += [getattr(standings, name) for name in STANDING]
        assert all(column.dtype.kind in "iu" for column in columns)
        said.append([column.tolist() for column in columns])
    assert said[0] == said[1]


def test_money_that_might_not_fit_is_said_beforehand():
    store, rows = Scorer(RULES, UNSCORED).store, np.zeros(1, np.int64)
    store.customers.add(np.ones((1, 2), np.uint64), [b"c0"])
    batch = batch_of([order("c0", "x", 0)])
    store.customers.lifetime_monetary[0] = money.LARGEST_SUM - int(batch.amount[0])
    assert settling.fits(store, batch, rows, rows)
    store.customers.lifetime_monetary[0] *= -1
    assert settling.fits(store, batch, rows, rows)
    store.customers.monetary[0] = money.LARGEST_SUM
    assert not settling.fits(store, batch, rows, rows)


def test_without_numba_it_is_done_in_columns(monkeypatch):
    monkeypatch.setattr(settling.COMPILED, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.table.settling_compiled", None)
    with pytest.raises(ImportError):
        settling.COMPILED.load()
    assert not settling.is_compiled()
    assert Scorer(RULES, SCORED).count([order("c0", "x", 0)]).rows().tolist() == [0]


def test_the_facts_of_a_version_are_made_once():
    evaluator = Scorer(RULES, SCORED).store.evaluator
    assert evaluator.facts(SCORED) is evaluator.facts(SCORED)
    assert evaluator.facts(SCORED)[0].tolist() == [list(cuts.thresholds) for cuts in SCORED.cuts]
    assert evaluator.facts(UNSCORED)[2][1] == 0
