"""The delay between restarts: doubling from a base to a cap, forgotten after ten quiet minutes. Nothing here reads a clock."""

from __future__ import annotations

import dataclasses

FORGET_SECONDS = 600.0


@dataclasses.dataclass
class Backoff:
    """As the kubelet's: the first restart is immediate, the second waits ``base`` counted from the exit, then twice that, and so on."""

    base: float
    cap: float
    delay: float = 0.0
    updated: float = 0.0

    def remaining(self, event: float, now: float) -> float:
        """Seconds that are left to wait after what happened at ``event``; 0 when it may start."""
        if not self.delay or self._forgotten(event):
            return 0.0
        return max(0.0, event + self.delay - now)

    def advance(self, event: float, now: float) -> None:
        """Called when it does start: the next wait is longer."""
        first = not self.delay or self._forgotten(event)
        self.delay = min(self.base if first else self.delay * 2, self.cap)
        self.updated = now

    def _forgotten(self, event: float) -> bool:
        return event - self.updated > FORGET_SECONDS
