"""How much of a rescoring one transaction carries, so that orders that come meanwhile do not wait for long.

An order waits for the transaction in hand, and then for its own. Both together may take half a second, and
orders change customers, too. What counts is how many customers are published anew: those whose scores change
cost nearly as much as those who move, and there may be many more of them. As each transaction carries a
little, hardly any order takes longer for it. The longer a rescoring has lasted, the more is carried.

What a transaction takes longer is not all that it costs: more orders arrive meanwhile, so that the next one
takes longer, too. At half of the greatest load a piece that takes ten milliseconds keeps orders waiting for
twice that.
"""

from __future__ import annotations

from stream_rfm.stream.lane import ROWS

# What scoring rows may take before the transaction is made, seconds.
_SCORING_SECONDS = 0.04
# What making and committing what is said of a rescoring's customers may take, seconds.
_MAKING_SECONDS = 0.06
# Customers whatever that takes, as a rescoring must end; and however little, as memory does.
_LEAST, _MOST = 250, 8_000
# Until it is seen what one takes, seconds.
_FIRST_GUESS = 50e-6
# What part of it all is carried at first, and for how long a rescoring has lasted when it is all, seconds.
# After that it is ever more customers, as it has to end however many there are.
_FIRST_PART, _GROWS_FOR = 0.1, 30.0
# Fewer rows take hardly less than so many.
_FEWEST_ROWS = 100
# Transactions with fewer say too little of what one takes.
_TELLING = 500
_WEIGHT = 0.3


class Allowance:
    """What is left of it for the transaction in hand."""

    def __init__(self) -> None:
        self._each = _FIRST_GUESS
        self._seconds = 0.0
        self._customers = 0
        self._others = 0
        self._part = _FIRST_PART
        # Customers published of each row, by the last slice of this transaction; all may be in the first.
        self._share = 1.0

    @property
    def left(self) -> bool:
        """Whether more may be done."""
        return self._seconds < _SCORING_SECONDS * min(1.0, self._part) and self._customers < self._most

    @property
    def rows(self) -> int:
        """How many rows the next slice is to look at, so that not many more change than may be carried."""
        fitting = (self._most - self._customers) / max(self._share, 1 / ROWS)
        return round(min(ROWS, max(_FEWEST_ROWS, fitting)))

    @property
    def _most(self) -> float:
        most = max(_LEAST, min(_MOST, _MAKING_SECONDS / self._each) - self._others)
        return min(_MOST, most * self._part)

    def begin(self, others: int, lasted: float = 0.0) -> None:
        """Begin a transaction.

        Args:
            others: how many customers are published with it already.
            lasted: for how many seconds there was something to be scored.
        """
        self._seconds, self._customers, self._others, self._share = 0.0, 0, others, 1.0
        self._part = _FIRST_PART + (1 - _FIRST_PART) * lasted / _GROWS_FOR

    def spend(self, seconds: float, customers: int, rows: int) -> None:
        """Note what a slice has taken.

        Args:
            seconds: how long.
            customers: how many are published because of it.
            rows: how many it looked at.
        """
        self._seconds += seconds
        self._customers += customers
        self._share = customers / rows

    def learn(self, seconds: float, customers: int) -> None:
        """Note in how many seconds a transaction was made and committed that published so many customers."""
        if customers >= _TELLING:
            self._each += _WEIGHT * (seconds / customers - self._each)
