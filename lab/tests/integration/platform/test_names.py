"""A program outside the cluster reaches pods by their Service's name, through the proxy and real objects."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request

import pytest

from lab import _cluster
from lab._layout import ROOT
from lab.status import existing
from lab.testing import RunningLab, remove_namespace

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (os.environ['POD'] + ' ' + self.path).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Handler).serve_forever()
"""


@dataclasses.dataclass(frozen=True)
class Named:
    """A namespace with two ready pods behind the Service `m`, and one that is not ready."""

    lab: RunningLab
    namespace: str

    def path(self, kind: str, group: str = "/api/v1") -> str:
        return f"{group}/namespaces/{self.namespace}/{kind}"

    def get(self, host: str = "", rest: str = "/path?q=1", *, user: str = "") -> str:
        """The answer's text, or status and text, by the name proxy; the Service's own name unless another is given."""
        state = existing(self.lab.layout).state
        proxy = f"http://{user + ':any@' if user else ''}127.0.0.1:{state.ports['names']}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
        try:
            with opener.open(f"http://{host or f'm.{self.namespace}.svc.cluster.local'}{rest}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"


@pytest.fixture(scope="module")
def named(lab: RunningLab) -> t.Iterator[Named]:
    """The part is added to the shared lab while that runs."""
    subprocess.run([sys.executable, "-m", "lab", "up", "--name", lab.name, "--with", "names"], cwd=ROOT, check=True, timeout=180)
    api = lab.client("admin", seconds=600)
    made = Named(lab, f"names-{os.getpid()}")
    _cluster.namespace(lab.lab, api, made.namespace, environment="development", pod_security="privileged")
    for name, ready in (("a", True), ("b", True), ("c", False)):
        api.create(made.path("pods"), pod(name, ready=ready))
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}, "spec": {"selector": {"app": "m"}, "ports": ports}}
    api.create(made.path("services"), service)
    wait_until(lambda: {made.get().split()[0] for _ in range(4)} == {"a", "b"}, lambda: api.items(made.path("pods")))
    yield made
    remove_namespace(api, made.namespace)


def pod(name: str, *, ready: bool) -> dict[str, t.Any]:
    container = {
        "name": "main",
        "image": "vllm/vllm-openai:v0.32.0",
        "command": ["python3", "-c", SERVER],
        "env": [{"name": "POD", "value": name}],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/" if ready else "/nowhere", "port": "http" if ready else 8001}, "periodSeconds": 1},
    }
    toleration = {"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    spec = {"containers": [container], "tolerations": [toleration], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "m"}}, "spec": spec}


def wait_until(met: t.Callable[[], bool], seen: t.Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not met():
        assert time.monotonic() < end, seen()
        time.sleep(0.3)


def test_requests_go_to_ready_pods_in_turn(named: Named) -> None:
    answers = [named.get() for _ in range(6)]
    assert sorted(answers) == ["a /path?q=1"] * 3 + ["b /path?q=1"] * 3


def test_a_pods_own_address_works_too(named: Named) -> None:
    ip = named.lab.client("admin").get(named.path("pods/b"))["status"]["podIP"]
    assert named.get(f"{ip}:8000", "/metrics") == "b /metrics"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("other.{}.svc.cluster.local", "502 lab names: there is no Service other"),
        ("m.{}.svc.cluster.local:81", "502 lab names: Service m has no port 81; it has 80"),
        ("example.com", "502 lab names: example.com is no name of the lab's cluster"),
    ],
)
def test_other_names_lead_nowhere(named: Named, host: str, words: str) -> None:
    assert named.get(host.format(named.namespace)).startswith(words)


def test_a_network_policy_lets_in_the_namespace_that_it_names(named: Named) -> None:
    api, path = named.lab.client("admin"), named.path("networkpolicies", "/apis/networking.k8s.io/v1")
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "litellm"}}}
    spec = {"podSelector": {"matchLabels": {"app": "m"}}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer], "ports": [{"port": 8000}]}]}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "router-only"}, "spec": spec}
    api.create(path, body)
    try:
        wait_until(lambda: named.get().startswith("403"), named.get)
        assert "NetworkPolicy router-only lets nothing from namespace default into pod" in named.get()
        assert named.get(user="litellm").split()[0] in {"a", "b"}
    finally:
        api.delete(f"{path}/router-only")
    wait_until(lambda: not named.get().startswith("403"), named.get)


def test_a_deleted_pod_is_followed(named: Named) -> None:
    def only_a_answers() -> bool:
        # As in a cluster, a request that was on its way to the pod that goes may be cut off.
        with contextlib.suppress(OSError, http.client.HTTPException):
            return {named.get().split()[0] for _ in range(4)} == {"a"}
        return False

    named.lab.client("admin").delete(named.path("pods/b"))
    wait_until(only_a_answers, named.get)


def test_status_shows_the_part_with_its_port(named: Named) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", "status", "--name", named.lab.name], cwd=ROOT, capture_output=True, text=True, check=True)
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("names"))
    assert (row[1], row[-1]) == (str(existing(named.lab.layout).state.ports["names"]), "ok")
