"""The kubelet as a whole: one watch for the nodes, one for the pods of each node, a worker for each pod."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import json
import logging
import pathlib
import time

from . import quantity, runtime, volumes
from .api import Api
from .informer import Handler, Informer
from .lab import Lab, Node
from .provisioner import Provisioner
from .types import Json, Options, Run
from .worker import Worker

LOG = logging.getLogger("lab.kubelet")
API_THREADS = 4
STOP_SECONDS = 3.0


class Kubelet:
    def __init__(self, api: Api, options: Options) -> None:
        self._lab = Lab(api, options)
        self._workers: dict[str, Worker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._informers: dict[str, Informer] = {}
        self._held: dict[str, dict[str, tuple[str, Json]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(API_THREADS))
        tasks = [asyncio.ensure_future(self._lab.recorder.run()), asyncio.ensure_future(self._watch_memory())]
        self._follow("nodes", "/api/v1/nodes", self._node, labelSelector=self._lab.options.node_selector)
        await stop.wait()
        for informer in self._informers.values():
            informer.stop()
        for task in [*tasks, *self._running.values()]:
            task.cancel()
        await asyncio.gather(*(worker.stop(STOP_SECONDS) for worker in self._workers.values()))

    def _follow(self, name: str, path: str, handle: Handler, **query: str) -> None:
        loop = asyncio.get_running_loop()

        def pass_on(kind: str, item: Json) -> None:
            loop.call_soon_threadsafe(handle, kind, item)

        informer = self._informers[name] = Informer(self._lab.api, path, pass_on, **query)
        informer.start()

    def _provision(self) -> None:
        """Once it is known which nodes are ours."""
        provisioner = Provisioner(self._lab.api, self._lab.options.state, lambda node: node in self._lab.nodes)
        for name, handle in (("persistentvolumeclaims", provisioner.claim), ("persistentvolumes", provisioner.volume)):
            if name not in self._informers:
                self._informers[name] = Informer(self._lab.api, f"/api/v1/{name}", handle)
                self._informers[name].start()

    def _node(self, kind: str, item: Json) -> None:
        if kind == "SYNCED":
            self._provision()
        if kind in ("SYNCED", "DELETED"):
            return
        name = item["metadata"]["name"]
        node = self._lab.nodes.setdefault(name, Node(name))
        before = node.connected
        node.take(item)
        if node.connected is not before:
            LOG.info("node %s is %s", name, "back" if node.connected else "cut off: its pods run on, and nobody hears of it")
            self._back(name)
        if f"pods of {name}" not in self._informers:
            handle = functools.partial(self._pod, name)
            self._follow(f"pods of {name}", "/api/v1/pods", handle, fieldSelector=f"spec.nodeName={name}")

    def _back(self, node: str) -> None:
        """What has happened while the node was cut off, on both sides."""
        held = self._held.pop(node, {})
        for kind, item in held.values():
            self._pod(node, kind, item)
        self._lab.recorder.release()
        for worker in self._workers.values():
            worker.wake()

    def _pod(self, node: str, kind: str, item: Json) -> None:
        if not self._lab.nodes[node].connected:
            self._held.setdefault(node, {})[item["metadata"].get("uid", "")] = (kind, item)
            return
        if kind == "SYNCED":
            self._sweep(node, {pod["metadata"]["uid"] for pod in item.get("items") or []})
            return
        uid = item["metadata"]["uid"]
        worker = self._workers.get(uid)
        if kind == "DELETED":
            if worker:
                worker.remove()
        elif worker:
            worker.update(item)
        else:
            worker = self._workers[uid] = Worker(self._lab, item)
            task = self._running[uid] = asyncio.ensure_future(worker.run())
            task.add_done_callback(functools.partial(self._ended, uid))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._running.pop(uid, None)
        if not task.cancelled() and task.exception():
            LOG.error("the worker of pod %s ended: %r", uid, task.exception(), exc_info=task.exception())

    def _sweep(self, node: str, known: set[str]) -> None:
        """Ends what pods have left behind that were deleted while no kubelet ran."""
        for file in (self._lab.options.state / "pods").glob("*/pod.json"):
            if file.parent.name not in known and json.loads(file.read_text())["node"] == node:
                end_processes(file.parent)
                volumes.remove(file.parent)

    async def _watch_memory(self) -> None:
        """A container whose processes hold more than its limit is killed, as the kernel would; measured, not prevented."""
        while True:
            await asyncio.sleep(self._lab.options.memory_interval)
            for worker in list(self._workers.values()):
                for container in worker.containers:
                    limit = ((container.spec.get("resources") or {}).get("limits") or {}).get("memory")
                    if limit and container.run and not container.doom and runtime.memory(container.run) > quantity.units(limit):
                        worker.doom(container)


def end_processes(folder: pathlib.Path) -> None:
    """Kills every process that the runs recorded under a pod's folder still have."""
    runs = [run for state in folder.glob("containers/*/*/state.json") if (run := runtime.recorded(state.parent))]
    for run in runs:
        if runtime.alive(run) or runtime.ticks(run.pid) == run.ticks:
            runtime.end_tree(run)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_lives(run) for run in runs) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(run: Run) -> bool:
    return runtime.alive(run) or runtime.ticks(run.pid) == run.ticks
