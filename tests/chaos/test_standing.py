"""The checker finds scores, codes and segments that do not follow, and versions that cannot be."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from standing import NO_VERSION, Scale, Standing, Version, wrong_versions

_DAY_US = 86_400_000_000


def _published(number: int, **other: Any) -> dict[str, Any]:
    return {
        "version": number,
        "as_of": f"2026-01-{number:02}T00:00:00Z",
        "population": 30,
        "levels": 5,
        "method": "inverted_cdf",
        "rank_error": 0.0,
        "cut_points": {
            "recency_days": [1.0, 2.0, 3.0, 4.0],
            "frequency": [1, 1, 2, 3],
            "monetary": ["5.00", "10.00", "20.00", "30.50"],
        },
        "thresholds": {
            "recency_us": [_DAY_US, 2 * _DAY_US, 3 * _DAY_US, 4 * _DAY_US],
            "frequency": [1, 1, 2, 3],
            "monetary_micros": [5_000_000, 10_000_000, 20_000_000, 30_500_000],
        },
        "unreachable": {"r": [], "f": [2], "m": []},
        **other,
    }


_SCALE = Scale.of_grid()
_UNSCORED = {"cut_points": None, "thresholds": None, "unreachable": None}
_VERSIONS = {2: Version.of(_published(2)), 1: Version.of(_published(1, **_UNSCORED))}


@pytest.mark.parametrize(
    ("days", "frequency", "money", "expected"),
    [
        (0.0, 4, "30.51", Standing(5, 5, 5, "555", "champions")),
        (1.0, 3, "30.50", Standing(5, 4, 4, "544", "champions")),
        (1.0 + 1 / _DAY_US, 2, "10", Standing(4, 3, 2, "432", "potential-loyalist")),
        (9.0, 1, "-3", Standing(1, 1, 1, "111", "lost")),
        (9.0, 0, "0", Standing(None, None, None, None, "lapsed")),
        (None, 0, "0", Standing(None, None, None, None, "prospect")),
    ],
)
def test_a_standing_follows_from_values_and_cut_points(days, frequency, money, expected):
    assert _SCALE.stands(days, frequency, Decimal(money), _VERSIONS[2]) == expected


@pytest.mark.parametrize("version", [NO_VERSION, _VERSIONS[1]])
def test_without_cut_points_nobody_is_scored(version):
    assert _SCALE.stands(1.0, 1, Decimal(1), version).segment == "unscored"


def _transition() -> dict[str, Any]:
    scores = {"r": 5, "f": 4, "m": 4, "code": "544"}
    before = {"r": 1, "f": 1, "m": 1, "code": "111"}
    values = {"recency_days": 1.0, "frequency": 3, "monetary": "30.50"}
    return {
        "quantiles_version": 2,
        "from": "lost",
        "to": "champions",
        "before": values | before,
        "after": values | scores,
    }


def test_a_transition_that_says_what_its_version_comes_to_is_right():
    assert _SCALE.unlike(_transition(), _VERSIONS) is None
    first = _transition() | {"from": None, "before": None}
    assert _SCALE.unlike(first, _VERSIONS) is None
    last = _transition() | {"to": None, "after": None}
    assert _SCALE.unlike(last, _VERSIONS) is None
    unscored = {"r": None, "f": None, "m": None, "code": None}
    entered = _transition() | {"from": "unscored", "before": _transition()["before"] | unscored}
    assert _SCALE.unlike(entered, _VERSIONS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"r": 4},
        {"f": 5},
        {"m": 5},
        {"code": "545"},
        {"recency_days": 1.1},
        {"frequency": 4},
        {"monetary": "30.51"},
    ],
    ids=str,
)
def test_another_value_score_or_code_is_wrong(wrong):
    said = _transition()
    said["after"] |= wrong
    assert _SCALE.unlike(said, _VERSIONS)


@pytest.mark.parametrize(
    "wrong", [{"code": "112"}, {"r": 2}, {"code": "311", "r": 3}, {"code": None}], ids=str
)
def test_what_was_left_has_to_be_its_segment(wrong):
    said = _transition()
    said["before"] |= wrong
    assert _SCALE.unlike(said, _VERSIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "loyal"},
        {"from": "loyal"},
        {"to": None},
        {"from": None},
        {"before": None},
        {"quantiles_version": 1},
        {"quantiles_version": 0},
        {"quantiles_version": 3},
    ],
    ids=str,
)
def test_another_segment_or_version_is_wrong(wrong):
    assert _SCALE.unlike(_transition() | wrong, _VERSIONS)


def _records(*said: dict[str, Any]) -> list[Any]:
    return [
        SimpleNamespace(key=str(each["version"]).encode(), value=json.dumps(each).encode()) for each in said
    ]


def test_versions_that_grow_by_one_are_right():
    assert list(wrong_versions(_records(_published(1, **_UNSCORED), _published(2), _published(3)))) == []


@pytest.mark.parametrize(
    "second",
    [
        _published(1),
        _published(3),
        _published(2, as_of="2025-12-31T00:00:00Z"),
        _published(2, levels=4),
        _published(2, population=-1),
        _published(2, thresholds=_published(2)["thresholds"] | {"frequency": [2, 1, 2, 3]}),
        _published(2, thresholds=_published(2)["thresholds"] | {"monetary_micros": [1, 2, 3, 4]}),
    ],
)
def test_a_version_that_cannot_be_is_wrong(second):
    assert list(wrong_versions(_records(_published(1), second)))


def test_the_key_of_a_version_is_its_number():
    [record] = _records(_published(2))
    record.key = b"3"
    assert len(list(wrong_versions([record]))) == 1
