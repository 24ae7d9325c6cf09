from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from driver import ALL, Cluster, Held, Wall, assert_follows, restored, small_blocks, spread
from events import (
    ALL_KINDS,
    DAY,
    HOUR,
    START,
    UNIT,
    batch_of,
    codes,
    consistent,
    cut,
    decoded,
    ended,
    enquiry,
    heartbeat,
    histories,
    order,
    refund,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle, by_customer, replay
from scorer import CUTS, GRID, UNSCORED

from stream_rfm.model import money
from stream_rfm.model.order import Kind, OrderEvent, Reason
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table import reporting
from stream_rfm.table.clock import Clock
from stream_rfm.table.journal import BLOCK, MARKER
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError

RULES = Rules(GRID, window=30 * DAY, min_customers=1)
DAILY = Clock("event", DAY)


def ruled(window: int | None, min_customers: int) -> Rules:
    return Rules(GRID, window=window, dedupe=2 * DAY, min_customers=min_customers)


rules = st.builds(
    ruled,
    window=st.sampled_from([10 * DAY, None, DAY // 2, 3 * DAY]),
    min_customers=st.sampled_from([1, 2, 4]),
)
intervals = st.sampled_from([DAY, DAY // 2, 5 * DAY])
partitions = st.integers(1, 3)
#: What a worker does, step by step: see Cluster.run.
schedules = st.lists(st.integers(0, 8 * 8 * 3 - 1), max_size=80)


def brief(versions: Sequence[Version]) -> list[object]:
    return [
        (v.number, v.as_of, v.population, v.cuts and [cuts.thresholds for cuts in v.cuts]) for v in versions
    ]


def assert_replayed(cluster: Cluster, history: Sequence[OrderEvent]) -> None:
    """The same versions and transitions as one event after the other, in one partition, undisturbed."""
    expected = replay(history, cluster.rules, cluster.clock.interval)
    assert brief(cluster.versions) == brief(expected.versions)
    found = by_customer(cluster.transitions())
    assert found.keys() == expected.transitions.keys()
    for customer, transitions in expected.transitions.items():
        assert found[customer] == transitions


class TestByTheTimeOfEvents:
    @settings(max_examples=120)
    @given(histories(max_size=40), rules, intervals, partitions, schedules)
    def test_whoever_is_killed_and_however_orders_are_spread_every_transition_is_the_same(
        self, history, rules, interval, partitions, schedule
    ):
        history = ended(history, interval)
        with small_blocks():
            cluster = Cluster(history, rules, interval, partitions)
            cluster.run(schedule)
            cluster.finish()
        assert_replayed(cluster, history)

    @pytest.mark.parametrize("kind", [Kind.ORDER, Kind.HEARTBEAT])
    def test_events_may_begin_with_the_first_instant_there_is(self, kind):
        first = replace(order("c0", "a", 0), kind=kind, at=0)
        history = ended([first, replace(order("c1", "a", 0), at=HOUR)], DAY)
        cluster = Cluster(history, RULES, DAY, partitions=2)
        cluster.finish()
        assert [version.as_of for version in cluster.versions][:2] == [0, DAY]
        assert_replayed(cluster, history)

    @pytest.mark.parametrize("partitions", [1, 3])
    def test_a_crash_of_everything_after_any_commit_changes_nothing(self, partitions):
        numbers = [(place * 2_654_435_761) % 2**40 for place in range(40)]
        history, rules = ended(decoded(numbers, customers=7), 5 * DAY), ruled(10 * DAY, 2)
        with small_blocks():
            cluster = Cluster(history, rules, 5 * DAY, partitions)
            crashes = 0
            while not cluster.is_done():
                for place in range(partitions):
                    cluster.count(place, 3)
                    cluster.commit(place, 0)
                    cluster.merge(0, 1)
                    cluster.publish(0, 0)
                    other = cluster.survivor()
                    other.finish()
                    assert_replayed(other, history)
                    crashes += 1
        assert crashes > 20

    @settings(max_examples=30)
    @given(codes(30), rules, intervals, st.integers(2, 4))
    def test_partitions_give_the_very_rows_that_one_gives(self, numbers, rules, interval, partitions):
        history = ended(decoded(numbers, kinds=ALL_KINDS, customers=9), interval)
        one, several = (Cluster(history, rules, interval, count) for count in (1, partitions))
        for cluster in (one, several):
            cluster.finish()
        assert one.rows() == several.rows()

    @settings(max_examples=30)
    @given(codes(30), rules, st.integers(1, 3), st.randoms(use_true_random=False))
    def test_in_the_end_the_order_of_events_and_copies_of_them_do_not_matter(
        self, numbers, rules, partitions, random
    ):
        rules = replace(rules, dedupe=400 * DAY)
        history = consistent(numbers)
        copies = random.choices(history, k=len(history) // 3)
        shuffled = random.sample(history + copies, len(history) + len(copies))
        one, other = (
            Cluster(ended(history, DAY), rules, DAY),
            Cluster(ended(shuffled, DAY), rules, DAY, partitions),
        )
        for cluster in (one, other):
            cluster.finish()
        assert one.rows() == other.rows()

    def test_heartbeats_in_a_partition_without_orders_do_not_move_where_versions_begin(self):
        history = [order("c0", "a", 0.25), heartbeat(0.3), order("c1", "b", 1.5), heartbeat(3)]
        for partitions in (1, 2, 3):
            cluster = Cluster(history, RULES, DAY, partitions)
            cluster.finish()
            assert_replayed(cluster, history)

    def test_a_partition_waits_until_the_boundarys_version_is_there(self):
        partition = Partition(0, RULES, DAILY)
        batch = batch_of([order("c0", "a", 0.5), order("c0", "b", 0.6), order("c0", "c", 1.5)])
        assert partition.advance(batch, 0)[0] == 0
        assert partition.waiting
        partition.apply(Version(0, START))
        partition.rescore(ALL)
        assert partition.advance(batch, 0)[0] == 2
        assert partition.waiting
        assert partition.advance(batch[2:], 0)[0] == 0
        partition.apply(Version(1, START + DAY))
        assert partition.rescoring
        partition.rescore(ALL)
        assert not partition.rescoring
        assert partition.advance(batch[2:], 0)[0] == 1
        assert not partition.waiting

    def test_an_order_at_a_boundary_is_part_of_it_and_a_heartbeat_at_it_closes_it(self):
        partition = Partition(0, RULES, DAILY)
        partition.apply(Version(0, START))
        partition.rescore(ALL)
        batch = batch_of([order("c0", "a", 1), order("c1", "b", 1), heartbeat(1), heartbeat(1)])
        assert partition.advance(batch, 0)[0] == 2
        assert partition.waiting

    def test_a_batch_without_events_is_nothing(self):
        partition = Partition(0, RULES, DAILY)
        nothing = batch_of([order("c0", "a", 1)])[:0]
        assert partition.advance(nothing, 0)[0] == 0
        assert not partition.waiting
        partition.apply(Version(0, START))
        partition.rescore(ALL)
        assert partition.advance(nothing, 0)[0] == 0
        assert not partition.waiting
        assert partition.report(0) is None

    def test_events_refused_are_named_by_their_places_among_heartbeats(self):
        partition = Partition(0, RULES, DAILY)
        partition.apply(Version(0, START))
        partition.rescore(ALL)
        large = money.LARGEST // UNIT
        events = [heartbeat(0), *(order("c0", f"o{n}", 0.1, large) for n in range(9)), heartbeat(0.2)]
        _, changes = partition.advance(batch_of([*events, order("c0", "x", 0.3, 1)]), 0)
        assert changes.rejected == [(11, Reason.SUM_TOO_LARGE)]

    def test_a_long_silence_is_reported_at_once(self):
        partition = Partition(0, RULES, DAILY)
        partition.advance(batch_of([order("c0", "a", 0.5)]), 0)
        start = partition.report(0)
        assert (start.partition, start.start, start.frames) == (0, START + DAY, ())
        assert partition.report(0) is None
        partition.apply(Version(0, START))
        partition.rescore(ALL)
        partition.advance(batch_of([order("c0", "a", 0.5), order("c0", "b", 9.5)]), 0)
        report = partition.report(0)
        assert [as_of for as_of, _ in report.frames] == [START + day * DAY for day in range(1, 10)]
        assert [summary.population for _, summary in report.frames] == [1] * 9
        assert partition.report(0) is None

    def test_with_many_customers_boundaries_are_reported_one_by_one(self, monkeypatch):
        monkeypatch.setattr(reporting, "_FRAMES_CUSTOMERS", 1)
        history = [order("c0", "a", 0.5), order("c1", "a", 0.5), heartbeat(4)]
        cluster = Cluster(history, RULES, DAY)
        cluster.finish()
        assert_replayed(cluster, history)
        assert len(cluster.reports) == 1 + 4

    def test_only_the_next_version_is_wanted_and_only_while_waiting(self):
        partition = Partition(0, RULES, DAILY)
        assert partition.wants(Version(0, START))
        partition.apply(Version(0, START))
        assert not partition.wants(Version(1, START + DAY))
        partition.rescore(ALL)
        assert not partition.wants(Version(1, START + DAY))
        partition.advance(batch_of([order("c0", "a", 1.5)]), 0)
        assert partition.wants(Version(1, START + DAY))
        assert not partition.wants(Version(0, START))
        assert not partition.wants(Version(2, START + 2 * DAY))


class TestByTheWallClock:
    @settings(max_examples=60)
    @given(histories(max_size=40, late=True), rules, partitions, schedules)
    def test_in_the_end_everybody_stands_where_all_orders_say_whoever_was_killed(
        self, history, rules, partitions, schedule
    ):
        rules = replace(rules, dedupe=400 * DAY)
        with small_blocks():
            wall = Wall(history, rules, partitions)
            for number in schedule:
                wall.step(number)
            wall.finish()
        oracle = Oracle(rules, UNSCORED)
        for log in spread(history, partitions):
            for event in log:
                if event.kind is not Kind.HEARTBEAT:
                    oracle.apply(event, wall.now)
        final = oracle.ranked(1, wall.now)
        assert brief([wall.version])[0][1:] == brief([final])[0][1:]
        expected = {
            customer: oracle.score(known.profile, wall.now, final)[0]
            for customer, known in oracle.customers.items()
        }
        found: dict[str, str] = {}
        for held in wall.held:
            for transition in held.transitions:
                assert_follows(found, transition)
        assert {customer: segment for customer, (segment, _) in found.items()} == expected

    @settings(max_examples=60)
    @given(histories(max_size=20), histories(max_size=20), rules, st.lists(st.integers(1, 4), max_size=12))
    def test_events_between_slices_of_a_rescoring_come_to_what_they_would_behind_it(
        self, history, later, rules, slices
    ):
        clock = Clock("wall", HOUR)
        log = batch_of([*history, *later])
        one, other = (Held(log, rules, Partition(0, rules, clock)) for _ in range(2))
        now = START + 90 * DAY
        for held in (one, other):
            held.advance(len(history), now)
            held.partition.apply(Version(1, now + DAY, 9, CUTS))
        one.changes.add(one.partition.rescore(ALL))
        one.advance(ALL, now + 2 * DAY)
        for number, size in enumerate(slices):
            if number % 2:
                other.advance(size, now + 2 * DAY)
            else:
                other.changes.add(other.partition.rescore(size))
        other.advance(ALL, now + 2 * DAY)
        other.changes.add(other.partition.rescore(ALL))
        for held in (one, other):
            held.commit()
        assert by_customer(one.transitions) == by_customer(other.transitions)
        assert one.changelog.keys() == other.changelog.keys()

    def test_an_event_is_scored_as_of_now(self):
        partition = Partition(0, RULES, Clock("wall", HOUR))
        now = START + 9 * DAY
        count, changes = partition.advance(batch_of([order("c0", "a", 1), enquiry("c1", 2)]), now)
        assert count == 2
        [moves] = changes.moves
        assert [t.effective_at for t in moves.transitions(GRID)] == [now, now]

    def test_a_clock_that_is_set_back_takes_nobody_back(self):
        clock = Clock("wall", HOUR)
        events = [
            order("c0", "a", 1),
            order("c0", "b", 2, 400),
            refund("c0", "b", 3, 400),
            order("c1", "c", 4),
        ]
        held = Held(batch_of(events), RULES, Partition(0, RULES, clock))
        late, early = START + 9 * DAY, START + 5 * DAY
        held.advance(1, late)
        held.advance(1, early)
        held.report(late)
        held.commit()
        held.crash()
        # Another worker, whose clock is behind, takes it over.
        assert held.partition.not_before(early) == late
        held.advance(1, early)
        held.partition.apply(Version(1, late + DAY))
        held.advance(1, early)
        held.changes.add(held.partition.rescore(ALL))
        customers = held.partition.store.customers
        assert customers.scored_at[: customers.count].tolist() == [late + DAY] * 2
        held.commit()
        assert [t.effective_at for t in held.transitions] == sorted(t.effective_at for t in held.transitions)
        assert held.transitions[0].effective_at == late

    def test_a_tick_is_reported_once(self):
        partition = Partition(0, RULES, Clock("wall", HOUR))
        partition.advance(batch_of([order("c0", "a", 0)]), START)
        first = partition.report(START + 7 * UNIT)
        assert [(as_of, s.population) for as_of, s in first.frames] == [(START + 5 * UNIT, 1)]
        assert partition.report(START + 8 * UNIT) is None
        assert partition.report(START + 10 * UNIT).frames[0][0] == START + 10 * UNIT

    def test_a_tick_is_reported_in_slices_with_orders_between_them(self):
        partition = Partition(0, RULES, Clock("wall", HOUR))
        partition.advance(batch_of([order(f"c{n}", "a", 0) for n in range(5)]), START)
        assert partition.report(START + 7 * UNIT, 2) is None
        assert partition.reporting
        partition.advance(batch_of([order("c9", "a", 0)]), START + 8 * UNIT)
        while (report := partition.report(START + 8 * UNIT, 2)) is None:
            pass
        assert [(as_of, s.population) for as_of, s in report.frames] == [(START + 5 * UNIT, 6)]
        assert not partition.reporting
        assert partition.report(START + 8 * UNIT, 2) is None

    def test_a_version_ends_what_is_in_the_making_and_what_is_still_due_comes_behind_it(self):
        partition = Partition(0, RULES, Clock("wall", HOUR))
        partition.advance(batch_of([order(f"c{n}", "a", 0) for n in range(5)]), START)
        assert partition.report(START + 7 * UNIT, 2) is None
        partition.apply(Version(1, START + UNIT))
        assert not partition.reporting
        assert partition.report(START + 7 * UNIT, 2) is None
        assert not partition.reporting
        partition.rescore(ALL)
        report = partition.report(START + 7 * UNIT)
        assert (report.frames[0][0], report.after) == (START + 5 * UNIT, 1)

    def test_it_never_waits(self):
        partition = Partition(0, RULES, Clock("wall", HOUR))
        assert partition.advance(batch_of([order("c0", "a", 90)]), START + 90 * DAY)[0] == 1
        assert not partition.waiting
        assert partition.wants(Version(7, START))


def committed(*events: OrderEvent, rules: Rules = RULES) -> dict[bytes, bytes]:
    held = Held(batch_of(events), rules, Partition(3, rules, Clock("wall", HOUR)))
    held.advance(ALL, START + DAY)
    held.commit()
    return held.changelog


class TestRestored:
    def test_without_records_it_is_a_new_one(self):
        partition = restored({}, 3, RULES, DAILY)
        assert (partition.number, partition.position, partition.version) == (3, 0, None)

    def test_before_the_first_event_there_is_nothing_but_the_marker(self):
        changelog: dict[bytes, bytes] = {}
        held = Held(batch_of([order("c0", "a", 0)]), RULES, Partition(3, RULES, DAILY), changelog)
        held.commit()
        assert list(changelog) == [MARKER]
        assert restored(changelog, 3, RULES, DAILY).store.customers.count == 0

    def test_it_goes_on_at_the_position_and_with_the_version_that_was_committed(self):
        cluster = Cluster([order("c0", "a", 0.5), order("c1", "b", 0.6), heartbeat(2.5)], RULES, DAY)
        cluster.finish()
        cluster.crash(0, 0)
        partition = cluster.held[0].partition
        assert (partition.position, partition.as_of) == (3, START + 2 * DAY)
        assert brief([partition.version]) == brief(cluster.versions[-1:])

    def test_a_changelog_without_a_block_is_refused(self):
        held = Held(
            batch_of([order("c0", name, 0) for name in "abc"]),
            RULES,
            Partition(3, RULES, Clock("wall", HOUR)),
        )
        for _ in range(3):
            held.advance(1, START)
            held.commit()
        blocks = [key for key in held.changelog if key[:1] == BLOCK]
        assert len(blocks) == 3
        for lost, missing in ((blocks[1], "from 1 to 2"), (blocks[2], "from 2 to 3")):
            rest = {key: value for key, value in held.changelog.items() if key != lost}
            with pytest.raises(ChangelogError, match=f"has no entries {missing}"):
                restored(rest, 3, RULES, Clock("wall", HOUR))

    @settings(max_examples=30)
    @given(histories(max_size=30), rules, st.lists(st.integers(1, 6), min_size=1, max_size=4))
    def test_it_restores_again_to_the_same(self, history, rules, sizes):
        """What a restored partition writes next is enough for another one."""
        with small_blocks():
            cluster = Cluster(ended(history, DAY), rules, DAY)
            for part in cut(history, sizes):
                cluster.count(0, part.stop - part.start)
                cluster.commit(0, 0)
                cluster.crash(0, 0)
                cluster.merge(0, ALL)
                cluster.publish(0, 0)
                cluster.crash(0, 0)
            cluster.finish()
        assert_replayed(cluster, ended(history, DAY))
