"""Keeps up with a list of objects: list, watch, and list again when the server has forgotten where we were."""

from __future__ import annotations

import logging
import random
import threading
import typing as t

from .._client import ApiError
from .api import Api, Stop
from .types import Json

LOG = logging.getLogger("lab.kubelet")
MAX_PAUSE = 30.0


class Handler(t.Protocol):
    """Called in the informer's thread."""

    def __call__(self, kind: str, item: Json) -> None: ...


class Informer(threading.Thread):
    """Calls ``handle`` with ADDED or MODIFIED for what is there and DELETED for what is gone, and SYNCED once after each full list."""

    def __init__(self, api: Api, path: str, handle: Handler, **query: str) -> None:
        super().__init__(name=f"watch {path}", daemon=True)
        self._api = api
        self._path = path
        self._query = query
        self._handle = handle
        self._halt = Stop()
        self._known: dict[str, Json] = {}

    def stop(self) -> None:
        self._halt.set()

    def run(self) -> None:
        pause, version = 0.2, ""
        while not self._halt.is_set():
            try:
                version = version or self._list()
                for event in self._api.watch(self._path, version, self._halt, **self._query):
                    version = event["object"]["metadata"]["resourceVersion"]
                    pause = 0.2
                    self._take(event)
            except ApiError as error:
                if self._halt.is_set():
                    return
                if error.status != 0:
                    version = ""
                if error.status != 410:
                    LOG.warning("%s; trying again", error)
                self._halt.wait(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, MAX_PAUSE if error.status else 2.0)

    def _list(self) -> str:
        answer = self._api.get(self._path, self._query)
        items = {item["metadata"]["uid"]: item for item in answer.get("items") or []}
        for uid in [uid for uid in self._known if uid not in items]:
            self._handle("DELETED", self._known.pop(uid))
        for uid, item in items.items():
            self._known[uid] = _stub(item)
            self._handle("ADDED", item)
        self._handle("SYNCED", answer)
        return str(answer["metadata"]["resourceVersion"])

    def _take(self, event: Json) -> None:
        if event["type"] == "BOOKMARK":
            return
        item = event["object"]
        if event["type"] == "DELETED":
            self._known.pop(item["metadata"]["uid"], None)
        else:
            self._known[item["metadata"]["uid"]] = _stub(item)
        self._handle(event["type"], item)


def _stub(item: Json) -> Json:
    """What is needed to say later that the object is gone; whole objects would be kept twice."""
    metadata = item["metadata"]
    return {"metadata": {name: metadata.get(name) for name in ("name", "namespace", "uid")}}
