"""Tells the API server what has become of a pod, and takes the pod away when nothing of it is left."""

from __future__ import annotations

import dataclasses
import time

from .._client import ApiError
from . import status, streams
from .api import missing_is_fine
from .lab import Lab, pod_path
from .sandbox import Sandbox
from .types import Container, Json, rfc3339

TERMINAL = ("Succeeded", "Failed")


@dataclasses.dataclass(frozen=True)
class State:
    """What the worker knows beside the containers; the fields are those of ``status.Facts``."""

    sandbox: bool
    over: bool
    verdict: tuple[str, str] | None


class Reporter:
    """Remembers what it has sent, and sends only news."""

    def __init__(self, lab: Lab, sandbox: Sandbox) -> None:
        self._lab = lab
        self._sandbox = sandbox
        self._sent: Json = {}
        self._deleted = False

    def check(self, pod: Json) -> None:
        """Forgets what was sent when somebody else (the node controller) has changed what the kubelet answers for."""
        shown = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or []}
        if any(shown.get(c["type"]) != c["status"] for c in self._sent.get("conditions") or []):
            self._sent = {}

    async def report(self, pod: Json, containers: list[Container], state: State) -> Json | None:
        """The pod as the API server had it afterwards, if something was sent."""
        if not self._lab.node(pod).connected:
            return None
        newest = None
        ended_before = (pod.get("status") or {}).get("phase") in TERMINAL and not any(c.attempts for c in containers)
        if not (state.over and ended_before):
            newest = await self._patch(pod, self._status(pod, containers, state))
        if state.over and pod["metadata"].get("deletionTimestamp") and not self._deleted:
            await self._delete(pod)
        return newest

    def _status(self, pod: Json, containers: list[Container], state: State) -> Json:
        now = time.time()
        facts = status.Facts(
            pod=pod,
            now=now,
            pod_ip=self._sandbox.ip,
            host_ip=self._lab.node(pod).host_ip,
            start_time=(pod.get("status") or {}).get("startTime") or rfc3339(now),
            sandbox=state.sandbox,
            over=state.over,
            verdict=state.verdict,
        )
        return status.build(facts, containers)

    async def _patch(self, pod: Json, wanted: Json) -> Json | None:
        if wanted == self._sent:
            return None
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": wanted}
        try:
            answer = await self._lab.call(self._lab.api.patch, f"{pod_path(pod)}/status", body)
        except ApiError as error:
            # Gone, or another pod of this name.
            if error.status in (404, 409):
                return None
            raise
        self._sent = wanted
        return answer

    async def _delete(self, pod: Json) -> None:
        await self._lab.call(streams.withdraw, self._lab.api, pod)
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        with missing_is_fine():
            await self._lab.call(self._lab.api.delete, pod_path(pod), options)
        self._deleted = True
