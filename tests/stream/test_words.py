import json

import msgpack
import numpy as np
import pytest
from scorer import GRID

from stream_rfm.model.rules import Rules
from stream_rfm.stream.words import Words, standing_key, way_key
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.moves import CAUSE, CAUSES


def key_of(segment, *scores):
    [key] = standing_key(*(np.array([number], np.uint16) for number in (segment, *scores))).tolist()
    return key


@pytest.mark.parametrize(("best", "code"), [("high", "132"), ("low", "312")])
def test_standings_and_segments_begin_with_scores_as_they_are_printed(best, code):
    words, r, f, m = Words(Rules(GRID, best=best)), *map(int, code)
    scores = {"r": r, "f": f, "m": m, "code": code}
    assert json.loads(words.standings[key_of(2, 1, 3, 2)] + b"9}") == {**scores, "recency_days": 9}
    segment = json.loads(b"{" + words.segments[key_of(2, 1, 3, 2)][1:] + b"9}")
    assert segment == {**scores, "segment": GRID.names[2], "scored_at": 9}


def test_who_has_no_scores_has_none():
    said = json.loads(Words(Rules(GRID)).standings[key_of(2, 0, 0, 0)] + b"9}")
    assert said == {"r": None, "f": None, "m": None, "code": None, "recency_days": 9}


def test_ways_lead_from_a_segment_or_none_to_a_segment_or_none():
    words = Words(Rules(GRID))
    for source, target, cause in ((NO_SEGMENT, 1, "order"), (1, NO_SEGMENT, "erase"), (0, 1, "decay")):
        [key] = way_key(*(np.array([n], np.uint16) for n in (source, target, CAUSES.index(cause)))).tolist()
        said = json.loads(b"{" + words.ways[key][1:] + b"9}")
        assert said["from"] == (None if source == NO_SEGMENT else GRID.names[source])
        assert said["to"] == (None if target == NO_SEGMENT else GRID.names[target])
        assert (said["cause"], said["order_id"]) == (cause, 9)
    assert len(CAUSES) == len(CAUSE)


def test_advice_is_that_of_the_grid():
    words = Words(Rules(GRID))
    for number, name in enumerate(GRID.names):
        assert json.loads(b"{" + words.advice[number][1:]) == {"advice": GRID.advice(name)}
    assert json.loads(b"{" + words.advice[NO_SEGMENT][1:]) == {"advice": ""}


def test_a_packed_segment_begins_with_the_same_and_ends_with_the_instant_and_four_numbers():
    ending = b"\x07" + b"".join(msgpack.packb(f"n{number}") + b"\x07" for number in range(4))
    said = msgpack.unpackb(Words(Rules(GRID)).packed[key_of(2, 1, 3, 2)] + ending)
    scores = {"segment": GRID.names[2], "code": "132", "r": 1, "f": 3, "m": 2}
    assert said == {**scores, "scored_at": 7, **{f"n{number}": 7 for number in range(4)}}
