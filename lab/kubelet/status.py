"""The pod's status as the API shows it, from what the kubelet knows. Pure: the moment is handed in."""

from __future__ import annotations

import dataclasses

from .plan import should_restart
from .types import Container, Exit, Json, Kind, rfc3339

OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


@dataclasses.dataclass(frozen=True)
class Facts:
    """``sandbox``: folders, address and ports are there. ``over``: no process of the pod will run again.

    ``verdict``: reason and message of a pod that the kubelet itself has failed.
    """

    pod: Json
    now: float
    pod_ip: str
    host_ip: str
    start_time: str
    sandbox: bool = True
    over: bool = False
    verdict: tuple[str, str] | None = None


def build(facts: Facts, containers: list[Container]) -> Json:
    """The whole status that the kubelet answers for."""
    spec, old = facts.pod["spec"], facts.pod.get("status") or {}
    current = _phase(facts, containers)
    has_init = bool(spec.get("initContainers"))
    status: Json = {
        "phase": current,
        "observedGeneration": facts.pod["metadata"].get("generation"),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "startTime": facts.start_time,
        "conditions": _conditions(facts, containers, current, old.get("conditions") or []),
        "containerStatuses": [_container(c, spec, has_init=has_init) for c in sorted(containers, key=lambda c: c.name) if c.kind is Kind.MAIN],
    }
    if facts.sandbox or facts.over:
        status |= {"podIP": facts.pod_ip, "podIPs": [{"ip": facts.pod_ip}]}
    if has_init:
        status["initContainerStatuses"] = [_container(c, spec, has_init=True) for c in containers if c.kind is not Kind.MAIN]
    if facts.verdict:
        status |= {"reason": facts.verdict[0], "message": facts.verdict[1]}
    return status


def phase(containers: list[Container], policy: str, *, over: bool = False) -> str:
    """Pending, Running, Succeeded or Failed, by the kubelet's rules."""
    mains = [c for c in containers if c.kind is Kind.MAIN]
    inits = [c for c in containers if c.kind is Kind.INIT]
    ran = [c for c in mains if c.attempts]
    if any(c.last_exit and c.last_exit.code and c.run is None and not should_restart(c, policy) for c in inits):
        return "Failed"
    if not ran or len(ran) < len(mains):
        return "Pending"
    if any(c.run for c in containers if c.kind is not Kind.INIT):
        return "Running"
    if not over and any(should_restart(c, policy) for c in mains):
        return "Running"
    return "Succeeded" if all(c.last_exit and c.last_exit.code == 0 for c in mains) else "Failed"


def _phase(facts: Facts, containers: list[Container]) -> str:
    before = (facts.pod.get("status") or {}).get("phase")
    if before in ("Succeeded", "Failed"):
        # A pod never comes back from a terminal phase.
        return str(before)
    if facts.verdict:
        return "Failed"
    current = phase(containers, facts.pod["spec"].get("restartPolicy", "Always"), over=facts.over)
    return "Failed" if facts.over and current in ("Pending", "Running") else current


def _container(container: Container, spec: Json, *, has_init: bool) -> Json:
    ended, run = container.last_exit, container.run
    state, last = _state(container, has_init=has_init)
    status: Json = {
        "name": container.name,
        "image": container.image or container.spec.get("image", ""),
        "imageID": container.image_id,
        "restartCount": max(0, container.attempts - 1),
        "ready": container.ready if container.kind is not Kind.INIT else bool(ended and ended.code == 0 and run is None),
        "started": container.started,
        "state": state,
        "lastState": last,
        "volumeMounts": [_mount(mount) for mount in container.spec.get("volumeMounts") or []],
    }
    if run or ended:
        status["containerID"] = run.container_id if run else ended.container_id if ended else ""
        status["resources"] = container.spec.get("resources") or {}
        status["allocatedResources"] = (container.spec.get("resources") or {}).get("requests") or {}
    return status


def _mount(mount: Json) -> Json:
    shown = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return {**shown, "readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else shown


def _state(container: Container, *, has_init: bool) -> tuple[Json, Json]:
    """``state`` and ``lastState``."""
    exits = [_terminated(ended) for ended in container.exits]
    if container.run:
        return {"running": {"startedAt": rfc3339(container.run.started_at)}}, exits[-1] if exits else {}
    if container.waiting:
        reason, message = container.waiting
        waiting = {"reason": reason, **({"message": message} if message else {})}
        return {"waiting": waiting}, exits[-1] if exits else {}
    if exits:
        return exits[-1], exits[0] if len(exits) > 1 else {}
    return {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}}, {}


def _terminated(ended: Exit) -> Json:
    return {
        "terminated": {
            "exitCode": ended.code,
            "reason": ended.reason,
            **({"message": ended.message} if ended.message else {}),
            "startedAt": rfc3339(ended.started_at) if ended.started_at is not None else None,
            "finishedAt": rfc3339(ended.finished_at),
            "containerID": ended.container_id,
        }
    }


def _conditions(facts: Facts, containers: list[Container], current: str, old: list[Json]) -> list[Json]:
    """The kubelet's conditions; a time of transition moves only with the condition's status."""
    before = {condition["type"]: condition for condition in old}
    ready = _containers_ready(containers, current)
    verdicts = {
        "PodReadyToStartContainers": ("True" if facts.sandbox and not facts.over else "False", None, None),
        "Initialized": _initialized(containers, current),
        "Ready": _with_gates(facts.pod["spec"], before, ready),
        "ContainersReady": ready,
        "PodScheduled": ("True", None, None),
    }
    made = []
    for kind in OWNED:
        status, reason, message = verdicts[kind]
        known = before.get(kind) or {}
        since = known.get("lastTransitionTime") if known.get("status") == status else rfc3339(facts.now)
        generation = facts.pod["metadata"].get("generation")
        made.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": since,
                "lastProbeTime": None,
                "observedGeneration": generation,
            }
        )
    return made


Verdict = tuple[str, str | None, str | None]


def _terminal(current: str) -> Verdict | None:
    return {"Succeeded": ("False", "PodCompleted", None), "Failed": ("False", "PodFailed", None)}.get(current)


def _containers_ready(containers: list[Container], current: str) -> Verdict:
    terminal = _terminal(current)
    if terminal:
        return terminal
    unready = [c.name for c in containers if c.kind is not Kind.INIT and not c.ready]
    return ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]") if unready else ("True", None, None)


def _initialized(containers: list[Container], current: str) -> Verdict:
    if current == "Succeeded":
        return "True", "PodCompleted", None
    if any(c.attempts for c in containers if c.kind is Kind.MAIN):
        return "True", None, None
    missing = [c.name for c in containers if c.kind is not Kind.MAIN and not _initialised(c)]
    return ("False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(missing)}]") if missing else ("True", None, None)


def _initialised(container: Container) -> bool:
    if container.kind is Kind.SIDECAR:
        return container.started
    return container.run is None and container.last_exit is not None and container.last_exit.code == 0


def _with_gates(spec: Json, before: dict[str, Json], ready: Verdict) -> Verdict:
    if ready[0] != "True":
        return ready
    wrong = []
    for gate in spec.get("readinessGates") or []:
        kind = gate["conditionType"]
        known = before.get(kind)
        if known is None:
            wrong.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif known["status"] != "True":
            wrong.append(f'the status of pod readiness gate "{kind}" is not "True", but {known["status"]}')
    return ("False", "ReadinessGatesNotReady", ", ".join(wrong)) if wrong else ready
