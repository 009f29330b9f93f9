# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which nodes one pod may use, by what stands on the node alone; and how many such pods it has capacity for."""

from __future__ import annotations

import collections.abc as c
import dataclasses

from .. import _quantity
from . import _labels
from ._objects import HostPort, NodeFacts, PodFacts, ports_clash
from ._pod_resources import Amounts, Json
from ._wanted import Wanted

_UNSCHEDULABLE: Json = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a node is out: a kind to compare by, and a sentence's part to show. ``short`` is how much of ``resource`` is missing."""

    kind: str
    text: str
    resource: str = ""
    short: int = 0


@dataclasses.dataclass(frozen=True)
class NodeCapacity:
    """What a node has left. ``slots`` is how many of the wanted pod that is, by resources and ports alone."""

    node: NodeFacts
    requested: Amounts
    pods: int
    slots: int
    reasons: tuple[Reason, ...]

    def free(self, name: str) -> int:
        if name == "pods":
            return self.node.allocatable.get("pods", 0) - self.pods
        return self.node.allocatable.get(name, 0) - self.requested.get(name, 0)


def tolerated(taint: Json, tolerations: c.Iterable[Json]) -> bool:
    return any(_tolerates(entry, taint) for entry in tolerations)


def untolerated(taints: c.Iterable[Json], tolerations: c.Sequence[Json]) -> Json | None:
    """The first taint that keeps the pod away; PreferNoSchedule never does."""
    for taint in taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not tolerated(taint, tolerations):
            return taint
    return None


def selected(pod: Wanted, node: NodeFacts) -> bool:
    """nodeSelector and required node affinity together."""
    if any(node.labels.get(key) != value for key, value in pod.node_selector.items()):
        return False
    return pod.node_affinity is None or _labels.node_matches(pod.node_affinity, node.labels, node.name)


def excluded(pod: Wanted, node: NodeFacts) -> Reason | None:
    """The first reason that no freeing of resources could remove."""
    missing = {key: value for key, value in pod.node_selector.items() if node.labels.get(key) != value}
    if missing:
        return Reason("selector", f"lacks the label {_labels.in_words(missing)}")
    if pod.node_affinity is not None and not _labels.node_matches(pod.node_affinity, node.labels, node.name):
        return Reason("affinity", "does not match the pod's required node affinity")
    if node.unschedulable and not tolerated(_UNSCHEDULABLE, pod.tolerations):
        return Reason("cordoned", "is cordoned")
    if not node.ready:
        return Reason("not_ready", "is NotReady")
    taint = untolerated(node.taints, pod.tolerations)
    if taint:
        value = f"={taint['value']}" if taint.get("value") else ""
        return Reason("taint", f"has the taint {taint.get('key')}{value}:{taint.get('effect')}, which the pod does not tolerate")
    return None


def node_capacity(pod: Wanted, node: NodeFacts, pods: c.Iterable[PodFacts]) -> NodeCapacity:
    """Sums what the node's pods hold. A nominated pod counts for pods of lower or equal priority."""
    requested: Amounts = {}
    taken: set[HostPort] = set()
    count = 0
    for other in pods:
        if other.nominated and other.priority < pod.priority:
            continue
        count += 1
        taken |= other.host_ports
        for name, amount in other.requests.items():
            requested[name] = requested.get(name, 0) + amount
    partial = NodeCapacity(node, requested, count, 0, ())
    clash = ports_clash(pod.host_ports, taken)
    reasons = [*_short(pod, partial)]
    if clash:
        reasons.append(Reason("ports", f"has its host port {clash[2]}/{clash[0]} in use"))
    return NodeCapacity(node, requested, count, 0 if reasons else _how_many(pod, partial), tuple(reasons))


def _how_many(pod: Wanted, capacity: NodeCapacity) -> int:
    most = capacity.free("pods")
    for name, amount in pod.requests.items():
        if amount > 0:
            most = min(most, capacity.free(name) // amount)
    return min(most, 1) if pod.host_ports else most


def _short(pod: Wanted, capacity: NodeCapacity) -> c.Iterator[Reason]:
    if capacity.free("pods") < 1:
        yield Reason("pods", f"has all {capacity.node.allocatable.get('pods', 0)} pod slots in use", "pods", 1)
    for name, amount in sorted(pod.requests.items(), key=lambda item: (item[0] in ("cpu", "memory"), item[0])):
        free = capacity.free(name)
        if amount > 0 and free < amount:
            allocatable = capacity.node.allocatable.get(name, 0)
            have, whole = _quantity.in_words(name, max(free, 0)), _quantity.in_words(name, allocatable)
            text = f"has {have} of {whole} {_quantity.noun(name)} free" if allocatable else f"has no {name}"
            yield Reason("resource", text, name, amount - free)


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return bool(operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or ""))
