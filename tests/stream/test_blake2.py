import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.stream import blake2


def digest(text, behind=0xEE):
    data = np.full(len(text) + 3 + blake2.BLOCK, behind, np.uint8)
    data[3 : 3 + len(text)] = np.frombuffer(text, np.uint8)
    work = np.empty(blake2.SCRATCH, np.uint64)
    blake2.digest(data, 3, len(text), work)
    assert data[: 3 + len(text)].tobytes() == bytes([behind] * 3) + text
    return work[:2].tobytes()


@given(st.binary(min_size=1, max_size=700))
def test_digests_are_those_of_hashlib(text):
    assert digest(text) == hashlib.blake2b(text, digest_size=16).digest()


@pytest.mark.parametrize("size", [1, 127, 128, 129, 255, 256, 257, 384, 385])
def test_blocks_may_be_full(size):
    text = bytes(range(256)) * 2
    assert digest(text[:size]) == hashlib.blake2b(text[:size], digest_size=16).digest()
