from __future__ import annotations

import re

import pytest
from pages import code, read, rows
from prometheus_client.metrics_core import Metric

from stream_rfm.model.order import Kind, Reason
from stream_rfm.serve.metrics import Metrics
from stream_rfm.serve.partition_metrics import PartitionFacts


@pytest.fixture
def families() -> list[Metric]:
    """Every metric, each with a series where it has labels."""
    metrics = Metrics()
    metrics.partitions.source = lambda: [
        PartitionFacts(partition=0, lag=0, customers=0, memory=0, waiting=False, snapshot_age=0)
    ]
    metrics.recovery.at(0, 0, 0)
    for labelled, labels in (
        (metrics.orders, ["order"]),
        (metrics.transitions, ["none", "new", "order"]),
        (metrics.dead_letters, ["tombstone"]),
        (metrics.commits, ["committed"]),
        (metrics.snapshots, ["written"]),
        (metrics.snapshots_refused, ["old"]),
        (metrics.topic_differences, ["orders"]),
    ):
        labelled.labels(*labels)
    return list(metrics.registry.collect())


def scraped(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels(family: Metric) -> set[str]:
    return {name for sample in family.samples for name in sample.labels}


def said() -> dict[str, list[str]]:
    """The rows of the page, by metric."""
    return {name: cells for cells in rows(read("docs/metrics.md")) if (name := code(cells[0]))}


def test_the_page_and_the_registry_agree_both_ways(families):
    assert sorted(said()) == sorted(map(scraped, families))


def test_types_and_labels_are_right(families):
    page = said()
    for family in families:
        _, kind, named, *_ = page[scraped(family)]
        assert kind.split(",")[0] == family.type, family.name
        assert set(re.findall(r"`(\w+)`", named)) - {"none"} == labels(family), family.name


def test_names_end_in_their_unit(families):
    for family in families:
        unit = said()[scraped(family)][1].split(", ")[1].split()[0]
        name = family.name
        if unit in {"seconds", "bytes"}:
            assert name.endswith(f"_{unit}"), name
        else:
            assert not name.endswith(("_seconds", "_bytes")), name


def test_every_row_says_what_it_means_and_what_to_do():
    for name, cells in said().items():
        assert len(cells) == 5, name
        assert all(cells), name


def test_kinds_are_named():
    kinds = said()["stream_rfm_order_events_total"][2]
    assert [kind for kind in Kind if kind.name.lower() not in kinds] == []


def test_every_metric_that_another_page_names_exists():
    for page in ("README.md", "docs/architecture.md", *[f"docs/decisions/{n}" for n in _DECISIONS]):
        for name in re.findall(r"stream_rfm_[a-z_]+[a-z]", read(page)):
            assert name in said(), f"{page} names {name}"


_DECISIONS = ("0005-columns.md", "0007-clocks.md", "0008-topics.md")


def test_every_reason_is_a_word_that_a_label_can_be():
    assert all(re.fullmatch(r"[a-z-]+", reason) for reason in Reason)
