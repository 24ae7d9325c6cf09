from collections import Counter

import pytest
from msgspec.structs import replace
from parts import Record, day, order

from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.era import Era
from stream_rfm.model.version import Version
from stream_rfm.stream.accounts import Accounts
from stream_rfm.stream.lane import Lane
from stream_rfm.table.former import Former
from stream_rfm.table.partition import Partition
from stream_rfm.table.rescoring import Rescoring

NOW = instant.parse(day(3))
ARRIVED = 1_735_732_800_000


@pytest.fixture
def accounts(parts):
    return Accounts(parts.metrics, parts.rules.grid)


@pytest.fixture
def outcomes(parts):
    """What a lane did with orders, one of them twice, and with records that do not count."""
    lane = Lane(Partition(0, parts.rules, parts.clock), parts.versions)
    run = [
        order(0, "c-a"),
        order(1, "c-b"),
        order(2, "c-b", order_id="o1"),
        order(3, "c-c", type="enquiry"),
        order(4, "c-a", type="erase"),
        Record(5, b"k", None),
        Record(6, b"k", b"{"),
        Record(7, b"k", b"{"),
    ]
    lane.put(run, Intake("EUR", NOW))
    while lane.ready:
        lane.step(NOW)
    return [(lane, lane.take())]


def series(parts, name, label):
    return {
        sample.labels[label]: sample.value
        for family in parts.metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_commit_is_counted_with_what_it_held(parts, accounts, outcomes):
    accounts.committed(outcomes, 0.125, ARRIVED * 1000 + 300_000)
    assert parts.value("stream_rfm_commits_total", result="committed") == 1
    assert parts.value("stream_rfm_commit_seconds_sum") == 0.125
    assert series(parts, "stream_rfm_order_events_total", "type") == {"order": 3, "enquiry": 1, "erase": 1}
    assert series(parts, "stream_rfm_dead_letters_total", "reason") == {"tombstone": 1, "invalid-document": 2}
    assert parts.value("stream_rfm_duplicate_events_total") == 1
    assert parts.value("stream_rfm_late_events_total") == 3
    labels = [
        tuple(sample.labels.values())
        for family in parts.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "stream_rfm_transitions_total"
        for _ in range(int(sample.value))
    ]
    assert Counter(labels) == {
        ("none", "unscored", "backfill"): 2,
        ("none", "prospect", "backfill"): 1,
        ("unscored", "none", "erase"): 1,
    }
    assert parts.value("stream_rfm_order_to_transition_seconds_count") == 4
    assert parts.value("stream_rfm_order_to_transition_seconds_sum") == pytest.approx(4 * 0.3)


def test_what_was_not_committed_counts_for_nothing_else(parts, accounts):
    accounts.not_committed()
    assert parts.value("stream_rfm_commits_total", result="aborted") == 1
    assert parts.value("stream_rfm_commits_total", result="committed") == 0


def test_latest_version_is_shown_with_its_age(parts, accounts):
    accounts.version(Version(12, NOW, 345))
    assert parts.value("stream_rfm_quantiles_version") == 12
    assert parts.value("stream_rfm_quantiles_as_of_seconds") == NOW / instant.SECOND
    assert parts.value("stream_rfm_population") == 345
    assert 0 <= parts.value("stream_rfm_quantiles_age_seconds") < 5


def test_who_left_a_segment_of_former_rules_left_it_by_its_name(parts, accounts, outcomes):
    [(lane, outcome)] = outcomes
    store = lane.partition.store
    former = replace(Era.of(parts.rules, 0), names=("old",) * len(parts.rules.grid.names))
    store.former = Former(store.customers, store.entries, [former], None)
    version = Version(1, NOW, rules=parts.rules.fingerprint())
    outcome.changes = Rescoring(store, version, version, config=True).step(9)
    accounts.committed(outcomes, 0.125, ARRIVED * 1000)
    assert series(parts, "stream_rfm_transitions_total", "from") == {"old": 1}
    assert series(parts, "stream_rfm_transitions_total", "cause") == {"config": 1}
