"""What becomes of many like events, as client-go's EventCorrelator has it: counted, combined, or dropped. Pure."""

from __future__ import annotations

import dataclasses

BURST = 25
REFILL_SECONDS = 300.0
COMBINE_FROM = 10
COMBINE_SECONDS = 600.0
COMBINED = "(combined from similar events): "


@dataclasses.dataclass(frozen=True)
class Happening:
    """One event before it is written. ``subject`` is the object's uid, ``path`` the container's field path."""

    subject: str
    path: str
    type: str
    reason: str
    message: str


@dataclasses.dataclass
class Group:
    """Like events of one subject that differ only in their message."""

    messages: set[str]
    last: float


@dataclasses.dataclass
class Bucket:
    tokens: float
    at: float


@dataclasses.dataclass(frozen=True)
class Decision:
    """``key`` names the API object that counts it. Not ``write``: the subject has used up its budget; it is counted and shown with the next one."""

    key: tuple[str, ...]
    message: str
    write: bool = True


class Correlator:
    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], Group] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def decide(self, event: Happening, now: float) -> Decision:
        """The aggregate is looked up before the budget is spent, as client-go does."""
        similar = (event.subject, event.type, event.reason)
        group = self._groups.get(similar)
        if group is None or now - group.last > COMBINE_SECONDS:
            group = self._groups[similar] = Group(set(), now)
        group.last = now
        group.messages.add(event.message)
        decision = Decision((*similar, event.path, event.message), event.message)
        if len(group.messages) >= COMBINE_FROM:
            group.messages.pop()
            decision = Decision(similar, COMBINED + event.message)
        return dataclasses.replace(decision, write=self._spend((event.subject, event.type), now))

    def forget(self, subject: str) -> None:
        """The subject is gone for good."""
        self._groups = {key: group for key, group in self._groups.items() if key[0] != subject}
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[0] != subject}

    def _spend(self, key: tuple[str, str], now: float) -> bool:
        bucket = self._buckets.setdefault(key, Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
