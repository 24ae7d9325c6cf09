import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from shown import samples

from stream_rfm.serve.bulk_histogram import BulkHistogram

BOUNDS = (0.01, 0.1, 1.0, 5.0)
# Bounds themselves are the interesting ones: a bucket holds what is at most its bound.
observations = st.lists(st.sampled_from([0.0, *BOUNDS, 0.05, 7.0]) | st.floats(0, 100), max_size=40)


@given(st.lists(observations, max_size=4))
def test_bulk_histogram_is_the_librarys_own_but_takes_many_at_once(chunks):
    bulk, single = CollectorRegistry(), CollectorRegistry()
    ours = BulkHistogram("seconds", "Help.", BOUNDS)
    bulk.register(ours)
    theirs = Histogram("seconds", "Help.", buckets=BOUNDS, registry=single)
    for chunk in chunks:
        ours.observe(np.array(chunk))
        for value in chunk:
            theirs.observe(value)
    found, expected = samples(bulk), samples(single)
    assert found.keys() == expected.keys()
    assert found == {name: pytest.approx(value) for name, value in expected.items()}
