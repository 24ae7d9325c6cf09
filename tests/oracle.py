"""The whole scorer over a plain dict of profiles, one event at a time: slow, and easy to believe."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_rfm.model.grid import LAPSED, PROSPECT, UNSCORED
from stream_rfm.model.order import Kind, OrderEvent
from stream_rfm.model.profile import FOR_EVER, Effect, Profile
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
