"""An API server of nodes and pods: limit and continue, resourceVersion, the selectors that the reader uses; faults on request."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _question

from tests.unit.cluster.server import Handler, Server, Step, answer, refuse

from .build import GPU, Json, node, pod, template

PODS = "/api/v1/pods"
OPTIONS: Json = {"namespace": "development", "replicas": 1}
Fault = t.Callable[[str, dict[str, str], int], Step | None]


class Api(Server):
    """``fault`` gets path, query and how often the path was asked; what it returns is done instead of answering."""

    def __init__(self, nodes: list[Json], pods: list[Json], others: dict[str, list[Json]] | None = None, fault: Fault | None = None) -> None:
        super().__init__([self._serve])
        self.lists: dict[str, list[Json]] = {"/api/v1/nodes": nodes, "/api/v1/pods": pods, **(others or {})}
        self.asked: dict[str, int] = {}
        self._fault = fault

    def _serve(self, handler: Handler) -> None:
        path, _, raw = handler.path.partition("?")
        query = dict(urllib.parse.parse_qsl(raw))
        self.asked[path] = self.asked.get(path, 0) + 1
        fault = self._fault(path, query, self.asked[path]) if self._fault else None
        (fault or self.truth(path, query))(handler)

    def truth(self, path: str, query: dict[str, str]) -> Step:
        if path in self.lists:
            return answer(200, self.page(path, query))
        parent, _, name = path.rpartition("/")
        found = next((item for item in self.lists.get(parent, []) if item["metadata"]["name"] == name), None)
        if found:
            return answer(200, found)
        namespaced = path.startswith("/api/v1/namespaces/") and path.endswith("/pods")
        if namespaced:
            chosen = [pod for pod in self.lists["/api/v1/pods"] if pod["metadata"]["namespace"] == path.split("/")[4]]
            return answer(200, _list([pod for pod in chosen if _selected(pod, query)], "PodList"))
        return refuse(404, "NotFound")

    def page(self, path: str, query: dict[str, str]) -> bytes:
        """As API servers do: with resourceVersion=0 the limit is ignored, and with a selector nothing says how many remain."""
        items = [item for item in self.lists[path] if _selected(item, query)]
        start = int(query.get("continue") or 0)
        limit = int(query.get("limit") or 0) if query.get("resourceVersion") != "0" else 0
        part = items[start : start + limit] if limit else items
        left = len(items) - start - len(part)
        metadata: Json = {"resourceVersion": "77"}
        if left:
            metadata["continue"] = str(start + len(part))
            if not query.get("fieldSelector") and not query.get("labelSelector"):
                metadata["remainingItemCount"] = left
        return _list(part, "PodList" if path.endswith("pods") else "List", metadata)


def _list(items: list[Json], kind: str, metadata: Json | None = None) -> bytes:
    body = {"kind": kind, "apiVersion": "v1", "metadata": metadata or {"resourceVersion": "77"}, "items": items}
    return json.dumps(body, separators=(",", ":")).encode()


def _selected(item: Json, query: dict[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    if not all(labels.get(key) == value for key, _, value in _parts(query.get("labelSelector"))):
        return False
    return all(_field(item, *part) for part in _parts(query.get("fieldSelector")))


def _field(item: Json, path: str, operator: str, value: str) -> bool:
    found: t.Any = item
    for key in path.split("."):
        found = (found or {}).get(key)
    return ((found or "") == value) == (operator == "=")


def _parts(selector: str | None) -> list[tuple[str, str, str]]:
    found = []
    for part in (selector or "").split(","):
        if part:
            operator = "!=" if "!=" in part else "="
            key, _, value = part.partition(operator)
            found.append((key, operator, value))
    return found


def cluster(nodes: int, pods: int = 4, fault: Fault | None = None, **others: list[Json]) -> Api:
    """GPU nodes with ``pods`` pods each: one GPU held by each, and as many nodes without a GPU."""
    made = [node(f"gpu-{each:03}") for each in range(nodes)]
    plain = [node(f"cpu-{each:03}", labels={"node-type": "cpu"}, allocatable={GPU: "0"}) for each in range(nodes)]
    running = [pod(f"r{each}-{number}", f"gpu-{each:03}") for each in range(nodes) for number in range(pods)]
    running += [pod(f"c{each}-0", f"cpu-{each:03}", {"cpu": "1"}) for each in range(nodes)]
    return Api(made + plain, running, {f"/api/v1/namespaces/development/{kind}": items for kind, items in others.items()}, fault)


def look(api: Api, seconds: float = 5, **options: t.Any) -> Json:
    params = {**OPTIONS, **({} if "fleet" in options else {"pod_template": template()}), **options}
    return _query.look(api.connection(), _question.question(params), seconds)
