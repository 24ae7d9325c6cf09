from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model import distribution
from stream_rfm.model.version import Summary
from stream_rfm.table.report import Report, decode, encode

values = st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 3), max_size=12)


def of(numbers: list[int], exact_up_to: int) -> distribution.Distribution:
    return distribution.of(np.array(numbers, np.int64), exact_up_to)


def plain(part: distribution.Distribution) -> object:
    if isinstance(part, distribution.Sketch):
        return part
    return part.values.tolist(), part.counts.tolist()


summaries = st.builds(
    lambda r, f, m, size: Summary(*(of(part, size) for part in (r, f, m))),
    values,
    values,
    values,
    st.sampled_from([5, 100]),
)


@given(
    st.integers(0, 99),
    st.none() | st.integers(0, 2**50),
    st.lists(st.tuples(st.integers(0, 2**50), summaries), max_size=3),
)
def test_a_report_is_read_as_it_was_written(partition, start, frames):
    read = decode(encode(Report(partition, start, tuple(frames))))
    assert (read.partition, read.start) == (partition, start)
    assert [as_of for as_of, _ in read.frames] == [as_of for as_of, _ in frames]
    for (_, found), (_, written) in zip(read.frames, frames, strict=True):
        for name in ("recency", "frequency", "monetary"):
            assert plain(getattr(found, name)) == plain(getattr(written, name))


def test_a_report_says_by_which_rules_it_was_made_and_behind_which_version():
    read = decode(encode(Report(3, None, (), "rules", again=True, after=7)))
    assert (read.rules, read.again, read.after) == ("rules", True, 7)


def test_a_report_of_an_earlier_release_says_nothing_of_rules():
    written = msgspec.msgpack.decode(encode(Report(3, 7, (), "rules", again=True, after=9)))
    assert decode(msgspec.msgpack.encode(written[:4])) == Report(3, 7, ())


def test_a_report_takes_eight_bytes_for_a_recency_that_nobody_shares():
    recency = of(list(range(10_000)), 10**6)
    rare = of([1] * 10_000, 10**6)
    assert len(encode(Report(0, None, ((1, Summary(recency, rare, rare)),)))) < 8 * 10_000 + 200


@pytest.mark.parametrize("value", [b"", b"\xc0", b"{}", encode(Report(0, 1, ()))[:-1]])
def test_what_is_no_report_is_refused(value):
    with pytest.raises(msgspec.DecodeError):
        decode(value)


def test_report_of_a_newer_release_is_refused():
    _, *rest = msgspec.msgpack.decode(encode(Report(0, 1, ())))
    with pytest.raises(msgspec.DecodeError, match="it has schema 2 and this release reads 1"):
        decode(msgspec.msgpack.encode([2, *rest]))
