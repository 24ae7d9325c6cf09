"""Where the records of a batch are, said record by record: for what is neither compiled nor for aiokafka.

Kafka takes any bytes as a header's name, aiokafka only UTF-8. The layout is that of
:mod:`stream_rfm.intake.unpacking`.
"""

from __future__ import annotations

import numpy as np

from stream_rfm.intake.run import OFFSET, STAMP, WIDTH, Run, number

_PAST_THE_END = "a record ends behind its batch"


def unpacked(data: bytes, count: int, base_offset: int, base_stamp: int, append_stamp: int) -> Run:
    """The records of a batch.

    Args:
        data: its bytes, uncompressed and without its header.
        count: how many records it has.
        base_offset: what their offsets are counted from.
        base_stamp: what their stamps are counted from, milliseconds since 1970.
        append_stamp: the stamp that all have instead, −1 if they have their own.

    Raises:
        ValueError: it does not hold together.
    """
    places, at = np.empty((WIDTH, count), np.int64), 0
    try:
        for i in range(count):
            size, at = number(data, at)
            places[:, i] = _record(data, at, at + size)
            at += size
    except IndexError:
        raise ValueError(_PAST_THE_END) from None
    places[OFFSET] += base_offset
    places[STAMP] = append_stamp if append_stamp >= 0 else places[STAMP] + base_stamp
    return Run(np.frombuffer(data, np.uint8), places)


def _record(data: bytes, at: int, end: int) -> tuple[int, ...]:
    """The rows of :mod:`stream_rfm.intake.run`, with offset and stamp counted from a base."""
    if end > len(data):
        raise ValueError(_PAST_THE_END)
    # There are no attributes of records yet.
    stamp, at = number(data, at + 1)
    offset, at = number(data, at)
    key_size, key = number(data, at)
    value_size, value = number(data, key + max(key_size, 0))
    headers = value + max(value_size, 0)
    held = max(key_size, 0) + max(value_size, 0)
    header_count, at = number(data, headers)
    for _ in range(2 * header_count):
        size, at = number(data, at)
        at += max(size, 0)
        held += max(size, 0)
    if at != end:
        raise ValueError(_PAST_THE_END)
    return offset, stamp, key, key_size, value, value_size, headers, end - headers, held
