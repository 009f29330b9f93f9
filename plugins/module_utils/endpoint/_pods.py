# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which pods are verified: a Service's ready ones, or only those of a Deployment's newest ReplicaSet; and what they are a release of."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import DeadlineError
from ..cluster._client import ApiError, Client, NotFound, Unreachable
from ..rollout._state import Seen, newest_replica_set
from ._errors import UnknownError

Json = dict[str, t.Any]

RELEASE_LABEL, HASH_LABEL, BUNDLE = "app.kubernetes.io/instance", "pod-template-hash", "inference.vllm/bundle"


@dataclasses.dataclass(frozen=True)
class VerifiedPod:
    """One pod and the number of the port to speak to."""

    name: str
    port: int


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the model is, by the module's options."""

    namespace: str
    service: str = ""
    deployment: str = ""
    pod: str = ""
    new_only: bool = False
    port: str = "http"


@dataclasses.dataclass(frozen=True)
class Selection:
    """The pods to verify. ``subject`` is what they are evidence of; ``deployment`` is the one they were selected by, if any."""

    pods: tuple[VerifiedPod, ...]
    subject: Json
    deployment: Json | None = None


def find(client: Client, place: Place) -> Selection:
    """The ready pods to verify, never none; raises UnknownError when there is none, or the object is missing."""
    try:
        if place.pod:
            return _named(client, place)
        if place.new_only or not place.service:
            return _of_deployment(client, place)
        return _of_service(client, place)
    except NotFound as error:
        raise UnknownError(f"{error}; check namespace, service, deployment and pod", code="not_found") from error


def behind(client: Client, place: Place) -> Json:
    """The subject of whatever a Service sends to, for a transport that does not choose the pod; as far as this user may read it."""
    try:
        service = client.get(f"/api/v1/namespaces/{place.namespace}/services/{place.service}")
        selector = service["spec"].get("selector") or {}
        pods = [pod for pod in _list(client, place, selector) if ready(pod)] if selector else []
    except (ApiError, Unreachable):
        return {"namespace": place.namespace}
    return subject(client, place.namespace, pods)


def gone(client: Client, namespace: str, names: t.Sequence[str]) -> list[str]:
    """Those that do not exist any more, or are terminating."""
    left = []
    for name in names:
        try:
            pod = client.get(f"/api/v1/namespaces/{namespace}/pods/{name}")
        except NotFound:
            left.append(name)
        else:
            left += [name] if pod["metadata"].get("deletionTimestamp") else []
    return left


def superseded(client: Client, before: Json) -> bool:
    """Whether the Deployment has another newest ReplicaSet than ``before``: it has one for each pod template."""
    metadata = before["metadata"]
    try:
        now = client.get(f"/apis/apps/v1/namespaces/{metadata['namespace']}/deployments/{metadata['name']}")
    except NotFound:
        return True
    return bool(now["metadata"]["uid"] != metadata["uid"] or now["spec"]["template"] != before["spec"]["template"])


def ready(pod: Json) -> bool:
    """As the Service's endpoints see it: Ready and not terminating."""
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
    raise UnknownError(f"pod {pod['metadata']['name']} has no container port named {wanted}; give the number as pod_port", code="not_found")


def target_port(service: Json, wanted: str) -> str | int:
    """The pod's port behind the Service's port of that name or number, or behind its only one."""
    ports = service["spec"].get("ports") or []
    found = [port for port in ports if wanted in (port.get("name"), str(port["port"]))] or (ports if len(ports) == 1 else [])
    if not found:
        names = ", ".join(str(port.get("name") or port["port"]) for port in ports) or "none"
        raise UnknownError(f"Service {service['metadata']['name']} has no port {wanted}; it has {names}", code="not_found")
    return t.cast("str | int", found[0].get("targetPort") or found[0]["port"])


def newest(deployment: Json, replica_sets: t.Sequence[Json], pods: t.Sequence[Json]) -> list[Json]:
    """The ready pods of the Deployment's newest ReplicaSet, recognized by its pod-template-hash."""
    found = newest_replica_set(Seen(deployment, replica_sets, pods, []))
    template = _label(found, HASH_LABEL) if found else ""
    return [pod for pod in pods if template and _label(pod, HASH_LABEL) == template and ready(pod)]


def subject(
    client: Client, namespace: str, pods: t.Sequence[Json], deployment: Json | None = None, replica_sets: t.Sequence[Json] | None = None
) -> dict[str, t.Any]:
    """Of what the pods are evidence, read from themselves and their owners. What they do not agree on, or cannot be read, is empty."""
    release, template = (_only([_label(pod, name) for pod in pods]) for name in (RELEASE_LABEL, HASH_LABEL))
    bundle = _only([_annotation(pod, BUNDLE) for pod in pods])
    if template and not bundle:
        try:
            bundle = _owners_bundle(client, namespace, pods, template, deployment, replica_sets)
        except (ApiError, Unreachable, DeadlineError):
            # Whoever may forward ports need not have the right to read ReplicaSets; the verification itself goes on.
            bundle = ""
    names = sorted(pod["metadata"]["name"] for pod in pods)
    return {"namespace": namespace, "release": release, "bundle": bundle, "template_hash": template, "pods": names}


def _owners_bundle(
    client: Client, namespace: str, pods: t.Sequence[Json], template: str, deployment: Json | None, replica_sets: t.Sequence[Json] | None
) -> str:
    """The Deployment's annotation is about its newest ReplicaSet only. The controller copied it to each older one while that was the newest."""
    apps = f"/apis/apps/v1/namespaces/{namespace}"
    if replica_sets is None:
        replica_sets = client.items(f"{apps}/replicasets", _selector({HASH_LABEL: template}))
    owners = {owner.get("uid") for pod in pods for owner in pod["metadata"].get("ownerReferences") or []}
    owner = next((found for found in replica_sets if found["metadata"]["uid"] in owners), None)
    if owner is None:
        return ""
    if deployment is None:
        name = next((found["name"] for found in owner["metadata"].get("ownerReferences") or [] if found.get("kind") == "Deployment"), "")
        deployment = client.get(f"{apps}/deployments/{name}") if name else None
    is_newest = deployment is not None and newest_replica_set(Seen(deployment, [owner], [], [])) is not None
    return _annotation(deployment if deployment is not None and is_newest else owner, BUNDLE)


def _named(client: Client, place: Place) -> Selection:
    pod = client.get(f"/api/v1/namespaces/{place.namespace}/pods/{place.pod}")
    return Selection((VerifiedPod(place.pod, port_number(pod, place.port)),), subject(client, place.namespace, [pod]))


def _of_service(client: Client, place: Place) -> Selection:
    service = client.get(f"/api/v1/namespaces/{place.namespace}/services/{place.service}")
    selector = service["spec"].get("selector") or {}
    if not selector:
        raise UnknownError(f"Service {place.namespace}/{place.service} selects no pods; give deployment or pod, or use via: direct", code="no_pods")
    port = target_port(service, place.port)
    pods = [pod for pod in _list(client, place, selector) if ready(pod)]
    chosen = _ports(pods, port, f"Service {place.namespace}/{place.service} has no ready pod")
    return Selection(chosen, subject(client, place.namespace, pods))


def _of_deployment(client: Client, place: Place) -> Selection:
    name = place.deployment or place.service
    apps = f"/apis/apps/v1/namespaces/{place.namespace}"
    deployment = client.get(f"{apps}/deployments/{name}")
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    pods = _list(client, place, labels)
    replica_sets = None
    if place.new_only:
        _require_observed(deployment, f"Deployment {place.namespace}/{name}")
        replica_sets = client.items(f"{apps}/replicasets", _selector(labels))
        pods = newest(deployment, replica_sets, pods)
    pods = [pod for pod in pods if ready(pod)]
    which = "ready pod of its newest ReplicaSet" if place.new_only else "ready pod"
    chosen = _ports(pods, place.port, f"Deployment {place.namespace}/{name} has no {which}")
    return Selection(chosen, subject(client, place.namespace, pods, deployment, replica_sets), deployment)


def _require_observed(deployment: Json, name: str) -> None:
    """Before the controller has seen a change, the newest ReplicaSet is still that of the change before."""
    generation = deployment["metadata"].get("generation", 0)
    if (deployment.get("status") or {}).get("observedGeneration", generation) < generation:
        raise UnknownError(f"{name} has just changed, and its new ReplicaSet does not exist yet; wait for the rollout first", code="no_pods")


def _ports(pods: t.Sequence[Json], port: str | int, none: str) -> tuple[VerifiedPod, ...]:
    if not pods:
        raise UnknownError(f"{none}, so there is nothing to verify; wait for the rollout first", code="no_pods")
    return tuple(sorted((VerifiedPod(pod["metadata"]["name"], port_number(pod, port)) for pod in pods), key=lambda pod: pod.name))


def _list(client: Client, place: Place, labels: t.Mapping[str, str]) -> list[Json]:
    return client.items(f"/api/v1/namespaces/{place.namespace}/pods", _selector(labels))


def _selector(labels: t.Mapping[str, str]) -> dict[str, str | int | bool]:
    return {"labelSelector": ",".join(f"{name}={value}" for name, value in sorted(labels.items()))}


def _label(item: Json, name: str) -> str:
    return str((item["metadata"].get("labels") or {}).get(name) or "")


def _annotation(item: Json, name: str) -> str:
    return str((item["metadata"].get("annotations") or {}).get(name) or "")


def _only(values: t.Sequence[str]) -> str:
    """The one that all have; empty when they differ."""
    return values[0] if values and len(set(values)) == 1 else ""
