"""A real API server takes what the chart renders: no unknown field, and no pod that a restricted namespace refuses."""

from __future__ import annotations

import itertools
import json
import subprocess

import pytest

from lab.testing import MakeNamespace, RunningLab
from tests.chart._render import ENVIRONMENTS, Object, Values, render

HAS_X = {"key": "x", "operator": "Exists"}
SWITCHES: dict[str, Values] = {
    "as it is": {},
    "two GPUs": {"engine": {"tensorParallelSize": 2}, "resources": {"limits": {"memory": "64Gi"}}},
    "a claim": {"cache": {"type": "pvc", "accessMode": "ReadWriteMany"}},
    "no numbers": {"securityContext": {"runAsUser": 65532, "runAsGroup": None, "fsGroup": None}},
    "everything": {
        "replicas": 3,
        "priorityClassName": "system-node-critical",
        "image": {"pullSecrets": ["hub"]},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [HAS_X]}]}}},
        "service": {"type": "NodePort", "port": 80, "annotations": {"a": "b"}},
        "networkPolicy": {
            "enabled": True,
            "from": {"namespaces": ["a"], "sameNamespace": True, "cidrs": ["10.0.0.0/8"]},
            "to": {"cidrs": [{"cidr": "::1/128", "ports": [3128]}]},
        },
        "podDisruptionBudget": {"maxUnavailable": "50%"},
        "rollout": {"maxSurge": "50%", "maxUnavailable": 1, "minReadySeconds": 5},
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "a"},
        "release": {"revision": "r1", "bundle": "sha256:" + "a" * 64},
        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "hfToken": {"existingSecret": {"name": "hf-token", "key": "token"}},
        "cache": {"sizeLimit": "10Gi"},
        "offline": True,
        "model": {"source": "/models/x"},
    },
}


def created_on_trial(lab: RunningLab, namespace: str, objects: list[Object]) -> subprocess.CompletedProcess[str]:
    """Every object through validation and admission, none stored."""
    for thing in objects:
        thing["metadata"]["namespace"] = namespace
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    command = [str(lab.bin / "kubectl"), "--kubeconfig", str(lab.kubeconfig("admin")), "create", "--dry-run=server", "--validate=strict", "-f", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


def bare_pod(deployment: Object) -> Object:
    """Admission judges pods, and of Deployments it only warns."""
    template = deployment["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}


def for_pod_security(pod: Object) -> Object:
    """An account that is not there yet, and a priority that only another namespace may use, are refused before Pod Security is asked."""
    return {**pod, "spec": {**pod["spec"], "serviceAccountName": "default", "priorityClassName": None}}


@pytest.mark.parametrize(("environment", "switch"), [*itertools.product(ENVIRONMENTS, ["as it is"]), *itertools.product([""], SWITCHES)])
def test_the_api_server_takes_every_object(lab: RunningLab, make_namespace: MakeNamespace, environment: str, switch: str) -> None:
    rendered = render(SWITCHES[switch], environment=environment)
    pods = [for_pod_security(pod) for pod in (bare_pod(rendered.one("Deployment")), rendered.test_pod)]
    others = [thing for thing in rendered.objects.values() if thing["kind"] != "Pod"]
    done = created_on_trial(lab, make_namespace(), [*others, *pods])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(others) + 2


def test_a_host_path_is_refused_where_pods_are_restricted(lab: RunningLab, make_namespace: MakeNamespace) -> None:
    pod = for_pod_security(bare_pod(render({"cache": {"type": "hostPath", "hostPath": "/data"}}).one("Deployment")))
    done = created_on_trial(lab, make_namespace(), [pod])
    assert done.returncode != 0
    assert "violates PodSecurity" in done.stderr
    assert "hostPath" in done.stderr
