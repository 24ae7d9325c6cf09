import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from events import DAY, OF_CUSTOMERS, START, cancel, enquiry, erase, histories, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import Record
from scorer import CUTS, Scorer, ruled, rules

from schemas import validator
from stream_rfm.model import instant
from stream_rfm.model.era import Era
from stream_rfm.model.grid import load
from stream_rfm.model.order import Reason, Rejected
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.stream import publication as module
from stream_rfm.stream.publication import Publication, dead_letter, living, segment_documents, version_of
from stream_rfm.table.former import Former
from stream_rfm.table.restore import ChangelogError

HISTORY = [
    order("c1", "a", 0),
    order("kunde-\N{LATIN SMALL LETTER U WITH DIAERESIS}", "b", 1, 40),
    order("c1", "c", 2, 80),
    refund("c1", "c", 3, 70, "r"),
    enquiry("c3", 4),
    cancel("c1", "a", 5),
    order("c4", "d", 6),
    erase("c4", 7),
]


@pytest.fixture
def scorer():
    made = Scorer(ruled(30 * DAY, 7 * DAY))
    made.count(HISTORY)
    made.rescore(after=40 * DAY)
    return made


@pytest.fixture
def publication(scorer):
    return Publication(scorer.rules, "shop")


def transitions(publication, scorer, at=START):
    return [message for moves in scorer.changes.moves for message in publication.transitions(moves, at)]


def test_transitions_are_cloud_events_in_binary_mode(publication, scorer):
    messages = transitions(publication, scorer, START + DAY)
    assert len(messages) > len(HISTORY)
    for key, value, headers in messages:
        document = json.loads(value)
        validator("transition.v1").validate(document)
        said = {name: text.decode() for name, text in headers}
        assert said == {
            "ce_specversion": "1.0",
            "ce_type": "stream-rfm.segment.transition.v1",
            "ce_source": "/stream-rfm/shop",
            "ce_id": said["ce_id"],
            "ce_time": document["effective_at"],
            "ce_subject": document["customer_id"],
            "content-type": "application/json",
        }
        assert key.decode() == document["customer_id"]
        assert document["detected_at"] == instant.iso(START + DAY)


def test_event_is_the_same_however_often_it_is_produced_and_none_is_like_another(publication, scorer):
    def ids(at):
        return [dict(headers)["ce_id"] for _, _, headers in transitions(publication, scorer, at)]

    assert ids(START) == ids(START + DAY)
    assert len(set(ids(START))) == len(ids(START))


def test_customer_who_was_erased_and_is_here_again_at_that_instant_has_other_events():
    scorer = Scorer(ruled(30 * DAY, 7 * DAY))
    scorer.count([enquiry("c1", 1), erase("c1", 1), enquiry("c1", 1), erase("c1", 1)])
    said = transitions(Publication(scorer.rules, "shop"), scorer)
    assert len(said) == 4
    assert len({dict(headers)["ce_id"] for _, _, headers in said}) == 4


def test_segments_are_what_the_cache_gets_with_times_for_people(publication, scorer):
    rows = living(scorer.store, np.arange(scorer.store.customers.count))
    published = {
        key: json.loads(value) for key, value, _ in publication.segments([(scorer.store, rows, 5)])[0]
    }
    cached = dict(segment_documents(scorer.store, rows, 5))
    assert published.keys() == cached.keys() == {event.customer_id.encode() for event in HISTORY} - {b"c4"}
    for key, document in published.items():
        validator("segment.v1").validate(document)
        assert document.pop("customer_id").encode() == key
        assert instant.parse(document.pop("scored_at")) // 1000 == cached[key].pop("scored_at")
        assert document == cached[key]
        assert document["partition"] == 5


def test_erased_are_tombstones_and_nobody_lives_in_their_rows(publication, scorer):
    assert scorer.changes.erased == [b"c4"]
    assert list(publication.erased([b"c4"])) == [(b"c4", None, [])]
    assert living(scorer.store, np.empty(0, np.int64)).tolist() == []


def test_who_stands_nowhere_as_nothing_was_counted_is_not_among_them():
    scorer = Scorer(ruled(30 * DAY, 0))
    scorer.count([*(order("c1", f"o{number}", 0, 10**12) for number in range(9)), order("c2", "a", 0)])
    digests = np.array([[1, 2]], np.uint64)
    [stranger] = scorer.store.customers.add(digests, [b"c3"]).tolist()
    everybody = np.arange(scorer.store.customers.count)
    assert stranger in everybody
    assert stranger not in living(scorer.store, everybody)
    assert len(living(scorer.store, everybody)) == 2


def test_versions_are_keyed_by_their_number(publication):
    key, value, headers = publication.version(Version(12, START, 9, CUTS))
    assert (key, headers) == (b"12", [("content-type", b"application/json"), ("schema", b"quantiles.v1")])
    validator("quantiles.v1").validate(json.loads(value))


def test_version_is_read_back_by_its_schema(publication):
    made = Version(12, START, 9, CUTS)
    key, value, headers = publication.version(made)
    assert version_of(Record(3, key, value, headers)) == made
    assert version_of(Record(3, key, value, ())) == made
    with pytest.raises(ChangelogError, match=r"offset 3 has schema quantiles\.v2 .* reads quantiles\.v1"):
        version_of(Record(3, key, b"other", [("schema", b"quantiles.v2")]))


@settings(max_examples=60)
@given(histories(kinds=OF_CUSTOMERS), rules, st.integers(0, 20), st.sampled_from(["high", "low"]))
def test_segments_are_written_as_one_by_one(history, rules, days, best):
    scorer = Scorer(replace(rules, best=best))
    scorer.count(history)
    scorer.rescore(after=days * DAY)
    rows = living(scorer.store, np.arange(scorer.store.customers.count))
    expected = [
        (
            customer,
            msgspec.json.encode(
                {
                    "customer_id": customer.decode(),
                    **segment,
                    "scored_at": instant.iso(segment["scored_at"] * instant.MILLISECOND),
                }
            ),
        )
        for customer, segment in segment_documents(scorer.store, rows, 3)
    ]
    found = Publication(scorer.rules, "shop").segments([(scorer.store, rows, 3)])[0]
    assert [(key, value) for key, value, _ in found] == expected


@pytest.mark.parametrize("headers", [(), (("reason", b"mine"), ("x", b"\xff"))])
def test_dead_letter_is_the_untouched_record_with_where_it_was_and_why(headers):
    record = Record(17, b"\xff", b"\x00{", headers)
    key, value, said = dead_letter("orders", 3, record, Rejected(Reason.INVALID_ID, "d" * 900))
    assert (key, value, tuple(said[: len(headers)])) == (b"\xff", b"\x00{", headers)
    assert said[len(headers) :] == [
        ("reason", b"invalid-id"),
        ("detail", b"d" * 500),
        ("topic", b"orders"),
        ("partition", b"3"),
        ("offset", b"17"),
    ]


def test_dead_letter_of_what_no_topic_takes_says_how_large_that_is(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_LETTER", 100)
    for headers, is_whole in (([("a", b"")] * 5, True), ([("a", b"")] * 10, False)):
        record = Record(17, b"key", b"value", headers)
        key, value, said = dead_letter("orders", 3, record, Rejected(Reason.INVALID_ID, "d"))
        assert (key, value) == ((b"key", b"value") if is_whole else (None, None))
        assert ("a" in dict(said), "omitted-bytes" in dict(said)) == (is_whole, not is_whole)


def test_who_still_stands_by_former_rules_is_shown_by_them(scorer):
    customers = scorer.store.customers
    shown = dict(segment_documents(scorer.store, np.arange(2), 0))
    scorer.store.former = Former(customers, scorer.store.entries, [Era.of(scorer.rules, 0)], None)
    scorer.store.rules = Rules(load("classic-5"), best="low")
    assert dict(segment_documents(scorer.store, np.arange(2), 0)) == shown
    published = Publication(scorer.store.rules, "shop").segments([(scorer.store, np.arange(2), 0)])[0]
    for key, value, _ in published:
        document = json.loads(value)
        assert [document[name] for name in ("segment", "code", "r")] == [
            shown[key][name] for name in ("segment", "code", "r")
        ]
