"""Tells kwok, which serves the kubelet's API, where a pod's logs are and where its ports lead."""

from __future__ import annotations

from .api import Api, missing_is_fine
from .sandbox import Sandbox
from .types import Container, Json

GROUP = "kwok.x-k8s.io/v1alpha1"


def _object(kind: str, pod: Json, spec: Json) -> Json:
    metadata = pod["metadata"]
    # The owner makes the API server remove it with the pod, should the kubelet not live to do so.
    owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    about = {"name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [owner]}
    return {"apiVersion": GROUP, "kind": kind, "metadata": about, "spec": spec}


def _path(kind: str, pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/apis/{GROUP}/namespaces/{metadata['namespace']}/{kind}/{metadata['name']}"


def publish(api: Api, pod: Json, sandbox: Sandbox, containers: list[Container]) -> None:
    """Once for each pod: the logs are named by links that follow the runs."""
    forwards = [{"ports": [inside], "target": {"address": "127.0.0.1", "port": outside}} for inside, outside in sandbox.ports.items()]
    if forwards:
        api.apply(_path("portforwards", pod), _object("PortForward", pod, {"forwards": forwards}))
    logs = [
        {"containers": [c.name], "logsFile": str(sandbox.log(c, "current")), "previousLogsFile": str(sandbox.log(c, "previous")), "follow": True}
        for c in containers
    ]
    api.apply(_path("logs", pod), _object("Logs", pod, {"logs": logs}))


def withdraw(api: Api, pod: Json) -> None:
    for kind in ("portforwards", "logs"):
        with missing_is_fine():
            api.delete(_path(kind, pod))
