"""A nodes file is checked whole before anything starts."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

from lab import nodes_file
from lab._errors import LabError
from lab._layout import ROOT
from lab._nodes import TAINT, manifest, status


def write(folder: pathlib.Path, content: t.Any) -> pathlib.Path:
    path = folder / "nodes.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_example_of_the_documentation_is_read_whole() -> None:
    nodes = {node.name: node for node in nodes_file.read(ROOT / "lab" / "examples" / "nodes.yaml")}
    assert list(nodes) == ["ada-0", "ada-1", "h100", "mig", "reserved", "cordoned", "broken", "cpu-only", "sim-amd"]
    assert nodes["ada-1"].capacity()["nvidia.com/gpu"] == "8"
    assert (nodes["h100"].cpu, nodes["h100"].labels) == ("128", {"topology.kubernetes.io/zone": "b"})
    assert nodes["mig"].capacity()["nvidia.com/mig-1g.5gb"] == "7"
    assert "nvidia.com/gpu" not in nodes["mig"].capacity()
    assert nodes["cpu-only"].taints == []
    assert not nodes["broken"].ready


def test_a_node_with_only_a_name_is_like_the_labs_own(tmp_path: pathlib.Path) -> None:
    (node,) = nodes_file.read(write(tmp_path, {"nodes": [{"name": "one"}]}))
    labels = manifest(node)["metadata"]["labels"]
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-RTX-6000-Ada-Generation"
    assert manifest(node)["spec"]["taints"] == [TAINT]


def test_a_node_that_is_not_ready_says_so_in_its_condition(tmp_path: pathlib.Path) -> None:
    (node,) = nodes_file.read(write(tmp_path, {"nodes": [{"name": "one", "ready": False}]}))
    body = status(node, kubelet_port=1, version="v1", now="2026-01-01T00:00:00Z")["status"]
    assert [entry["status"] for entry in body["conditions"] if entry["type"] == "Ready"] == ["False"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nodes: [", "cannot be read"),
        ("[]", "must hold `nodes:`"),
        ({"nodes": []}, "must hold `nodes:`"),
        ({"nodes": [{"name": "a"}], "extra": 1}, "and nothing else"),
        ({"nodes": ["a"]}, "node 1: must be a mapping"),
        ({"nodes": [{"name": "a"}, {"gpus": 1}]}, "node 2: name must be"),
        ({"nodes": [{"name": "Upper"}]}, "and is 'Upper'"),
        ({"nodes": [{"name": "a", "gpu": 1}]}, "'gpu' is not known"),
        ({"nodes": [{"name": "a", "gpus": "8"}]}, "gpus cannot be '8'"),
        ({"nodes": [{"name": "a", "gpus": True}]}, "gpus cannot be True"),
        ({"nodes": [{"name": "a", "gpus": -1}]}, "nvidia.com/gpu: -1 is no Kubernetes quantity"),
        ({"nodes": [{"name": "a", "memory": "512GB"}]}, "memory: 512GB is no Kubernetes quantity"),
        ({"nodes": [{"name": "a", "count": 0}]}, "count must be a number from 1 to 1000"),
        ({"nodes": [{"name": "a", "count": True}]}, "count must be a number from 1 to 1000"),
        ({"nodes": [{"name": "a-1"}, {"name": "a", "count": 2}]}, "a-1 is there twice"),
        ({"nodes": [{"name": "a", "kubelet": "simulated"}]}, "sim-something"),
        ({"nodes": [{"name": "sim-a"}]}, "sim-something"),
        ({"nodes": [{"name": "a", "taints": [{"key": "x", "effect": "Never"}]}]}, "a taint has key, effect"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: pathlib.Path, content: t.Any, words: str) -> None:
    with pytest.raises(LabError, match=r".*") as refused:
        nodes_file.read(write(tmp_path, content))
    assert words in str(refused.value)
    assert str(tmp_path / "nodes.yaml") in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LabError, match="No such file"):
        nodes_file.read(tmp_path / "nowhere.yaml")
