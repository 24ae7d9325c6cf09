from __future__ import annotations

import numpy as np
from fetched_runs import run
from test_scanned import Record

from stream_rfm.intake.run import SIZE, Run, joined, offset_of

SOME = [
    Record(b"value", b"key", (("a", b"1"), ("a", b"\xff"), ("b", b""), ("c", None)), 41, 5),
    Record(b"v", None, (), 42, 6),
    Record(None, b"k", (), 43, 7),
    Record(b"", b"", (), 44, 8),
    Record(b"x" * 200, b"\x00", (("é", b"x" * 200),), 45, 9),
]


def facts(record):
    return record.offset, record.timestamp, record.key, record.value, tuple(record.headers)


def test_records_are_what_was_sent():
    assert [facts(record) for record in run(SOME)] == [facts(record) for record in SOME]


def test_a_part_is_a_run():
    found = run(SOME)
    assert [record.offset for record in found[1:3]] == [42, 43]
    assert [facts(record) for record in found[-2:]] == [facts(record) for record in SOME[-2:]]
    assert (len(found), len(found[4:]), found[-1].offset) == (5, 1, 45)


def test_the_size_is_that_of_key_value_and_headers():
    assert run(SOME).places[SIZE].tolist() == [
        len(record.key or b"")
        + len(record.value or b"")
        + sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
        for record in SOME
    ]


def test_runs_are_joined_into_one():
    found = run(SOME)
    parts = [found[3:5], found[0:1], found.take(np.array([1, 2]))]
    together = joined(parts)
    assert isinstance(together, Run)
    assert [facts(record) for record in together] == [facts(SOME[i]) for i in (3, 4, 0, 1, 2)]
    assert len(together.data) < len(found.data) + 20
    assert joined(parts[:1]) is parts[0]


def test_records_one_by_one_make_the_whole_so():
    found = run(SOME)
    assert [facts(record) for record in joined([found[:2], list(found[2:])])] == [facts(r) for r in SOME]


def test_an_offset_is_told_of_runs_and_of_records():
    for some in (run(SOME), SOME, run(SOME)[1:]):
        assert [offset_of(some, which) for which in (0, -1)] == [some[0].offset, 45]
