# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads what one answer needs, by the cheapest calls that are exact.

Nodes come by the pod's own nodeSelector. Pods come in one page where the cluster is small, else per node (served from the API
server's index, a few milliseconds each), else by pages of the whole cluster; which of these is decided by count.
"""

from __future__ import annotations

import collections.abc as c
import concurrent.futures
import datetime
import gc
import json
import typing as t

from .._errors import InputError
from ..cluster._client import Client, Forbidden, Gone, NotFound
from . import _filters, _objects, _pages, _quota
from ._objects import Node, Pod
from ._request import Request
from ._requests import Json
from ._snapshot import Snapshot
from ._wanted import Unknown, Wanted, wanted

#: Pods of the first page: a cluster of at most so many is read in one request.
FIRST_PAGE = 200
PAGE = 500
#: Per-node lists are cheaper up to so many nodes per pod of the cluster.
NODES_PER_POD = 0.01
THREADS = 4
Found = t.TypeVar("Found")
_LIVE = "status.phase!=Succeeded,status.phase!=Failed"
_ANTI = b'"podAntiAffinity"'
_PODS, _NODES = "/api/v1/pods", "/api/v1/nodes"


class Reader:
    """One look at the cluster. ``blind`` collects what could not be read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.blind: list[Unknown] = []

    def wanted(self, request: Request) -> Wanted:
        """The pod with what the cluster adds to it: overhead and selector of its RuntimeClass, priority, namespace defaults."""
        template = request.template or {}
        spec = template.get("spec") or {}
        runtime = spec.get("runtimeClassName")
        return wanted(
            template,
            request.namespace,
            runtime_class=self._one(f"/apis/node.k8s.io/v1/runtimeclasses/{runtime}", "runtimeclasses", "node.k8s.io") if runtime else None,
            priority=self._priority(spec.get("priorityClassName")),
            limit_defaults=self._limit_defaults(spec, request.namespace),
        )

    def read(self, pod: Wanted, replaced: str) -> Snapshot:
        """``replaced`` is a label selector for the pods that will give way, or empty."""
        gc.disable()
        try:
            at, version, nodes = self._nodes(pod)
            pods = self._pods(pod, nodes)
            return Snapshot(
                nodes=tuple(nodes),
                pods=_by_node(pods, nodes),
                namespaces=self._namespaces(pod, pods),
                quotas=tuple(self._items(f"/api/v1/namespaces/{pod.namespace}/resourcequotas", "resourcequotas", pod.namespace)),
                replaced=tuple(self._replaced(pod.namespace, replaced)),
                blind=tuple(self.blind),
                at=at,
                resource_version=version,
            )
        finally:
            gc.enable()

    def _nodes(self, pod: Wanted) -> tuple[str, str, list[Node]]:
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        selector = ",".join(f"{key}={value}" for key, value in sorted(pod.node_selector.items()))
        # Rules between pods count domains over all nodes, also those the pod cannot use.
        query = {"labelSelector": selector} if selector and not pod.rules_between_pods() else {}
        try:
            pages = _restarted(lambda: [_reduced(page) for page in self._client.pages(_NODES, query, limit=PAGE)])
        except Forbidden:
            self.blind.append(Unknown(f"nodes cannot be listed: {rule('list', 'nodes')}", opens=True))
            return at, "", []
        return at, pages[0][0], [node for _version, nodes in pages for node in nodes]

    def _pods(self, pod: Wanted, nodes: c.Sequence[Node]) -> list[Pod]:
        names = [node.name for node in nodes if _matters(pod, node)]
        try:
            first = json.loads(self._client.raw("GET", _PODS, {"limit": FIRST_PAGE}))
            metadata = first["metadata"]
            if not metadata.get("continue"):
                return [Pod.parse(item) for item in first.get("items") or () if _objects.counts(item)]
            total = FIRST_PAGE + int(metadata.get("remainingItemCount") or 0)
            del first
            if pod.rules_between_pods() or len(names) > total * NODES_PER_POD:
                return self._scan(pod, names)
            return self._each(names)
        except Forbidden:
            self.blind.append(Unknown(f"what runs on the nodes cannot be read: {rule('list', 'pods')}"))
            return []

    def _each(self, names: c.Sequence[str]) -> list[Pod]:
        """One list per node, and one of the pods that are nominated for a node but not on it yet."""
        selectors = ["spec.nodeName=,status.nominatedNodeName!=", *(f"spec.nodeName={name}" for name in names)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(THREADS, len(selectors))) as threads:
            lists = list(threads.map(self._of_selector, selectors))
        return [pod for pods in lists for pod in pods]

    def _of_selector(self, selector: str) -> list[Pod]:
        # resourceVersion=0 is served from the watch cache's index; without it an old etcd is asked for every pod.
        page = self._client.raw("GET", _PODS, {"fieldSelector": f"{selector},{_LIVE}", "resourceVersion": 0})
        return [Pod.parse(item) for item in _pages.whole(page)]

    def _scan(self, pod: Wanted, names: c.Iterable[str]) -> list[Pod]:
        wanted = frozenset(name.encode() for name in names)
        also = [_ANTI]
        if pod.rules_between_pods():
            also += [f'"namespace":"{name}"'.encode() for name in _namespaces_of(pod)]

        def scan() -> list[Pod]:
            found = []
            for page in self._client.pages(_PODS, {"fieldSelector": _LIVE}, limit=PAGE):
                items = _pages.whole(page) if any_namespace else _pages.pods(page, wanted, also)
                found += [Pod.parse(item) for item in items if _objects.counts(item)]
            return found

        any_namespace = any(term.namespace_selector is not None for term in (*pod.anti_terms, *pod.affinity_terms))
        return _restarted(scan)

    def _replaced(self, namespace: str, selector: str) -> c.Iterator[tuple[Pod, _quota.Usage]]:
        if not selector:
            return
        for item in self._items(f"/api/v1/namespaces/{namespace}/pods", "pods", namespace, {"labelSelector": selector}):
            # A Job's pods run to their own end; they are not replaced by a new revision.
            if _objects.counts(item) and _objects.owner_kind(item["metadata"]) in ("ReplicaSet", "StatefulSet"):
                yield Pod.parse(item), _quota.usage(item, f"pod {namespace}/{item['metadata']['name']}")

    def _namespaces(self, pod: Wanted, pods: c.Iterable[Pod]) -> dict[str, c.Mapping[str, str]]:
        terms = [*pod.anti_terms, *pod.affinity_terms, *(term for other in pods for term in other.anti_terms)]
        if not any(term.namespace_selector for term in terms):
            return {}
        return {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in self._items("/api/v1/namespaces", "namespaces", "")}

    def _priority(self, name: str | None) -> int:
        if not name:
            return 0
        found = self._one(f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}", "priorityclasses", "scheduling.k8s.io")
        return int((found or {}).get("value") or 0)

    def _limit_defaults(self, spec: Json, namespace: str) -> Json:
        """What a LimitRange gives to containers that do not say; asked only when one does not."""
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        if all(_complete(container) for container in containers):
            return {}
        merged: dict[str, dict[str, t.Any]] = {"default": {}, "defaultRequest": {}}
        for item in self._items(f"/api/v1/namespaces/{namespace}/limitranges", "limitranges", namespace):
            for entry in item["spec"].get("limits") or ():
                if entry.get("type") == "Container":
                    for section, values in merged.items():
                        values.update(entry.get(section) or {})
        return merged

    def _one(self, path: str, resource: str, group: str) -> Json | None:
        name = path.rpartition("/")[2]
        try:
            return self._client.get(path)
        except NotFound as error:
            raise InputError(f"the pod names {resource} {name}, which the cluster does not have; create it or correct the name") from error
        except Forbidden:
            self.blind.append(Unknown(f"{resource} {name} cannot be read: {rule('get', resource, group=group)}"))
            return None

    def _items(self, path: str, resource: str, namespace: str, query: t.Mapping[str, str] | None = None) -> list[Json]:
        try:
            return list(_restarted(lambda: self._client.items(path, query)))
        except Forbidden:
            self.blind.append(Unknown(f"{resource} cannot be listed: {rule('list', resource, namespace=namespace)}"))
            return []


def rule(verb: str, resource: str, *, group: str = "", namespace: str = "") -> str:
    """The RBAC rule to ask for, as it is written in a Role."""
    where = f"a Role in {namespace}" if namespace else "a ClusterRole"
    return f'ask for {where} with {{apiGroups: ["{group}"], resources: [{resource}], verbs: [{verb}]}}'


def _complete(container: Json) -> bool:
    limits = (container.get("resources") or {}).get("limits") or {}
    return "cpu" in limits and "memory" in limits


def _restarted(read: t.Callable[[], Found]) -> Found:
    """A list that expires half way (410) is begun again once."""
    try:
        return read()
    except Gone:
        return read()


def _reduced(page: bytes) -> tuple[str, list[Node]]:
    parsed = json.loads(page)
    return parsed["metadata"].get("resourceVersion", ""), [Node.parse(item) for item in parsed.get("items") or ()]


def _matters(pod: Wanted, node: Node) -> bool:
    """Whether the node's pods can change the answer."""
    if _filters.excluded(pod, node):
        return False
    return all(node.allocatable.get(name) for name, amount in pod.requests.items() if amount)


def _namespaces_of(pod: Wanted) -> set[str]:
    return {pod.namespace, *(name for term in (*pod.anti_terms, *pod.affinity_terms) for name in term.namespaces)}


def _by_node(pods: c.Iterable[Pod], nodes: c.Iterable[Node]) -> dict[str, list[Pod]]:
    found: dict[str, list[Pod]] = {node.name: [] for node in nodes}
    for pod in pods:
        if pod.node in found:
            found[pod.node].append(pod)
    return found
