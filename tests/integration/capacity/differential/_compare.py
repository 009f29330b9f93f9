"""The module's answer beside the scheduler's deed, for one case."""

from __future__ import annotations

import concurrent.futures
import contextlib
import copy
import dataclasses
import json
import random
import time
import typing as t

from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _query, _reader
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import Question, Replacement
from ansible_collections.inference.vllm.plugins.module_utils.cluster._connection import connect

from lab._client import ApiError, Client, Forbidden
from lab._parts import Lab

from ._generate import HERE, THERE, Case, Json
from ._plane import Broom, admin
from ._surroundings import PRIORITIES, QUIET

DECISION_SECONDS = 20.0
LONG = 1.5
#: Statuses with which the API server says that an object is none.
REFUSALS = (400, 403, 422)
PATHS = {
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Namespace": "/api/v1/namespaces",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "DeviceClass": "/apis/resource.k8s.io/v1/deviceclasses",
    "ResourceSlice": "/apis/resource.k8s.io/v1/resourceslices",
    "ResourceClaim": "/apis/resource.k8s.io/v1/namespaces/{}/resourceclaims",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "RuntimeClass": "/apis/node.k8s.io/v1/runtimeclasses",
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``agrees`` is whether scheduler and module say the same; ``said`` and ``placed`` are what they said."""

    agrees: bool
    verdict: str
    said: str
    placed: int
    refused: str = ""
    named: bool = False


def prepare(api: Client) -> None:
    for name in (HERE, THERE):
        _namespace(api, name, name)
    for name, value in PRIORITIES.items():
        policy = {"preemptionPolicy": "Never"} if name == QUIET else {}
        _create(api, {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value, **policy})
    overhead = {"cpu": "250m", "memory": "120Mi"}
    scheduling = {"nodeSelector": {"node-type": "gpu"}, "tolerations": [{"key": "team", "operator": "Exists"}]}
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "none"}
    _create(api, {**manifest, "metadata": {"name": "sandboxed"}, "overhead": {"podFixed": overhead}, "scheduling": scheduling})
    # Pods that select GPU nodes conflict with this one, and are refused.
    _create(api, {**manifest, "metadata": {"name": "plain"}, "scheduling": {"nodeSelector": {"node-type": "cpu"}}})


class Bench:
    """Runs cases one after another on one control plane."""

    def __init__(self, lab: Lab) -> None:
        self._api = admin(lab)
        # The module's own way in.
        self._connection = connect({"kubeconfig": str(lab.layout.kubeconfig("admin"))})
        self._broom = Broom(lab)
        self._threads = concurrent.futures.ThreadPoolExecutor(4)
        self._run = 0

    def outcome(self, case: Case) -> Outcome:
        """A disagreement counts only when it stands after a pause that lets every watch catch up."""
        found = self._once(case, 0.02)
        return found if found.agrees else self._once(case, LONG)

    def _once(self, case: Case, pause: float) -> Outcome:
        self._run += 1
        here, moved = HERE, case
        if case.alone():
            here = f"{HERE}-{self._run}"
            _namespace(self._api, here, HERE)
            moved = _moved(case, here)
        try:
            self._build(moved)
            answer = self._ask(moved, here)
            time.sleep(pause)
            return _judged(case, answer, self._schedule(moved, here, pause))
        except ApiError as error:
            if error.status in REFUSALS:
                return Outcome(True, "refused", "", 0, refused=str(error))
            raise
        finally:
            self._broom.sweep()

    def _build(self, case: Case) -> None:
        for each in case.around:
            _create(self._api, each)
            if each["kind"] == "ResourceQuota":
                # As its controller does when it first counts: nothing is there yet. From then on the admission counts.
                hard = each["spec"]["hard"]
                self._status(each, {"hard": hard, "used": dict.fromkeys(hard, "0")})
        list(self._threads.map(lambda node: _create(self._api, node), case.nodes))
        list(self._threads.map(lambda pod: self._existing(pod, may_be_refused=case.alone()), case.pods))
        if case.promised:
            _create(self._api, case.promised)
            self._decided(THERE, "", [case.promised["metadata"]["name"]])

    def _existing(self, pod: Json, *, may_be_refused: bool) -> None:
        manifest = {key: value for key, value in pod.items() if key not in ("leaving", "status")}
        try:
            _patiently(lambda: _create(self._api, manifest))
        except ApiError as error:
            # Its namespace's quota or limits do not let it in: then it is not there.
            if may_be_refused and error.status in REFUSALS:
                return
            raise
        if pod.get("status"):
            self._status(pod, pod["status"])
        if pod.get("leaving"):
            self._api.delete(_path(pod), {"gracePeriodSeconds": 600})

    def _status(self, manifest: Json, status: Json) -> None:
        self._api.patch(f"{_path(manifest)}/status", {"status": status})

    def _ask(self, case: Case, here: str) -> Json | None:
        """None where the module says that no API server would take such a pod."""
        question = Question(here, case.replicas, case.template, "", Replacement(), {})
        with _ways_of_reading(random.Random(self._run)):
            try:
                return _query.look(self._connection, question, 30)
            except InputError:
                return None

    def _schedule(self, case: Case, here: str, pause: float) -> int | None:
        """How many replicas got a node; None when the API server takes none of them for a reason of the pod's own."""
        names = []
        for index in range(case.replicas):
            pod = copy.deepcopy(case.template)
            # The label marks the pods for us; no rule of any case reads it.
            pod["metadata"] = {"name": f"r{self._run}-{index}", "namespace": here, "labels": {**pod["metadata"]["labels"], "run": f"r{self._run}"}}
            try:
                _create(self._api, {"apiVersion": "v1", "kind": "Pod", **pod})
            except ApiError as error:
                if error.status not in REFUSALS:
                    raise
                if "quota" not in str(error):
                    return None
            else:
                names.append(pod["metadata"]["name"])
        placed = self._decided(here, f"run=r{self._run}", names)
        if pause >= LONG and placed < len(names):
            # The scheduler tries again after a second of backoff; what it says then is its last word.
            time.sleep(pause)
            placed = self._decided(here, f"run=r{self._run}", names)
        return placed

    def _decided(self, namespace: str, selector: str, names: t.Collection[str]) -> int:
        """How many of the pods have a node, once the scheduler has said something about each."""
        end = time.monotonic() + DECISION_SECONDS
        while names:
            # From the watch cache: it is asked again and again, and what is a moment old only makes us ask once more.
            listed = self._api.get(PATHS["Pod"].format(namespace), {"labelSelector": selector, "resourceVersion": "0"})["items"]
            pods = [pod for pod in listed if pod["metadata"]["name"] in names]
            placed = sum(bool(pod["spec"].get("nodeName")) for pod in pods)
            waiting = sum(_unschedulable(pod) for pod in pods)
            if placed + waiting == len(names):
                return placed
            if time.monotonic() > end:
                raise TimeoutError(f"the scheduler decided on {placed + waiting} of {len(names)} pods in {DECISION_SECONDS:g} s: {', '.join(names)}")
            time.sleep(0.01)
        return 0


def _moved(case: Case, here: str) -> Case:
    """The same case with another namespace in the place of HERE."""
    made = json.loads(json.dumps(dataclasses.asdict(case)).replace(f'"{HERE}"', f'"{here}"'))
    return Case(**made)


def _judged(case: Case, answer: Json | None, placed: int | None) -> Outcome:
    if answer is None or placed is None:
        none = answer is None or (answer["verdict"], answer["possible"]) == ("fail", 0)
        return Outcome(none and placed in (None, 0), answer["verdict"] if answer else "fail", answer["message"] if answer else "refused", 0)
    # What is named as unknown may hide capacity or take it away; where only the order is open, the bounds are a promise.
    bounds = bool(answer["unknown"]) or answer["certain"] <= placed <= answer["possible"]
    verdicts = {"pass": placed == case.replicas, "fail": placed < case.replicas, "inconclusive": True}
    return Outcome(bounds and verdicts[answer["verdict"]], answer["verdict"], answer["message"], placed, named=bool(answer["unknown"]))


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


def _namespace(api: Client, name: str, team: str) -> None:
    _create(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": team}}})


def _create(api: Client, manifest: Json) -> None:
    api.create(PATHS[manifest["kind"]].format(manifest["metadata"].get("namespace")), manifest)


def _path(manifest: Json) -> str:
    return f"{PATHS[manifest['kind']].format(manifest['metadata'].get('namespace'))}/{manifest['metadata']['name']}"


def _patiently(create: t.Callable[[], None]) -> None:
    """The admission may have seen a new quota before its status; a moment later it has both."""
    for pause in (0.01, 0.05, 0.2, 1.0):
        try:
            return create()
        except Forbidden as error:
            if "status unknown for quota" not in str(error):
                raise
        time.sleep(pause)
    return create()
