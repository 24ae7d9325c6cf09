"""Records of the orders topic into a batch: JSON, or MessagePack where a header says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import numpy as np

from stream_rfm.intake.batching import Documents, batch_of
from stream_rfm.intake.document import Intake, OrderDocument
from stream_rfm.model.order import Reason, Rejected
from stream_rfm.table.batch import Batch

_MESSAGEPACK = ("content-type", b"application/msgpack")


class _ExactDocument(msgspec.Struct):
    amount: Decimal | None = None


_json = msgspec.json.Decoder(OrderDocument).decode
_messagepack = msgspec.msgpack.Decoder(OrderDocument).decode
_exact_json = msgspec.json.Decoder(_ExactDocument).decode


class Record(Protocol):
    """What is needed of a Kafka record."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Read:
    """What a run of records says.

    Attributes:
        batch: the valid events.
        rejected: the other records, each with the reason.
        records: all of them, in the order of the topic.
        next_offset: the offset behind the last record.
    """

    batch: Batch
    rejected: list[tuple[Any, Rejected]]
    records: Sequence[Any]
    next_offset: int


def read(records: Sequence[Any], intake: Intake) -> Read:
    """Read records in the order of the topic; whatever they hold, none raises.

    Args:
        records: at least one :class:`Record`.
        intake: what to read them with.
    """
    documents, good, rejected = _documents(records)
    said = Documents(
        documents=documents,
        keys=[record.key for record in good],
        offset=np.fromiter((record.offset for record in good), np.int64, len(good)),
        stamp=np.fromiter((record.timestamp for record in good), np.int64, len(good)),
        exactly=lambda place: _exactly(good[place], documents[place]),
    )
    batch, refused = batch_of(said, intake)
    rejected += [(good[place], reason) for place, reason in refused]
    return Read(batch, rejected, records, records[-1].offset + 1)


def _documents(
    records: Sequence[Any],
) -> tuple[list[OrderDocument], Sequence[Any], list[tuple[Any, Rejected]]]:
    try:
        if not any(record.headers for record in records):
            return [_json(record.value) for record in records], records, []
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError):
        pass  # one of them is odd; which one is found out below
    documents, good, rejected = [], [], []
    for record in records:
        try:
            documents.append(_document(record))
            good.append(record)
        except Rejected as reason:
            rejected.append((record, reason))
    return documents, good, rejected


def _document(record: Any) -> OrderDocument:
    if record.value is None:
        raise Rejected(Reason.TOMBSTONE, "the record has no value")
    decode = _messagepack if _MESSAGEPACK in tuple(record.headers or ()) else _json
    try:
        return decode(record.value)
    except msgspec.ValidationError as error:
        # Only an amount may be a number with a fraction or an exponent.
        too_large = "out of range" in str(error) and "`$.amount`" in str(error)
        raise Rejected(Reason.INVALID_AMOUNT if too_large else Reason.WRONG_TYPE, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(Reason.INVALID_DOCUMENT, str(error)) from None


def _exactly(record: Any, document: OrderDocument) -> OrderDocument:
    """The document with its amount as the JSON text says it, where a float may have lost digits."""
    if _MESSAGEPACK in tuple(record.headers or ()):
        return document
    amount = _exact_json(record.value).amount
    return msgspec.structs.replace(document, amount=str(amount))
