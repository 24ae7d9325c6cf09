from __future__ import annotations

from dataclasses import replace

from events import DAY, HOUR, START, order
from scorer import SCORED, UNSCORED, Scorer, ruled

from stream_rfm.model.distribution import Exact, Sketch
from stream_rfm.table import reporting as reporting_module
from stream_rfm.table.clock import Clock
from stream_rfm.table.reporting import Reporting

RULES = ruled(30 * DAY, 0)
DAILY, HOURLY = Clock("event", DAY), Clock("wall", HOUR)
LAST = replace(SCORED, number=3, as_of=START + DAY)


def store():
    scorer = Scorer(RULES)
    scorer.count([order("c0", "a", 0.5), order("c1", "a", 1.5)])
    return scorer.store


def told(reporting, draft):
    """The report that a draft becomes, which is noted as told."""
    if draft is None:
        return None
    while (report := draft.step(1)) is None:
        pass
    reporting.told(report)
    return report


def instants(report) -> list[float]:
    return [(as_of - START) / DAY for as_of, _ in report.frames]


def test_a_start_is_reported_once():
    reporting = Reporting(2, DAILY, "ours")
    report = told(reporting, reporting.start(store(), START))
    assert (report.partition, report.start, report.frames, report.rules) == (2, START, (), "ours")
    assert reporting.start(store(), START) is None


def test_boundaries_are_reported_once_up_to_where_the_partition_is_closed():
    reporting = Reporting(0, DAILY, "ours")
    report = told(reporting, reporting.boundaries(store(), LAST, START + 4 * DAY))
    assert (instants(report), report.after, report.again) == ([2, 3, 4], 3, False)
    assert reporting.boundaries(store(), LAST, START + 4 * DAY) is None
    assert reporting.boundaries(store(), replace(LAST, as_of=START + 4 * DAY), START + 4 * DAY) is None


def test_a_version_is_reported_once_more_by_other_rules():
    reporting = Reporting(0, DAILY, "ours")
    report = told(reporting, reporting.again(store(), LAST))
    assert (instants(report), report.after, report.again) == ([1], 3, True)
    assert reporting.again(store(), LAST) is None
    assert reporting.again(store(), replace(LAST, number=4)) is not None


def test_a_tick_is_reported_once_and_more_often_while_nobody_is_scored():
    reporting, now = Reporting(0, HOURLY, "ours"), START + DAY + HOUR + HOUR // 2
    report = told(reporting, reporting.tick(store(), LAST, now, again=False))
    assert instants(report) == [1 + 1 / 24]
    assert reporting.tick(store(), LAST, now, again=False) is None
    for version, again in ((LAST, True), (replace(UNSCORED, as_of=START + DAY), False)):
        reporting = Reporting(0, HOURLY, "ours")
        report = told(reporting, reporting.tick(store(), version, now, again=again))
        assert report.frames[0][0] == now
        assert report.again == again


def test_what_was_begun_and_not_told_is_still_due():
    reporting, now = Reporting(0, HOURLY, "ours"), START + DAY + HOUR
    assert reporting.tick(store(), LAST, now, again=False).step(1) is None
    assert instants(told(reporting, reporting.tick(store(), LAST, now, again=False))) == [1 + 1 / 24]


def test_of_many_customers_every_value_is_reported_only_where_that_may_be_of_use():
    few, now = replace(RULES, exact_up_to=3), START + DAY + HOUR
    scorer = Scorer(few)
    scorer.count([order("c0", "a", 0.5), order("c1", "a", 1)])
    for clock, population, kind in ((HOURLY, 6, Exact), (HOURLY, 7, Sketch), (DAILY, 7, Exact)):
        reporting, last = Reporting(0, clock, "ours"), replace(LAST, population=population)
        due = reporting.boundaries if clock.waits else reporting.tick
        draft = (
            due(scorer.store, last, START + 2 * DAY)
            if clock.waits
            else due(scorer.store, last, now, again=False)
        )
        [(_, summary)] = told(reporting, draft).frames
        assert isinstance(summary.recency, kind)


def test_a_report_is_exact_no_further_than_its_topic_takes_it(monkeypatch):
    many, few = replace(RULES, exact_up_to=10_000_000), store()
    few.rules = many
    assert isinstance(frequencies(few), Exact)
    monkeypatch.setattr(reporting_module, "_MOST_EXACT", 1)
    assert isinstance(frequencies(few), Sketch)


def frequencies(of):
    reporting = Reporting(0, DAILY, "ours")
    report = told(reporting, reporting.boundaries(of, LAST, START + 2 * DAY))
    [(_, summary)] = report.frames
    return summary.frequency
