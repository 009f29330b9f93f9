# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!


"""One pod against what was read of the cluster: which nodes are open to it, what they have left, and how many replicas they take.

The snapshot is made by the reader, or by hand in tests: everything after it is pure.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses

from . import _filters, _labels, _packing, _quota
from ._filters import NodeCapacity, Reason
from ._objects import NodeFacts, PodFacts
from ._packing import Packing
from ._pod_resources import Json
from ._quota import Usage
from ._rules import Rules
from ._wanted import Unknown, Wanted

PodsByNode = c.Mapping[str, c.Sequence[PodFacts]]


@dataclasses.dataclass(frozen=True)
class Volume:
    """A claim of the pod whose volume exists: only nodes that one of ``terms`` matches can mount it."""

    claim: str
    terms: tuple[Json, ...]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """``pods`` are by node. ``volumes`` tie the pod to nodes; ``blind`` is what could not be read."""

    nodes: tuple[NodeFacts, ...]
    pods: c.Mapping[str, c.Sequence[PodFacts]]
    namespaces: c.Mapping[str, c.Mapping[str, str]] = dataclasses.field(default_factory=dict)
    quotas: tuple[Json, ...] = ()
    replaced: tuple[tuple[PodFacts, Usage], ...] = ()
    volumes: tuple[Volume, ...] = ()
    blind: tuple[Unknown, ...] = ()
    dra_nodes: frozenset[str] = frozenset()
    dra_resources: frozenset[str] = frozenset()
    at: str = ""
    resource_version: str = ""

    def without(self, gone: c.Collection[tuple[str, str]]) -> dict[str, c.Sequence[PodFacts]]:
        """Pods by node, less those whose (namespace, name) is in ``gone``."""
        if not gone:
            return dict(self.pods)
        return {node: [pod for pod in pods if (pod.namespace, pod.name) not in gone] for node, pods in self.pods.items()}


class Placing:
    """One pod against one snapshot: nodes that are open to it, and packings for any set of pods that stay."""

    def __init__(self, pod: Wanted, snapshot: Snapshot) -> None:
        self.pod = pod
        self.snapshot = snapshot
        self.excluded = {node.name: reason for node in snapshot.nodes if (reason := _filters.excluded(pod, node) or _cannot_mount(snapshot, node))}
        self.open: list[NodeFacts] = [node for node in snapshot.nodes if node.name not in self.excluded]
        self._known: dict[str, tuple[c.Sequence[PodFacts], NodeCapacity]] = {}
        others = any(pod.anti_terms for pods in snapshot.pods.values() for pod in pods)
        self._ruled = pod.rules_between_pods() or others

    def rules(self, pods: PodsByNode) -> Rules | None:
        return Rules(self.pod, self.snapshot.nodes, pods, self.snapshot.namespaces) if self._ruled else None

    def capacities(self, pods: PodsByNode) -> list[NodeCapacity]:
        return [self._capacity(node, pods.get(node.name, ())) for node in self.open]

    def _capacity(self, node: NodeFacts, pods: c.Sequence[PodFacts]) -> NodeCapacity:
        """The same pods are summed once, however many packings ask."""
        known = self._known.get(node.name)
        if known is None or known[0] is not pods:
            known = self._known[node.name] = (pods, _filters.node_capacity(self.pod, node, pods))
        return known[1]

    def pack(self, pods: PodsByNode, most: int) -> Packing:
        return _packing.pack(self.capacities(pods), self.rules(pods), most)

    def gone(self) -> frozenset[tuple[str, str]]:
        return frozenset((pod.namespace, pod.name) for pod, _usage in self.snapshot.replaced)

    def quota_rows(self, replicas: int, given_back: c.Sequence[_quota.Usage]) -> list[_quota.Row]:
        return _quota.rows(self.snapshot.quotas, self.pod, replicas, given_back)


def _cannot_mount(snapshot: Snapshot, node: NodeFacts) -> Reason | None:
    for volume in snapshot.volumes:
        if not _labels.node_matches(volume.terms, node.labels, node.name):
            return Reason("volume", f"cannot mount the volume of the PersistentVolumeClaim {volume.claim}")
    return None


def as_placed(pod: Wanted, node: str) -> PodFacts:
    return PodFacts(
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
