"""What is written from columns is what messages of the same say, byte for byte."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, START, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from read_back import messages_of
from scorer import GRID, Scorer, rules
from test_transition_texts import LATEST, random_moves

from stream_rfm.model import instant
from stream_rfm.model.rules import Rules
from stream_rfm.stream import columns
from stream_rfm.stream.batches import BATCH_BYTES
from stream_rfm.stream.publication import Publication, living
from stream_rfm.stream.record_batches import Records
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.journal import Journal, Told
from stream_rfm.table.texts import Texts

RULES = Rules(GRID)


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    monkeypatch.setattr(columns.CUSTOMERS, "way", None)
    columns.use_compiled()


def plain(messages):
    """Messages as they are read back."""
    return [(key, value, [*headers]) for key, value, headers in messages]


def run(*parts):
    for part in parts:
        for _ in part:
            pass


def transitions(publication, moves, detected_at):
    records = Records()
    run(publication.columns.transitions(records, moves, detected_at))
    return messages_of(records)


def in_a_buffer(moves):
    """The same moves, their ids in one buffer with others between."""

    def texts(values, read):
        some = [
            None if each is None else each if isinstance(each, bytes) else each.encode() for each in values
        ]
        between = [part for each in some for part in (b"?", each)]
        return Texts.of(between, read)[1::2]

    return replace(moves, ids=texts(moves.ids, bytes), order_ids=texts(moves.order_ids, bytes.decode))


@settings(max_examples=200)
@given(random_moves(), st.sampled_from(["high", "low"]), st.integers(0, LATEST))
def test_any_transitions(moves, best, detected_at):
    publication = Publication(replace(RULES, best=best), "shop")
    expected = plain(publication.transitions(moves, detected_at))
    assert transitions(publication, moves, detected_at) == expected
    assert transitions(publication, in_a_buffer(moves), detected_at) == expected


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20))
def test_those_of_histories(history, rules, days):
    scorer, publication, records = Scorer(rules), Publication(rules, "shop"), Records()
    scorer.count(history)
    scorer.rescore(after=days * DAY)
    expected = []
    for moves in scorer.changes.moves:
        run(publication.columns.transitions(records, moves, START))
        expected += plain(publication.transitions(moves, START))
    assert messages_of(records) == expected
    everybody = np.arange(scorer.store.customers.count)
    records = Records()
    records.add(expected[:1])
    run(publication.columns.segments(records, scorer.store, everybody, 3))
    shown = publication.segments([(scorer.store, living(scorer.store, everybody), 3)])[0]
    assert messages_of(records) == [*expected[:1], *plain(shown)]
    told = Told([], everybody, 7, [(b"m", b"marker")])
    records = Records()
    run(publication.columns.customers(records, scorer.store, everybody, 7))
    records.add([(b"m", b"marker", [])])
    assert messages_of(records) == [(key, value, []) for key, value in told.records(scorer.store.customers)]


def filled(values):
    """A store with a customer for each value, all columns of whom are set to it, as far as it goes in."""
    scorer = Scorer(RULES)
    scorer.count([order(f"ü{number}\n", "a", 0) for number in range(len(values))])
    customers = scorer.store.customers
    for name in ("sequence", "revision", "version", "lifetime_orders"):
        column = getattr(customers, name)[: len(values)]
        column[:] = np.minimum(values, np.iinfo(column.dtype).max)
    for name in ("last", "last_forgotten", "lifetime_monetary"):
        getattr(customers, name)[: len(values)] = values
    customers.scored_at[: len(values)] = np.clip(values, 0, LATEST)
    return scorer.store


@given(st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 300) | st.just(2**32 - 1), min_size=1, max_size=5))
def test_any_numbers_of_customers(values):
    store, publication, records = filled(np.array(values)), Publication(RULES, "shop"), Records()
    rows = np.arange(len(values))
    store.customers.last[0], store.customers.lifetime_monetary[0] = NEVER, -(2**63)
    run(publication.columns.segments(records, store, rows, 123))
    shown = plain(publication.segments([(store, rows, 123)])[0])
    assert messages_of(records) == shown
    records = Records()
    run(publication.columns.customers(records, store, rows, 2**62))
    told = Told([], rows, 2**62).records(store.customers)
    assert messages_of(records) == [(key, value, []) for key, value in told]


def test_nobody_and_who_stands_nowhere_have_no_segment():
    store, publication, records = filled(np.arange(4)), Publication(RULES, "shop"), Records()
    store.customers.erase(1)
    store.customers.segment[2] = NO_SEGMENT
    named = store.customers.ids_of(np.arange(4))
    run(publication.columns.segments(records, store, np.arange(4), 0))
    assert [key for key, _, _ in messages_of(records)] == [named[0], named[3]]
    records = Records()
    run(publication.columns.customers(records, store, np.arange(4), 0))
    assert [key for key, _, _ in messages_of(records)] == [b"c" + named[row] for row in (0, 2, 3)]


def test_many_go_into_as_many_batches_as_they_need_in_order():
    scorer, publication, records = Scorer(RULES), Publication(RULES, "shop"), Records()
    [moves] = scorer.count([order(f"customer-{number:05}", f"o{number}", 0) for number in range(4_321)]).moves
    turns = sum(1 for _ in publication.columns.transitions(records, moves, START))
    assert turns >= 3
    batches = records.batches()
    sizes = [len(batch._build()) for batch in batches]
    assert len(batches) == 1 + sum(sizes) // BATCH_BYTES > 2
    assert max(sizes) <= BATCH_BYTES
    assert messages_of(records) == plain(publication.transitions(moves, START))


def test_the_longest_ids_are_escaped_wherever_they_stand():
    scorer, publication = Scorer(RULES), Publication(RULES, "s" * 300)
    [moves] = scorer.count([order("\x01" * 256, "\x02" * 256, day) for day in range(1)] * 9).moves
    moves.ids, moves.order_ids = [b"\x01" * 256] * len(moves), ["\x02" * 256] * len(moves)
    assert transitions(publication, moves, LATEST) == plain(publication.transitions(moves, LATEST))


def test_ages_that_no_float_holds_are_written_as_one_by_one():
    scorer, publication = Scorer(RULES), Publication(RULES, "shop")
    [moves] = scorer.count([order("c", "a", 0)]).moves
    moves.after.last[:], moves.after.as_of[:] = 1, instant.parse("2400-01-01T00:00:00.000003Z")
    moves.said = None
    assert transitions(publication, moves, START) == plain(publication.transitions(moves, START))


def test_what_the_journal_tells_is_told_by_both_alike():
    scorer = Scorer(RULES)
    scorer.count([order(f"c{number}", "a", 0) for number in range(9)])
    told = Journal(scorer.store).told([], 0)
    records = Records()
    records.add([(key, value, []) for key, value in told.before])
    run(Publication(RULES, "shop").columns.customers(records, scorer.store, told.rows, told.through))
    assert [(key, value) for key, value, _ in messages_of(records)] == told.records(scorer.store.customers)


def test_without_numba_nothing_is_written_so(monkeypatch):
    monkeypatch.setattr(columns.CUSTOMERS, "way", None)
    monkeypatch.setitem(sys.modules, "stream_rfm.stream.transition_records", None)
    with pytest.raises(ImportError):
        columns.use_compiled()
    assert not columns.is_compiled()
