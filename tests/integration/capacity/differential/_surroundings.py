"""What stands around the pods of a case: quotas, limit ranges, volumes, devices, priorities, and a pod that was promised a node."""

from __future__ import annotations

import random
import typing as t

Json = dict[str, t.Any]
GPU = "nvidia.com/gpu"
HERE, THERE = "here", "there"
ZONE, BETA_ZONE = "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"
#: PriorityClasses of the bench. ``quiet`` never evicts; no class is 0.
PRIORITIES = {"low": -10, "quiet": 50, "high": 100, "top": 1000}
QUIET = "quiet"

_LINES = {
    "requests.nvidia.com/gpu": ["0", "1", "2", "3", "4", "8"],
    "pods": ["1", "2", "4", "8"],
    "count/pods": ["2", "4", "9"],
    "requests.cpu": ["1", "2500m", "6", "20"],
    "cpu": ["1.5", "4", "20"],
    "limits.cpu": ["2", "20"],
    "requests.memory": ["1Gi", "3G", "1e10", "40Gi"],
    "memory": ["2.5Gi", "40Gi"],
    "limits.memory": ["2Gi", "20Gi"],
    "requests.ephemeral-storage": ["100Mi", "5Gi"],
    "nvidia.com/gpu": ["0"],
    "services": ["0"],
}
#: Lines that a quota with scopes may have; a BestEffort one only counts pods.
_SCOPED = ["pods", "requests.cpu", "requests.memory", "limits.memory"]
_SCOPES = ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity"]


def priority(rng: random.Random, spec: Json, *, evicts: bool) -> None:
    """``evicts``: whether the pod may have a class that makes the scheduler evict others."""
    if rng.random() < 0.15:
        spec["priorityClassName"] = rng.choice(["low", QUIET, *(["top"] if evicts else [])])


def around(rng: random.Random, number: int, nodes: list[Json], template: Json) -> list[Json]:
    """Objects that must be there before any pod; the template is changed where it refers to them."""
    spec, form = template["spec"], rng.random()
    if form < 0.12:
        if rng.random() < 0.3:
            spec["activeDeadlineSeconds"] = 3600
        return [_quota(rng, f"q{number}-{each}") for each in range(rng.choice([1, 1, 2]))]
    if form < 0.17:
        return [_limit_range(rng, f"l{number}")]
    if form < 0.25:
        return _volumes(rng, number, nodes, spec)
    if form < 0.26:
        spec["schedulingGates"] = [{"name": "example.com/wait"}]
    elif form < 0.263:
        return _devices(rng, number, nodes, spec)
    return []


def promised(rng: random.Random, number: int, nodes: list[Json]) -> Json | None:
    """A pod that asks for all of one node: where others are in its way it evicts them, and waits with a nomination."""
    if rng.random() > 0.08:
        return None
    node = rng.choice(nodes)
    allocatable = node["status"]["allocatable"]
    name = GPU if int(allocatable.get(GPU, "0")) else "cpu"
    container = {"name": "main", "image": "none", "resources": {"limits": {name: allocatable[name]}}}
    spec: Json = {"priorityClassName": "high", "tolerations": [{"operator": "Exists"}], "containers": [container]}
    spec["nodeSelector"] = {"kubernetes.io/hostname": node["metadata"]["name"]}
    metadata = {"name": f"p{number}", "namespace": THERE, "labels": {"app": rng.choice(["web", "llm", "waits"])}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _quota(rng: random.Random, name: str) -> Json:
    spec: Json = {}
    lines = rng.sample(list(_LINES), rng.choice([1, 1, 2, 3]))
    if rng.random() < 0.45:
        scope = rng.choice(_SCOPES)
        lines = ["pods"] if scope == "BestEffort" else rng.sample(_SCOPED, rng.choice([1, 1, 2]))
        if scope == "PriorityClass" and rng.random() < 0.7:
            operator = rng.choice(["In", "NotIn", "Exists", "DoesNotExist"])
            values = {"values": rng.sample(list(PRIORITIES), 2)} if operator.endswith("In") else {}
            spec["scopeSelector"] = {"matchExpressions": [{"scopeName": scope, "operator": operator, **values}]}
        else:
            spec["scopes"] = [scope]
    spec["hard"] = {line: rng.choice(_LINES[line]) for line in lines}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name, "namespace": HERE}, "spec": spec}


def _limit_range(rng: random.Random, name: str) -> Json:
    entry: Json = {"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "1", "memory": "512Mi"}}
    bound = rng.random()
    if bound < 0.3:
        entry["max"] = {"memory": "1200Mi"}
    elif bound < 0.5:
        entry["min"] = {"cpu": "300m"}
    elif bound < 0.6:
        entry["maxLimitRequestRatio"] = {"cpu": "4"}
    elif bound < 0.8:
        entry = {"type": "Pod", rng.choice(["max", "min"]): {"memory": "1Gi"}}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": name, "namespace": HERE}, "spec": {"limits": [entry]}}


def _volumes(rng: random.Random, number: int, nodes: list[Json], spec: Json) -> list[Json]:
    made: list[Json] = []
    spec["volumes"] = []
    for each in range(rng.choice([1, 1, 2])):
        claim, volume = f"c{number}-{each}", f"v{number}-{each}"
        spec["volumes"].append({"name": f"v{each}", "persistentVolumeClaim": {"claimName": claim}})
        modes = ["ReadWriteOncePod"] if rng.random() < 0.01 else ["ReadWriteMany"]
        size = {"storage": "1Gi"}
        metadata = {"name": claim, "namespace": HERE, "annotations": {"pv.kubernetes.io/bind-completed": "yes"}}
        claimed: Json = {"accessModes": modes, "resources": {"requests": size}, "storageClassName": "", "volumeName": volume}
        held: Json = {"accessModes": modes, "capacity": size, "hostPath": {"path": "/none"}, "claimRef": {"kind": "PersistentVolumeClaim", **metadata}}
        del held["claimRef"]["annotations"]
        labels = _tied(rng, number, nodes, held)
        made.append({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume, "labels": labels}, "spec": held})
        made.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claimed})
    return made


def _tied(rng: random.Random, number: int, nodes: list[Json], volume: Json) -> Json:
    """To a node, to nodes with a label, to a zone by an old or a new label, to two zones, or to nothing."""
    zones = [f"z{number}-{each}" for each in rng.sample(range(3), 2)]
    form = rng.random()
    if form < 0.5:
        host = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node["metadata"]["name"] for node in rng.sample(nodes, min(2, len(nodes)))]}
        pool = {"key": "pool", "operator": rng.choice(["In", "NotIn"]), "values": ["a"]}
        volume["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [rng.choice([host, pool])]}]}}
        return {}
    if form < 0.9:
        return {rng.choice([ZONE, ZONE, BETA_ZONE]): rng.choice([zones[0], "__".join(zones)])}
    return {}


def _devices(rng: random.Random, number: int, nodes: list[Json], spec: Json) -> list[Json]:
    """GPUs that are given out by DRA: by a claim of the pod, or in the place of a node's extended resource."""
    api, node = "resource.k8s.io/v1", rng.choice(nodes)["metadata"]["name"]
    kind: Json = {"apiVersion": api, "kind": "DeviceClass", "metadata": {"name": f"d{number}"}, "spec": {}}
    pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
    offer = {"driver": "gpu.example.com", "nodeName": node, "pool": pool, "devices": [{"name": "gpu-0"}]}
    made: list[Json] = [kind, {"apiVersion": api, "kind": "ResourceSlice", "metadata": {"name": f"s{number}"}, "spec": offer}]
    if rng.random() < 0.5:
        kind["spec"]["extendedResourceName"] = GPU
        return made
    request = {"name": "gpu", "exactly": {"deviceClassName": f"d{number}"}}
    claim = {"apiVersion": api, "kind": "ResourceClaim", "metadata": {"name": f"rc{number}", "namespace": HERE}, "spec": {"devices": {"requests": [request]}}}
    spec["resourceClaims"] = [{"name": "gpu", "resourceClaimName": f"rc{number}"}]
    return [*made, claim]
