"""Rules that were changed, as far as they tell how customers stood by them."""

from __future__ import annotations

import msgspec

from stream_rfm.model.rules import Rules
from stream_rfm.model.scoring import Best


class Era(msgspec.Struct, array_like=True, frozen=True):
    """The rules that customers were scored by from one version on.

    Attributes:
        since: the number of the first version of these rules.
        names: of the grid's segments; the place of a name is what columns hold.
        levels: the number of levels of every dimension.
        best: how digits are printed.
        window: microseconds in which orders count; ``None`` for all time.
        retention: microseconds that an order is remembered; ``None``: for ever.
        currency: of all amounts.
    """

    since: int
    names: tuple[str, ...]
    levels: int
    best: Best
    window: int | None
    retention: int | None
    currency: str

    @classmethod
    def of(cls, rules: Rules, since: int) -> Era:
        """The era of some rules that begins with a version."""
        return cls(
            since=since,
            names=rules.grid.names,
            levels=rules.levels,
            best=rules.best,
            window=rules.window,
            retention=rules.retention,
            currency=rules.currency,
        )
