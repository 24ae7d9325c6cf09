"""How much of a rescoring one transaction carries, so that orders that come meanwhile do not wait for long.

An order waits for the transaction in hand, and then for its own. Both together may take half a second, and
orders have transitions of their own. Most rescorings move few: as each transaction carries a little of them,
hardly any order takes longer for it. The longer one has lasted, the more is carried.
"""

from __future__ import annotations

# What scoring rows may take before the transaction is made, seconds.
_SCORING_SECONDS = 0.04
# What making and committing a rescoring's transitions may take, seconds.
_MAKING_SECONDS = 0.06
# Transitions whatever making them takes, as a rescoring must end; and however little, as memory does.
_LEAST, _MOST = 500, 8_000
# Until it is seen what one takes, seconds.
_FIRST_GUESS = 50e-6
# What part of it all is carried at first, and for how long a rescoring has lasted when it is all, seconds.
_FIRST_PART, _GROWS_FOR = 0.25, 15.0
# Transactions with fewer say too little of what one takes.
_TELLING = 500
_WEIGHT = 0.3


class Allowance:
    """What is left of it for the transaction in hand."""

    def __init__(self) -> None:
        self._each = _FIRST_GUESS
        self._seconds = 0.0
        self._transitions = 0
        self._others = 0
        self._part = _FIRST_PART

    @property
    def left(self) -> bool:
        """Whether more may be done."""
        most = max(_LEAST, min(_MOST, _MAKING_SECONDS / self._each) - self._others)
        return self._seconds < _SCORING_SECONDS * self._part and self._transitions < most * self._part

    def begin(self, others: int, lasted: float = 0.0) -> None:
        """Begin a transaction.

        Args:
            others: how many transitions there are in it already.
            lasted: for how many seconds there was something to be scored.
        """
        self._seconds, self._transitions, self._others = 0.0, 0, others
        self._part = min(1.0, _FIRST_PART + (1 - _FIRST_PART) * lasted / _GROWS_FOR)

    def spend(self, seconds: float, transitions: int) -> None:
        """Note what a slice has taken, in seconds, and how many transitions came of it."""
        self._seconds += seconds
        self._transitions += transitions

    def learn(self, seconds: float, transitions: int) -> None:
        """Note in how many seconds a transaction with so many transitions was made and committed."""
        if transitions >= _TELLING:
            self._each += _WEIGHT * (seconds / transitions - self._each)
