from datetime import UTC, datetime, timedelta

import pytest

from stream_rfm.client import CustomerSegment, Freshness
from stream_rfm.demo.summary import Summary

AT = datetime(1998, 7, 1, tzinfo=UTC)


@pytest.fixture
def summary(board):
    return Summary(
        customers=1200,
        orders=3000,
        transitions=4000,
        segments={"champions": 1000, "potential-loyalist": 200},
        as_of="1998-07-01T00:00:00Z",
        seconds=2.0,
        moves=board.moves["1"],
        answer=CustomerSegment("1", "lost", "111", 1, 1, 1, AT, 546, 3, 9, 0),
        fresh=Freshness(AT, AT, 547, timedelta(0)),
    )


def test_lines_for_people_fit_a_terminal(summary):
    lines = summary.lines()
    assert lines[0] == "3,000 orders of 1,200 customers in 2.0 s (1,500 orders/s), 4,000 transitions."
    assert lines[3] == "  champions             1,000  " + "█" * 40
    assert lines[4] == "  potential-loyalist      200  " + "█" * 8
    assert max(map(len, lines)) < 80
    told = " ".join(lines)
    assert (
        "Customer 1 came on 1997-01-01 as new, became champions on 1997-01-02 (order) and became lost" in told
    )
    assert "The cache says of 1: lost, code 111, and that this holds as of 1998-07-01, version 547." in told


def test_document_for_programs(summary):
    said = summary.document()
    example = said.pop("example")
    assert said == {
        "customers": 1200,
        "orders": 3000,
        "transitions": 4000,
        "segments": {"champions": 1000, "potential-loyalist": 200},
        "as_of": "1998-07-01T00:00:00Z",
        "seconds": 2.0,
        "orders_per_second": 1500.0,
    }
    assert example["segment"] == "lost"
    assert example["as_of"] == "1998-07-01T00:00:00Z"
    assert example["transitions"][0] == {
        "from": None,
        "to": "new",
        "cause": "order",
        "at": "1997-01-01T00:00:00Z",
    }
