"""What the platform team would have set up: namespaces with quotas, permissions, secrets, and GPU nodes."""

from __future__ import annotations

import base64
import datetime
import pathlib
import typing as t

import yaml

from ._api import CLUSTER_WIDE, apply
from ._client import Client, Json
from ._nodes import Node, manifest, status
from ._parts import Lab

ENVIRONMENTS = ("development", "staging", "production")
KUBELET_VERSION = "v1.36.3"
GPU = "nvidia.com/gpu"


def platform(lab: Lab, api: Client) -> None:
    """All of it; each object is applied, so it may be there already."""
    for path in (_manifests(lab) / "crds.yaml", _manifests(lab) / "storage.yaml"):
        apply_file(api, path)
    for node in lab.state.nodes:
        apply_node(lab, api, node)
    for path in _permissions(lab):
        apply_file(api, path, only=lambda kind: kind in CLUSTER_WIDE)
    for environment in ENVIRONMENTS:
        namespace(lab, api, environment, environment=environment)


def namespace(lab: Lab, api: Client, name: str, *, environment: str, gpus: int | None = None, pod_security: str = "restricted") -> None:
    """A namespace as the platform gives one: labels, quota, secrets, and who may do what."""
    labels = {"environment": environment, **{f"pod-security.kubernetes.io/{mode}": pod_security for mode in ("enforce", "warn")}}
    apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for body in (quota(lab.state.nodes, gpus), *_secrets(lab)):
        apply(api, body, namespace=name)
    for path in _permissions(lab):
        apply_file(api, path, namespace=name, only=lambda kind: kind not in CLUSTER_WIDE)


def apply_plain_namespace(api: Client, name: str) -> None:
    apply(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def quota(nodes: t.Sequence[Node], gpus: int | None) -> Json:
    allowed = sum(node.gpus for node in nodes) if gpus is None else gpus
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus"},
        "spec": {"hard": {f"requests.{GPU}": str(allowed)}},
    }


def apply_node(lab: Lab, api: Client, node: Node) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    apply(api, manifest(node))
    # Merged, not applied: from here on kwok owns the heartbeat.
    api.patch(f"/api/v1/nodes/{node.name}/status", status(node, kubelet_port=lab.port("kwok"), version=KUBELET_VERSION, now=now))


def apply_file(api: Client, path: pathlib.Path, *, namespace: str | None = None, only: t.Callable[[str], bool] = lambda kind: True) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if document and only(document["kind"]):
            apply(api, document, namespace=namespace)


def unfinished(api: Client, nodes: t.Sequence[Node]) -> str | None:
    """What the controllers still have to do before a first pod can run; None when nothing."""
    tainted = {item["metadata"]["name"]: item["spec"].get("taints") or [] for item in api.items("/api/v1/nodes")}
    for node in nodes:
        waiting = any(taint["key"] == "node.kubernetes.io/not-ready" for taint in tainted.get(node.name, []))
        if node.name not in tainted or (node.ready and waiting):
            return f"node {node.name} is not ready"
    for name in ENVIRONMENTS:
        if not api.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"):
            return f"namespace {name} has no default service account"
    return None


def _secrets(lab: Lab) -> list[Json]:
    held = {"vllm-api-key": {"api-key": lab.state.tokens["api-key"]}, "hf-token": {"token": lab.state.tokens["hf-token"]}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
        }
        for name, content in held.items()
    ]


def _permissions(lab: Lab) -> list[pathlib.Path]:
    return [lab.layout.root / "integrations" / "kubernetes" / f"{who}.yaml" for who in ("operator", "viewer")]


def _manifests(lab: Lab) -> pathlib.Path:
    return lab.layout.root / "lab" / "manifests"
