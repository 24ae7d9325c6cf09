from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from events import DAY, START, UNIT
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import distribution, version
from stream_rfm.model.grid import every_code_its_own, load
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Summary, Version

THREE = Rules(load("three-level"), min_customers=1)

customers = st.lists(
    st.tuples(st.integers(0, 400 * 24), st.integers(1, 9), st.integers(-50, 50)), min_size=1, max_size=20
)


def summary_of(people, exact_up_to=1000) -> Summary:
    """Of customers, each with the hours before START of the last purchase, the frequency and the money."""
    columns = np.array(people, np.int64).reshape(-1, 3).T
    recency = columns[0] * (DAY // 24) - START
    return Summary(
        *(distribution.of(column, exact_up_to) for column in (recency, columns[1], columns[2] * UNIT))
    )


@given(customers, st.integers(0, 100))
def test_cut_points_are_of_the_ages_at_the_instant_of_the_version(people, days):
    made = version.make(1, START + days * DAY, summary_of(people), THREE)
    recency, frequency, monetary = made.cuts
    ages, frequencies, money = (sorted(column) for column in zip(*people, strict=True))
    places = [-(-len(people) * i // 3) - 1 for i in (1, 2)]
    assert recency.thresholds == tuple(ages[p] * (DAY // 24) + days * DAY for p in places)
    assert frequency.thresholds == tuple(frequencies[p] for p in places)
    assert monetary.thresholds == tuple(money[p] * UNIT for p in places)
    assert (made.population, made.exact, made.rank_error) == (len(people), True, 0)


@given(st.lists(customers, min_size=1, max_size=4))
def test_partitions_merged_give_the_very_same_version_as_one(parts):
    together = [customer for part in parts for customer in part]
    merged = version.merge([summary_of(part) for part in parts], 1000)
    for method in ("inverted_cdf", "linear"):
        rules = replace(THREE, method=method)
        assert version.make(1, START, merged, rules) == version.make(1, START, summary_of(together), rules)


@given(customers, st.sampled_from(["inverted_cdf", "linear"]), st.integers(2, 10))
def test_a_published_version_scores_as_the_one_that_was_made(people, method, levels):
    rules = Rules(every_code_its_own(levels), method=method, min_customers=1)
    made = version.make(3, START, summary_of(people), rules)
    document = json.loads(json.dumps(version.to_document(made, rules)))
    read = version.from_document(document)
    assert [cuts.thresholds for cuts in read.cuts] == [cuts.thresholds for cuts in made.cuts]
    assert replace(read, cuts=None) == replace(made, cuts=None)


def test_too_small_a_population_is_not_scored():
    few = replace(THREE, min_customers=3)
    assert version.make(1, START, summary_of([(1, 1, 1)] * 2), few) == Version(1, START, 2)
    assert version.make(1, START, summary_of([(1, 1, 1)] * 3), few).cuts is not None


def test_nobody_is_a_population_of_nobody():
    assert version.make(1, START, summary_of([]), THREE) == Version(1, START)


def test_fixed_thresholds_take_the_place_of_quantiles():
    fixed = replace(THREE, fixed=(("frequency", CutPoints.of_thresholds([2, 4])),))
    made = version.make(1, START, summary_of([(1, 7, 1), (2, 8, 2), (3, 9, 3)]), fixed)
    assert made.cuts[1].thresholds == (2, 4)
    assert made.cuts[2].thresholds == (UNIT, 2 * UNIT)


def test_with_all_thresholds_fixed_nobody_is_too_few():
    cuts = CutPoints.of_thresholds([2, 4])
    names = ("recency", "frequency", "monetary")
    fixed = replace(THREE, method="fixed", fixed=tuple((name, cuts) for name in names), min_customers=100)
    made = version.make(1, START, summary_of([]), fixed)
    assert made.cuts == (cuts, cuts, cuts)
    assert (made.population, made.exact, made.rank_error) == (0, True, 0)


def test_a_sketch_states_its_rank_error():
    people = [(hour, 1 + hour % 9, hour) for hour in range(50)]
    made = version.make(1, START, summary_of(people, exact_up_to=10), THREE)
    assert not made.exact
    assert 0 < made.rank_error < 0.005
    assert made.population == 50
    assert version.to_document(made, THREE)["method"] == "kll"


def test_a_recency_in_the_future_is_no_age_below_zero():
    assert version.make(1, START - DAY, summary_of([(0, 1, 1)]), THREE).cuts[0].thresholds == (0, 0)


def test_a_document_says_the_cut_points_in_the_units_of_people():
    cuts = (
        CutPoints.at([Fraction(DAY), Fraction(5 * DAY, 2)]),
        CutPoints.at([Fraction(1), Fraction(5, 2)]),
        CutPoints.at([Fraction(12_345_000), Fraction(99 * UNIT)]),
    )
    said = version.to_document(Version(4, START, 7, cuts), THREE)
    assert said == {
        "version": 4,
        "as_of": "2026-01-01T00:00:00Z",
        "population": 7,
        "levels": 3,
        "method": "inverted_cdf",
        "rank_error": 0.0,
        "cut_points": {
            "recency_days": [1.0, 2.5],
            "frequency": [1, 2.5],
            "monetary": ["12.345", "99.00"],
        },
        "thresholds": {
            "recency_us": [DAY, 5 * DAY // 2],
            "frequency": [1, 2],
            "monetary_micros": [12_345_000, 99 * UNIT],
        },
        "unreachable": {"r": [], "f": [], "m": []},
        "rules": "",
    }


def test_levels_that_nobody_can_reach_are_reported():
    five = Rules(load("classic-5"), min_customers=1)
    # Most bought once, and all for the same: ages 1, 1, 1, 2 days.
    people = [(24, 1, 9), (24, 1, 9), (24, 1, 9), (48, 4, 9)]
    said = version.to_document(version.make(1, START, summary_of(people), five), five)
    assert said["thresholds"]["frequency"] == [1, 1, 1, 4]
    assert said["unreachable"] == {"r": [4, 3], "f": [2, 3], "m": [2, 3, 4]}


@given(customers, st.integers(2, 6))
def test_no_value_that_occurs_has_an_unreachable_score(people, levels):
    rules = Rules(every_code_its_own(levels), min_customers=1)
    made = version.make(1, START, summary_of(people), rules)
    unreachable = version.to_document(made, rules)["unreachable"]
    recency, frequency, monetary = made.cuts
    for hours, orders, money in people:
        assert levels - sum(cut < hours * (DAY // 24) for cut in recency.shown) not in unreachable["r"]
        assert 1 + sum(cut < orders for cut in frequency.shown) not in unreachable["f"]
        assert 1 + sum(cut < money * UNIT for cut in monetary.shown) not in unreachable["m"]


@pytest.mark.parametrize("key", ["cut_points", "thresholds", "unreachable"])
def test_the_document_of_an_unscored_version_has_no_cut_points(key):
    said = version.to_document(Version(1, START, 2), THREE)
    assert said[key] is None
    assert version.from_document(said) == Version(1, START, 2)


def test_a_version_says_by_which_rules_it_was_made():
    rules = Rules(load("three-level"), min_customers=1)
    for people in ([], [(1, 1, 1)]):
        made = version.make(4, START, summary_of(people), rules)
        assert version.from_document(version.to_document(made, rules)).rules == rules.fingerprint()


def test_a_version_of_an_earlier_release_says_nothing_of_rules():
    document = version.to_document(Version(4, START), Rules(load("three-level")))
    del document["rules"]
    assert version.from_document(document).rules == ""
