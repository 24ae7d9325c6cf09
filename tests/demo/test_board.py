import pytest

from stream_rfm.demo.errors import DemoError


def test_counts_are_of_the_segments_that_customers_are_in_now(board):
    assert board.populated == {"new": 1, "lost": 1}
    assert list(board.populated) == ["new", "lost"]
    assert board.transitions == 4
    assert [move.target for move in board.moves["1"]] == ["new", "champions", "lost"]
    assert board.latest[-1].customer == "1"


def test_customer_who_is_erased_is_in_none(board, moved):
    board.take([moved("2", 2, "new", None)], 103.0)
    assert board.populated == {"lost": 1}


@pytest.mark.parametrize(
    ("sequence", "source"), [(3, "champions"), (5, "lost"), (4, "champions"), (1, None)], ids=str
)
def test_transition_that_does_not_follow_is_an_error(board, moved, sequence, source):
    with pytest.raises(DemoError, match="some were lost or came twice"):
        board.take([moved("1", sequence, source, "new")], 103.0)


def test_rate_is_that_of_the_last_seconds(board):
    assert board.rate == 0
    for second, orders in enumerate([0, 0, 0, 100, 200, 300, 400]):
        board.reach(orders, None, 200.0 + second)
    assert board.rate == 100
    board.reach(400, None, 300.0)
    assert board.rate == 0


def test_seconds_end_with_what_happened_last(board):
    assert board.seconds == 2
    board.reach(4, 5, 110.0)
    board.reach(4, 5, 120.0)
    assert board.seconds == 10
