"""Looks after one pod from the moment it is bound to a node until the API server has forgotten it."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import logging
import time

from .._client import ApiError
from . import runtime, sandbox, streams
from .killer import Killer, grace_of, switch_off
from .lab import Lab, pod_path
from .plan import active_seconds_left, changed_specs, containers_of, plan
from .probe_state import ProbeKind
from .prober import Probers
from .reporter import TERMINAL, Reporter, State
from .sandbox import Sandbox
from .starter import Starter
from .types import ConfigError, Container, Json, MountError, Run

LOG = logging.getLogger("lab.kubelet")
API_RETRY_SECONDS = 2.0
MOUNT_FIRST, MOUNT_LAST = 0.5, 122.0


class Worker:
    """Each turn compares what the pod should be with what it is, takes the next step, and reports."""

    def __init__(self, lab: Lab, pod: Json) -> None:
        self.pod = pod
        self._lab = lab
        self._sandbox = Sandbox(lab, pod)
        self._starter = Starter(lab, self._sandbox)
        self._killer = Killer(lab, self._starter.place)
        self.containers = containers_of(pod)
        self._probers = Probers(lab, self._starter.place, self._decided)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._gone = False
        self._mounted = False
        self._mount_pause = MOUNT_FIRST
        self._over = (pod.get("status") or {}).get("phase") in TERMINAL
        self._verdict: tuple[str, str] | None = None
        self._reporter = Reporter(lab, self._sandbox)

    # What the rest of the kubelet tells it.

    def update(self, pod: Json) -> None:
        if not self._news(pod):
            return
        self._reporter.check(pod)
        self._take(pod)
        self.wake()

    def remove(self) -> None:
        """The API server has forgotten the pod."""
        self._gone = True
        self._killer.hurry(0)
        self.wake()

    def wake(self) -> None:
        self._changed.set()

    def _news(self, pod: Json) -> bool:
        """Whether it is newer than what is known; the watch and the answers to reports overtake each other."""
        return int(pod["metadata"]["resourceVersion"]) > int(self.pod["metadata"]["resourceVersion"])

    def _take(self, pod: Json) -> None:
        self.pod = pod
        self._probers.update(pod)
        for container, spec in changed_specs(self.containers, pod):
            container.spec = spec
            self._starter.hurry(container)
            self._kill(container, f"Container {container.name} definition changed, will be restarted", grace_of(pod))
        if pod["metadata"].get("deletionTimestamp"):
            self._killer.hurry(grace_of(pod))

    # Its life.

    async def run(self) -> None:
        self._sandbox.open(self.pod)
        self._adopt()
        while not self._gone:
            self._changed.clear()
            try:
                delay = await self._turn()
            except (ApiError, OSError, ValueError) as error:
                LOG.info("%s: %s; trying again", pod_path(self.pod), error)
                delay = API_RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), delay or None)
        await self._killer.end(self.pod, self.containers, 2.0)
        await self._close()

    def _adopt(self) -> None:
        """Takes over what an earlier kubelet has started."""
        self._sandbox.restore(self.containers, self.pod.get("status") or {})
        for container in self.containers:
            if container.run is not None:
                self._spawn(self._watch(container, container.run))
        if any(c.attempts for c in self.containers):
            self._mounted = True
            self._probers.start(self.pod, self.containers, self._spawn)

    async def _turn(self) -> float:
        """One step. Seconds until the next without news; 0 for none."""
        delay = 0.0
        if self._over or self.pod["metadata"].get("deletionTimestamp"):
            await self._while_reporting(self._killer.end(self.pod, self.containers, grace_of(self.pod)))
            self._over = True
        elif not self._past_deadline():
            delay = await self._advance()
        await self._report()
        return delay

    async def _advance(self) -> float:
        if not self._mounted:
            delay = await self._mount()
            if delay:
                return delay
        step = plan(self.containers, self.pod["spec"].get("restartPolicy") or "Always")
        for container in step.stop:
            await self._while_reporting(self._killer.finish(self.pod, container, grace_of(self.pod)))
        delays = [await self._start(container) for container in step.start if not container.killing]
        if step.finished or (step.stop and not any(c.run for c in self.containers)):
            self._over = True
            self.wake()
        left = active_seconds_left(self.pod, time.time())
        return min(filter(None, [*delays, left and max(0.01, left)]), default=0.0)

    def _past_deadline(self) -> bool:
        """Fails the pod when its active deadline has passed."""
        left = active_seconds_left(self.pod, time.time())
        if left is None or left > 0:
            return False
        self._verdict = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self._lab.recorder.record(self.pod, "Normal", *self._verdict)
        self._over = True
        self.wake()
        return True

    async def _mount(self) -> float:
        try:
            await sandbox.prepare(self._lab, self._sandbox, self.pod, self._lab.node(self.pod))
        except (MountError, ConfigError) as error:
            self._lab.recorder.record(self.pod, "Warning", "FailedMount", str(error))
            delay, self._mount_pause = self._mount_pause, min(self._mount_pause * 2, MOUNT_LAST)
            return delay
        await self._lab.call(streams.publish, self._lab.api, self.pod, self._sandbox, self.containers)
        self._mounted = True
        self._probers.start(self.pod, self.containers, self._spawn)
        return 0.0

    async def _start(self, container: Container) -> float:
        delay = await self._starter.start(self.pod, container)
        run = container.run
        if run is None:
            return delay
        container.started = container.spec.get("startupProbe") is None
        container.ready = container.started and container.spec.get("readinessProbe") is None
        self._spawn(self._watch(container, run))
        if not await self._starter.post_start(self.pod, container):
            self._kill(container, "FailedPostStartHook", grace_of(self.pod))
        self._probers.ask(container)
        # The next container may depend on this one (a sidecar that has started).
        self.wake()
        return 0.0

    async def _watch(self, container: Container, run: Run) -> None:
        """Records the end of the run."""
        await runtime.over(run)
        if container.run is run:
            container.ended(self._sandbox.exit_of(container, run))
        self.wake()

    # Probes.

    def _decided(self, container: Container, kind: ProbeKind, success: bool) -> None:
        if kind is ProbeKind.READINESS:
            container.ready = success and container.started
        elif kind is ProbeKind.STARTUP and success:
            container.started = True
            container.ready = container.spec.get("readinessProbe") is None
            self._probers.ask(container)
        elif not success:
            message = f"Container {container.name} failed {kind.value} probe, will be restarted"
            self._kill(container, message, grace_of(self.pod, container.spec[kind.field]))
        self.wake()

    # Its end.

    def _kill(self, container: Container, message: str, seconds: float) -> None:
        self._spawn(self._killer.kill(self.pod, container, message, seconds))

    def doom(self, container: Container) -> None:
        """Out of memory: the kernel asks nobody."""
        if container.run:
            container.doom = "OOMKilled"
            runtime.end_tree(container.run)

    async def stop(self, seconds: float) -> None:
        """The kubelet ends: so do the processes. Nothing is reported, as when a machine is switched off."""
        for task in self._tasks:
            task.cancel()
        await switch_off(self.containers, seconds)

    async def _report(self) -> None:
        if not self._gone:
            newest = await self._reporter.report(self.pod, self.containers, State(self._mounted, self._over, self._verdict))
            if newest is not None and self._news(newest):
                # The answer may be the first to say that the pod is to go; the watch's event is then no news any more.
                dying = bool(self.pod["metadata"].get("deletionTimestamp"))
                self._take(newest)
                if newest["metadata"].get("deletionTimestamp") and not dying:
                    self.wake()

    async def _while_reporting(self, work: collections.abc.Coroutine[object, object, None]) -> None:
        """Does what may take a whole grace period; others see meanwhile how far it is."""
        task = asyncio.ensure_future(work)
        heard = False
        while not task.done():
            news = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait({task, news}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if self._changed.is_set():
                self._changed.clear()
                heard = True
                with contextlib.suppress(ApiError):
                    await self._report()
        await task
        if heard:
            # What was heard here (that the pod is gone, say) is for the next turn too.
            self.wake()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(ApiError):
            await self._lab.call(streams.withdraw, self._lab.api, self.pod)
        self._sandbox.close()
        self._lab.recorder.forget(self.pod["metadata"]["uid"])

    def _spawn(self, work: collections.abc.Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            LOG.error("%s: %r", pod_path(self.pod), task.exception(), exc_info=task.exception())
