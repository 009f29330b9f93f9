"""Small clusters for tests, as manifests the way an API server returns them."""

from __future__ import annotations

import typing as t

from ansible_collections.inference.vllm.plugins.module_utils.capacity import _quota
from ansible_collections.inference.vllm.plugins.module_utils.capacity._answer import CapacityAnswer, answer
from ansible_collections.inference.vllm.plugins.module_utils.capacity._objects import NodeFacts, PodFacts
from ansible_collections.inference.vllm.plugins.module_utils.capacity._placing import Snapshot
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import Replacement
from ansible_collections.inference.vllm.plugins.module_utils.capacity._wanted import Wanted, wanted

Json = dict[str, t.Any]
GPU = "nvidia.com/gpu"


def node(name: str, gpus: int = 8, *, labels: Json | None = None, taints: list[Json] | None = None, ready: bool = True, **more: t.Any) -> Json:
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", GPU: str(gpus), **more.pop("allocatable", {})}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "node-type": "gpu", **(labels or {})}},
        "spec": {"taints": taints or [], **more},
        "status": {"allocatable": amounts, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def template(requests: Json | None = None, *, labels: Json | None = None, **spec: t.Any) -> Json:
    container = {"name": "vllm", "resources": {"requests": {GPU: 1} if requests is None else requests}}
    return {"metadata": {"labels": {"app.kubernetes.io/instance": "m-development", **(labels or {})}}, "spec": {"containers": [container], **spec}}


def pod(name: str, where: str, requests: Json | None = None, *, namespace: str = "development", labels: Json | None = None, **spec: t.Any) -> Json:
    release = name.rpartition("-")[0] or name
    made = template(requests, labels={"app.kubernetes.io/instance": release, "pod-template-hash": "h", **(labels or {})}, **spec)
    status = {"phase": "Running", **spec.pop("status", {})}
    owner = {"kind": "ReplicaSet", "name": f"{release}-h", "controller": True}
    metadata = {"name": name, "namespace": namespace, "labels": made["metadata"]["labels"], "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {**made["spec"], "nodeName": where}, "status": status}


def quota(hard: Json, used: Json, **spec: t.Any) -> Json:
    return {"metadata": {"name": "gpus"}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}


def limit_range(kind: str = "Container", **entry: Json) -> Json:
    return {"metadata": {"name": "sizes"}, "spec": {"limits": [{"type": kind, **entry}]}}


def snapshot(nodes: list[Json], pods: list[Json] | None = None, *, replaced: str = "", quotas: list[Json] | None = None, **more: t.Any) -> Snapshot:
    parsed = [PodFacts.parse(each) for each in pods or []]
    by_node = {each["metadata"]["name"]: [pod for pod in parsed if pod.node == each["metadata"]["name"]] for each in nodes}
    leaving = [(PodFacts.parse(each), _quota.usage(each, "pod")) for each in pods or [] if each["metadata"]["labels"]["app.kubernetes.io/instance"] == replaced]
    return Snapshot(nodes=tuple(NodeFacts.parse(each) for each in nodes), pods=by_node, quotas=tuple(quotas or ()), replaced=tuple(leaving), **more)


def want(made: Json | None = None, **more: t.Any) -> Wanted:
    return wanted(made or template(), "development", **more)


def ask(cluster: Snapshot, made: Json | None = None, replicas: int = 1, how: Replacement | None = None, **more: t.Any) -> CapacityAnswer:
    return answer(want(made, **more), replicas, cluster, how)
