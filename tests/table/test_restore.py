from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from driver import compact, small_blocks, transitions_of
from events import DAY, OF_CUSTOMERS, START, batch_of, cancel, codes, cut, decoded, erase, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer import GRID, SCORED, Scorer, rules, sizes, versions

from stream_rfm.model.rules import Rules
from stream_rfm.table import journal
from stream_rfm.table.entries import CANCELLED, INSIDE, NOBODY
from stream_rfm.table.journal import Journal
from stream_rfm.table.restore import ChangelogError, Restore

RULES = Rules(GRID, window=30 * DAY, dedupe=7 * DAY)
COLUMNS = (*journal._PLAIN, "frequency", "monetary")
#: What a changelog does not say of an event that came late: as of when its customer was scored.
OF_THE_LAST_SCORING = {"scored_at", "frequency", "monetary", "last_forgotten"}


class Written(Scorer):
    """A scorer that writes a changelog, which is compacted at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.journal = Journal(self.store)
        self.changelog: dict[bytes, bytes] = {}

    def commit(self) -> None:
        compact(self.changelog, self.journal.records(self.changes.erased, self.version.as_of))
        self.changes.erased = []

    def twin(self) -> Written:
        """What is restored from the changelog."""
        restore = Restore()
        restore.add(self.changelog.items())
        twin = Written(self.rules, self.version, self.clock)
        twin.store, twin.journal = restore.finish(
            self.rules,
            self.store.customers.count,
            self.store.entries.next,
            self.version.as_of,
            self.store.customers.revisions_from,
        )
        twin.changelog = dict(self.changelog)
        return twin

    def facts(self, *, late: bool = False) -> dict[bytes, dict[str, int]]:
        customers = self.store.customers
        names = [name for name in COLUMNS if not (late and name in OF_THE_LAST_SCORING)]
        return {
            customers.id_of(row): {name: int(getattr(customers, name)[row]) for name in names}
            for row in np.flatnonzero(customers.is_somebody())
        }


def written(*events, rules: Rules = RULES) -> Written:
    scorer = Written(rules)
    for event in events:
        scorer.count([event])
        scorer.commit()
    return scorer


def later(numbers: list[int], after: int, **options) -> list:
    return [replace(event, at=event.at - START + after) for event in decoded(numbers, **options)]


@settings(max_examples=80)
@given(codes(), codes(20), rules, versions, sizes, st.integers(1, 4))
def test_a_restored_store_goes_on_like_the_one_that_was_written(numbers, more, rules, version, sizes, every):
    with small_blocks():
        scorer = Written(rules, version)
        history = decoded(numbers, kinds=OF_CUSTOMERS)
        for number, part in enumerate(cut(history, sizes), 1):
            scorer.count(history[part])
            if number % every == 0:
                scorer.rescore()
            scorer.commit()
        twin = scorer.twin()
        assert twin.facts() == scorer.facts()
        assert twin.journal._blocks == scorer.journal._blocks
        following = later(more, scorer.clock, kinds=OF_CUSTOMERS)
        said = []
        for each in (scorer, twin):
            changes = [each.count(following), each.rescore(DAY)]
            each.commit()
            said.append([(transitions_of(c, rules), c.tallies) for c in changes])
        assert said[0] == said[1]
        assert twin.facts() == scorer.facts()
        assert twin.changelog == scorer.changelog


@settings(max_examples=60)
@given(codes(), codes(20), rules, versions, sizes, st.booleans())
def test_it_does_so_after_late_events_once_it_has_been_scored_again(
    numbers, more, rules, version, sizes, refunded
):
    with small_blocks():
        scorer = Written(rules, version)
        history = decoded(numbers, kinds=OF_CUSTOMERS, late=True, customers=3, refunded=refunded)
        for part in cut(history, sizes):
            scorer.count(history[part])
            scorer.commit()
        twin = scorer.twin()
        assert twin.facts(late=True) == scorer.facts(late=True)
        following = later(more, scorer.clock, kinds=OF_CUSTOMERS, late=True)
        said = []
        for each in (scorer, twin):
            changes = [each.rescore(), each.count(following), each.rescore(DAY)]
            said.append([replace(t, before=None) for c in changes for t in transitions_of(c, rules)])
        assert said[0] == said[1]
        assert twin.values() == scorer.values()


def test_nothing_is_an_empty_store():
    store, journal_ = Restore().finish(RULES, 0, 0, 0, 0)
    assert (store.customers.count, store.entries.next, journal_.base) == (0, 0, 0)


def test_a_value_takes_the_place_of_an_earlier_one_and_a_tombstone_ends_it():
    scorer = written(order("c0", "a", 0), order("c1", "a", 0))
    restore = Restore()
    restore.add([(b"cc0", b"\0" * journal.HEADER.itemsize), *scorer.changelog.items(), (b"cc1", None)])
    store, _ = restore.finish(RULES, 2, 2, START, 0)
    assert [store.customers.id_of(row) for row in range(2)] == [b"c0", b""]
    assert store.customers.frequency[:2].tolist() == [1, 0]


def test_a_record_of_an_unknown_kind_is_refused():
    with pytest.raises(ChangelogError, match="a record of an unknown kind, b'x'"):
        Restore().add([(b"xyz", b"")])


def test_a_hole_between_blocks_is_refused():
    scorer = written(*(order("c0", name, 0) for name in "abc"))
    del scorer.changelog[journal.BLOCK + (1).to_bytes(8, "big")]
    with pytest.raises(ChangelogError, match="has no entries from 1 to 2"):
        scorer.twin()


def test_a_block_missing_at_the_end_is_refused():
    scorer = written(order("c0", "a", 0), order("c0", "b", 0))
    del scorer.changelog[journal.BLOCK + (1).to_bytes(8, "big")]
    with pytest.raises(ChangelogError, match="has no entries from 1 to 2"):
        scorer.twin()


def test_totals_follow_from_entries_behind_the_customers_record():
    scorer = written(*(order("c0", f"o{n}", n, 500) for n in range(9)))
    twin = scorer.twin()
    assert twin.values() == scorer.values()
    assert twin.store.customers.lifetime_orders[0] == 9


def test_what_was_taken_back_stays_taken_back():
    scorer = written(
        order("c0", "a", 0),
        refund("c0", "a", 1, 2),
        refund("c0", "a", 1, 3, "r"),
        cancel("c0", "a", 2),
        order("c0", "b", 2),
    )
    twin = scorer.twin()
    assert (twin.store.entries.flags[:3] & CANCELLED).all()
    assert twin.values() == {"c0": (0, 1, 10_000_000)}
    assert twin.store.cancels == 1


@pytest.mark.parametrize("refund_id", [None, "r"])
def test_refunds_whose_id_names_a_later_one_stay_taken_back_and_are_taken_back_later(refund_id):
    bought = [order("c0", "b", 0, 200), order("c0", "a", 0, 100)]
    refunds = [refund("c0", "a", day, 20, refund_id) for day in (1, 11, 20)]
    scorer = written(*bought, *refunds)
    restored = scorer.twin()
    for each in (scorer, restored):
        each.count([cancel("c0", "a", 21)])
        each.commit()
        assert each.twin().values() == each.values() == {"c0": (21 * DAY, 1, 200_000_000)}


def test_the_refunds_of_an_earlier_order_of_the_same_id_stay():
    former = order("c0", "a", 0, 50), refund("c0", "a", 1, 20), refund("c0", "a", 2, 5, "r1")
    scorer = written(*former, order("c0", "a", 20, 70), refund("c0", "a", 21, 3), cancel("c0", "a", 25))
    assert scorer.twin().values() == scorer.values() == {"c0": (25 * DAY, 1, 25_000_000)}


def test_a_cancel_that_is_still_waiting_voids_its_order_after_a_restart():
    twin = written(order("c0", "b", 0), cancel("c0", "a", 2)).twin()
    assert twin.count([order("c0", "a", 1), refund("c0", "a", 1)]).tallies["void"] == 2


def test_what_was_counted_is_a_duplicate_after_a_restart():
    twin = written(order("c0", "a", 0), refund("c0", "a", 0), refund("c0", "a", 0, 1, "r")).twin()
    again = [order("c0", "a", 1), refund("c0", "a", 1), refund("c0", "a", 1, 1, "r"), order("c0", "b", 1)]
    assert twin.count(again).tallies["duplicate"] == 3


def test_what_is_outside_the_window_is_outside_after_a_restart():
    scorer = written(order("c0", "a", 0), order("c0", "b", 40))
    twin = scorer.twin()
    assert twin.store.entries.flags[:2].tolist() == [0, INSIDE]
    assert twin.values() == scorer.values() == {"c0": (0, 1, 10_000_000)}


def test_an_erased_customer_is_nobody_after_a_restart_and_may_come_back():
    scorer = written(order("c0", "a", 0), order("c1", "a", 0), erase("c0", 1))
    twin = scorer.twin()
    assert list(twin.facts()) == [b"c1"]
    assert twin.store.entries.row[:2].tolist() == [NOBODY, 1]
    twin.count([order("c0", "a", 1)])
    assert twin.transitions()[-1].sequence == 1


def test_who_comes_back_after_an_erase_does_not_get_the_old_orders():
    twin = written(order("c0", "a", 0, 99), erase("c0", 1), order("c0", "b", 1)).twin()
    assert twin.values() == {"c0": (0, 1, 10_000_000)}


def test_records_of_customers_may_come_in_any_order():
    scorer = written(*(order(f"c{n}", "a", n) for n in range(5)))
    scorer.changelog = dict(reversed(scorer.changelog.items()))
    assert scorer.twin().facts() == scorer.facts()


def test_a_store_scored_by_no_version_is_restored():
    scorer = Written(RULES, replace(SCORED, number=0, as_of=0, cuts=None))
    scorer.count([order("c0", "a", 0)])
    scorer.commit()
    assert scorer.twin().facts() == scorer.facts()
    assert batch_of([order("c0", "a", 0)]).ids == list(scorer.facts())
