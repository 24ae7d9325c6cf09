"""For contrast: an agent and a table in Faust as its tutorial has them, with its defaults.

It counts the orders of each customer and sums what was paid, and says so for every order.
"""

from __future__ import annotations

import os

import faust

_PARTITIONS = int(os.environ["NAIVE_PARTITIONS"])


class Order(faust.Record, serializer="json"):
    """An order, as the topic has it."""

    ts: str
    customer_id: str = ""
    order_id: str = ""
    amount: str = "0"
    currency: str = "EUR"
    type: str = "order"


app = faust.App(
    os.environ["NAIVE_ID"],
    broker=[f"kafka://{server}" for server in os.environ["NAIVE_SERVERS"].split(",")],
    topic_partitions=_PARTITIONS,
    topic_replication_factor=int(os.environ["NAIVE_REPLICATION"]),
    broker_session_timeout=float(os.environ["NAIVE_SESSION_SECONDS"]),
    broker_heartbeat_interval=float(os.environ["NAIVE_SESSION_SECONDS"]) / 3,
    store="memory://",
    web_enabled=False,
)
orders = app.topic(os.environ["NAIVE_ORDERS"], value_type=Order, key_type=bytes)
told = app.topic(os.environ["NAIVE_TOLD"], key_type=bytes)
customers = app.Table("customers", default=lambda: [0, 0.0], partitions=_PARTITIONS)


@app.agent(orders)
async def count(stream: faust.Stream[Order]) -> None:
    """Count, a message at a time."""
    async for event in stream.events():
        order = event.value
        if order.type != "order":
            continue
        number, total = customers[order.customer_id]
        customers[order.customer_id] = [number + 1, total + float(order.amount)]
        where = [event.message.partition, event.message.offset]
        await told.send(key=event.key, value={"order": where, "n": number + 1})


if __name__ == "__main__":
    app.main()
