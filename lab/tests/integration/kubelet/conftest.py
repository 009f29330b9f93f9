"""A kubelet of the tests' own, for a node of their own on the shared lab: quick, and free to be killed."""

from __future__ import annotations

import os
import typing as t

import pytest

from lab._client import Client
from lab._cluster import apply_node
from lab._nodes import Node

from ._pods import OwnKubelet, Pods


@pytest.fixture(scope="session")
def api(lab: t.Any) -> Client:
    return t.cast(Client, lab.client("admin", seconds=3600))


@pytest.fixture(scope="session")
def kubelet(lab: t.Any, api: Client, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[OwnKubelet]:
    name = f"kubelet-test-{os.getpid()}"
    apply_node(lab.lab, api, Node(name=name, gpus=8, kubelet=name, taints=[{"key": "kubelet-test", "value": name, "effect": "NoSchedule"}]))
    own = OwnKubelet(lab.kubeconfig("admin"), tmp_path_factory.mktemp("kubelet"), name, f"lab.inference.vllm/kubelet={name}")
    own.start()
    yield own
    own.stop()
    assert own.processes() == [], "the kubelet ends its pods' processes when it is ended"
    assert "Traceback" not in own.log(), own.log()
    api.delete(f"/api/v1/nodes/{name}")


@pytest.fixture
def pods(api: Client, namespace: str, kubelet: OwnKubelet, lab: t.Any) -> t.Iterator[Pods]:
    made = Pods(api, namespace, kubelet, lab)
    yield made
    api.delete(f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": 1})
