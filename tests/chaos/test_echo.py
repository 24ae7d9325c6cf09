"""The checker finds transitions that are no echo of an event in turn."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from echo import wrong_echoes

_ORDERS = [
    {"order_id": "a", "amount": "1"},
    {"order_id": "b", "amount": "-1"},
    {"order_id": "a", "amount": "1"},
    {"order_id": "b", "amount": "2"},
    {"order_id": "a", "type": "refund", "amount": "1", "refund_id": "r"},
    {"type": "erase"},
    {"order_id": "c", "amount": "1"},
]


def _records(values: list[dict[str, Any]], partition: int = 3) -> list[Any]:
    return [
        SimpleNamespace(partition=partition, offset=offset, value=json.dumps(value).encode())
        for offset, value in enumerate(values)
    ]


def _orders() -> list[Any]:
    return _records([{"customer_id": "kunde-1", "ts": "2026-01-01T00:00:00Z", **each} for each in _ORDERS])


def _right() -> list[dict[str, Any]]:
    made = [
        *(("order", "a"), ("decay", None), ("order", "b"), ("refund", "a"), ("erase", None)),
        ("backfill", "c"),
    ]
    return [{"customer_id": "kunde-1", "cause": cause, "order_id": order} for cause, order in made]


def _found(said: list[dict[str, Any]], partition: int = 3, committed: int = 7) -> list[str]:
    return list(wrong_echoes(_orders(), _records(said, partition), {3: committed, 4: 9}))


def test_echoes_in_turn_are_right():
    assert _found(_right()) == []


def test_a_duplicate_may_be_what_made_it():
    assert _found([_right()[0], _right()[0]]) == []


@pytest.mark.parametrize("which", [2, 3, 4, 5])
def test_an_event_has_one_echo(which):
    said = _right()
    said.insert(which, said[which])
    assert len(_found(said)) == 1


@pytest.mark.parametrize("which", [2, 3, 4])
def test_echoes_come_in_the_order_of_the_events(which):
    said = _right()
    said[which], said[which + 1] = said[which + 1], said[which]
    assert len(_found(said)) == 1


@pytest.mark.parametrize(
    "wrong", [{"cause": "cancel"}, {"order_id": "c"}, {"customer_id": "kunde-2"}], ids=str
)
def test_an_echo_is_of_what_was_sent(wrong):
    said = _right()
    said[2] |= wrong
    assert len(_found(said)) == 1


def test_an_echo_is_in_the_partition_of_its_event():
    assert len(_found(_right(), partition=4)) == 1
    assert len(_found([_right()[1]], partition=4)) == 1


def test_an_echo_is_of_what_is_committed():
    assert len(_found(_right(), committed=6)) == 1


def test_what_time_does_with_an_event_is_its_echo_too():
    said = _right()
    said[2] |= {"cause": "decay"}
    assert _found(said) == []
    said[3] |= {"cause": "decay", "order_id": "b"}
    assert len(_found(said)) == 1
