"""Bytes that are no record batch, whatever they are, are seen to be none; nothing beyond them is read."""

from __future__ import annotations

import random

import numpy as np
from aiokafka.errors import CorruptRecordException
from fetched_runs import batch_of, fetched, kernels
from test_run import SOME, facts

from stream_rfm.intake.run import WIDTH, Run

_HEADER = 61


def unpacked(payload: bytes, count: int) -> Run | None:
    one = lambda value: np.array([value], np.int64)  # noqa: E731 - a column of one
    places = np.zeros((WIDTH, count), np.int64)
    data = np.frombuffer(payload, np.uint8)
    done = kernels.load().unpack(data, one(0), one(len(data)), one(count), one(41), one(5), one(-1), places)
    return Run(data, places) if done else None


def test_any_changed_byte_is_read_as_aiokafka_reads_it_or_not_at_all():
    whole = batch_of(SOME, base=41)
    source = random.Random(1)
    for _ in range(2_000):
        place = source.randrange(_HEADER, len(whole))
        changed = whole[:place] + bytes([source.randrange(256)]) + whole[place + 1 :]
        run = unpacked(changed[_HEADER:], len(SOME))
        if run is None:
            continue
        try:
            [batch] = fetched(changed)
            theirs = [facts(record) for record in batch.records()]
        except CorruptRecordException:
            continue
        assert [facts(record) for record in run] == theirs


def test_what_is_cut_off_or_too_long_is_wrong():
    payload = batch_of(SOME)[_HEADER:]
    assert unpacked(payload, len(SOME)) is not None
    for end in range(len(payload)):
        assert unpacked(payload[:end], len(SOME)) is None
    assert unpacked(payload + b"\x00", len(SOME)) is None
    assert unpacked(payload, len(SOME) - 1) is None
