"""What works beside the kubelet: the scheduler's volumes, kubectl drain, and kwok's simulated pods."""

from __future__ import annotations

import os
import pathlib
import time
import typing as t

from lab._client import Client, NotFound
from lab._cluster import apply_node
from lab._nodes import SIMULATED, Node

from ._pods import IMAGE, Pods, condition, state


def until(test: t.Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_claim_keeps_its_files_from_pod_to_pod_and_ends_with_its_folder(pods: Pods) -> None:
    claims = f"{pods.root}/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "local", "resources": {"requests": {"storage": "1Gi"}}}
    pods.api.create(claims, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "cache"}, "spec": spec})
    volumes, mounts = [{"name": "v", "persistentVolumeClaim": {"claimName": "cache"}}], [{"name": "v", "mountPath": "/cache"}]
    once: dict[str, t.Any] = {"pod": {"restartPolicy": "Never", "volumes": volumes}, "volumeMounts": mounts}
    writer = pods.run("sh", "-c", "echo weights > /cache/model", **once)
    pods.phase(writer, "Succeeded")
    reader = pods.run("cat", "/cache/model", **once)
    assert pods.output(reader) == "weights\n"
    name = pods.api.get(f"{claims}/cache")["spec"]["volumeName"]
    held = pods.api.get(f"/api/v1/persistentvolumes/{name}")
    folder = pathlib.Path(held["spec"]["hostPath"]["path"])
    assert pods.kubelet.state in folder.parents
    assert (folder / "model").read_text() == "weights\n"
    for pod in (writer, reader):
        pods.delete(pod)
        pods.gone(pod)
    pods.api.delete(f"{claims}/cache")
    until(lambda: not folder.exists() and gone(pods.api, f"/api/v1/persistentvolumes/{name}"))


def gone(api: Client, path: str) -> bool:
    try:
        api.get(path)
    except NotFound:
        return True
    return False


def test_a_drained_node_loses_its_pods_one_grace_period_later(pods: Pods) -> None:
    name = pods.run("sleep", "600")
    pods.ready(name)
    try:
        done = pods.lab.kubectl("drain", pods.kubelet.node, "--force", "--timeout=60s", f"--pod-selector=drain!={name}", who="admin", check=False)
        assert done.returncode == 0, done.stderr
        pods.gone(name, 1)
    finally:
        pods.lab.kubectl("uncordon", pods.kubelet.node, who="admin")


def test_kwoks_pods_and_ours_do_not_disturb_each_other(pods: Pods, api: Client) -> None:
    node = f"sim-kubelet-{os.getpid()}"
    apply_node(pods.lab.lab, api, Node(name=node, kubelet=SIMULATED))
    try:
        body = {"nodeName": node, "tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "any/thing:1"}]}
        api.create(f"{pods.root}/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bulk"}, "spec": body})
        ours = pods.run("sh", "-c", "sleep 1; exit 3", pod={"restartPolicy": "Never"})
        bulk = pods.phase("bulk", "Running")
        assert condition(bulk, "Ready")["status"] == "True"
        ended = pods.phase(ours, "Failed")
        assert state(ended)["terminated"]["exitCode"] == 3
        assert ended["status"]["containerStatuses"][0]["containerID"].startswith("process://")
        assert not (pods.kubelet.state / "pods" / bulk["metadata"]["uid"]).exists()
        assert pods.events("bulk") == []
        pods.delete("bulk")
        pods.gone("bulk")
    finally:
        api.delete(f"/api/v1/nodes/{node}")


def test_pods_of_a_deployment_roll_over_without_losing_an_endpoint(pods: Pods) -> None:
    probe = {"exec": {"command": ["test", "-f", "up"]}, "periodSeconds": 1}
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", "sleep 0.5; touch up; sleep 600"], "readinessProbe": probe}
    template = {"metadata": {"labels": {"app": "r"}}, "spec": pods.placed({"containers": [container]})}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    body = {"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "r"}}, "strategy": strategy, "template": template}}
    path = f"/apis/apps/v1/namespaces/{pods.namespace}/deployments"
    pods.api.create(path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "r"}, **body})
    until(lambda: (pods.api.get(f"{path}/r")["status"].get("readyReplicas") or 0) == 1)
    change = {"spec": {"template": {"metadata": {"annotations": {"change": "1"}}}}}
    pods.api.patch(f"{path}/r", change)
    fewest = 1

    def rolled() -> bool:
        nonlocal fewest
        deployment = pods.api.get(f"{path}/r")
        status = deployment["status"]
        fewest = min(fewest, status.get("readyReplicas") or 0)
        current = status.get("observedGeneration") == deployment["metadata"]["generation"]
        return bool(current) and status.get("updatedReplicas") == 1 and status.get("replicas") == 1 and status.get("readyReplicas") == 1

    until(rolled)
    assert fewest == 1
