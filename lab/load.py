"""`lab load`: bulk nodes and pods that kwok runs, for tests of scale. They take no part in what the lab's own nodes do."""

from __future__ import annotations

import concurrent.futures
import threading
import time
import typing as t

from . import _cluster
from ._api import client
from ._client import Client, Conflict, Query
from ._errors import LabError
from ._nodes import SIMULATED, Json, Node
from ._parts import Lab
from ._state import locked

NAMESPACE = "load"
LABEL = "lab.inference.vllm/load"
GPU = "nvidia.com/gpu"
GPUS_PER_NODE, GPUS_USED = 8, 6
THREADS = 8
SECONDS = 3600.0
Say = t.Callable[[str], None]


def add(lab: Lab, *, nodes: int, gpu_nodes: int, pods: int, say: Say) -> None:
    if gpu_nodes > nodes:
        raise LabError(f"{gpu_nodes} GPU nodes of {nodes} nodes are too many: --gpu-nodes counts some of --nodes.")
    if pods > nodes * Node.pods:
        raise LabError(f"{pods} pods do not fit on {nodes} nodes of {Node.pods} pods each: ask for fewer pods or more nodes.")
    began = time.monotonic()
    with locked(lab.layout):
        admin = client(lab.layout, lab.state, seconds=SECONDS)
        wanted = [_node(number, gpu_nodes) for number in range(nodes)]
        _each("nodes", wanted, lambda api, node: _cluster.apply_node(lab, api, node), lab, say)
        _cluster.apply_plain_namespace(admin, NAMESPACE)
        _wait(lambda: None if _account(admin) else "no default service account", say)
        _each("pods", [_pod(number, wanted) for number in range(pods)], _create, lab, say)
        _wait(lambda: _pending(admin), say)
    say(f"lab {lab.layout.name} carries {nodes} simulated nodes, {gpu_nodes} of them with GPUs, and {pods} pods after {time.monotonic() - began:.0f} s.")


def remove(lab: Lab, say: Say) -> None:
    began = time.monotonic()
    with locked(lab.layout):
        admin = client(lab.layout, lab.state, seconds=SECONDS)
        query: Query = {"labelSelector": LABEL}
        nodes = [item["metadata"]["name"] for item in admin.items("/api/v1/nodes", query)]
        if admin.exists(f"/api/v1/namespaces/{NAMESPACE}"):
            admin.delete(f"/api/v1/namespaces/{NAMESPACE}/pods", {"gracePeriodSeconds": 0})
            admin.delete(f"/api/v1/namespaces/{NAMESPACE}")
        _wait(lambda: "namespace load is being deleted" if admin.exists(f"/api/v1/namespaces/{NAMESPACE}") else None, say)
        _each("nodes", nodes, lambda api, name: api.delete(f"/api/v1/nodes/{name}"), lab, say)
    say(f"lab {lab.layout.name} carries no load any more: removed {len(nodes)} nodes and their pods in {time.monotonic() - began:.0f} s.")


def _node(number: int, gpu_nodes: int) -> Node:
    gpus = GPUS_PER_NODE if number < gpu_nodes else 0
    name = f"sim-{number:05}"
    if gpus:
        return Node(name=name, gpus=gpus, kubelet=SIMULATED, labels={LABEL: "true"})
    return Node(name=name, gpus=0, kubelet=SIMULATED, labels={LABEL: "true"}, taints=[])


def _pod(number: int, nodes: t.Sequence[Node]) -> Json:
    """Bound by its spec, not by the scheduler. The first pods of a GPU node take one GPU each until 6 of its 8 are used."""
    turn, place = divmod(number, len(nodes))
    node = nodes[place]
    gpu = {GPU: "1"} if node.gpus and turn < GPUS_USED else {}
    container = {"name": "load", "image": "load", "resources": {"requests": {"cpu": "100m", "memory": "256Mi", **gpu}, "limits": gpu}}
    spec = {"nodeName": node.name, "containers": [container], "tolerations": [{"operator": "Exists"}], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"load-{number:06}", "labels": {LABEL: "true"}}, "spec": spec}


def _create(api: Client, pod: Json) -> None:
    try:
        api.create(f"/api/v1/namespaces/{NAMESPACE}/pods", pod)
    except Conflict:
        return  # a former `load` was interrupted after this one


Item = t.TypeVar("Item")


def _each(what: str, items: t.Sequence[Item], work: t.Callable[[Client, Item], None], lab: Lab, say: Say) -> None:
    began, done, lock = time.monotonic(), 0, threading.Lock()
    api = client(lab.layout, lab.state, seconds=SECONDS)

    def one(item: Item) -> None:
        nonlocal done
        work(api, item)
        with lock:
            done += 1
            if done % 2000 == 0:
                say(f"  {what}: {done} of {len(items)} after {time.monotonic() - began:.0f} s")

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(one, items):
            pass


def _account(admin: Client) -> bool:
    return admin.exists(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")


def _pending(admin: Client) -> str | None:
    query: Query = {"fieldSelector": "status.phase=Pending", "limit": 1}
    return "not all pods are Running yet" if admin.get(f"/api/v1/namespaces/{NAMESPACE}/pods", query)["items"] else None


def _wait(seen: t.Callable[[], str | None], say: Say) -> None:
    end, said = time.monotonic() + SECONDS, time.monotonic()
    while (left := seen()) is not None:
        if time.monotonic() > end:
            raise LabError(f"after {SECONDS:g} s still: {left}; `python -m lab logs kwok` may say why.")
        if time.monotonic() - said >= 10:
            said = time.monotonic()
            say(f"  {left}")
        time.sleep(0.2)
