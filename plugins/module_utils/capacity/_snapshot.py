# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What was read of the cluster for one answer. Made by the reader, or by hand in tests: everything after it is pure."""

from __future__ import annotations

import collections.abc as c
import dataclasses

from ._objects import Node, Pod
from ._quota import Usage
from ._requests import Json
from ._wanted import Unknown


@dataclasses.dataclass(frozen=True)
class Volume:
    """A claim of the pod whose volume exists: only nodes that one of ``terms`` matches can mount it."""

    claim: str
    terms: tuple[Json, ...]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """``pods`` are by node. ``volumes`` tie the pod to nodes; ``blind`` is what could not be read."""

    nodes: tuple[Node, ...]
    pods: c.Mapping[str, c.Sequence[Pod]]
    namespaces: c.Mapping[str, c.Mapping[str, str]] = dataclasses.field(default_factory=dict)
    quotas: tuple[Json, ...] = ()
    replaced: tuple[tuple[Pod, Usage], ...] = ()
    volumes: tuple[Volume, ...] = ()
    blind: tuple[Unknown, ...] = ()
    dra_nodes: frozenset[str] = frozenset()
    dra_resources: frozenset[str] = frozenset()
    at: str = ""
    resource_version: str = ""

    def without(self, gone: c.Collection[tuple[str, str]]) -> dict[str, c.Sequence[Pod]]:
        """Pods by node, less those whose (namespace, name) is in ``gone``."""
        if not gone:
            return dict(self.pods)
        return {node: [pod for pod in pods if (pod.namespace, pod.name) not in gone] for node, pods in self.pods.items()}


@dataclasses.dataclass(frozen=True)
class Replacement:
    """How the pods that are there give way to the new ones."""

    strategy: str = "auto"
    max_surge: int | str = 1
    max_unavailable: int | str = 0

    def surge(self, replicas: int) -> int:
        return _share(self.max_surge, replicas, up=True)

    def unavailable(self, replicas: int) -> int:
        return _share(self.max_unavailable, replicas, up=False)


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    """A number, or a percentage of the replicas: surge is rounded up and unavailable down, as Deployments do."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    share = int(text[:-1]) * replicas
    return -(-share // 100) if up else share // 100
