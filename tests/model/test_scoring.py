from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import scoring
from stream_rfm.model.quantiles import CutPoints

values = st.lists(st.integers(0, 40), min_size=1, max_size=20)
some_cuts = st.lists(st.fractions(0, 40), min_size=1, max_size=9).map(lambda cuts: CutPoints.at(sorted(cuts)))


@given(values, some_cuts)
def test_high_values_score_one_more_for_each_cut_point_below(numbers, cuts):
    expected = [1 + sum(cut < number for cut in cuts.shown) for number in numbers]
    assert scoring.score_high(np.array(numbers), cuts).tolist() == expected


@given(values, some_cuts)
def test_ages_score_one_less_for_each_cut_point_below(numbers, cuts):
    levels = len(cuts.shown) + 1
    expected = [levels - sum(cut < number for cut in cuts.shown) for number in numbers]
    assert scoring.score_recency(np.array(numbers), cuts).tolist() == expected


@given(values, some_cuts)
def test_more_never_scores_less_and_equal_values_score_equally(numbers, cuts):
    ordered = np.sort(np.array(numbers))
    for better in (scoring.score_high(ordered, cuts), scoring.score_recency(-np.sort(-ordered), cuts)):
        assert (np.diff(better.astype(int)) >= 0).all()
    scores = dict(zip(ordered.tolist(), scoring.score_high(ordered, cuts).tolist(), strict=True))
    assert [scores[number] for number in numbers] == scoring.score_high(np.array(numbers), cuts).tolist()


@given(some_cuts)
def test_scores_go_from_1_to_the_number_of_levels(cuts):
    levels = len(cuts.thresholds) + 1
    ends = np.array([-(2**62), 2**62])
    assert scoring.score_high(ends, cuts).tolist() == [1, levels]
    assert scoring.score_recency(ends, cuts).tolist() == [levels, 1]


def test_a_repeated_cut_point_makes_the_level_between_unreachable():
    cuts = CutPoints.of_thresholds([1, 1, 4])
    assert set(scoring.score_high(np.arange(10), cuts).tolist()) == {1, 3, 4}


@pytest.mark.parametrize("levels", range(2, 11))
def test_every_code_has_a_place_of_its_own(levels):
    scores = np.arange(1, levels + 1)
    r, f, m = (part.ravel() for part in np.meshgrid(scores, scores, scores, indexing="ij"))
    assert scoring.code_index(r, f, m, levels).tolist() == list(range(levels**3))


@pytest.mark.parametrize("levels", range(2, 11))
def test_best_low_prints_every_digit_the_other_way_round(levels):
    for score in range(1, levels + 1):
        assert scoring.printed(score, levels, "high") == score
        assert scoring.printed(score, levels, "low") == levels + 1 - score


def test_a_code_is_its_three_digits():
    assert scoring.code(5, 4, 5, 5, "high") == "545"
    assert scoring.code(5, 4, 1, 5, "low") == "125"


def test_with_ten_levels_the_numbers_are_kept_apart():
    assert scoring.code(10, 4, 1, 10, "high") == "10-4-1"
    assert scoring.code(10, 4, 1, 10, "low") == "1-7-10"
