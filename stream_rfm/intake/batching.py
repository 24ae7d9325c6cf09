"""Documents into columns: the plain ones all at once, the others one by one by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xxhash

from stream_rfm.intake.document import Intake, OrderDocument, event_of
from stream_rfm.model import instant, money
from stream_rfm.model.arrays import Bools, Column, Hashes, Ints
from stream_rfm.model.order import LONGEST_ID, Kind, OrderEvent, Rejected
from stream_rfm.table.batch import Batch
from stream_rfm.table.customers import digests_of

#: Gives the document at a place again, with its amount exactly as written.
Exactly = Callable[[int], OrderDocument]

_PLAIN_KINDS = {"order": Kind.ORDER, "refund": Kind.REFUND}
_NOT_PLAIN = 255
# Ids of so many characters are short enough in UTF-8 too.
_SHORT = LONGEST_ID // 4


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents in the order in which they arrived.

    Attributes:
        documents: their fields.
        keys: the keys of their records.
        offset: their places in the topic.
        stamp: when each reached Kafka, milliseconds since 1970; 0 where none did.
        exactly: for documents whose numbers were read as floats.
    """

    documents: list[OrderDocument]
    keys: list[bytes | None]
    offset: Ints
    stamp: Ints
    exactly: Exactly | None = None


def batch_of(said: Documents, intake: Intake) -> tuple[Batch, list[tuple[int, Rejected]]]:
    """The valid events, and the places of the others with the reason."""
    return _Batching(said, intake).run()


class _Batching:
    def __init__(self, said: Documents, intake: Intake) -> None:
        self._said = said
        self._intake = intake
        size = len(said.documents)
        self._kind = np.full(size, _NOT_PLAIN, np.uint8)
        self._at = np.zeros(size, np.int64)
        self._amount = np.zeros(size, np.int64)
        self._order_ids: list[str | None] = [document.order_id for document in said.documents]
        self._refund_ids: list[str | None] = [None] * size
        self._ids: list[bytes] = [key or b"" for key in said.keys]

    def run(self) -> tuple[Batch, list[tuple[int, Rejected]]]:
        plain = self._plain()
        rejected = []
        valid = plain.copy()
        for place in np.flatnonzero(~plain).tolist():
            try:
                self._put(place, self._one(place))
                valid[place] = True
            except Rejected as reason:
                rejected.append((place, reason))
        batch = self._batch()
        return (batch if valid.all() else batch.take(np.flatnonzero(valid))), rejected

    def _plain(self) -> Bools:
        """Read all purchases and refunds in the base currency whose fields have the common form."""
        documents = self._said.documents
        chosen = self._common_places()
        good = np.zeros(len(documents), bool)
        if not chosen:
            return good
        places = np.array(chosen)
        some = [documents[place] for place in chosen]
        amounts, amounts_good = money.parse_many([0 if d.amount is None else d.amount for d in some])
        instants, instants_good = _instants([d.ts for d in some])
        fine = amounts_good & (amounts >= 0) & instants_good & (instants <= self._intake.latest)
        good[places[fine]] = True
        self._kind[places] = [_PLAIN_KINDS[d.type] for d in some]
        self._at[places] = instants
        self._amount[places] = amounts
        return good

    def _common_places(self) -> Sequence[int]:
        """The places of purchases and refunds whose ids and currency have nothing out of the ordinary."""
        documents, keys = self._said.documents, self._said.keys
        customers = [d.customer_id or "" for d in documents]
        # Mostly it is all of them, and that is seen at once.
        if (
            {d.type for d in documents} <= _PLAIN_KINDS.keys()
            and {d.currency for d in documents} <= {None, self._intake.currency}
            and {d.refund_id for d in documents} == {None}
            and [customer.encode() for customer in customers] == keys
            and all(0 < size <= _SHORT for size in {len(customer) for customer in customers})
            and all(0 < size <= _SHORT for size in {len(d.order_id or "") for d in documents})
            and None not in [d.amount for d in documents]
        ):
            return range(len(documents))
        return [place for place, document in enumerate(documents) if self._is_common(document, keys[place])]

    def _is_common(self, document: OrderDocument, key: bytes | None) -> bool:
        return (
            document.type in _PLAIN_KINDS
            and document.currency in {None, self._intake.currency}
            and document.refund_id is None
            and document.customer_id is not None
            and document.order_id is not None
            and document.amount is not None
            and 0 < len(document.customer_id) <= _SHORT
            and 0 < len(document.order_id) <= _SHORT
            and document.customer_id.encode() == key
        )

    def _one(self, place: int) -> OrderEvent:
        document = self._said.documents[place]
        if isinstance(document.amount, float) and self._said.exactly:
            document = self._said.exactly(place)
        return event_of(document, self._said.keys[place], self._intake)

    def _put(self, place: int, event: OrderEvent) -> None:
        self._kind[place] = event.kind
        self._at[place] = event.at
        self._amount[place] = event.amount
        self._order_ids[place] = event.order_id
        self._refund_ids[place] = event.refund_id
        self._ids[place] = event.customer_id.encode()

    def _batch(self) -> Batch:
        orders = _hashes([order or "" for order in self._order_ids])
        keys = orders
        own = [place for place, refund in enumerate(self._refund_ids) if refund]
        if own:
            keys = orders.copy()
            keys[own] = refund_keys([self._refund_ids[place] or "" for place in own])
        return Batch(
            kind=self._kind,
            at=self._at,
            amount=self._amount,
            digest=digests_of(self._ids),
            key=keys,
            order=orders,
            ids=self._ids,
            order_ids=self._order_ids,
            offset=self._said.offset,
            stamp=self._said.stamp,
        )


def refund_keys(ids: Sequence[str]) -> Hashes:
    """The hashes of refunds that have an id of their own, which may be that of an order too."""
    return _hashes([f"refund {refund_id}" for refund_id in ids])


def _hashes(ids: Sequence[str]) -> Hashes:
    digests = b"".join([xxhash.xxh3_64_digest(text.encode()) for text in ids])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def _instants(values: list[str | int | None]) -> tuple[Ints, Column]:
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values):
        return instant.parse_many(texts)
    parsed = np.zeros(len(values), np.int64)
    good = np.zeros(len(values), bool)
    for place, value in enumerate(values):
        # A number of milliseconds is plain too; the bounds keep the product in 64 bits.
        if isinstance(value, int) and 0 <= value < 1 << 47:
            parsed[place], good[place] = value * instant.MILLISECOND, True
    return parsed, good
