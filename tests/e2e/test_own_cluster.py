"""docs/cluster.md: its commands make, of a node and a namespace that nobody has prepared, what the collection expects."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _question
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect

from lab._cluster import apply_node
from lab._nodes import SIMULATED, Node
from lab.testing import RunningLab
from tests.e2e.conftest import play

ASKED = {
    "resources": {"nvidia.com/gpu": 1},
    "node_selector": {"node-type": "gpu"},
    "tolerations": [{"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
}


def blocks(lab: RunningLab, title: str, language: str, word: str) -> str:
    """The blocks of one section that hold the word."""
    page = (lab.root / "docs" / "cluster.md").read_text()
    section = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = [block for block in re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL) if word in block]
    assert found, title
    return "\n".join(found)


def commands(lab: RunningLab, title: str) -> str:
    """What one section does by kubectl, without the names that it begins with."""
    return re.sub(r"^export .*$", "", blocks(lab, title, "shell", "kubectl"), flags=re.MULTILINE)


@pytest.fixture
def bare(lab: RunningLab) -> t.Iterator[str]:
    """A node as kind makes one: ready, without labels of ours, taints or GPUs."""
    admin, name = lab.client("admin"), f"sim-bare-{os.getpid()}"
    apply_node(lab.lab, admin, Node(name=name, gpus=0, taints=[], kubelet=SIMULATED))
    yield name
    admin.delete(f"/api/v1/nodes/{name}")


def test_the_commands_prepare_a_cluster(lab: RunningLab, bare: str) -> None:
    namespace = f"own-{os.getpid()}"
    environ = {**lab.environ("admin"), "NODE": bare, "NAMESPACE": namespace}

    def run(title: str) -> None:
        subprocess.run(["sh", "-ec", commands(lab, title)], cwd=lab.root, env=environ, check=True, capture_output=True, text=True, timeout=60)

    def found() -> dict[str, t.Any]:
        params = {"namespace": namespace, "replicas": 1, **ASKED, "node_selector": {**ASKED["node_selector"], "kubernetes.io/hostname": bare}}
        return _query.look(connect({"kubeconfig": str(lab.kubeconfig("operator"))}), _question.question(params), 30)

    try:
        run("Prepare the cluster")
        before = found()
        assert before["verdict"] == "fail"
        assert "nvidia.com/gpu" in before["message"]
        assert before["placements"] == {}
        run("kind")
        after = found()
        assert (after["verdict"], after["placements"]) == ("pass", {bare: 1}), after["message"]
        assert lab.client("operator").get(f"/api/v1/namespaces/{namespace}/secrets/vllm-api-key")["data"]
    finally:
        lab.client("admin").delete(f"/api/v1/namespaces/{namespace}")


def test_a_deploy_takes_the_variables_for_the_cpu(lab: RunningLab, schema: None, tmp_path: pathlib.Path) -> None:
    variables = tmp_path / "cpu.yml"
    variables.write_text(blocks(lab, "kind", "yaml", "vllm_image"))
    done = play(lab, "deploy.yml", "-i", "inventories/staging", "--limit", "llama-3-8b", "--check", "--diff", "-e", f"@{variables}")
    assert done.code == 0, done.tail
    assert "--kv-cache-memory-bytes=268435456" in done.text
