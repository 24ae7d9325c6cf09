"""The checker finds what is wrong: each way of being wrong, in a history of a few events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import truth

_WINDOW = 30 * 86_400.0
_SENT = [
    {"order_id": "a", "ts": "2026-01-01T00:00:00Z", "amount": "10"},
    {"order_id": "b", "ts": "2026-01-02T00:00:00Z", "amount": "5.5"},
    {"order_id": "b", "ts": "2026-01-02T06:00:00Z", "amount": "5.5"},
    {"order_id": "c", "ts": "2026-01-02T12:00:00Z", "amount": "-1"},
    {"order_id": "a", "ts": "2026-01-03T00:00:00Z", "amount": "1", "type": "refund", "refund_id": "r"},
    {"order_id": "b", "ts": "2026-01-04T00:00:00Z", "type": "cancel"},
]


def _said(cause: str, order: str | None, day: int, frequency: int, money: str, age: float) -> dict[str, Any]:
    return {
        "cause": cause,
        "order_id": order,
        "effective_at": f"2026-01-{day:02}T00:00:00Z",
        "after": {"frequency": frequency, "monetary": money, "recency_days": age},
    }


def _right() -> list[dict[str, Any]]:
    return [
        _said("order", "a", 1, 1, "10.00", 0.0),
        _said("order", "b", 2, 2, "15.50", 0.0),
        _said("refund", "a", 3, 2, "14.50", 1.0),
        _said("cancel", "b", 4, 1, "9.00", 3.0),
        _said("decay", None, 31, 0, "-1.00", 30.0),
    ]


@pytest.fixture
def events(tmp_path: Path) -> list[truth.Event]:
    lines = [json.dumps({"customer_id": "kunde-1", **each}) for each in _SENT]
    (tmp_path / "orders.jsonl").write_text("\n".join(lines), "utf-8")
    return truth.events_of(tmp_path / "orders.jsonl")["kunde-1"]


def _found(said: list[dict[str, Any]], events: list[truth.Event]) -> list[str]:
    return list(truth.transitions(said, events, _WINDOW, event_clock=True))


def test_what_follows_from_the_orders_is_right(events):
    assert _found(_right(), events) == []


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize(
    "wrong",
    [{"frequency": 7}, {"monetary": "9.01"}, {"recency_days": 0.5}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_another_value_is_wrong(events, which, wrong):
    said = _right()
    said[which]["after"] |= wrong
    assert len(_found(said, events)) == 1


@pytest.mark.parametrize("which", range(4))
def test_an_event_makes_one_transition(events, which):
    said = _right()
    said.insert(which, said[which])
    assert len(_found(said, events)) == 1


@pytest.mark.parametrize("which", range(3))
def test_transitions_come_in_the_order_of_the_events(events, which):
    said = _right()
    said[which], said[which + 1] = said[which + 1], said[which]
    assert len(_found(said, events)) == 1


_HEADER = "customer_id,recency_days,frequency,monetary,r,f,m,code,segment\n"
_AS_OF = truth.seconds("2026-01-05T00:00:00Z")


@pytest.mark.parametrize(
    ("row", "right"),
    [
        ("kunde-1,4.0,1,9.00,5,1,1,511,lost\n", True),
        ("kunde-1,4.0,2,9.00,5,1,1,511,lost\n", False),
        ("kunde-1,4.0,1,10.00,5,1,1,511,lost\n", False),
        ("kunde-1,3.0,1,9.00,5,1,1,511,lost\n", False),
        ("kunde-1,4.0,1,9.00,5,2,1,521,lost\n", False),
        ("kunde-2,4.0,1,9.00,5,1,1,511,lost\n", False),
        ("", False),
    ],
)
def test_a_state_is_what_the_orders_come_to(tmp_path, events, row, right):
    export = tmp_path / "export.csv"
    export.write_text(_HEADER + row, "utf-8")
    assert (list(truth.state(export, {"kunde-1": events}, _AS_OF, _WINDOW)) == []) is right
