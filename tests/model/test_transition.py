from __future__ import annotations

import json
from dataclasses import replace

import pytest
from events import DAY, START
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model.era import Era
from stream_rfm.model.grid import every_code_its_own, load
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Standing, Transition, direction, to_document

CLASSIC = Rules(load("classic-5"))
BOUGHT = Transition(
    customer_id="c-1",
    sequence=2,
    source="new",
    target="promising",
    cause=Cause.ORDER,
    order_id="o-9",
    before=Standing(5, 1, 1, DAY, 1, 10_000_000),
    after=Standing(5, 2, 3, 0, 2, 25_500_000),
    quantiles_version=7,
    effective_at=START,
)


@pytest.mark.parametrize(
    ("source", "target", "leads"),
    [
        (None, "champions", "entered"),
        (None, "prospect", "entered"),
        (None, "unscored", "entered"),
        ("champions", None, "left"),
        ("prospect", None, "left"),
        ("unscored", None, "left"),
        ("champions", "loyal", "down"),
        ("loyal", "champions", "up"),
        ("at-risk", "cannot-lose", "up"),
        ("cannot-lose", "at-risk", "down"),
        ("lost", "lapsed", "down"),
        ("lapsed", "lost", "up"),
        ("lapsed", "prospect", "down"),
        ("prospect", "new", "up"),
        ("prospect", "lapsed", "up"),
        ("loyal", "loyal", "lateral"),
        ("unscored", "lost", "entered"),
        ("lost", "unscored", "left"),
        ("unscored", "lapsed", "left"),
        ("unscored", "prospect", "left"),
        ("lapsed", "unscored", "entered"),
        ("prospect", "unscored", "entered"),
    ],
)
def test_the_direction_of_a_change(source, target, leads):
    assert direction(source, target, CLASSIC.grid).value == leads


def test_a_segment_that_the_grid_has_no_longer_leads_nowhere_in_particular():
    assert direction("retired", "champions", CLASSIC.grid).value == "lateral"
    assert direction("retired", "unscored", CLASSIC.grid).value == "left"


def test_what_was_before_other_rules_is_shown_by_the_former_ones():
    former = Era.of(Rules(load("three-level"), best="low"), 0)
    was = replace(BOUGHT, source="newcomer", before=Standing(3, 1, 1, DAY, 1, 10_000_000), era=former)
    document = to_document(was, CLASSIC, START)
    assert document["before"]["code"] == "133"
    assert document["after"]["code"] == "523"


def test_the_opposite_change_leads_the_opposite_way():
    opposite = {"up": "down", "down": "up", "left": "entered", "entered": "left", "lateral": "lateral"}
    names = [*CLASSIC.grid.names, None]
    for source in names:
        for target in names:
            if source == target and source in {None, "unscored"}:
                continue
            there = direction(source, target, CLASSIC.grid).value
            assert direction(target, source, CLASSIC.grid).value == opposite[there]


def test_the_id_of_a_transition_never_changes():
    assert BOUGHT.event_id == "a3088ddab46cad0960c3c79ea0a100c3"
    assert replace(BOUGHT, before=None, quantiles_version=8).event_id == BOUGHT.event_id


@given(
    st.lists(
        st.tuples(
            st.text(max_size=3),
            st.integers(1, 3),
            st.integers(0, 3),
            st.sampled_from(Cause),
            st.none() | st.text(max_size=3),
        ),
        unique=True,
        min_size=2,
        max_size=8,
    )
)
def test_the_ids_of_different_transitions_differ(facts):
    ids = {
        replace(
            BOUGHT, customer_id=customer, sequence=sequence, effective_at=at, cause=cause, order_id=order
        ).event_id
        for customer, sequence, at, cause, order in facts
    }
    assert len(ids) == len(facts)


def test_the_document_of_a_transition():
    assert to_document(BOUGHT, CLASSIC, START + 1000) == {
        "customer_id": "c-1",
        "sequence": 2,
        "from": "new",
        "to": "promising",
        "direction": "down",
        "cause": "order",
        "order_id": "o-9",
        "before": {
            "r": 5,
            "f": 1,
            "m": 1,
            "code": "511",
            "recency_days": 1.0,
            "frequency": 1,
            "monetary": "10.00",
        },
        "after": {
            "r": 5,
            "f": 2,
            "m": 3,
            "code": "523",
            "recency_days": 0.0,
            "frequency": 2,
            "monetary": "25.50",
        },
        "quantiles_version": 7,
        "effective_at": "2026-01-01T00:00:00Z",
        "detected_at": "2026-01-01T00:00:00.001000Z",
        "advice": CLASSIC.grid.advice("promising"),
    }


def test_the_first_transition_has_nothing_before_and_a_replay_does_not_detect():
    said = to_document(replace(BOUGHT, source=None, before=None), CLASSIC, None)
    assert (said["from"], said["before"], said["detected_at"]) == (None, None, None)


def test_the_last_transition_of_an_erased_customer_has_nothing_after():
    said = to_document(replace(BOUGHT, target=None, after=None, cause=Cause.ERASE), CLASSIC, START)
    assert (said["to"], said["after"], said["direction"], said["advice"]) == (None, None, "left", "")


def test_a_reserved_segment_has_values_and_no_scores():
    nothing = Standing(0, 0, 0, None, 0, 0)
    said = to_document(replace(BOUGHT, target="prospect", after=nothing), CLASSIC, START)["after"]
    assert said == {
        "r": None,
        "f": None,
        "m": None,
        "code": None,
        "recency_days": None,
        "frequency": 0,
        "monetary": "0.00",
    }


def test_best_low_turns_the_digits_round_and_changes_nothing_else():
    high = to_document(BOUGHT, CLASSIC, START)
    low = to_document(BOUGHT, replace(CLASSIC, best="low"), START)
    assert {key: value for key, value in low.items() if key not in {"before", "after"}} == {
        key: value for key, value in high.items() if key not in {"before", "after"}
    }
    assert low["after"] == {**high["after"], "r": 1, "f": 4, "m": 3, "code": "143"}


def test_with_ten_levels_a_code_keeps_its_numbers_apart():
    rules = Rules(every_code_its_own(10))
    moved = replace(BOUGHT, source="10-4-5", target="9-4-5", after=Standing(9, 4, 5, 0, 1, 0))
    said = to_document(moved, rules, START)
    assert (said["after"]["code"], said["direction"]) == ("9-4-5", "down")


def test_a_document_is_json():
    document = to_document(BOUGHT, CLASSIC, START)
    assert json.loads(json.dumps(document)) == document
