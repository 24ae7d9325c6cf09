"""Draws the board on a terminal, whatever its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stream_rfm.demo import cdnow
from stream_rfm.demo.board import Board, Move
from stream_rfm.model import instant
from stream_rfm.model.grid import RESERVED

_DRAW_SECONDS = 0.125
# Title, progress, and a rule above each of the two tables.
_AROUND = 4
_FEWEST, _MOST = 3, 20
_BAR = 60
_TITLE = f"{cdnow.ORDERS:,} orders of {cdnow.CUSTOMERS:,} CDNOW customers"
_SIGNS = {
    "up": ("↑", "green"),
    "down": ("↓", "red"),
    "lateral": ("→", "yellow"),
    "entered": ("+", "cyan"),
    "left": ("−", "magenta"),
}


@contextmanager
def on_screen(console: Console) -> Iterator[Callable[[Board], None]]:
    """Take the whole terminal, and give it back as it was.

    Args:
        console: the terminal.

    Yields:
        What draws a board, as often as somebody can see.
    """
    drawn = 0.0
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(board: Board) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn >= _DRAW_SECONDS:
                drawn = now
                live.update(picture(board, *console.size), refresh=True)

        yield show


def picture(board: Board, width: int, height: int) -> RenderableType:
    """What is drawn.

    Args:
        board: what is known.
        width: columns of the terminal.
        height: its rows.
    """
    names = [name for name in board.segments if board.counts[name] or name not in RESERVED]
    rows = min(_MOST, max(_FEWEST, height - _AROUND - len(names)))
    return Group(
        Text(f"{_TITLE}, scored as they arrive", "bold", no_wrap=True),
        _progress(board),
        Rule(f"{board.counts.total():,} customers in segments", align="left", style="dim"),
        _segments(board, names, width),
        Rule(f"{board.transitions:,} transitions", align="left", style="dim"),
        _transitions(list(board.latest)[-rows:]),
    )


def _progress(board: Board) -> RenderableType:
    day = cdnow.FIRST_DAY if board.as_of is None else instant.iso(board.as_of)[:10]
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right", min_width=8)
    table.add_row(
        day,
        ProgressBar(board.total, board.orders),
        f"{board.orders:,}/{board.total:,}",
        f"{board.rate:,.0f}/s",
    )
    return table


def _segments(board: Board, names: list[str], width: int) -> RenderableType:
    most = max([1, *(board.counts[name] for name in names)])
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right", min_width=6)
    table.add_column()
    for name in names:
        count = board.counts[name]
        table.add_row(name, f"{count:,}", Bar(most, 0, count, width=min(_BAR, width - 32), color="blue"))
    return table


def _transitions(moves: list[Move]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for style in ("dim", "", "", "", "dim"):
        table.add_column(style=style, no_wrap=True)
    for move in moves:
        sign, colour = _SIGNS.get(move.direction, ("?", "white"))
        table.add_row(
            f"{move.at:%Y-%m-%d}",
            Text(sign, f"bold {colour}"),
            move.customer,
            Text(f"{move.source or 'nowhere'} → {move.target or 'erased'}", colour),
            move.cause,
        )
    return table
