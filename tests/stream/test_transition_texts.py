"""The bytes that come out are those of the plain statement of what a transition is."""

from dataclasses import replace

import msgspec
import numpy as np
from events import DAY, OF_CUSTOMERS, START, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, Scorer, rules

from stream_rfm.model import instant, money, transition
from stream_rfm.model.era import Era
from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.stream.transition_texts import texts_of
from stream_rfm.stream.words import Words
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.former import Former
from stream_rfm.table.moves import CAUSES, Moves, Standings

RULES = Rules(GRID)
LATEST = instant.parse("9999-12-31T23:59:59.999999Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@st.composite
def standings(draw, count):
    def column(values, kind=np.int64):
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), kind)

    scored = column(st.booleans())
    scores = [column(st.integers(1, GRID.levels)) * scored for _ in range(3)]
    r, f, m = (each.astype(np.uint8) for each in scores)
    at = st.integers(0, LATEST)
    return Standings(
        r=r,
        f=f,
        m=m,
        segment=column(st.sampled_from([*range(len(GRID.names)), NO_SEGMENT]), np.uint16),
        last=column(st.just(NEVER) | at),
        frequency=column(st.integers(0, 2**31 - 1), np.int32),
        monetary=column(st.integers(-money.LARGEST_SUM, money.LARGEST_SUM)),
        as_of=column(at),
    )


@st.composite
def random_moves(draw):
    count = draw(st.integers(0, 6))

    def many(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    return Moves(
        ids=[text.encode() for text in many(texts)],
        order_ids=many(st.none() | texts),
        sequence=np.array(many(st.integers(1, 2**32 - 1)), np.uint32),
        cause=np.array(many(st.integers(0, len(CAUSES) - 1)), np.uint8),
        before=draw(standings(count)),
        after=draw(standings(count)),
        stamp=np.zeros(count, np.int64),
        version=np.array(many(st.integers(0, 2**32 - 1)), np.uint32),
        revision=np.array(many(st.integers(0, 2**32 - 1)), np.uint32),
    )


def assert_plain(moves, rules, detected_at=START):
    """One by one they say the same, byte for byte."""
    found = texts_of(moves, Words(rules, moves.former), detected_at)
    plain = list(moves.transitions(rules.grid))
    assert found.ids == [each.event_id.encode() for each in plain]
    assert found.times == [instant.iso(each.effective_at).encode() for each in plain]
    assert found.values == [
        msgspec.json.encode(transition.to_document(each, rules, detected_at)) for each in plain
    ]


@settings(max_examples=200)
@given(random_moves(), st.sampled_from(["high", "low"]), st.integers(0, LATEST))
def test_any_transitions(moves, best, detected_at):
    assert_plain(moves, replace(RULES, best=best), detected_at)


@settings(max_examples=30)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20))
def test_those_of_histories(history, rules, days):
    scorer = Scorer(rules)
    scorer.count(history)
    scorer.rescore(after=days * DAY)
    for moves in scorer.changes.moves:
        assert_plain(moves, rules)


def test_those_of_customers_who_stood_by_former_rules():
    scorer = Scorer(RULES)
    scorer.count([order(f"c{number}", "a", number, number) for number in range(9)])
    [moves] = scorer.changes.moves
    former = Former(scorer.store.customers, scorer.store.entries, [Era.of(RULES, 0)], None)
    ours = Rules(load("classic-5"), best="low")
    assert_plain(replace(moves, before=scorer.store.standings(np.arange(9)), former=former), ours)
