"""The module's answer beside the scheduler's deed, for one case."""

from __future__ import annotations

import concurrent.futures
import contextlib
import copy
import dataclasses
import random
import time
import typing as t

from plugins.module_utils.capacity import _look, _reader
from plugins.module_utils.capacity._request import Request
from plugins.module_utils.capacity._snapshot import Replacement
from plugins.module_utils.cluster._client import ApiError, Client

from ._generate import HERE, THERE, Case, Json

DECISION_SECONDS = 20.0
LONG = 1.5


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``agrees`` is whether scheduler and module say the same; ``said`` and ``placed`` are what they said."""

    agrees: bool
    fits: str
    said: str
    placed: int
    refused: str = ""


def prepare(api: Client) -> None:
    for name in (HERE, THERE):
        _create(api, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}})
    overhead = {"cpu": "250m", "memory": "120Mi"}
    scheduling = {"nodeSelector": {"node-type": "gpu"}, "tolerations": [{"key": "team", "operator": "Exists"}]}
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "sandboxed"}, "handler": "none"}
    _create(api, "/apis/node.k8s.io/v1/runtimeclasses", {**manifest, "overhead": {"podFixed": overhead}, "scheduling": scheduling})


class Bench:
    """Runs cases one after another on one control plane."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._threads = concurrent.futures.ThreadPoolExecutor(4)
        self._run = 0

    def outcome(self, case: Case) -> Outcome:
        """A disagreement counts only when it stands after a pause that lets every watch catch up."""
        found = self._once(case, 0.02)
        return found if found.agrees else self._once(case, LONG)

    def _once(self, case: Case, pause: float) -> Outcome:
        self._run += 1
        try:
            self._build(case)
            answer = self._ask(case)
            time.sleep(pause)
            return _judged(case, answer, self._schedule(case, pause))
        except ApiError as error:
            if error.status in (400, 403, 422):
                return Outcome(True, "refused", "", 0, refused=str(error))
            raise
        finally:
            self._clear()

    def _build(self, case: Case) -> None:
        list(self._threads.map(lambda node: _create(self._api, "/api/v1/nodes", node), case.nodes))
        list(self._threads.map(self._existing, case.pods))

    def _existing(self, pod: Json) -> None:
        manifest = {key: value for key, value in pod.items() if key not in ("leaving", "status")}
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{namespace}/pods"
        # A pod of a RuntimeClass is refused where it does not carry the class's selector; bound pods need none of it.
        _create(self._api, path, manifest)
        if pod.get("status"):
            self._api.patch(f"{path}/{name}/status", {"status": pod["status"]}, kind="application/merge-patch+json")
        if pod.get("leaving"):
            self._api.delete(f"{path}/{name}", {"gracePeriodSeconds": 600})

    def _ask(self, case: Case) -> Json:
        request = Request(HERE, case.replicas, case.template, "", Replacement(), {})
        with _ways_of_reading(random.Random(self._run)):
            return _look.look(self._api.connection, request, 30)

    def _schedule(self, case: Case, pause: float) -> int:
        label = {"run": f"r{self._run}"}
        for index in range(case.replicas):
            pod = copy.deepcopy(case.template)
            # The label marks the pods for us; no rule of any case reads it.
            pod["metadata"] = {"name": f"r{self._run}-{index}", "labels": {**pod["metadata"]["labels"], **label}}
            _create(self._api, f"/api/v1/namespaces/{HERE}/pods", {"apiVersion": "v1", "kind": "Pod", **pod})
        placed = self._decided(case, f"run=r{self._run}")
        if pause >= LONG and placed < case.replicas:
            # The scheduler tries again after a second of backoff; what it says then is its last word.
            time.sleep(pause)
            placed = self._decided(case, f"run=r{self._run}")
        return placed

    def _decided(self, case: Case, selector: str) -> int:
        end = time.monotonic() + DECISION_SECONDS
        while True:
            pods = self._api.items(f"/api/v1/namespaces/{HERE}/pods", {"labelSelector": selector})
            placed = sum(bool(pod["spec"].get("nodeName")) for pod in pods)
            waiting = sum(_unschedulable(pod) for pod in pods)
            if placed + waiting == case.replicas:
                return placed
            if time.monotonic() > end:
                raise TimeoutError(f"case {case.number}: the scheduler decided on {placed + waiting} of {case.replicas} pods in {DECISION_SECONDS:g} s")
            time.sleep(0.01)

    def _clear(self) -> None:
        for namespace in (HERE, THERE):
            self._api.delete(f"/api/v1/namespaces/{namespace}/pods", {"gracePeriodSeconds": 0})
        self._api.delete("/api/v1/nodes")


def _judged(case: Case, answer: Json, placed: int) -> Outcome:
    bounds = answer["certain"] <= placed <= answer["possible"]
    verdicts = {"true": placed == case.replicas, "false": placed < case.replicas, "unknown": True}
    return Outcome(bounds and verdicts[answer["fits"]], answer["fits"], answer["message"], placed)


@contextlib.contextmanager
def _ways_of_reading(rng: random.Random) -> t.Iterator[None]:
    """A small cluster is read in one page; here the ways for large ones take their turn too."""
    first, share = _reader.FIRST_PAGE, _reader.NODES_PER_POD
    way = rng.random()
    try:
        if way < 0.5:
            _reader.FIRST_PAGE = 1
            _reader.NODES_PER_POD = 0 if way < 0.25 else 1e9
        yield
    finally:
        _reader.FIRST_PAGE, _reader.NODES_PER_POD = first, share


def _unschedulable(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return not pod["spec"].get("nodeName") and any(each.get("reason") in ("Unschedulable", "SchedulingGated") for each in conditions)


def _create(api: Client, path: str, manifest: Json) -> None:
    api.create(path, manifest)
