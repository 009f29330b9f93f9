"""A program outside the cluster reaches pods by their Service's name, through the proxy and real objects."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request

import pytest

from lab import _state
from lab._layout import ROOT, Layout
from lab._parts import Lab

from ..conftest import RunningLab

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


@pytest.fixture(scope="module")
def named() -> t.Iterator[RunningLab]:
    """A lab with the name proxy, two ready pods behind the Service `m` in staging, and one that is not ready."""
    layout = Layout(f"names-{os.getpid()}")
    base = [sys.executable, "-m", "lab"]
    subprocess.run([*base, "up", "--name", layout.name, "--with", "names"], cwd=ROOT, check=True, timeout=180)
    state = _state.load(layout)
    assert state is not None
    lab = RunningLab(Lab(layout, state))
    api = lab.client("admin", seconds=600)
    for name, ready in (("a", True), ("b", True), ("c", False)):
        api.create("/api/v1/namespaces/default/pods", pod(name, ready=ready))
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    api.create(
        "/api/v1/namespaces/default/services",
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}, "spec": {"selector": {"app": "m"}, "ports": ports}},
    )
    wait_until(lambda: {get(lab).split()[0] for _ in range(4)} == {"a", "b"}, lambda: api.items("/api/v1/namespaces/default/pods"))
    yield lab
    subprocess.run([*base, "down", "--name", layout.name], cwd=ROOT, check=True, timeout=120)


def pod(name: str, *, ready: bool) -> dict[str, t.Any]:
    container = {
        "name": "main",
        "image": "vllm/vllm-openai:v0.32.0",
        "command": ["python3", "-c", SERVER],
        "env": [{"name": "POD", "value": name}],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/" if ready else "/nowhere", "port": "http" if ready else 8001}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "m"}}, "spec": spec}


def get(lab: RunningLab, url: str = "http://m.default.svc.cluster.local/path?q=1", *, user: str = "") -> str:
    proxy = f"http://{user + ':any@' if user else ''}127.0.0.1:{lab.state.ports['names']}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    try:
        with opener.open(url, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def wait_until(met: t.Callable[[], bool], seen: t.Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not met():
        assert time.monotonic() < end, seen()
        time.sleep(0.3)


def test_requests_go_to_ready_pods_in_turn(named: RunningLab) -> None:
    answers = [get(named) for _ in range(6)]
    assert sorted(answers) == ["a /path?q=1"] * 3 + ["b /path?q=1"] * 3


def test_a_pods_own_address_works_too(named: RunningLab) -> None:
    ip = named.client("admin").get("/api/v1/namespaces/default/pods/b")
    assert get(named, f"http://{ip['status']['podIP']}:8000/metrics") == "b /metrics"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://other.default.svc.cluster.local/", "502 lab names: there is no Service other"),
        ("http://m.default.svc.cluster.local:81/", "502 lab names: Service m has no port 81; it has 80"),
        ("http://example.com/", "502 lab names: example.com is no name of the lab's cluster"),
    ],
)
def test_other_names_lead_nowhere(named: RunningLab, url: str, words: str) -> None:
    assert get(named, url).startswith(words)


def test_a_network_policy_lets_in_the_namespace_that_it_names(named: RunningLab) -> None:
    api, path = named.client("admin"), "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "litellm"}}}
    spec = {"podSelector": {"matchLabels": {"app": "m"}}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer], "ports": [{"port": 8000}]}]}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "router-only"}, "spec": spec}
    api.create(path, body)
    try:
        wait_until(lambda: get(named).startswith("403"), lambda: get(named))
        assert "NetworkPolicy router-only lets nothing from namespace default into pod" in get(named)
        assert get(named, user="litellm").split()[0] in {"a", "b"}
    finally:
        api.delete(f"{path}/router-only")
    wait_until(lambda: not get(named).startswith("403"), lambda: get(named))


def test_a_deleted_pod_is_followed_within_two_seconds(named: RunningLab) -> None:
    named.client("admin").delete("/api/v1/namespaces/default/pods/b")
    time.sleep(2)
    assert {get(named).split()[0] for _ in range(4)} == {"a"}
