from dataclasses import replace

import msgpack
import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, histories, order
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import Scorer, ruled, rules

from stream_rfm.model.era import Era
from stream_rfm.model.grid import load
from stream_rfm.model.rules import Rules
from stream_rfm.stream.publication import living, segment_documents
from stream_rfm.stream.segment_values import SegmentValues
from stream_rfm.table.former import Former


def packed(store, rows, partition):
    said = list(segment_documents(store, living(store, rows), partition))
    return [customer for customer, _ in said], [msgpack.packb(document) for _, document in said]


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20), st.sampled_from(["high", "low"]))
def test_values_are_documents_packed_one_by_one(history, rules, days, best):
    scorer = Scorer(replace(rules, best=best))
    scorer.count(history)
    scorer.rescore(after=days * DAY)
    everybody = np.arange(scorer.store.customers.count)
    found = SegmentValues(scorer.rules).of(scorer.store, everybody, 300)
    assert found == packed(scorer.store, everybody, 300)


@pytest.fixture
def store():
    scorer = Scorer(ruled(30 * DAY, 7 * DAY))
    scorer.count([order(f"c{number}", "a", number, 40) for number in range(9)])
    scorer.rescore(after=40 * DAY)
    return scorer.store


def test_numbers_take_the_fewest_bytes(store):
    customers, everybody = store.customers, np.arange(9)
    steps = np.array([0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 1])
    customers.sequence[:9] = customers.revision[:9] = customers.version[:9] = steps
    customers.scored_at[:9] = steps * 1_000_000 + 999
    assert SegmentValues(store.rules).of(store, everybody, 128) == packed(store, everybody, 128)


def test_who_still_stands_by_former_rules_is_shown_by_them(store):
    rows, values = np.arange(9), SegmentValues(Rules(load("classic-5"), best="low"))
    shown = packed(store, rows, 0)
    store.former = Former(store.customers, store.entries, [Era.of(store.rules, 0)], None)
    store.rules = values._rules
    assert values.of(store, rows, 0) == shown


def test_nobody_has_no_value(store):
    assert SegmentValues(store.rules).of(store, np.empty(0, np.int64), 0) == ([], [])
