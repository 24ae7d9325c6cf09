"""Orders out of JSON text, a whole run of records at once, compiled.

Only plain documents are read here, and only as the rules of one document would read them
(:mod:`stream_rfm.intake.document`): everything that is the least out of the ordinary is left to those.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba import njit

from stream_rfm.intake.json_text import (
    after_flat_object,
    after_null,
    after_scalar,
    after_space,
    after_text,
    is_same,
    is_word,
)
from stream_rfm.intake.plain_values import amount_of, instant_of
from stream_rfm.intake.run import HEADERS, HEADERS_SIZE, KEY, KEY_SIZE, VALUE, VALUE_SIZE
from stream_rfm.intake.scanned import AMOUNT, AT, KIND, ORDER, ORDER_SIZE, REFUND, REFUND_SIZE
from stream_rfm.model.order import LONGEST_ID, Kind
from stream_rfm.table.compiled import BOOLS, BYTES, INLINE, OPTIONS, OUT, TABLE

# Ids up to here are hashed in columns.
_LONGEST_ID = LONGEST_ID // 4
_ORDER, _REFUND = int(Kind.ORDER), int(Kind.REFUND)
_NAMES = ("type", "customer_id", "order_id", "refund_id", "amount", "currency", "ts", "attributes")
_TYPE, _CUSTOMER, _ORDER_ID, _REFUND_ID, _AMOUNT, _CURRENCY, _TS, _ATTRIBUTES = range(len(_NAMES))
_NEEDED = 1 << _CUSTOMER | 1 << _ORDER_ID | 1 << _AMOUNT | 1 << _TS
_TEXT = np.frombuffer("".join(_NAMES).encode(), np.uint8)
_SIZES = np.array([len(name) for name in _NAMES])
_STARTS = np.cumsum(_SIZES) - _SIZES
_BY_SIZE = np.array(
    [
        _NAMES.index(name) if name else -1
        for name in (
            next((name for name in _NAMES if len(name) == size), "") for size in range(max(_SIZES) + 1)
        )
    ]
)
# Where headers name it, values may be MessagePack.
_MESSAGEPACK = np.frombuffer(b"application/msgpack", np.uint8)
_ORDER_WORD, _REFUND_WORD = np.frombuffer(b"order", np.uint8), np.frombuffer(b"refund", np.uint8)


@njit(**INLINE)
def _field(data: Any, at: Any, size: Any) -> Any:
    """The number of the field that a name names; −1 for others."""
    # Their lengths tell all apart but two, so that at most two names are compared.
    number = _BY_SIZE[size] if 0 <= size < len(_BY_SIZE) else -1
    if number == _ORDER_ID and not is_same(data, at, size, _TEXT, _STARTS[number]):
        number = _CURRENCY
    return number if number >= 0 and is_same(data, at, size, _TEXT, _STARTS[number]) else -1


@njit(**INLINE)
def _take_text(
    data: Any, number: Any, at: Any, size: Any, currency: Any, places: Any, out: Any, i: Any
) -> Any:
    """Take the text of a field, if it is plain: one that is compared, or an id."""
    if number == _TYPE:
        out[KIND, i] = _REFUND if is_word(data, at, size, _REFUND_WORD) else _ORDER
        return out[KIND, i] == _REFUND or is_word(data, at, size, _ORDER_WORD)
    if number == _CURRENCY:
        return is_word(data, at, size, currency)
    if size < 1 or size > _LONGEST_ID:
        return False
    if number == _CUSTOMER:
        return size == places[KEY_SIZE, i] and is_same(data, at, size, data, places[KEY, i])
    if number == _ORDER_ID:
        out[ORDER, i], out[ORDER_SIZE, i] = at, size
    else:
        out[REFUND, i], out[REFUND_SIZE, i] = at, size
    return True


@njit(**INLINE)
def _after_value(
    data: Any, number: Any, at: Any, end: Any, currency: Any, places: Any, out: Any, i: Any
) -> Any:
    """Behind the value of a field, which is taken; −1 if it is not plain."""
    if number == _AMOUNT:
        out[AMOUNT, i], at = amount_of(data, at, end)
        return at
    if number == _TS:
        out[AT, i], at = instant_of(data, at, end)
        return at
    if number == _ATTRIBUTES and at < end and data[at] != 110:
        return after_flat_object(data, at + 1, end) if data[at] == 123 else np.int64(-1)
    if number < 0:
        return after_scalar(data, at, end)
    if number in (_REFUND_ID, _CURRENCY, _ATTRIBUTES) and at < end and data[at] == 110:
        return after_null(data, at, end)
    if at >= end or data[at] != 34:
        return np.int64(-1)
    after = after_text(data, at + 1, end)
    if after < 0 or not _take_text(data, number, at + 1, after - at - 2, currency, places, out, i):
        return np.int64(-1)
    return after


@njit(**INLINE)
def _document(data: Any, at: Any, end: Any, currency: Any, places: Any, out: Any, i: Any) -> Any:
    """Take an object; which of its fields there were, as bits, or −1 if it is not plain."""
    at = after_space(data, at, end)
    if at >= end or data[at] != 123:
        return -1
    at = after_space(data, at + 1, end)
    seen = 0
    while at < end and data[at] == 34:
        after = after_text(data, at + 1, end)
        if after < 0:
            return -1
        number = _field(data, at + 1, after - at - 2)
        if number >= 0:
            if seen & (1 << number):
                return -1
            seen |= 1 << number
        at = after_space(data, after, end)
        if at >= end or data[at] != 58:
            return -1
        at = _after_value(data, number, after_space(data, at + 1, end), end, currency, places, out, i)
        if at < 0:
            return -1
        at = after_space(data, at, end)
        if at < end and data[at] == 125:
            return seen if after_space(data, at + 1, end) == end else -1
        if at >= end or data[at] != 44:
            return -1
        at = after_space(data, at + 1, end)
    return -1


@njit(**INLINE)
def _may_be_messagepack(data: Any, at: Any, size: Any) -> Any:
    for start in range(at, at + size - len(_MESSAGEPACK) + 1):
        if is_word(data, start, len(_MESSAGEPACK), _MESSAGEPACK):
            return True
    return False


@njit(nb.void(BYTES, TABLE, BYTES, nb.int64, OUT, BOOLS), **OPTIONS)
def scan(data: Any, places: Any, currency: Any, latest: Any, out: Any, plain: Any) -> None:
    """Read the values of records that are plain.

    Args:
        data: the bytes of a run.
        places: where its records are; see :mod:`stream_rfm.intake.run`.
        currency: the base currency.
        latest: the last instant that is not in the future, microseconds.
        out: gets what the orders are; see :mod:`stream_rfm.intake.scanned`. Zeros before.
        plain: gets which of the records that holds for.
    """
    for i in range(places.shape[1]):
        start, size = places[VALUE, i], places[VALUE_SIZE, i]
        if size < 0 or _may_be_messagepack(data, places[HEADERS, i], places[HEADERS_SIZE, i]):
            continue
        out[KIND, i] = _ORDER
        seen = _document(data, start, start + size, currency, places, out, i)
        plain[i] = (
            seen >= 0
            and seen & _NEEDED == _NEEDED
            and out[AT, i] <= latest
            and (out[REFUND_SIZE, i] == 0 or out[KIND, i] == _REFUND)
        )
