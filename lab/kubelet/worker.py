"""Looks after one pod from the moment it is bound to a node until the API server has forgotten it."""

from __future__ import annotations

import asyncio
import calendar
import collections.abc
import contextlib
import logging
import signal
import time

from . import handlers, runtime, sandbox, status, streams
from .api import ApiError, missing_is_fine
from .killer import Killer, grace_of
from .lab import Lab, pod_path
from .plan import plan
from .probe_state import ProbeKind
from .prober import Prober
from .sandbox import Sandbox
from .starter import Starter
from .types import Container, Json, Kind, MountError, Run, rfc3339

LOG = logging.getLogger("lab.kubelet")
TERMINAL = ("Succeeded", "Failed")
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
        self.containers = _containers(pod)
        self._probers: dict[tuple[str, ProbeKind], Prober] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._gone = False
        self._mounted = False
        self._mount_pause = MOUNT_FIRST
        self._over = (pod.get("status") or {}).get("phase") in TERMINAL
        self._verdict: tuple[str, str] | None = None
        self._sent: Json = {}
        self._deleted = False

    # What the rest of the kubelet tells it.

    def update(self, pod: Json) -> None:
        if int(pod["metadata"]["resourceVersion"]) <= int(self.pod["metadata"]["resourceVersion"]) and pod is not self.pod:
            return
        if _foreign(self._sent, pod):
            self._sent = {}
        self._take(pod)
        self.wake()

    def remove(self) -> None:
        """The API server has forgotten the pod."""
        self._gone = True
        self._killer.hurry(0)
        self.wake()

    def wake(self) -> None:
        self._changed.set()

    def _take(self, pod: Json) -> None:
        self.pod = pod
        for prober in self._probers.values():
            prober.pod = pod
        specs = {c["name"]: c for c in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]}
        for container in self.containers:
            if specs[container.name]["image"] != container.spec["image"]:
                container.spec = specs[container.name]
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
            except ApiError as error:
                LOG.info("%s: %s; trying again", pod_path(self.pod), error)
                delay = API_RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), delay or None)
        await self._end(2.0)
        await self._close()

    def _adopt(self) -> None:
        """Takes over what an earlier kubelet has started."""
        known = {c["name"]: c for field in ("containerStatuses", "initContainerStatuses") for c in (self.pod.get("status") or {}).get(field) or []}
        for container in self.containers:
            run = self._sandbox.restore(container)
            shown = known.get(container.name) or {}
            container.image, container.image_id = shown.get("image", ""), shown.get("imageID", "")
            if run is not None:
                container.run = run
                container.started, container.ready = bool(shown.get("started")), bool(shown.get("ready"))
                self._spawn(self._watch(container, run))
        if any(c.attempts for c in self.containers):
            self._mounted = True
            self._start_probers()

    async def _turn(self) -> float:
        """One step. Seconds until the next without news; 0 for none."""
        delay = 0.0
        if self._over:
            await self._end(grace_of(self.pod))
        elif self.pod["metadata"].get("deletionTimestamp"):
            await self._terminate()
        else:
            delay = await self._deadline() or await self._advance()
        await self._report()
        return delay

    async def _advance(self) -> float:
        if not self._mounted:
            delay = await self._mount()
            if delay:
                return delay
        step = plan(self.containers, self.pod["spec"].get("restartPolicy") or "Always")
        for container in step.stop:
            await self._killer.kill(self.pod, container, "", grace_of(self.pod))
            await self._settled(container)
        delays = [await self._start(container) for container in step.start if not container.killing]
        if step.finished or (step.stop and not any(c.run for c in self.containers)):
            self._over = True
            self.wake()
        return min((delay for delay in delays if delay), default=self._remaining())

    def _remaining(self) -> float:
        """Seconds until the pod's active deadline; 0 without one."""
        limit, began = self.pod["spec"].get("activeDeadlineSeconds"), (self.pod.get("status") or {}).get("startTime")
        return max(0.01, float(limit) - (time.time() - _moment(began))) if limit and began else 0.0

    async def _deadline(self) -> float:
        """Fails the pod when its active deadline has passed."""
        limit, began = self.pod["spec"].get("activeDeadlineSeconds"), (self.pod.get("status") or {}).get("startTime")
        if not limit or not began or time.time() - _moment(began) < float(limit):
            return 0.0
        self._verdict = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self._lab.recorder.record(self.pod, "Normal", *self._verdict)
        self._over = True
        self.wake()
        return API_RETRY_SECONDS

    async def _mount(self) -> float:
        try:
            await sandbox.prepare(self._lab, self._sandbox, self.pod, self._lab.node(self.pod))
        except MountError as error:
            self._lab.recorder.record(self.pod, "Warning", "FailedMount", str(error))
            delay, self._mount_pause = self._mount_pause, min(self._mount_pause * 2, MOUNT_LAST)
            return delay
        self._mounted = True
        await self._lab.call(streams.publish, self._lab.api, self.pod, self._sandbox, self.containers)
        self._start_probers()
        return 0.0

    async def _start(self, container: Container) -> float:
        delay = await self._starter.start(self.pod, container)
        run = container.run
        if run is None:
            return delay
        container.started = container.spec.get("startupProbe") is None
        container.ready = container.started and container.spec.get("readinessProbe") is None
        self._spawn(self._watch(container, run))
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if hook and not await handlers.hook(hook, self._starter.place(container)):
            self._lab.recorder.record(self.pod, "Warning", "FailedPostStartHook", "PostStartHook failed", container)
            self._kill(container, "FailedPostStartHook", grace_of(self.pod))
        self._ask(container)
        # The next container may depend on this one (a sidecar that has started).
        self.wake()
        return 0.0

    async def _watch(self, container: Container, run: Run) -> None:
        """Records the end of the run."""
        await runtime.over(run)
        if container.run is run:
            container.ended(self._sandbox.exit_of(container, run))
        self.wake()

    async def _settled(self, container: Container) -> None:
        while container.run is not None:
            await asyncio.sleep(0.01)

    # Probes.

    def _start_probers(self) -> None:
        for container in self.containers:
            for kind in ProbeKind:
                if container.spec.get(kind.field) and container.kind is not Kind.INIT:
                    prober = Prober(self._lab, container, kind, self._starter.place, self._decided)
                    prober.pod = self.pod
                    self._probers[container.name, kind] = prober
                    self._spawn(prober.run())

    def _ask(self, container: Container) -> None:
        prober = self._probers.get((container.name, ProbeKind.READINESS))
        if prober and container.started:
            prober.ask()

    def _decided(self, container: Container, kind: ProbeKind, success: bool) -> None:
        if kind is ProbeKind.READINESS:
            container.ready = success and container.started
        elif kind is ProbeKind.STARTUP and success:
            container.started = True
            container.ready = container.spec.get("readinessProbe") is None
            self._ask(container)
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

    async def _end(self, seconds: float) -> None:
        """Ends all processes: first the containers together, then the sidecars, last first."""
        deadline = time.monotonic() + seconds
        living = [c for c in self.containers if c.run]
        await asyncio.gather(*(self._finish(c, seconds) for c in living if c.kind is not Kind.SIDECAR))
        for container in reversed([c for c in living if c.kind is Kind.SIDECAR]):
            await self._finish(container, max(2.0, deadline - time.monotonic()))

    async def _finish(self, container: Container, seconds: float) -> None:
        await self._killer.kill(self.pod, container, "", seconds)
        await self._settled(container)

    async def _terminate(self) -> None:
        await self._end(grace_of(self.pod))
        self._over = True
        for container in self.containers:
            if not container.exits and container.attempts == 0:
                container.waiting = None

    async def stop(self, seconds: float) -> None:
        """The kubelet ends: so do the processes. Nothing is reported, as when a machine is switched off."""
        for task in self._tasks:
            task.cancel()
        living = [run for c in self.containers if (run := c.run)]
        for run in living:
            runtime.send(run, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(runtime.over(run) for run in living)), seconds)
        for run in living:
            runtime.end_tree(run)
        await asyncio.gather(*(runtime.over(run) for run in living))

    # Reports.

    async def _report(self) -> None:
        if self._gone or not self._lab.node(self.pod).connected:
            return
        before = self.pod.get("status") or {}
        about = status.Facts(
            pod=self.pod,
            now=time.time(),
            pod_ip=self._sandbox.ip,
            host_ip=self._lab.node(self.pod).host_ip,
            start_time=before.get("startTime") or rfc3339(time.time()),
            sandbox=self._mounted,
            over=self._over,
            verdict=self._verdict,
        )
        if not (self._over and before.get("phase") in TERMINAL and not any(c.attempts for c in self.containers)):
            await self._patch(status.build(about, self.containers))
        if self._over and self.pod["metadata"].get("deletionTimestamp") and not self._deleted:
            await self._delete()

    async def _patch(self, wanted: Json) -> None:
        if wanted == self._sent:
            return
        body = {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": wanted}
        try:
            answer = await self._lab.call(self._lab.api.patch, f"{pod_path(self.pod)}/status", body)
        except ApiError as error:
            if error.status in (404, 409):
                return
            raise
        self._sent = wanted
        if int(answer["metadata"]["resourceVersion"]) > int(self.pod["metadata"]["resourceVersion"]):
            self._take(answer)

    async def _delete(self) -> None:
        await self._lab.call(streams.withdraw, self._lab.api, self.pod)
        with missing_is_fine():
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.pod["metadata"]["uid"]}}
            await self._lab.call(self._lab.api.delete, pod_path(self.pod), options)
        self._deleted = True

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


def _containers(pod: Json) -> list[Container]:
    """In the order in which they start."""
    spec = pod["spec"]
    inits = [Container(c, Kind.SIDECAR if c.get("restartPolicy") == "Always" else Kind.INIT) for c in spec.get("initContainers") or []]
    return [*inits, *(Container(c, Kind.MAIN) for c in spec["containers"])]


def _moment(text: str) -> float:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def _foreign(sent: Json, pod: Json) -> bool:
    """Whether somebody else (the node controller) has changed what the kubelet answers for."""
    shown = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or []}
    return any(shown.get(c["type"]) != c["status"] for c in sent.get("conditions") or [])
