from __future__ import annotations

import pytest
from fetched_runs import batch_of, run
from test_run import SOME, facts

from stream_rfm.intake.one_by_one import unpacked
from stream_rfm.intake.run import Run
from stream_rfm.stream.batch_layout import HEADER

PART = batch_of(SOME, base=41)[HEADER.size :]


def test_records_are_where_what_is_compiled_says():
    found = unpacked(PART, len(SOME), 41, 5, -1)
    assert isinstance(found, Run)
    assert [facts(record) for record in found] == [facts(record) for record in SOME]
    assert (found.places == run(SOME).places).all()


def test_a_stamp_of_the_broker_is_that_of_all():
    assert {record.timestamp for record in unpacked(PART, len(SOME), 41, 5, 99)} == {99}


def test_a_headers_name_may_be_of_any_bytes():
    [record, *_] = unpacked(PART.replace(b"\x02b\x00", b"\x02\xe9\x00"), len(SOME), 41, 5, -1)
    assert [name for name, _ in record.headers] == ["a", "a", "\\xe9", "c"]


@pytest.mark.parametrize("end", [0, 1, 10, len(PART) - 1])
def test_what_does_not_hold_together_is_refused(end):
    with pytest.raises(ValueError, match="behind its batch"):
        unpacked(PART[:end], len(SOME), 41, 5, -1)


def test_parts_that_are_longer_than_their_record_are_refused():
    with pytest.raises(ValueError, match="behind its batch"):
        unpacked(PART.replace(b"\x0avalue", b"\x08value", 1), len(SOME), 41, 5, -1)
