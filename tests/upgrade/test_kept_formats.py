"""What earlier releases wrote is read as they meant it: each format by itself, without a broker."""

import csv
import json
from itertools import pairwise

import pytest
from kept import MIDDLE, RELEASES, SETTINGS, state_of
from redis import Redis

from schemas import validator
from stream_rfm.client import SegmentReader
from stream_rfm.client.transition import read as read_transition
from stream_rfm.configured import clock_of, rules_of
from stream_rfm.model import instant, version
from stream_rfm.offline import segments_file
from stream_rfm.serve.redis_calls import held_by
from stream_rfm.settings import load
from stream_rfm.table import report
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import Restore
from stream_rfm.table.snapshot import decode

PARTITIONS = (0, 1)


@pytest.fixture(params=RELEASES)
def state(request):
    return state_of(request.param)


@pytest.fixture
def settings(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return load()


def exported(state):
    return sorted(tuple(row) for row in list(csv.reader(state.export.splitlines()))[1:])


def restored(settings, number, restore):
    return Partition.restored(number, rules_of(settings), clock_of(settings), restore)


def rows(partition):
    return list(segments_file.rows(partition.store, partition.version))


def from_changelog(state, settings):
    for number in PARTITIONS:
        restore = Restore()
        restore.add((key, value) for _, _, key, value, _ in state.topics["changelog"][number])
        yield restored(settings, number, restore)


def from_snapshots(state, settings):
    found = {head.partition: (head, snapshot) for head, snapshot in map(decode, state.snapshots.values())}
    for number in PARTITIONS:
        head, snapshot = found[number]
        assert head.app_id == settings.app_id
        # The worker had ended: what comes behind its last snapshot is the marker of the transaction.
        assert head.offset == state.topics["changelog"][number][-1][0] + 2
        yield restored(settings, number, Restore(snapshot))


def test_state_holds_something_of_every_kind(state):
    said = [json.loads(value) for found in state.topics["orders"].values() for *_, value, _ in found]
    assert {each.get("type", "order") for each in said} == {
        "order", "refund", "cancel", "enquiry", "erase", "heartbeat",
    }  # fmt: skip
    assert any(value is None for *_, value, _ in state.topics["segments"][0] + state.topics["segments"][1])
    assert len(exported(state)) > 80
    assert any(row[-1] == "lapsed" for row in exported(state))


@pytest.mark.parametrize("source", [from_changelog, from_snapshots])
def test_everybody_is_who_they_were(state, settings, source):
    partitions = list(source(state, settings))
    assert sorted(row for partition in partitions for row in rows(partition)) == exported(state)
    for partition in partitions:
        assert partition.position == state.topics["orders"][partition.number][-1][0] + 1
        assert instant.iso(partition.as_of) == f"2025-01-{1 + MIDDLE:02}T00:00:00Z"


def test_versions_and_reports_are_read(state):
    versions = [version.from_document(json.loads(kept[3])) for kept in state.topics["quantiles"][0]]
    assert [each.number for each in versions] == list(range(len(versions)))
    assert all(after.as_of - before.as_of == instant.DAY for before, after in pairwise(versions))
    assert sum(each.cuts is not None for each in versions) > 10
    reports = [report.decode(kept[3]) for kept in state.topics["summaries"][0]]
    assert {each.partition for each in reports} == set(PARTITIONS)
    assert any(frame.population for each in reports for _, frame in each.frames)


def test_cache_is_read_by_workers_and_by_clients(state, services):
    marks = [held_by(state.redis[b"rfm:partition:%d" % number]).watermark for number in PARTITIONS]
    assert {held.app_id for held in marks} == {SETTINGS["STREAM_RFM_APP_ID"]}
    assert all(held.offset > 0 for held in marks)
    with Redis.from_url(services.redis_url) as redis:
        redis.flushdb()
        redis.mset(state.redis)
    with SegmentReader(services.redis_url) as reader:
        found = reader.get_many(row[0] for row in exported(state))
        assert {name: (said.segment, said.code or "") for name, said in found.items()} == {
            row[0]: (row[-1], row[-2]) for row in exported(state)
        }
        assert all(reader.freshness(said).as_of.day == 1 + MIDDLE for said in found.values())


def test_events_are_what_their_schemas_say_today(state):
    for found in state.topics["transitions"].values():
        for *_, value, headers in found:
            assert read_transition(dict(headers), value).ce_type == "stream-rfm.segment.transition.v1"
            validator("transition.v1").validate(json.loads(value))
    for role, schema in (("segments", "segment.v1"), ("quantiles", "quantiles.v1")):
        for found in state.topics[role].values():
            for *_, value, _ in found:
                if value is not None:
                    validator(schema).validate(json.loads(value))
