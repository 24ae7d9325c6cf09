"""Money: integers of millionths of the base currency, never a float.

A millionth divides every minor unit in use, so that an amount with up to six decimals is kept exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import numpy as np

from stream_rfm.model.arrays import Bools, Ints

MICROS = 1_000_000
#: The largest single amount, in millionths: 10^12 units; so that sums stay in 64 bits.
LARGEST = 10**12 * MICROS
#: The largest sum that a customer may reach, in millionths.
LARGEST_SUM = 9 * 10**18

_MILLIONTH = Decimal("0.000001")
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
# Up to here a float holds an amount with six decimals well enough for its nearest millionth to be exact.
_FLOAT_EXACT = 1e8
_ODD = "_ \t\n\r\x0b\x0c"


def parse(value: str | float | Decimal) -> int:
    """An amount as millionths; digits beyond the sixth decimal are rounded, half to even.

    Args:
        value: decimal text (``"12.34"``, ``"1e2"``) or a number of a JSON document.

    Raises:
        ValueError: it is not a finite decimal number, or is larger than :data:`LARGEST`.
    """
    if isinstance(value, float):
        value = repr(value)
    try:
        if isinstance(value, str) and not _all_plain([value]):
            raise ValueError(f"not a decimal number: {value[:40]!r}")
        amount = Decimal(value)
        # Compared without arithmetic: an exponent may be too large for any.
        if not amount.is_finite() or amount.copy_abs() > LARGEST // MICROS:
            raise ValueError(f"not a finite amount up to {LARGEST // MICROS}: {str(value)[:40]!r}")
        return int(_EXACT.quantize(amount, _MILLIONTH) * MICROS)
    except InvalidOperation:
        raise ValueError(f"not a decimal number: {str(value)[:40]!r}") from None


def parse_many(values: Sequence[str | float]) -> tuple[Ints, Bools]:
    """Many amounts at once, for those of common size.

    Returns:
        The amounts in millionths, and whether each is certain to be what :func:`parse` gives; where not,
        the amount is 0 and :func:`parse` decides.
    """
    try:
        numbers = np.array(list(map(float, values)))
    except (ValueError, TypeError, OverflowError):
        return np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    scaled = np.where(np.abs(numbers) < _FLOAT_EXACT, numbers, np.nan) * MICROS
    nearest = np.rint(scaled)
    certain: Bools = np.abs(scaled - nearest) < 1e-3
    if not _all_plain(values):
        certain[:] = False
    return np.where(certain, nearest, 0.0).astype(np.int64), certain


def plain(amount: int) -> str:
    """An amount as a plain decimal, with at least two decimals: ``"12.50"``, ``"-0.000001"``."""
    sign = "-" if amount < 0 else ""
    units, micros = divmod(abs(amount), MICROS)
    decimals = f"{micros:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{units}.{decimals}"


def converted(amount: int, rate: Decimal) -> int:
    """An amount in the base currency, rounded to millionths, half to even.

    Args:
        amount: millionths of another currency.
        rate: units of the base currency that one unit of the other is worth.
    """
    return int(_EXACT.quantize(_EXACT.multiply(Decimal(amount), rate), Decimal(1)))


def _all_plain(values: Sequence[str | float]) -> bool:
    """Whether no text has what float() takes and a decimal number does not: ``"1_0"`` or ``" 1"``."""
    text = "".join(value for value in values if isinstance(value, str))
    return text.isascii() and not any(odd in text for odd in _ODD)
