"""The optional part Prometheus, where it is built (`python -m lab build prometheus`): real scrapes of real metrics of simulated engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
import urllib.parse
import urllib.request

import pytest

from lab import _cluster
from lab._layout import ROOT, Layout
from lab.status import existing
from lab.testing import RunningLab, remove_namespace

PROGRAMS = [Layout().bin / name for name in ("prometheus", "promtool")]
pytestmark = pytest.mark.skipif(not all(path.is_file() for path in PROGRAMS), reason="not built: python -m lab build prometheus")
LABELS = {"app.kubernetes.io/name": "vllm-deployment", "app.kubernetes.io/instance": "m-development", "inference.vllm/model": "m"}
ALARM = "groups: [{name: g, rules: [{alert: Up, expr: 'up == 1', labels: {severity: info}}]}]\n"


@pytest.fixture(scope="module")
def namespace(lab: RunningLab) -> t.Iterator[str]:
    """With a Service and one engine behind it, as the chart would label them."""
    subprocess.run([sys.executable, "-m", "lab", "up", "--name", lab.name, "--with", "prometheus"], cwd=ROOT, check=True, timeout=180)
    api, name = lab.client("admin", seconds=600), f"prometheus-{os.getpid()}"
    _cluster.namespace(lab.lab, api, name, environment="development", pod_security="privileged")
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "args": ["lab/tiny", "--served-model-name", "m"],
        "env": [{"name": "LAB_ENGINE_LOAD_SECONDS", "value": "0"}],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
    }
    toleration = {"key": "gpu-workload", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "m-0", "labels": LABELS}}
    api.create(f"/api/v1/namespaces/{name}/pods", {**pod, "spec": {"containers": [container], "tolerations": [toleration]}})
    spec = {"selector": LABELS, "ports": [{"name": "http", "port": 8000, "targetPort": "http"}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m-development", "labels": LABELS}, "spec": spec}
    api.create(f"/api/v1/namespaces/{name}/services", service)
    yield name
    remove_namespace(api, name)


def asked(lab: RunningLab, route: str, **query: str) -> t.Any:
    url = f"http://127.0.0.1:{existing(lab.layout).state.ports['prometheus']}{route}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())["data"]


def until(look: t.Callable[[], t.Any], seconds: float = 90) -> t.Any:
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.3)
    return found


def test_it_scrapes_the_engines_of_the_charts_services_with_an_operators_labels(lab: RunningLab, namespace: str) -> None:
    query = f'vllm:num_requests_running{{namespace="{namespace}"}}'
    (series,) = until(lambda: asked(lab, "/api/v1/query", query=query)["result"])
    wanted = {"namespace": namespace, "service": "m-development", "job": "m-development", "pod": "m-0", "container": "vllm", "endpoint": "http"}
    assert (wanted | {"model": "m", "release": "m-development", "model_name": "m"}).items() <= series["metric"].items()
    assert asked(lab, "/api/v1/query", query=f'{{__name__=~".+_created",namespace="{namespace}"}}')["result"] == []


def test_a_rule_in_its_folder_is_taken_on_reload_and_promtool_checks_it(lab: RunningLab, namespace: str) -> None:
    rule = lab.layout.state / "prometheus" / "rules" / "test.yml"
    rule.write_text(ALARM)
    checked = subprocess.run([str(PROGRAMS[1]), "check", "rules", str(rule)], capture_output=True, text=True, check=False)
    assert "1 rules found" in checked.stdout, checked.stderr
    port = existing(lab.layout).state.ports["prometheus"]
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/-/reload", method="POST"), timeout=30).close()
    assert until(lambda: [alert for alert in asked(lab, "/api/v1/alerts")["alerts"] if alert["labels"].get("namespace") == namespace])


def test_status_shows_it(lab: RunningLab, namespace: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", "status", "--name", lab.name], cwd=ROOT, capture_output=True, text=True, check=True)
    assert next(line.split() for line in done.stdout.splitlines() if line.startswith("prometheus"))[-1] == "ok"
