from io import StringIO

import pytest
from rich.console import Console

from stream_rfm.demo.screen import picture
from stream_rfm.model import instant


def drawn(board, width, height):
    console = Console(file=StringIO(), width=width, height=height, color_system=None, force_terminal=False)
    console.print(picture(board, width, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40)])
def test_picture_fits(board, moved, width, height):
    names = ["cannot-lose", "potential-loyalist"]
    board.segments = [*(f"segment-{n}" for n in range(9)), *names]
    before = "lost"
    for sequence in range(4, 31):
        board.take([moved("1", sequence, before, names[1 - sequence % 2], cause="quantiles")], 103.0)
        before = names[1 - sequence % 2]
    board.reach(4, instant.parse("1998-06-30"), 104.0)
    lines = drawn(board, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("1998-06-30" in line and "4/4" in line for line in lines)
    [last] = [line for line in lines if line.startswith("1997-01-30")]
    assert last.split() == ["1997-01-30", "↑", "1", "cannot-lose", "→", "potential-loyalist", "quantiles"]


def test_segments_are_drawn_in_order_and_reserved_ones_only_with_somebody_inside(board):
    lines = drawn(board, 80, 24)
    names = [line.split()[0] for line in lines]
    assert [name for name in names if name in board.segments] == ["champions", "new", "lost"]
    assert lines[names.index("champions")].split() == ["champions", "0"]
    assert lines[names.index("new")].split()[1] == "1"


def test_nothing_yet(board):
    board.latest.clear()
    board.counts.clear()
    assert any("1997-01-01" in line for line in drawn(board, 80, 24))
