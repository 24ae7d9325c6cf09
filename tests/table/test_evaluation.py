from __future__ import annotations

from fractions import Fraction

import numpy as np
from events import DAY, START, UNIT
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model.grid import every_code_its_own, load
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.customer_row import NEVER
from stream_rfm.table.evaluation import Evaluator, Scores

CLASSIC = Rules(load("classic-5"))
NOW = START + 100 * DAY


def version_of(recency, frequency, monetary) -> Version:
    cuts = [CutPoints.at([Fraction(n) for n in sorted(some)]) for some in (recency, frequency, monetary)]
    return Version(1, NOW, 9, tuple(cuts))


VERSION = version_of([DAY, 10 * DAY, 20 * DAY, 30 * DAY], [1, 2, 3, 4], [10 * UNIT] * 4)

four = st.lists(st.integers(0, 20), min_size=4, max_size=4)
versions = st.builds(version_of, four, four, four)
people = st.lists(
    st.tuples(st.integers(-3, 20), st.integers(0, 20), st.integers(-20, 20)), min_size=1, max_size=8
)


def score(some, version: Version, rules: Rules = CLASSIC) -> Scores:
    """Score customers, each with an age (below zero: never bought), a frequency and an amount."""
    age, frequency, money = np.array(some, np.int64).T
    return Evaluator(rules).score(np.where(age < 0, NEVER, NOW - age), frequency, money, NOW, version)


def segments(some, version: Version) -> list[str]:
    return [CLASSIC.grid.names[place] for place in score(some, version).segment]


@given(people.filter(lambda some: all(age >= 0 for age, _, _ in some)), versions)
def test_buyers_get_the_scores_and_the_segment_of_their_code(some, version):
    found = score(some, version)
    for place, (age, frequency, money) in enumerate(some):
        scores = tuple(int(column[place]) for column in (found.r, found.f, found.m))
        if frequency == 0:
            assert scores == (0, 0, 0)
            continue
        below = [
            sum(cut < v for cut in of.shown)
            for of, v in zip(version.cuts, (age, frequency, money), strict=True)
        ]
        assert scores == (5 - below[0], 1 + below[1], 1 + below[2])
        owner = CLASSIC.grid.segments[found.segment[place]]
        assert scores in owner.codes


def test_who_never_bought_is_a_prospect_and_who_has_nothing_left_has_lapsed():
    assert segments([(-1, 0, 0), (5, 0, 0)], VERSION) == ["prospect", "lapsed"]


def test_without_cut_points_buyers_are_unscored_and_the_others_what_they_are():
    some = [(-1, 0, 0), (5, 0, 0), (5, 1, 3)]
    assert segments(some, Version(0, NOW)) == ["prospect", "lapsed", "unscored"]
    assert score(some, Version(0, NOW)).r.tolist() == [0, 0, 0]


@given(people, versions)
def test_equal_values_score_equally_whoever_has_them(some, version):
    found = score(some + some[::-1], version)
    for column in (found.r, found.f, found.m, found.segment):
        assert column.tolist() == column.tolist()[::-1]


@given(st.integers(0, 20), st.integers(1, 20), st.integers(-20, 20), st.integers(0, 9), versions)
def test_silence_never_raises_recency_and_more_never_lowers_the_rest(age, orders, money, more, version):
    found = score([(age, orders, money), (age + more, orders + more, money + more)], version)
    assert found.r[1] <= found.r[0]
    assert found.f[1] >= found.f[0]
    assert found.m[1] >= found.m[0]


@given(people, versions)
def test_how_digits_are_printed_changes_no_score(some, version):
    one, other = (score(some, version, Rules(load("classic-5"), best=best)) for best in ("high", "low"))
    assert one.segment.tolist() == other.segment.tolist()
    assert one.r.tolist() == other.r.tolist()


def test_a_purchase_after_the_instant_is_of_age_zero():
    rules = Rules(every_code_its_own(5))
    found = Evaluator(rules).score(np.array([NOW + DAY]), np.array([1]), np.array([UNIT]), NOW, VERSION)
    assert found.r.tolist() == [5]


def test_each_customer_may_have_an_instant_of_its_own():
    last, as_of = np.array([START, START]), np.array([START + DAY, START + 15 * DAY])
    found = Evaluator(CLASSIC).score(last, np.array([1, 1]), np.array([UNIT, UNIT]), as_of, VERSION)
    assert found.r.tolist() == [5, 3]
