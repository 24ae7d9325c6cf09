"""What workers have logged is counted as what it was, and a long run has to have seen it."""

from __future__ import annotations

from typing import Any

import pytest
from logged import NAME_LOST, Logged


def _entry(message: str, reason: str = "") -> dict[str, Any]:
    return {"message": message, "reason": reason}


_FENCED = _entry("a transaction was not committed", "FencedMemberError: a member of generation 3")
_MOVED = _entry("partitions move while a transaction is in flight")


def test_entries_are_counted():
    snapshot = _entry("a snapshot is not used; the changelog is read from its beginning", "torn")
    timed_out = _entry("a transaction was not committed", "TimeoutError: ")
    named = [_entry(NAME_LOST), _entry("took partitions over")]
    logged = Logged.of([_FENCED, _FENCED, timed_out, _MOVED, snapshot, *named, _entry("ready")])
    assert logged.result == {
        "transactions not committed": 3,
        "refused": {"FencedMemberError": 2, "TimeoutError": 1},
        "fenced": 2,
        "takeovers": 1,
        "revocations in flight": 1,
        "redis away": 0,
        "redis refilled": 0,
        "names lost": 1,
        "snapshots refused": {"torn": 1},
    }


@pytest.mark.parametrize(
    ("entries", "missed"), [([_FENCED, _MOVED], 0), ([_FENCED], 1), ([_MOVED], 1), ([], 2)]
)
def test_a_long_run_has_to_have_met_both(entries, missed):
    assert len(list(Logged.of(entries).missed())) == missed
