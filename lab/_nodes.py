"""The GPU nodes of a lab, as a platform with RTX 6000 Ada machines labels and taints them."""

from __future__ import annotations

import dataclasses
import typing as t

Json = dict[str, t.Any]
PROCESS, SIMULATED = "process", "simulated"
KIND = "lab.inference.vllm/kubelet"
NOT_READY = "lab.inference.vllm/not-ready"
TAINT = {"key": "gpu-workload", "value": "true", "effect": "NoSchedule"}


@dataclasses.dataclass
class Node:
    """``kubelet`` says who runs its pods: the process kubelet, or kwok, which only pretends to."""

    name: str
    gpus: int = 8
    product: str = "NVIDIA-RTX-6000-Ada-Generation"
    gpu_memory_mib: int = 49140
    cpu: str = "64"
    memory: str = "512Gi"
    pods: int = 110
    kubelet: str = PROCESS
    resources: dict[str, str] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    taints: list[dict[str, str]] = dataclasses.field(default_factory=lambda: [dict(TAINT)])
    cordoned: bool = False
    ready: bool = True

    def capacity(self) -> dict[str, str]:
        gpus = {"nvidia.com/gpu": str(self.gpus)} if self.gpus else {}
        return {"cpu": self.cpu, "memory": self.memory, "pods": str(self.pods), "ephemeral-storage": "1Ti", **gpus, **self.resources}


def default_nodes(count: int, gpus: int) -> list[Node]:
    return [Node(name=f"gpu-{number}", gpus=gpus) for number in range(count)]


def manifest(node: Node) -> Json:
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", KIND: node.kubelet}
    if node.gpus or node.resources:
        labels |= {"node-type": "gpu"}
    if node.gpus:
        labels |= {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.count": str(node.gpus),
            "nvidia.com/gpu.product": node.product,
            "nvidia.com/gpu.memory": str(node.gpu_memory_mib),
        }
    annotations = {KIND: node.kubelet, **({} if node.ready else {NOT_READY: "true"})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": {**labels, **node.labels}, "annotations": annotations},
        "spec": {"taints": node.taints, **({"unschedulable": True} if node.cordoned else {})},
    }


def status(node: Node, *, kubelet_port: int, version: str, now: str) -> Json:
    """What the kubelet of such a node would report; kwok renews the heartbeat from then on."""
    return {
        "status": {
            "phase": "Running",
            "capacity": node.capacity(),
            "allocatable": node.capacity(),
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": node.name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "osImage": "lab",
                "kernelVersion": "lab",
                "containerRuntimeVersion": f"lab://{node.kubelet}",
                "kubeletVersion": version,
                "kubeProxyVersion": "",
                "bootID": "",
                "machineID": "",
                "systemUUID": "",
            },
            "conditions": _conditions(node.ready, now),
        }
    }


def _conditions(ready: bool, now: str) -> list[Json]:
    pressures = ("MemoryPressure", "DiskPressure", "PIDPressure")
    stated = [(kind, "False", f"KubeletHasNo{kind}", "kubelet is posting its status") for kind in pressures]
    if ready:
        stated.append(("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
    else:
        stated.append(("Ready", "False", "KubeletNotReady", "the lab was told that this node is not ready"))
    return [
        {"type": kind, "status": value, "reason": reason, "message": message, "lastHeartbeatTime": now, "lastTransitionTime": now}
        for kind, value, reason, message in stated
    ]
