"""What the workers have logged of what hit them, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_NOT_COMMITTED = "a transaction was not committed"
_SNAPSHOT_REFUSED = "a snapshot is not used; the changelog is read from its beginning"
#: Exits with 0 and this is what a worker does whose name has gone to another process.
NAME_LOST = "another process has joined under this worker's name; ending"

#: What each of these entries counts as.
_COUNTED = {
    "took partitions over": "takeovers",
    "partitions move while a transaction is in flight": "revocations in flight",
    "redis is away; scoring goes on": "redis away",
    "redis does not hold what was written to it; writing all": "redis refilled",
    NAME_LOST: "names lost",
}

#: Why a transaction fails whose partitions are somebody else's by now, or whose producer is.
_FENCED = {
    *("FencedMemberError", "IllegalGenerationError", "UnknownMemberIdError"),
    *("ProducerFenced", "InvalidProducerEpoch"),
}


@dataclass
class Logged:
    """Entries by what they say.

    Attributes:
        counted: how often each of them was there.
        not_committed: transactions that were not, by the reason.
        snapshots_refused: snapshots that were, by the reason.
    """

    counted: Counter[str] = field(default_factory=Counter)
    not_committed: Counter[str] = field(default_factory=Counter)
    snapshots_refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, entries: Iterable[dict[str, Any]]) -> Logged:
        """Count entries."""
        logged = cls()
        for entry in entries:
            message = entry["message"]
            if message in _COUNTED:
                logged.counted[_COUNTED[message]] += 1
            elif message == _NOT_COMMITTED:
                logged.not_committed[str(entry["reason"]).partition(":")[0]] += 1
            elif message == _SNAPSHOT_REFUSED:
                logged.snapshots_refused[str(entry["reason"])] += 1
        return logged

    @property
    def fenced(self) -> int:
        """How many transactions were refused because somebody else had taken over."""
        return sum(count for reason, count in self.not_committed.items() if reason in _FENCED)

    @property
    def result(self) -> dict[str, Any]:
        """All of it, as a run says it."""
        return {
            "transactions not committed": self.not_committed.total(),
            "refused": dict(self.not_committed),
            "fenced": self.fenced,
            **{name: self.counted[name] for name in _COUNTED.values()},
            "snapshots refused": dict(self.snapshots_refused),
        }

    def missed(self) -> Iterator[str]:
        """What a long run has to have seen, and this one has not."""
        if not self.fenced:
            yield "the faults have let no worker be fenced"
        if not self.counted["revocations in flight"]:
            yield "no partition has moved while a transaction was in flight"
