"""Pieces of values that are the same for many customers: scores, segments, and ways from one to another."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from stream_rfm.model import scoring, transition
from stream_rfm.model.arrays import Column, Ints
from stream_rfm.model.era import Era
from stream_rfm.model.rules import Rules
from stream_rfm.stream.json_texts import Cached
from stream_rfm.table.customer_row import NO_SEGMENT
from stream_rfm.table.former import Former
from stream_rfm.table.moves import CAUSES

_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
# A map of up to fifteen fields, and how many a segment has in Redis.
_FIXMAP, _PACKED_FIELDS = 0x80, 10


class Words:
    """By the numbers that columns hold.

    Attributes:
        standings: how a standing begins, by :func:`standing_key`; what follows is the recency.
        segments: the same of a segment as published; what follows is the instant.
        packed: how MessagePack of a segment begins, by the same; what follows is the instant and four fields.
        ways: what a transition says between its sequence and its order, by :func:`way_key`.
        advice: what ends a transition, by the segment entered.
    """

    def __init__(self, rules: Rules, former: Former | None = None) -> None:
        """Prepare.

        Args:
            rules: how scores are printed, and the grid.
            former: how customers stand that are still of former rules, if any are.
        """
        self._rules = rules
        self._names: dict[int, str | None] = {**dict(enumerate(rules.grid.names)), NO_SEGMENT: None}
        self._eras: dict[int, Era] = {}
        if former is not None:
            self._names |= former.names
            self._eras = former.eras
        self.standings = Cached(self._standing)
        self.segments = Cached(self._segment)
        self.packed = Cached(self._packed)
        self.ways = Cached(self._way)
        self.advice = Cached(self._advice)

    def _scores(self, key: int) -> dict[str, Any]:
        segment, r, f, m = (key >> shift & mask for shift, mask in _PARTS)
        era = self._eras.get(segment, self._rules)
        levels, best = era.levels, era.best
        if not r:
            return dict.fromkeys(("r", "f", "m", "code"))
        return {
            "r": scoring.printed(r, levels, best),
            "f": scoring.printed(f, levels, best),
            "m": scoring.printed(m, levels, best),
            "code": scoring.code(r, f, m, levels, best),
        }

    def _standing(self, key: int) -> bytes:
        return _beginning({**self._scores(key), "recency_days": None})

    def _segment(self, key: int) -> bytes:
        scores = self._scores(key)
        name = self._names[key >> 24]
        return (
            b"," + _beginning({"segment": name, "code": scores.pop("code"), **scores, "scored_at": None})[1:]
        )

    def _packed(self, key: int) -> bytes:
        scores = self._scores(key)
        said = {"segment": self._names[key >> 24], "code": scores.pop("code"), **scores, "scored_at": None}
        return bytes([_FIXMAP | _PACKED_FIELDS]) + _pack(said)[1:-1]

    def _way(self, key: int) -> bytes:
        source, target = self._names[key >> 24], self._names[key >> 8 & 0xFFFF]
        said = {
            "from": source,
            "to": target,
            "direction": transition.direction(source, target, self._rules.grid).value,
            "cause": CAUSES[key & 0xFF].value,
            "order_id": None,
        }
        return b"," + _beginning(said)[1:]

    def _advice(self, target: int) -> bytes:
        name = self._names[target]
        return b',"advice":%b}' % _encode(self._rules.grid.advice(name) if name else "")


_PARTS = ((24, 0xFFFF), (16, 0xFF), (8, 0xFF), (0, 0xFF))
_WEIGHTS: list[Any] = [np.int64(1 << shift) for shift, _ in _PARTS]


def standing_key(segment: Column, r: Column, f: Column, m: Column) -> Ints:
    """Which piece goes with a segment and scores."""
    key: Ints = segment * _WEIGHTS[0] + r * _WEIGHTS[1] + f * _WEIGHTS[2] + m * _WEIGHTS[3]
    return key


def way_key(source: Column, target: Column, cause: Column) -> Ints:
    """Which piece goes with a way from one segment to another."""
    return source.astype(np.int64) << 24 | target.astype(np.int64) << 8 | cause.astype(np.int64)


def _beginning(said: dict[str, Any]) -> bytes:
    """A document without its last value, which is null."""
    return _encode(said).removesuffix(b"null}")
