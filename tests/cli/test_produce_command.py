import gzip
import json
import os
import signal
import subprocess
import time

import pytest
from broker import eventually, records
from runs import run, start
from workers import COMMAND

from stream_rfm.kafka.declare import declare

CSV = """customer_id,order_id,ts,amount,type,currency
c-1,o-1,2026-01-01T00:00:00Z,12.340,order,EUR
c-2,o-2,2026-01-02T00:00:00Z,5,,
c-1,o-1,2026-01-03T00:00:00Z,2.00,refund,
c-3,o-3,2026-01-04T00:00:00Z,many,order,
"""
SENT = [
    {
        "customer_id": "c-1",
        "order_id": "o-1",
        "ts": "2026-01-01T00:00:00Z",
        "amount": "12.340",
        "type": "order",
        "currency": "EUR",
    },
    {"customer_id": "c-2", "order_id": "o-2", "ts": "2026-01-02T00:00:00Z", "amount": "5"},
    {
        "customer_id": "c-1",
        "order_id": "o-1",
        "ts": "2026-01-03T00:00:00Z",
        "amount": "2.00",
        "type": "refund",
    },
    {
        "customer_id": "c-3",
        "order_id": "o-3",
        "ts": "2026-01-04T00:00:00Z",
        "amount": "many",
        "type": "order",
    },
]


@pytest.fixture
def orders(deployment):
    """Reads what is in the topic."""
    declare(deployment.settings)

    def read():
        found = records(deployment.servers, deployment.topics.orders.name)
        return [json.loads(record.value) for some in found.values() for record in some]

    return read


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(CSV)
    return path


def by_time(documents):
    return sorted(documents, key=lambda document: document["ts"])


def test_rows_go_as_they_are_without_what_is_empty(orders, csv):
    result = run("produce", csv)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("4 orders sent in ")
    assert by_time(orders()) == SENT


def test_several_files_of_every_kind(orders, csv, tmp_path):
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(CSV.encode()))
    lines = tmp_path / "orders.jsonl"
    lines.write_text('{"customer_id": "c-9", "ts": 5, "attributes": {"shop": "süd"}}\n')
    result = run("produce", csv, packed, lines)
    assert result.stderr.startswith("9 orders sent")
    assert sorted(map(json.dumps, orders())) == sorted(
        map(json.dumps, [*SENT, *SENT, {"customer_id": "c-9", "ts": 5, "attributes": {"shop": "süd"}}])
    )


def test_orders_from_a_pipe_are_sent_though_a_bar_is_shown(orders):
    watched, terminal = os.openpty()
    environment = os.environ | {"TERM": "dumb"}  # so that little is drawn, which nobody reads
    command = [COMMAND, "produce", "/dev/stdin"]
    try:
        done = subprocess.run(
            command, input=CSV.encode(), stderr=terminal, env=environment, timeout=60, check=False
        )
        assert done.returncode == 0
    finally:
        os.close(watched)
        os.close(terminal)
    assert by_time(orders()) == SENT


def test_until_leaves_out_counts_and_ends_with_heartbeats(orders, csv):
    result = run("produce", csv, "--until", "2026-01-03")
    assert result.exit_code == 0
    assert "3 orders sent" in result.stderr
    assert "1 later ones left out" in result.stderr
    heartbeat = {"type": "heartbeat", "ts": "2026-01-03T00:00:00Z"}
    found = orders()
    assert found.count(heartbeat) == 3
    assert by_time(each for each in found if each != heartbeat) == SENT[:3]


@pytest.mark.parametrize("row", [",o-9,2026-01-05T00:00:00Z,1,order", ",o-9,2026-01-05T00:00:00Z,1,"])
def test_order_without_a_customer_is_refused_and_named(orders, csv, row):
    csv.write_text(CSV + row + "\n" + "c-8,o-8,2026-01-06T00:00:00Z,1,order\n")
    result = run("produce", csv)
    assert result.exit_code == 1
    assert f"Order 5 of {csv} has no customer_id" in result.stderr
    assert "4 orders were sent before this" in result.stderr
    assert by_time(orders()) == SENT


@pytest.mark.parametrize("customer", ['""', "null", "5"])
def test_customer_that_is_no_text_is_refused(orders, tmp_path, customer):
    lines = tmp_path / "orders.jsonl"
    lines.write_text(f'{{"type": "heartbeat", "ts": 1}}\n{{"customer_id": {customer}, "ts": 5}}\n')
    result = run("produce", lines)
    assert result.exit_code == 1
    assert f"Order 2 of {lines} has no customer_id" in result.stderr
    assert orders() == [{"type": "heartbeat", "ts": 1}] * 3


def test_missing_topic_is_said(deployment, csv):
    result = run("produce", csv)
    assert result.exit_code == 1
    assert f"Topic {deployment.topics.orders.name} does not exist" in result.stderr
    assert "stream-rfm topics create" in result.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["missing.csv"], ["--rate", "0"], ["--until", "yesterday"], ["--until", "1960-01-01"]]
)
def test_wrong_use(csv, arguments):
    assert (
        run("produce", *([csv] if arguments and arguments[0].startswith("--") else []), *arguments).exit_code
        == 2
    )


def test_rate_paces_and_ctrl_c_ends_it(orders, csv):
    csv.write_text(CSV + "c-1,o-1,2026-01-03T00:00:00Z,2.00,order,\n" * 1000)
    begin = time.monotonic()
    with start("produce", csv, "--rate", "20") as process:
        assert eventually(lambda: len(orders()) >= 5, 20)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert "Traceback" not in process.stderr.read()
    assert len(orders()) <= (time.monotonic() - begin) * 20 + 1
