"""Verification as the module does it, against the simulated engine: alone on loopback, or in pods of the lab."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils.cluster._options import kubernetes_options
from ansible_collections.inference.vllm.plugins.module_utils.endpoint import _options
from ansible_collections.inference.vllm.plugins.module_utils.gates import _gate
from ansible_collections.inference.vllm.plugins.module_utils.verification import _verification

from lab.testing import RunningLab

Json = dict[str, t.Any]
MODEL = "llama-3-8b"
KEY = "canary-key-51c2"
DEFAULTS = {name: option.get("default") for name, option in {**kubernetes_options(), **_options.endpoint_options()}.items()}


def verified(**options: t.Any) -> Json:
    """The module's result, by its own code in this process."""
    params = {**DEFAULTS, "model": MODEL, "allowed_networks": ["127.0.0.0/8"], "request_timeout": 3.0, "timeout": 30.0, **options}
    return _verification.verification(params, _options.plan(params), _gate.parse(params["gates"]), Deadline(params["timeout"])).result


def verdicts(result: Json) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in result["checks"]}


def codes(result: Json) -> dict[str, str]:
    return {check["name"]: check["code"] for check in result["checks"]}


class Engine:
    """A simulated engine that runs as a process of the test's own."""

    def __init__(self, port: int, control: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port, self._control = port, control

    def set(self, **faults: t.Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=10)
        connection.request("POST", "/", json.dumps(faults))
        assert connection.getresponse().status == 200
        connection.close()

    def wait(self, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        pytest.fail(f"the simulated engine did not start (exit code {process.poll()})")


@contextlib.contextmanager
def engine(*arguments: str, environ: t.Mapping[str, str] | None = None) -> t.Iterator[Engine]:
    port, control = free_port(), free_port()
    settings = {"LAB_ENGINE_SEED": "7", "LAB_ENGINE_LOAD_SECONDS": "0", "LAB_ENGINE_MODEL": "present", "LAB_ENGINE_CONTROL_PORT": str(control)}
    environment = {**os.environ, **settings, **(environ or {})}
    environment.pop("VLLM_API_KEY", None)
    command = [sys.executable, "-m", "lab.engine", "serve", "org/model", "--served-model-name", MODEL, "--port", str(port), *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        running = Engine(port, control)
        running.wait(process)
        yield running
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Platform:
    """Deployments of the simulated engine in a namespace of the lab."""

    def __init__(self, lab: RunningLab, namespace: str) -> None:
        self.lab, self.namespace = lab, namespace
        self._client = lab.client("admin", seconds=240)

    def deploy(
        self, name: str, *, replicas: int = 1, wait: bool = True, app: str = "", arguments: tuple[str, ...] = (), bundle: str = "", **environ: str
    ) -> None:
        """Makes or changes a Deployment; its Service is called as ``app``."""
        app = app or name
        self._put(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", deployment(name, app, replicas, environ, arguments, bundle))
        self._put(f"/api/v1/namespaces/{self.namespace}/services", service(app))
        if wait:
            self.wait(name, replicas)

    def wait(self, name: str, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}"
        for _ in range(1200):
            found = self._client.get(path)
            status = found.get("status") or {}
            seen = status.get("observedGeneration") == found["metadata"]["generation"]
            if seen and status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == status.get("replicas", 0) == replicas:
                return
            time.sleep(0.1)
        pytest.fail(f"{name} did not get ready: {status}")

    def server(self) -> str:
        """The API server's address."""
        return self._client.server

    def pods(self, name: str) -> list[str]:
        found = self._client.items(f"/api/v1/namespaces/{self.namespace}/pods", {"labelSelector": f"deployment={name}"})
        return sorted(pod["metadata"]["name"] for pod in found)

    def template_hash(self, name: str) -> str:
        (pod, *_others) = self._client.items(f"/api/v1/namespaces/{self.namespace}/pods", {"labelSelector": f"deployment={name}"})
        return str(pod["metadata"]["labels"]["pod-template-hash"])

    def delete_pod(self, name: str) -> None:
        self._client.delete(f"/api/v1/namespaces/{self.namespace}/pods/{name}", {"gracePeriodSeconds": 1})

    def verified(self, who: str = "operator", **options: t.Any) -> Json:
        given = {"via": "port_forward", "namespace": self.namespace, "kubeconfig": str(self.lab.kubeconfig(who)), "endpoint_api_key": KEY}
        return verified(**{**given, **options})

    def _put(self, path: str, body: Json) -> None:
        name = body["metadata"]["name"]
        if self._client.exists(f"{path}/{name}"):
            self._client.patch(f"{path}/{name}", body)
        else:
            self._client.create(path, body)


@pytest.fixture
def platform(lab: RunningLab, namespace: str) -> Platform:
    return Platform(lab, namespace)


def deployment(name: str, app: str, replicas: int, environ: t.Mapping[str, str], arguments: t.Sequence[str], bundle: str = "") -> Json:
    variables = {"VLLM_API_KEY": KEY, "LAB_ENGINE_LOAD_SECONDS": "0", "LAB_ENGINE_MODEL": "present", **environ}
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "command": ["vllm", "serve"],
        "args": ["org/model", "--served-model-name", MODEL, *arguments],
        "env": [{"name": key, "value": value} for key, value in variables.items() if value],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "1"}},
    }
    spec = {
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "nodeSelector": {"node-type": "gpu"},
        "tolerations": [{"key": "gpu-workload", "operator": "Exists"}],
        "containers": [container],
    }
    labels = {"app": app, "deployment": name, "app.kubernetes.io/instance": name}
    annotations = {"inference.vllm/bundle": bundle} if bundle else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"deployment": name}}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def service(app: str) -> Json:
    port = {"name": "http", "port": 8000, "targetPort": "http"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": app}, "spec": {"selector": {"app": app}, "ports": [port]}}
