from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import distribution
from stream_rfm.model.distribution import Exact, Sketch

values = st.lists(st.integers(-50, 50) | st.integers(-(2**62), 2**62), max_size=30)


def of(numbers: list[int], exact_up_to: int = 1000) -> distribution.Distribution:
    return distribution.of(np.array(numbers, np.int64), exact_up_to)


def counted(part: distribution.Distribution) -> dict[int, int]:
    assert isinstance(part, Exact)
    assert part.values.tolist() == sorted(set(part.values.tolist()))
    return dict(zip(part.values.tolist(), part.counts.tolist(), strict=True))


@given(values)
def test_every_value_is_there_as_often_as_it_occurs(numbers):
    assert counted(of(numbers)) == Counter(numbers)
    assert of(numbers).total == len(numbers)


@given(st.lists(values, max_size=4))
def test_parts_merge_to_what_they_are_together(parts):
    together = [number for part in parts for number in part]
    assert counted(distribution.merge(map(of, parts), 1000)) == Counter(together)


@given(values, values, values)
def test_merging_is_associative_and_in_any_order(one, two, three):
    def merged(*parts):
        return distribution.merge(parts, 1000)

    a, b, c = map(of, (one, two, three))
    assert counted(merged(merged(a, b), c)) == counted(merged(a, merged(b, c))) == counted(merged(c, b, a))


def test_a_population_is_exact_up_to_its_limit_and_a_sketch_above():
    assert isinstance(of([1, 2, 3], exact_up_to=3), Exact)
    assert isinstance(of([1, 2, 3, 3], exact_up_to=3), Sketch)


def test_exact_parts_become_a_sketch_once_they_are_too_many_together():
    parts = [of([1, 2]), of([2, 3])]
    assert isinstance(distribution.merge(parts, 4), Exact)
    whole = distribution.merge(parts, 3)
    assert isinstance(whole, Sketch)
    assert whole.total == 4


def test_sketches_and_exact_parts_merge():
    whole = distribution.merge([of([1, 2, 3, 4], exact_up_to=3), of([5, 5])], 100)
    assert isinstance(whole, Sketch)
    assert whole.total == 6


def test_only_a_sketch_has_a_rank_error():
    assert distribution.rank_error(of([1, 2, 3])) == 0
    assert 0 < distribution.rank_error(of([1, 2, 3], exact_up_to=1)) < 0.005


def test_nobody_is_a_distribution_too():
    assert of([]).total == 0
    assert distribution.merge([], 10).total == 0


@given(st.lists(values, max_size=6), st.integers(0, 40))
def test_values_that_come_in_parts_are_collected_to_what_they_are_together(parts, exact_up_to):
    collected = distribution.Collected(exact_up_to)
    for part in parts:
        collected.add(np.array(part, np.int64))
    together = [number for part in parts for number in part]
    whole, result = of(together, exact_up_to), collected.result()
    assert (type(result), result.total) == (type(whole), len(together))
    if isinstance(whole, Exact):
        assert counted(result) == counted(whole)
