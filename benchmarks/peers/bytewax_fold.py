"""The same orders in Bytewax, at least once: a stateful step of a dataflow, with snapshots every 5 s.

It folds the last time, the count and the sum of each customer and tells of every tenth order; no window, no
scores, no cache. Read by ``benchmarks/beside.py``, which counts the lines it prints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

SAY_EVERY = 2_000
seen = count(1)
Customer = tuple[str, int, float]


def decoded(message: KafkaSourceMessage) -> tuple[str, Any]:
    """An order by its customer."""
    return message.key.decode(), orjson.loads(message.value)


def fold(customer: Customer | None, order: dict[str, Any]) -> tuple[Customer, Iterable[int]]:
    """Fold an order; tells how many there are of its customer at every tenth."""
    last, orders, total = customer or ("", 0, 0.0)
    now = max(last, order["ts"]), orders + 1, total + float(order["amount"])
    if (number := next(seen)) % SAY_EVERY == 0:
        print(number, time.time(), flush=True)
    return now, [now[1]] if now[1] % 10 == 0 else []


def encoded(told: tuple[str, int]) -> KafkaSinkMessage:
    """What is told of a customer."""
    customer, orders = told
    return KafkaSinkMessage(customer.encode(), b'{"n":%d}' % orders)


def main() -> None:
    brokers = [os.environ["PEER_BROKER"]]
    flow = Dataflow("fold")
    orders = kafka.input(
        "orders", flow, brokers=brokers, topics=[os.environ["PEER_ORDERS"]], tail=False, batch_size=5_000
    )
    by_customer = op.map("decode", orders.oks, decoded)
    told = op.stateful_flat_map("fold", by_customer, fold)
    kafka.output("told", op.map("encode", told, encoded), brokers=brokers, topic=os.environ["PEER_TOLD"])
    snapshots = Path(os.environ["PEER_FOLDER"])
    init_db_dir(snapshots, 1)
    cli_main(flow, epoch_interval=timedelta(seconds=5), recovery_config=RecoveryConfig(str(snapshots)))


if __name__ == "__main__":
    main()
