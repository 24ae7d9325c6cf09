from stream_rfm.demo.lines import line
from stream_rfm.model import instant


def test_line_tells_how_far_it_is_and_of_the_latest_transition(board):
    board.reach(3, instant.parse("1997-02-03"), 103.0)
    assert line(board) == (
        "1997-02-03  3 of 4 orders, 0/s; 4 transitions, the latest: 1 champions → lost (decay)"
    )
    board.latest.clear()
    board.as_of = None
    assert line(board) == "1997-01-01  3 of 4 orders, 0/s"
