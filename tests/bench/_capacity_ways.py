"""The ways to the same answer, each to be run as a process of its own: ``python -m tests.bench._capacity_ways WAY``."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import typing as t

Json = dict[str, t.Any]
GPU = "nvidia.com/gpu"


def ours() -> Json:
    from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _question, _reader
    from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection, connect

    if os.environ.get("BENCH_SCAN"):
        _reader.NODES_PER_POD = 0
    url = os.environ.get("BENCH_URL")
    connection = Connection(host=url, authorization=lambda: None) if url else connect({"kubeconfig": os.environ["KUBECONFIG"]})
    params = {"namespace": "bulk", "replicas": 3, "resources": {GPU: 2}, "node_selector": {"node-type": "gpu"}}
    cpu = time.process_time()
    found = _query.look(connection, _question.question(params), 300)
    return {"answer": found["slots"], "requests": found["api_requests"], "bytes": found["api_bytes"], "look_cpu": time.process_time() - cpu}


def dynamic() -> Json:
    from kubernetes import config, dynamic

    client = dynamic.DynamicClient(config.new_client_from_config(os.environ["KUBECONFIG"]))
    nodes = client.resources.get(api_version="v1", kind="Node").get(label_selector="node-type=gpu").to_dict()["items"]
    free = {node["metadata"]["name"]: int(node["status"]["allocatable"][GPU]) for node in nodes}
    pods, token = client.resources.get(api_version="v1", kind="Pod"), ""
    while True:
        page = pods.get(limit=500, _continue=token).to_dict()
        for pod in page["items"]:
            _take(free, pod)
        token = page["metadata"].get("continue") or ""
        if not token:
            return {"answer": sum(left // 2 for left in free.values())}


def plain() -> Json:
    """Pages of all pods by http.client and json, and nothing clever."""
    from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
    from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
    from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import Connection, connect

    url = os.environ.get("BENCH_URL")
    client = Client(Connection(host=url, authorization=lambda: None) if url else connect({"kubeconfig": os.environ["KUBECONFIG"]}), Deadline(600))
    nodes = client.items("/api/v1/nodes", {"labelSelector": "node-type=gpu"})
    free = {node["metadata"]["name"]: int(node["status"]["allocatable"][GPU]) for node in nodes}
    for page in client.pages("/api/v1/pods"):
        for pod in json.loads(page)["items"]:
            _take(free, pod)
    return {"answer": sum(left // 2 for left in free.values()), "requests": client.requests, "bytes": client.bytes}


def describe(*selector: str) -> Json:
    """As the original scripts do: describe the nodes and cut the numbers out of the text."""
    import subprocess

    command = [os.environ["KUBECTL"], "describe", "nodes", *selector]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    free, allocatable, slots = 0, 0, 0
    section = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line.split(":")[0]
        words = line.split()
        if words and words[0].rstrip(":") == GPU:
            if section == "Allocatable":
                allocatable = int(words[1])
            elif section == "Allocated resources":
                free = allocatable - int(words[1])
                slots += free // 2
    return {"answer": slots}


def k8s_info() -> Json:
    """A play with the module that most Ansible users would take."""
    import pathlib
    import subprocess
    import tempfile

    play = """
- hosts: localhost
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - kubernetes.core.k8s_info: {kind: Node, label_selectors: [node-type=gpu]}
      register: nodes
    - kubernetes.core.k8s_info: {kind: Pod}
      register: pods
"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "play.yml"
        path.write_text(play)
        program = pathlib.Path(sys.executable).parent / "ansible-playbook"
        subprocess.run([str(program), str(path)], capture_output=True, check=True, cwd=folder)
    return {"answer": "not computed"}


def _peak() -> float:
    """MiB at most, of this process since it began, or of a child; what a parent had before exec does not count."""
    with open("/proc/self/status", encoding="ascii") as status:
        own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _take(free: dict[str, int], pod: Json) -> None:
    where = pod["spec"].get("nodeName")
    if where in free and pod["status"]["phase"] not in ("Succeeded", "Failed"):
        for container in pod["spec"]["containers"]:
            free[where] -= int((container["resources"].get("requests") or {}).get(GPU, 0))


WAYS: dict[str, t.Callable[[], Json]] = {
    "ours": ours,
    "describe GPU nodes": lambda: describe("-l", "node-type=gpu"),
    "describe nodes": describe,
    "http.client + json": plain,
    "dynamic client": dynamic,
    "k8s_info": k8s_info,
}

if __name__ == "__main__":
    way = WAYS[sys.argv[1]]
    began, cpu = time.monotonic(), time.process_time()
    result = way()
    print(json.dumps({**result, "inside": time.monotonic() - began, "inside_cpu": time.process_time() - cpu, "peak": _peak()}))
