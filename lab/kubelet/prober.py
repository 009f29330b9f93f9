"""Runs one probe of one container for as long as its pod lives."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import time

from . import handlers
from .lab import Lab
from .probe_state import ProbeKind, ProbeState, due
from .types import Container, Json, Kind, Run

RETRIES = 3
Place = collections.abc.Callable[[Container], handlers.Place]
Decided = collections.abc.Callable[[Container, ProbeKind, bool], None]


class Prober:
    """Ticks every ``periodSeconds`` from the moment the pod came, as the real kubelet does, so the first probe of a run may come a period late."""

    def __init__(
        self,
        lab: Lab,
        container: Container,
        kind: ProbeKind,
        place: Place,
        decided: Decided,
    ) -> None:
        self._lab = lab
        self._container = container
        self._kind = kind
        self._spec: Json = container.spec[kind.field]
        self._place = place
        self._decided = decided
        self._state = ProbeState.of(kind, self._spec)
        self._run: Run | None = None
        self._asked = asyncio.Event()
        self.pod: Json = {}

    def ask(self) -> None:
        """Probe now instead of at the next tick: the container has just started."""
        self._asked.set()

    async def run(self) -> None:
        period = float(self._spec.get("periodSeconds") or 10)
        clock = asyncio.get_running_loop().time
        tick = clock()
        while True:
            await self._tick()
            # Like Go's ticker: ticks that a slow probe has missed are dropped.
            tick += period * max(1, -((tick - clock()) // period))
            if await self._pause(tick):
                tick = clock()

    async def _pause(self, until: float) -> bool:
        """Waits for the next tick; True when asked for one meanwhile. A startup probe looks more often, if the options say so."""
        clock = asyncio.get_running_loop().time
        eager = self._lab.options.eager_startup if self._kind is ProbeKind.STARTUP else 0.0
        while (left := until - clock()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), min(left, eager) if eager else left)
            if self._asked.is_set():
                self._asked.clear()
                return True
            if eager and until - clock() > 0:
                await self._look()
        return False

    def _due(self) -> Run | None:
        """The run to probe now, if any."""
        run = self._container.run
        if run is not self._run:
            self._run = run
            self._state.new_run()
        if run is None or self._container.killing or self._state.held:
            return None
        running_for = time.time() - run.started_at
        return run if due(self._kind, self._spec, running_for=running_for, started=self._container.started) else None

    async def _tick(self) -> None:
        run = self._due()
        if run is None or (self.pod["metadata"].get("deletionTimestamp") and self._kind is not ProbeKind.READINESS):
            return
        result = await self._probe()
        if result is None or self._container.run is not run:
            return
        if not result.success:
            self._warn("Unhealthy", f"{self._kind.title} probe failed: {result.output}")
        elif result.warning:
            self._warn("ProbeWarning", f"{self._kind.title} probe warning: {result.output}")
        if self._state.observe(result.success):
            self._decided(self._container, self._kind, result.success)

    async def _look(self) -> None:
        """A probe beside the ticks: a success counts, a failure leaves no trace."""
        run = self._due()
        if run is None:
            return
        try:
            result = await handlers.probe(self._spec, self._place(self._container))
        except handlers.ProbeError:
            return
        if result.success and self._container.run is run and self._due() is run and self._state.observe(True):
            self._decided(self._container, self._kind, True)

    async def _probe(self) -> handlers.Result | None:
        """None: it could not be made, which counts neither way."""
        for attempt in range(1, RETRIES + 1):
            try:
                return await handlers.probe(self._spec, self._place(self._container))
            except handlers.ProbeError as error:
                if attempt == RETRIES:
                    self._warn("Unhealthy", f"{self._kind.title} probe errored and resulted in unknown state: {error}")
        return None

    def _warn(self, reason: str, message: str) -> None:
        self._lab.recorder.record(self.pod, "Warning", reason, message, self._container)


class Probers:
    """All probes of one pod."""

    def __init__(self, lab: Lab, place: Place, decided: Decided) -> None:
        self._lab = lab
        self._place = place
        self._decided = decided
        self._probers: dict[tuple[str, ProbeKind], Prober] = {}

    def start(self, pod: Json, containers: list[Container], spawn: collections.abc.Callable[[collections.abc.Coroutine[object, object, None]], None]) -> None:
        for container in containers:
            for kind in ProbeKind:
                if container.spec.get(kind.field) and container.kind is not Kind.INIT:
                    prober = self._probers[container.name, kind] = Prober(self._lab, container, kind, self._place, self._decided)
                    prober.pod = pod
                    spawn(prober.run())

    def update(self, pod: Json) -> None:
        for prober in self._probers.values():
            prober.pod = pod

    def ask(self, container: Container) -> None:
        """A container that has started is asked at once whether it is ready."""
        prober = self._probers.get((container.name, ProbeKind.READINESS))
        if prober and container.started:
            prober.ask()
