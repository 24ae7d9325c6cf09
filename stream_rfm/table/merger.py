"""Makes versions out of what partitions report. One worker holds it at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_rfm.model import instant, version
from stream_rfm.model.rules import Rules
from stream_rfm.model.version import Summary, Version
from stream_rfm.table.clock import Clock
from stream_rfm.table.report import Report

#: With the wall clock, how long to wait for a partition that is late, in microseconds; then it counts as it
#: last was.
_GRACE = 5 * instant.SECOND
#: How long to wait for one that was never heard of; then the others are ranked without it.
_GRACE_OF_STRANGERS = 60 * instant.SECOND


@dataclass(slots=True)
class _Known:
    """What is known of one partition: its last report's place, and frames not yet part of a version."""

    place: int
    start: int | None = None
    frames: dict[int, Summary] = field(default_factory=dict)
    #: The version that its customers were scored with.
    after: int = 0
    #: Its customers, where they have to be scored again since rules changed.
    again: Summary | None = None


class Merger:
    """Merges the frames of all partitions, boundary by boundary."""

    def __init__(self, rules: Rules, clock: Clock, partitions: int, last: Version | None) -> None:
        """Go on behind the last published version.

        Args:
            rules: how cut points are found.
            clock: which boundaries there are.
            partitions: how many there are.
            last: the last version published, if any.
        """
        self._rules = rules
        self._fingerprint = rules.fingerprint()
        self._clock = clock
        self._partitions = partitions
        self._last = last
        self._known: dict[int, _Known] = {}
        self._since: int | None = None

    def offer(self, report: Report, place: int) -> None:
        """Take a partition's report, unless it was made by other rules.

        Args:
            report: what it says.
            place: where it stands in the topic of reports.
        """
        if report.rules not in {"", self._fingerprint}:
            return
        known = self._known.setdefault(report.partition, _Known(place))
        known.start = report.start if known.start is None else known.start
        if not self._clock.waits:
            # Also where its version is there already: it is how the partition last was.
            known.frames, known.place, known.after = dict(report.frames), place, report.after
            known.again = report.frames[-1][1] if report.again else None
            return
        if report.again:
            self._offer_again(known, report, place)
            return
        fresh = {as_of: frame for as_of, frame in report.frames if not self._passed(as_of)}
        if fresh:
            known.place = known.place if known.frames or known.again else place
            known.frames.update(fresh)

    def _offer_again(self, known: _Known, report: Report, place: int) -> None:
        [(as_of, frame)] = report.frames
        last = self._last
        if last is not None and last.rules != self._fingerprint and last.as_of == as_of:
            known.place = known.place if known.frames or known.again else place
            known.again = frame

    def versions(self, now: int) -> list[Version]:
        """The versions that can be made now, ascending; each is given once.

        Args:
            now: the instant that it is, for the wall clock.
        """
        # A clock that is set back does not lengthen what is waited for.
        self._since = now if self._since is None else min(self._since, now)
        made: list[Version] = []
        while (following := self._next(now)) is not None:
            made.append(following)
            self._last = following
            for known in self._known.values():
                known.again = None
                if self._clock.waits:
                    known.frames.pop(following.as_of, None)
        return made

    def needed_from(self, end: int) -> int:
        """The first place in the topic of reports that another merger would have to read from.

        Args:
            end: the place behind the last report taken.
        """
        if not self._clock.waits:
            # The last report of each: a partition that is late counts as it last was.
            return min((known.place for known in self._known.values()), default=end)
        open_ = (k for k in self._known.values() if k.frames or k.again or self._last is None)
        return min((known.place for known in open_), default=end)

    def _passed(self, as_of: int) -> bool:
        return self._last is not None and as_of <= self._last.as_of

    def _next(self, now: int) -> Version | None:
        return self._next_by_event() if self._clock.waits else self._next_by_wall(now)

    def _next_by_event(self) -> Version | None:
        if self._last is None:
            starts = [known.start for known in self._known.values() if known.start is not None]
            if len(starts) < self._partitions:
                return None
            return Version(0, min(starts) - self._clock.interval, rules=self._fingerprint)
        again = [known.again for known in self._known.values() if known.again is not None]
        if len(again) == self._partitions:
            # By the new rules everybody is scored as of the boundary where all have arrived.
            return self._made(self._last.number + 1, self._last.as_of, again)
        as_of = self._last.as_of + self._clock.interval
        frames = [known.frames[as_of] for known in self._known.values() if as_of in known.frames]
        if len(frames) < self._partitions:
            return None
        return self._made(self._last.number + 1, as_of, frames)

    def _next_by_wall(self, now: int) -> Version | None:
        newest = {p: max(known.frames) for p, known in self._known.items() if known.frames}
        complete = len(newest) == self._partitions
        as_of = max(newest.values(), default=0)
        if not (complete and min(newest.values()) == as_of):
            # Whose clock is ahead of this one leads nobody: versions would be too early for all the others.
            as_of = max((at for at in newest.values() if at <= now), default=0)
        if not as_of or self._passed(as_of):
            return None
        if not complete and now < (self._since or now) + _GRACE_OF_STRANGERS:
            return None
        if not (complete and min(newest.values()) >= as_of) and now < as_of + _GRACE:
            return None
        # Versions are only kept for so long, and partitions go by numbers that grow.
        last = 0 if self._last is None else self._last.number
        number = 1 + max(last, *(known.after for known in self._known.values()))
        made = self._made(number, as_of, [self._known[p].frames[at] for p, at in newest.items()])
        early = as_of % self._clock.interval and not any(known.again for known in self._known.values())
        if made.cuts is None and (not complete or early):
            # A part of the customers, or an early try, and they are too few: nothing worth publishing.
            return None
        return made

    def _made(self, number: int, as_of: int, frames: list[Summary]) -> Version:
        merged = version.merge(frames, self._rules.exact_up_to)
        return version.make(number, as_of, merged, self._rules)
