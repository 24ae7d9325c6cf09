"""A Faust table as the tutorial has it, coming back from its changelog: how long that takes.

Read by ``benchmarks/recovery.py``, which has filled the changelog.
"""

from __future__ import annotations

import os
import threading
import time

import faust

partitions = int(os.environ["PEER_PARTITIONS"])
app = faust.App(
    os.environ["PEER_ID"],
    broker=f"kafka://{os.environ['PEER_BROKER']}",
    topic_partitions=partitions,
    topic_replication_factor=1,
    topic_disable_leader=True,
    store="memory://",
    web_enabled=False,
    worker_redirect_stdouts=False,
    datadir=os.environ["PEER_FOLDER"],
)
events = app.topic(os.environ["PEER_EVENTS"], key_type=bytes, value_type=bytes)
customers = app.Table("customers", default=list, partitions=partitions)
# Faust takes standard output for its log.
said = os.fdopen(os.dup(1), "w", buffering=1)
keys = int(os.environ["PEER_KEYS"])


@app.agent(events)
async def fold(stream: faust.Stream[bytes]) -> None:
    """Changes nothing; a table is recovered for an agent that uses it."""
    async for _ in stream:
        pass


def watch() -> None:
    """Says how many keys there are, until all are there: from a thread, as tasks begin when it is over."""
    count = 0
    while count < keys:
        time.sleep(0.05)
        if len(customers) > count:
            count = len(customers)
            said.write(f"{count} {time.monotonic()}\n")


if __name__ == "__main__":
    threading.Thread(target=watch, daemon=True).start()
    app.main()
