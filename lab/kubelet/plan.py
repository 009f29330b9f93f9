"""What a pod needs next, decided from what its containers are. Nothing here starts, waits or asks."""

from __future__ import annotations

import calendar
import dataclasses
import time

from .types import Container, Json, Kind


@dataclasses.dataclass(frozen=True)
class Plan:
    """``start``: containers to start now. ``stop``: sidecars to stop, last first. ``finished``: no process will run again."""

    start: list[Container] = dataclasses.field(default_factory=list)
    stop: list[Container] = dataclasses.field(default_factory=list)
    finished: bool = False


def containers_of(pod: Json) -> list[Container]:
    """In the order in which they start."""
    spec = pod["spec"]
    inits = [Container(c, Kind.SIDECAR if c.get("restartPolicy") == "Always" else Kind.INIT) for c in spec.get("initContainers") or []]
    return [*inits, *(Container(c, Kind.MAIN) for c in spec["containers"])]


def changed_specs(containers: list[Container], pod: Json) -> list[tuple[Container, Json]]:
    """Containers that the pod now wants otherwise. Of a living pod's containers only the image may change."""
    specs = {c["name"]: c for c in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]}
    return [(c, specs[c.name]) for c in containers if specs[c.name]["image"] != c.spec["image"]]


def should_restart(container: Container, policy: str) -> bool:
    """Whether a container that has ended runs again: its own rules, its own policy, then the pod's."""
    ended = container.last_exit
    if ended is None or container.kind is Kind.SIDECAR:
        return True
    for rule in container.spec.get("restartPolicyRules") or []:
        if rule.get("action") == "Restart" and _matches(rule.get("exitCodes") or {}, ended.code):
            return True
    own = container.spec.get("restartPolicy") or policy
    if container.kind is Kind.INIT:
        return ended.code != 0 and own != "Never"
    return own == "Always" or (own == "OnFailure" and ended.code != 0)


def _matches(codes: Json, code: int) -> bool:
    return (code in (codes.get("values") or [])) == (codes.get("operator") == "In")


def plan(containers: list[Container], policy: str) -> Plan:
    """The next step of a pod that is neither deleted nor past its deadline."""
    mains = [c for c in containers if c.kind is Kind.MAIN]
    if any(c.attempts for c in mains):
        return _after_init(containers, mains, policy)
    start: list[Container] = []
    for container in containers:
        if container.kind is Kind.MAIN:
            start.append(container)
            continue
        if container.run is None and not _completed(container):
            if container.attempts and not should_restart(container, policy):
                return Plan(stop=_living_sidecars(containers), finished=not _living(containers))
            return Plan(start=[*start, container])
        if container.run is not None and not (container.kind is Kind.SIDECAR and container.started):
            return Plan(start=start)
    return Plan(start=start)


def active_seconds_left(pod: Json, now: float) -> float | None:
    """Seconds until the pod has been active for as long as it may; None without a limit."""
    limit, began = pod["spec"].get("activeDeadlineSeconds"), (pod.get("status") or {}).get("startTime")
    if not limit or not began:
        return None
    return calendar.timegm(time.strptime(began, "%Y-%m-%dT%H:%M:%SZ")) + float(limit) - now


def _after_init(containers: list[Container], mains: list[Container], policy: str) -> Plan:
    if all(c.run is None and c.attempts and not should_restart(c, policy) for c in mains):
        return Plan(stop=_living_sidecars(containers), finished=not _living(containers))
    down = [c for c in containers if c.run is None and c.kind is not Kind.INIT]
    return Plan(start=[c for c in down if not c.attempts or should_restart(c, policy)])


def _completed(container: Container) -> bool:
    return container.kind is Kind.INIT and container.last_exit is not None and container.last_exit.code == 0


def _living(containers: list[Container]) -> list[Container]:
    return [c for c in containers if c.run is not None]


def _living_sidecars(containers: list[Container]) -> list[Container]:
    return [c for c in reversed(containers) if c.run is not None and c.kind is Kind.SIDECAR]
