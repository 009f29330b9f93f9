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
import contextlib
import dataclasses
import datetime
import gc
import json

from ..cluster._client import Forbidden
from . import _context, _filters, _objects, _pages
from ._context import Source, restarted
from ._objects import NodeFacts, PodFacts
from ._placing import Snapshot
from ._wanted import Wanted

#: Pods of the first page: a cluster of at most so many is read in one request.
FIRST_PAGE = 100
PAGE = 500
#: Per-node lists are cheaper up to so many nodes per pod of the cluster.
NODES_PER_POD = 0.01
THREADS = 4
#: Up to so many nodes are read one by one when an answer is confirmed.
FEW = 8
_LIVE = "status.phase!=Succeeded,status.phase!=Failed"
_ANTI = b'"podAntiAffinity"'
_PODS, _NODES = "/api/v1/pods", "/api/v1/nodes"


def read(source: Source, wanted: c.Sequence[Wanted], replaced: str) -> Snapshot:
    """For the first of the ``wanted`` pods, with what is needed to place the others before it.

    ``replaced`` is a label selector for the pods that the first one replaces, or empty.
    """
    pod = wanted[0]
    # A look is short and makes no cycles, but collecting doubles the time of parsing.
    gc.disable()
    try:
        at, version, nodes = read_nodes(source, _labels_of(wanted))
        pods = read_pods(source, wanted, [node.name for node in nodes if any(_matters(each, node) for each in wanted)])
        dra_nodes, dra_resources = _context.devices(source, pod)
        return Snapshot(
            nodes=tuple(nodes),
            pods=by_node(pods, nodes),
            namespaces=_context.namespaces(source, wanted, pods),
            quotas=tuple(source.items(f"/api/v1/namespaces/{pod.namespace}/resourcequotas")),
            replaced=tuple(_context.replaced(source, pod.namespace, replaced)),
            volumes=_context.volumes(source, pod),
            blind=tuple(source.blind),
            dra_nodes=frozenset(node.name for node in nodes) if _context.EVERYWHERE in dra_nodes else dra_nodes,
            dra_resources=dra_resources,
            at=at,
            resource_version=version,
        )
    finally:
        gc.enable()


def confirmed(source: Source, wanted: c.Sequence[Wanted], snapshot: Snapshot, names: c.Collection[str]) -> Snapshot:
    """The same snapshot when the nodes still stand as they were read before their pods; else with the nodes as they are now."""
    known = {node.name: node for node in snapshot.nodes}
    now = _now(source, wanted, names)
    if all(now.get(name) == known[name] for name in names):
        return snapshot
    # A node that is gone by now takes what it had with it.
    nodes = tuple(now[node.name] if node.name in names else node for node in snapshot.nodes if node.name in now or node.name not in names)
    return dataclasses.replace(snapshot, nodes=nodes)


def _now(source: Source, wanted: c.Sequence[Wanted], names: c.Collection[str]) -> dict[str, NodeFacts]:
    if len(names) <= FEW:
        with contextlib.suppress(Forbidden):
            found = {name: source.one(f"{_NODES}/{name}") for name in names}
            return {name: NodeFacts.parse(manifest) for name, manifest in found.items() if manifest}
    return {node.name: node for node in read_nodes(source, _labels_of(wanted))[2]}


def _labels_of(wanted: c.Sequence[Wanted]) -> c.Mapping[str, str]:
    """Of the nodes that are read: what all selectors have in common. Rules between pods need all nodes: they count domains."""
    if any(pod.rules_between_pods() for pod in wanted):
        return {}
    others = [pod.node_selector.items() for pod in wanted[1:]]
    return {key: value for key, value in wanted[0].node_selector.items() if all((key, value) in other for other in others)}


def read_nodes(source: Source, labels: c.Mapping[str, str]) -> tuple[str, str, list[NodeFacts]]:
    """When and at which version they were read, and the nodes."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))} if labels else {}
    try:
        pages = restarted(lambda: list(source.pages(_NODES, query, PAGE, _reduced)))
    except Forbidden:
        source.forbidden("list", _NODES, opens=True)
        return at, "", []
    return at, pages[0][0], [node for _version, nodes in pages for node in nodes]


def read_pods(source: Source, wanted: c.Iterable[Wanted], names: c.Sequence[str]) -> list[PodFacts]:
    """The pods of the nodes ``names``; with rules between pods also those elsewhere that the rules are about."""
    ruled = [pod for pod in wanted if pod.rules_between_pods()]
    try:
        total, pods = next(source.pages(_PODS, {}, FIRST_PAGE, _first))
        if total is None:
            return pods
        if ruled or len(names) > total * NODES_PER_POD:
            return restarted(lambda: _scan(source, ruled, names))
        return _each(source, names)
    except Forbidden:
        source.forbidden("list", _PODS)
        return []


def by_node(pods: c.Iterable[PodFacts], nodes: c.Iterable[NodeFacts]) -> dict[str, list[PodFacts]]:
    found: dict[str, list[PodFacts]] = {node.name: [] for node in nodes}
    for pod in pods:
        if pod.node in found:
            found[pod.node].append(pod)
    return found


def _each(source: Source, names: c.Sequence[str]) -> list[PodFacts]:
    """One list per node, and one of the pods that are nominated for a node but not on it yet."""
    selectors = ["spec.nodeName=,status.nominatedNodeName!=", *(f"spec.nodeName={name}" for name in names)]
    threads = concurrent.futures.ThreadPoolExecutor(max_workers=min(THREADS, len(selectors)))
    try:
        lists = list(threads.map(lambda selector: _of_selector(source, selector), selectors))
    finally:
        # When one list fails the others would only fail too.
        threads.shutdown(cancel_futures=True)
    return [pod for pods in lists for pod in pods]


def _of_selector(source: Source, selector: str) -> list[PodFacts]:
    # resourceVersion=0 is served from the watch cache's index; without it an old etcd is asked for every pod.
    query = {"fieldSelector": f"{selector},{_LIVE}", "resourceVersion": "0"}
    return source.taken(_PODS, source.client.raw("GET", _PODS, query), lambda page: [PodFacts.parse(item) for item in _pages.every(page)])


def _scan(source: Source, ruled: c.Sequence[Wanted], names: c.Iterable[str]) -> list[PodFacts]:
    nodes = frozenset(name.encode() for name in names)
    terms = [term for pod in ruled for term in (*pod.anti_terms, *pod.affinity_terms)]
    everywhere = any(term.namespace_selector is not None for term in terms)
    about = {*(pod.namespace for pod in ruled), *(name for term in terms for name in term.namespaces)}
    also = [_ANTI, *(f'"namespace":"{name}"'.encode() for name in about)]

    def take(page: bytes) -> list[PodFacts]:
        items = _pages.whole(page) if everywhere else _pages.pods(page, nodes, also)
        return [PodFacts.parse(item) for item in items if _objects.counts(item)]

    return [pod for pods in source.pages(_PODS, {"fieldSelector": _LIVE}, PAGE, take) for pod in pods]


def _first(page: bytes) -> tuple[int | None, list[PodFacts]]:
    """How many pods there are when more follow; else None and all of them."""
    metadata = _pages.metadata(page)
    if metadata.get("continue"):
        return FIRST_PAGE + int(metadata.get("remainingItemCount") or 0), []
    return None, [PodFacts.parse(item) for item in _pages.every(page) if _objects.counts(item)]


def _reduced(page: bytes) -> tuple[str, list[NodeFacts]]:
    parsed = json.loads(page)
    return parsed["metadata"].get("resourceVersion", ""), [NodeFacts.parse(item) for item in parsed.get("items") or ()]


def _matters(pod: Wanted, node: NodeFacts) -> bool:
    """Whether the node's pods can change the answer."""
    if _filters.excluded(pod, node):
        return False
    return all(node.allocatable.get(name) for name, amount in pod.requests.items() if amount)
