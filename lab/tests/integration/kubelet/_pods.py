"""Pods of the tests, and the kubelet that runs them."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import itertools
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing as t

from lab._client import Client, NotFound
from lab._cluster import apply_node
from lab._nodes import Node

Json = dict[str, t.Any]
COUNTER = itertools.count(1)
IMAGE = "lab/tools:1"
HUNGRY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; x = bytearray(b'a') * (90 << 20); time.sleep(60)"])
time.sleep(60)
"""
QUICK = ("--crash-backoff=1", "--pull-backoff=1", "--retry=0.5", "--eager-startup=0")


@dataclasses.dataclass
class OwnKubelet:
    """The process, its node, and its folder."""

    kubeconfig: pathlib.Path
    state: pathlib.Path
    node: str
    selector: str
    process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        command = [sys.executable, "-m", "lab.kubelet", "--kubeconfig", str(self.kubeconfig), "--state", str(self.state)]
        with (self.state / "kubelet.log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--node-selector", self.selector, *QUICK, *options], stdout=log, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(40)
            self.process = None

    def log(self) -> str:
        return (self.state / "kubelet.log").read_text()

    def processes(self) -> list[int]:
        """Shims that work in the kubelet's folder."""
        found = []
        for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = file.read_bytes().decode().split("\0")
                if any(word.endswith("/shim.py") for word in words) and any(word.startswith(f"{self.state}/") for word in words):
                    found.append(int(file.parent.name))
        return found


@contextlib.contextmanager
def running_kubelet(lab: t.Any, api: Client, folder: pathlib.Path, name: str, **node: t.Any) -> t.Iterator[OwnKubelet]:
    """A kubelet and its node, both called ``name``; ``node`` has the node's other fields."""
    apply_node(lab.lab, api, Node(name=name, kubelet=name, taints=[{"key": "kubelet-test", "value": name, "effect": "NoSchedule"}], **node))
    own = OwnKubelet(lab.kubeconfig("admin"), folder, name, f"lab.inference.vllm/kubelet={name}")
    own.start()
    yield own
    own.stop()
    assert own.processes() == [], "the kubelet ends its pods' processes when it is ended"
    assert "Traceback" not in own.log(), own.log()
    api.delete(f"/api/v1/nodes/{name}")


class Pods:
    """Pods of one namespace on the tests' node."""

    def __init__(self, api: Client, namespace: str, kubelet: OwnKubelet, lab: t.Any) -> None:
        self.api = api
        self.namespace = namespace
        self.kubelet = kubelet
        self.lab = lab
        self.root = f"/api/v1/namespaces/{namespace}"

    def placed(self, spec: Json) -> Json:
        """The spec, bound to the tests' node by the real scheduler."""
        place = {"nodeSelector": {"kubernetes.io/hostname": self.kubelet.node}, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 2}
        return {**place, "enableServiceLinks": False, **spec}

    def create(self, spec: Json, name: str = "", **metadata: t.Any) -> str:
        name = name or f"p{next(COUNTER)}"
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": self.placed(spec)}
        self.api.create(f"{self.root}/pods", body)
        return name

    def run(self, *command: str, name: str = "", pod: Json | None = None, **container: t.Any) -> str:
        """A pod of one container."""
        return self.create({"containers": [{"name": "c", "image": IMAGE, "command": list(command), **container}], **(pod or {})}, name)

    def python(self, code: str, **more: t.Any) -> str:
        return self.run("python3", "-u", "-c", code, **more)

    def until_told(self, code: int) -> tuple[str, pathlib.Path]:
        """A pod that runs, never restarts, and ends with that code as soon as the file is there."""
        place = f"{self.namespace}-{next(COUNTER)}"
        volumes = [{"name": "h", "hostPath": {"path": f"/{place}", "type": "DirectoryOrCreate"}}]
        script = f"until test -f /told/end; do sleep 0.1; done; exit {code}"
        name = self.run("sh", "-c", script, pod={"restartPolicy": "Never", "volumes": volumes}, volumeMounts=[{"name": "h", "mountPath": "/told"}])
        self.ready(name)
        return name, self.kubelet.state / "host" / place / "end"

    def get(self, name: str) -> Json:
        return self.api.get(f"{self.root}/pods/{name}")

    def until(self, name: str, test: collections.abc.Callable[[Json], object], seconds: float = 60) -> Json:
        """The pod as soon as ``test`` holds."""
        deadline = time.monotonic() + seconds
        while True:
            pod = self.get(name)
            if test(pod):
                return pod
            assert time.monotonic() < deadline, f"{name} did not get there in {seconds} s; last seen: {pod.get('status')}; {self.kubelet.log()[-2000:]}"
            time.sleep(0.05)

    def phase(self, name: str, wanted: str, seconds: float = 60) -> Json:
        return self.until(name, lambda pod: pod["status"].get("phase") == wanted, seconds)

    def ready(self, name: str, seconds: float = 60) -> Json:
        return self.until(name, lambda pod: condition(pod, "Ready")["status"] == "True", seconds)

    def waiting(self, name: str, reason: str, seconds: float = 60) -> Json:
        return self.until(name, lambda pod: (state(pod).get("waiting") or {}).get("reason") == reason, seconds)

    def delete(self, name: str, grace: int | None = None) -> None:
        self.api.delete(f"{self.root}/pods/{name}", {} if grace is None else {"gracePeriodSeconds": grace})

    def gone(self, name: str, seconds: float = 60) -> float:
        """Seconds until the API server has forgotten it."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            try:
                self.get(name)
            except NotFound:
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"{name} is still there after {seconds} s: {self.get(name)['status']}")

    def events(self, name: str) -> list[Json]:
        items = self.api.items(f"{self.root}/events", {"fieldSelector": f"involvedObject.name={name}"})
        return [event for event in items if event.get("source", {}).get("component") == "kubelet"]

    def event(self, name: str, reason: str, message: str = ".*", count: int = 1, seconds: float = 40) -> Json:
        """The event of that reason and message (a pattern), once it was counted that often."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.events(name)
            for event in seen:
                if event["reason"] == reason and re.fullmatch(message, event["message"], re.DOTALL) and event["count"] >= count:
                    return event
            assert time.monotonic() < deadline, f"no event {reason} {message} x{count}: {[(e['reason'], e['message'], e['count']) for e in seen]}"
            time.sleep(0.05)

    def logs(self, name: str, *more: str) -> str:
        deadline = time.monotonic() + 20
        while True:
            done = self.lab.kubectl("logs", "-n", self.namespace, name, *more, who="admin", check=False)
            # kwok learns of a new Logs object by a watch of its own.
            if done.returncode == 0 or time.monotonic() > deadline:
                assert done.returncode == 0, done.stderr
                return str(done.stdout)
            time.sleep(0.1)

    def output(self, name: str) -> str:
        """What a pod that runs once has printed."""
        self.until(name, lambda pod: pod["status"].get("phase") in ("Succeeded", "Failed"))
        return self.logs(name)


def state(pod: Json, container: int = 0, field: str = "state") -> Json:
    statuses = pod["status"].get("containerStatuses") or []
    return dict(statuses[container][field]) if len(statuses) > container else {}


def restarts(pod: Json) -> int:
    """-1 while nothing is known of the container."""
    statuses = pod["status"].get("containerStatuses")
    return int(statuses[0]["restartCount"]) if statuses else -1


def condition(pod: Json, kind: str) -> Json:
    return next((c for c in pod["status"].get("conditions") or [] if c["type"] == kind), {"status": "absent"})
