"""Columns as JSON: the text of each value, as :mod:`msgspec` would write it, all of a column at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from stream_rfm.model import instant, money
from stream_rfm.model.arrays import Column, Ints

_encode = msgspec.json.Encoder().encode
# What does not stand in a JSON text as it is.
_ESCAPED = re.compile(rb'[\x00-\x1f"\\]')
_HUNDREDTHS = [b"%02d" % number for number in range(100)]
_HUNDREDTH = money.MICROS // 100
#: Up to here a float is the integer that it is made of.
EXACT_FLOAT = 1 << 53

NULL = b"null"


def strings(values: Sequence[bytes]) -> list[bytes]:
    """Texts in UTF-8."""
    if _ESCAPED.search(b"".join(values)) is None:
        return [b'"%b"' % value for value in values]
    return [_encode(value.decode()) for value in values]


def instants(values: Ints) -> list[bytes]:
    """Instants as :func:`stream_rfm.model.instant.iso` writes them, without quotes."""
    if len(values) and values.min() == values.max():
        return [instant.iso(int(values[0])).encode()] * len(values)
    distinct, which = np.unique(values, return_inverse=True)
    whole = distinct % instant.SECOND == 0
    times = distinct.astype("M8[us]")
    texts = np.empty(len(distinct), object)
    texts[whole] = [text.encode() + b"Z" for text in np.datetime_as_string(times[whole], "s").tolist()]
    texts[~whole] = [text.encode() + b"Z" for text in np.datetime_as_string(times[~whole], "us").tolist()]
    return list(texts[which])


def amounts(values: Ints) -> list[bytes]:
    """Millionths as :func:`stream_rfm.model.money.plain` writes them, without quotes."""
    units, parts = np.divmod(np.abs(values), money.MICROS)
    signs = [b"-" if negative else b"" for negative in (values < 0).tolist()]
    hundredths, finer = np.divmod(parts, _HUNDREDTH)
    decimals = [_HUNDREDTHS[number] for number in hundredths.tolist()]
    for place in np.flatnonzero(finer).tolist():
        decimals[place] = (b"%06d" % int(parts[place])).rstrip(b"0")
    return [b"%b%d.%b" % each for each in zip(signs, units.tolist(), decimals, strict=True)]


def days(durations: Ints) -> list[bytes]:
    """Durations in days; ``null`` for those below zero."""
    texts = days_joined(durations)[1:-1].split(b",") if len(durations) else []
    for place in np.flatnonzero(durations < 0).tolist():
        texts[place] = NULL
    return texts


def days_joined(durations: Ints) -> bytes:
    """Durations in days, as one text of JSON."""
    if len(durations) and int(durations.max()) > EXACT_FLOAT:
        return _encode([instant.days(duration) for duration in durations.tolist()])
    return floats_joined(durations / instant.DAY)


def floats_joined(values: Column) -> bytes:
    """Floats as one text of JSON."""
    return _encode(values.tolist())


class Cached(dict[int, bytes]):
    """Texts by number, each made when it is first asked for."""

    def __init__(self, made: Callable[[int], bytes]) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, number: int) -> bytes:
        text = self[number] = self._made(number)
        return text

    def of(self, numbers: Ints) -> list[bytes]:
        """The texts of many numbers."""
        return [self[number] for number in numbers.tolist()]
