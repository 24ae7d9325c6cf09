from __future__ import annotations

import random

import numpy as np
import pytest
import xxhash
from fetched_runs import kernels

from stream_rfm.table.customers import digests_of


@pytest.fixture(scope="module")
def compiled():
    return kernels.load()


def stretches(ids: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.array([len(each) for each in ids], np.int64)
    # With something before it, so that no id begins the buffer.
    return np.frombuffer(b"xyz" + b"".join(ids), np.uint8), 3 + np.cumsum(size) - size, size


@pytest.mark.parametrize("length", range(1, 129))
def test_it_is_what_the_library_gives(compiled, length):
    source = random.Random(length)
    ids = [source.randbytes(length) for _ in range(50)]
    data, start, size = stretches(ids)
    hashes = np.zeros(len(ids), np.uint64)
    compiled.hashes(data, start, size, hashes)
    assert hashes.tolist() == [xxhash.xxh3_64_intdigest(each) for each in ids]
    digests = np.zeros((len(ids), 2), np.uint64)
    compiled.digests(data, start, size, digests)
    assert digests.tolist() == digests_of(ids).tolist()


def test_an_empty_stretch_has_none(compiled):
    hashes = np.ones(1, np.uint64)
    compiled.hashes(*stretches([b""]), hashes)
    assert hashes.tolist() == [0]
