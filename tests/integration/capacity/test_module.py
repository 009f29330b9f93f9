"""The module as a task, on the lab: its own examples, as the users that the docs tell of, and what goes wrong."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.capacity._claims import claim_document, publish, withdraw
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import of_release
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect
from ansible_collections.inference.vllm.plugins.module_utils.lock._lease import Owner
from ansible_collections.inference.vllm.plugins.module_utils.lock._lock import Lock
from ansible_collections.inference.vllm.plugins.modules import vllm_gpu_capacity

from lab._cluster import apply_node
from lab._nodes import SIMULATED, Node
from lab.testing import NotFound, RunningLab
from tests.ansible import Ran, run

NPU = "example.com/npu"
GPU_POD = {"nvidia.com/gpu": 1}
SECRETIVE = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:9"}}],
    "users": [{"name": "u", "user": {"token": "sk-very-secret"}}],
}
ANYWHERE = {"node_selector": {"node-type": "gpu"}, "tolerations": [{"key": "gpu-workload", "operator": "Exists"}]}


def play(lab: RunningLab, path: pathlib.Path, *more: str, who: str = "operator", **environment: str) -> Ran:
    environ = {**lab.environ(who), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_RETRY_FILES_ENABLED": "0", **environment}
    return run("ansible-playbook", str(path), *more, env=environ, timeout=300)


def ask(lab: RunningLab, folder: pathlib.Path, options: dict[str, t.Any], *more: str, who: str = "operator", **environment: str) -> dict[str, t.Any]:
    """The result of one task with ``options``, failed or not; ``_`` is everything that was printed."""
    answer = folder / "answer.json"
    tasks = [
        {"inference.vllm.vllm_gpu_capacity": options, "register": "asked", "ignore_errors": True},
        {"ansible.builtin.copy": {"content": "{{ asked | to_json }}", "dest": str(answer), "mode": "0600"}, "check_mode": False},
    ]
    path = folder / "play.yml"
    interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": interpreter, "tasks": tasks}]))
    done = play(lab, path, *more, who=who, **environment)
    assert done.code == 0, done.text
    return {**json.loads(answer.read_text()), "_": done.text}


@pytest.fixture
def nodes(lab: RunningLab) -> t.Iterator[list[str]]:
    """Two nodes with eight devices of a kind that no other test asks for."""
    admin, names = lab.client("admin"), [f"npu-{os.getpid()}-{number}" for number in range(2)]
    for name in names:
        own = Node(name=name, gpus=0, resources={NPU: "8"}, labels={"node-type": "npu"}, taints=[{"key": "npu", "effect": "NoSchedule"}], kubelet=SIMULATED)
        apply_node(lab.lab, admin, own)
    yield names
    for name in names:
        admin.delete(f"/api/v1/nodes/{name}")


@pytest.fixture
def _serving(lab: RunningLab) -> t.Iterator[None]:
    """The Deployment that the examples speak of, without pods."""
    container = {"name": "vllm", "image": "none", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    labels = {"app.kubernetes.io/instance": "llama-3-8b-development"}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "llama-3-8b-development"}, "spec": spec}
    path = "/apis/apps/v1/namespaces/development/deployments"
    lab.client("admin").create(path, manifest)
    yield
    lab.client("admin").delete(f"{path}/llama-3-8b-development")


@pytest.mark.usefixtures("_serving")
def test_the_examples_run_as_they_are_pasted(lab: RunningLab, tmp_path: pathlib.Path) -> None:
    tasks = yaml.safe_load(vllm_gpu_capacity.EXAMPLES)
    head = {"hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
    path = tmp_path / "examples.yml"
    path.write_text(yaml.safe_dump([{**head, "tasks": tasks}], sort_keys=False))
    for who in ("operator", "viewer"):
        done = play(lab, path, who=who)
        assert done.code == 0, done.text
        assert "skipped=0" in done.stdout
        assert "2 replicas of 1 GPU and 24Gi memory fit: " in " ".join(done.stdout.split())
        assert "GPUs free (NVIDIA-RTX-6000-Ada-Generation)" in done.stdout


@pytest.mark.parametrize("more", [(), ("--check", "--diff")])
def test_it_changes_nothing_and_says_so(lab: RunningLab, tmp_path: pathlib.Path, namespace: str, more: tuple[str, ...]) -> None:
    found = ask(lab, tmp_path, {"namespace": namespace, "resources": GPU_POD, **ANYWHERE}, *more)
    assert (found["verdict"], found["changed"], found["unknown"]) == ("pass", False, [])
    assert found["api_requests"] <= 10


def test_an_impossible_count_fails_in_one_sentence_when_told_to(lab: RunningLab, tmp_path: pathlib.Path, namespace: str) -> None:
    options = {"namespace": namespace, "resources": {"nvidia.com/gpu": 16}, **ANYWHERE}
    assert ask(lab, tmp_path, options)["failed"] is False
    found = ask(lab, tmp_path, {**options, "fail_on": ["fail"]})
    assert found["failed"] is True
    assert found["msg"].startswith("needs 16 GPUs on one node; the best node gpu-")
    assert found["msg"].endswith("and no node has 16 GPUs in all.")


def test_what_runs_on_the_nodes_is_counted_and_named(lab: RunningLab, tmp_path: pathlib.Path, namespace: str, nodes: list[str]) -> None:
    limits = {NPU: "8"}
    spec = {"tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "none", "resources": {"limits": limits}}]}
    for number, node in enumerate(nodes):
        metadata = {"name": f"hog-{number}", "labels": {"app.kubernetes.io/instance": "hog"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "nodeName": node}}
        lab.client("admin").create(f"/api/v1/namespaces/{namespace}/pods", pod)
    options = {"namespace": "staging", "resources": {NPU: 1}, "node_selector": {"node-type": "npu"}, "tolerations": [{"key": "npu", "operator": "Exists"}]}
    found = ask(lab, tmp_path, options)
    assert (found["verdict"], found["holders"][0]["release"], found["holders"][0]["frees_enough"]) == ("fail", "hog", True)
    assert f"scaling `hog` in {namespace} to 0 would free 16 {NPU} (8 on {nodes[0]} and 8 on {nodes[1]})" in found["message"]


def test_waiting_ends_as_soon_as_the_pods_fit(lab: RunningLab, tmp_path: pathlib.Path, namespace: str) -> None:
    options = {"namespace": namespace, "resources": {"nvidia.com/gpu": 9}, **ANYWHERE, "wait": True, "wait_timeout": 2, "wait_sleep": 0.2}
    found = ask(lab, tmp_path, options)
    assert (found["verdict"], found["looks"] > 1, 1.9 < found["waited"] < 10) == ("fail", True, True)
    lines = [line for line in found["_"].splitlines() if "Checking again in" in line]
    assert len(lines) == found["looks"] - 1
    assert all(line.startswith("localhost: needs 9 GPUs on one node") for line in lines)
    assert ask(lab, tmp_path, {**options, "resources": GPU_POD})["looks"] == 1


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ({"kubeconfig": "/nowhere/config"}, {}, "cannot be used: there is no such file"),
        ({"host": "https://127.0.0.1:9", "api_key": "sk-very-secret"}, {}, "did not answer GET"),
        ({"kubeconfig": SECRETIVE}, {}, "did not answer GET"),
        ({"resources": {"nvidia.com/gpu": "many"}}, {}, "'many' is not a quantity"),
        ({}, {"K8S_AUTH_CONTEXT": "none"}, "check kubeconfig and context"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_without_a_trace(
    lab: RunningLab, tmp_path: pathlib.Path, options: dict[str, t.Any], environment: dict[str, str], said: str
) -> None:
    found = ask(lab, tmp_path, {"resources": GPU_POD, **options}, "-vvv", **environment)
    assert found["failed"] is True
    assert said in found["msg"]
    assert "Traceback" not in found["_"]
    assert "sk-very-secret" not in found["_"]


def test_of_two_runs_that_want_the_same_gpus_the_first_gets_them(lab: RunningLab, tmp_path: pathlib.Path, namespace: str) -> None:
    api = Client(connect({"kubeconfig": str(lab.kubeconfig("admin"))}), Deadline(60))
    # Of processors, as other tests of the same lab take GPUs: one pod fills more than half of a node.
    spec = {"nodeSelector": {"node-type": "gpu"}, "tolerations": [{"operator": "Exists"}]}
    template = {"spec": {**spec, "containers": [{"name": "c", "resources": {"requests": {"cpu": "40"}}}]}}
    locks = {}
    for name in ("first", "second"):
        locks[name] = Lock(api, namespace, f"inference-vllm-{name}", Owner(name, "ci", 1))
        locks[name].acquire(Deadline(5), print)
        document = claim_document(of_release(namespace, name, 2, template, "auto", "1"))
        publish(api, namespace, f"inference-vllm-{name}", document, holder=Owner(name, "ci", 1).identity)
    options = {"namespace": namespace, "replicas": 2, "pod_template": template}
    asked = {name: ask(lab, tmp_path, {**options, "replaces": {"release": name}}) for name in ("first", "second", "third")}
    assert {name: (found["verdict"], found["code"], found["notes"]) for name, found in asked.items()} == {
        "first": ("pass", "", []),
        "second": ("fail", "reserved_by_others", []),
        "third": ("fail", "reserved_by_others", []),
    }
    assert [(each["release"], each["pods"]) for each in asked["second"]["reserved"]] == [("first", 2)]
    # The first one fails, and gives its lock back without another word.
    assert locks["first"].release()
    assert ask(lab, tmp_path, {**options, "replaces": {"release": "second"}})["verdict"] == "pass"
    assert withdraw(api, namespace, "inference-vllm-second", holder=Owner("second", "ci", 1).identity)
    assert ask(lab, tmp_path, {**options, "replaces": {"release": "third"}}, who="viewer")["verdict"] == "pass"


def test_the_training_play_starts_what_fits_and_names_what_does_not(lab: RunningLab, namespace: str) -> None:
    jobs = [{"name": "small", "pods": 2, "gpus": 1}, {"name": "huge", "pods": 1, "gpus": 64}]
    values = json.dumps({"training_jobs": jobs, "training_namespace": namespace})
    done = play(lab, lab.root / "docs" / "examples" / "training-jobs.yml", "-e", values)
    assert done.code == 0, done.text
    assert "huge was not started: needs 64 GPUs" in " ".join(done.stdout.split())
    api = lab.client("admin")
    assert api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/small")["spec"]["parallelism"] == 2
    with pytest.raises(NotFound):
        api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/huge")
