"""Records of what comes in numbers, by compiled code: transitions, segments, customers of the changelog.

Byte for byte they are the messages of :mod:`stream_rfm.stream.publication` and of
:mod:`stream_rfm.table.journal`, which are made where nothing is compiled, and of customers who stand by
former rules (``docs/decisions/0017-records-by-columns.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from stream_rfm.model import instant
from stream_rfm.model.arrays import Column, Ints
from stream_rfm.stream import json_texts
from stream_rfm.stream.batches import Header
from stream_rfm.stream.record_batches import DAY, MISSING, NO_WORD, WHY, Records, framed, number
from stream_rfm.stream.word_pool import WordPool
from stream_rfm.stream.words import Words
from stream_rfm.table.compiled_module import CompiledModule
from stream_rfm.table.moves import AFTER, AS_OF, BEFORE, LAST, Moves
from stream_rfm.table.store import Store
from stream_rfm.table.texts import Texts

# So many records are written at a time, some milliseconds of work at most.
_SLICE = 2_000
# What records take, mostly.
_TRANSITION, _SEGMENT, _CUSTOMER = 1024, 512, 128
# Headers that a transition has of its own: its id of so many hexadecimal digits, its time, its subject.
_OWN, _ID_SIZE = 3, 32
# As blake2 says, which cannot be imported where nothing is compiled.
_SCRATCH = 24

Write = Callable[[int, int], int]

#: What writes transitions, customers as Redis is told them, and customers as topics are.
TRANSITIONS = CompiledModule("stream_rfm.stream.transition_records")
BULK = CompiledModule("stream_rfm.stream.bulk_records")
CUSTOMERS = CompiledModule("stream_rfm.stream.customer_records")


def use_compiled() -> None:
    """Write by what is compiled from now on: it takes a second to load.

    Raises:
        ImportError: numba is not to be had.
    """
    # What is asked for first comes last: another thread may write meanwhile.
    for module in (TRANSITIONS, BULK, CUSTOMERS):
        module.load()


def is_compiled() -> bool:
    """Whether :class:`Columns` may be asked to write."""
    return CUSTOMERS.way is not None


class Columns:
    """Writes the records of one deployment, of customers who stand by its rules.

    Every method writes behind the records that are there already, and gives the event loop's owner a chance
    to let others have their turn: it yields after some records.
    """

    def __init__(self, words: Words, transition: Sequence[Header], segment: Sequence[Header]) -> None:
        """Prepare.

        Args:
            words: what is the same for many.
            transition: headers that all transitions have, first.
            segment: the headers of segments.
        """
        self._pool = WordPool(words)
        own = framed(b"ce_id") + number(_ID_SIZE)
        self._transition = _bytes(number(len(transition) + _OWN) + _headers(transition) + own)
        self._segment = _bytes(number(len(segment)) + _headers(segment))
        self._work = np.empty(_SCRATCH, np.uint64)

    def transitions(self, records: Records, moves: Moves, detected_at: int) -> Iterator[None]:
        """Write transitions.

        Args:
            records: what they are written behind.
            moves: the transitions, of no former rules.
            detected_at: the instant that it is.
        """
        lines = moves.lines()
        texts = (_places(moves.ids), _places(moves.order_ids), _days(lines))
        fixed = (self._transition, _bytes(instant.iso(detected_at).encode()), self._work)
        write = TRANSITIONS.way.transitions
        records.expect(_TRANSITION * len(moves))
        records.state[DAY] = 1
        yield from self._written(
            records,
            len(moves),
            lambda first, end: write(records.into, lines, texts, self._pool.table, fixed, first, end),
        )

    def segments(self, records: Records, store: Store, rows: Ints, partition: int) -> Iterator[None]:
        """Write the current segments of those of the rows that are a customer's who stands in one.

        Args:
            records: what they are written behind.
            store: the customers, of no former rules.
            rows: which of them.
            partition: the partition's number.
        """
        who, write = people(store, rows), CUSTOMERS.way.segments
        headers = self._segment
        records.expect(_SEGMENT * len(rows))
        yield from self._written(
            records,
            len(rows),
            lambda first, end: write(records.into, who, self._pool.table, headers, partition, first, end),
        )

    def customers(self, records: Records, store: Store, rows: Ints, through: int) -> Iterator[None]:
        """Write what the changelog is told of those of the rows that are somebody's.

        Args:
            records: what they are written behind.
            store: the customers.
            rows: which of them.
            through: the number of the first entry that is not in their totals.
        """
        who, write = people(store, rows), CUSTOMERS.way.customers
        records.expect(_CUSTOMER * len(rows))
        yield from self._written(
            records, len(rows), lambda first, end: write(records.into, who, through, first, end)
        )

    def _written(self, records: Records, count: int, write: Write) -> Iterator[None]:
        done, state = 0, records.state
        while done < count:
            done = write(done, min(done + _SLICE, count))
            if state[WHY] == NO_WORD:
                self._pool.add(int(state[MISSING]))
            elif state[WHY]:
                records.make_room(int(state[MISSING]))
            yield


def _bytes(said: bytes) -> Column:
    return np.frombuffer(said, np.uint8)


def _headers(headers: Sequence[Header]) -> bytes:
    return b"".join(framed(name.encode()) + framed(said) for name, said in headers)


def people(store: Store, rows: Ints) -> tuple[Column, Column, Ints]:
    """Customers' rows, the bytes of their ids, and which rows are meant."""
    customers, rows = store.customers, rows.astype(np.int64, copy=False)
    return customers.rows, customers.id_bytes, rows


def _places(texts: Sequence[Any]) -> tuple[Column, Ints, Ints]:
    """The bytes of texts, where each begins, and its size; −1 where there is none."""
    if not isinstance(texts, Texts):
        said = [text.encode() if isinstance(text, str) else text for text in texts]
        texts = Texts.of(said, bytes)
    return texts.data, texts.start, texts.size


def _days(lines: Ints) -> Column:
    """The ages of last purchases before and after each move, as JSON."""
    days = np.empty(2 * lines.shape[1])
    if TRANSITIONS.way.ages(lines, days) <= json_texts.EXACT_FLOAT:
        return _bytes(json_texts.floats_joined(days))
    last, as_of = (lines[BEFORE + line :: AFTER - BEFORE] for line in (LAST, AS_OF))
    return _bytes(json_texts.days_joined(np.maximum(0, as_of - last).T.ravel()))
