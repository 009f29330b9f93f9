"""Ends a container as the kubelet does: preStop hook, stop signal, grace period, SIGKILL."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import signal
import time

from . import handlers, runtime
from .lab import Lab
from .types import Container, Json, Kind

MINIMUM_SECONDS = 2.0


class Killer:
    """For one pod. ``hurry`` shortens the grace of everything that is being ended."""

    def __init__(self, lab: Lab, place: collections.abc.Callable[[Container], handlers.Place]) -> None:
        self._lab = lab
        self._place = place
        self._grace: float | None = None
        self._shorter = asyncio.Event()

    def hurry(self, seconds: float) -> None:
        if self._grace is None or seconds < self._grace:
            self._grace = seconds
            self._shorter.set()

    async def end(self, pod: Json, containers: list[Container], seconds: float) -> None:
        """Ends all processes: first the containers together, then the sidecars, last first."""
        deadline = time.monotonic() + seconds
        living = [c for c in containers if c.run]
        await asyncio.gather(*(self.finish(pod, c, seconds) for c in living if c.kind is not Kind.SIDECAR))
        for container in reversed([c for c in living if c.kind is Kind.SIDECAR]):
            await self.finish(pod, container, max(MINIMUM_SECONDS, deadline - time.monotonic()))

    async def finish(self, pod: Json, container: Container, seconds: float) -> None:
        await self.kill(pod, container, "", seconds)
        while container.run is not None:
            # Until its watcher has written down how it ended.
            await asyncio.sleep(0.01)

    async def kill(self, pod: Json, container: Container, message: str, seconds: float) -> None:
        """Returns when the run is over. Its end is recorded by whoever watches it."""
        run = container.run
        if run is None or container.killing:
            return
        container.killing = True
        self._lab.recorder.record(pod, "Normal", "Killing", message or f"Stopping container {container.name}", container)
        began = time.monotonic()
        over = asyncio.ensure_future(runtime.over(run))
        hook = (container.spec.get("lifecycle") or {}).get("preStop")
        if hook and seconds > 0:
            await self._pre_stop(pod, container, hook, over, began, seconds)
        # Whole seconds, as the kubelet counts them, and always a little time to end by itself.
        left = max(MINIMUM_SECONDS, seconds - int(time.monotonic() - began))
        runtime.send(run, stop_signal(container))
        if not await self._within(over, time.monotonic(), left):
            runtime.send(run, signal.SIGKILL)
            await over

    async def _pre_stop(self, pod: Json, container: Container, hook: Json, over: asyncio.Future[None], began: float, seconds: float) -> None:
        task = asyncio.ensure_future(handlers.hook(hook, self._place(container)))
        waiting: set[asyncio.Future[bool] | asyncio.Future[None]] = {task, over}
        while not task.done() and not over.done():
            left = began + self._limit(seconds) - time.monotonic()
            if left <= 0:
                break
            await self._any(waiting, left)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        elif not task.cancelled() and not task.result():
            self._lab.recorder.record(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", container)

    async def _within(self, over: asyncio.Future[None], began: float, seconds: float) -> bool:
        while not over.done():
            left = began + max(MINIMUM_SECONDS, self._limit(seconds)) - time.monotonic()
            if left <= 0:
                return False
            await self._any({over}, left)
        return True

    def _limit(self, seconds: float) -> float:
        return seconds if self._grace is None else min(seconds, self._grace)

    async def _any(self, futures: collections.abc.Collection[asyncio.Future[None] | asyncio.Future[bool]], seconds: float) -> None:
        """Until one of them is done, the time is up, or the grace was shortened."""
        shorter = asyncio.ensure_future(self._shorter.wait())
        try:
            await asyncio.wait({*futures, shorter}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if shorter.done():
                self._shorter.clear()
            shorter.cancel()


async def switch_off(containers: list[Container], seconds: float) -> None:
    """Ends processes without hooks and without a word to anybody."""
    living = [run for container in containers if (run := container.run)]
    for run in living:
        runtime.send(run, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(runtime.over(run) for run in living)), seconds)
    for run in living:
        runtime.end_tree(run)
    await asyncio.gather(*(runtime.over(run) for run in living))


def stop_signal(container: Container) -> int:
    name = (container.spec.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
    return int(getattr(signal, name, signal.SIGTERM))


def grace_of(pod: Json, probe: Json | None = None) -> float:
    """Seconds, by the kubelet's order: the deletion's, the probe's, the pod's."""
    metadata, spec = pod["metadata"], pod["spec"]
    if metadata.get("deletionGracePeriodSeconds") is not None:
        return float(metadata["deletionGracePeriodSeconds"])
    if probe and probe.get("terminationGracePeriodSeconds") is not None:
        return float(probe["terminationGracePeriodSeconds"])
    return float(spec.get("terminationGracePeriodSeconds", 30))
