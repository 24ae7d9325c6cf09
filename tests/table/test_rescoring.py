from __future__ import annotations

from dataclasses import replace

import pytest
from driver import transitions_of
from events import DAY, OF_CUSTOMERS, START, UNIT, enquiry, erase, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_customer
from scorer import CUTS, GRID, SCORED, UNSCORED, Scorer, rules

from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.rescoring import Rescoring
from stream_rfm.table.store import Changes

RULES = Rules(GRID, window=30 * DAY)


def counted(*events, rules=RULES, version=SCORED) -> Scorer:
    scorer = Scorer(rules, version)
    scorer.count(events)
    return scorer


def rescored(scorer: Scorer, new: Version, rows: int = 100, **options) -> Changes:
    rescoring, changes = Rescoring(scorer.store, scorer.version, new, **options), Changes()
    assert rescoring.version is new
    while not rescoring.done:
        changes.add(rescoring.step(rows))
    return changes


def as_of(day: float, number: int = 2, cuts=CUTS) -> Version:
    return Version(number, START + round(day * DAY), 9, cuts)


def said(scorer: Scorer, changes: Changes) -> list[tuple[str, str | None, str | None, str]]:
    return [(t.customer_id, t.source, t.target, t.cause.value) for t in transitions_of(changes, scorer.rules)]


def test_silence_is_a_decay():
    scorer = counted(order("c0", "a", 0), order("c1", "a", 5))
    changes = rescored(scorer, as_of(7))
    assert said(scorer, changes) == [("c0", "newcomer", "sleeper", "decay")]
    [decayed] = transitions_of(changes, RULES)
    assert (decayed.effective_at, decayed.order_id, decayed.quantiles_version) == (START + 7 * DAY, None, 2)
    assert (decayed.before.recency, decayed.after.recency) == (0, 7 * DAY)


def test_new_cut_points_are_the_cause_where_time_alone_is_not():
    scorer = counted(order("c0", "a", 0, 50))
    poorer = (CUTS[0], CUTS[1], CutPoints.of_thresholds([60 * UNIT, 90 * UNIT]))
    assert said(scorer, rescored(scorer, as_of(1, cuts=poorer))) == [
        ("c0", "prospective", "newcomer", "quantiles")
    ]


def test_the_first_cut_points_score_who_was_unscored():
    scorer = counted(order("c0", "a", 0), enquiry("c1", 0), version=UNSCORED)
    assert said(scorer, rescored(scorer, as_of(1))) == [("c0", "unscored", "newcomer", "quantiles")]


def test_when_the_rules_have_changed_they_are_the_cause():
    scorer = counted(order("c0", "a", 0))
    assert said(scorer, rescored(scorer, as_of(7), config=True)) == [("c0", "newcomer", "sleeper", "config")]


def test_what_leaves_the_window_leaves_the_totals():
    scorer = counted(order("c0", "a", 0, 40), order("c0", "b", 20, 5))
    rescored(scorer, as_of(30))
    scorer.clock = START + 30 * DAY
    assert scorer.values() == {"c0": (10 * DAY, 1, 5 * UNIT)}
    rescored(scorer, as_of(50, 3))
    scorer.clock = START + 50 * DAY
    assert scorer.values() == {"c0": (30 * DAY, 0, 0)}
    assert scorer.segments() == {"c0": "lapsed"}


def test_rows_are_told_to_the_changelog_only_where_something_changed():
    scorer = counted(order("c0", "a", 0), order("c1", "a", 6))
    scorer.store.take_touched()
    changes = rescored(scorer, as_of(7))
    ids = scorer.store.customers.ids_of
    assert ids(scorer.store.take_touched()) == ids(changes.rows()) == [b"c0"]


def test_a_customer_that_was_scored_since_keeps_its_later_instant():
    scorer = counted(order("c0", "a", 9))
    rescored(scorer, as_of(7))
    assert scorer.store.customers.scored_at[0] == START + 9 * DAY


def test_who_is_erased_is_left_out():
    scorer = counted(order("c0", "a", 0), order("c1", "a", 0), erase("c0", 0))
    assert said(scorer, rescored(scorer, as_of(7))) == [("c1", "newcomer", "sleeper", "decay")]


def test_nobody_is_done_at_once():
    assert Rescoring(Scorer(RULES).store, UNSCORED, as_of(1)).done


@settings(max_examples=30)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(1, 4), st.integers(0, 20))
def test_slices_of_any_size_come_to_the_same(history, rules, rows, days):
    scorers = [Scorer(rules), Scorer(rules)]
    for scorer, size in zip(scorers, (rows, 1000), strict=True):
        scorer.count(history)
        scorer.rescore(days * DAY, size)
    one, other = scorers
    assert one.transitions() == other.transitions()
    assert one.values() == other.values()


@settings(max_examples=30)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 9), st.integers(0, 20))
def test_a_slice_done_again_changes_nothing(history, rules, rows, days):
    """As after a crash in the middle of it, when some customers were committed."""
    scorer, undisturbed = Scorer(rules), Scorer(rules)
    for each in (scorer, undisturbed):
        each.count(history)
    new = Version(2, scorer.clock + days * DAY, 9, CUTS)
    begun = Rescoring(scorer.store, scorer.version, new).step(rows)
    rest = rescored(scorer, new, rows=2)
    whole = rescored(undisturbed, new)
    begun.add(rest)
    assert transitions_of(begun, rules) == transitions_of(whole, rules)
    assert transitions_of(rescored(scorer, new), rules) == []
    assert scorer.segments() == undisturbed.segments()
    assert scorer.values() == undisturbed.values()


@settings(max_examples=30)
@given(
    histories(kinds=OF_CUSTOMERS),
    histories(kinds=OF_CUSTOMERS, max_size=12),
    rules,
    st.lists(st.integers(1, 3)),
)
def test_events_that_come_between_slices_are_counted_and_in_the_end_all_is_as_of_the_version(
    history, later, rules, slices
):
    scorer = Scorer(rules)
    scorer.count(history)
    new = Version(2, scorer.clock, 9, CUTS)
    rescoring = Rescoring(scorer.store, SCORED, new)
    scorer.version = new
    shift = scorer.clock - START
    between = [replace(event, at=event.at + shift) for event in later]
    for number, size in enumerate(slices):
        scorer.changes.add(rescoring.step(size))
        if between[number : number + 1]:
            scorer.count(between[number : number + 1])
    while not rescoring.done:
        scorer.changes.add(rescoring.step(2))
    scorer.count([*between[len(slices) :], enquiry("c0", (scorer.clock - START) / DAY)])
    scorer.rescore()
    plain = Scorer(rules)
    plain.count(history)
    plain.rescore()
    plain.count([*between, enquiry("c0", (scorer.clock - START) / DAY)])
    plain.rescore()
    assert scorer.values() == plain.values()
    assert scorer.segments() == plain.segments()
    for transitions in by_customer(scorer.transitions()).values():
        assert_chained(transitions)


def assert_chained(transitions) -> None:
    """Each begins where the one before ended; after an erase, anew."""
    last, number = None, 0
    for each in transitions:
        assert (each.source, each.sequence) == (last, number + 1)
        last, number = (None, 0) if each.target is None else (each.target, each.sequence)


@pytest.mark.parametrize("version", [SCORED, UNSCORED])
def test_an_unscored_version_makes_buyers_unscored(version):
    scorer = counted(order("c0", "a", 0), enquiry("c1", 0), version=version)
    rescored(scorer, Version(2, START + DAY, 1))
    assert scorer.segments() == {"c0": "unscored", "c1": "prospect"}
