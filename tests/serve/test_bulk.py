import hiredis
from sent import strings

from stream_rfm.serve.bulk import Bulk, bulk_of, framed


def test_customers_are_framed_as_the_client_library_does_it():
    ids, values = [b"c1", "K\u00e4the".encode(), b""], [b"\r\n$3", b"", b"x" * 1_000]
    keys = [b"rfm:customer:" + each for each in ids]
    made = bulk_of(ids, values)
    assert made.count == 3
    assert b"*6\r\n" + made.keys + made.values == hiredis.pack_command((*keys, *values))
    assert (strings(made.keys), strings(made.values)) == (keys, values)


def test_nobody_is_nothing():
    assert (bulk_of([], []), framed([])) == (Bulk(), b"")
