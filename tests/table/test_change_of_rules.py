"""Rules that change while nobody runs: what they lead to, whoever is killed on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from driver import ALL, Cluster, Wall, assert_follows, small_blocks
from events import (
    DAY,
    HOUR,
    START,
    batch_of,
    cancel,
    codes,
    cut,
    decoded,
    ended,
    enquiry,
    heartbeat,
    histories,
    order,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_customer

from stream_rfm.model.grid import Grid, Segment, every_code_its_own, load
from stream_rfm.model.order import Kind
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Transition, to_document
from stream_rfm.offline import segments_file

THREE = load("three-level")


def renamed(grid: Grid, old: str, new: str) -> Grid:
    """A grid with one segment called otherwise, and with another order of value."""
    segments = [Segment(new, s.codes, s.advice) if s.name == old else s for s in grid.segments]
    return replace(grid, segments=tuple(reversed(segments)))


#: Nothing is ever forgotten, so that what comes out in the end is the batch result by the last rules.
KEPT = Rules(THREE, window=10 * DAY, dedupe=400 * DAY, min_customers=2)
EVERY = (
    KEPT,
    replace(KEPT, grid=load("classic-5")),
    replace(KEPT, grid=renamed(THREE, "newcomer", "first-timer"), best="low"),
    replace(KEPT, grid=every_code_its_own(2), window=3 * DAY),
    replace(KEPT, window=None, method="linear"),
    replace(KEPT, window=30 * DAY, min_customers=5, exact_up_to=1),
)
#: The opposite: what is older than three days is gone.
FORGETS = replace(KEPT, window=3 * DAY, dedupe=2 * DAY)
#: By their places, which are easier to read than rules.
rules = st.integers(0, len(EVERY) - 1)
partitions = st.integers(1, 3)
schedules = st.lists(st.integers(0, 8 * 8 * 3 - 1), max_size=60)
#: Rules one after the other, each with what workers do before they are ended.
changes = st.lists(st.tuples(rules, schedules), min_size=1, max_size=3)


def standing(transitions: Iterable[Transition]) -> dict[str, str]:
    """Where everybody stands in the end; each transition begins where the one before ended."""
    found: dict[str, tuple[str, int]] = {}
    for transition in transitions:
        assert_follows(found, transition)
    return {customer: segment for customer, (segment, _) in found.items()}


class TestByTheTimeOfEvents:
    @settings(max_examples=40)
    @given(histories(max_size=40), rules, schedules, changes, partitions)
    def test_whoever_is_killed_everybody_comes_to_stand_where_the_last_rules_say(
        self, history, first, schedule, changes, partitions
    ):
        history = ended(history, DAY)
        with small_blocks():
            cluster = Cluster(history, EVERY[first], DAY, partitions)
            cluster.run(schedule)
            for following, schedule_then in changes:
                cluster.change(EVERY[following])
                cluster.run(schedule_then)
            cluster.finish()
        assert cluster.is_done()
        plain = Cluster(history, EVERY[changes[-1][0]], DAY, partitions)
        plain.finish()
        assert cluster.rows() == plain.rows()
        assert standing(cluster.transitions()) == {row[0]: row[-1] for row in plain.rows()}

    @pytest.mark.parametrize("partitions", [1, 3])
    def test_a_crash_after_any_commit_changes_nothing(self, partitions):
        numbers = [(place * 2_654_435_761) % 2**40 for place in range(40)]
        history = ended(decoded(numbers, customers=7), DAY)
        cluster = Cluster(history, EVERY[0], DAY, partitions)
        for place in range(partitions * 12):
            cluster.count(place % partitions, 5)
            cluster.commit(place % partitions, 0)
            cluster.merge(0, ALL)
            cluster.publish(0, 0)
        cluster.change(EVERY[2])
        undisturbed = cluster.survivor()
        undisturbed.finish()
        assert any(each.cause is Cause.CONFIG for each in undisturbed.transitions())
        crashes = 0
        while any(held.partition.rules_changed for held in cluster.held):
            for place in range(partitions):
                cluster.count(place, 2)
                cluster.commit(place, 0)
                cluster.merge(0, 1)
                cluster.publish(0, 0)
                other = cluster.survivor()
                other.finish()
                assert by_customer(other.transitions()) == by_customer(undisturbed.transitions())
                assert other.rows() == undisturbed.rows()
                crashes += 1
        assert crashes > 3

    @settings(max_examples=40)
    @given(codes(30), codes(30), st.integers(2, 3), st.sampled_from([30 * DAY, None, 4 * DAY]))
    def test_what_was_forgotten_stays_forgotten_however_it_is_kept(self, before, after, partitions, window):
        """A block of entries may hold what is too old; a longer window does not bring that back."""
        short = replace(KEPT, window=3 * DAY, dedupe=2 * DAY)
        first = ended(decoded(before), DAY)
        end = first[-1].at
        then = [replace(each, at=each.at + end - START) for each in decoded(after)]
        said = []
        for least, count in ((3, 1), (1000, partitions)):
            with small_blocks(least):
                cluster = Cluster(first, short, DAY, count)
                cluster.finish()
                cluster.change(replace(short, window=window))
                cluster.more(ended(then, DAY))
                cluster.finish()
            assert cluster.is_done()
            said.append((cluster.rows(), by_customer(cluster.transitions())))
        assert said[0] == said[1]

    @settings(max_examples=20)
    @given(codes(30), codes(30), partitions)
    def test_of_all_time_everything_is_known_though_orders_are_forgotten(self, before, after, partitions):
        """Of purchases each with an id of its own: of a forgotten id nothing can be told."""
        short = replace(KEPT, window=3 * DAY, dedupe=0)
        kinds = (Kind.ORDER, Kind.ENQUIRY)
        events = [
            replace(each, order_id=f"o{place}") if each.order_id else each
            for place, each in enumerate(decoded([*before, *after], kinds=kinds, late=True))
        ]
        first = events[: len(before)]
        first.append(heartbeat((max(each.at for each in first) - START) / DAY))
        with small_blocks():
            cluster = Cluster(first, short, DAY, partitions)
            cluster.finish()
            cluster.change(replace(short, window=None))
            cluster.more(ended(events[len(before) :], DAY))
            cluster.finish()
            cluster.crash(0, 0)
        plain = Cluster(
            [*first, *ended(events[len(before) :], DAY)], replace(short, window=None), DAY, partitions
        )
        plain.finish()
        assert cluster.rows() == plain.rows()

    @settings(max_examples=40)
    @given(codes(20), codes(20), st.integers(1, 5), st.sampled_from([None, 30 * DAY, 4 * DAY]))
    def test_what_comes_late_counts_the_same_after_a_restart(self, before, after, size, window):
        """An order from before what was forgotten takes no name, whoever remembers it."""
        short = replace(KEPT, window=3 * DAY, dedupe=2 * DAY)
        first = ended(decoded(before, customers=2, late=True), DAY)
        end = first[-1].at
        then = []
        for place, each in enumerate(decoded(after, customers=2)):
            one = replace(each, at=each.at + end - START)
            # And another one of that id, from before; and the same again.
            then += [one, replace(one, at=end - (place + 2) * DAY), one] if place % 3 == 0 else [one]
        said = []
        for killed in (False, True):
            with small_blocks():
                cluster = Cluster(first, short, DAY)
                cluster.finish()
                cluster.change(replace(short, window=window))
                for part in cut(ended(then, DAY), [size]):
                    cluster.more(ended(then, DAY)[part])
                    cluster.finish()
                    if killed:
                        cluster.crash(0, 0)
            assert cluster.is_done()
            said.append((cluster.rows(), standing(cluster.transitions())))
        assert said[0] == said[1]

    @pytest.mark.parametrize("event", [order("c0", "x", 20.3, 7), cancel("c0", "x", 20.3)])
    def test_an_order_from_before_what_was_forgotten_takes_no_name_of_all_time(self, event):
        """It counts, and the later order of that id is the one that comes again or is cancelled."""
        short = replace(KEPT, window=3 * DAY, dedupe=2 * DAY)
        first = [order("c0", "a", 0), order("c1", "b", 0.5), order("c0", "c", 10), heartbeat(20)]
        cluster = Cluster(first, short, DAY)
        cluster.finish()
        cluster.change(replace(short, window=None))
        cluster.more([order("c0", "x", 20.1, 7), order("c0", "x", 5, 9), heartbeat(20.2)])
        cluster.finish()
        assert cluster.held[0].partition.store.customers.frequency[0] == 4
        other = cluster.survivor()
        for each in (cluster, other):
            each.more([event, heartbeat(22)])
            each.finish()
        assert other.rows() == cluster.rows()
        assert other.held[0].partition.store.customers.frequency[0] == (4 if event.kind is Kind.ORDER else 3)

    @pytest.mark.parametrize("window", [30 * DAY, 4 * DAY, None])
    def test_what_was_forgotten_is_the_same_whoever_had_applied_the_last_version(self, window):
        said = []
        for applied in ((), (0,), (1,), (0, 1)):
            cluster = behind(applied)
            cluster.change(replace(FORGETS, window=window))
            cluster.more([heartbeat(8)])
            cluster.finish()
            assert cluster.is_done()
            forgotten = {held.partition.store.forgotten for held in cluster.held}
            said.append((forgotten, cluster.rows(), cluster.versions))
        assert said[0][0] == {START + DAY}
        assert [each for each in said if each != said[0]] == []

    @pytest.mark.parametrize("applied", [(), (0,), (1,)])
    def test_it_is_so_after_a_crash_at_any_commit_and_another_change(self, applied):
        cluster, crashes = behind(applied), 0
        cluster.change(replace(FORGETS, window=30 * DAY))
        cluster.more([heartbeat(8)])
        undisturbed = cluster.survivor()
        undisturbed.finish()
        while any(held.partition.rules_changed for held in cluster.held):
            for place in range(2):
                cluster.count(place, 1)
                cluster.commit(place, 0)
                cluster.merge(0, 1)
                cluster.publish(0, 0)
                same, other = cluster.survivor(), cluster.survivor()
                other.change(replace(FORGETS, window=40 * DAY))
                for each in (same, other):
                    each.finish()
                    assert each.is_done()
                    assert {held.partition.store.forgotten for held in each.held} == {START + DAY}
                assert same.rows() == undisturbed.rows()
                assert [row[1:4] for row in other.rows()] == [row[1:4] for row in undisturbed.rows()]
                crashes += 1
        assert crashes > 3

    @pytest.mark.parametrize("applied", [(), (0,), (1,), (0, 1)])
    @pytest.mark.parametrize("window", [30 * DAY, 40 * DAY])
    def test_a_window_that_is_taken_back_before_the_next_version_forgets_nothing(self, applied, window):
        long = replace(FORGETS, window=30 * DAY)
        history = [
            *(order("c0", "a", 0.5), order("c1", "b", 0.5), order("c0", "c", 1.5), order("c1", "d", 1.5)),
            heartbeat(8),
        ]
        with small_blocks(1):
            cluster = Cluster(history, long, DAY, 2)
            cluster.finish()
            last = cluster.versions[-1].number
            cluster.change(FORGETS)
            while cluster.versions[-1].number == last:
                for place in range(2):
                    cluster.count(place, ALL)
                    cluster.commit(place, 0)
                cluster.merge(0, ALL)
                cluster.publish(0, 0)
            for place in applied:
                while cluster.held[place].partition.rules_changed:
                    cluster.count(place, ALL)
                cluster.commit(place, 0)
            cluster.change(replace(long, window=window))
            cluster.more([heartbeat(10)])
            cluster.finish()
        assert cluster.is_done()
        assert [row[2:4] for row in cluster.rows()] == [("2", "20.00")] * 2

    def test_a_partition_that_is_behind_passes_the_versions_of_former_rules(self):
        history = [order("c0", "a", 0.5), order("c1", "b", 0.6), heartbeat(9)]
        cluster = Cluster(history, KEPT, DAY, 2)
        while len(cluster.versions) < 3:
            for place in range(2):
                cluster.count(place, ALL)
                cluster.commit(place, 0)
            cluster.merge(0, ALL)
            cluster.publish(0, 0)
        last = cluster.versions[-1]
        while cluster.held[1].partition.version != last:
            cluster.count(1, ALL)
            cluster.commit(1, 0)
        assert cluster.held[0].partition.version.number < last.number
        cluster.change(EVERY[1])
        cluster.finish()
        first_of_ours = cluster.versions[last.number + 1]
        assert (first_of_ours.number, first_of_ours.as_of) == (last.number + 1, last.as_of)
        assert {v.rules for v in cluster.versions[last.number + 1 :]} == {EVERY[1].fingerprint()}
        assert cluster.is_done()


class TestByTheWallClock:
    @settings(max_examples=40)
    @given(histories(max_size=40, late=True), rules, schedules, changes, partitions)
    def test_whoever_is_killed_everybody_comes_to_stand_where_the_last_rules_say(
        self, history, first, schedule, changes, partitions
    ):
        with small_blocks():
            wall = Wall(history, EVERY[first], partitions)
            for number in schedule:
                wall.step(number)
            for following, schedule_then in changes:
                wall.change(EVERY[following])
                for number in schedule_then:
                    wall.step(number)
            wall.finish()
            plain = Wall(history, EVERY[changes[-1][0]], partitions)
            plain.finish()
        expected = wall_rows(plain)
        assert wall_rows(wall) == expected
        said = [each for held in wall.held for each in held.transitions]
        assert standing(said) == {row[0]: row[-1] for row in expected}

    def test_until_a_version_by_the_new_rules_is_there_orders_wait(self):
        wall = stood()
        wall.change(EVERY[1])
        partition = wall.held[0].partition
        assert partition.rules_changed
        assert partition.waiting
        assert partition.advance(batch_of([order("c1", "x", 3)]), wall.now)[0] == 0
        assert not partition.wants(replace(wall.version, number=9))
        assert not partition.wants(replace(wall.version, number=9, rules=""))
        assert partition.wants(replace(wall.version, number=9, rules=EVERY[1].fingerprint()))
        wall.settle()
        assert not partition.waiting
        assert partition.advance(batch_of([order("c1", "x", 3)]), wall.now)[0] == 1

    def test_a_transition_tells_how_the_customer_stood_by_the_former_rules(self):
        former = replace(KEPT, grid=renamed(THREE, "newcomer", "first-timer"), best="low", window=3 * DAY)
        wall = stood(former)
        [first] = [t for t in wall.held[0].transitions if t.customer_id == "c1"][-1:]
        wall.change(replace(KEPT, window=None, grid=load("classic-5")))
        wall.settle()
        [change] = [t for t in wall.held[0].transitions if t.cause is Cause.CONFIG and t.customer_id == "c1"]
        assert change.source == first.target == "first-timer"
        assert (change.before.frequency, change.after.frequency) == (1, 2)
        said = to_document(change, wall.held[0].rules, None)
        assert said["before"] == to_document(first, former, None)["after"]
        assert said["direction"] == "lateral"

    def test_who_keeps_the_segment_is_published_anew_without_a_transition(self):
        wall = stood()
        held = wall.held[0]
        before = len(held.transitions)
        wall.change(replace(KEPT, best="low"))
        held.partition.apply(replace(wall.version, number=9, rules=held.rules.fingerprint()))
        changes = held.partition.rescore(ALL)
        assert len(changes.rows()) == held.partition.store.customers.count
        assert changes.moves == []
        assert len(held.transitions) == before

    def test_too_few_customers_are_a_version_at_once_as_orders_wait_for_it(self):
        wall = stood()
        wall.change(replace(KEPT, min_customers=50))
        now = wall.now
        wall.settle()
        assert wall.now - now < HOUR
        assert wall.version.cuts is None

    def test_nothing_is_forgotten_while_rules_change(self):
        with small_blocks(1):
            wall = stood()
            entries = wall.held[0].partition.store.entries.count
            wall.change(replace(KEPT, window=DAY // 2, dedupe=0))
            wall.held[0].partition.records([])
            assert wall.held[0].partition.store.entries.count == entries
            assert wall.held[0].partition.snapshot() is None
            wall.settle()
            wall.held[0].partition.records([])
            assert wall.held[0].partition.snapshot() is not None
            # Nor with the first version by the new rules, which may be taken back.
            assert wall.held[0].partition.store.entries.count == entries
            wall.now = (wall.now // HOUR + 1) * HOUR
            for _ in range(2):
                wall.round()
            wall.held[0].partition.records([])
            assert wall.held[0].partition.store.entries.count < entries


def behind(applied: Iterable[int]) -> Cluster:
    """Two partitions with the same orders, and a last version that only some of them have applied."""
    history = [
        *(order("c0", "a", 0.5), order("c1", "b", 0.5), order("c0", "c", 1.5), order("c1", "d", 1.5)),
        *(heartbeat(2), heartbeat(3), heartbeat(4), heartbeat(5)),
    ]
    cluster = Cluster(history, FORGETS, DAY, 2)
    while not cluster.versions or cluster.versions[-1].number < 4:
        for place in range(2):
            cluster.count(place, ALL)
            cluster.commit(place, 0)
        cluster.merge(0, ALL)
        cluster.publish(0, 0)
    for place in applied:
        while cluster.held[place].partition.version.number < 4:
            cluster.count(place, ALL)
        cluster.commit(place, 0)
    assert [held.partition.version.number == 4 for held in cluster.held] == [p in applied for p in range(2)]
    return cluster


def stood(former: Rules = KEPT) -> Wall:
    """A partition whose customers stand by a version."""
    history = [
        *(order("c1", "a", 0), order("c2", "a", 1, 70), order("c2", "b", 5, 90), order("c3", "a", 5.5)),
        *(enquiry("c4", 6), order("c1", "b", 6)),
    ]
    wall = Wall(history, former, 1)
    wall.finish()
    return wall


def wall_rows(wall: Wall) -> list[segments_file.Row]:
    return sorted(row for h in wall.held for row in segments_file.rows(h.partition.store, wall.version))
