import numpy as np

from stream_rfm.table.customer_row import COLUMNS, COUNTED, NEVER, NO_SEGMENT, ROW


def test_a_row_takes_a_line_and_a_half_of_a_cache_and_none_of_it_twice():
    assert ROW.itemsize == 96
    begin = {name: ROW.fields[name][1] for name in COLUMNS}
    size = {name: ROW.fields[name][0].itemsize for name in COLUMNS}
    taken = np.zeros(ROW.itemsize, int)
    for name in COLUMNS:
        assert begin[name] % size[name] == 0
        taken[begin[name] : begin[name] + size[name]] += 1
    assert taken.max() == 1
    assert set(COUNTED) < set(COLUMNS)


def test_what_stands_for_nothing_fits_and_is_no_value():
    row = np.zeros(1, ROW)
    row["segment"], row["last"] = NO_SEGMENT, NEVER
    assert (row["segment"][0], row["last"][0]) == (NO_SEGMENT, NEVER)
    assert np.iinfo(ROW["segment"]).max == NO_SEGMENT
    assert NEVER < 0
