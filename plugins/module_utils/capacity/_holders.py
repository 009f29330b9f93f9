# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who holds what the pod needs, and whose going would make room."""

from __future__ import annotations

import dataclasses

from . import _filters, _packing, _requests
from ._objects import Pod
from ._rollout import Placing
from ._wanted import Wanted

#: Holders whose going is tried out; the rest are listed only.
TRIED = 20


@dataclasses.dataclass
class Holder:
    """One release (or what else owns pods) that holds ``amount`` of ``resource`` on nodes open to the pod."""

    namespace: str
    release: str
    resource: str
    amount: int = 0
    priority: int = 0
    pods: list[Pod] = dataclasses.field(default_factory=list)
    makes_room: bool = False

    def nodes(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for pod in self.pods:
            held[pod.node] = held.get(pod.node, 0) + pod.requests.get(self.resource, 0)
        return held


def kind(pod: Wanted) -> str:
    """The resource that matters: the first extended one, else memory."""
    return next((name for name, amount in sorted(pod.requests.items()) if amount and _requests.extended(name)), "memory")


def holders(placing: Placing, replicas: int, *, try_out: bool) -> list[Holder]:
    """Lowest priority first, then those that make room, then the smallest. The replaced release is not among them."""
    resource = kind(placing.pod)
    gone = placing.gone()
    found: dict[tuple[str, str], Holder] = {}
    for node in placing.open:
        for pod in placing.snapshot.pods.get(node.name, ()):
            if pod.requests.get(resource) and (pod.namespace, pod.name) not in gone:
                holder = found.setdefault((pod.namespace, pod.release), Holder(pod.namespace, pod.release, resource, priority=pod.priority))
                holder.amount += pod.requests[resource]
                holder.priority = max(holder.priority, pod.priority)
                holder.pods.append(pod)
    order = sorted(found.values(), key=lambda each: (each.priority, each.amount, each.namespace, each.release))
    if try_out:
        _try(placing, replicas, order[:TRIED])
        order.sort(key=lambda each: (each.priority, not each.makes_room, each.amount, each.namespace, each.release))
    return order


def room_by_evicting(placing: Placing, replicas: int) -> list[Pod]:
    """The pods of lower priority, when the replicas fit with all of them gone; the scheduler may then evict some."""
    if not placing.pod.preempts:
        return []
    lower = [pod for node in placing.open for pod in placing.snapshot.pods.get(node.name, ()) if pod.priority < placing.pod.priority]
    gone = placing.gone() | {(pod.namespace, pod.name) for pod in lower}
    return lower if lower and placing.pack(placing.snapshot.without(gone), replicas).certain >= replicas else []


def _try(placing: Placing, replicas: int, candidates: list[Holder]) -> None:
    stay = placing.snapshot.without(placing.gone())
    rooms = {room.node.name: room for room in placing.rooms(stay)}
    for holder in candidates:
        names = {(pod.namespace, pod.name) for pod in holder.pods}
        freed = dict(stay)
        changed = dict(rooms)
        for node in {pod.node for pod in holder.pods}:
            freed[node] = [pod for pod in stay[node] if (pod.namespace, pod.name) not in names]
            changed[node] = _filters.room(placing.pod, rooms[node].node, freed[node])
        holder.makes_room = _packing.pack(list(changed.values()), placing.rules(freed), replicas).certain >= replicas
