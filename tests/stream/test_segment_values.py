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
from stream_rfm.serve.bulk import Bulk, bulk_of
from stream_rfm.stream import columns
from stream_rfm.stream.publication import living, segment_documents
from stream_rfm.stream.segment_values import SegmentValues
from stream_rfm.table.former import Former


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    with pytest.MonkeyPatch.context() as patch:
        for module in (columns.TRANSITIONS, columns.BULK, columns.CUSTOMERS):
            patch.setattr(module, "way", None)
        columns.use_compiled()
        yield


def packed(store, rows, partition):
    said = list(segment_documents(store, living(store, rows), partition))
    return [customer for customer, _ in said], [msgpack.packb(document) for _, document in said]


def assert_alike(made, store, rows, partition):
    """What is written by compiled code is what is framed one by one."""
    assert made.bulk(store, rows, partition) == bulk_of(*made.of(store, rows, partition))


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20), st.sampled_from(["high", "low"]))
def test_values_are_documents_packed_one_by_one(history, rules, days, best):
    scorer = Scorer(replace(rules, best=best))
    scorer.count(history)
    scorer.rescore(after=days * DAY)
    everybody = np.arange(scorer.store.customers.count)
    made = SegmentValues(scorer.rules)
    assert made.of(scorer.store, everybody, 300) == packed(scorer.store, everybody, 300)
    assert_alike(made, scorer.store, everybody, 300)


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
    made = SegmentValues(store.rules)
    assert made.of(store, everybody, 128) == packed(store, everybody, 128)
    assert_alike(made, store, everybody, 128)


@pytest.mark.parametrize("seconds", [-1, -32, -33, -128, -129, -(2**15) - 1, -(2**31) - 1])
def test_instants_before_1970_too(store, seconds):
    store.customers.scored_at[:9] = seconds * 1_000
    made = SegmentValues(store.rules)
    assert made.of(store, np.arange(9), 1) == packed(store, np.arange(9), 1)
    assert_alike(made, store, np.arange(9), 1)


@pytest.mark.parametrize("size", [1, 9, 99, 880, 2_000])
def test_long_ids_and_names_of_segments(size):
    grid = load("classic-5")
    named = tuple(replace(each, name=f"{number}" + "s" * size) for number, each in enumerate(grid.segments))
    scorer = Scorer(replace(ruled(30 * DAY, 7 * DAY), grid=replace(grid, segments=named)))
    scorer.count([order("c" * size, "a", 1, 40), order("d", "b", 1, 90)])
    scorer.rescore(after=1 * DAY)
    assert_alike(SegmentValues(scorer.rules), scorer.store, np.arange(2), 70_000)


def test_without_what_is_compiled_it_is_the_same(store, monkeypatch):
    made, rows = SegmentValues(store.rules), np.arange(9)
    compiled = made.bulk(store, rows, 5)
    assert columns.BULK.way is not None
    monkeypatch.setattr(columns.BULK, "way", None)
    assert made.bulk(store, rows, 5) == compiled


def test_who_still_stands_by_former_rules_is_shown_by_them(store):
    rows, values = np.arange(9), SegmentValues(Rules(load("classic-5"), best="low"))
    shown = packed(store, rows, 0)
    store.former = Former(store.customers, store.entries, [Era.of(store.rules, 0)], None)
    store.rules = values._rules
    assert values.of(store, rows, 0) == shown
    assert_alike(values, store, rows, 0)


def test_nobody_has_no_value(store):
    assert SegmentValues(store.rules).of(store, np.empty(0, np.int64), 0) == ([], [])
    assert SegmentValues(store.rules).bulk(store, np.empty(0, np.int64), 0) == Bulk()
