from __future__ import annotations

from dataclasses import replace

import pytest
from events import DAY, UNIT

from stream_rfm.model.grid import every_code_its_own, load
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules, RulesError, fixed_cut_points

CLASSIC = Rules(load("classic-5"))
FOUR = CutPoints.of_thresholds([1, 2, 3, 4])


def test_levels_are_the_grids():
    assert [Rules(every_code_its_own(n)).levels for n in range(2, 11)] == list(range(2, 11))


def test_an_order_is_remembered_as_long_as_the_window_or_a_duplicate_needs():
    assert replace(CLASSIC, window=30 * DAY, dedupe=7 * DAY).retention == 30 * DAY
    assert replace(CLASSIC, window=DAY, dedupe=7 * DAY).retention == 7 * DAY
    assert replace(CLASSIC, window=None).retention is None


@pytest.mark.parametrize("thresholds", [[1, 2, 3], [1, 2, 3, 4, 5], [], [1, 3, 2, 4]])
def test_fixed_thresholds_must_ascend_and_be_one_fewer_than_levels(thresholds):
    with pytest.raises(RulesError) as refused:
        replace(CLASSIC, fixed=(("frequency", CutPoints.of_thresholds(thresholds)),))
    assert str(refused.value) == (
        "The fixed thresholds of frequency must be 4 ascending numbers, one fewer than the 5 levels."
    )


@pytest.mark.parametrize(
    ("dimension", "number", "most"),
    [
        ("recency", "53375996", "53375995"),
        ("frequency", "1e19", "4611686018427387904"),
        ("monetary", "-1e16", "4611686018427"),
    ],
)
def test_fixed_thresholds_that_64_bits_do_not_hold_are_refused(dimension, number, most):
    numbers = sorted(["1", "2", "3", number], key=float)
    with pytest.raises(RulesError, match=f"thresholds of {dimension} must be at most {most}, which"):
        replace(CLASSIC, fixed=((dimension, fixed_cut_points(dimension, tuple(numbers))),))
    fitting = fixed_cut_points(dimension, ("1", "2", "3", most))
    assert replace(CLASSIC, fixed=((dimension, fitting),)).fixed


def test_fixed_thresholds_may_repeat():
    assert replace(CLASSIC, fixed=(("frequency", CutPoints.of_thresholds([1, 1, 2, 2])),)).fixed


def test_nothing_depends_on_the_population_once_all_three_are_fixed():
    two = (("recency", FOUR), ("frequency", FOUR))
    assert not replace(CLASSIC, fixed=two).all_fixed
    assert replace(CLASSIC, fixed=(*two, ("monetary", FOUR))).all_fixed


def test_fixed_quantiles_need_all_thresholds():
    with pytest.raises(RulesError, match="need thresholds for recency, frequency and monetary value"):
        replace(CLASSIC, method="fixed", fixed=(("recency", FOUR),))


def test_thresholds_are_read_in_the_unit_of_their_dimension():
    assert fixed_cut_points("recency", ("0.5", "30")).thresholds == (DAY // 2, 30 * DAY)
    assert fixed_cut_points("frequency", ("2", "4.5")).thresholds == (2, 4)
    assert fixed_cut_points("monetary", ("12.34", "1e3")).thresholds == (12_340_000, 1000 * UNIT)


@pytest.mark.parametrize("number", ["x", "", "1/0", "nan", "inf"])
def test_thresholds_that_are_no_numbers_are_refused(number):
    with pytest.raises(RulesError, match="The fixed thresholds of monetary are not all numbers"):
        fixed_cut_points("monetary", ("1", number))


OTHERS = {
    "grid": load("classic-5").__class__("classic-5", 5, every_code_its_own(5).segments),
    "levels": load("three-level"),
    "window": 30 * DAY,
    "all time": None,
    "method": "linear",
    "fixed": (("frequency", FOUR),),
    "min_customers": 1,
    "dedupe": DAY,
    "best": "low",
    "exact_up_to": 1,
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_fingerprint_differs_where_segments_would(what):
    name = {"levels": "grid", "all time": "window"}.get(what, what)
    assert replace(CLASSIC, **{name: OTHERS[what]}).fingerprint() != CLASSIC.fingerprint()


def test_the_fingerprint_stays_where_only_words_change():
    grid = replace(CLASSIC.grid, name="mine", reserved_advice=(("lapsed", "write"),))
    other = replace(CLASSIC, grid=grid, backfill=0)
    assert other.fingerprint() == CLASSIC.fingerprint() == Rules(load("classic-5")).fingerprint()


def test_the_older_fingerprint_is_the_one_that_state_of_earlier_releases_has():
    assert CLASSIC.older_fingerprint() == replace(CLASSIC, best="low", exact_up_to=1).older_fingerprint()
    assert CLASSIC.older_fingerprint() == "23900a81947c4749"
