"""The same orders in Quix Streams, exactly once: a stateful function over a stream, its state in RocksDB.

It folds the last time, the count and the sum of each customer and tells of every tenth order; no window, no
scores, no cache. Read by ``benchmarks/beside.py``, which counts the lines it prints.
"""

from __future__ import annotations

import os
import time
from itertools import count
from typing import Any

from quixstreams import Application, State

SAY_EVERY = 2_000
seen = count(1)


def fold(order: dict[str, Any], state: State) -> int:
    """Fold an order; how many there are of its customer now."""
    last, orders, total = state.get("customer") or ("", 0, 0.0)
    state.set("customer", (max(last, order["ts"]), orders + 1, total + float(order["amount"])))
    if (number := next(seen)) % SAY_EVERY == 0:
        print(number, time.time(), flush=True)
    return orders + 1


def main() -> None:
    app = Application(
        broker_address=os.environ["PEER_BROKER"],
        consumer_group=os.environ["PEER_ID"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=1.0,
        state_dir=os.environ["PEER_FOLDER"],
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 5, "batch.size": 256 << 10},
    )
    orders = app.topic(os.environ["PEER_ORDERS"], value_deserializer="json", key_deserializer="bytes")
    told = app.topic(os.environ["PEER_TOLD"], value_serializer="json", key_serializer="bytes")
    stream = app.dataframe(orders)
    stream = stream.apply(fold, stateful=True)
    stream = stream.filter(lambda orders: orders % 10 == 0).apply(lambda orders: {"n": orders})
    stream.to_topic(told)
    app.run()


if __name__ == "__main__":
    main()
