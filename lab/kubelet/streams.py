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


def publish_ports(api: Api, pod: Json, sandbox: Sandbox) -> None:
    forwards = [{"ports": [inside], "target": {"address": "127.0.0.1", "port": outside}} for inside, outside in sandbox.ports.items()]
    if forwards:
        api.apply(_path("portforwards", pod), _object("PortForward", pod, {"forwards": forwards}))


def publish_logs(api: Api, pod: Json, sandbox: Sandbox, containers: list[Container]) -> None:
    """The current log of each container that has run, and the one of its run before."""
    logs = []
    for container in containers:
        latest = container.attempts - 1
        if latest < 0:
            continue
        entry: Json = {"containers": [container.name], "logsFile": str(sandbox.log(container, latest)), "follow": True}
        if latest > 0:
            entry["previousLogsFile"] = str(sandbox.log(container, latest - 1))
        logs.append(entry)
    api.apply(_path("logs", pod), _object("Logs", pod, {"logs": logs}))


def withdraw(api: Api, pod: Json) -> None:
    for kind in ("portforwards", "logs"):
        with missing_is_fine():
            api.delete(_path(kind, pod))
