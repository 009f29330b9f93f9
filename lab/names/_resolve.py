"""Which process answers for a name, as kube-proxy and a NetworkPolicy controller would decide it. Pure: no client, no clock."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

Json = dict[str, t.Any]
SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.cluster\.local)?\.?")


class Refused(Exception):
    """No target; ``status`` is what the proxy answers."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Source:
    """Who asks: the namespace in whose name a program uses the proxy, and that namespace's labels."""

    namespace: str
    labels: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class World:
    """The objects of the target's namespace."""

    services: t.Sequence[Json]
    slices: t.Sequence[Json]
    pods: t.Sequence[Json]
    policies: t.Sequence[Json]
    forwards: t.Sequence[Json]


@dataclasses.dataclass(frozen=True)
class Backend:
    """One pod and the container port that is asked for."""

    pod: str
    port: int


def service_of(host: str) -> tuple[str, str] | None:
    """Service and namespace of a cluster name."""
    found = SERVICE.fullmatch(host.lower())
    return (found[1], found[2]) if found else None


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def backends(world: World, service: str, port: int) -> list[Backend]:
    """The ready endpoints behind a Service's port, sorted so that a turn means something."""
    found = next((one for one in world.services if one["metadata"]["name"] == service), None)
    if found is None:
        raise Refused(502, f"there is no Service {service} in its namespace: the name does not resolve.")
    names = [entry.get("name", "") for entry in found["spec"].get("ports") or [] if entry["port"] == port]
    if not names:
        offered = ", ".join(str(entry["port"]) for entry in found["spec"].get("ports") or [])
        raise Refused(502, f"Service {service} has no port {port}; it has {offered or 'none'}.")
    ready = {backend for one in world.slices if _belongs(one, service) for backend in _ready(one, names[0])}
    if not ready:
        raise Refused(503, f"Service {service} has no ready endpoint.")
    return sorted(ready, key=lambda backend: backend.pod)


def _belongs(endpoint_slice: Json, service: str) -> bool:
    return bool((endpoint_slice["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == service)


def _ready(endpoint_slice: Json, name: str) -> t.Iterator[Backend]:
    for port in endpoint_slice.get("ports") or []:
        if (port.get("name") or "") != name:
            continue
        for endpoint in endpoint_slice.get("endpoints") or []:
            target = endpoint.get("targetRef") or {}
            # Absent means ready, by the API's own words.
            if (endpoint.get("conditions") or {}).get("ready", True) and target.get("kind") == "Pod":
                yield Backend(target["name"], port["port"])


def admit(world: World, backend: Backend, source: Source) -> None:
    """Raises Refused when policies select the pod and none of their rules lets the source in."""
    pod = next((one for one in world.pods if one["metadata"]["name"] == backend.pod), None)
    labels = (pod or {"metadata": {}})["metadata"].get("labels") or {}
    policies = [policy for policy in world.policies if _ingress(policy) and selects(policy["spec"].get("podSelector") or {}, labels)]
    same = bool(pod and pod["metadata"]["namespace"] == source.namespace)
    if policies and not any(_lets_in(rule, backend, source, pod or {}, same=same) for policy in policies for rule in policy["spec"].get("ingress") or []):
        names = ", ".join(policy["metadata"]["name"] for policy in policies)
        raise Refused(403, f"NetworkPolicy {names} lets nothing from namespace {source.namespace} into pod {backend.pod} at port {backend.port}.")


def _ingress(policy: Json) -> bool:
    return "Ingress" in (policy["spec"].get("policyTypes") or ["Ingress"])


def _lets_in(rule: Json, backend: Backend, source: Source, pod: Json, *, same: bool) -> bool:
    ports, peers = rule.get("ports") or [], rule.get("from") or []
    at_port = not ports or any(_port_matches(entry, backend.port, pod) for entry in ports)
    return at_port and (not peers or any(_peer_matches(peer, source, same=same) for peer in peers))


def _port_matches(entry: Json, port: int, pod: Json) -> bool:
    if entry.get("protocol", "TCP") != "TCP":
        return False
    wanted = entry.get("port")
    if isinstance(wanted, str):
        containers = pod.get("spec", {}).get("containers") or []
        return any(one.get("name") == wanted and one["containerPort"] == port for container in containers for one in container.get("ports") or [])
    last = entry.get("endPort", wanted)
    return wanted is None or last is None or int(wanted) <= port <= int(last)


def _peer_matches(peer: Json, source: Source, *, same: bool) -> bool:
    """Who asks is known by namespace only, so a podSelector counts as met by some pod there. An ipBlock never matches: there are no pod addresses."""
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        return selects(peer["namespaceSelector"] or {}, source.labels)
    return same


def selects(selector: Json, labels: t.Mapping[str, str]) -> bool:
    """A Kubernetes label selector; the empty one selects everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(entry, labels) for entry in selector.get("matchExpressions") or [])


def _expression(entry: Json, labels: t.Mapping[str, str]) -> bool:
    key, operator, values = entry["key"], entry["operator"], entry.get("values") or []
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    held: bool = labels.get(key) in values
    return held if operator == "In" else not held


def reach(world: World, backend: Backend) -> tuple[str, int]:
    """Where the process of that container port listens, by the PortForward that the process kubelet published for the pod."""
    for forward in world.forwards:
        if forward["metadata"]["name"] == backend.pod:
            for entry in forward["spec"]["forwards"]:
                if not entry.get("ports") or backend.port in entry["ports"]:
                    return entry["target"]["address"], entry["target"]["port"]
    raise Refused(502, f"pod {backend.pod} has no process at port {backend.port}: it is a simulated pod, or it ended a moment ago.")
