from __future__ import annotations

from dataclasses import replace

import numpy as np
from events import DAY, START, UNIT, enquiry, erase, order
from scorer import GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Standing, Transition
from stream_rfm.table import settling
from stream_rfm.table.moves import AFTER, CAUSE, CAUSES, LINES, MONETARY, SEQUENCE, Moves

RULES = Rules(GRID, window=None)


def test_every_cause_has_a_number():
    assert [CAUSES[CAUSE[cause]] for cause in Cause] == list(Cause)


def test_a_move_becomes_the_transition_that_it_is():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 0, 10), order("c0", "b", 1, 25)])
    one, two = scorer.transitions()
    assert one == Transition(
        customer_id="c0",
        sequence=1,
        source=None,
        target="newcomer",
        cause=Cause.ORDER,
        order_id="a",
        before=None,
        after=Standing(3, 1, 1, 0, 1, 10 * UNIT),
        quantiles_version=1,
        effective_at=START,
    )
    assert (two.before, two.source) == (one.after, one.target)
    assert two.after == Standing(3, 2, 2, 0, 2, 35 * UNIT)
    assert two.effective_at == START + DAY


def test_who_never_bought_has_no_recency():
    scorer = Scorer(RULES)
    scorer.count([enquiry("c0", 0)])
    [entered] = scorer.transitions()
    assert entered.after == Standing(0, 0, 0, None, 0, 0)


def test_who_is_erased_stands_nowhere():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 0), erase("c0", 1)])
    assert (scorer.transitions()[1].after, scorer.transitions()[1].target) == (None, None)


def test_ids_may_be_any_text():
    scorer = Scorer(RULES)
    scorer.count([order("ü€\0", "é", 0)])
    [entered] = scorer.transitions()
    assert (entered.customer_id, entered.order_id) == ("ü€\0", "é")


def test_standings_are_taken_by_their_places():
    scorer = Scorer(RULES)
    for number in range(4):
        scorer.count([order(f"c{number}", "a", 0, number)])
    every = scorer.store.standings(np.arange(4))
    assert every.take(np.array([3, 0])).monetary.tolist() == [3 * UNIT, 0]


def test_moves_put_together_are_those_of_each_in_turn():
    scorer = Scorer(RULES)
    for day in range(3):
        scorer.count([order(f"c{day + each}", f"{day}-{each}", day, 10 + 25 * day) for each in range(3)])
    parts = scorer.changes.moves
    assert len(parts) == 3
    joined = Moves.joined(parts)
    assert len(joined) == sum(map(len, parts))
    assert list(joined.transitions(GRID)) == scorer.transitions()
    assert Moves.joined(parts[:1]) is parts[0]


def test_lines_are_the_columns_whether_counting_left_them_or_not(monkeypatch):
    for load in (lambda: monkeypatch.setattr(settling.COMPILED, "way", None), settling.COMPILED.load):
        load()
        scorer = Scorer(RULES)
        scorer.count([order("c0", "a", 0, 10), order("c1", "b", 1, 25), order("c0", "c", 2, 90)])
        for moves in scorer.changes.moves:
            lines = replace(moves, said=None).lines()
            assert lines.shape == (LINES, len(moves))
            assert moves.lines().tolist() == lines.tolist()
            assert lines[SEQUENCE].tolist() == moves.sequence.tolist()
            assert lines[AFTER + MONETARY].tolist() == moves.after.monetary.tolist()
