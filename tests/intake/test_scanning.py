"""What counts as plain; that it is read right is seen in ``test_scanned.py``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fetched_runs import kernels, run
from test_scanned import GOOD, INTAKE, Record


def plain_of(some: list[Record]) -> list[bool]:
    """Which records need not be looked at one by one."""
    found = run(some)
    said, plain = np.zeros((7, len(some)), np.int64), np.zeros(len(some), bool)
    kernels.load().scan(found.data, found.places, np.frombuffer(b"EUR", np.uint8), INTAKE.latest, said, plain)
    return plain.tolist()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"type": "refund"},
        {"type": "refund", "refund_id": "r-1"},
        {"amount": 12},
        {"amount": 12.5},
        {"amount": "0.000001"},
        {"currency": None},
        {"ts": 1767323045000},
        {"ts": "2026-01-02T03:04:05.678Z"},
        {"ts": "2026-01-02T03:04:05.678901+00:00"},
        {"attributes": {"channel": "web", "items": 3, "new": True, "note": None}},
        {"note": "x"},
        {"order_id": "o" * 64},
    ],
)
def test_what_is_common_does_not_go_the_slow_way(fields):
    text = json.dumps({**GOOD, **fields}).encode()
    assert plain_of([Record(text), Record(text, headers=(("trace", b"1"),))]) == [True, True]


@pytest.mark.parametrize(
    "record",
    [
        Record(None),
        Record(b"{}"),
        Record(json.dumps(GOOD).encode(), key=b"c-2"),
        Record(json.dumps(GOOD).encode(), key=None),
        Record(json.dumps(GOOD).encode(), headers=(("content-type", b"application/msgpack"),)),
        Record(json.dumps(GOOD).encode()[:-1] + b',"ts":1}'),
        Record(json.dumps({**GOOD, "type": "cancel"}).encode()),
        Record(json.dumps({**GOOD, "ts": "2027-01-01T00:00:00Z"}).encode()),
        Record(json.dumps({**GOOD, "refund_id": "r-1"}).encode()),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_plain_path(record):
    assert plain_of([record]) == [False]
