"""A process that asks a worker again and again whether its event loop turns, and notes how long it waits.

Its arguments are a schedule, the worker's URL of metrics, and the file for what it finds. It ends when its
input does.
"""

from __future__ import annotations

import http.client
import select
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import schedule

_ASK_SECONDS = 0.002


def _run(url: str, path: str) -> None:
    schedule.read_argument()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    asked_at, answered_at = [], []
    start = schedule.wait_for_start()
    while not select.select([sys.stdin], [], [], 0)[0]:
        asked_at.append(max(start, time.time()))
        time.sleep(max(0.0, start - time.time()))
        connection.request("GET", "/live")
        connection.getresponse().read()
        answered_at.append(time.time())
        time.sleep(_ASK_SECONDS)
    np.savez(path, asked_at=np.array(asked_at), answered_at=np.array(answered_at))


if __name__ == "__main__":
    _run(*sys.argv[2:4])
