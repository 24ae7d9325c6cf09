"""The checker finds what is wrong in Redis and in current segments, each in a case of two customers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import truth
from cache_check import unlike, untrue, wrong_watermarks
from standing import Scale, Version

_DAY = 86_400.0
_VERSION = Version(7, 10 * _DAY, ([1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]))
_EVENTS = {
    "kunde-1": [truth.Event(8 * _DAY, "order", "a", None, Decimal(5))],
    "kunde-2": [truth.Event(9 * _DAY, "cancel", "b", None, Decimal(0))],
}


def _current() -> dict[str, dict[str, Any]]:
    said = {"quantiles_version": 7, "sequence": 1, "revision": 2, "partition": 0, "scored_at": "then"}
    return {
        "kunde-1": {"r": 1, "f": 1, "m": 5, "code": "115", "segment": "cannot-lose", **said},
        "kunde-2": {"r": None, "f": None, "m": None, "code": None, "segment": "prospect", **said},
    }


def _held() -> dict[str, dict[str, Any]]:
    return {name: {**said, "scored_at": 5} for name, said in _current().items()}


def test_what_the_topic_says_is_right():
    assert list(unlike(_held(), _current())) == []


@pytest.mark.parametrize(
    "name", ["segment", "code", "r", "f", "m", "quantiles_version", "sequence", "revision", "partition"]
)
def test_anything_else_is_wrong(name):
    held = _held()
    held["kunde-1"][name] = 9
    assert len(list(unlike(held, _current()))) == 1


def test_nobody_may_be_missing_or_too_many():
    held, current = _held(), _current()
    assert len(list(unlike({"kunde-1": held["kunde-1"]}, current))) == 1
    assert len(list(unlike(held, {"kunde-1": current["kunde-1"]}))) == 1


def _watermarks() -> dict[int, dict[str, Any]]:
    said = {"app_id": "chaos", "schema": 1, "quantiles_version": 7, "as_of": 864_000_000}
    return {0: {**said, "offset": 31}, 1: {**said, "offset": 5}}


def _wrong(watermarks: dict[int, dict[str, Any]]) -> list[str]:
    return list(wrong_watermarks(watermarks, {6: _VERSION, 7: _VERSION}, {0: 31, 1: 5}, "chaos"))


def test_watermarks_that_have_reached_the_end_are_right():
    assert _wrong(_watermarks()) == []


@pytest.mark.parametrize(
    "wrong",
    [{"app_id": "other"}, {"schema": 2}, {"offset": 30}, {"quantiles_version": 6}, {"as_of": 1}],
    ids=str,
)
def test_another_watermark_is_wrong(wrong):
    watermarks = _watermarks()
    watermarks[0] |= wrong
    assert len(_wrong(watermarks)) == 1


def test_each_partition_has_a_watermark():
    watermarks = _watermarks()
    del watermarks[1]
    assert len(_wrong(watermarks)) == 1


def _untrue(current: dict[str, dict[str, Any]]) -> list[str]:
    return list(untrue(current, _EVENTS, {0: _VERSION}, Scale.of_grid(), 30 * _DAY))


def test_what_orders_come_to_is_right():
    assert _untrue(_current()) == []


@pytest.mark.parametrize(
    "wrong", [{"r": 2}, {"f": 2}, {"m": 4}, {"code": "114"}, {"segment": "lost"}], ids=str
)
def test_a_segment_that_is_not_what_orders_come_to_is_wrong(wrong):
    current = _current()
    current["kunde-1"] |= wrong
    assert len(_untrue(current)) == 1


def test_who_was_never_heard_of_has_no_segment():
    assert len(_untrue({"kunde-3": _current()["kunde-2"]})) == 1
