# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The fleet without any pod: what each pool of nodes has of each GPU product, what is used, and what is left in one piece."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from .. import _quantity
from . import _pod_resources
from ._objects import NodeFacts, PodFacts

_POOLS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "node-type",
)
_PRODUCTS = ("nvidia.com/gpu.product", "amd.com/gpu.product-name", "gpu.intel.com/product", "gpu-type")


@dataclasses.dataclass
class Group:
    """Nodes of one pool with one product, and one resource of theirs."""

    pool: str
    product: str
    resource: str
    nodes: int = 0
    closed: int = 0
    allocatable: int = 0
    used: int = 0
    free: int = 0
    largest_slot: int = 0
    whole: int = 0

    def row(self) -> dict[str, t.Any]:
        row = dataclasses.asdict(self)
        whole = row.pop("whole")
        # Of what is free: how much stands on nodes where others run already, so that it is no whole node.
        return {**row, "fragmentation": round(100 * (self.free - whole) / self.free) if self.free else 0}


def groups(nodes: c.Iterable[NodeFacts], pods: c.Mapping[str, c.Sequence[PodFacts]]) -> list[Group]:
    """Free is counted on nodes that are Ready and not cordoned; the others stand under ``closed``."""
    found: dict[tuple[str, str, str], Group] = {}
    for node in nodes:
        for resource, amount in node.allocatable.items():
            if _pod_resources.extended(resource) and amount:
                key = (_label(node, _POOLS), _label(node, _PRODUCTS), resource)
                _count(found.setdefault(key, Group(*key)), node, sum(pod.requests.get(resource, 0) for pod in pods.get(node.name, ())))
    return [found[key] for key in sorted(found)]


def message(found: c.Sequence[Group]) -> str:
    if not found:
        return "No node has a GPU or another extended resource."
    parts = []
    for group in found:
        noun = _quantity.noun(group.resource)
        what = f"{group.free} of {group.allocatable} {noun} free" + (f" ({group.product})" if group.product else "")
        closed = f", {group.closed} of {group.nodes} nodes cordoned or NotReady" if group.closed else ""
        parts.append(f"{group.pool or 'nodes without a pool'}: {what}, at most {group.largest_slot} on one node{closed}")
    return "; ".join(parts) + "."


def _count(group: Group, node: NodeFacts, used: int) -> None:
    amount = node.allocatable[group.resource]
    group.nodes += 1
    group.allocatable += amount
    group.used += used
    if node.unschedulable or not node.ready:
        group.closed += 1
        return
    free = max(0, amount - used)
    group.free += free
    group.largest_slot = max(group.largest_slot, free)
    group.whole += free if used == 0 else 0


def _label(node: NodeFacts, keys: c.Iterable[str]) -> str:
    return next((node.labels[key] for key in keys if node.labels.get(key)), "")
