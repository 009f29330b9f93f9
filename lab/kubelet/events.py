"""Writes events about pods, in order, with the counts a real kubelet's events have."""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import logging
import time

from .._client import ApiError
from .api import Api
from .correlation import Correlator, Happening
from .types import Container, Json, rfc3339

LOG = logging.getLogger("lab.kubelet")
Call = collections.abc.Callable[..., collections.abc.Awaitable[Json]]
QUEUE = 1000


@dataclasses.dataclass
class Written:
    """The API object that counts an event."""

    name: str
    count: int
    first: str


class Recorder:
    """``record`` never blocks; one task writes. What happens on a node that is cut off is kept until ``release``."""

    def __init__(self, api: Api, call: Call, connected: collections.abc.Callable[[Json], bool]) -> None:
        self._api = api
        self._call = call
        self._connected = connected
        self._kept: list[tuple[Json, Happening, float]] = []
        self._correlator = Correlator()
        self._written: dict[tuple[str, ...], Written] = {}
        self._queue: asyncio.Queue[tuple[Json, Happening, float]] = asyncio.Queue(QUEUE)

    def record(self, pod: Json, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        happening = Happening(pod["metadata"]["uid"], container.field_path if container else "", kind, reason, message)
        self._put((pod, happening, time.time()))

    def release(self) -> None:
        kept, self._kept = self._kept, []
        for entry in kept:
            self._put(entry)

    def _put(self, entry: tuple[Json, Happening, float]) -> None:
        if not self._connected(entry[0]):
            self._kept = [*self._kept, entry][-QUEUE:]
            return
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            LOG.warning("too many events; dropped %s: %s", entry[1].reason, entry[1].message)

    def forget(self, uid: str) -> None:
        self._correlator.forget(uid)
        self._written = {key: written for key, written in self._written.items() if key[0] != uid}

    async def run(self) -> None:
        while True:
            pod, happening, moment = await self._queue.get()
            decision = self._correlator.decide(happening, moment)
            written = self._count(pod, decision.key, moment)
            if decision.write:
                try:
                    await self._write(pod, happening, written, moment, decision.message)
                except ApiError as error:
                    # A namespace that is being deleted takes no more events.
                    LOG.info("event %s not written: %s", happening.reason, error)
            self._queue.task_done()

    async def drained(self) -> None:
        await self._queue.join()

    def _count(self, pod: Json, key: tuple[str, ...], moment: float) -> Written:
        written = self._written.setdefault(key, Written(f"{pod['metadata']['name']}.{int(moment * 1e9):x}", 0, rfc3339(moment)))
        written.count += 1
        return written

    async def _write(self, pod: Json, event: Happening, written: Written, moment: float, message: str) -> None:
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/events"
        if written.count > 1:
            change = {"count": written.count, "lastTimestamp": rfc3339(moment), "message": message}
            try:
                await self._call(self._api.patch, f"{path}/{written.name}", change)
            except ApiError as error:
                # The API server forgets events after an hour.
                if error.status != 404:
                    raise
            else:
                return
        await self._call(self._api.create, path, _body(pod, event, written, moment, message))


def _body(pod: Json, event: Happening, written: Written, moment: float, message: str) -> Json:
    metadata, node = pod["metadata"], pod["spec"].get("nodeName", "")
    about = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
    if event.path:
        about["fieldPath"] = event.path
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": written.name, "namespace": metadata["namespace"]},
        "involvedObject": {**about, "resourceVersion": metadata.get("resourceVersion", "")},
        "type": event.type,
        "reason": event.reason,
        "message": message,
        "count": written.count,
        "firstTimestamp": written.first,
        "lastTimestamp": rfc3339(moment),
        "source": {"component": "kubelet", "host": node},
        "reportingComponent": "kubelet",
        "reportingInstance": node,
    }
