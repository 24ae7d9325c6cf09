"""Whether the three places where a customer's segment is to be found say the same of everybody."""

from __future__ import annotations

from collections.abc import Mapping

from stream_rfm.client import CustomerSegment
from stream_rfm.demo.board import Board


def disagreement(
    board: Board, exported: Mapping[str, str], cached: Mapping[str, CustomerSegment | None]
) -> str | None:
    """What they disagree on.

    Args:
        board: what the topic of transitions said.
        exported: every customer's segment by the committed state.
        cached: every customer's segment by the cache.

    Returns:
        A sentence with the first difference; ``None`` when there is none.
    """
    if board.orders != board.total:
        return f"{board.orders:,} of {board.total:,} orders were counted."
    for customer in sorted(exported.keys() | board.moves.keys()):
        moves = board.moves.get(customer)
        told = moves[-1].target if moves else None
        if told != exported.get(customer):
            return (
                f"Customer {customer} is {_in(told)} by the transitions and {_in(exported.get(customer))} by "
                "the exported state."
            )
        answer = cached.get(customer)
        found = None if answer is None else (answer.segment, answer.sequence)
        if found != (told, len(moves or ())):
            return (
                f"Customer {customer} is {_in(told)} by the transitions and "
                f"{_in(answer.segment if answer else None)} by the cache."
            )
    return None


def _in(segment: str | None) -> str:
    return f"in {segment}" if segment else "nowhere"
