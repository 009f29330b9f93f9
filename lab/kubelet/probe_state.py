"""What a row of probe results means, with the numbers of the spec. Nothing here probes or waits."""

from __future__ import annotations

import dataclasses
import enum

from .types import Json


class ProbeKind(enum.Enum):
    STARTUP = "startup"
    READINESS = "readiness"
    LIVENESS = "liveness"

    @property
    def title(self) -> str:
        """As events name it."""
        return self.value.capitalize()

    @property
    def field(self) -> str:
        return f"{self.value}Probe"


@dataclasses.dataclass
class ProbeState:
    """Counts equal results in a row. ``value`` is None until a threshold was reached for this run of the container."""

    kind: ProbeKind
    success_threshold: int
    failure_threshold: int
    value: bool | None = None
    held: bool = False
    _last: bool | None = None
    _row: int = 0

    @classmethod
    def of(cls, kind: ProbeKind, spec: Json) -> ProbeState:
        return cls(kind, int(spec.get("successThreshold") or 1), int(spec.get("failureThreshold") or 3))

    def new_run(self) -> None:
        """A new run of the container. The row goes on over it for readiness, as in the real kubelet."""
        self.value = None
        self.held = False

    def observe(self, success: bool) -> bool:
        """Takes one result; True when it made a decision (``value`` is new or confirmed)."""
        self._row = self._row + 1 if success is self._last else 1
        self._last = success
        if self._row < (self.success_threshold if success else self.failure_threshold):
            return False
        self.value = success
        if self.kind is ProbeKind.STARTUP or (self.kind is ProbeKind.LIVENESS and not success):
            # Decided for this run: no more probes until there is a new one.
            self.held = True
            self._row = 0
        return True


def due(kind: ProbeKind, spec: Json, *, running_for: float, started: bool) -> bool:
    """Whether a tick of this probe probes at all: not before its initial delay, the others not before startup has passed."""
    if int(running_for) < int(spec.get("initialDelaySeconds") or 0):
        return False
    return started is not (kind is ProbeKind.STARTUP)
