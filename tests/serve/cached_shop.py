"""A partition as the cache knows it, and what a Redis says of it."""

import asyncio

import msgpack
import numpy as np

from stream_rfm.serve.bulk import bulk_of
from stream_rfm.serve.marks import Table, Watermark

EVERYBODY = 2400
#: What a partition's stamp says behind the first commit of a shop.
WATERMARK_1 = {
    "as_of": 1,
    "committed_at": 2,
    "quantiles_version": 3,
    "offset": 1,
    "app_id": "shop",
    "schema": 1,
    "replaces": False,
}


class Shop:
    """The state of a partition: a revision for each row, and who is not there."""

    def __init__(self, cache, revision=1, app_id="shop", gone=()):
        self.cache = cache
        self.app_id = app_id
        self.gone = set(gone)
        self.revisions = np.full(EVERYBODY, revision)
        self.written = 0
        self.commits = 0

    def values(self, rows):
        self.written += len(rows)
        there = [row for row in rows.tolist() if row not in self.gone]
        said = [{"revision": int(self.revisions[row]), "partition": 1} for row in there]
        return [b"c%d" % row for row in there], [msgpack.packb(each) for each in said]

    def find(self, ids):
        rows = [int(each.removeprefix(b"c")) for each in ids]
        return np.array([-1 if row in self.gone else row for row in rows], np.int64)

    def erase(self, *rows):
        """Erase customers, and commit that."""
        self.gone.update(rows)
        self.commit([], [b"c%d" % row for row in rows])

    def adopt(self, rows, held=None, *, watermark=None, replaces=False, erased=()):
        self.cache.adopt(
            1,
            Table(self.values, lambda wanted: bulk_of(*self.values(wanted)), lambda: EVERYBODY, self.find),
            np.array(rows, np.int64),
            list(erased),
            held,
            watermark=watermark,
            replaces=replaces,
        )

    def commit(self, rows, erased=()):
        self.commits += 1
        watermark = Watermark(1, 2, 3, self.commits, self.app_id)
        self.cache.note(1, np.array(rows, np.int64), list(erased), watermark)

    async def settled(self, seconds=10.0):
        """Collect as the writer does, until nothing is left to be sent, and nothing to be swept."""
        async with asyncio.timeout(seconds):
            while self.cache.has_more or self.cache._outbox.sends or self.is_swept:
                await self.cache.collect()
                await asyncio.sleep(0.01)

    @property
    def is_swept(self):
        """Whether a sweep goes through Redis, or is about to."""
        return any(
            partition.unswept and not partition.paused for partition in self.cache._partitions.values()
        )


def held(redis):
    keys = redis.keys("rfm:customer:*")
    values = redis.mget(keys) if keys else []
    rows = [int(key.removeprefix(b"rfm:customer:c")) for key in keys]
    return {row: msgpack.unpackb(value) for row, value in zip(rows, values, strict=True)}


def stamped(redis):
    """The watermark in the partition's stamp."""
    said = msgpack.unpackb(redis.get("rfm:partition:1"))
    return {name: value for name, value in said.items() if name not in {"writer", "call"}}


def revisions(redis):
    return {row: said["revision"] for row, said in held(redis).items()}
