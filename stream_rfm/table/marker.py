"""The marker of a partition's changelog: where the state stands, and by which rules it was made."""

from __future__ import annotations

import msgspec

from stream_rfm.model.era import Era
from stream_rfm.model.quantiles import CutPoints
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.former import MOST
from stream_rfm.table.restore import ChangelogError

SCHEMA = 1

_START_ANEW = "or choose another STREAM_RFM_APP_ID to start anew"


class Marker(msgspec.Struct, array_like=True):
    """What ends every transaction of a partition in the changelog.

    Attributes:
        schema: of all records of the changelog.
        fingerprint: of the rules and the clock.
        position: the offset of the next order to be counted.
        clock: the highest time seen, an instant; by the wall clock the last that somebody was scored as of.
        rows: how many rows the customers have.
        entries_end: the sequence number that the next entry gets.
        revisions_from: where revisions of new customers begin.
        version: number, as-of, population and thresholds of the version applied; ``None`` before the first.
        eras: the rules that some customer still stands by, ascending, those of the fingerprint last; none
            where an earlier release wrote it.
        forgotten: an instant; what happened until then was forgotten by former rules.
    """

    schema: int
    fingerprint: str
    position: int
    clock: int
    rows: int
    entries_end: int
    revisions_from: int
    version: tuple[int, int, int, list[list[int]] | None] | None
    eras: tuple[Era, ...] = ()
    forgotten: int = -1

    @property
    def applied(self) -> Version | None:
        """The version that was applied last."""
        if self.version is None:
            return None
        number, as_of, population, thresholds = self.version
        return Version(number, as_of, population, _cuts(thresholds))

    def is_made_by(self, rules: Rules, clock: Clock) -> bool:
        """Whether everybody stands by these rules."""
        if not self.eras:
            return self.fingerprint == _fingerprint(rules.older_fingerprint(), clock)
        return len(self.eras) == 1 and self.fingerprint == fingerprint_of(rules, clock)

    def check(self, rules: Rules, clock: Clock) -> None:
        """See whether a state may go on by some rules.

        Raises:
            ChangelogError: it may not; says what to do.
        """
        if self.is_made_by(rules, clock):
            return
        if self.fingerprint.partition("-")[2] != fingerprint_of(rules, clock).partition("-")[2]:
            raise ChangelogError(
                "The state was made by another clock: go back to the STREAM_RFM_CLOCK and "
                f"STREAM_RFM_RESCORE_EVENT_SECONDS that it was made by, {_START_ANEW}."
            )
        if not self.eras:
            raise ChangelogError(
                "The state was made by other rules and by an earlier release, which says too little of them: "
                f"start once by those rules and then change them, {_START_ANEW}."
            )
        currency = self.eras[-1].currency
        if currency != rules.currency:
            raise ChangelogError(
                f"The state is in {currency} and STREAM_RFM_CURRENCY is {rules.currency}, in which its sums "
                f"cannot be told: go back to {currency}, {_START_ANEW}."
            )
        # A wrong number would be another segment, without anybody noticing.
        former = self.eras[:-1] if self.fingerprint == fingerprint_of(rules, clock) else self.eras
        if sum(len(era.names) for era in former) > MOST:
            raise ChangelogError(
                f"Customers still stand by rules of {len(former)} changes that were not waited for, with "
                f"too many segments: go back to the last rules until everybody is scored, {_START_ANEW}."
            )

    def forgotten_by(self, rules: Rules, clock: Clock) -> int:
        """The instant up to which all was forgotten, by former rules and by those of the fingerprint."""
        version = self.applied
        if version is None or self.fingerprint == fingerprint_of(rules, clock):
            return self.forgotten
        return self.forgotten_as_of(version)

    def forgotten_as_of(self, version: Version) -> int:
        """The same, if the rules of the fingerprint had gone on to a version, and it is one of theirs.

        Rules forget nothing with their first version: a partition that is behind may pass it without knowing
        them. By the event clock a second one is only made when all have applied the first.
        """
        if not self.eras or version.rules not in {"", self.fingerprint.partition("-")[0]}:
            return self.forgotten
        era = self.eras[-1]
        if era.retention is None or version.number <= era.since:
            return self.forgotten
        return max(self.forgotten, version.as_of - era.retention)


# Made here: threads that are the first to decode a type at the same time may crash msgspec 0.22.
_decode = msgspec.msgpack.Decoder(Marker).decode


def read_marker(value: bytes) -> Marker:
    """What a marker says.

    Raises:
        ChangelogError: it cannot be read, or a newer release wrote it.
    """
    try:
        marker = _decode(value)
    except msgspec.DecodeError as error:
        raise ChangelogError(f"The changelog's marker cannot be read: {error}.") from None
    if marker.schema != SCHEMA:
        raise ChangelogError(
            f"The changelog has schema {marker.schema} and this release reads {SCHEMA}: use a newer release."
        )
    return marker


def fingerprint_of(rules: Rules, clock: Clock) -> str:
    """What markers say of rules and clock."""
    return _fingerprint(rules.fingerprint(), clock)


def version_value(version: Version) -> tuple[int, int, int, list[list[int]] | None]:
    """A version as markers have it."""
    thresholds = None if version.cuts is None else [list(cuts.thresholds) for cuts in version.cuts]
    return version.number, version.as_of, version.population, thresholds


def _fingerprint(rules: str, clock: Clock) -> str:
    # Partitions that stopped at different boundaries meet again only if the distance stays the same.
    return f"{rules}-{clock.mode}" + (f"-{clock.interval}" if clock.waits else "")


def _cuts(thresholds: list[list[int]] | None) -> tuple[CutPoints, CutPoints, CutPoints] | None:
    if thresholds is None:
        return None
    recency, frequency, monetary = (CutPoints.of_thresholds(values) for values in thresholds)
    return recency, frequency, monetary
