"""A process that asks the cache for new customers of a schedule until they are there.

Its arguments are the schedule, the URL of Redis, how many customers a second, and the file for what it finds.
It ends when all are there, or when its input does.
"""

from __future__ import annotations

import select
import sys
import time
from collections import deque

import numpy as np
import schedule

from stream_rfm.client import SegmentReader

# How often it asks: what it finds may be so much older.
_ASK_SECONDS = 0.01


def _run(plan: schedule.Schedule, url: str, per_second: str, path: str) -> None:
    step = max(1, round(plan.rate / float(per_second) / plan.new_every)) * plan.new_every
    intended, seen_at = [], []
    with SegmentReader(url) as reader:
        reader.get("nobody")
        start = schedule.wait_for_start()
        to_come = deque(range(0, plan.count, step))
        waiting: dict[str, float] = {}
        while (to_come or waiting) and not select.select([sys.stdin], [], [], 0)[0]:
            tick = time.time()
            while to_come and start + to_come[0] / plan.rate <= tick:
                number = to_come.popleft()
                waiting[f"{plan.new_name.decode()}-{number}"] = start + number / plan.rate
            if waiting:
                found = [name for name, answer in reader.get_many(waiting).items() if answer is not None]
                now = time.time()
                intended += [waiting.pop(name) for name in found]
                seen_at += [now] * len(found)
            time.sleep(max(0.0, tick + _ASK_SECONDS - time.time()))
    np.savez(
        path, intended=np.array(intended), seen_at=np.array(seen_at), missing=len(waiting) + len(to_come)
    )


if __name__ == "__main__":
    _run(schedule.read_argument(), *sys.argv[2:5])
