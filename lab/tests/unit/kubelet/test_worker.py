"""The worker of one pod, with an API server that is only a dictionary."""

from __future__ import annotations

import asyncio
import copy
import pathlib
import threading
import typing as t

from lab.kubelet.api import Api
from lab.kubelet.lab import Lab
from lab.kubelet.types import Json, Options
from lab.kubelet.worker import Worker

POD: Json = {
    "metadata": {"namespace": "n", "name": "p", "uid": "u", "resourceVersion": "1"},
    "spec": {"nodeName": "node", "containers": [{"name": "c", "image": "no/such:1", "imagePullPolicy": "Never"}]},
    "status": {},
}


DELETED = {"resourceVersion": "3", "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 1}


class DeletedMeanwhile:
    """Somebody deletes the pod between the kubelet's look at it and its next report: the report's answer says so first."""

    worker: Worker

    def __init__(self) -> None:
        self.pod = copy.deepcopy(POD)
        self.deleted: asyncio.Event = asyncio.Event()

    def patch(self, path: str, body: Json, kind: str = "") -> Json:
        if path.endswith("/status"):
            self.pod["metadata"] |= DELETED
            self.pod["status"] = body["status"]
        return copy.deepcopy(self.pod)

    apply = create = patch

    def get(self, path: str, **query: str) -> Json:
        return {"items": []}

    def find(self, path: str) -> Json | None:
        return None

    def delete(self, path: str, body: Json | None = None) -> Json:
        if path.endswith("/pods/p"):
            self.loop.call_soon_threadsafe(self.deleted.set)
        return {}

    async def late(self) -> None:
        """The watch's event comes late; it is no newer than the answer was."""
        await asyncio.sleep(0.2)
        self.worker.update(copy.deepcopy(self.pod))

    async def run(self, state: pathlib.Path) -> None:
        self.loop = asyncio.get_running_loop()
        # It looks again at what cannot start after an hour: only the deletion can wake it.
        options = Options(state=state, images=state, retry=3600)
        lab = Lab(t.cast(Api, self), options)
        writing = asyncio.ensure_future(lab.recorder.run())
        worker = self.worker = Worker(lab, copy.deepcopy(POD))
        working = asyncio.ensure_future(worker.run())
        try:
            await self.late()
            await asyncio.wait_for(self.deleted.wait(), 10)
        finally:
            worker.remove()
            await working
            writing.cancel()


class DeletedAfterwards(DeletedMeanwhile):
    """The report is stored, then somebody deletes the pod, and the watch tells of that before the report's answer is here."""

    def patch(self, path: str, body: Json, kind: str = "") -> Json:
        if not path.endswith("/status") or "deletionTimestamp" in self.pod["metadata"]:
            return copy.deepcopy(self.pod)
        answer = copy.deepcopy(self.pod) | {"status": body["status"]}
        answer["metadata"]["resourceVersion"] = "2"
        self.pod["metadata"] |= DELETED
        told = threading.Event()
        self.loop.call_soon_threadsafe(self.worker.update, copy.deepcopy(self.pod))
        self.loop.call_soon_threadsafe(told.set)
        assert told.wait(10)
        return answer

    apply = create = patch

    async def late(self) -> None:
        """It has come already."""


def test_a_deletion_that_a_report_is_the_first_to_hear_of_is_carried_out(tmp_path: pathlib.Path) -> None:
    asyncio.run(DeletedMeanwhile().run(tmp_path))


def test_a_deletion_that_overtakes_the_answer_to_a_report_is_not_forgotten(tmp_path: pathlib.Path) -> None:
    asyncio.run(DeletedAfterwards().run(tmp_path))
