from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table import adding_compiled, customers
from stream_rfm.table.customer_row import ROW
from stream_rfm.table.customers import Customers, digests_of
from stream_rfm.table.texts import Texts

ids = st.lists(st.binary(min_size=1, max_size=40) | st.just(b"c" * 65_535), unique=True, max_size=9)


def held(some: Customers) -> list:
    rows = some.rows[: some.count]
    found = some.find_ids(some.ids_of(np.flatnonzero(some.is_somebody()))).tolist()
    return [rows.tolist(), some.id_bytes[: some._ids_end].tobytes(), some.living, some.nbytes, found]


def add(to: Customers, new: list[bytes], repeated: int) -> list[int]:
    """Add customers by what is compiled, as the first events of a batch in which each has several."""
    events = [customer for customer in new for _ in range(repeated)]
    texts, places = Texts.of(events, bytes), np.arange(0, len(events), repeated)
    return to.add_of(adding_compiled.add, digests_of(events), texts, places).tolist()


@given(st.lists(ids, max_size=5), st.integers(1, 3), st.booleans())
def test_rows_are_those_that_are_made_in_columns(batches, repeated, erased):
    ours, others, known = Customers(), Customers(), set()
    for batch in batches:
        new = [customer for customer in batch if customer not in known]
        known.update(new)
        assert add(ours, new, repeated) == others.add(digests_of(new), new).tolist()
        assert held(ours) == held(others)
        if erased and new:
            for each in (ours, others):
                each.revision[each.count - 1] = 7
                each.erase(each.count - 1)
            known.remove(new[-1])


def test_there_is_room_for_any_number():
    ours, others = Customers(), Customers()
    for low in range(0, 3_000, 700):
        new = [b"customer %d" % number for number in range(low, low + 700)]
        assert add(ours, new, 1) == others.add(digests_of(new), new).tolist()
    assert held(ours) == held(others)
    assert ours.rows.dtype == ROW


def test_ids_are_taken_from_where_they_lie():
    some, data = Customers(), np.frombuffer(b"{anna}{bert}", np.uint8)
    texts = Texts(data, np.array([1, 7, 1]), np.array([4, 4, 4]), bytes)
    digests = digests_of([b"anna", b"bert", b"anna"])
    assert some.add_of(adding_compiled.add, digests[::-1], texts[::-1], np.array([1, 2])).tolist() == [0, 1]
    assert some.ids_of(np.arange(2)) == [b"bert", b"anna"]
    assert some.find_ids([b"anna", b"bert"]).tolist() == [1, 0]


def test_more_customers_than_entries_can_tell_apart_are_an_error(monkeypatch):
    monkeypatch.setattr(customers, "MOST_ROWS", 2)
    some = Customers()
    add(some, [b"a", b"b"], 1)
    with pytest.raises(OverflowError, match="more partitions"):
        add(some, [b"c"], 1)
