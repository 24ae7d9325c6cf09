from __future__ import annotations

import pytest
from driver import compact, restored, small_blocks
from events import DAY, START, batch_of, cancel, erase, order, refund
from scorer import CUTS, GRID, Scorer

from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.journal import BLOCK, CUSTOMER, HEADER, MARKER, Journal, Record
from stream_rfm.table.partition import Partition

RULES = Rules(GRID, window=30 * DAY, dedupe=2 * DAY)


class Written:
    """A scorer with the journal that its changelog is written by."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.scorer = Scorer(rules)
        self.journal = Journal(self.scorer.store)
        self.changelog: dict[bytes, bytes] = {}

    def count(self, *events) -> list[Record]:
        changes = self.scorer.count(events)
        return self.commit(changes.erased)

    def commit(self, erased=()) -> list[Record]:
        records = self.journal.records(list(erased), self.scorer.version.as_of)
        compact(self.changelog, records)
        return records

    def rescore(self, day: float) -> list[Record]:
        return self.commit(self.scorer.rescore(START + round(day * DAY) - self.scorer.clock).erased)

    def blocks(self) -> list[tuple[int, int]]:
        return [(block.first, block.count) for block in self.journal._blocks]


def keys(records: list[Record]) -> list[bytes]:
    return [key[:1] for key, _ in records]


def size(records: list[Record]) -> int:
    return sum(len(key) + len(value or b"") for key, value in records)


def test_a_customer_is_written_when_it_is_new_or_what_it_says_changes_and_entries_always():
    written = Written()
    assert keys(written.count(order("c0", "a", 0, 500))) == [BLOCK, CUSTOMER]
    for number in range(3):
        written.count(order("c0", f"b{number}", 0, 500))
    assert keys(written.count(order("c0", "z", 0, 500))) == [BLOCK]


def test_nothing_new_is_nothing_to_write():
    written = Written()
    written.count(order("c0", "a", 0))
    assert written.count(order("c0", "a", 0)) == []
    assert written.commit() == []


def test_partitions_put_their_small_blocks_together_in_different_transactions():
    partitions = [Written() for _ in range(3)]
    merged = []
    with small_blocks():
        for transaction in range(12):
            for number, written in enumerate(partitions):
                written.scorer.count([order("c0", f"o{transaction}", transaction / 1_000)])
                records = written.journal.told([], written.scorer.version.as_of, more=number).before
                if keys(records).count(BLOCK) > 1:
                    merged.append((transaction, number))
    assert {number for _, number in merged} == {0, 1, 2}
    assert [transaction for transaction, number in merged][:3] == [2, 3, 4]


@pytest.mark.parametrize(("batch", "bytes_an_order"), [(4, 250), (10, 130), (100, 80), (1000, 35)])
def test_an_order_of_a_hot_customer_costs_the_same_few_bytes_however_many_there_were(batch, bytes_an_order):
    written, costs = Written(Rules(GRID, window=None)), []
    for low in range(0, 10_000, batch):
        some = [order("hot", f"o{number}", number / 1_000) for number in range(low, low + batch)]
        costs.append(size(written.count(*some)))
    # Entries are written again when small blocks are put together; the bound is the same from first to last.
    for until in (1_000, 5_000, 10_000):
        recent = costs[max(0, until - 5_000) // batch : until // batch]
        assert 25 < sum(recent) / len(recent) / batch < bytes_an_order


def test_batches_of_a_hundred_orders_cost_little_more_than_their_entries():
    written = Written(Rules(GRID, window=None))
    for number in range(3):
        written.count(*(order("hot", f"a{number}-{n}", 0) for n in range(100)))
    assert size(written.count(*(order("hot", f"b{n}", 0) for n in range(100)))) < 100 * 33


def test_small_blocks_are_put_together():
    with small_blocks():
        written = Written()
        for number in range(40):
            written.count(order("c0", f"o{number}", number / 10))
            assert all(count >= 10 for _, count in written.blocks()[:-3])
            live = {key for key in written.changelog if key[:1] == BLOCK}
            assert live == {BLOCK + first.to_bytes(8, "big") for first, _ in written.blocks()}
        assert len(written.blocks()) < 10


def test_blocks_have_no_holes():
    with small_blocks():
        written = Written()
        for number in range(60):
            written.count(*(order("c0", f"o{number}-{n}", number / 3) for n in range(1 + number % 4)))
            written.rescore(number / 3)
            ends = [first + count for first, count in written.blocks()]
            assert [first for first, _ in written.blocks()][1:] == ends[:-1]
            assert ends[-1] == written.scorer.store.entries.next
            assert written.journal.base == written.blocks()[0][0] == written.scorer.store.entries.first


def test_old_blocks_are_dropped_once_all_they_hold_is_out_of_the_window():
    with small_blocks():
        written = Written()
        for number in range(100):
            written.count(order("c0", f"o{number}", number))
            written.rescore(number)
        assert written.scorer.store.entries.first > 50
        assert written.scorer.store.entries.count < 50
        live = [key for key in written.changelog if key[:1] == BLOCK]
        assert len(live) == len(written.blocks()) < 10


def test_what_is_needed_for_duplicates_is_kept_even_where_the_window_is_shorter():
    with small_blocks():
        written = Written(Rules(GRID, window=DAY, dedupe=60 * DAY))
        for number in range(50):
            written.count(order("c0", f"o{number}", number))
            written.rescore(number)
        assert written.scorer.store.entries.first == 0


def test_without_a_window_nothing_is_ever_dropped():
    with small_blocks():
        written = Written(Rules(GRID, window=None))
        for number in range(50):
            written.count(order("c0", f"o{number}", number * 30))
            written.rescore(number * 30)
        assert written.scorer.store.entries.first == 0


def test_totals_survive_the_blocks_that_they_came_from():
    with small_blocks():
        written = Written()
        for number in range(50):
            written.count(order("c0", f"o{number}", number * 3))
            written.rescore(number * 3)
        customers = written.scorer.store.customers
        assert written.scorer.store.entries.first > 0
        assert (customers.lifetime_orders[0], customers.last[0]) == (50, START + 147 * DAY)


@pytest.mark.parametrize("again", [False, True])
def test_nothing_tells_who_was_erased(again):
    with small_blocks():
        written = Written()
        anna, berta = "anna@example.org", "berta@example.org"
        for number in range(12):
            written.count(
                order(anna, f"a{number}", number),
                order(berta, f"b{number}", number),
                refund(anna, "a0", number),
            )
        records = written.count(erase(anna, 13), *([order(anna, "x", 13)] if again else []))
        assert (CUSTOMER + anna.encode(), None) in records
        live = b"".join(key + value for key, value in written.changelog.items())
        assert (anna.encode() in live) == again
        assert berta.encode() in live
        assert b"example" in written.scorer.store.customers._ids.values.tobytes()
        assert (anna.encode() in written.scorer.store.customers._ids.values.tobytes()) == again


def test_who_comes_back_in_the_same_step_is_gone_first_and_there_after():
    written = Written()
    written.count(order("c0", "a", 0))
    records = written.count(erase("c0", 1), order("c0", "b", 1))
    ours = [value for key, value in records if key == CUSTOMER + b"c0"]
    assert ours[0] is None
    assert ours[1] is not None


def test_refunds_with_ids_of_their_own_are_written_with_the_order_that_they_are_of():
    with small_blocks():
        written = Written()
        for number in range(30):
            written.count(
                order("c0", f"o{number}", number / 9), refund("c0", f"o{number}", number / 9, 1, f"r{number}")
            )
        written.count(*(cancel("c0", f"o{number}", 4) for number in range(30)))
        assert written.scorer.values()["c0"] == (None, 0, 0)
        other = Journal(written.scorer.store)
        assert len(other._refunds) == 30


def test_the_marker_is_the_last_record_and_in_every_commit():
    partition = Partition(0, RULES, Clock("wall", DAY))
    assert keys(partition.records([])) == [MARKER]
    partition.advance(batch_of([order("c0", "a", 0)]), START)
    assert keys(partition.records([])) == [BLOCK, CUSTOMER, MARKER]
    changelog: dict[bytes, bytes] = {}
    compact(changelog, partition.records([]))
    assert list(changelog) == [MARKER]


def test_a_header_is_small_and_its_layout_is_part_of_the_changelog():
    assert HEADER.itemsize == 65
    assert list(HEADER.names or ()) == [
        "row",
        "segment",
        "r",
        "f",
        "m",
        "sequence",
        "revision",
        "version",
        "scored_at",
        "last",
        "last_forgotten",
        "lifetime_orders",
        "lifetime_monetary",
        "through",
    ]


def test_a_rescoring_in_which_nothing_moves_writes_only_the_marker():
    partition = Partition(0, RULES, Clock("wall", DAY))
    partition.advance(batch_of([order("c0", "a", 0)]), START)
    partition.apply(Version(1, START, 1, CUTS))
    partition.rescore(9)
    compact({}, partition.records([]))
    partition.apply(Version(2, START + DAY, 1, CUTS))
    partition.rescore(9)
    assert keys(partition.records([])) == [MARKER]


def test_state_that_was_written_with_merged_and_dropped_blocks_is_read_back():
    with small_blocks():
        partition, changelog = Partition(0, RULES, Clock("wall", DAY)), {}
        for number in range(90):
            partition.advance(batch_of([order("c0", f"o{number}", number)]), START + number * DAY)
            partition.apply(Version(number + 1, START + number * DAY, 1, CUTS))
            partition.rescore(9)
            compact(changelog, partition.records([]))
        other = restored(changelog, 0, RULES, Clock("wall", DAY))
        assert other.store.entries.first == partition.store.entries.first > 0
        assert other.store.customers.frequency[0] == partition.store.customers.frequency[0] == 30
