from __future__ import annotations

from itertools import accumulate, groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.groups import Groups, distinct, pairs_once, stable_order

#: Events of ascending rows, each with a value.
events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-(2**40), 2**40) | st.integers(-3, 3)), min_size=1, max_size=12
).map(lambda pairs: sorted(pairs, key=lambda pair: pair[0]))


def of(pairs) -> tuple[Groups, np.ndarray, list[list[int]]]:
    rows = np.array([row for row, _ in pairs], np.int64)
    values = np.array([value for _, value in pairs], np.int64)
    return Groups(rows), values, [[v for _, v in group] for _, group in groupby(pairs, lambda pair: pair[0])]


def flat(groups) -> list[int]:
    return [value for group in groups for value in group]


@given(events)
def test_groups_are_the_stretches_of_equal_rows(pairs):
    groups, values, expected = of(pairs)
    assert [values[s : e + 1].tolist() for s, e in zip(groups.starts, groups.ends, strict=True)] == expected
    assert groups.rows.tolist() == sorted({row for row, _ in pairs})
    assert groups.number.tolist() == flat([n] * len(group) for n, group in enumerate(expected))


@given(events, st.lists(st.integers(-9, 9), min_size=5, max_size=5))
def test_a_sum_runs_within_each_group_on_top_of_what_was_before(pairs, before):
    groups, values, expected = of(pairs)
    start = np.array(before[: len(expected)], np.int64)
    found = groups.running_sum(values, start).tolist()
    assert found == flat(
        list(accumulate(group, initial=first))[1:] for group, first in zip(expected, before, strict=False)
    )


@given(events, st.lists(st.integers(-9, 9), min_size=5, max_size=5))
def test_a_maximum_runs_within_each_group_from_what_was_before(pairs, before):
    groups, values, expected = of(pairs)
    kept = values.copy()
    found = groups.running_max(values, np.array(before[: len(expected)], np.int64)).tolist()
    assert found == flat(
        list(accumulate(group, max, initial=first))[1:]
        for group, first in zip(expected, before, strict=False)
    )
    assert values.tolist() == kept.tolist()


@given(events)
def test_the_value_before_an_event_is_that_of_the_event_before_or_of_before_the_group(pairs):
    groups, values, expected = of(pairs)
    before = -np.arange(1, len(expected) + 1)
    assert groups.previous(values, before).tolist() == flat(
        [first, *group[:-1]] for group, first in zip(expected, before.tolist(), strict=True)
    )


@given(events)
def test_a_groups_sum_is_of_its_values(pairs):
    groups, values, expected = of(pairs)
    assert groups.sum(values).tolist() == [sum(group) for group in expected]
    assert groups.sum(values > 0).tolist() == [sum(v > 0 for v in group) for group in expected]


rows = st.lists(st.integers(-1, 5) | st.integers(0, 2**26), max_size=12)


@given(rows, st.sampled_from([np.int64, np.uint32]))
def test_places_in_ascending_order_are_those_of_a_stable_sort(values, kind):
    column = np.array(values, np.int64).astype(kind)
    assert stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()


@given(rows)
def test_distinct_values_are_ascending(values):
    assert distinct(np.array(values, np.int64)).tolist() == sorted(set(values))


@pytest.mark.parametrize("halves", [[3, 1, 3, 2, 1], [1, 1, 1], [5], []])
def test_pairs_once_says_where_each_stands_first(halves):
    # The other half is always the same one but for the last pair, which differs by it alone.
    pairs = np.array([[half, 7] for half in halves], np.uint64).reshape(-1, 2)
    if len(pairs):
        pairs[-1, 1] = 8
    first, which = pairs_once(pairs)
    assert pairs[first][which].tolist() == pairs.tolist()
    said = [tuple(pair) for pair in pairs.tolist()]
    assert sorted(first.tolist()) == sorted({said.index(pair) for pair in said})
