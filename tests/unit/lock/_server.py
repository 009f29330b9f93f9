"""Leases with the API server's compare-and-set, in memory."""

from __future__ import annotations

import threading

from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Conflict, NotFound
from ansible_collections.inference.vllm.plugins.module_utils.lock import _lease as lease


class Server:
    """One lease. ``broken`` is raised instead of any answer, ``version`` counts the writes."""

    def __init__(self) -> None:
        self.stored: lease.Json | None = None
        self.version = 0
        self.broken: Exception | None = None
        self.lock = threading.Lock()

    def get(self, _path: str) -> lease.Json:
        with self.lock:
            self._answers()
            if self.stored is None:
                raise NotFound("no", status=404)
            return self.stored

    def create(self, _path: str, body: lease.Json) -> lease.Json:
        with self.lock:
            self._answers()
            if self.stored is not None:
                raise Conflict("exists", status=409)
            return self._store(body)

    def replace(self, _path: str, body: lease.Json) -> lease.Json:
        with self.lock:
            self._answers()
            if self.stored is None:
                raise NotFound("no", status=404)
            if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
                raise Conflict("changed", status=409)
            return self._store(body)

    def take(self, owner: lease.Owner) -> None:
        """As another run takes it over."""
        with self.lock:
            self._store(lease.body("m", "ns", owner, now="t9", duration=120, held=self.stored))

    def _answers(self) -> None:
        if self.broken is not None:
            raise self.broken

    def _store(self, body: lease.Json) -> lease.Json:
        self.version += 1
        self.stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return self.stored
