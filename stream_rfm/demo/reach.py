"""How far a worker has come, out of its metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from stream_rfm.model import instant

_ORDERS = "stream_rfm_order_events_total"
_AS_OF = "stream_rfm_quantiles_as_of_seconds"
_HEARTBEAT = "heartbeat"


def read(metrics: str) -> tuple[int, int | None]:
    """Read metrics in Prometheus' text format.

    Returns:
        How many orders have been counted, and what the latest version is as of, in microseconds since 1970;
        ``None`` before the first.
    """
    orders, as_of = 0.0, 0.0
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == _ORDERS and sample.labels["type"] != _HEARTBEAT:
                orders += sample.value
            elif sample.name == _AS_OF:
                as_of = sample.value
    return round(orders), round(as_of) * instant.SECOND if as_of else None
