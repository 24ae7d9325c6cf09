"""Tells of the board in plain lines, where nobody watches a terminal: logs, pipes, continuous integration."""

from __future__ import annotations

import time
from collections.abc import Callable

from stream_rfm.demo import cdnow
from stream_rfm.demo.board import Board
from stream_rfm.model import instant

_SAY_SECONDS = 2.0


def in_lines(say: Callable[[str], None]) -> Callable[[Board], None]:
    """What says a line of the board every other second.

    Args:
        say: told the lines.
    """
    said = time.monotonic()

    def show(board: Board) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SAY_SECONDS:
            said = now
            say(line(board))

    return show


def line(board: Board) -> str:
    """The board in a line, with the latest transition."""
    day = cdnow.FIRST_DAY if board.as_of is None else instant.iso(board.as_of)[:10]
    reached = f"{day}  {board.orders:,} of {board.total:,} orders, {board.rate:,.0f}/s"
    if not board.latest:
        return reached
    move = board.latest[-1]
    moved = f"{move.customer} {move.source or 'nowhere'} → {move.target or 'erased'} ({move.cause})"
    return f"{reached}; {board.transitions:,} transitions, the latest: {moved}"
