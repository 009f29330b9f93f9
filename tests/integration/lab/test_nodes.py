"""Odd nodes are real to the real scheduler; simulated pods and process pods do not disturb each other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import typing as t

import pytest

from lab import _state
from lab._layout import ROOT, Layout
from lab._parts import Lab

from ..conftest import RunningLab
from .conftest import Command

TOLERATION = {"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def odd() -> t.Iterator[RunningLab]:
    """The lab of lab/examples/nodes.yaml."""
    layout = Layout(f"odd-{os.getpid()}")
    base = [sys.executable, "-m", "lab"]
    subprocess.run([*base, "up", "--name", layout.name, "--nodes-file", "lab/examples/nodes.yaml"], cwd=ROOT, check=True, timeout=180)
    state = _state.load(layout)
    assert state is not None
    yield RunningLab(Lab(layout, state))
    subprocess.run([*base, "down", "--name", layout.name], cwd=ROOT, check=True, timeout=120)


def pod(name: str, resources: dict[str, str], **spec: t.Any) -> dict[str, t.Any]:
    container = {"name": "main", "image": "not-there", "resources": {"requests": resources, "limits": resources}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "tolerations": [TOLERATION], **spec},
    }


def placed(lab: RunningLab, body: dict[str, t.Any]) -> tuple[str, str]:
    """Node, or the scheduler's own words why there is none."""
    api = lab.client("admin")
    path = f"/api/v1/namespaces/default/pods/{body['metadata']['name']}"
    api.create("/api/v1/namespaces/default/pods", body)
    end = time.monotonic() + 30
    try:
        while True:
            found = api.get(path)
            if found["spec"].get("nodeName"):
                return found["spec"]["nodeName"], ""
            for condition in found.get("status", {}).get("conditions") or []:
                if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                    return "", condition["message"]
            assert time.monotonic() < end, found
            time.sleep(0.1)
    finally:
        api.delete(path, {"gracePeriodSeconds": 0})


@pytest.mark.parametrize(
    ("name", "resources", "spec", "node"),
    [
        ("mig", {"nvidia.com/mig-3g.20gb": "4"}, {}, "mig"),
        ("amd", {"amd.com/gpu": "8"}, {}, "sim-amd"),
        ("zone", {"nvidia.com/gpu": "4"}, {"nodeSelector": {"topology.kubernetes.io/zone": "b"}}, "h100"),
        ("product", {"nvidia.com/gpu": "1"}, {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}}, "h100"),
        ("reserved", {"nvidia.com/gpu": "2"}, {"nodeSelector": {"kubernetes.io/hostname": "reserved"}, "tolerations": [{"operator": "Exists"}]}, "reserved"),
        ("plain", {"cpu": "1"}, {"tolerations": []}, "cpu-only"),
    ],
)
def test_the_scheduler_takes_an_odd_node_for_what_it_is(odd: RunningLab, name: str, resources: dict[str, str], spec: dict[str, t.Any], node: str) -> None:
    assert placed(odd, pod(name, resources, **spec)) == (node, "")


@pytest.mark.parametrize(("hostname", "words"), [("cordoned", "unschedulable"), ("broken", "untolerated taint"), ("reserved", "untolerated taint")])
def test_the_scheduler_refuses_what_is_closed(odd: RunningLab, hostname: str, words: str) -> None:
    node, message = placed(odd, pod(f"on-{hostname}", {"nvidia.com/gpu": "1"}, nodeSelector={"kubernetes.io/hostname": hostname}))
    assert node == ""
    assert words in message


def test_pods_of_a_simulated_node_run_at_once_and_end_at_once(odd: RunningLab) -> None:
    api, path = odd.client("admin"), "/api/v1/namespaces/default/pods/pretended"
    api.create("/api/v1/namespaces/default/pods", pod("pretended", {"amd.com/gpu": "1"}))
    end = time.monotonic() + 30
    while api.get(path).get("status", {}).get("phase") != "Running":
        assert time.monotonic() < end
        time.sleep(0.1)
    api.delete(path)
    while api.exists(path):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_kwok_leaves_pods_of_process_nodes_alone(odd: RunningLab) -> None:
    api, path = odd.client("admin"), "/api/v1/namespaces/default/pods/real"
    api.create("/api/v1/namespaces/default/pods", pod("real", {"nvidia.com/gpu": "1"}))
    end = time.monotonic() + 60
    while not (waiting := reasons(api.get(path))):
        assert time.monotonic() < end
        time.sleep(0.1)
    # The image does not exist: the kubelet says so, kwok would have said Running.
    assert set(waiting) <= {"ErrImagePull", "ImagePullBackOff", "ContainerCreating", "InvalidImageName"}
    api.delete(path, {"gracePeriodSeconds": 0})


def reasons(found: dict[str, t.Any]) -> list[str]:
    return [entry["state"].get("waiting", {}).get("reason", "running") for entry in found.get("status", {}).get("containerStatuses") or []]


def test_load_adds_nodes_and_pods_and_removes_them(odd: RunningLab, command: Command) -> None:
    before = {node["metadata"]["name"] for node in odd.client("admin").items("/api/v1/nodes")}
    said = command("load", "--name", odd.name, "--nodes", "20", "--gpu-nodes", "5", "--pods", "160").stdout
    assert "carries 20 simulated nodes, 5 of them with GPUs, and 160 pods after" in said
    api = odd.client("admin")
    pods = api.items("/api/v1/namespaces/load/pods")
    assert {entry["status"]["phase"] for entry in pods} == {"Running"}
    used = [entry["spec"]["nodeName"] for entry in pods if "nvidia.com/gpu" in entry["spec"]["containers"][0]["resources"].get("limits", {})]
    assert {name: used.count(name) for name in set(used)} == {f"sim-{number:05}": 6 for number in range(5)}
    assert command("status", "--name", odd.name).returncode == 0
    command("load", "--name", odd.name, "--remove")
    assert {node["metadata"]["name"] for node in odd.client("admin").items("/api/v1/nodes")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nodes", "5", "--gpu-nodes", "6"], "6 GPU nodes of 5 nodes are too many"),
        (["--nodes", "1", "--gpu-nodes", "0", "--pods", "111"], "111 pods do not fit on 1 nodes of 110 pods each"),
    ],
)
def test_a_load_that_cannot_be_is_refused(odd: RunningLab, command: Command, arguments: list[str], words: str) -> None:
    done = command("load", "--name", odd.name, *arguments, check=False)
    assert done.returncode == 1
    assert words in done.stderr
