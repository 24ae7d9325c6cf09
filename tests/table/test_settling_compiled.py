from __future__ import annotations

import numpy as np
import pytest
from scorer import GRID, SCORED, UNSCORED

from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause
from stream_rfm.table import settling_compiled as compiled
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT, ROW
from stream_rfm.table.evaluation import Evaluator
from stream_rfm.table.moves import CAUSE

DAY, AS_OF, BACKFILL = 86_400_000_000, 1_767_225_600_000_000, 86_400_000_000
ORDER, REFUND, ENQUIRY = 0, 1, 3


def settled(table, events, version=SCORED):
    """What becomes of a table by events: row, kind, days before now, amount, inside."""
    row, kind, ago, amount, inside = (np.array(each) for each in zip(*events, strict=True))
    count = len(row)
    moves, news = np.zeros((compiled.LINES, count), np.int64), np.zeros(count, np.int64)
    counts = np.zeros(compiled.COUNTS, np.int64)
    compiled.settle(
        table,
        (kind.astype(np.uint8), AS_OF - ago * DAY, amount, np.full(count, AS_OF), row),
        np.arange(count),
        inside.astype(bool),
        Evaluator(Rules(GRID, window=None, backfill=BACKFILL)).facts(version),
        (moves, news, counts),
    )
    return moves[:, : counts[0]], news[: counts[1]].tolist(), int(counts[2])


@pytest.fixture
def table():
    rows = np.zeros(3, ROW)
    rows["segment"], rows["last"] = NO_SEGMENT, NEVER
    return rows


def test_each_event_is_counted_behind_the_one_before(table):
    moves, news, late = settled(table, [(1, ORDER, 0, 20, 1), (1, ORDER, 0, 30, 1), (2, ENQUIRY, 0, 0, 0)])
    assert table["frequency"].tolist() == [0, 2, 0]
    assert table["monetary"].tolist() == table["lifetime_monetary"].tolist() == [0, 50, 0]
    assert table["scored_at"].tolist() == [0, AS_OF, AS_OF]
    assert moves[compiled.PLACE].tolist() == [0, 1, 2]
    assert moves[compiled.SEQUENCE].tolist() == [1, 2, 1]
    assert (news[0], news[-1], late) == (1, 2, 0)


def test_what_is_outside_the_window_counts_for_the_lifetime_only(table):
    settled(table, [(0, ORDER, 0, 20, 1), (0, ORDER, 400, 7, 0), (0, REFUND, 0, 5, 0)])
    assert table["monetary"][0] == 20
    assert table["frequency"][0] == 1
    assert (table["lifetime_monetary"][0], table["lifetime_orders"][0]) == (22, 2)
    assert table["last"][0] == AS_OF


def test_an_enquiry_is_news_of_a_stranger_only(table):
    moves, _, _ = settled(table, [(0, ENQUIRY, 0, 0, 0), (0, ENQUIRY, 0, 0, 0), (0, ORDER, 0, 1, 1)])
    assert moves[compiled.PLACE].tolist() == [0, 2]
    assert moves[compiled.BEFORE + 3].tolist()[0] == NO_SEGMENT
    assert moves[compiled.SEQUENCE].tolist() == [1, 2]


def test_without_cut_points_nobody_has_scores(table):
    settled(table, [(0, ORDER, 0, 1, 1), (1, REFUND, 0, 1, 1)], UNSCORED)
    names = [Rules(GRID).grid.names[segment] for segment in table["segment"][:2].tolist()]
    assert names == ["unscored", "prospect"]
    assert not table["r"].any()


def test_what_time_would_have_done_is_put_down_to_it_and_what_is_late_to_that(table):
    # Long ago, and still standing as on that day.
    settled(table, [(0, ORDER, 0, 100, 1)])
    table["last"][0] -= 300 * DAY
    moves, _, late = settled(table, [(0, REFUND, 0, 1, 1), (1, ORDER, 2, 1, 1)])
    assert moves[compiled.CAUSED].tolist() == [CAUSE[Cause.DECAY], CAUSE[Cause.BACKFILL]]
    assert late == 1


def test_it_fits_as_long_as_all_that_comes_is_not_too_much(table):
    table["monetary"][1] = -90
    row_of, amount = np.array([1, 0]), np.array([5, 5])
    where = np.array([0, 1])
    assert compiled.fits(table, row_of, amount, where, 100.0)
    assert not compiled.fits(table, row_of, amount, where, 99.0)
    assert compiled.fits(table, row_of, amount, where[1:], 5.0)
