"""XXH3 of many ids at once, where they lie in a buffer: what :mod:`xxhash` gives, compiled for whole columns.

Written from the specification (Collet, ``doc/xxhash_spec.md`` of xxHash 0.8), for ids of 1 to 128 bytes and
no seed; ``docs/decisions/0014-compiled-intake.md`` says why it is here.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba import njit

from stream_rfm.table.compiled import BYTES, HASHES, INLINE, INTS, OPTIONS

#: The longest id that is hashed here, in bytes.
LONGEST = 128

_SECRET = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
        "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
        "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
        "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
        "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    ),
    "<u8",
)
_U64 = np.uint64
_PRIME32_2 = _U64(0x85EB_CA77)
_PRIME64_1 = _U64(0x9E37_79B1_85EB_CA87)
_PRIME64_2 = _U64(0xC2B2_AE3D_27D4_EB4F)
_PRIME64_3 = _U64(0x1656_67B1_9E37_79F9)
_PRIME64_4 = _U64(0x85EB_CA77_C2B2_AE63)
_PRIME_MX1 = _U64(0x1656_6791_9E37_79F9)
_PRIME_MX2 = _U64(0x9FB2_1C65_1E98_DF25)
_LOW = _U64(0xFFFF_FFFF)


@njit(**INLINE)
def _read32(data: Any, at: Any) -> Any:
    value = _U64(0)
    for i in range(4):
        value |= _U64(data[at + i]) << _U64(8 * i)
    return value


@njit(**INLINE)
def _read64(data: Any, at: Any) -> Any:
    return _read32(data, at) | (_read32(data, at + 4) << _U64(32))


@njit(**INLINE)
def _product(a: Any, b: Any) -> Any:
    """The lower and the higher half of a product of 128 bits."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _U64(32), b & _LOW, b >> _U64(32)
    low, crossed, other, high = a_low * b_low, a_high * b_low, a_low * b_high, a_high * b_high
    middle = (low >> _U64(32)) + (crossed & _LOW) + other
    return (middle << _U64(32)) | (low & _LOW), (crossed >> _U64(32)) + (middle >> _U64(32)) + high


@njit(**INLINE)
def _swapped32(x: Any) -> Any:
    x = ((x & _U64(0x00FF_00FF)) << _U64(8)) | ((x >> _U64(8)) & _U64(0x00FF_00FF))
    return ((x << _U64(16)) | (x >> _U64(16))) & _LOW


@njit(**INLINE)
def _swapped64(x: Any) -> Any:
    return (_swapped32(x & _LOW) << _U64(32)) | _swapped32(x >> _U64(32))


@njit(**INLINE)
def _turned(x: Any, bits: Any) -> Any:
    return (x << _U64(bits)) | (x >> _U64(64 - bits))


@njit(**INLINE)
def _avalanche(x: Any) -> Any:
    x ^= x >> _U64(37)
    x *= _PRIME_MX1
    return x ^ (x >> _U64(32))


@njit(**INLINE)
def _avalanche_short(x: Any) -> Any:
    x ^= x >> _U64(33)
    x *= _PRIME64_2
    x ^= x >> _U64(29)
    x *= _PRIME64_3
    return x ^ (x >> _U64(32))


@njit(**INLINE)
def _mixed(data: Any, at: Any, secret: Any) -> Any:
    low, high = _product(
        _read64(data, at) ^ _SECRET[secret],
        _read64(data, at + 8) ^ _SECRET[secret + 1],
    )
    return low ^ high


@njit(**INLINE)
def _combined(data: Any, at: Any, size: Any) -> Any:
    """Up to three bytes and their number as one number."""
    middle = _U64(data[at + (size >> 1)]) << _U64(24)
    return _U64(data[at + size - 1]) | _U64(size << 8) | (_U64(data[at]) << _U64(16)) | middle


@njit(**INLINE)
def _hash64(data: Any, at: Any, size: Any) -> Any:
    length = _U64(size)
    if size > 16:
        total = length * _PRIME64_1
        for i in range((size - 1) // 32, -1, -1):
            total += _mixed(data, at + 16 * i, 4 * i)
            total += _mixed(data, at + size - 16 * i - 16, 4 * i + 2)
        return _avalanche(total)
    if size > 8:
        low = (_SECRET[3] ^ _SECRET[4]) ^ _read64(data, at)
        high = (_SECRET[5] ^ _SECRET[6]) ^ _read64(data, at + size - 8)
        product_low, product_high = _product(low, high)
        return _avalanche(length + _swapped64(low) + high + (product_low ^ product_high))
    if size > 3:
        words = _read32(data, at + size - 4) | (_read32(data, at) << _U64(32))
        value = (_SECRET[1] ^ _SECRET[2]) ^ words
        value = value ^ _turned(value, 49) ^ _turned(value, 24)
        value *= _PRIME_MX2
        value ^= (value >> _U64(35)) + length
        value *= _PRIME_MX2
        return value ^ (value >> _U64(28))
    first = _SECRET[0]
    return _avalanche_short(((first & _LOW) ^ (first >> _U64(32))) ^ _combined(data, at, size))


@njit(**INLINE)
def _hash128_short(data: Any, at: Any, size: Any) -> Any:
    """Of up to eight bytes."""
    length = _U64(size)
    if size > 3:
        words = _read32(data, at) | (_read32(data, at + size - 4) << _U64(32))
        value = (_SECRET[2] ^ _SECRET[3]) ^ words
        low, high = _product(value, _PRIME64_1 + (length << _U64(2)))
        high += low << _U64(1)
        low ^= high >> _U64(3)
        low ^= low >> _U64(35)
        low *= _PRIME_MX2
        return low ^ (low >> _U64(28)), _avalanche(high)
    combined = _combined(data, at, size)
    swapped = _swapped32(combined)
    turned = ((swapped << _U64(13)) | (swapped >> _U64(19))) & _LOW
    first, second = _SECRET[0], _SECRET[1]
    low = ((first & _LOW) ^ (first >> _U64(32))) ^ combined
    high = ((second & _LOW) ^ (second >> _U64(32))) ^ turned
    return _avalanche_short(low), _avalanche_short(high)


@njit(**INLINE)
def _hash128(data: Any, at: Any, size: Any) -> Any:
    length = _U64(size)
    if size <= 8:
        return _hash128_short(data, at, size)
    if size <= 16:
        last = _read64(data, at + size - 8)
        first = (_SECRET[4] ^ _SECRET[5]) ^ _read64(data, at) ^ last
        second = (_SECRET[6] ^ _SECRET[7]) ^ last
        low, high = _product(first, _PRIME64_1)
        low += (length - _U64(1)) << _U64(54)
        high += second + (second & _LOW) * (_PRIME32_2 - _U64(1))
        low ^= _swapped64(high)
        low, carried = _product(low, _PRIME64_2)
        return _avalanche(low), _avalanche(carried + high * _PRIME64_2)
    one, two = length * _PRIME64_1, _U64(0)
    for i in range((size - 1) // 32, -1, -1):
        begin, end = at + 16 * i, at + size - 16 * i - 16
        one = (one + _mixed(data, begin, 4 * i)) ^ (_read64(data, end) + _read64(data, end + 8))
        two = (two + _mixed(data, end, 4 * i + 2)) ^ (_read64(data, begin) + _read64(data, begin + 8))
    high = one * _PRIME64_1 + two * _PRIME64_4 + length * _PRIME64_2
    return _avalanche(one + two), _U64(0) - _avalanche(high)


@njit(nb.void(BYTES, INTS, INTS, HASHES), **OPTIONS)
def hashes(data: Any, start: Any, size: Any, out: Any) -> Any:
    """The 64-bit hash of each stretch of a buffer, of 1 to :data:`LONGEST` bytes; 0 for an empty one."""
    for i in range(len(start)):
        out[i] = _hash64(data, start[i], size[i]) if size[i] > 0 else _U64(0)


@njit(nb.void(BYTES, INTS, INTS, nb.uint64[:, :]), **OPTIONS)
def digests(data: Any, start: Any, size: Any, out: Any) -> Any:
    """The 128-bit digest of each stretch: its halves as :func:`numpy.frombuffer` reads them, higher first."""
    for i in range(len(start)):
        if size[i] > 0:
            low, high = _hash128(data, start[i], size[i])
            out[i, 0], out[i, 1] = _swapped64(high), _swapped64(low)
