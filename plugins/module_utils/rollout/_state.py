# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a rollout stands, decided from what the API server says. Pure.

"Ready" is believed only for the ReplicaSet of the present generation: counts alone are satisfied by the old pods.
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import _diagnosis
from ._diagnosis import Cause

Json = dict[str, t.Any]
Logs = t.Callable[[str, str, bool], str]  # pod, container, previous -> text

REVISION = "deployment.kubernetes.io/revision"
IMAGE_REASONS = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclasses.dataclass(frozen=True)
class Limits:
    """When to give up early. ``restarts``: failed starts of one container before a cause that may pass is believed."""

    restarts: int = 2
    unschedulable_seconds: float = 60.0


@dataclasses.dataclass(frozen=True)
class Seen:
    """One look: the objects as the API server gave them, and for how long each pod has been unschedulable (seconds)."""

    deployment: Json
    replica_sets: t.Sequence[Json]
    pods: t.Sequence[Json]
    events: t.Sequence[Json]
    unschedulable: t.Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """``state``: progressing, complete or failed. ``line`` is for the person who waits, ``cause`` for a failure."""

    state: t.Literal["progressing", "complete", "failed"]
    line: str
    replica_set: str = ""
    pods: tuple[str, ...] = ()
    cause: Cause | None = None


def judge(seen: Seen, logs: Logs, limits: Limits) -> Verdict:
    """Where the rollout stands; ``logs`` is asked only for containers that failed."""
    spec, status = seen.deployment["spec"], seen.deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < seen.deployment["metadata"]["generation"]:
        return Verdict("progressing", "the controller has not seen the new Deployment yet")
    newest = newest_replica_set(seen)
    if newest is None:
        cause = _quota(seen)
        return Verdict("failed", cause.what, cause=cause) if cause else Verdict("progressing", "no ReplicaSet yet")
    name = newest["metadata"]["name"]
    pods = [pod for pod in seen.pods if _owned(pod, newest) and not _terminating(pod)]
    names = tuple(sorted(pod["metadata"]["name"] for pod in pods))
    line = _line(seen, newest, pods, wanted)
    if _complete(status, newest, wanted):
        return Verdict("complete", line, name, names)
    cause = _failure(seen, pods, logs, limits) or _quota(seen) or _deadline(seen)
    if cause:
        return Verdict("failed", line, name, names, cause)
    return Verdict("progressing", line, name, names)


def newest_replica_set(seen: Seen) -> Json | None:
    """The one whose revision is the Deployment's; the controller sets both."""
    uid = seen.deployment["metadata"]["uid"]
    revision = (seen.deployment["metadata"].get("annotations") or {}).get(REVISION)
    mine = [rs for rs in seen.replica_sets if any(owner.get("uid") == uid for owner in rs["metadata"].get("ownerReferences") or [])]
    return next((rs for rs in mine if revision and (rs["metadata"].get("annotations") or {}).get(REVISION) == revision), None)


def _complete(status: Json, newest: Json, wanted: int) -> bool:
    ready = (newest.get("status") or {}).get("readyReplicas", 0)
    current = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return ready >= wanted and current == (wanted, wanted, wanted)


def _line(seen: Seen, newest: Json, pods: t.Sequence[Json], wanted: int) -> str:
    ready = sum(condition(pod, "Ready") for pod in pods)
    old = len([pod for pod in seen.pods if not _owned(pod, newest) and not _terminating(pod)])
    parts = [f"{ready} of {wanted} new pods ready"]
    if old:
        parts.append(f"{old} old still running")
    waiting = sorted({_doing(pod) for pod in pods if not condition(pod, "Ready")})
    return ", ".join([*parts, *waiting])


def _doing(pod: Json) -> str:
    """What a pod that is not ready is about, in a few words."""
    for status in _containers(pod):
        state = status.get("state") or {}
        if "waiting" in state:
            return str(state["waiting"].get("reason") or "waiting")
        if "terminated" in state:
            return f"ended with exit code {state['terminated'].get('exitCode')}"
        if "running" in state:
            again = f", restarted {status['restartCount']} times" if status.get("restartCount") else ""
            return f"loading since {state['running'].get('startedAt', 'now')}{again}" if not status.get("started") else f"started, not ready{again}"
    return "scheduled" if condition(pod, "PodScheduled") else "waiting for a node"


def _failure(seen: Seen, pods: t.Sequence[Json], logs: Logs, limits: Limits) -> Cause | None:
    for pod in pods:
        if condition(pod, "Ready"):
            continue  # it serves: what once ended in it is no reason to give up on the others
        cause = _unschedulable(pod, seen, limits) or _stuck(pod, seen) or _ended(pod, seen, logs, limits)
        if cause:
            return cause
    return None


def _unschedulable(pod: Json, seen: Seen, limits: Limits) -> Cause | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False" and condition.get("reason") == "Unschedulable":
            if seen.unschedulable.get(pod["metadata"]["name"], 0.0) < limits.unschedulable_seconds:
                return None
            what = f"no node can take the pod: {condition.get('message', '')}".strip()
            return Cause(what, "free GPUs, lower the request, or set rollout.strategy to Recreate (it costs downtime)", True, code="unschedulable")
    return None


def _stuck(pod: Json, seen: Seen) -> Cause | None:
    for status in _containers(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason"), str(waiting.get("message") or "")
        if reason in IMAGE_REASONS:
            words = _event(seen, pod, "Failed", "pull") or message
            return Cause(
                f"the image {status.get('image')} cannot be pulled: {words}".rstrip(": "),
                "check image.repository, image.tag and image.pullSecrets",
                True,
                code="image_pull",
            )
        if reason in CONFIG_REASONS:
            return Cause(
                f"the container cannot be made ({reason}): {message}", "check the Secrets and ConfigMaps that the values name", True, code="container_config"
            )
    return None


def _ended(pod: Json, seen: Seen, logs: Logs, limits: Limits) -> Cause | None:
    for status in _containers(pod):
        state, before = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
        ended = state.get("terminated") or before
        if not ended or (ended.get("exitCode") == 0 and status in ((pod.get("status") or {}).get("initContainerStatuses") or [])):
            continue  # an init container that has done its work
        name, container = pod["metadata"]["name"], status["name"]
        log = logs(name, container, "terminated" not in state)
        if before and _event(seen, pod, "Killing", "startup probe"):
            return _probe_kill(pod, seen, container, log)
        cause = _diagnosis.from_exit(str(ended.get("reason") or ""), ended.get("exitCode"), str(ended.get("message") or ""), log)
        if cause.permanent or status.get("restartCount", 0) >= limits.restarts:
            return cause
    return None


def _probe_kill(pod: Json, seen: Seen, container: str, log: str) -> Cause:
    """What the engine said before it was killed is the cause; without that, only the time it was given is known."""
    probe = next((c.get("startupProbe") or {} for c in pod["spec"]["containers"] if c["name"] == container), {})
    period, threshold = probe.get("periodSeconds", 10), probe.get("failureThreshold", 3)
    last = _event(seen, pod, "Unhealthy", "Startup probe failed")
    what = f"it was killed by the startup probe after {period * threshold} s ({threshold} x {period} s)" + (f"; the last probe: {last}" if last else "")
    known = _diagnosis.from_log(log)
    if known:
        return known._replace(what=f"{known.what}; {what}")
    root = _diagnosis.root_cause(log)
    what += f"; the engine reported: {root}" if root else ""
    more = f"if the model only needs longer to load, set probes.startup.failureThreshold to {2 * threshold}; otherwise read its log"
    return Cause(what, more, False, code="startup_probe")


def _quota(seen: Seen) -> Cause | None:
    for condition in (seen.deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Cause(f"the pods cannot be created: {condition.get('message', '')}", "raise the quota or lower the request", True, code="quota_exceeded")
    return None


def _deadline(seen: Seen) -> Cause | None:
    for condition in (seen.deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            seconds = seen.deployment["spec"].get("progressDeadlineSeconds", 600)
            return Cause(
                f"no progress for {seconds} s{last_probe(seen)}",
                "raise rollout.progressDeadlineSeconds if the model only needs longer to load; otherwise read its log",
                False,
                code="progress_deadline",
            )
    return None


def last_probe(seen: Seen) -> str:
    """The last complaint of a probe, for a sentence about a pod that does not get ready; empty when there is none."""
    unhealthy = sorted((e for e in seen.events if e.get("reason") == "Unhealthy"), key=_event_time)
    return f"; the last probe: {str(unhealthy[-1].get('message', '')).strip()[:300]}" if unhealthy else ""


def _event(seen: Seen, pod: Json, reason: str, words: str) -> str:
    """The newest message of that reason about the pod that holds ``words``."""
    name = pod["metadata"]["name"]
    mine = [e for e in seen.events if (e.get("involvedObject") or {}).get("name") == name and e.get("reason") == reason]
    found = [str(e.get("message", "")) for e in sorted(mine, key=_event_time) if words.lower() in str(e.get("message", "")).lower()]
    return found[-1][:300].strip() if found else ""


def _event_time(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _containers(pod: Json) -> list[Json]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def condition(pod: Json, kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions") or [])


def _owned(pod: Json, replica_set: Json) -> bool:
    return any(owner.get("uid") == replica_set["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences") or [])


def _terminating(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"] or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
