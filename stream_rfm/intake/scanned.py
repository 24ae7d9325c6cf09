"""A run of records into a batch by what is compiled; whatever is out of the ordinary goes the plain way."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from stream_rfm.intake import records
from stream_rfm.intake.batching import refund_keys
from stream_rfm.intake.document import Intake
from stream_rfm.intake.kernels import Kernels
from stream_rfm.intake.records import Read
from stream_rfm.intake.run import KEY, KEY_SIZE, OFFSET, STAMP, Run
from stream_rfm.model.arrays import Hashes, Ints
from stream_rfm.table.batch import Batch
from stream_rfm.table.texts import Texts

#: The rows of the table that says what orders are: when, how much, where the ids of the order and of the
#: refund begin and their sizes (0: none), and the kind.
AT, AMOUNT, ORDER, ORDER_SIZE, REFUND, REFUND_SIZE, KIND = range(7)
_WIDTH = 7


def read(run: Run, intake: Intake, kernels: Kernels) -> Read:
    """As :func:`stream_rfm.intake.records.read`.

    Args:
        run: at least one record.
        intake: what to read them with.
        kernels: what is compiled.
    """
    said = np.zeros((_WIDTH, len(run)), np.int64)
    plain = np.zeros(len(run), bool)
    currency = np.frombuffer(intake.currency.encode(), np.uint8)
    kernels.scan(run.data, run.places, currency, intake.latest, said, plain)
    next_offset = int(run.places[OFFSET, -1]) + 1
    count = np.count_nonzero(plain)
    if count == len(plain):
        return Read(_batch(run, said, kernels), [], run, next_offset)
    odd = records.read([run[place] for place in np.flatnonzero(~plain).tolist()], intake)
    if not count:
        return Read(odd.batch, odd.rejected, run, next_offset)
    where = np.flatnonzero(plain)
    batch = _batch(run.take(where), said[:, where], kernels)
    return Read(_joined(batch, odd.batch), odd.rejected, run, next_offset)


def _batch(run: Run, said: Ints, kernels: Kernels) -> Batch:
    data, places = run.data, run.places
    order = np.empty(len(run), np.uint64)
    kernels.hashes(data, said[ORDER], said[ORDER_SIZE], order)
    digest = np.empty((len(run), 2), np.uint64)
    kernels.digests(data, places[KEY], places[KEY_SIZE], digest)
    return Batch(
        kind=said[KIND].astype(np.uint8),
        at=said[AT],
        amount=said[AMOUNT],
        digest=digest,
        key=_keys(run, said, order),
        order=order,
        ids=Texts(data, places[KEY], places[KEY_SIZE], bytes),
        order_ids=Texts(data, said[ORDER], said[ORDER_SIZE], bytes.decode),
        offset=places[OFFSET],
        stamp=places[STAMP],
    )


def _keys(run: Run, said: Ints, order: Hashes) -> Hashes:
    """The hashes of the events' own ids: a refund may have one beside that of its order."""
    if not np.count_nonzero(said[REFUND_SIZE]):
        return order
    own, key = np.flatnonzero(said[REFUND_SIZE]), order.copy()
    ids = Texts(run.data, said[REFUND][own], said[REFUND_SIZE][own], bytes.decode)
    key[own] = refund_keys(list(ids))
    return key


def _joined(plain: Batch, odd: Batch) -> Batch:
    """Both, in the order of the topic."""
    if not len(odd):
        return plain
    columns: dict[str, Any] = {}
    for field in fields(Batch):
        first, second = getattr(plain, field.name), getattr(odd, field.name)
        if isinstance(first, Texts):
            encoded = [text.encode() if isinstance(text, str) else text for text in second]
            columns[field.name] = first.joined(encoded)
        else:
            columns[field.name] = np.concatenate([first, second])
    return Batch(**columns).take(np.argsort(columns["offset"], kind="stable"))
