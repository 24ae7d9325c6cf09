"""The whole scorer over a plain dict of profiles, one event at a time: slow, and easy to believe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from stream_rfm.model.grid import LAPSED, PROSPECT, UNSCORED
from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.model.profile import FOR_EVER, Effect, Profile
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.transition import Cause, Standing, Transition
from stream_rfm.model.version import Version

CAUSE = {
    Kind.ORDER: Cause.ORDER,
    Kind.ENQUIRY: Cause.ORDER,
    Kind.REFUND: Cause.REFUND,
    Kind.CANCEL: Cause.CANCEL,
}


@dataclass
class Customer:
    profile: Profile
    segment: str | None = None
    standing: Standing | None = None
    sequence: int = 0


@dataclass
class Oracle:
    rules: Rules
    version: Version
    customers: dict[str, Customer] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    #: Events that were seen before, or have nothing to take back, or whose order is cancelled.
    uncounted: int = 0

    def score(self, profile: Profile, as_of: int, version: Version) -> tuple[str, Standing]:
        values = profile.values(as_of, self.rules.window)
        if values.frequency == 0:
            segment = PROSPECT if values.recency is None else LAPSED
        elif version.cuts is None:
            segment = UNSCORED
        else:
            assert values.recency is not None
            recency, frequency, monetary = version.cuts
            r = self.rules.levels - sum(cut < values.recency for cut in recency.shown)
            f = 1 + sum(cut < values.frequency for cut in frequency.shown)
            m = 1 + sum(cut < values.monetary for cut in monetary.shown)
            names = [s.name for s in self.rules.grid.segments if (r, f, m) in s.codes]
            assert len(names) == 1
            return names[0], Standing(r, f, m, values.recency, values.frequency, values.monetary)
        return segment, Standing(0, 0, 0, values.recency, values.frequency, values.monetary)

    def apply(self, event: OrderEvent, as_of: int) -> None:
        known = self.customers.get(event.customer_id)
        if event.kind is Kind.ERASE:
            if known is not None:
                del self.customers[event.customer_id]
                self._say(known, event.customer_id, None, None, Cause.ERASE, event.order_id, as_of)
            return
        if known is None:
            known = self.customers[event.customer_id] = Customer(Profile(event.customer_id))
        unchanged = self.score(known.profile, as_of, self.version)[0]
        retention = self.rules.retention
        since = FOR_EVER if retention is None else as_of - retention
        effect = known.profile.apply(event, self.rules.dedupe, since)
        self.uncounted += effect is not Effect.COUNTED and event.kind is not Kind.ENQUIRY
        if effect is not Effect.COUNTED and known.segment is not None:
            return
        segment, standing = self.score(known.profile, as_of, self.version)
        late = event.at < as_of - self.rules.backfill
        cause = Cause.BACKFILL if late else CAUSE[event.kind]
        if known.segment is not None and unchanged == segment:
            cause = Cause.DECAY
        self._say(known, event.customer_id, segment, standing, cause, event.order_id, as_of)

    def rescore(self, version: Version) -> None:
        old, self.version = self.version, version
        for customer_id, known in self.customers.items():
            segment, standing = self.score(known.profile, version.as_of, version)
            under_old = self.score(known.profile, version.as_of, old)[0]
            cause = Cause.QUANTILES
            if under_old != known.segment and standing.recency is not None:
                cause = Cause.DECAY
            self._say(known, customer_id, segment, standing, cause, None, version.as_of)

    def ranked(self, number: int, as_of: int) -> Version:
        """The version that follows from all customers, by the definition of a type 1 quantile."""
        values = [known.profile.values(as_of, self.rules.window) for known in self.customers.values()]
        buyers = [value for value in values if value.frequency > 0]
        if not self.rules.all_fixed and len(buyers) < self.rules.min_customers:
            return Version(number, as_of, len(buyers), rules=self.rules.fingerprint())
        found = {
            name: self._cuts(sorted(getattr(value, name) for value in buyers))
            for name in ("recency", "frequency", "monetary")
            if buyers
        } | dict(self.rules.fixed)
        cuts = found["recency"], found["frequency"], found["monetary"]
        return Version(number, as_of, len(buyers), cuts, rules=self.rules.fingerprint())

    def _cuts(self, ascending: list[int]) -> CutPoints:
        """Recency included: a share of the youngest orders is the same share of the least ages."""
        total, levels = len(ascending), self.rules.levels
        places = [-(-total * i // levels) - 1 for i in range(1, levels)]
        return CutPoints.at([Fraction(ascending[place]) for place in places])

    def _say(self, known, customer_id, segment, standing, cause, order_id, as_of) -> None:
        if segment != known.segment:
            known.sequence += 1
            self.transitions.append(
                Transition(
                    customer_id=customer_id,
                    sequence=known.sequence,
                    source=known.segment,
                    target=segment,
                    cause=cause,
                    order_id=order_id,
                    before=known.standing,
                    after=standing,
                    quantiles_version=self.version.number,
                    effective_at=as_of,
                )
            )
        known.segment, known.standing = segment, standing


@dataclass
class Replayed:
    """What the oracle makes of a whole history by the event clock."""

    oracle: Oracle
    versions: list[Version]

    @property
    def transitions(self) -> dict[str, list[Transition]]:
        return by_customer(self.oracle.transitions)


def replay(events: Iterable[OrderEvent], rules: Rules, interval: int) -> Replayed:
    """Count events in the order of time, and rescore at every boundary that time passes."""
    oracle: Oracle | None = None
    versions: list[Version] = []
    clock = 0
    for event in events:
        if oracle is None:
            first = max(1, -(-event.at // interval)) * interval
            versions.append(Version(0, first - interval, rules=rules.fingerprint()))
            oracle = Oracle(rules, versions[0])
        clock = max(clock, event.at)
        # Others may still come at the time of an order, none at or before the time of a heartbeat.
        closed = clock if event.kind is Kind.HEARTBEAT else clock - 1
        while versions[-1].as_of + interval <= closed:
            versions.append(oracle.ranked(len(versions), versions[-1].as_of + interval))
            oracle.rescore(versions[-1])
        if event.kind is not Kind.HEARTBEAT:
            oracle.apply(event, clock)
    assert oracle is not None
    return Replayed(oracle, versions)


def by_customer(transitions: Iterable[Transition]) -> dict[str, list[Transition]]:
    """Each customer's transitions, in the order in which they were said."""
    found: dict[str, list[Transition]] = {}
    for transition in transitions:
        found.setdefault(transition.customer_id, []).append(transition)
    return found
