# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The pod whose replicas are to be placed: read from a template, with what the API server will add to it."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from .._errors import InputError
from . import _limits, _objects, _pod_resources
from ._objects import HostPort, Term
from ._pod_resources import Amounts, Json, Millis

#: Stands for the hash that the new ReplicaSet will have: no pod that exists carries it.
NEW_HASH = "(new)"
HASH_LABEL = "pod-template-hash"

_ADDED_TOLERATIONS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_FREE_VOLUMES = ("configMap", "downwardAPI", "emptyDir", "hostPath", "image", "nfs", "projected", "secret")


class Unknown(t.NamedTuple):
    """A rule that is not modeled. ``opens``: it could also add capacity where the numbers show none."""

    text: str
    opens: bool = False


@dataclasses.dataclass(frozen=True)
class Spread:
    """One topologySpreadConstraint that forbids (DoNotSchedule)."""

    topology_key: str
    max_skew: int
    min_domains: int
    selector: Json | None
    honor_affinity: bool
    honor_taints: bool


@dataclasses.dataclass(frozen=True)
class Wanted:
    """All that decides where the pod may go. ``unknowns`` are the rules that are not modeled, each in words.

    ``refusal`` is why the namespace would not let it in at all, or empty.
    """

    namespace: str
    labels: c.Mapping[str, str]
    requests: Amounts
    stored_requests: Millis
    stored_limits: Millis
    node_selector: c.Mapping[str, str]
    node_affinity: tuple[Json, ...] | None
    tolerations: tuple[Json, ...]
    spread: tuple[Spread, ...]
    affinity_terms: tuple[Term, ...]
    anti_terms: tuple[Term, ...]
    host_ports: frozenset[HostPort]
    gates: tuple[str, ...]
    claims: tuple[str, ...]
    priority: int
    preempts: bool
    refusal: str
    spec: Json
    unknowns: tuple[Unknown, ...]

    def rules_between_pods(self) -> bool:
        return bool(self.spread or self.affinity_terms or self.anti_terms)

    def kept_out(self) -> bool:
        """Whether no node could take it, however much it has free."""
        return bool(self.gates or self.refusal)


def wanted(template: Json, namespace: str, *, runtime_class: Json | None = None, priority: int = 0, limit_ranges: c.Sequence[Json] = ()) -> Wanted:
    """Of a PodTemplateSpec (or a whole Pod). Raises InputError for what the API server would refuse."""
    metadata, spec = template.get("metadata") or {}, dict(template.get("spec") or {})
    if not spec.get("containers"):
        raise InputError("the pod template has no spec.containers; give pod_template as helm template renders it, or resources")
    spec = _with_defaults(_with_runtime_class(spec, runtime_class), _limits.defaults(limit_ranges))
    labels = {HASH_LABEL: NEW_HASH, **(metadata.get("labels") or {})}
    requests = _pod_resources.requests(spec, None, "the pod template")
    _pod_resources.check_names(requests, "the pod template")
    affinity = spec.get("affinity") or {}
    node_affinity = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return Wanted(
        namespace=namespace,
        labels=labels,
        requests={name: amount for name, amount in _pod_resources.amounts(requests).items() if name != "pods"},
        stored_requests=requests,
        stored_limits=_pod_resources.limits(spec, "the pod template"),
        node_selector=spec.get("nodeSelector") or {},
        node_affinity=None if node_affinity is None else tuple(node_affinity.get("nodeSelectorTerms") or ()),
        tolerations=_with_admission(spec.get("tolerations") or ()),
        spread=tuple(_spread(entry, labels) for entry in spec.get("topologySpreadConstraints") or () if entry.get("whenUnsatisfiable") == "DoNotSchedule"),
        affinity_terms=_objects.terms(_with_label_keys(affinity.get("podAffinity"), labels), namespace),
        anti_terms=_objects.terms(_with_label_keys(affinity.get("podAntiAffinity"), labels), namespace),
        host_ports=_objects.host_ports(spec),
        gates=tuple(entry.get("name", "") for entry in spec.get("schedulingGates") or ()),
        claims=_claims(spec.get("volumes") or ()),
        priority=spec.get("priority") or priority,
        preempts=spec.get("preemptionPolicy") != "Never",
        refusal=_limits.refusal(limit_ranges, spec),
        spec=spec,
        unknowns=tuple(_unknowns(spec)),
    )


def _with_defaults(spec: dict[str, t.Any], limit_defaults: Json) -> dict[str, t.Any]:
    """Requests default to limits: of a container, then of the pod as a whole (KEP-2837); the namespace's defaults come last."""
    spec = _with_containers(spec, {})
    pod_level = spec.get("resources") or {}
    if pod_level.get("requests") or pod_level.get("limits"):
        spec["resources"] = _pod_level(spec, pod_level)
    return _with_containers(spec, limit_defaults)


def _with_containers(spec: dict[str, t.Any], limit_defaults: Json) -> dict[str, t.Any]:
    lists = {key: [_container(entry, limit_defaults) for entry in spec[key]] for key in ("containers", "initContainers") if spec.get(key)}
    return {**spec, **lists}


def _container(container: Json, limit_defaults: Json) -> Json:
    resources = container.get("resources") or {}
    limits = {**(limit_defaults.get("default") or {}), **(resources.get("limits") or {})}
    # The LimitRanger runs after defaulting: a container's own limit wins over the namespace's default request.
    requests = {**(limit_defaults.get("defaultRequest") or {}), **(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {**container, "resources": {"limits": limits, "requests": {**limits, **requests}}}


def _pod_level(spec: Json, given: Json) -> Json:
    limits, requests = dict(given.get("limits") or {}), dict(given.get("requests") or {})
    of_containers = _pod_resources.requests({**spec, "resources": None, "overhead": None}, None, "the pod template")
    limits_of_containers = _pod_resources.limits({**spec, "resources": None, "overhead": None}, "the pod template")
    for name, value in limits_of_containers.items():
        if name.startswith("hugepages-") and name not in requests:
            limits.setdefault(name, _text(value))
    if limits:
        for name, value in of_containers.items():
            if name in ("cpu", "memory"):
                requests.setdefault(name, _text(value))
        for name, value in limits.items():
            if _pod_resources.pod_level_name(name):
                requests.setdefault(name, value)
    return {"limits": limits, "requests": requests}


def _text(thousandths: int) -> str:
    return f"{thousandths}m"


def _with_runtime_class(spec: dict[str, t.Any], runtime_class: Json | None) -> dict[str, t.Any]:
    """A RuntimeClass adds overhead, and its own selector and tolerations."""
    if not runtime_class:
        return spec
    scheduling = runtime_class.get("scheduling") or {}
    own = spec.get("nodeSelector") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if own.get(key, value) != value:
            raise InputError(f"the pod's nodeSelector {key}={own[key]} conflicts with its RuntimeClass, which needs {key}={value}; change one of them")
    overhead: Millis | None = (runtime_class.get("overhead") or {}).get("podFixed")
    return {
        **spec,
        "nodeSelector": {**own, **(scheduling.get("nodeSelector") or {})},
        "tolerations": [*(spec.get("tolerations") or ()), *(scheduling.get("tolerations") or ())],
        "overhead": overhead or spec.get("overhead"),
    }


def _with_admission(tolerations: c.Sequence[Json]) -> tuple[Json, ...]:
    added = []
    for key in _ADDED_TOLERATIONS:
        if not any(entry.get("key") in (key, "", None) and entry.get("effect") in ("NoExecute", "", None) for entry in tolerations):
            added.append({"key": key, "operator": "Exists", "effect": "NoExecute"})
    return (*tolerations, *added)


def _spread(entry: Json, labels: c.Mapping[str, str]) -> Spread:
    return Spread(
        topology_key=entry.get("topologyKey", ""),
        max_skew=int(entry.get("maxSkew") or 1),
        min_domains=int(entry.get("minDomains") or 1),
        selector=_merged(entry.get("labelSelector"), entry.get("matchLabelKeys") or (), (), labels),
        honor_affinity=entry.get("nodeAffinityPolicy", "Honor") != "Ignore",
        honor_taints=entry.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _with_label_keys(affinity: Json | None, labels: c.Mapping[str, str]) -> Json | None:
    """The API server merges matchLabelKeys and mismatchLabelKeys into each term's selector when the pod is made."""
    required = (affinity or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return affinity
    merged = [
        {**entry, "labelSelector": _merged(entry.get("labelSelector"), entry.get("matchLabelKeys") or (), entry.get("mismatchLabelKeys") or (), labels)}
        for entry in required
    ]
    return {"requiredDuringSchedulingIgnoredDuringExecution": merged}


def _merged(selector: Json | None, same: c.Sequence[str], other: c.Sequence[str], labels: c.Mapping[str, str]) -> Json | None:
    more = [{"key": key, "operator": "In", "values": [labels[key]]} for key in same if key in labels]
    more += [{"key": key, "operator": "NotIn", "values": [labels[key]]} for key in other if key in labels]
    if selector is None or not more:
        return selector
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), *more]}


def _claims(volumes: c.Sequence[Json]) -> tuple[str, ...]:
    return tuple(entry["persistentVolumeClaim"].get("claimName", "") for entry in volumes if entry.get("persistentVolumeClaim"))


def _unknowns(spec: Json) -> c.Iterator[Unknown]:
    """Every rule that the scheduler has and this module has not, by its name in the pod."""
    if spec.get("resourceClaims"):
        yield Unknown("its GPUs are requested by resourceClaims (DRA), which the nodes' allocatable resources do not show")
    scheduler = spec.get("schedulerName") or "default-scheduler"
    if scheduler != "default-scheduler":
        yield Unknown(f"its schedulerName is {scheduler}, whose rules are its own", opens=True)
    if spec.get("nodeName"):
        yield Unknown(f"its nodeName is {spec['nodeName']}, which bypasses the scheduler", opens=True)
    for field in ("schedulingGroup", "workloadRef"):
        if spec.get(field):
            yield Unknown(f"its {field} makes it one of a group that is scheduled together")
    yield from _declared(spec)
    for entry in spec.get("tolerations") or ():
        if entry.get("operator") not in (None, "", "Exists", "Equal"):
            yield Unknown(f"its toleration of {entry.get('key')} uses the operator {entry['operator']}", opens=True)
    for volume in spec.get("volumes") or ():
        kinds = [key for key in volume if key not in ("name", "persistentVolumeClaim", *_FREE_VOLUMES)]
        if kinds:
            yield Unknown(f"its volume {volume.get('name')} is of kind {kinds[0]}, which may tie it to some nodes")


def _declared(spec: Json) -> c.Iterator[Unknown]:
    """What needs a feature that nodes declare (KEP-5328); from Kubernetes 1.36 on the scheduler looks for it."""
    if spec.get("hostNetwork") and spec.get("hostUsers") is False:
        yield Unknown("it has hostNetwork with hostUsers false, which only nodes that declare that feature take")
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    if any(rule.get("action") == "RestartAllContainers" for container in containers for rule in container.get("restartPolicyRules") or ()):
        yield Unknown("it has restartPolicyRules with RestartAllContainers, which only nodes that declare that feature take")
