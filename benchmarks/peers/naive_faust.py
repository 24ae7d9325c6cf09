"""The same orders in Faust as its tutorial has it: an agent, a table, a message at a time.

It folds the last time, the count and the sum of each customer and tells of every tenth order; no window, no
scores, no cache. Read by ``benchmarks/throughput.py``, which counts the lines it prints.
"""

from __future__ import annotations

import os
import time

import faust


class Order(faust.Record, serializer="json"):
    """An order, as the topic has it."""

    order_id: str
    customer_id: str
    amount: str
    ts: str
    currency: str = "EUR"
    type: str = "order"


app = faust.App(
    os.environ["PEER_ID"],
    broker=f"kafka://{os.environ['PEER_BROKER']}",
    topic_partitions=int(os.environ["PEER_PARTITIONS"]),
    topic_replication_factor=1,
    topic_disable_leader=True,
    store="memory://",
    web_enabled=False,
    worker_redirect_stdouts=False,
)
orders = app.topic(os.environ["PEER_ORDERS"], value_type=Order, key_type=bytes)
told = app.topic(os.environ["PEER_TOLD"], key_type=bytes)
customers = app.Table(
    "customers", default=lambda: ["", 0, 0.0], partitions=int(os.environ["PEER_PARTITIONS"])
)
SAY_EVERY = 2_000
# Faust takes standard output for its log.
said = os.fdopen(os.dup(1), "w", buffering=1)


@app.agent(orders)
async def fold(stream: faust.Stream[Order]) -> None:
    """Folds, a message at a time."""
    seen = 0
    async for key, order in stream.items():
        last, count, total = customers[order.customer_id]
        customers[order.customer_id] = [max(last, order.ts), count + 1, total + float(order.amount)]
        if (count + 1) % 10 == 0:
            await told.send(key=key, value={"n": count + 1})
        seen += 1
        if seen % SAY_EVERY == 0:
            said.write(f"{seen} {time.monotonic()}\n")


if __name__ == "__main__":
    app.main()
