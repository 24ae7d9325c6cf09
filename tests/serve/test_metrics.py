from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.partition_metrics import PartitionFacts


def test_names_have_our_prefix_and_say_their_units():
    metrics = Metrics()
    metrics.partitions.source = lambda: [PartitionFacts(1, lag=0, customers=10, memory=1000, waiting=False)]
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
