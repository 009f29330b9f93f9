# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether a rolling update can run to its end on the room there is, or only a stop of the old pods first."""

from __future__ import annotations

import collections.abc as c
import dataclasses

from . import _filters, _labels, _packing, _quota
from ._filters import Reason, Room
from ._objects import Node, Pod
from ._packing import Packing
from ._rules import Rules
from ._snapshot import Replacement, Snapshot
from ._wanted import Wanted

ROLLING, RECREATE = "RollingUpdate", "Recreate"
_OPEN = "whether the extra pod fits depends on which nodes the scheduler takes first"
PodsByNode = c.Mapping[str, c.Sequence[Pod]]


class Placing:
    """One pod against one snapshot: nodes that are open to it, and packings for any set of pods that stay."""

    def __init__(self, pod: Wanted, snapshot: Snapshot) -> None:
        self.pod = pod
        self.snapshot = snapshot
        self.excluded = {node.name: reason for node in snapshot.nodes if (reason := _filters.excluded(pod, node) or _cannot_mount(snapshot, node))}
        self.open: list[Node] = [node for node in snapshot.nodes if node.name not in self.excluded]
        self._known: dict[str, tuple[c.Sequence[Pod], Room]] = {}
        others = any(pod.anti_terms for pods in snapshot.pods.values() for pod in pods)
        self._ruled = pod.rules_between_pods() or others

    def rules(self, pods: PodsByNode) -> Rules | None:
        return Rules(self.pod, self.snapshot.nodes, pods, self.snapshot.namespaces) if self._ruled else None

    def rooms(self, pods: PodsByNode) -> list[Room]:
        return [self._room(node, pods.get(node.name, ())) for node in self.open]

    def _room(self, node: Node, pods: c.Sequence[Pod]) -> Room:
        """The same pods are summed once, however many packings ask."""
        known = self._known.get(node.name)
        if known is None or known[0] is not pods:
            known = self._known[node.name] = (pods, _filters.room(self.pod, node, pods))
        return known[1]

    def pack(self, pods: PodsByNode, most: int) -> Packing:
        return _packing.pack(self.rooms(pods), self.rules(pods), most)

    def gone(self) -> frozenset[tuple[str, str]]:
        return frozenset((pod.namespace, pod.name) for pod, _usage in self.snapshot.replaced)

    def quota_rows(self, replicas: int, given_back: c.Sequence[_quota.Usage]) -> list[_quota.Row]:
        return _quota.rows(self.snapshot.quotas, self.pod, replicas, given_back)


def _cannot_mount(snapshot: Snapshot, node: Node) -> Reason | None:
    for volume in snapshot.volumes:
        if not _labels.node_matches(volume.terms, node.labels, node.name):
            return Reason("volume", f"cannot mount the volume of the claim {volume.claim}")
    return None


@dataclasses.dataclass(frozen=True)
class Surge:
    """The extra pods of a rolling update. ``fits`` is "true", "false" or "unknown"; ``why`` says what stops it."""

    pods: int
    fits: str
    why: str


def surge(placing: Placing, replicas: int, how: Replacement) -> Surge:
    """Runs the Deployment controller's steps in thought: new pods as far as allowed, then old ones out, until done or stuck."""
    extra, unavailable = how.surge(replicas), how.unavailable(replicas)
    if replicas == 0:
        return Surge(extra, "true", "")
    old = [pod for pod, _usage in placing.snapshot.replaced if not pod.terminating]
    if not old:
        return _for_later(placing, replicas, extra)
    first = max(0, replicas + extra - len(old))
    row = next((row for row in placing.quota_rows(first, ()) if row.short), None)
    if row and unavailable == 0:
        return Surge(extra, "false", f"the quota {row.quota} leaves no room for an extra pod ({row.resource})")
    return _simulated(placing, replicas, extra, unavailable, old)


def _for_later(placing: Placing, replicas: int, extra: int) -> Surge:
    """Nothing runs yet: would there be room for the extra pods beside the replicas at the next change?"""
    packing = placing.pack(placing.snapshot.pods, replicas + extra)
    row = next((row for row in placing.quota_rows(replicas + extra, ()) if row.short), None)
    if row:
        return Surge(extra, "false", f"the quota {row.quota} leaves no room for an extra pod ({row.resource})")
    if packing.certain >= replicas + extra:
        return Surge(extra, "true", "")
    if packing.possible < replicas + extra:
        return Surge(extra, "false", "no node has room for one more replica beside these")
    return Surge(extra, "unknown", _OPEN)


def _simulated(placing: Placing, replicas: int, extra: int, unavailable: int, old: list[Pod]) -> Surge:
    staying = _least_helpful_first(placing, old)
    placed: dict[str, int] = {}
    verdict = "true"
    while sum(placed.values()) < replicas:
        new = sum(placed.values())
        keep = max(0, replicas - unavailable - new)
        removed = len(staying) - keep
        if removed > 0:
            del staying[:removed]
        allowed = min(replicas - new, replicas + extra - new - len(staying))
        packing = _with_placed(placing, staying, placed, max(0, allowed))
        if packing.certain < packing.possible:
            verdict = "unknown"
        if not packing.placements and removed <= 0:
            return Surge(extra, "false" if verdict == "true" else "unknown", _stuck(new, replicas))
        for node, count in packing.placements.items():
            placed[node] = placed.get(node, 0) + count
    return Surge(extra, verdict, "" if verdict == "true" else _OPEN)


def _with_placed(placing: Placing, staying: c.Sequence[Pod], placed: c.Mapping[str, int], most: int) -> Packing:
    keep = {(pod.namespace, pod.name) for pod in staying}
    pods = placing.snapshot.without(placing.gone() - keep)
    for node, count in placed.items():
        pods[node] = [*pods.get(node, ()), *[_as_placed(placing.pod, node)] * count]
    return placing.pack(pods, most)


def _as_placed(pod: Wanted, node: str) -> Pod:
    return Pod(
        namespace=pod.namespace,
        name="",
        node=node,
        labels=pod.labels,
        requests=pod.requests,
        priority=pod.priority,
        terminating=False,
        nominated=False,
        owner="",
        owner_kind="ReplicaSet",
        release="",
        claims=False,
        host_ports=pod.host_ports,
        anti_terms=pod.anti_terms,
    )


def _least_helpful_first(placing: Placing, old: c.Sequence[Pod]) -> list[Pod]:
    """Nobody promises which old pod goes first, so the order is the one that helps least."""
    before = {room.node.name: room.fits for room in placing.rooms(placing.snapshot.pods)}

    def helps(pod: Pod) -> int:
        after = placing.snapshot.without({(pod.namespace, pod.name)})
        node = next((node for node in placing.open if node.name == pod.node), None)
        return _filters.room(placing.pod, node, after.get(node.name, ())).fits - before[node.name] if node else 0

    return sorted(old, key=lambda pod: (helps(pod), pod.name))


def _stuck(new: int, replicas: int) -> str:
    if new == 0:
        return "no node has room for an extra pod beside the old ones"
    return f"it would stop after {new} of {replicas} replicas: no room for the next beside the old ones"
