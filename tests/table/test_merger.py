from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import DAY, START, UNIT
from hypothesis import given
from hypothesis import strategies as st
from scorer import GRID

from stream_rfm.model import distribution
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Summary, Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.merger import Merger
from stream_rfm.table.report import Report

RULES = Rules(GRID, min_customers=2)
DAILY = Clock("event", DAY)
MINUTE = 60 * UNIT
MINUTELY = Clock("wall", MINUTE)


def of(people: int) -> Summary:
    """So many customers that all bought once, at START, for one unit."""
    one = np.ones(people, np.int64)
    return Summary(*(distribution.of(one * value, 1000) for value in (-START, 1, UNIT)))


def started(partition: int, day: int) -> Report:
    return Report(partition, START + day * DAY, ())


def framed(partition: int, *days: int, people: int = 1) -> Report:
    return Report(partition, None, tuple((START + day * DAY, of(people)) for day in days))


def daily(*reports: Report, partitions: int = 2, last: Version | None = None) -> Merger:
    merger = Merger(RULES, DAILY, partitions, last)
    for place, report in enumerate(reports):
        merger.offer(report, place)
    return merger


def made(merger: Merger, now: int = 0) -> list[tuple[int, int, int]]:
    return [(v.number, (v.as_of - START) // DAY, v.population) for v in merger.versions(now)]


class TestByTheTimeOfEvents:
    def test_nothing_is_made_before_every_partition_has_begun(self):
        assert made(daily(started(0, 1))) == []

    def test_the_start_lies_one_interval_before_the_earliest_boundary(self):
        merger = daily(started(0, 3), started(1, 2))
        assert merger.versions(0) == [Version(0, START + DAY)]

    def test_a_start_is_said_once(self):
        assert made(daily(started(0, 3), started(1, 2), started(1, 1))) == [(0, 1, 0)]

    def test_a_version_needs_the_frame_of_every_partition(self):
        merger = daily(started(0, 1), started(1, 1), framed(0, 1))
        assert made(merger) == [(0, 0, 0)]
        merger.offer(framed(1, 1, people=2), 3)
        assert made(merger) == [(1, 1, 3)]
        assert made(merger) == []

    def test_several_boundaries_make_several_versions(self):
        merger = daily(started(0, 1), started(1, 1), framed(0, 1, 2, 3), framed(1, 1, 2))
        assert made(merger) == [(0, 0, 0), (1, 1, 2), (2, 2, 2)]
        merger.offer(framed(1, 3, 4), 4)
        assert made(merger) == [(3, 3, 2)]

    def test_too_few_customers_are_a_version_without_cut_points(self):
        merger = daily(started(0, 1), framed(0, 1), partitions=1)
        assert [version.cuts for version in merger.versions(0)] == [None, None]

    def test_frames_of_what_is_published_are_not_taken_again(self):
        merger = daily(framed(0, 1, 2), framed(1, 1, 2), last=Version(4, START + DAY))
        assert made(merger) == [(5, 2, 2)]

    def test_another_merger_needs_the_reports_that_are_not_part_of_a_version_yet(self):
        merger = daily(started(0, 1))
        assert merger.needed_from(1) == 0
        merger.offer(started(1, 1), 1)
        merger.versions(0)
        assert merger.needed_from(2) == 2
        merger.offer(framed(0, 1, 2), 2)
        merger.offer(framed(1, 1), 3)
        merger.versions(0)
        assert merger.needed_from(4) == 2
        merger.offer(framed(1, 2), 4)
        assert merger.needed_from(5) == 2
        merger.versions(0)
        assert merger.needed_from(5) == 5

    @given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
    def test_the_order_of_reports_does_not_matter(self, arrival, asked):
        reports = [
            *(started(partition, partition + 1) for partition in range(3)),
            framed(0, 1, 2, 3, people=1),
            framed(1, 1, 2, 3, people=2),
            framed(2, 1, 2, people=3),
        ]
        merger, found = Merger(RULES, DAILY, 3, None), []
        for place, (number, ask) in enumerate(zip(arrival, asked, strict=True)):
            merger.offer(reports[number], place)
            if ask:
                found += made(merger)
        assert found + made(merger) == [(0, 0, 0), (1, 1, 6), (2, 2, 6)]

    @given(st.integers(0, 4), st.integers(1, 6))
    def test_one_that_begins_where_another_was_lost_goes_on_with_its_versions(self, lost, reports):
        said = [started(0, 1), started(1, 1), framed(0, 1), framed(1, 1), framed(0, 2, 3), framed(1, 2, 3)]
        whole = Merger(RULES, DAILY, 2, None)
        published, needed = [], 0
        for place, report in enumerate(said[: min(lost, reports)]):
            whole.offer(report, place)
            published += whole.versions(0)
            needed = whole.needed_from(place + 1)
        other = Merger(RULES, DAILY, 2, published[-1] if published else None)
        for place in range(needed, len(said)):
            other.offer(said[place], place)
        published += other.versions(0)
        assert [version.number for version in published] == [0, 1, 2, 3]


def ticked(partition: int, minute: float, people: int = 1) -> Report:
    return Report(partition, None, ((START + round(minute * MINUTE), of(people)),))


def by_wall(*reports: Report, partitions: int = 2, last: Version | None = None) -> Merger:
    merger = Merger(RULES, MINUTELY, partitions, last)
    for place, report in enumerate(reports):
        merger.offer(report, place)
    return merger


def minutes(merger: Merger, now: float) -> list[tuple[int, float, int]]:
    found = merger.versions(START + round(now * MINUTE))
    return [(v.number, (v.as_of - START) / MINUTE, v.population) for v in found]


class TestByTheWallClock:
    def test_a_version_is_made_when_all_have_reported_a_tick(self):
        merger = by_wall(ticked(0, 1))
        assert minutes(merger, 1) == []
        merger.offer(ticked(1, 1, people=3), 1)
        assert minutes(merger, 1) == [(1, 1, 4)]
        assert minutes(merger, 1) == []

    def test_one_that_was_never_heard_of_is_waited_for_longer(self):
        merger = by_wall(ticked(0, 1, people=2))
        assert minutes(merger, 1) == []
        assert minutes(merger, 1.98) == []
        assert minutes(merger, 2) == [(1, 1, 2)]

    def test_too_few_customers_of_a_part_of_the_partitions_are_no_version(self):
        merger = by_wall(ticked(0, 1, people=1), last=Version(7, START))
        assert minutes(merger, 1) == []
        assert minutes(merger, 9) == []
        merger.offer(ticked(1, 1), 1)
        assert minutes(merger, 9) == [(8, 1, 2)]

    def test_one_that_is_behind_counts_as_it_last_was(self):
        merger = by_wall(ticked(0, 1, people=2), ticked(1, 1, people=3))
        assert minutes(merger, 1) == [(1, 1, 5)]
        merger.offer(ticked(0, 2, people=4), 2)
        assert minutes(merger, 2 + 4.9 / 60) == []
        assert minutes(merger, 2 + 5 / 60) == [(2, 2, 7)]

    def test_a_newer_report_takes_the_place_of_an_older_one(self):
        merger = by_wall(ticked(0, 1, people=2), ticked(0, 2, people=5), ticked(1, 2, people=1))
        assert minutes(merger, 2) == [(1, 2, 6)]

    def test_a_tick_that_is_published_is_not_published_again(self):
        merger = by_wall(ticked(0, 1), ticked(1, 1), last=Version(7, START + MINUTE))
        assert minutes(merger, 9) == []
        merger.offer(ticked(0, 2), 2)
        merger.offer(ticked(1, 2), 3)
        assert minutes(merger, 9) == [(8, 2, 2)]

    def test_an_early_try_with_too_few_customers_is_not_worth_a_version(self):
        merger = by_wall(ticked(0, 0.5), partitions=1)
        assert minutes(merger, 0.5) == []
        merger.offer(ticked(0, 0.75, people=2), 1)
        assert minutes(merger, 0.75) == [(1, 0.75, 2)]

    def test_at_a_full_interval_too_few_customers_are_a_version(self):
        assert minutes(by_wall(ticked(0, 1), partitions=1), 1) == [(1, 1, 1)]

    def test_one_whose_clock_is_ahead_leads_nobody_and_holds_nobody_up(self):
        merger = by_wall(ticked(0, 11, people=2), ticked(1, 1, people=3))
        assert minutes(merger, 1) == [(1, 1, 5)]
        merger.offer(ticked(0, 12, people=2), 2)
        assert minutes(merger, 1.5) == []
        merger.offer(ticked(1, 2, people=4), 3)
        assert minutes(merger, 2) == [(2, 2, 6)]

    def test_a_clock_that_is_set_back_makes_no_earlier_version_and_no_longer_wait(self):
        merger = by_wall(ticked(0, 60), ticked(1, 60))
        assert minutes(merger, 60) == [(1, 60, 2)]
        merger.offer(ticked(0, 1), 2)
        merger.offer(ticked(1, 1), 3)
        assert minutes(merger, 2) == []
        merger.offer(ticked(0, 61), 4)
        merger.offer(ticked(1, 61), 5)
        assert minutes(merger, 61) == [(2, 61, 2)]
        lonely = by_wall(ticked(0, 1, people=2))
        assert minutes(lonely, 60) == []
        lonely.offer(ticked(0, 1, people=2), 1)
        assert minutes(lonely, 1) == []
        assert minutes(lonely, 2) == [(1, 1, 2)]

    def test_another_merger_needs_the_last_report_of_each(self):
        merger = by_wall(ticked(0, 1), ticked(1, 1), ticked(0, 2))
        assert merger.needed_from(3) == 1
        other = Merger(RULES, MINUTELY, 2, Version(7, START + MINUTE))
        other.offer(ticked(1, 1, people=5), 1)
        other.offer(ticked(0, 2, people=3), 2)
        assert minutes(other, 2 + 5 / 60) == [(8, 2, 8)]

    def test_numbers_go_on_where_all_versions_are_too_old_to_be_kept(self):
        merger = by_wall(replace(ticked(0, 1), after=41), replace(ticked(1, 1), after=42))
        assert minutes(merger, 1) == [(43, 1, 2)]


def ruled(report: Report, rules: str, *, again: bool = False) -> Report:
    return replace(report, rules=rules, again=again)


OURS, OTHERS = RULES.fingerprint(), "others"


class TestWhenRulesHaveChanged:
    def test_reports_of_other_rules_are_passed_over(self):
        merger = by_wall(ruled(ticked(0, 1), OTHERS), ruled(ticked(1, 1), OURS))
        assert minutes(merger, 1) == []
        assert merger.needed_from(2) == 1
        merger.offer(ruled(ticked(0, 1, people=3), OURS), 2)
        assert minutes(merger, 1) == [(1, 1, 4)]

    def test_by_the_time_of_events_the_first_version_is_as_of_the_last_one_of_former_rules(self):
        last = Version(4, START + DAY, rules=OTHERS)
        merger = daily(ruled(framed(0, 1), OURS, again=True), last=last)
        assert made(merger) == []
        assert merger.needed_from(1) == 0
        merger.offer(ruled(framed(1, 1, people=2), OURS, again=True), 1)
        [version] = merger.versions(0)
        assert (version.number, version.as_of, version.population) == (5, START + DAY, 3)
        assert version.rules == OURS
        assert merger.needed_from(2) == 2
        merger.offer(ruled(framed(0, 1), OURS, again=True), 2)
        merger.offer(ruled(framed(1, 1), OURS, again=True), 3)
        assert made(merger) == []
        for partition in (0, 1):
            merger.offer(ruled(framed(partition, 2), OURS), 4 + partition)
        assert made(merger) == [(6, 2, 2)]

    def test_one_that_is_behind_the_last_version_reports_too_early(self):
        last = Version(4, START + 2 * DAY, rules=OTHERS)
        merger = daily(*(ruled(framed(partition, 1), OURS, again=True) for partition in (0, 1)), last=last)
        assert made(merger) == []

    def test_too_few_customers_are_a_version_at_once_where_orders_wait_for_it(self):
        merger = by_wall(ruled(ticked(0, 0.5), OURS, again=True), partitions=1)
        assert minutes(merger, 0.5) == [(1, 0.5, 1)]
        merger.offer(ruled(ticked(0, 0.75), OURS), 1)
        assert minutes(merger, 0.75) == []


@pytest.mark.parametrize("clock", [DAILY, MINUTELY])
def test_without_reports_nothing_is_made(clock):
    assert Merger(RULES, clock, 1, None).versions(START) == []
