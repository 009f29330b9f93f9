# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Nodes and pods, reduced to what scheduling reads."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import ipaddress

from . import _pod_resources
from ._pod_resources import Amounts, Json

#: (protocol, host IP, port) that only one pod of a node may hold.
HostPort = tuple[str, str, int]

#: The API's word for "every address of the node".
_ANY_IP = str(ipaddress.IPv4Address(0))


@dataclasses.dataclass(frozen=True)
class NodeFacts:
    """A node as the scheduler sees it, with the kubelet's readiness, which the scheduler does not read."""

    name: str
    labels: c.Mapping[str, str]
    taints: tuple[Json, ...]
    unschedulable: bool
    ready: bool
    allocatable: Amounts

    @classmethod
    def parse(cls, manifest: Json) -> NodeFacts:
        metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
        ready = any(entry.get("type") == "Ready" and entry.get("status") == "True" for entry in status.get("conditions") or ())
        return cls(
            name=metadata["name"],
            labels=metadata.get("labels") or {},
            taints=tuple(spec.get("taints") or ()),
            unschedulable=bool(spec.get("unschedulable")),
            ready=ready,
            allocatable=_pod_resources.amounts(_pod_resources.stored(status.get("allocatable"), f"node {metadata['name']}: allocatable")),
        )


@dataclasses.dataclass(frozen=True)
class Term:
    """A required pod (anti-)affinity term. ``namespaces`` are names; ``namespace_selector`` may add more of them."""

    topology_key: str
    selector: Json | None
    namespaces: frozenset[str]
    namespace_selector: Json | None


@dataclasses.dataclass(frozen=True)
class Shape:
    """What of a pod its spec alone says; the pods of a workload share it. ``requests`` are without resizes under way."""

    spec: Json
    requests: Amounts
    priority: int
    claims: bool
    host_ports: frozenset[HostPort]
    anti_affinity: Json | None

    @classmethod
    def of(cls, spec: Json, where: str) -> Shape:
        return cls(
            spec=spec,
            requests=_pod_resources.amounts(_pod_resources.requests(spec, None, where)),
            priority=spec.get("priority") or 0,
            claims=bool(spec.get("resourceClaims")),
            host_ports=host_ports(spec),
            anti_affinity=(spec.get("affinity") or {}).get("podAntiAffinity"),
        )


@dataclasses.dataclass(frozen=True)
class PodFacts:
    """A pod that holds its requests on ``node``: bound to it, or nominated for it."""

    namespace: str
    name: str
    node: str
    labels: c.Mapping[str, str]
    requests: Amounts
    priority: int
    terminating: bool
    nominated: bool
    owner: str
    owner_kind: str
    release: str
    claims: bool
    host_ports: frozenset[HostPort]
    anti_terms: tuple[Term, ...]

    @classmethod
    def parse(cls, manifest: Json) -> PodFacts:
        """``manifest`` may bring its ``shape``, where the text of its spec has been read before."""
        metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
        namespace, labels = metadata.get("namespace", ""), metadata.get("labels") or {}
        where = f"pod {namespace}/{metadata['name']}"
        shape: Shape = manifest.get("shape") or Shape.of(spec, where)
        owner, kind = owner_of(metadata)
        return cls(
            namespace=namespace,
            name=metadata["name"],
            node=spec.get("nodeName") or status.get("nominatedNodeName") or "",
            labels=labels,
            requests=shape.requests if _pod_resources.settled(spec, status) else _pod_resources.amounts(_pod_resources.requests(spec, status, where)),
            priority=shape.priority,
            terminating=bool(metadata.get("deletionTimestamp")),
            nominated=not spec.get("nodeName"),
            owner=owner,
            owner_kind=kind,
            release=labels.get("app.kubernetes.io/instance") or owner or metadata["name"],
            claims=shape.claims,
            host_ports=shape.host_ports,
            anti_terms=terms(shape.anti_affinity, namespace) if shape.anti_affinity else (),
        )


def counts(manifest: Json) -> bool:
    """Whether a pod holds anything: terminal ones do not, Terminating ones do until they are gone."""
    return (manifest.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def owner_of(metadata: Json) -> tuple[str, str]:
    """What a person calls the owner (a ReplicaSet's name without its hash is its Deployment's), and its kind."""
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            name, kind = str(reference.get("name", "")), str(reference.get("kind"))
            suffix = (metadata.get("labels") or {}).get("pod-template-hash")
            return name.removesuffix(f"-{suffix}") if kind == "ReplicaSet" and suffix else name, kind
    return "", ""


def terms(affinity: Json | None, namespace: str) -> tuple[Term, ...]:
    """Required terms; without namespaces and namespaceSelector a term means the pod's own namespace."""
    required = (affinity or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(
        Term(
            topology_key=entry.get("topologyKey", ""),
            selector=entry.get("labelSelector"),
            namespaces=frozenset(entry.get("namespaces") or ([namespace] if entry.get("namespaceSelector") is None else [])),
            namespace_selector=entry.get("namespaceSelector"),
        )
        for entry in required
    )


def host_ports(spec: Json) -> frozenset[HostPort]:
    """Ports of the node that the pod takes; on the host's network every container port is one."""
    every = bool(spec.get("hostNetwork"))
    containers = [*(spec.get("containers") or ()), *(entry for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always")]
    found = set()
    for container in containers:
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port.get("containerPort") if every else None)
            if number:
                found.add((port.get("protocol") or "TCP", port.get("hostIP") or _ANY_IP, int(number)))
    return frozenset(found)


def ports_clash(one: c.Iterable[HostPort], other: c.Collection[HostPort]) -> HostPort | None:
    for protocol, address, number in one:
        for taken_protocol, taken_address, taken in other:
            same = protocol == taken_protocol and number == taken
            if same and (address == taken_address or _ANY_IP in (address, taken_address)):
                return protocol, address, number
    return None
