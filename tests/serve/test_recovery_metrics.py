from prometheus_client import CollectorRegistry
from shown import samples

from stream_rfm.serve.recovery_metrics import RecoveryCollector


def test_a_changelog_has_series_while_it_is_being_read():
    recovery, registry = RecoveryCollector(), CollectorRegistry()
    registry.register(recovery)
    assert not samples(registry)
    recovery.at(3, offset=10, end=40)
    recovery.at(1, offset=0, end=5)
    recovery.at(3, offset=20, end=40)
    assert samples(registry) == {
        ("stream_rfm_recovery_offset", ("partition", "1")): 0,
        ("stream_rfm_recovery_end", ("partition", "1")): 5,
        ("stream_rfm_recovery_offset", ("partition", "3")): 20,
        ("stream_rfm_recovery_end", ("partition", "3")): 40,
    }
    recovery.done(3)
    # Whoever gives a partition up says so, whether or not it was being read.
    recovery.done(3)
    assert {labels for _, labels in samples(registry)} == {("partition", "1")}
