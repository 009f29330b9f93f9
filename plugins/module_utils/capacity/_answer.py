# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer to "will N replicas of this pod fit, where, and if not, why", from a snapshot alone."""

from __future__ import annotations

import collections.abc as c
import dataclasses

from . import _filters, _packing, _pod_resources, _quota, _rollout
from ._filters import NodeCapacity, Reason
from ._objects import PodFacts
from ._packing import Packing
from ._placing import Placing, PodsByNode, Snapshot
from ._question import Replacement
from ._reservations import Placed, Reservation, reserve
from ._rollout import Surge, Verdict
from ._rules import Rules
from ._wanted import Unknown, Wanted

#: Where to stop counting slots: everywhere without rules between pods, soon with them.
_MANY, _SOME = 1_000_000, 100
#: Holders that are taken away in a trial; the rest are only listed.
TRIED = 20


@dataclasses.dataclass
class Holder:
    """One release (or what else owns pods) that holds ``amount`` of ``resource`` on nodes open to the pod."""

    namespace: str
    release: str
    resource: str
    amount: int = 0
    priority: int = 0
    pods: list[PodFacts] = dataclasses.field(default_factory=list)
    frees_enough: bool = False

    def nodes(self) -> dict[str, int]:
        held: dict[str, int] = {}
        for pod in self.pods:
            held[pod.node] = held.get(pod.node, 0) + pod.requests.get(self.resource, 0)
        return held


@dataclasses.dataclass(frozen=True)
class CapacityAnswer:
    """Everything that is said about one pod at one moment; ``_report`` puts it into the module's result.

    ``packing`` is what the nodes have capacity for, ``granted`` what of it quotas and gates let through.
    """

    pod: Wanted
    replicas: int
    verdict: Verdict
    packing: Packing
    granted: Packing
    slots: int
    capacities: tuple[NodeCapacity, ...]
    ruled_out: dict[str, Reason]
    excluded: dict[str, Reason]
    quota: tuple[_quota.Row, ...]
    surge: Surge
    strategy: str
    replaced: int
    holders: tuple[Holder, ...]
    evictable: tuple[PodFacts, ...]
    unknowns: tuple[Unknown, ...]
    snapshot: Snapshot
    reserved: tuple[Placed, ...] = ()
    crowded_out: bool = False


def answer(pod: Wanted, replicas: int, snapshot: Snapshot, how: Replacement | None = None, reservations: c.Sequence[Reservation] = ()) -> CapacityAnswer:
    """With what others reserve placed first; ``crowded_out`` says that the pods would fit without that."""
    rest, placed = reserve(snapshot, reservations, pod.namespace)
    found = _answer(pod, replicas, rest, how)
    if not placed:
        return found
    crowded_out = found.verdict != "pass" and _answer(pod, replicas, snapshot, how).verdict == "pass"
    return dataclasses.replace(found, reserved=placed, crowded_out=crowded_out)


def _answer(pod: Wanted, replicas: int, snapshot: Snapshot, how: Replacement | None) -> CapacityAnswer:
    replacement = how or Replacement()
    placing = Placing(pod, snapshot)
    stay = snapshot.without(placing.gone())
    rules = placing.rules(stay)
    capacities = placing.capacities(stay)
    packing = placing.pack(stay, replicas)
    back = [usage for _pod, usage in snapshot.replaced]
    quota = placing.quota_rows(replicas, back)
    allowed = 0 if pod.kept_out() else _quota.allowed(quota, replicas)
    surge = _rollout.surge(placing, replicas, replacement)
    unknowns = (*pod.unknowns, *snapshot.blind, *_dra(placing, packing))
    verdict = _verdict(pod, packing, replicas, quota, unknowns)
    if replacement.strategy == _rollout.ROLLING and verdict == "pass" and surge.verdict != "pass":
        verdict = surge.verdict
    return CapacityAnswer(
        pod=pod,
        replicas=replicas,
        verdict=verdict,
        packing=packing,
        granted=packing if allowed >= packing.possible else placing.pack(stay, allowed),
        slots=_slots(placing, stay, back, most=_MANY if rules is None or not rules.dynamic() else _SOME),
        capacities=tuple(capacities),
        ruled_out=_ruled_out(rules, capacities),
        excluded=placing.excluded,
        quota=tuple(quota),
        surge=surge,
        strategy=_rollout.ROLLING if surge.verdict == "pass" else _rollout.RECREATE,
        replaced=len(snapshot.replaced),
        holders=tuple(holders(placing, replicas, try_out=packing.certain < replicas)),
        evictable=tuple(by_evicting(placing, replicas)) if packing.certain < replicas else (),
        unknowns=unknowns,
        snapshot=snapshot,
    )


def _verdict(pod: Wanted, packing: Packing, replicas: int, quota: c.Sequence[_quota.Row], unknowns: c.Sequence[Unknown]) -> Verdict:
    if replicas == 0:
        return "pass"
    if pod.kept_out() or any(row.short or row.refused for row in quota):
        return "fail"
    if packing.possible < replicas:
        return "inconclusive" if any(unknown.opens for unknown in unknowns) else "fail"
    if unknowns or packing.certain < replicas or any(row.unknown for row in quota):
        return "inconclusive"
    return "pass"


def _slots(placing: Placing, stay: PodsByNode, back: c.Sequence[_quota.Usage], *, most: int) -> int:
    allowed = 0 if placing.pod.kept_out() else _quota.allowed(placing.quota_rows(most, back), most)
    return placing.pack(stay, allowed).possible


def _dra(placing: Placing, packing: Packing) -> c.Iterator[Unknown]:
    """GPUs allocated by ResourceClaims are in no pod's requests, so what looks free may not be."""
    asked = [name for name, amount in placing.pod.requests.items() if amount and _pod_resources.extended(name)]
    for name in asked:
        if name in placing.snapshot.dra_resources:
            yield Unknown(f"a DeviceClass also allocates {name} by DRA, which the nodes' allocatable resources do not show", opens=True)
        for node in sorted(placing.snapshot.dra_nodes & set(packing.placements)):
            yield Unknown(f"node {node} publishes devices by DRA (ResourceSlices), so its free {name} cannot be derived from pod requests")
            return


def _ruled_out(rules: Rules | None, capacities: c.Iterable[NodeCapacity]) -> dict[str, Reason]:
    if rules is None:
        return {}
    return {capacity.node.name: reason for capacity in capacities if (reason := rules.forbids(capacity.node))}


def kind(pod: Wanted) -> str:
    """The resource that matters: the first extended one, else memory."""
    return next((name for name, amount in sorted(pod.requests.items()) if amount and _pod_resources.extended(name)), "memory")


def holders(placing: Placing, replicas: int, *, try_out: bool) -> list[Holder]:
    """Lowest priority first, then those that would free enough, then the smallest. The replaced release is not among them."""
    resource = kind(placing.pod)
    gone = placing.gone()
    found: dict[tuple[str, str], Holder] = {}
    for node in placing.open:
        for pod in placing.snapshot.pods.get(node.name, ()):
            # A pod without a name is only reserved; there is nothing to scale down yet.
            if pod.name and pod.requests.get(resource) and (pod.namespace, pod.name) not in gone:
                holder = found.setdefault((pod.namespace, pod.release), Holder(pod.namespace, pod.release, resource, priority=pod.priority))
                holder.amount += pod.requests[resource]
                holder.priority = max(holder.priority, pod.priority)
                holder.pods.append(pod)
    order = sorted(found.values(), key=lambda each: (each.priority, each.amount, each.namespace, each.release))
    if try_out:
        _try(placing, replicas, order[:TRIED])
        order.sort(key=lambda each: (each.priority, not each.frees_enough, each.amount, each.namespace, each.release))
    return order


def by_evicting(placing: Placing, replicas: int) -> list[PodFacts]:
    """The pods of lower priority, when the replicas fit with all of them gone; the scheduler may then evict some."""
    if not placing.pod.preempts:
        return []
    lower = [pod for node in placing.open for pod in placing.snapshot.pods.get(node.name, ()) if pod.name and pod.priority < placing.pod.priority]
    gone = placing.gone() | {(pod.namespace, pod.name) for pod in lower}
    return lower if lower and placing.pack(placing.snapshot.without(gone), replicas).certain >= replicas else []


def _try(placing: Placing, replicas: int, candidates: list[Holder]) -> None:
    stay = placing.snapshot.without(placing.gone())
    capacities = {capacity.node.name: capacity for capacity in placing.capacities(stay)}
    for holder in candidates:
        names = {(pod.namespace, pod.name) for pod in holder.pods}
        freed = dict(stay)
        changed = dict(capacities)
        for node in {pod.node for pod in holder.pods}:
            freed[node] = [pod for pod in stay[node] if (pod.namespace, pod.name) not in names]
            changed[node] = _filters.node_capacity(placing.pod, capacities[node].node, freed[node])
        holder.frees_enough = _packing.pack(list(changed.values()), placing.rules(freed), replicas).certain >= replicas
