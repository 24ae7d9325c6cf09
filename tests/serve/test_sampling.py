import msgpack
import numpy as np
import pytest

from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import Marks, Table
from stream_rfm.serve.sampling import sample_of

RANDOM = np.random.default_rng(3)


def read(rows):
    """Every seventh row is nobody's by now."""
    there = [row for row in rows.tolist() if row % 7]
    return [b"c%d" % row for row in there], [msgpack.packb({"revision": n, "scored_at": 1}) for n in there]


def marks_of(count):
    table = Table(read, lambda rows: bulk_of(*read(rows)), lambda: count, lambda _: np.empty(0, np.int64))
    return Marks(table)


@pytest.fixture
def marks():
    return marks_of(60)


def values(sample, **said):
    return [msgpack.packb({**document, **said}) for document in sample.documents]


def test_customers_who_are_still_to_be_written_are_not_in_a_sample(marks):
    marks.changed.add(np.arange(10))
    marks.backlog.add(np.arange(10, 20))
    marks.suspect.add(np.arange(20, 30))
    seen = set()
    for _ in range(50):
        sample = sample_of(4, marks, RANDOM)
        assert sample.partition == 4
        assert len(sample.keys) == len(sample.documents) <= 100
        seen.update(sample.keys)
    assert seen == {b"rfm:customer:c%d" % row for row in range(30, 60) if row % 7}


def test_nobody_is_no_sample():
    assert sample_of(0, marks_of(0), RANDOM).keys == []


def test_what_says_the_same_does_not_differ_whenever_it_was_scored(marks):
    sample = sample_of(0, marks, RANDOM)
    assert len(sample.keys) > 20
    assert sample.differing(values(sample, scored_at=77)) == 0


@pytest.mark.parametrize(
    "value", [None, b"", b"\xc1", msgpack.packb([1]), msgpack.packb({}), msgpack.packb({"revision": 1000})]
)
def test_what_is_gone_or_says_something_else_differs(marks, value):
    sample = sample_of(0, marks, RANDOM)
    held = values(sample)
    held[3] = held[5] = value
    assert sample.differing(held) == 2
