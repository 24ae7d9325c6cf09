"""A customer's profile, one event at a time: the plain statement of what counts.

The columns of :mod:`stream_rfm.table` do the same for thousands of events at once; that they agree with
this page on every history is a test. ``docs/decisions/0004-what-counts.md`` has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from stream_rfm.model.order import Kind, OrderEvent

#: Before every instant: nothing is forgotten.
FOR_EVER = -(2**62)


class Effect(Enum):
    """What an event did to a profile."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    VOID = "void"  # its order has been cancelled
    NOTHING = "nothing"  # nothing to take back, or nothing new


@dataclass(slots=True)
class Entry:
    """A purchase or a refund that is remembered.

    Attributes:
        order_id: the purchase that it is, or that it refunds.
        at: when, an instant in microseconds.
        amount: millionths of the base currency; what a refund gives back is positive.
        number: which of the customer's entries it is, in the order of arrival.
        counts: false once its order has been cancelled.
    """

    order_id: str
    at: int
    amount: int
    number: int
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Values:
    """What a customer is ranked by, as of an instant.

    Attributes:
        recency: age of the last purchase in microseconds, ``None`` if there never was one.
        frequency: purchases inside the window.
        monetary: purchases minus refunds inside the window, in millionths.
    """

    recency: int | None
    frequency: int
    monetary: int


@dataclass(slots=True)
class Profile:
    """Everything known of one customer's orders."""

    customer_id: str
    purchases: list[Entry] = field(default_factory=list)
    refunds: list[Entry] = field(default_factory=list)
    _purchase_of: dict[str, Entry] = field(default_factory=dict)
    _refund_of: dict[str, Entry] = field(default_factory=dict)
    _cancelled_before_order: dict[str, int] = field(default_factory=dict)

    def apply(self, event: OrderEvent, dedupe: int, since: int = FOR_EVER) -> Effect:
        """Count an order, refund, cancel or enquiry; the order of events does not matter.

        Args:
            event: what happened; an erase is the holder's to do, a heartbeat concerns nobody.
            dedupe: microseconds within which an id that is seen again is the same event.
            since: an instant; the ids of what happened until then are forgotten.
        """
        if event.kind is Kind.ORDER:
            return self._order(event, dedupe, since)
        if event.kind is Kind.REFUND:
            return self._refund(event, dedupe, since)
        if event.kind is Kind.CANCEL:
            return self._cancel(event, since)
        return Effect.NOTHING

    def values(self, as_of: int, window: int | None) -> Values:
        """Recency, frequency and monetary value.

        Args:
            as_of: the instant that the values hold for.
            window: microseconds before it in which purchases and refunds count; ``None`` for all time.
        """
        purchases = [entry for entry in self.purchases if entry.counts]
        inside = [entry for entry in purchases if window is None or entry.at > as_of - window]
        back = [e for e in self.refunds if e.counts and (window is None or e.at > as_of - window)]
        last = max((entry.at for entry in purchases), default=None)
        return Values(
            recency=None if last is None else max(0, as_of - last),
            frequency=len(inside),
            monetary=sum(entry.amount for entry in inside) - sum(entry.amount for entry in back),
        )

    def _order(self, event: OrderEvent, dedupe: int, since: int) -> Effect:
        order_id = event.order_id or ""
        cancelled = self._cancelled_before_order.get(order_id, FOR_EVER)
        if cancelled > since and event.at <= cancelled + dedupe:
            return Effect.VOID
        known = _remembered(self._purchase_of, order_id, since)
        if known is not None and abs(event.at - known.at) <= dedupe:
            return Effect.DUPLICATE
        entry = self._entry(order_id, event)
        self.purchases.append(entry)
        if event.at > since:
            self._purchase_of[order_id] = entry
        return Effect.COUNTED

    def _refund(self, event: OrderEvent, dedupe: int, since: int) -> Effect:
        order_id = event.order_id or ""
        own_id = f"refund {event.refund_id}" if event.refund_id else f"order {order_id}"
        known = _remembered(self._refund_of, own_id, since)
        if known is not None and abs(event.at - known.at) <= dedupe:
            return Effect.DUPLICATE
        if self._is_cancelled(order_id, since):
            return Effect.VOID
        entry = self._entry(order_id, event)
        self.refunds.append(entry)
        if event.at > since:
            self._refund_of[own_id] = entry
        return Effect.COUNTED

    def _cancel(self, event: OrderEvent, since: int) -> Effect:
        order_id = event.order_id or ""
        purchase = _remembered(self._purchase_of, order_id, since)
        if purchase is None:
            before = self._cancelled_before_order.get(order_id, FOR_EVER)
            if before > since and before >= event.at:
                return Effect.NOTHING
            self._cancelled_before_order[order_id] = event.at
        elif not purchase.counts:
            return Effect.NOTHING
        else:
            purchase.counts = False
        for refund in self.refunds:
            if refund.order_id == order_id and refund.at > since and not _is_before(refund, purchase):
                refund.counts = False
        return Effect.COUNTED

    def _entry(self, order_id: str, event: OrderEvent) -> Entry:
        return Entry(order_id, event.at, event.amount, len(self.purchases) + len(self.refunds))

    def _is_cancelled(self, order_id: str, since: int) -> bool:
        purchase = _remembered(self._purchase_of, order_id, since)
        if purchase is not None:
            return not purchase.counts
        return self._cancelled_before_order.get(order_id, FOR_EVER) > since


def _remembered(entries: dict[str, Entry], own_id: str, since: int) -> Entry | None:
    known = entries.get(own_id)
    return known if known is not None and known.at > since else None


def _is_before(refund: Entry, purchase: Entry | None) -> bool:
    """Whether a refund came before an order of its id and lies before it: it is of an earlier one."""
    return purchase is not None and refund.number < purchase.number and refund.at < purchase.at
