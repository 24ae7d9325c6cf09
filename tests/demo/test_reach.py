from prometheus_client import generate_latest

from stream_rfm.demo import reach
from stream_rfm.model import instant
from stream_rfm.serve.metrics import Metrics


def test_worker_that_has_done_nothing():
    assert reach.read(generate_latest(Metrics().registry).decode()) == (0, None)


def test_orders_without_heartbeats_and_the_latest_version():
    metrics = Metrics()
    metrics.orders.labels("order").inc(5)
    metrics.orders.labels("refund").inc(2)
    metrics.orders.labels("heartbeat").inc(8)
    at = instant.parse("1998-07-01")
    metrics.version_as_of.set(at / instant.SECOND)
    assert reach.read(generate_latest(metrics.registry).decode()) == (7, at)
