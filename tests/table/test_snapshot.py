from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import pytest
from driver import ALL, Cluster, Held, restored, small_blocks, spread
from events import ALL_KINDS, DAY, HOUR, START, batch_of, cancel, codes, decoded, ended, erase, order, refund
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import by_customer, replay
from scorer import GRID

from stream_rfm.model.rules import Rules
from stream_rfm.table import snapshot as snapshots
from stream_rfm.table.clock import Clock
from stream_rfm.table.customers import Customers
from stream_rfm.table.entries import TOLD, Entries
from stream_rfm.table.journal import CUSTOMER, HEADER, MARKER
from stream_rfm.table.partition import Partition
from stream_rfm.table.restore import ChangelogError, Restore
from stream_rfm.table.snapshot import Head, SnapshotError

RULES = Rules(GRID, window=10 * DAY, dedupe=2 * DAY, min_customers=1)
WALL = Clock("wall", HOUR)
NOW = START + 100 * DAY
HEAD = Head(
    app_id="shop", topic="shop-customers-changelog", topic_id="t-1", partition=3, offset=77, settled_at=START
)
#: What a changelog does not say of an event that came late, and a snapshot does: as of when it was scored.
OF_THE_LAST_SCORING = {"scored_at", "frequency", "monetary", "last_forgotten"}
COLUMNS = [name for name in (*HEADER.names, "frequency", "monetary") if name not in {"row", "through"}]

rules = st.builds(
    lambda window, minimum: Rules(GRID, window=window, dedupe=2 * DAY, min_customers=minimum),
    window=st.sampled_from([10 * DAY, None, DAY // 2, 3 * DAY]),
    minimum=st.sampled_from([1, 2, 4]),
)
schedules = st.lists(st.integers(0, 8 * 8 * 3 - 1), max_size=80)


def copied(partition: Partition) -> bytes:
    """A snapshot as it would stand in a file."""
    taken = partition.snapshot()
    assert taken is not None
    return b"".join(snapshots.encode(HEAD, taken))


@dataclass
class Copied(Held):
    """A partition that comes back from a snapshot and what was written since, as from all of it."""

    every: int = 2
    snapshot: bytes | None = None
    #: What was committed since; compaction keeps the last of each key, tombstones too.
    tail: dict[bytes, bytes | None] = field(default_factory=dict)

    def commit(self) -> list[bytes]:
        records = self.partition.records(self.changes.erased)
        for key, value in records:
            self.tail.pop(key, None)
            self.tail[key] = value
        self.partition.records = lambda _: records
        reports = super().commit()
        del self.partition.records
        if self.commits % self.every == 0:
            self.snapshot, self.tail = copied(self.partition), {}
        return reports

    def crash(self) -> None:
        whole = restored(self.changelog, self.partition.number, self.rules, self.partition.clock)
        super().crash()
        if self.snapshot is not None:
            restore = Restore(snapshots.decode(self.snapshot)[1])
            restore.add(self.tail.items())
            old = self.partition
            self.partition = Partition.restored(old.number, old.rules, old.clock, restore)
        assert_same(self.partition, whole)


def assert_same(found: Partition, whole: Partition) -> None:
    """What both may be asked is the same, but for what the changelog does not say."""
    assert (found.position, found.version, found._time) == (whole.position, whole.version, whole._time)
    assert facts(found) == facts(whole)
    assert found._journal._blocks == whole._journal._blocks
    assert found._journal._refunds == whole._journal._refunds
    one, other = found.store, whole.store
    assert (one.entries.first, one.entries.count) == (other.entries.first, other.entries.count)
    for name in TOLD:
        assert (
            getattr(one.entries, name)[: one.entries.count]
            == getattr(other.entries, name)[: other.entries.count]
        ).all(), name
    assert one.entries.refunds_of == other.entries.refunds_of
    assert one.cancels == other.cancels
    assert one.customers.revisions_from == other.customers.revisions_from


def facts(partition: Partition, *, exact: bool = False) -> dict[bytes, dict[str, int]]:
    customers = partition.store.customers
    names = [name for name in COLUMNS if exact or name not in OF_THE_LAST_SCORING]
    return {
        customers.id_of(row): {"row": row} | {name: int(getattr(customers, name)[row]) for name in names}
        for row in np.flatnonzero(customers.is_somebody()).tolist()
    }


def copying(cluster: Cluster, every: int) -> Cluster:
    cluster.held = [Copied(h.log, h.rules, h.partition, every=every) for h in cluster.held]
    return cluster


def assert_replayed(cluster: Cluster, history) -> None:
    expected = replay(history, cluster.rules, cluster.clock.interval)
    found = by_customer(cluster.transitions())
    assert found == expected.transitions


@settings(max_examples=100)
@given(
    codes(40),
    rules,
    st.sampled_from([DAY, DAY // 2, 5 * DAY]),
    st.integers(1, 3),
    st.integers(1, 5),
    schedules,
)
def test_whoever_is_killed_comes_back_from_a_snapshot_and_goes_on_as_if_nothing_had_been(
    numbers, rules, interval, partitions, every, schedule
):
    history = ended(decoded(numbers, kinds=ALL_KINDS, customers=7), interval)
    with small_blocks():
        cluster = copying(Cluster(history, rules, interval, partitions), every)
        cluster.run(schedule)
        cluster.finish()
        for place in range(partitions):
            cluster.crash(place, 0)
        cluster.finish()
    assert_replayed(cluster, history)


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_a_crash_after_every_commit_changes_nothing(every):
    numbers = [(place * 2_654_435_761) % 2**40 for place in range(90)]
    history = ended(decoded(numbers, kinds=ALL_KINDS, customers=7), 5 * DAY)
    with small_blocks():
        cluster = copying(Cluster(history, RULES, 5 * DAY), every)
        while not cluster.is_done():
            # After a crash it has to see anew that it waits; and a rescoring begins anew.
            cluster.count(0, 2)
            cluster.count(0, ALL if cluster.held[0].partition.waiting else 1)
            cluster.held[0].changes.add(cluster.held[0].partition.rescore(ALL))
            cluster.commit(0, 0)
            cluster.crash(0, 0)
            cluster.merge(0, ALL)
            cluster.publish(0, 0)
        cluster.finish()
    assert_replayed(cluster, history)


@settings(max_examples=60)
@given(codes(60), codes(20), rules, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 6))
def test_late_events_do_not_disturb_it(numbers, more, rules, sizes, every):
    """A snapshot knows as of when a customer was scored; so it is compared with what was never killed."""
    events = decoded(numbers, kinds=ALL_KINDS, customers=4, late=True)
    following = [replace(each, at=each.at + 40 * DAY) for each in decoded(more, kinds=ALL_KINDS, late=True)]
    # Nothing is of the future: its customer would be scored as of then, which only memory knows.
    past = [replace(event, at=min(event.at, NOW)) for event in [*events, *following]]
    logs = spread(ended(past, DAY), 1)
    with small_blocks():
        held, undisturbed = (
            kind(batch_of(logs[0]), rules, Partition(0, rules, WALL)) for kind in (Copied, Held)
        )
        held.every, place = every, 0
        while held.partition.position < len(held.log):
            size = sizes[place % len(sizes)]
            for each in (held, undisturbed):
                each.advance(size, NOW)
                each.commit()
            if place % 3 == 2:
                held.crash()
            place += 1
    assert by_customer(held.transitions) == by_customer(undisturbed.transitions)
    assert held.partition.store.entries.next == undisturbed.partition.store.entries.next


def written(*events) -> Copied:
    held = Copied(batch_of(events), RULES, Partition(3, RULES, WALL), every=ALL)
    for _ in events:
        held.advance(1, START)
        held.commit()
    return held


def test_a_snapshot_alone_is_the_state_it_was_taken_of():
    held = written(order("c0", "a", 0), refund("c0", "a", 1, 0, "r"), order("c1", "a", 0), erase("c1", 0))
    head, taken = snapshots.decode(copied(held.partition))
    assert head == HEAD
    partition = Partition.restored(3, RULES, WALL, Restore(taken))
    assert facts(partition, exact=True) == facts(held.partition, exact=True)
    assert_same(partition, restored(held.changelog, 3, RULES, WALL))


def test_nothing_of_an_erased_customer_is_in_it():
    held = written(order("c0", "a", 0), order("kunde", "a", 0), erase("kunde", 0))
    assert b"kunde" not in copied(held.partition)


def test_before_anything_was_told_there_is_nothing_to_copy():
    assert Partition(3, RULES, WALL).snapshot() is None


def test_a_copy_does_not_change_with_its_partition():
    held = written(order("c0", "a", 0))
    taken = held.partition.snapshot()
    before = b"".join(snapshots.encode(HEAD, taken))
    held.log = batch_of([order("c0", "a", 0), order("c0", "b", 0, 999), cancel("c0", "b", 0)])
    held.advance(9, START)
    assert b"".join(snapshots.encode(HEAD, taken)) == before
    assert taken.nbytes == sum(len(values.tobytes()) for _, values in snapshots._columns(taken))


def test_changed_columns_need_another_schema():
    """Whoever adds a column, or changes one, has to raise SCHEMA: an older file has it otherwise."""
    customers, ids = Customers().copied()
    kinds = {name: values.dtype.str for name, values in (customers | Entries().copied()).items()}
    assert (snapshots.SCHEMA, ids.dtype.str) == (1, "|u1")
    assert sorted(f"{name}:{kind}" for name, kind in kinds.items()) == sorted(
        [
            *("digest_low:<u8", "digest_high:<u8", "id_start:<i8", "id_length:<u2", "last:<i8"),
            *("last_forgotten:<i8", "lifetime_orders:<i4", "lifetime_monetary:<i8", "scored_at:<i8"),
            *("segment:<u2", "r:|u1", "f:|u1", "m:|u1", "sequence:<u4", "revision:<u4", "version:<u4"),
            *("at:<i8", "amount:<i8", "key:<u8", "row:<u4", "kind:|u1"),
        ]
    )


class TestDamage:
    whole = property(lambda _: copied(written(order("c0", "a", 0), order("c1", "a", 0)).partition))

    def test_a_file_that_ends_anywhere_is_refused(self):
        whole = self.whole
        needed = len(whole.rstrip(b"\0"))
        for end in (0, 5, 31, 32, 40, 200, needed // 2, needed - 1):
            with pytest.raises(SnapshotError, match="damaged") as error:
                snapshots.decode(whole[:end])
            assert error.value.reason == "damaged"

    @given(st.data())
    def test_no_flipped_bit_goes_unnoticed(self, data):
        whole = bytearray(self.whole)
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
        try:
            head, taken = snapshots.decode(bytes(whole))
        except SnapshotError:
            return
        else:  # it was in the padding between two columns
            assert b"".join(snapshots.encode(head, taken)) == self.whole

    def test_something_else_is_refused(self):
        with pytest.raises(SnapshotError, match="its head is not what was written"):
            snapshots.decode(b"customer_id,order_id,ts,amount,type\n" * 9)

    def test_a_newer_schema_is_refused_however_it_looks(self, monkeypatch):
        monkeypatch.setattr(snapshots, "_Content", dict)
        newer = msgspec.msgpack.encode({"head": {"schema": 2, "more": [1]}, "what": "ever"})
        raw = snapshots._PREAMBLE.pack(snapshots._MAGIC, len(newer), snapshots.xxhash.xxh3_128_digest(newer))
        with pytest.raises(SnapshotError, match="it has schema 2 and this release reads 1") as error:
            snapshots.decode(raw + newer)
        assert error.value.reason == "schema"

    def test_the_head_can_be_read_alone(self):
        whole = self.whole
        assert snapshots.read_head(whole[: snapshots.head_bytes(whole[:32])]) == HEAD
        assert snapshots.head_bytes(b"") == 32


def test_a_tail_that_does_not_fit_is_refused():
    held = written(order("c0", "a", 0))
    taken = snapshots.decode(copied(held.partition))[1]
    held.log = batch_of([order("c0", name, 0) for name in "abc"])
    for _ in range(2):
        held.advance(1, START)
        held.commit()
    blocks = [key for key in held.tail if key[:1] not in {CUSTOMER, MARKER}]
    restore = Restore(taken)
    restore.add((key, value) for key, value in held.tail.items() if key != blocks[1])
    with pytest.raises(ChangelogError, match="has no entries from 1 to 2"):
        Partition.restored(3, RULES, WALL, restore)
