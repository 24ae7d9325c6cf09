"""What earlier releases left behind, read back; ``tests/upgrade/make_fixture.py`` makes it."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack

FOLDER = Path(__file__).parent / "upgrade"
#: The day at which the release ended.
MIDDLE = 30
#: What it was told, but for where its services were.
SETTINGS = {
    "STREAM_RFM_APP_ID": "upgrade",
    "STREAM_RFM_TOPICS__PARTITIONS": "2",
    "STREAM_RFM_CLOCK": "event",
    "STREAM_RFM_MIN_CUSTOMERS": "30",
    "STREAM_RFM_WINDOW_DAYS": "21",
    "STREAM_RFM_METRICS_PORT": "0",
    "STREAM_RFM_HTTP_PORT": "0",
    "STREAM_RFM_SNAPSHOT_SECONDS": "0.2",
}
#: The releases whose state is kept.
RELEASES = sorted(path.name.removeprefix("state-") for path in FOLDER.glob("state-*"))

#: Offset, timestamp, key, value and headers.
Kept = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]


@dataclass(frozen=True)
class State:
    """What a release left.

    Attributes:
        topics: committed records by role and partition.
        redis: values by key.
        snapshots: files by name.
        rest: the orders that come next.
        export: every customer as of the middle.
    """

    topics: dict[str, dict[int, list[Kept]]]
    redis: dict[bytes, bytes]
    snapshots: dict[str, bytes]
    rest: list[dict[str, Any]]
    export: str


def state_of(release: str) -> State:
    """Read the files of a release."""
    folder = FOLDER / f"state-{release}"
    packed = lzma.decompress((folder / "state.msgpack.xz").read_bytes())
    said = msgpack.unpackb(packed, strict_map_key=False, use_list=False)
    rest = [dict(document) for document in said.pop("rest")]
    return State(**said, rest=rest, export=(folder / "middle.csv").read_text("utf-8"))
