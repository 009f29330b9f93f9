# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads what a rollout looks like, and waits for its end with one line a change."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._deadline import Deadline
from .._errors import Error
from ..cluster._client import Client, NotFound
from . import _state
from ._state import Limits, Seen, Verdict

LOG_TAIL_LINES = 200
LOG_SECONDS = 5.0


class RolloutError(Error):
    """The rollout failed or did not end in time; ``verdict`` is the last one seen."""

    code = "rollout_failed"

    def __init__(self, message: str, verdict: Verdict | None, *, code: str = "") -> None:
        super().__init__(message, code=code, result=seen(verdict) if verdict else {})
        self.verdict = verdict


@dataclasses.dataclass
class Watch:
    """``tick`` is called at every look (it renews the release lock); ``say`` when the line changed or ``quiet`` seconds passed."""

    client: Client
    namespace: str
    name: str
    limits: Limits
    interval: float
    quiet: float
    say: t.Callable[[str], None]
    tick: t.Callable[[], None]

    def wait(self, deadline: Deadline) -> Verdict:
        """The complete verdict; raises RolloutError with the cause and the next step."""
        since: dict[str, float] = {}
        told, told_at = "", 0.0
        while True:
            seen = self.look(since)
            verdict = _state.judge(seen, self.logs, self.limits)
            if verdict.state == "complete":
                return verdict
            if verdict.cause:
                raise RolloutError(f"{verdict.cause.what}; next step: {verdict.cause.next_step}", verdict, code=verdict.cause.code)
            if deadline.expired():
                raise RolloutError(
                    f"not ready after {deadline.seconds:g} s: {verdict.line}{_state.last_probe(seen)}; "
                    "next step: read the pod's log and events, or raise the timeout",
                    verdict,
                    code="rollout_timeout",
                )
            if verdict.line != told or deadline.elapsed() - told_at >= self.quiet:
                self.say(f"{deadline.elapsed():.0f} s: {verdict.line}")
                told, told_at = verdict.line, deadline.elapsed()
            self.tick()
            time.sleep(max(0.0, min(self.interval, deadline.remaining())))

    def look(self, since: dict[str, float]) -> Seen:
        """Four reads: the Deployment, its ReplicaSets, its pods, their events."""
        apps = f"/apis/apps/v1/namespaces/{self.namespace}"
        try:
            deployment = self.client.get(f"{apps}/deployments/{self.name}")
        except NotFound as error:
            raise RolloutError(
                f"Deployment {self.namespace}/{self.name} does not exist: somebody removed the release; run the deploy again",
                None,
                code="deployment_missing",
            ) from error
        labels = deployment["spec"]["selector"].get("matchLabels") or {}
        selector = {"labelSelector": ",".join(f"{name}={value}" for name, value in sorted(labels.items()))}
        pods = self.client.items(f"/api/v1/namespaces/{self.namespace}/pods", selector)
        ready = all(_state.condition(pod, "Ready") for pod in pods)
        events = [] if ready else self.client.items(f"/api/v1/namespaces/{self.namespace}/events", {"fieldSelector": "involvedObject.kind=Pod"})
        now = time.monotonic()
        waiting = {pod["metadata"]["name"] for pod in pods if not pod["spec"].get("nodeName")}
        for name in waiting:
            since.setdefault(name, now)
        return Seen(deployment, self.client.items(f"{apps}/replicasets", selector), pods, events, {name: now - since[name] for name in waiting})

    def logs(self, pod: str, container: str, previous: bool) -> str:
        """The end of a container's log; empty when it cannot be had, since a cause is then told without it."""
        query: dict[str, str | int | bool] = {"container": container, "tailLines": LOG_TAIL_LINES, "previous": previous}
        # A client of its own: a kubelet that does not answer must not eat the time of the whole wait.
        client = Client(self.client.connection, Deadline(min(LOG_SECONDS, max(self.client.deadline.remaining(), 1.0))))
        try:
            return client.raw("GET", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log", query).decode("utf-8", "replace")
        except Error:
            return ""


def seen(verdict: Verdict) -> dict[str, t.Any]:
    """The verdict as a module returns it."""
    cause = verdict.cause._asdict() if verdict.cause else None
    return {"state": verdict.state, "line": verdict.line, "replica_set": verdict.replica_set, "pods": list(verdict.pods), "cause": cause}
