"""Transitions as they are published, many at once: byte for byte what one by one comes to.

What that is say :func:`~stream_rfm.model.transition.to_document` and
:attr:`~stream_rfm.model.transition.Transition.event_id`; that both agree on everything is a test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream_rfm.model import instant
from stream_rfm.stream import json_texts
from stream_rfm.stream.json_texts import NULL
from stream_rfm.stream.words import Words, standing_key, way_key
from stream_rfm.table.customer_row import NEVER, NO_SEGMENT
from stream_rfm.table.moves import CAUSES, Moves, Standings

_CAUSES = [cause.value.encode() for cause in CAUSES]
_FACTS = b"%b\0%d\0%d\0%d\0%b\0%b"
_STANDING = b'%b%b,"frequency":%d,"monetary":"%b"}'
# Customer, sequence, way, order, standings before and after, version, instant; then when it was found out.
_VALUE = (
    b'{"customer_id":%%b,"sequence":%%d%%b%%b,"before":%%b,"after":%%b,'
    b'"quantiles_version":%%d,"effective_at":"%%b","detected_at":"%b"%%b'
)


@dataclass(frozen=True, slots=True)
class TransitionTexts:
    """What records of transitions are made of, one value a transition.

    Attributes:
        ids: of the events.
        times: from when each change holds.
        values: the documents.
    """

    ids: list[bytes]
    times: list[bytes]
    values: list[bytes]


def texts_of(moves: Moves, words: Words, detected_at: int) -> TransitionTexts:
    """Transitions as texts.

    Args:
        moves: the transitions.
        words: what is the same for many.
        detected_at: the instant that it is.
    """
    times = json_texts.instants(moves.after.as_of)
    orders = _orders(moves.order_ids)
    value = _VALUE % instant.iso(detected_at).encode()
    facts = zip(
        json_texts.strings(moves.ids),
        moves.sequence.tolist(),
        words.ways.of(way_key(moves.before.segment, moves.after.segment, moves.cause)),
        orders,
        _standings(moves.before, words),
        _standings(moves.after, words),
        moves.version.tolist(),
        times,
        words.advice.of(moves.after.segment),
        strict=True,
    )
    return TransitionTexts(_event_ids(moves), times, [value % each for each in facts])


def _event_ids(moves: Moves) -> list[bytes]:
    facts = zip(
        moves.ids,
        moves.sequence.tolist(),
        moves.revision.tolist(),
        moves.after.as_of.tolist(),
        [_CAUSES[cause] for cause in moves.cause.tolist()],
        [str(order).encode() for order in moves.order_ids],
        strict=True,
    )
    digest = hashlib.blake2b
    return [digest(_FACTS % each, digest_size=16).hexdigest().encode() for each in facts]


def _orders(order_ids: Sequence[str | None]) -> list[bytes]:
    texts = json_texts.strings([b"" if order is None else order.encode() for order in order_ids])
    return [NULL if order is None else text for order, text in zip(order_ids, texts, strict=True)]


def _standings(of: Standings, words: Words) -> list[bytes]:
    age = np.where(of.last == NEVER, -1, np.maximum(0, of.as_of - of.last))
    facts = zip(
        words.standings.of(standing_key(of.segment, of.r, of.f, of.m)),
        json_texts.days(age),
        of.frequency.tolist(),
        json_texts.amounts(of.monetary),
        strict=True,
    )
    texts = [_STANDING % each for each in facts]
    for place in np.flatnonzero(of.segment == NO_SEGMENT).tolist():
        texts[place] = NULL
    return texts
