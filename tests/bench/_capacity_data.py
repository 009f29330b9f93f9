"""A synthetic cluster of any size: every fifth node has eight GPUs, six of them held; pods of 6.5 KB as real ones are."""

from __future__ import annotations

import base64
import collections.abc as c
import http.client
import json
import typing as t

from lab._api import trust
from lab._parts import Lab

Json = dict[str, t.Any]
GPU = "nvidia.com/gpu"
PODS_PER_NODE = 20
#: Every so many nodes the same applications come again: as many pods of one application as there are nodes divided by this.
SITES = 40
TIME = "2026-11-21T08:00:00Z"
_FILL: Json = {f"f:field-{number:03}": {} for number in range(110)}


def is_gpu(index: int) -> bool:
    return index % 5 == 0


def node(index: int) -> Json:
    gpus = {GPU: "8"} if is_gpu(index) else {}
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti", **gpus}
    labels = {"kubernetes.io/hostname": f"n{index:05}", "node-type": "gpu" if gpus else "cpu", "topology.kubernetes.io/zone": f"z{index % 3}"}
    managed = [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": TIME, "fieldsType": "FieldsV1", "fieldsV1": _FILL}]
    images = [{"names": [f"registry.example.com/image-{each}@sha256:{'0' * 64}"], "sizeBytes": 1} for each in range(25)]
    conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": TIME, "lastTransitionTime": TIME, "reason": "r", "message": "m"}]
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": f"n{index:05}", "uid": f"n-{index}", "creationTimestamp": TIME, "labels": labels, "managedFields": managed},
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": conditions, "images": images},
    }


def pod(index: int, number: int) -> Json:
    held = {GPU: "1"} if is_gpu(index) and number < 6 else {}
    requests = {"cpu": "250m", "memory": "1Gi", **held}
    name = f"app-{index:05}-{number:02}"
    labels = {"app.kubernetes.io/instance": f"app-{number}", "pod-template-hash": "h"}
    managed = [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": TIME, "fieldsType": "FieldsV1", "fieldsV1": _FILL}]
    probe = {"httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}
    container = {
        "name": "main",
        "image": "registry.example.com/app:1",
        "env": [{"name": f"VARIABLE_{each}", "value": f"some value of variable {each} of application {number}-{index % SITES}"} for each in range(12)],
        "resources": {"requests": requests, "limits": {"memory": "1Gi", **held}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [{"name": _token(index, number), "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}],
    }
    status = {"name": "main", "image": "registry.example.com/app:1", "imageID": "x", "ready": True, "restartCount": 0, "resources": {"requests": requests}}
    conditions = [{"type": each, "status": "True", "lastTransitionTime": TIME} for each in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": "bulk",
            "uid": name,
            "creationTimestamp": TIME,
            "labels": labels,
            "annotations": {"note": "x" * 900},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"app-{number}-h", "uid": "u", "controller": True}],
            "managedFields": managed,
        },
        "spec": {
            "volumes": [{"name": _token(index, number), "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"path": "token"}}]}}],
            "containers": [container],
            "restartPolicy": "Always",
            "serviceAccountName": f"app-{number}",
            "nodeName": f"n{index:05}",
            "schedulerName": "default-scheduler",
            "priority": 0,
        },
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [status], "podIP": "10.244.0.1"},
    }


def _token(index: int, number: int) -> str:
    """The volume with a pod's token has a name of its own in every pod."""
    return f"kube-api-access-{index % 1000:03}{chr(97 + number)}x"


def load(lab: Lab, nodes: int) -> None:
    """Straight into etcd, a hundred objects at a time: through the API server it takes ten times as long."""
    connection = http.client.HTTPSConnection("127.0.0.1", lab.port("etcd"), context=trust(lab.layout, authority="etcd-ca", identity="etcd-client"))
    batch: list[Json] = []
    for key, value in _objects(nodes):
        batch.append({"request_put": {"key": _encoded(key.encode()), "value": _encoded(json.dumps(value).encode())}})
        if len(batch) == 100:
            _put(connection, batch)
            batch = []
    _put(connection, batch)


def _objects(nodes: int) -> c.Iterator[tuple[str, Json]]:
    for index in range(nodes):
        yield f"/registry/minions/n{index:05}", node(index)
    for index in range(nodes):
        for number in range(PODS_PER_NODE):
            made = pod(index, number)
            yield f"/registry/pods/bulk/{made['metadata']['name']}", made


def _put(connection: http.client.HTTPSConnection, batch: list[Json]) -> None:
    connection.request("POST", "/v3/kv/txn", json.dumps({"success": batch}))
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"etcd did not take the load: {said[:300]!r}")


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
