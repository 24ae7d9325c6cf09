from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import distribution
from stream_rfm.model.quantiles import CutPoints, cut_points

populations = st.lists(st.integers(-9, 9) | st.integers(-(2**50), 2**50), min_size=1, max_size=40)
levels = st.integers(2, 10)


def cuts(values: list[int], n: int, method: str = "inverted_cdf", exact_up_to: int = 1000) -> CutPoints:
    return cut_points(distribution.of(np.array(values, np.int64), exact_up_to), n, method)


def type_1(values: list[int], share: Fraction) -> int:
    """The smallest value that at least this share does not exceed: the definition, tried out."""
    total = len(values)
    return min(v for v in values if Fraction(sum(other <= v for other in values), total) >= share)


def type_7(values: list[int], share: Fraction) -> Fraction:
    ordered, place = sorted(values), share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def numpy_counts_alike(total: int, n: int) -> bool:
    """Whether n·share is the same in floats; where not, numpy is one customer off."""
    exact = [Fraction(total * i, n) for i in range(1, n)]
    return all(e.denominator > 1 or total * (i / n) == e for i, e in enumerate(exact, 1))


@given(populations, levels)
def test_inverted_cdf_is_the_smallest_value_that_the_share_does_not_exceed(values, n):
    shares = [Fraction(i, n) for i in range(1, n)]
    assert list(cuts(values, n).thresholds) == [type_1(values, share) for share in shares]


@given(populations, levels)
def test_linear_lies_between_two_neighbours(values, n):
    shares = [Fraction(i, n) for i in range(1, n)]
    assert list(cuts(values, n, "linear").shown) == [type_7(values, share) for share in shares]


@given(populations, levels)
def test_inverted_cdf_is_numpys(values, n):
    if numpy_counts_alike(len(values), n):
        shares = [i / n for i in range(1, n)]
        assert list(cuts(values, n).thresholds) == list(
            np.quantile(np.array(values), shares, method="inverted_cdf")
        )


@given(st.lists(st.integers(-(2**30), 2**30).map(lambda v: v * 8), min_size=1, max_size=40))
def test_linear_is_numpys_where_floats_are_exact(values):
    shares = [i / 8 for i in range(1, 8)]
    assert list(cuts(values, 8, "linear").shown) == list(
        np.quantile(np.array(values), shares, method="linear")
    )


@given(populations, levels, st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(values, n, random):
    shuffled = random.sample(values, len(values))
    for method in ("inverted_cdf", "linear"):
        assert cuts(shuffled, n, method) == cuts(values, n, method)


@given(populations, levels)
def test_cut_points_ascend_and_are_one_fewer_than_levels(values, n):
    for method in ("inverted_cdf", "linear"):
        found = cuts(values, n, method)
        assert len(found.thresholds) == len(found.shown) == n - 1
        assert all(below <= above for below, above in pairwise(found.shown))


@given(populations, levels)
def test_an_inverted_cdf_cut_point_is_a_value_that_occurs(values, n):
    assert set(cuts(values, n).thresholds) <= set(values)


@given(st.lists(st.fractions(-100, 100), min_size=1, max_size=5), st.integers(-100, 100))
def test_a_whole_number_is_above_a_cut_point_exactly_where_it_is_above_its_threshold(points, value):
    found = CutPoints.at(points)
    for shown, threshold in zip(found.shown, found.thresholds, strict=True):
        assert (value > shown) == (value > threshold)


def test_cut_points_may_repeat():
    assert cuts([7] * 10, 5).thresholds == (7, 7, 7, 7)


def test_an_empty_population_has_none():
    with pytest.raises(ValueError, match="empty population"):
        cuts([], 5)


def test_a_sketch_keeps_its_stated_rank_error():
    random = np.random.default_rng(7)
    size, n, errors = 20_000, 5, []
    for _ in range(25):
        values = random.integers(0, 5_000, size) ** 2
        sketch = distribution.of(values, exact_up_to=size - 1)
        stated, ordered = distribution.rank_error(sketch), np.sort(values)
        for i, cut in enumerate(cut_points(sketch, n, "inverted_cdf").thresholds, 1):
            low, high = (np.searchsorted(ordered, cut, side) / size for side in ("left", "right"))
            errors.append(max(0, low - i / n, i / n - high) / stated)
    # Stated with 99 % confidence; that the sketch chooses at random must not make this test fail.
    assert np.mean(np.array(errors) <= 1) > 0.9
    assert max(errors) < 2


@given(st.integers(1, 4), st.integers(0, 100))
def test_merged_sketches_keep_it_too(parts, seed):
    random = np.random.default_rng(seed)
    values = [random.integers(0, 1000, 2000) for _ in range(parts)]
    merged = distribution.merge([distribution.of(part, 1000) for part in values], 1000)
    ordered = np.sort(np.concatenate(values))
    for i, cut in enumerate(cut_points(merged, 4, "inverted_cdf").thresholds, 1):
        low, high = (np.searchsorted(ordered, cut, side) / len(ordered) for side in ("left", "right"))
        assert max(0, low - i / 4, i / 4 - high) < 2 * distribution.rank_error(merged)


def test_a_sketch_that_has_not_thrown_anything_away_is_exact():
    values = list(range(500, 0, -1))
    assert cuts(values, 10, exact_up_to=10).thresholds == cuts(values, 10).thresholds
