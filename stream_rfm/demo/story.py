"""One customer's way through the segments, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream_rfm.demo.board import Move

# Long enough for a way up and down again, short enough for a sentence.
_SHORTEST, _LONGEST = 4, 6
_BEST, _NOT_YET = "champions", "unscored"


def protagonist(moves: Mapping[str, Sequence[Move]]) -> str:
    """The customer whose story says most: of few transitions, many segments, with the best among them.

    Args:
        moves: every customer's; somebody's at least.
    """

    def dullness(customer: str) -> tuple[bool, int, str]:
        ways = [move.target for move in moves[customer]]
        good = _SHORTEST <= len(ways) <= _LONGEST and _BEST in ways[:-1] and _NOT_YET not in ways
        return not good, -len(set(ways)), customer

    return min(moves, key=dullness)


def sentence(moves: Sequence[Move]) -> str:
    """Tell of one customer's transitions.

    Args:
        moves: one at least.
    """
    first, *others = moves
    said = [f"Customer {first.customer} came on {first.at:%Y-%m-%d} as {first.target}"]
    said += [f"became {move.target} on {move.at:%Y-%m-%d} ({move.cause})" for move in others]
    return f"{', '.join(said[:-1])} and {said[-1]}." if others else f"{said[0]}."
