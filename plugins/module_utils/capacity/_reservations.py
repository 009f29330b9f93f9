# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Pods that are about to be created for other releases, placed before those of the question, with the same packing. Pure.

Where the scheduler will really put them nobody knows yet; what is held to is the amount: what is reserved once is not counted as free again.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses

from . import _filters, _labels, _quota
from ._objects import NodeFacts, PodFacts
from ._placing import Placing, Snapshot, as_placed
from ._pod_resources import Amounts
from ._question import Question
from ._rules import Rules
from ._wanted import Wanted

#: What replaces its pods one by one; a Job's pods run to their own end.
REPLACING = ("ReplicaSet", "StatefulSet")


@dataclasses.dataclass(frozen=True)
class Reservation:
    """``question`` is the other release's, ``pod`` its pod; ``created`` is how many pods it has, with a node or without.

    ``holder`` is the run that claims it, or empty where the task itself names it.
    """

    question: Question
    pod: Wanted
    created: int = 0
    holder: str = ""


@dataclasses.dataclass(frozen=True)
class Placed:
    """What a reservation takes: ``coming`` pods, of which ``placements`` shows those that fit."""

    reservation: Reservation
    coming: int
    placements: c.Mapping[str, int]


def reserve(snapshot: Snapshot, reservations: c.Iterable[Reservation], namespace: str) -> tuple[Snapshot, tuple[Placed, ...]]:
    """``snapshot`` with the reserved pods on its nodes, first come first, and in the quotas of ``namespace``."""
    placed = []
    for reservation in reservations:
        if reservation.pod.kept_out():
            continue
        snapshot, one = _one(snapshot, reservation, namespace)
        placed.append(one)
    return snapshot, tuple(placed)


def checked(pod: Wanted) -> Wanted:
    """Raises here what would be raised while it is placed: a claim is written by others, and only its outside has been looked at."""
    keys = [*(term.topology_key for term in (*pod.anti_terms, *pod.affinity_terms)), *(rule.topology_key for rule in pod.spread)]
    labels = {**pod.node_selector, **dict.fromkeys(keys, "")}
    node = NodeFacts("", labels, (), unschedulable=False, ready=True, allocatable={})
    _filters.untolerated([{"key": "", "value": "", "effect": effect} for effect in ("NoSchedule", "NoExecute")], pod.tolerations)
    _labels.node_matches(pod.node_affinity or (), labels, "")
    rules = Rules(pod, [node], {"": [as_placed(pod, "")]}, {pod.namespace: {}})
    rules.forbids(node)
    hash(rules.signature(node, ()))
    return pod


def _one(snapshot: Snapshot, reservation: Reservation, namespace: str) -> tuple[Snapshot, Placed]:
    question, pod = reservation.question, reservation.pod
    # The volumes and the replaced pods of the snapshot are those of the question that is answered.
    placing = Placing(pod, dataclasses.replace(snapshot, volumes=(), replaced=()))
    own = [other for node in placing.open for other in snapshot.pods.get(node.name, ()) if _is_of(other, question) and not other.nominated]
    # Pods of the same size hold the places of the new ones until these take them over.
    same = [other for other in own if other.requests == pod.requests]
    most = question.replicas + (question.how.surge(question.replicas) if (own or reservation.created) and question.how.strategy != "Recreate" else 0)
    coming = max(0, most - len(same))
    packing = placing.pack(snapshot.pods, coming)
    pods = snapshot.without(())
    giving_way = [other for other in own if other.requests != pod.requests]
    if giving_way and packing.possible < coming:
        pods = snapshot.without({(other.namespace, other.name) for other in giving_way})
        packing = placing.pack(pods, coming)
    for name, count in packing.placements.items():
        pods[name] = [*pods.get(name, ()), *[as_placed(pod, name)] * count]
    # What gives way still holds what it has where the new pods leave it that.
    for node in placing.open:
        for other in giving_way:
            if other.node == node.name and other not in pods[node.name] and _fits_beside(node, pods[node.name], other):
                pods[node.name] = [*pods[node.name], other]
    quotas = snapshot.quotas
    if question.namespace == namespace:
        quotas = _quota.charged(quotas, pod, max(0, most - max(reservation.created, len(own))))
    return dataclasses.replace(snapshot, pods=pods, quotas=quotas), Placed(reservation, coming, packing.placements)


def _is_of(pod: PodFacts, question: Question) -> bool:
    return pod.namespace == question.namespace and pod.release == question.release and pod.owner_kind in REPLACING


def _fits_beside(node: NodeFacts, pods: c.Sequence[PodFacts], other: PodFacts) -> bool:
    held: Amounts = {}
    for pod in pods:
        for name, amount in pod.requests.items():
            held[name] = held.get(name, 0) + amount
    return len(pods) < node.allocatable.get("pods", 0) and all(
        held.get(name, 0) + amount <= node.allocatable.get(name, 0) for name, amount in other.requests.items() if amount
    )
