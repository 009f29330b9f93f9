"""What a person sees with `kubectl get pods` and `kubectl get events`: the words of a real cluster, for each way to fail."""

from __future__ import annotations

import re
import typing as t

import pytest

from ._pods import HUNGRY, IMAGE, Pods

Facts = dict[str, tuple[str, str, list[tuple[str, str, str]]]]
ENGINE = "vllm/vllm-openai:v0.32.0"
TOO_LITTLE = {"name": "LAB_ENGINE_START_FAULT", "value": "gpu_memory"}
BACK_OFF = ("Warning", "BackOff", r"Back-off restarting failed container c in pod .+_.+\(.+\)")
SECRET = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "k"}}}
# Pod: STATUS, RESTARTS, and events by type, reason and message; STATUS is what the API server's own printer makes of the pod's state.
FACTS: Facts = {
    "crashing": ("CrashLoopBackOff|Error", r"[1-9]\d* \(\d+s ago\)", [("Normal", "Started", "Container started"), BACK_OFF]),
    "engine": ("CrashLoopBackOff|Error", r"[1-9]\d* \(\d+s ago\)", [("Normal", "Created", "Container created"), BACK_OFF]),
    "failed": ("Error", "0", [("Normal", "Started", "Container started")]),
    "finished": ("Completed", "0", [("Normal", "Started", "Container started")]),
    "hungry": ("OOMKilled", "0", [("Normal", "Started", "Container started")]),
    "init": (
        "Init:CrashLoopBackOff|Init:Error",
        r"[1-9]\d* \(\d+s ago\)",
        [("Warning", "BackOff", r"Back-off restarting failed container i in pod .+_.+\(.+\)")],
    ),
    "no-image": (
        "ImagePullBackOff|ErrImagePull",
        "0",
        [
            ("Normal", "Pulling", 'Pulling image "lab/tools:nope"'),
            ("Warning", "Failed", 'Failed to pull image "lab/tools:nope": rpc error: code = NotFound desc = .*: not found'),
            ("Warning", "Failed", "Error: ErrImagePull"),
            ("Normal", "BackOff", 'Back-off pulling image "lab/tools:nope"'),
            ("Warning", "Failed", "Error: ImagePullBackOff"),
        ],
    ),
    "no-program": (
        "CrashLoopBackOff|RunContainerError|StartError",
        r"[1-9]\d* \(\d+s ago\)",
        [("Warning", "Failed", r"Error: failed to create containerd task: .*: executable file not found in \$PATH: unknown")],
    ),
    "no-room": ("Pending", "0", [("Warning", "FailedScheduling", r"0/\d+ nodes are available: .*Insufficient nvidia.com/gpu.*")]),
    "no-secret": ("CreateContainerConfigError", "0", [("Warning", "Failed", 'Error: secret "nope" not found')]),
    "unready": ("Running", "0", [("Warning", "Unhealthy", "Readiness probe failed: ")]),
}


def table(text: str) -> list[list[str]]:
    """Cells of kubectl's columns, which are two spaces or more apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def create(pods: Pods) -> None:
    once = {"restartPolicy": "Never"}
    pods.run("sh", "-c", "exit 3", name="crashing")
    pods.run("vllm", "serve", "lab/tiny", name="engine", image=ENGINE, env=[TOO_LITTLE, {"name": "LAB_ENGINE_LOAD_SECONDS", "value": "0"}])
    pods.run("sh", "-c", "exit 4", name="failed", pod=once)
    pods.run("true", name="finished", pod=once)
    pods.python(HUNGRY, name="hungry", pod=once, resources={"limits": {"memory": "64Mi"}})
    init = {"name": "i", "image": IMAGE, "command": ["false"]}
    pods.create({"initContainers": [init], "containers": [{"name": "c", "image": IMAGE, "command": ["true"]}]}, "init")
    pods.create({"containers": [{"name": "c", "image": "lab/tools:nope"}]}, "no-image")
    pods.run("nosuchprogram", name="no-program")
    pods.run("true", name="no-room", resources={"limits": {"nvidia.com/gpu": "9"}})
    pods.run("true", name="no-secret", env=[SECRET])
    pods.run("sleep", "60", name="unready", readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1})


@pytest.fixture
def seen(pods: Pods) -> t.Callable[[], dict[str, tuple[str, str, list[tuple[str, str, str]]]]]:
    def look() -> Facts:
        rows = table(pods.lab.kubectl("get", "pods", "-n", pods.namespace, "--no-headers", who="admin").stdout)
        events = table(pods.lab.kubectl("get", "events", "-n", pods.namespace, "--no-headers", who="admin").stdout)
        found: Facts = {name: (status, restarts, []) for name, _ready, status, restarts, _age in rows}
        for _age, kind, reason, thing, *message in events:
            found[thing.removeprefix("pod/")][2].append((kind, reason, "  ".join(message)))
        return found

    return look


def differences(found: Facts) -> list[str]:
    """What is not yet as FACTS say; a status among several is the one that a pod passes through on its way round."""
    wrong = []
    for name, (status, restarts, events) in FACTS.items():
        has = found.get(name, ("", "", []))
        if not re.fullmatch(status, has[0]) or not re.fullmatch(restarts, has[1]):
            wrong.append(f"{name}: {has[0]} {has[1]}")
        wrong += [f"{name}: no event {event}" for event in events if not any(_same(event, one) for one in has[2])]
    return wrong


def _same(wanted: tuple[str, str, str], one: tuple[str, str, str]) -> bool:
    return wanted[:2] == one[:2] and re.fullmatch(wanted[2].strip(), one[2].strip()) is not None


def test_kubectl_shows_each_failure_in_the_words_of_a_cluster(pods: Pods, seen: t.Callable[[], Facts]) -> None:
    create(pods)
    pods.until("no-image", lambda _: not differences(seen()))
    known = {reason for _, _, events in seen().values() for _, reason, _ in events}
    assert known <= {"Scheduled", "FailedScheduling", "Pulling", "Pulled", "Created", "Started", "BackOff", "Failed", "Unhealthy"}
    assert "Free memory on device cuda:0 (3.51/47.38 GiB) on startup is less than desired" in pods.logs("engine", "--previous")
    assert pods.get("engine")["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1


def test_an_event_that_comes_again_is_counted_and_not_repeated(pods: Pods) -> None:
    name = pods.run("sh", "-c", "exit 3")
    pods.event(name, "Started", count=3)
    shown = table(pods.lab.kubectl("events", "-n", pods.namespace, "--no-headers", who="admin").stdout)
    started = [row for row in shown if row[2] == "Started"]
    assert len(started) == 1
    assert re.fullmatch(r"\S+ \(x[3-9] over \S+\)", started[0][0]), started
