from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.model.order import Kind
from stream_rfm.table import entries as entries_module
from stream_rfm.table import entry_columns, hash_index, packed
from stream_rfm.table.entries import CANCELLED, INSIDE, NOBODY, SUPERSEDED, Entries

LONG_AGO = -(2**62)


@dataclass
class Entry:
    at: int
    amount: int
    key: int
    row: int
    kind: int = int(Kind.ORDER)
    flags: int = INSIDE


def columns(some: list[Entry]) -> list[np.ndarray]:
    names = {"at": np.int64, "amount": np.int64, "key": np.uint64, "row": np.uint32, "kind": np.uint8}
    names["flags"] = np.uint8
    return [np.array([getattr(entry, name) for entry in some], kind) for name, kind in names.items()]


def append(entries: Entries, *some: Entry) -> list[int]:
    return entries.append(*columns(list(some))).tolist()


def find(entries: Entries, key: int, row: int, kind: int = Kind.ORDER, since: int = LONG_AGO) -> int:
    return int(
        entries.find(np.array([key], np.uint64), np.array([row], np.uint32), kind, np.array([since]))[0]
    )


def test_entries_are_numbered_without_holes():
    entries = Entries(first=10)
    assert append(entries, Entry(1, 1, 1, 0), Entry(2, 1, 2, 0)) == [0, 1]
    assert append(entries, Entry(3, 1, 3, 0)) == [2]
    assert (entries.first, entries.count, entries.next) == (10, 3, 13)


def test_an_entry_is_found_by_customer_kind_and_id():
    entries = Entries()
    append(entries, Entry(1, 1, 7, 0), Entry(1, 1, 7, 1), Entry(1, 1, 7, 0, int(Kind.REFUND)))
    assert [find(entries, 7, 0), find(entries, 7, 1), find(entries, 7, 0, Kind.REFUND)] == [0, 1, 2]
    assert find(entries, 8, 0) == find(entries, 7, 2) == find(entries, 7, 1, Kind.REFUND) == -1


def test_what_happened_until_an_instant_may_be_forgotten():
    entries = Entries()
    append(entries, Entry(5, 1, 7, 0))
    assert [find(entries, 7, 0, since=since) for since in (4, 5)] == [0, -1]


def test_of_two_entries_with_an_id_the_superseded_one_is_not_found():
    entries = Entries()
    append(entries, Entry(1, 1, 7, 0))
    entries.flags[0] |= SUPERSEDED
    append(entries, Entry(9, 1, 7, 0))
    assert find(entries, 7, 0) == 1
    entries.reindex()
    assert find(entries, 7, 0) == 1


@pytest.mark.parametrize("hide", [Entries.supersede, Entries.disown])
def test_what_is_found_no_more_leaves_the_index_at_once(hide):
    entries = Entries(7)
    append(entries, *[Entry(at, 1, key=at, row=at % 3) for at in range(100)])
    hide(entries, np.arange(10, 30))
    assert [find(entries, key, key % 3) for key in range(100)] == [
        -1 if 10 <= key < 30 else key for key in range(100)
    ]
    assert np.count_nonzero(entries.index_parts()[0]) == 80


def test_entries_dropped_are_not_found_and_the_others_are():
    entries = Entries()
    append(entries, *(Entry(n, n, n, 0) for n in range(6)))
    entries.refunds_of = {1: [1, 4], 2: [0]}
    entries.drop(3)
    assert (entries.first, entries.count, entries.next) == (3, 3, 6)
    assert [find(entries, key, 0) for key in range(6)] == [-1, -1, -1, 0, 1, 2]
    assert entries.at[:3].tolist() == [3, 4, 5]
    assert entries.refunds_of == {1: [4]}
    append(entries, Entry(9, 9, 9, 0))
    assert [find(entries, key, 0) for key in (2, 5, 9)] == [-1, 2, 3]


@pytest.mark.parametrize("first", [0, 2**20 - 4, hash_index.PLACES - 3, 2**40])
def test_numbers_may_grow_beyond_what_the_index_holds(first):
    entries = Entries(first)
    append(entries, *(Entry(n, n, n, 0) for n in range(6)))
    assert [find(entries, key, 0) for key in range(6)] == list(range(6))
    entries.drop(2)
    assert [find(entries, key, 0) for key in range(6)] == [-1, -1, 0, 1, 2, 3]


def test_those_that_leave_are_inside_and_not_younger_than_the_instant():
    entries = Entries()
    append(entries, Entry(5, 1, 1, 0), Entry(3, 1, 2, 0), Entry(4, 1, 3, 0, flags=0), Entry(4, 1, 4, 0))
    assert entries.leaving(4).tolist() == [1, 3]
    assert entries.leaving(2).tolist() == []
    entries.leave(np.array([1]))
    assert entries.leaving(9).tolist() == [0, 3]
    entries.leave(np.array([3]), cancelled=True)
    assert (entries.flags[3] & CANCELLED, entries.flags[1] & CANCELLED) == (CANCELLED, 0)
    assert entries.leaving(9).tolist() == [0]
    entries.note_inside(np.array([1]))
    assert entries.leaving(9).tolist() == [0, 1]


def test_all_entries_of_a_customer_are_found():
    entries = Entries()
    append(entries, Entry(1, 1, 1, 0), Entry(1, 1, 2, 1), Entry(1, 1, 3, 0))
    entries.row[2] = NOBODY
    assert entries.of_row(0).tolist() == [0]
    assert entries.of_row(9).tolist() == []


def test_the_refunds_of_an_order_are_those_with_its_id_and_those_with_an_id_of_their_own():
    entries = Entries(first=100)
    refund = int(Kind.REFUND)
    append(entries, Entry(1, 1, 7, 0, refund), Entry(1, 1, 8, 0, refund), Entry(1, 1, 9, 1, refund))
    entries.refunds_of = {7: [101, 102]}

    def of(row: int, since: int = LONG_AGO) -> list[int]:
        found = entries.refunds(np.array([7], np.uint64), np.array([row], np.uint32), np.array([since]))
        return found.tolist()

    assert of(0) == [0, 1]
    assert of(1) == [2]
    assert of(0, since=1) == []
    entries.supersede(np.array([0, 1]))
    append(entries, Entry(30, 1, 7, 0, refund))
    assert of(0) == [0, 1, 3]
    entries.drop(1)
    assert of(0) == [0, 2]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.integers(0, 40), min_size=1, max_size=6)),
        st.tuples(st.just("drop"), st.integers(1, 9)),
        st.tuples(st.just("leave"), st.integers(0, 40)),
        st.tuples(st.just("reindex"), st.just(0)),
    ),
    max_size=12,
)


@given(steps)
def test_entries_behave_as_a_plain_list_of_them(history):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries_module, "CHUNK", 4)
        patch.setattr(entry_columns, "CHUNK", 4)
        patch.setattr(packed, "SPAN", 4)
        patch.setattr(packed.COMPILED, "way", None)  # what is compiled has spans as they are
        entries, plain, number = Entries(), [], 0
        for step, what in history:
            if step == "append":
                new = [Entry(at, at, number + i, at % 3) for i, at in enumerate(what)]
                append(entries, *new)
                plain += new
                number += len(new)
            elif step == "drop" and what <= len(plain):
                entries.drop(what)
                del plain[:what]
            elif step == "leave":
                gone = entries.leaving(what)
                assert gone.tolist() == [i for i, e in enumerate(plain) if e.flags and e.at <= what]
                entries.leave(gone)
                for entry in plain:
                    entry.flags = 0 if entry.at <= what else entry.flags
            elif step == "reindex":
                entries.reindex()
            assert entries.next == number
            for name in ("at", "amount", "key", "row", "flags"):
                assert getattr(entries, name)[: entries.count].tolist() == [getattr(e, name) for e in plain]
            assert [find(entries, e.key, e.row) for e in plain] == list(range(len(plain)))
            assert entries.leaving(20).tolist() == [i for i, e in enumerate(plain) if e.flags and e.at <= 20]


def test_there_is_room_for_many_chunks():
    entries = Entries()
    many = [Entry(at, 1, at, at % 7) for at in range(10_000)]
    for low in range(0, 10_000, 3_000):
        append(entries, *many[low : low + 3_000])
    assert entries.leaving(9_990).tolist() == list(range(9_991))
    entries.leave(np.arange(9_000))
    assert entries.leaving(9_001).tolist() == [9_000, 9_001]
    # Stretches in which nothing is inside any more are not looked at.
    assert (entries._oldest.values[:2] == entries_module.NO_INSTANT).all()
    assert entries._oldest.values[2] == 9_000
    assert find(entries, 9_999, 9_999 % 7) == 9_999
    assert 10_000 * 18 < entries.nbytes < 10_000 * 28


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from([0, INSIDE, CANCELLED])), max_size=90
    ),
    st.integers(0, 9),
)
def test_the_last_purchase_is_the_newest_that_is_not_cancelled(some, dropped):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "SPAN", 4)
        patch.setattr(packed.COMPILED, "way", None)  # what is compiled has spans as they are
        for module in (entries_module, entry_columns):
            patch.setattr(module, "CHUNK", 4)
        entries = Entries()
        kinds = [int(Kind.REFUND) if at % 5 == 0 else int(Kind.ORDER) for at, _, _ in some]
        plain = [
            Entry(at, 1, number, row, kind, flags)
            for number, ((at, row, flags), kind) in enumerate(zip(some, kinds, strict=True))
        ]
        if plain:
            append(entries, *plain)
        dropped = min(dropped, len(plain))
        entries.drop(dropped)
        for row in range(4):
            own = [
                e.at for e in plain[dropped:] if (e.row, e.kind) == (row, Kind.ORDER) and e.flags != CANCELLED
            ]
            assert entries.last_purchase(row) == max(own, default=None)
