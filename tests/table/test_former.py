from __future__ import annotations

import numpy as np
import pytest
from events import DAY, UNIT, erase, order
from scorer import GRID, Scorer

from stream_rfm.model.era import Era
from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.former import Former

pytestmark = pytest.mark.usefixtures("counting")

SHORT, LONG = Rules(GRID, window=5 * DAY), Rules(load("classic-5"), window=None)


def stood() -> Scorer:
    """Three customers, the first scored by version 1, the second by version 2, the third gone."""
    scorer = Scorer(SHORT)
    for customer in ("c2", "c0", "c1"):
        scorer.count([order(customer, "a", 0, 3), order(customer, "b", 9, 5)])
    scorer.count([erase("c2", 9)])
    scorer.store.customers.version[2] = 2
    return scorer


def names(former: Former, scorer: Scorer) -> list[str | None]:
    segments = scorer.store.customers.segment[:3].tolist()
    return [former.names.get(segment) for segment in segments]


def test_segments_are_those_of_the_rules_that_each_was_scored_by():
    scorer = stood()
    eras = [Era.of(SHORT, 0), Era.of(LONG, 2)]
    segment = scorer.store.customers.segment[:3].copy()
    former = Former(scorer.store.customers, scorer.store.entries, eras, None)
    assert segment[0] == NO_SEGMENT
    assert names(former, scorer) == [None, SHORT.grid.names[segment[1]], LONG.grid.names[segment[2]]]
    assert [former.eras[number] for number in scorer.store.customers.segment[1:3].tolist()] == eras
    assert former.is_former(scorer.store.customers.segment[:3]).tolist() == [False, True, True]


def test_who_is_scored_by_our_rules_already_is_not_former():
    scorer = stood()
    segment = scorer.store.customers.segment[2]
    former = Former(scorer.store.customers, scorer.store.entries, [Era.of(SHORT, 0)], 2)
    assert former.is_former(scorer.store.customers.segment[:3]).tolist() == [False, True, False]
    assert scorer.store.customers.segment[2] == segment


def test_totals_are_those_of_the_former_window():
    scorer = stood()
    former = Former(scorer.store.customers, scorer.store.entries, [Era.of(SHORT, 0), Era.of(LONG, 2)], None)
    assert former.frequency.tolist()[1:] == [1, 2]
    assert former.monetary.tolist()[1:] == [5 * UNIT, 8 * UNIT]


def test_a_segment_of_the_same_name_is_the_same():
    scorer = stood()
    former = Former(scorer.store.customers, scorer.store.entries, [Era.of(SHORT, 0)], None)
    numbers = np.array([*former.names, 0, NO_SEGMENT], np.uint16)
    ours = ("lapsed", GRID.names[1])
    found = former.as_named(numbers, ours).tolist()
    expected = [ours.index(name) if name in ours else number for number, name in former.names.items()]
    assert found == [*expected, 0, NO_SEGMENT]
