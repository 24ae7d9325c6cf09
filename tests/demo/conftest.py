"""Transitions and boards that tests of the demo begin with."""

from datetime import UTC, datetime

import pytest

from stream_rfm.client import SegmentTransition
from stream_rfm.demo.board import Board

SEGMENTS = ["champions", "new", "lost", "lapsed", "prospect", "unscored"]


@pytest.fixture
def moved():
    """Makes a transition."""

    def make(customer, sequence, source, target, *, direction="up", cause="order"):
        at = datetime(1997, 1, sequence, tzinfo=UTC)
        return SegmentTransition(
            ce_id=f"{customer}-{sequence}",
            ce_type="",
            ce_source="",
            ce_time=at,
            ce_subject=customer,
            customer_id=customer,
            sequence=sequence,
            source=source,
            target=target,
            direction=direction,
            cause=cause,
            order_id=None,
            before=None,
            after=None,
            quantiles_version=1,
            effective_at=at,
            detected_at=None,
            advice="",
            raw={},
        )

    return make


@pytest.fixture
def board(moved):
    """Two customers, of whom one has been in three segments."""
    board = Board(SEGMENTS, total=4, started=100.0)
    board.take(
        [moved("1", 1, None, "new"), moved("2", 1, None, "new"), moved("1", 2, "new", "champions")], 101.0
    )
    board.take([moved("1", 3, "champions", "lost", direction="down", cause="decay")], 102.0)
    return board
