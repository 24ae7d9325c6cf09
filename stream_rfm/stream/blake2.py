"""BLAKE2b of texts in a buffer, compiled: what :mod:`hashlib` gives, sixteen bytes long and without a key.

Written from RFC 7693. A digest by :mod:`hashlib` takes a microsecond, most of it around the digest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stream_rfm.table.compiled import INLINE

#: Bytes of a block; behind a text there has to be room to fill its last one.
BLOCK = 128
#: How many numbers of 64 bits are needed to work with: the state and a block.
SCRATCH = 24

_U64 = np.uint64
_STATE = 8
_IV = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    np.uint64,
)
# Sixteen bytes, no key, neither fanned out nor deep.
_PARAMETERS = _U64(0x0101_0010)
# Which words of a block go into each round; the last two are as the first.
_ORDER = np.array(
    [
        *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        *(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
        *(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
        *(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
        *(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
        *(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
        *(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
        *(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
        *(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
        *(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
        *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        *(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    ],
    np.uint64,
)


@njit(**INLINE)
def _mixed(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    a = a + b + x
    d ^= a
    d = (d >> _U64(32)) | (d << _U64(32))
    c += d
    b ^= c
    b = (b >> _U64(24)) | (b << _U64(40))
    a = a + b + y
    d ^= a
    d = (d >> _U64(16)) | (d << _U64(48))
    c += d
    b ^= c
    b = (b >> _U64(63)) | (b << _U64(1))
    return a, b, c, d


@njit(**INLINE)
def _word(work: Any, place: Any) -> Any:
    return work[_U64(_STATE) + _ORDER[place]]


@njit(**INLINE)
def _compress(work: Any, count: Any, last: Any) -> Any:
    """Mix a block into the state; so many bytes are in it and in those before it."""
    v0, v1, v2, v3 = work[0], work[1], work[2], work[3]
    v4, v5, v6, v7 = work[4], work[5], work[6], work[7]
    v8, v9, v10, v11 = _IV[0], _IV[1], _IV[2], _IV[3]
    v12, v13, v14, v15 = _IV[4] ^ _U64(count), _IV[5], _IV[6], _IV[7]
    if last:
        v14 = ~v14
    for i in range(12):
        at = _U64(16 * i)
        v0, v4, v8, v12 = _mixed(v0, v4, v8, v12, _word(work, at), _word(work, at + _U64(1)))
        v1, v5, v9, v13 = _mixed(v1, v5, v9, v13, _word(work, at + _U64(2)), _word(work, at + _U64(3)))
        v2, v6, v10, v14 = _mixed(v2, v6, v10, v14, _word(work, at + _U64(4)), _word(work, at + _U64(5)))
        v3, v7, v11, v15 = _mixed(v3, v7, v11, v15, _word(work, at + _U64(6)), _word(work, at + _U64(7)))
        v0, v5, v10, v15 = _mixed(v0, v5, v10, v15, _word(work, at + _U64(8)), _word(work, at + _U64(9)))
        v1, v6, v11, v12 = _mixed(v1, v6, v11, v12, _word(work, at + _U64(10)), _word(work, at + _U64(11)))
        v2, v7, v8, v13 = _mixed(v2, v7, v8, v13, _word(work, at + _U64(12)), _word(work, at + _U64(13)))
        v3, v4, v9, v14 = _mixed(v3, v4, v9, v14, _word(work, at + _U64(14)), _word(work, at + _U64(15)))
    work[0] ^= v0 ^ v8
    work[1] ^= v1 ^ v9
    work[2] ^= v2 ^ v10
    work[3] ^= v3 ^ v11
    work[4] ^= v4 ^ v12
    work[5] ^= v5 ^ v13
    work[6] ^= v6 ^ v14
    work[7] ^= v7 ^ v15


@njit(**INLINE)
def digest(data: Any, start: Any, size: Any, work: Any) -> Any:
    """Leave the digest in the first two numbers.

    Args:
        data: the buffer; what is behind the text is overwritten, up to a whole block.
        start: where the text begins.
        size: how many bytes it has, at least one.
        work: :data:`SCRATCH` numbers to work with.
    """
    blocks = (size + BLOCK - 1) // BLOCK
    for i in range(size, blocks * BLOCK):
        data[_U64(start + i)] = np.uint8(0)
    for i in range(_STATE):
        work[i] = _IV[i]
    work[0] ^= _PARAMETERS
    for block in range(blocks):
        for i in range(16):
            at, word = _U64(start + block * BLOCK + 8 * i), _U64(0)
            for k in range(8):
                word |= _U64(data[at + _U64(k)]) << _U64(8 * k)
            work[_STATE + i] = word
        _compress(work, min(size, (block + 1) * BLOCK), block == blocks - 1)
