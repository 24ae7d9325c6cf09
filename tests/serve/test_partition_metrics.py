import pytest
from prometheus_client import CollectorRegistry
from shown import samples

from stream_rfm.serve.partition_metrics import PartitionCollector, PartitionFacts


@pytest.fixture
def partitions():
    return PartitionCollector()


@pytest.fixture
def registry(partitions):
    made = CollectorRegistry()
    made.register(partitions)
    return made


def facts(number, lag):
    return PartitionFacts(number, lag=lag, customers=10 * number, memory=1000, waiting=number == 2)


def test_partitions_have_series_as_long_as_they_are_there(partitions, registry):
    assert not [name for name, *labels in samples(registry) if ("partition", "1") in labels]
    partitions.source = lambda: [facts(1, 7), facts(2, 0)]
    found = samples(registry)
    assert found["stream_rfm_consumer_lag", ("partition", "1")] == 7
    assert found["stream_rfm_customers", ("partition", "2")] == 20
    assert found["stream_rfm_state_bytes", ("partition", "1")] == 1000
    assert [found["stream_rfm_partition_waiting", ("partition", n)] for n in "12"] == [0, 1]
    partitions.source = lambda: [facts(2, 0)]
    assert not [name for name, *labels in samples(registry) if ("partition", "1") in labels]


def test_lag_that_nobody_knows_is_not_shown_as_none(partitions, registry):
    partitions.source = lambda: [facts(1, None), facts(2, 0)]
    found = samples(registry)
    assert ("stream_rfm_consumer_lag", ("partition", "1")) not in found
    assert found["stream_rfm_consumer_lag", ("partition", "2")] == 0
