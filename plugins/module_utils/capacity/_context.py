# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What decides about a pod beside nodes and their pods: classes, defaults, quotas, volumes, devices, what it replaces, what others reserve."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .._errors import InputError
from ..cluster._client import Client, Forbidden, Gone, NotFound, Unreachable
from . import _objects, _pod_resources, _quota
from ._claims import LABELS, LockWatch, pending_claims
from ._objects import PodFacts
from ._placing import Volume
from ._pod_resources import Json
from ._question import Question
from ._reservations import REPLACING, Reservation, checked
from ._wanted import Unknown, Wanted, wanted

#: Labels of volumes that tie them to nodes, and the label of today that stands in for each on a node.
_ZONES = {
    "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
_DEVICES = "/apis/resource.k8s.io/v1"
_LEASES = "/apis/coordination.k8s.io/v1/leases"
#: Stands for devices that are not bound to one node.
EVERYWHERE = "*"


Found = t.TypeVar("Found")


class Source:
    """Small lists and single objects. ``blind`` is what was forbidden, each with the RBAC rule that is missing."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.blind: list[Unknown] = []
        self._defaults: dict[str, list[Json]] = {}

    def items(self, path: str, query: t.Mapping[str, str] | None = None) -> list[Json]:
        """A whole list, or nothing where the API does not know the kind or the user may not list it."""
        try:
            return self.listed(path, query)
        except NotFound:
            return []
        except Forbidden:
            self.forbidden("list", path)
            return []

    def listed(self, path: str, query: t.Mapping[str, str] | None = None) -> list[Json]:
        """The same, but raises NotFound and Forbidden."""
        found: list[Json] = [*restarted(lambda: self.client.items(path, query))]
        for item in found:
            if not (isinstance(item, dict) and isinstance(item.get("metadata"), dict) and isinstance(item.get("spec", {}), dict)):
                raise self._strange(path, "an item is no object")
        return found

    def limit_ranges(self, namespace: str) -> list[Json]:
        """Read once for all pods of a namespace."""
        if namespace not in self._defaults:
            self._defaults[namespace] = self.items(f"/api/v1/namespaces/{namespace}/limitranges")
        return self._defaults[namespace]

    def pages(self, path: str, query: t.Mapping[str, str], limit: int, take: t.Callable[[bytes], Found]) -> t.Iterator[Found]:
        """What ``take`` makes of each page."""
        for page in self.client.pages(path, query, limit=limit):
            yield self.taken(path, page, take)

    def taken(self, path: str, page: bytes, take: t.Callable[[bytes], Found]) -> Found:
        try:
            return take(page)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._strange(path, error) from error

    def _strange(self, path: str, why: object) -> Unreachable:
        return Unreachable(f"what {self.client.connection.host} answered to GET {path} is not a list of an API server ({why}); does a proxy answer for it?")

    def one(self, path: str) -> Json | None:
        """None where it does not exist; raises Forbidden."""
        try:
            return self.client.get(path)
        except NotFound:
            return None

    def named(self, path: str) -> Json | None:
        """What the pod names must exist; None where it may not be read."""
        try:
            found = self.one(path)
        except Forbidden:
            self.forbidden("get", path)
            return None
        if found is None:
            kind, name = path.split("/")[-2:]
            raise InputError(f"the pod names {kind} {name}, which the cluster does not have; create it or correct the name")
        return found

    def forbidden(self, verb: str, path: str, *, opens: bool = False) -> None:
        what = "cannot be listed" if verb == "list" else "cannot be read"
        self.blind.append(Unknown(f"{_resource(path)} {what}: {rule(verb, path)}", opens))


def rule(verb: str, path: str) -> str:
    """The RBAC rule to ask for, as it is written in a Role."""
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" else ""
    where = f"a Role in {parts[parts.index('namespaces') + 1]}" if "namespaces" in parts[:-1] else "a ClusterRole"
    return f'ask for {where} with {{apiGroups: ["{group}"], resources: [{_resource(path)}], verbs: [{verb}]}}'


def restarted(read: t.Callable[[], Found]) -> Found:
    """A list that expires half way (410) is begun again once."""
    try:
        return read()
    except Gone:
        return read()


def _resource(path: str) -> str:
    """``/api/v1/namespaces/x/pods`` and ``/api/v1/nodes/gpu-0`` are about pods and nodes."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    return rest[0]


def pod(source: Source, question: Question) -> Wanted:
    """With what the cluster adds to it: overhead and selector of its RuntimeClass, priority, namespace defaults."""
    template = question.template or {}
    spec = template.get("spec") or {}
    runtime, priority = spec.get("runtimeClassName"), spec.get("priorityClassName")
    found = source.named(f"/apis/scheduling.k8s.io/v1/priorityclasses/{priority}") if priority else None
    return wanted(
        template,
        question.namespace,
        runtime_class=source.named(f"/apis/node.k8s.io/v1/runtimeclasses/{runtime}") if runtime else None,
        priority=int((found or {}).get("value") or 0),
        limit_ranges=source.limit_ranges(question.namespace),
    )


def reservations(source: Source, question: Question, watch: LockWatch) -> tuple[list[Reservation], list[str]]:
    """What is to be placed before the pods of ``question``, and notes on claims that could not be read.

    Read before nodes and pods: a claim is withdrawn once its pods have nodes, so one of the two is always seen.
    """
    found = [Reservation(each, pod(source, each), _created(source, question, each)) for each in question.reserved]
    if not question.claims:
        return found, []
    leases, notes = _leases(source, question)
    named = {(question.namespace, question.release), *((each.namespace, each.release) for each in question.reserved)}
    # What cannot be read for a claim makes its place less exact, but not the answer inconclusive.
    aside = Source(source.client)
    for claim in pending_claims(leases, (question.namespace, question.release), watch.stale(leases)):
        if (claim.namespace, claim.release) not in named:
            try:
                wanted_pod = checked(pod(aside, claim.question))
            except (InputError, AttributeError, KeyError, TypeError, ValueError) as error:
                notes.append(f"the claim of {claim.release} in {claim.namespace} cannot be counted: {error}")
                continue
            found.append(Reservation(claim.question, wanted_pod, _created(aside, question, claim.question), claim.holder))
    return found, [*notes, *(f"for the claims of other runs: {each.text}" for each in aside.blind)]


def _created(source: Source, question: Question, other: Question) -> int:
    """How many pods the other release has already; only its own namespace's quota has to know."""
    return sum(1 for _each in replaced(source, other.namespace, other.replaced)) if other.namespace == question.namespace else 0


def _leases(source: Source, question: Question) -> tuple[list[Json], list[str]]:
    """Locks and claims of all namespaces, or of those that the question names where only they may be read."""
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in LABELS.items())}
    try:
        return source.listed(_LEASES, query), []
    except NotFound:
        return [], []
    except Forbidden:
        notes = [f"claims of other runs are counted in the namespaces of this question only: leases cannot be listed: {rule('list', _LEASES)}"]
    found: list[Json] = []
    for namespace in sorted({question.namespace, *(each.namespace for each in question.reserved)}):
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        try:
            found += source.listed(path, query)
        except Forbidden:
            notes.append(f"claims of other runs in {namespace} are not counted: leases cannot be listed: {rule('list', path)}")
    return found, notes


def replaced(source: Source, namespace: str, selector: str) -> c.Iterator[tuple[PodFacts, _quota.Usage]]:
    if not selector:
        return
    for item in source.items(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector}):
        # A Job's pods run to their own end; they are not replaced by a new revision.
        if _objects.counts(item) and _objects.owner_of(item["metadata"])[1] in REPLACING:
            yield PodFacts.parse(item), _quota.usage(item, f"pod {namespace}/{item['metadata']['name']}")


def namespaces(source: Source, wanted_pods: c.Iterable[Wanted], pods: c.Iterable[PodFacts]) -> dict[str, c.Mapping[str, str]]:
    """Labels of namespaces; asked only when a rule selects namespaces by them."""
    terms = [term for each in wanted_pods for term in (*each.anti_terms, *each.affinity_terms)]
    terms += [term for other in pods for term in other.anti_terms]
    if not any(term.namespace_selector for term in terms):
        return {}
    return {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in source.items("/api/v1/namespaces")}


def volumes(source: Source, pod: Wanted) -> tuple[Volume, ...]:
    """Where the pod's claims can be mounted. A claim that is not bound yet leaves it open."""
    return tuple(volume for claim in pod.claims for volume in _volume(source, pod.namespace, claim))


def devices(source: Source, pod: Wanted) -> tuple[frozenset[str], frozenset[str]]:
    """Nodes whose devices are given out by DRA, and the extended resources that DeviceClasses give out."""
    if not any(amount and _pod_resources.extended(name) for name, amount in pod.requests.items()):
        return frozenset(), frozenset()
    nodes = frozenset(_device_node(item) for item in source.items(f"{_DEVICES}/resourceslices"))
    if not nodes:
        return nodes, frozenset()
    classes = source.items(f"{_DEVICES}/deviceclasses")
    return nodes, frozenset(item["spec"]["extendedResourceName"] for item in classes if (item.get("spec") or {}).get("extendedResourceName"))


def _device_node(item: Json) -> str:
    return str((item.get("spec") or {}).get("nodeName") or EVERYWHERE)


def _volume(source: Source, namespace: str, claim: str) -> c.Iterator[Volume]:
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}"
    try:
        found = source.one(path)
    except Forbidden:
        return source.forbidden("get", path)
    name = ((found or {}).get("spec") or {}).get("volumeName")
    if not name:
        state = "is not bound yet" if found else "does not exist yet"
        source.blind.append(Unknown(f"its PersistentVolumeClaim {claim} {state}, so which nodes can mount it is open"))
        return None
    path = f"/api/v1/persistentvolumes/{name}"
    try:
        spec_of = source.client.get(path)
    except NotFound:
        source.blind.append(Unknown(f"the volume {name} of its PersistentVolumeClaim {claim} is lost"))
        return None
    except Forbidden:
        return source.forbidden("get", path)
    yield from _terms(source, claim, spec_of)
    return None


def _terms(source: Source, claim: str, volume: Json) -> c.Iterator[Volume]:
    spec, labels = volume.get("spec") or {}, volume["metadata"].get("labels") or {}
    required = (spec.get("nodeAffinity") or {}).get("required")
    if required:
        yield Volume(claim, tuple(required.get("nodeSelectorTerms") or ()))
    for key, current in _ZONES.items():
        if key in labels:
            yield Volume(claim, tuple({"matchExpressions": expressions} for expressions in _zone(key, current, labels[key].split("__"))))
    if "ReadWriteOncePod" in (spec.get("accessModes") or ()):
        source.blind.append(Unknown(f"the volume of its PersistentVolumeClaim {claim} may be used by one pod only (ReadWriteOncePod)"))
    driver = (spec.get("csi") or {}).get("driver")
    if driver and any(_limited(node, driver) for node in source.items("/apis/storage.k8s.io/v1/csinodes")):
        source.blind.append(Unknown(f"nodes attach only so many volumes of the driver {driver}, which are not counted here"))


def _zone(key: str, current: str, values: list[str]) -> c.Iterator[list[Json]]:
    """The ways in which a node may meet a volume's zone; one without any such label belongs to a cluster of one zone."""
    yield [{"key": key, "operator": "In", "values": values}]
    if key != current:
        yield [{"key": key, "operator": "DoesNotExist"}, {"key": current, "operator": "In", "values": values}]
    yield [{"key": each, "operator": "DoesNotExist"} for each in _ZONES]


def _limited(node: Json, driver: str) -> bool:
    drivers: t.Iterable[Json] = (node.get("spec") or {}).get("drivers") or ()
    return any(each.get("name") == driver and (each.get("allocatable") or {}).get("count") is not None for each in drivers)
