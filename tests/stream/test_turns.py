import numpy as np
import pytest
from parts import day, order

from stream_rfm.configured import clock_of, rules_of
from stream_rfm.intake.document import Intake
from stream_rfm.model import instant
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.version import Version
from stream_rfm.stream import lane as lanes_module
from stream_rfm.stream import outcome, turns
from stream_rfm.stream.lane import Lane
from stream_rfm.stream.turns import Turns
from stream_rfm.stream.version_log import VersionLog
from stream_rfm.table.partition import Partition

NOW = instant.parse(day(10))
INTAKE = Intake("EUR", NOW)
CUSTOMERS = 10
#: Everybody is in one segment, and then everybody is in another.
ONE, OTHER = (
    tuple(CutPoints.of_thresholds([sign * number for number in numbers]) for _ in range(3))
    for sign, numbers in ((1, (10**17, 10**17 + 1, 10**17 + 2, 10**17 + 3)), (-1, (4, 3, 2, 1)))
)


class Shop:
    """Lanes of one worker, without a broker."""

    def __init__(self, settings, partitions=2):
        clock = clock_of(settings)
        self.versions = VersionLog(clock)
        self.lanes = [
            Lane(Partition(number, rules_of(settings), clock), self.versions) for number in range(partitions)
        ]
        self.turns = Turns(lambda: NOW)
        self.worked = []
        #: What each lane had counted, where some could be sent.
        self.parts = []

    def order(self, lane, *customers):
        """Put an order of each customer of a partition."""
        first = lane.waiting.records + lane.partition.position
        lane.put([order(first + i, f"{lane.number}-{c}") for i, c in enumerate(customers)], INTAKE)

    async def transaction(self):
        """What each lane has to write with the next one."""
        async for _ in self.turns.work(self.lanes, lambda lane: self.worked.append(lane.number)):
            self.parts.append([lane.outcome.events for lane in self.lanes])
        return [lane.take() for lane in self.lanes]

    def version(self, number, cuts=ONE):
        self.versions.add(Version(number, NOW, 99, cuts, rules=self.lanes[0].partition.rules.fingerprint()))


@pytest.fixture
def shop_of(deployment, monkeypatch):
    def made(clock="wall"):
        monkeypatch.setenv("STREAM_RFM_CLOCK", clock)
        monkeypatch.setenv("STREAM_RFM_MIN_CUSTOMERS", "1")
        return Shop(deployment.settings)

    return made


@pytest.fixture
async def shop(shop_of, monkeypatch):
    """By the wall clock, with customers in two partitions, and slices of three."""
    made = shop_of()
    for lane in made.lanes:
        made.order(lane, *range(CUSTOMERS))
    await made.transaction()
    monkeypatch.setattr(lanes_module, "ROWS", 3)
    return made


def limit(monkeypatch, transitions):
    """Let a transaction carry so many transitions of a rescoring, and what one slice adds."""
    monkeypatch.setattr("stream_rfm.stream.allowance._MOST", transitions)
    monkeypatch.setattr("stream_rfm.stream.allowance._LEAST", transitions)
    monkeypatch.setattr("stream_rfm.stream.allowance._FIRST_PART", 1.0)


async def test_a_version_comes_in_parts_and_orders_between_them(shop, monkeypatch):
    limit(monkeypatch, 4)
    shop.version(1)
    shop.version(2)
    transitions, events = [], []
    for number in range(5):
        shop.order(shop.lanes[0], number)
        outcomes = await shop.transaction()
        transitions.append(sum(each.transitions for each in outcomes))
        events.append(sum(each.events for each in outcomes))
    assert events == [1] * 5
    # Two slices of three each, and once the last one of a partition.
    assert max(transitions) <= 6 + 1
    assert sum(transitions) == 2 * CUSTOMERS
    assert [lane.partition.version.number for lane in shop.lanes] == [2, 2]


async def test_nobody_waits_for_it_by_the_wall_clock(shop, monkeypatch):
    limit(monkeypatch, 1)
    shop.version(1)
    await shop.transaction()
    assert shop.lanes[0].partition.rescoring
    assert not any(lane.holds_others for lane in shop.lanes)


async def test_one_partition_after_the_other_is_done(shop, monkeypatch):
    limit(monkeypatch, 4)
    shop.version(1)
    touched = []
    while any(lane.has_rows for lane in shop.lanes):
        outcomes = await shop.transaction()
        touched.append([number for number, each in enumerate(outcomes) if each.progressed])
    assert touched[0] == [0]
    assert touched[-1] == [1]
    assert len(touched) <= 5


async def test_a_customer_goes_on_from_the_version_whose_order_comes_before_its_turn(shop, monkeypatch):
    limit(monkeypatch, 1)
    shop.version(1)
    while any(lane.has_rows for lane in shop.lanes):
        await shop.transaction()
    shop.version(2, OTHER)
    await shop.transaction()
    [lane] = [lane for lane in shop.lanes if lane.partition.rescoring]
    customers = lane.partition.store.customers
    row = int(np.flatnonzero(customers.version[: customers.count] == 1)[-1])
    shop.order(lane, customers.id_of(row).decode().removeprefix(f"{lane.number}-"))
    moves = [each for changed in await shop.transaction() for each in changed.changes.moves]
    assert (moves[0].ids, moves[0].order_ids) == ([customers.id_of(row)], [None])
    while any(each.has_rows for each in shop.lanes):
        moves += [each for changed in await shop.transaction() for each in changed.changes.moves]
    assert sum(moves[0].ids[0] in each.ids for each in moves) == 1


async def test_a_report_is_made_in_slices_between_orders(shop, monkeypatch):
    monkeypatch.setattr("stream_rfm.stream.allowance._SCORING_SECONDS", -1.0)
    # The reports of before the first version are due every five seconds.
    later = NOW + 60 * instant.SECOND
    shop.turns = Turns(lambda: later)
    reports = []
    for number in range(12):
        shop.order(shop.lanes[0], number)
        outcomes = await shop.transaction()
        assert outcomes[0].events == 1
        reports += [each.report for each in outcomes if each.report]
    assert sorted(report.partition for report in reports) == [0, 1]
    [(as_of, summary)] = reports[0].frames
    assert as_of == later
    assert summary.population >= CUSTOMERS


async def test_others_wait_at_a_boundary_and_a_version_is_applied_before_orders(shop_of, monkeypatch):
    shop = shop_of("event")
    monkeypatch.setattr(lanes_module, "ROWS", 3)
    lane = shop.lanes[0]
    shop.order(lane, *range(CUSTOMERS))
    [started, _] = await shop.transaction()
    assert started.report.start == instant.parse(day(1))
    shop.version(0)
    [counted, _] = await shop.transaction()
    assert counted.events == CUSTOMERS
    assert not lane.has_rows


async def test_where_others_wait_a_transaction_carries_more_and_yet_not_all(shop_of, monkeypatch):
    shop = shop_of("event")
    lane = shop.lanes[0]
    shop.order(lane, *range(CUSTOMERS))
    await shop.transaction()
    shop.versions.add(Version(0, instant.parse(day(0))))
    await shop.transaction()
    lane.put([order(CUSTOMERS, "0-0", ts=day(1.5))], INTAKE)
    [told, _] = await shop.transaction()
    assert told.report.frames[0][0] == instant.parse(day(1))
    monkeypatch.setattr(lanes_module, "ROWS", 3)
    monkeypatch.setattr(outcome, "_MOST_TRANSITIONS", 4)
    limit(monkeypatch, 0)
    shop.versions.add(Version(1, instant.parse(day(1)), 99, ONE))
    [first, _] = await shop.transaction()
    assert (first.transitions, first.events, lane.holds_others) == (6, 0, True)
    [second, _] = await shop.transaction()
    assert (second.transitions, second.events) == (4, 0)
    [third, _] = await shop.transaction()
    assert (third.transitions, third.events, lane.holds_others) == (0, 1, False)


async def test_each_lane_is_told_when_its_orders_had_their_turn(shop):
    shop.worked.clear()
    await shop.transaction()
    assert shop.worked == [0, 1]


async def test_the_longer_a_version_takes_the_more_of_it_a_transaction_carries(shop, monkeypatch):
    limit(monkeypatch, 12)
    monkeypatch.setattr("stream_rfm.stream.allowance._FIRST_PART", 0.25)
    shop.version(1)
    first = sum(each.transitions for each in await shop.transaction())
    monkeypatch.setattr("stream_rfm.stream.allowance._GROWS_FOR", 1e-9)
    second = sum(each.transitions for each in await shop.transaction())
    assert first == 3
    assert second in {12, 13, 14}


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [((1, 1), []), ((3, 3), []), ((4, 4), [[4, 0]]), ((4, 9), []), ((9, 4), [[9, 0]]), ((9, 0), [])],
)
async def test_half_of_it_may_be_sent_if_it_is_enough(shop, monkeypatch, sizes, parts):
    monkeypatch.setattr(turns, "_A_PART", 4)
    for lane, size in zip(shop.lanes, sizes, strict=True):
        if size:
            shop.order(lane, *range(size))
    await shop.transaction()
    assert shop.parts == parts


async def test_lane_of_which_half_was_sent_goes_on_with_a_version(shop, monkeypatch):
    monkeypatch.setattr(turns, "_A_PART", 1)
    shop.version(1)
    for lane in shop.lanes:
        shop.order(lane, 1)
    sent = []
    async for _ in shop.turns.work(shop.lanes, lambda _: None):
        sent += [lane.take() for lane in shop.lanes if lane.outcome.events]
    rest = [lane.take() for lane in shop.lanes]
    assert [each.events for each in sent] == [1]
    assert [each.events for each in rest] == [0, 1]
    assert rest[0].transitions > 0


async def test_what_was_sent_counts_where_a_version_is_given_its_share(shop, monkeypatch):
    monkeypatch.setattr(turns, "_A_PART", 1)
    begun = []
    monkeypatch.setattr(shop.turns.allowance, "begin", lambda others, _: begun.append(others))
    for lane in shop.lanes:
        shop.order(lane, 900, 901)
    async for _ in shop.turns.work(shop.lanes, lambda _: None):
        [lane.take() for lane in shop.lanes]
    assert begun == [4]
