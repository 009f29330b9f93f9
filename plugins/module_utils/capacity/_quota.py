# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""ResourceQuota: what a namespace may still ask for, counted as the quota admission counts."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from . import _labels, _pod_resources
from ._pod_resources import Json, Millis
from ._wanted import Wanted


@dataclasses.dataclass(frozen=True)
class Usage:
    """What one pod takes of a quota, in thousandths."""

    requests: Millis
    limits: Millis


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of one quota, in thousandths. ``need`` is for all replicas, less what the replaced pods give back; ``each`` is for one."""

    quota: str
    resource: str
    hard: int
    used: int
    need: int
    each: int
    refused: str = ""
    unknown: str = ""

    @property
    def short(self) -> int:
        # A line that the pod takes nothing of lets it in, however overdrawn it is.
        return max(0, self.used + self.need - self.hard) if self.each else 0


def rows(quotas: c.Iterable[Json], pod: Wanted, replicas: int, given_back: c.Sequence[Usage]) -> list[Row]:
    """Every line that the pod is counted by. Lines about other objects (services, claims) are left out."""
    found = []
    for quota in quotas:
        if all(_in_scope(scope, pod) for scope in _scopes(quota)):
            found += [row for row in _lines(quota, pod, replicas, given_back) if row]
    return found


def allowed(found: c.Iterable[Row], replicas: int) -> int:
    """How many of ``replicas`` the quotas let into the namespace; the others are not even made."""
    most = replicas
    for row in found:
        if row.refused:
            return 0
        if row.short:
            most = min(most, max(0, (row.hard - row.used - row.need + row.each * replicas) // row.each))
    return most


def charged(quotas: c.Sequence[Json], pod: Wanted, pods: int) -> tuple[Json, ...]:
    """The quotas as they will be once so many more of ``pod`` are made."""
    own = Usage(pod.stored_requests, pod.stored_limits)
    changed: list[Json] = []
    for quota in quotas:
        status = quota.get("status") or {}
        if pods and all(_in_scope(scope, pod) for scope in _scopes(quota)):
            used = _pod_resources.stored(status.get("used"), f"quota {quota['metadata']['name']}: used")
            more = {resource: f"{value + pods * (_counted(resource, own) or 0)}m" for resource, value in used.items()}
            changed.append({**quota, "status": {**status, "used": more}})
        else:
            changed.append(quota)
    return tuple(changed)


def usage(manifest: Json, where: str) -> Usage:
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    return Usage(_pod_resources.requests(spec, status, where), _pod_resources.limits(spec, where))


def _lines(quota: Json, pod: Wanted, replicas: int, given_back: c.Sequence[Usage]) -> c.Iterator[Row | None]:
    name = quota["metadata"]["name"]
    status = quota.get("status") or {}
    hard = _pod_resources.stored(status.get("hard") or (quota.get("spec") or {}).get("hard"), f"quota {name}: hard")
    used = _pod_resources.stored(status.get("used"), f"quota {name}: used")
    own = Usage(pod.stored_requests, pod.stored_limits)
    for resource, limit in sorted(hard.items()):
        each = _counted(resource, own)
        if each is None:
            continue
        back = sum(_counted(resource, usage) or 0 for usage in given_back)
        unknown = "" if resource in used else "the quota controller has not reported the usage yet"
        yield Row(name, resource, limit, used.get(resource, 0), each * replicas - back, each, _unspecified(resource, pod), unknown)


def _counted(resource: str, usage: Usage) -> int | None:
    """How much of a quota line one pod takes; None when the line counts something else."""
    if resource in ("pods", "count/pods"):
        return 1000
    if resource.startswith("limits."):
        return usage.limits.get(resource.removeprefix("limits."), 0)
    name = resource.removeprefix("requests.")
    plain = name in ("cpu", "memory", "ephemeral-storage") or name.startswith("hugepages-")
    if plain or (name != resource and "/" in name):
        return usage.requests.get(name, 0)
    return None


def _unspecified(resource: str, pod: Wanted) -> str:
    """A quota on cpu or memory makes every container say what it takes of it."""
    section, _dot, name = resource.rpartition(".")
    if name not in ("cpu", "memory") or (pod.spec.get("resources") or {}).get("requests"):
        return ""
    for container in (*(pod.spec.get("containers") or ()), *(pod.spec.get("initContainers") or ())):
        if name not in ((container.get("resources") or {}).get(section or "requests") or {}):
            return f"every container must set {resource}, and {container.get('name', 'one')} does not"
    return ""


def _scopes(quota: Json) -> c.Iterator[Json]:
    spec = quota.get("spec") or {}
    for scope in spec.get("scopes") or ():
        yield {"scopeName": scope, "operator": "Exists"}
    yield from (spec.get("scopeSelector") or {}).get("matchExpressions") or ()


def _in_scope(scope: Json, pod: Wanted) -> bool:
    name = scope.get("scopeName")
    if name in ("Terminating", "NotTerminating"):
        return bool((pod.spec.get("activeDeadlineSeconds") is not None) == (name == "Terminating"))
    if name in ("BestEffort", "NotBestEffort"):
        return bool(_best_effort(pod) == (name == "BestEffort"))
    if name == "CrossNamespacePodAffinity":
        return any(_crosses(term) for term in _affinity_terms(pod.spec))
    if name == "PriorityClass":
        own = pod.spec.get("priorityClassName")
        return _labels.requirement({**scope, "key": "class"}, {"class": own} if own else {})
    return True


def _best_effort(pod: Wanted) -> bool:
    return not any(pod.stored_requests.get(name) or pod.stored_limits.get(name) for name in ("cpu", "memory"))


def _affinity_terms(spec: Json) -> c.Iterator[Json]:
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity: t.Any = (spec.get("affinity") or {}).get(kind) or {}
        yield from affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for entry in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield entry.get("podAffinityTerm") or {}


def _crosses(term: Json) -> bool:
    return bool(term.get("namespaces")) or term.get("namespaceSelector") is not None
