"""kubectl logs and kubectl port-forward, through kwok."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import typing as t
import urllib.request

from lab._client import NotFound

from ._pods import IMAGE, Pods, restarts

GROUP = "/apis/kwok.x-k8s.io/v1alpha1"


def test_logs_are_those_of_the_container_and_of_its_run_before(pods: Pods) -> None:
    script = "echo >> /data/runs; echo run $(wc -l < /data/runs); echo wrong >&2; test $(wc -l < /data/runs) = 2 && exec sleep 60; exit 1"
    name = pods.run("sh", "-c", script, pod={"volumes": [{"name": "e", "emptyDir": {}}]}, volumeMounts=[{"name": "e", "mountPath": "/data"}])
    pods.until(name, lambda pod: restarts(pod) == 1)
    pods.ready(name)
    assert pods.logs(name) == "run 2\nwrong\n"
    assert pods.logs(name, "--previous") == "run 1\nwrong\n"


def test_logs_are_in_cri_format_and_long_lines_come_in_parts(pods: Pods) -> None:
    name = pods.python("print('x' * 40000); print('tail', end='')", pod={"restartPolicy": "Never"})
    pod = pods.phase(name, "Succeeded")
    log = pods.kubelet.state / "pods" / pod["metadata"]["uid"] / "logs" / "c" / "0.log"
    lines = log.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout [PF] ", line) for line in lines)
    assert [line.split(" ")[2] for line in lines] == ["P", "P", "F", "F"]
    assert pods.logs(name) == "x" * 40000 + "\ntail\n"


def test_logs_can_be_followed(pods: Pods) -> None:
    name = pods.run("sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.7; done; sleep 60")
    pods.until(name, lambda _: "line 1" in pods.logs(name))
    command = [str(pods.lab.bin / "kubectl"), "--kubeconfig", str(pods.lab.kubeconfig("admin")), "logs", "-f", "-n", pods.namespace, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follow:
        assert follow.stdout is not None
        assert [follow.stdout.readline() for _ in range(3)] == ["line 1\n", "line 2\n", "line 3\n"]
        follow.terminate()


def serving(pods: Pods, text: str) -> str:
    script = f"echo {text} > index.html; exec python3 -m http.server 8000"
    probe = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    return pods.run("sh", "-c", script, ports=[{"name": "http", "containerPort": 8000}], readinessProbe=probe)


def fetch(pods: Pods, name: str) -> str:
    command = [str(pods.lab.bin / "kubectl"), "--kubeconfig", str(pods.lab.kubeconfig("admin")), "port-forward", "-n", pods.namespace, f"pod/{name}", ":8000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forward:
        assert forward.stdout is not None
        guard = threading.Timer(20, forward.kill)
        guard.start()
        try:
            match = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
            assert match, "kubectl says where it listens"
            with urllib.request.urlopen(f"http://127.0.0.1:{match.group(1)}/", timeout=10) as answer:
                return str(answer.read().decode().strip())
        finally:
            guard.cancel()
            forward.terminate()


def test_port_forward_reaches_the_container_port_of_each_pod(pods: Pods) -> None:
    names = {text: serving(pods, text) for text in ("one", "two")}
    for text, name in names.items():
        pods.ready(name)
        assert fetch(pods, name) == text, "two pods that both listen on 8000 are told apart"


def test_kwoks_objects_end_with_the_pod(pods: Pods) -> None:
    name = serving(pods, "x")
    pods.ready(name)
    objects = [f"{GROUP}/namespaces/{pods.namespace}/{kind}/{name}" for kind in ("logs", "portforwards")]
    shown: list[t.Any] = [pods.api.get(path) for path in objects]
    assert shown[0]["spec"]["logs"][0]["containers"] == ["c"]
    assert shown[1]["spec"]["forwards"][0]["ports"] == [8000]
    pods.delete(name)
    pods.gone(name)
    for path in objects:
        deadline = time.monotonic() + 5
        while exists(pods, path):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def exists(pods: Pods, path: str) -> bool:
    try:
        pods.api.get(path)
    except NotFound:
        return False
    return True


def test_a_deployments_pods_are_endpoints_of_its_service_while_they_are_ready(pods: Pods) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 8000, "targetPort": "http"}]}}
    pods.api.create(f"{pods.root}/services", {"apiVersion": "v1", "kind": "Service", **service})
    probe = {"exec": {"command": ["test", "-f", "up"]}, "periodSeconds": 1}
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", "sleep 1; touch up; sleep 600"], "readinessProbe": probe}
    name = pods.create({"containers": [{**container, "ports": [{"name": "http", "containerPort": 8000}]}]}, labels={"app": "web"})
    ip = pods.ready(name)["status"]["podIP"]
    deadline = time.monotonic() + 10
    while True:
        slices = pods.api.items(f"/apis/discovery.k8s.io/v1/namespaces/{pods.namespace}/endpointslices")
        ready = [a for s in slices for e in s["endpoints"] or [] if e["conditions"]["ready"] for a in e["addresses"]]
        if ready == [ip]:
            break
        assert time.monotonic() < deadline, slices
        time.sleep(0.1)
