"""The checker finds dead letters that are missing, repeated, of something else, or changed."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from dead_letters import wrong_letters

_AT = {"customer_id": "kunde-1", "order_id": "a", "ts": "2026-01-01T00:00:00Z", "amount": "1"}
_BAD = {
    "unknown-currency": {"currency": "XXX"},
    "invalid-amount": {"amount": "-1"},
    "unknown-type": {"type": "gift"},
    "invalid-time": {"ts": "yesterday"},
}


def _orders() -> list[Any]:
    sent = [_AT, *(_AT | bad for bad in _BAD.values()), {"type": "heartbeat", "ts": _AT["ts"]}]
    return [
        SimpleNamespace(topic="orders", partition=2, offset=at, key=b"k", value=json.dumps(said).encode())
        for at, said in enumerate(sent)
    ]


def _letters() -> list[Any]:
    return [_letter(record, reason) for record, reason in zip(_orders()[1:5], _BAD, strict=True)]


def _letter(record: Any, reason: str) -> Any:
    headers = {"reason": reason, "topic": "orders", "partition": "2", "offset": str(record.offset)}
    return SimpleNamespace(
        partition=2,
        key=record.key,
        value=record.value,
        headers=[(name, value.encode()) for name, value in headers.items()],
    )


def _found(letters: list[Any]) -> list[str]:
    return list(wrong_letters(_orders(), letters, Counter(dict.fromkeys(_BAD, 1))))


def test_the_bad_events_as_they_came_are_right():
    assert _found(_letters()) == []


def test_none_may_be_missing():
    assert len(_found(_letters()[1:])) == 1


def test_none_may_be_there_twice():
    assert len(_found([*_letters(), _letters()[0]])) == 1


def test_none_may_be_of_a_good_event():
    assert len(_found([*_letters(), _letter(_orders()[0], "unknown-type")])) == 1


@pytest.mark.parametrize("name", ["reason", "topic"])
def test_it_says_why_and_where_from(name):
    letters = _letters()
    letters[2].headers.append((name, b"another"))
    assert len(_found(letters)) == 1


@pytest.mark.parametrize("name", ["key", "value"])
def test_nothing_of_it_is_changed(name):
    letters = _letters()
    setattr(letters[2], name, b"another")
    assert len(_found(letters)) == 1


def test_it_stays_in_its_partition():
    letters = _letters()
    letters[2].partition = 1
    assert len(_found(letters)) == 1


def test_all_bad_events_came_in():
    orders = _orders()
    del orders[4]
    assert list(wrong_letters(orders, _letters()[:3], Counter(dict.fromkeys(_BAD, 1)))) != []
