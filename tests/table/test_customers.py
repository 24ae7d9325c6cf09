from __future__ import annotations

import numpy as np
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.customers import Customers

ids = st.lists(st.binary(min_size=1, max_size=8), unique=True, max_size=40)


def digests(some: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(map(xxhash.xxh3_128_digest, some)), np.uint64).reshape(-1, 2)


def added(customers: Customers, some: list[bytes]) -> list[int]:
    return customers.add(digests(some), some).tolist()


def found(customers: Customers, some: list[bytes]) -> list[int]:
    return customers.find(digests(some)).tolist()


@given(ids, ids, st.integers(1, 9))
def test_customers_are_found_by_their_ids_and_strangers_are_not(known, others, size):
    customers = Customers()
    for low in range(0, len(known), size):
        added(customers, known[low : low + size])
    rows = {customer: row for row, customer in enumerate(known)}
    assert found(customers, known + others) == [rows.get(customer, -1) for customer in known + others]
    assert customers.ids_of(np.arange(customers.count)) == known
    assert [customers.id_of(row) for row in range(customers.count)] == known


def test_a_new_customer_has_never_bought_and_is_in_no_segment():
    customers = Customers()
    [row] = added(customers, [b"a"])
    assert (customers.last[row], customers.last_forgotten[row]) == (NEVER, NEVER)
    assert customers.segment[row] == NO_SEGMENT
    assert customers.frequency[row] == customers.sequence[row] == customers.revision[row] == 0


def test_who_comes_after_an_erased_customer_has_newer_revisions():
    customers = Customers()
    added(customers, [b"anna"])
    customers.revision[0] = 7
    customers.erase(0)
    [row] = added(customers, [b"anna"])
    assert customers.revision[row] == 8
    customers.erase(row)
    [row] = added(customers, [b"anna"])
    assert customers.revision[row] == 9


def test_there_is_room_for_any_number():
    customers = Customers()
    everybody = [b"customer %d" % number for number in range(3_000)]
    for low in range(0, 3_000, 700):
        added(customers, everybody[low : low + 700])
    customers.frequency[:3_000] = np.arange(3_000)
    added(customers, [b"one more %d" % number for number in range(3_000)])
    assert found(customers, everybody) == list(range(3_000))
    assert customers.frequency[:3_000].tolist() == list(range(3_000))


def test_nothing_tells_who_was_erased():
    customers = Customers()
    added(customers, [b"anna", b"berta"])
    customers.last[0] = customers.monetary[0] = 7
    customers.erase(0)
    assert found(customers, [b"anna", b"berta"]) == [-1, 1]
    assert customers.is_somebody().tolist() == [False, True]
    assert customers.id_of(0) == b""
    assert b"anna" not in customers._ids.values.tobytes()
    assert (customers.digest_low[0], customers.digest_high[0], customers.monetary[0]) == (0, 0, 0)
    assert (customers.last[0], customers.last_forgotten[0], customers.segment[0]) == (
        NEVER,
        NEVER,
        NO_SEGMENT,
    )
    assert customers.ids_of(np.array([0, 1])) == [b"", b"berta"]


def test_an_erased_customer_comes_back_in_a_row_of_its_own():
    customers = Customers()
    added(customers, [b"anna", b"berta"])
    customers.erase(0)
    assert added(customers, [b"anna"]) == [2]
    assert found(customers, [b"anna"]) == [2]
    assert found(customers, [b"anna", b"berta"]) == [2, 1]


@given(ids, st.randoms(use_true_random=False))
def test_customers_are_restored_into_the_rows_that_they_had(known, random):
    count = 2 * len(known) + 1
    rows = random.sample(range(count), len(known))
    customers = Customers(count)
    customers.restore(digests(known), known, np.array(rows, np.int64), count)
    assert found(customers, known) == rows
    assert np.flatnonzero(customers.is_somebody()).tolist() == sorted(rows)
    assert customers.ids_of(np.array(rows, np.int64)) == known
    assert added(customers, [b"a newcomer"]) == [count]


def test_memory_is_told_and_grows_with_customers():
    customers = Customers()
    before = customers.nbytes
    added(customers, [b"customer %d" % number for number in range(10_000)])
    assert 10_000 * 80 < customers.nbytes - before < 10_000 * 250


def test_how_many_there_are_is_known_without_looking_at_each():
    customers = Customers()

    def is_right():
        return customers.living == customers.is_somebody().sum()

    customers.add(digests([b"a", b"b", b"c"]), [b"a", b"b", b"c"])
    assert (customers.living, is_right()) == (3, True)
    customers.erase(1)
    customers.erase(1)
    assert (customers.living, is_right()) == (2, True)
    # Who comes back, who moves to another row, and a row that is nobody's.
    customers.restore(digests([b"b", b"a"]), [b"b", b"a"], np.array([5, 6]), 8)
    assert (customers.living, is_right()) == (3, True)
    again = Customers.loaded(*customers.copied())
    assert (again.living, again.is_somebody().sum()) == (3, 3)
