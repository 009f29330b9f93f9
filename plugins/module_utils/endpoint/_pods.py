# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which pods are verified: a Service's ready ones, or only those of a Deployment's newest ReplicaSet."""

from __future__ import annotations

import dataclasses
import typing as t

from ..cluster._client import Client, NotFound
from ..rollout._state import Seen, newest_replica_set
from ._errors import UnknownError

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Pod:
    """One pod and the number of the port to speak to."""

    name: str
    port: int


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the model is said to be, as the module's options say it."""

    namespace: str
    service: str = ""
    deployment: str = ""
    pod: str = ""
    new_only: bool = False
    port: str = "http"


def find(client: Client, place: Place) -> list[Pod]:
    """The ready pods to verify, never none; raises UnknownError when there is none, or the object is missing."""
    try:
        if place.pod:
            return [_named(client, place)]
        if place.new_only or not place.service:
            return _of_deployment(client, place)
        return _of_service(client, place)
    except NotFound as error:
        raise UnknownError(f"{error}; check namespace, service, deployment and pod") from error


def gone(client: Client, namespace: str, names: t.Sequence[str]) -> list[str]:
    """Those that do not exist any more, or are on their way out."""
    left = []
    for name in names:
        try:
            pod = client.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        except NotFound:
            left.append(name)
        else:
            left += [name] if pod["metadata"].get("deletionTimestamp") else []
    return left


def ready(pod: Json) -> bool:
    """As the Service's endpoints see it: Ready and not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    up = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return up and not pod["metadata"].get("deletionTimestamp")


def port_number(pod: Json, wanted: str | int) -> int:
    """The number behind a container port's name; a number is its own."""
    if str(wanted).isdigit():
        return int(wanted)
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or []:
            if port.get("name") == wanted:
                return int(port["containerPort"])
    raise UnknownError(f"pod {pod['metadata']['name']} has no container port called {wanted}; give the number by pod_port")


def target_port(service: Json, wanted: str) -> str | int:
    """The pod's port behind the Service's port of that name or number, or behind its only one."""
    ports = service["spec"].get("ports") or []
    found = [port for port in ports if wanted in (port.get("name"), str(port["port"]))] or (ports if len(ports) == 1 else [])
    if not found:
        names = ", ".join(str(port.get("name") or port["port"]) for port in ports) or "none"
        raise UnknownError(f"Service {service['metadata']['name']} has no port {wanted}; it has {names}")
    return t.cast("str | int", found[0].get("targetPort") or found[0]["port"])


def newest(deployment: Json, replica_sets: t.Sequence[Json], pods: t.Sequence[Json]) -> list[Json]:
    """The ready pods of the Deployment's newest ReplicaSet, told apart by its pod-template-hash."""
    found = newest_replica_set(Seen(deployment, replica_sets, pods, []))
    template = (found["metadata"].get("labels") or {}).get("pod-template-hash") if found else None
    if not template:
        return []
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get("pod-template-hash") == template and ready(pod)]


def _named(client: Client, place: Place) -> Pod:
    pod = client.get(f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}")
    return Pod(place.pod, port_number(pod, place.port))


def _of_service(client: Client, place: Place) -> list[Pod]:
    service = client.get(f"/api/v1/namespaces/{place.namespace}/services/{place.service}")
    selector = service["spec"].get("selector") or {}
    if not selector:
        raise UnknownError(f"Service {place.namespace}/{place.service} selects no pods; give deployment or pod, or use the way direct")
    port = target_port(service, place.port)
    pods = [pod for pod in _list(client, place, selector) if ready(pod)]
    return _ports(pods, port, f"Service {place.namespace}/{place.service} has no ready pod")


def _of_deployment(client: Client, place: Place) -> list[Pod]:
    name = place.deployment or place.service
    apps = f"/apis/apps/v1/namespaces/{place.namespace}"
    deployment = client.get(f"{apps}/deployments/{name}")
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    pods = _list(client, place, labels)
    if place.new_only:
        pods = newest(deployment, client.items(f"{apps}/replicasets", _selector(labels)), pods)
    which = "ready pod of its newest ReplicaSet" if place.new_only else "ready pod"
    return _ports([pod for pod in pods if ready(pod)], place.port, f"Deployment {place.namespace}/{name} has no {which}")


def _ports(pods: t.Sequence[Json], port: str | int, none: str) -> list[Pod]:
    if not pods:
        raise UnknownError(f"{none}, so there is nothing to verify; wait for the rollout first")
    return sorted((Pod(pod["metadata"]["name"], port_number(pod, port)) for pod in pods), key=lambda pod: pod.name)


def _list(client: Client, place: Place, labels: t.Mapping[str, str]) -> list[Json]:
    return client.items(f"/api/v1/namespaces/{place.namespace}/pods", _selector(labels))


def _selector(labels: t.Mapping[str, str]) -> dict[str, str | int | bool]:
    return {"labelSelector": ",".join(f"{name}={value}" for name, value in sorted(labels.items()))}
