"""What stands in the topics is what the published schemas promise."""

import json

from broker import records
from flow import cached, command, exported
from shop import between, day, written
from workers import Worker

from schemas import validator

END = 30


def values(deployment, topic):
    """The values of a topic with their keys, in the order of each partition."""
    found = records(deployment.servers, topic.name)
    return [
        (record.key, record.value and json.loads(record.value)) for some in found.values() for record in some
    ]


def test_every_record_fits_its_schema(documents, deployment, tmp_path):
    command("topics", "create")
    part = between(documents, 0, END)
    with Worker(tmp_path / "worker") as worker:
        command("produce", written(tmp_path / "orders.jsonl", part), "--until", day(END))
        exported(day(END), tmp_path / "export.csv")
        assert worker.end() == 0
    topics = deployment.topics
    orders = values(deployment, topics.orders)
    assert len(orders) == len(part) + topics.orders.partitions
    for schema, said in (
        ("order.v1", orders),
        ("transition.v1", values(deployment, topics.transitions)),
        ("segment.v1", values(deployment, topics.segments)),
        ("quantiles.v1", values(deployment, topics.quantiles)),
    ):
        some = [value for _, value in said if value is not None]
        assert len(some) > END, schema
        for value in some:
            validator(schema).validate(value)
    assert not any(records(deployment.servers, topics.dead_letters.name).values())


def test_segments_begin_with_a_snapshot_that_is_the_cache(documents, deployment, tmp_path):
    command("topics", "create")
    part = between(documents, 0, END)
    with Worker(tmp_path / "worker") as worker:
        command("produce", written(tmp_path / "orders.jsonl", part), "--until", day(END))
        export = exported(day(END), tmp_path / "export.csv")
        assert worker.end() == 0
    # What compaction would leave: of each customer the last record, and of the erased none.
    latest = dict(values(deployment, deployment.topics.segments))
    segments = {key.decode(): value["segment"] for key, value in latest.items() if value is not None}
    rows = [line.split(",") for line in export.read_text().splitlines()[1:]]
    assert segments == {row[0]: row[-1] for row in rows}
    assert None in latest.values()
    held = cached(deployment)
    assert held.keys() == segments.keys()
    for customer, said in held.items():
        published = latest[customer.encode()]
        for name in ("segment", "code", "r", "f", "m", "sequence", "revision", "partition"):
            assert said[name] == published[name]
