import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stream_rfm.serve.metrics import BulkHistogram, Metrics, PartitionFacts

BOUNDS = (0.01, 0.1, 1.0, 5.0)
# Bounds themselves are the interesting ones: a bucket holds what is at most its bound.
observations = st.lists(st.sampled_from([0.0, *BOUNDS, 0.05, 7.0]) | st.floats(0, 100), max_size=40)


def samples(registry):
    """What is shown, without when it was made."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


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


def facts(number, lag):
    return PartitionFacts(number, lag=lag, customers=10 * number, memory=1000, waiting=number == 2)


def test_partitions_have_series_as_long_as_they_are_there():
    metrics = Metrics()
    assert not [name for name, *labels in samples(metrics.registry) if ("partition", "1") in labels]
    metrics.partitions.source = lambda: [facts(1, 7), facts(2, 0)]
    found = samples(metrics.registry)
    assert found["stream_rfm_consumer_lag", ("partition", "1")] == 7
    assert found["stream_rfm_customers", ("partition", "2")] == 20
    assert found["stream_rfm_state_bytes", ("partition", "1")] == 1000
    assert [found["stream_rfm_partition_waiting", ("partition", n)] for n in "12"] == [0, 1]
    metrics.partitions.source = lambda: [facts(2, 0)]
    assert not [name for name, *labels in samples(metrics.registry) if ("partition", "1") in labels]


def test_lag_that_nobody_knows_is_not_shown_as_none():
    metrics = Metrics()
    metrics.partitions.source = lambda: [facts(1, None), facts(2, 0)]
    found = samples(metrics.registry)
    assert ("stream_rfm_consumer_lag", ("partition", "1")) not in found
    assert found["stream_rfm_consumer_lag", ("partition", "2")] == 0


def test_names_have_our_prefix_and_say_their_units():
    metrics = Metrics()
    metrics.partitions.source = lambda: [facts(1, 0)]
    for family in metrics.registry.collect():
        assert family.name.startswith("stream_rfm_")
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_workers_do_not_share_metrics():
    one, two = Metrics(), Metrics()
    one.cache_writes.inc(3)
    assert one.registry.get_sample_value("stream_rfm_cache_writes_total") == 3
    assert two.registry.get_sample_value("stream_rfm_cache_writes_total") == 0
