"""A container's environment, from values, Secrets, ConfigMaps, fields and resources. Pure: what it needs is handed to it."""

from __future__ import annotations

import base64
import dataclasses
import re
import typing as t

from . import quantity
from .expansion import expand
from .types import ConfigError, Json

Reference = tuple[str, str]
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a container may ask about its pod and node. ``objects``: (kind, name) to the Secret or ConfigMap, None where it is missing."""

    pod: Json
    pod_ip: str = ""
    host_ip: str = ""
    allocatable: Json = dataclasses.field(default_factory=dict)
    objects: t.Mapping[Reference, Json | None] = dataclasses.field(default_factory=dict)
    services: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def references(container: Json) -> set[Reference]:
    """The Secrets and ConfigMaps that the container's environment names."""
    found = set()
    for source in container.get("envFrom") or []:
        found |= {(kind, source[field]["name"]) for field, kind in (("secretRef", "secret"), ("configMapRef", "configmap")) if source.get(field)}
    for variable in container.get("env") or []:
        source = variable.get("valueFrom") or {}
        found |= {(kind, source[field]["name"]) for field, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")) if source.get(field)}
    return found


def environment(container: Json, facts: Facts) -> dict[str, str]:
    """The variables in the order of the real kubelet: services, then envFrom, then env, later ones winning."""
    known: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        known |= _whole(source, facts)
    for variable in container.get("env") or []:
        if variable.get("value"):
            known[variable["name"]] = expand(variable["value"], known, facts.services)
            continue
        value = _from_source(variable.get("valueFrom") or {}, container, facts)
        if value is not None:
            known[variable["name"]] = value
    return {**facts.services, **known}


def _whole(source: Json, facts: Facts) -> dict[str, str]:
    kind = "secret" if source.get("secretRef") else "configmap"
    reference = source.get("secretRef") or source.get("configMapRef") or {}
    data = _data(kind, reference, facts)
    return {f"{source.get('prefix', '')}{key}": value for key, value in (data or {}).items()}


def _data(kind: str, reference: Json, facts: Facts) -> dict[str, str] | None:
    held = facts.objects.get((kind, reference["name"]))
    if held is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    if kind == "configmap":
        return dict(held.get("data") or {})
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in (held.get("data") or {}).items()}


def _from_source(source: Json, container: Json, facts: Facts) -> str | None:
    """None leaves the variable out, as an optional reference to nothing does."""
    if "fieldRef" in source:
        return field(source["fieldRef"]["fieldPath"], facts)
    if "resourceFieldRef" in source:
        return resource(source["resourceFieldRef"], container, facts)
    for name, kind, title in (("secretKeyRef", "secret", "Secret"), ("configMapKeyRef", "configmap", "ConfigMap")):
        if name in source:
            reference = source[name]
            data = _data(kind, reference, facts)
            if data is not None and reference["key"] in data:
                return data[reference["key"]]
            if reference.get("optional"):
                return None
            raise ConfigError(f"couldn't find key {reference['key']} in {title} {facts.pod['metadata']['namespace']}/{reference['name']}")
    return ""


def field(path: str, facts: Facts) -> str:
    """A field of the pod, as the downward API names them."""
    subscript = _SUBSCRIPT.fullmatch(path)
    metadata, spec = facts.pod["metadata"], facts.pod["spec"]
    if subscript:
        return str((metadata.get(subscript.group(1)) or {}).get(subscript.group(2), ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted((metadata.get(path.split(".")[1]) or {}).items()))
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": facts.pod_ip,
        "status.podIPs": facts.pod_ip,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": facts.host_ip,
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resource(reference: Json, container: Json, facts: Facts) -> str:
    """A request or limit, in units of the divisor; without a limit, what the node can give."""
    named = reference.get("containerName")
    everyone = [*(facts.pod["spec"].get("initContainers") or []), *facts.pod["spec"]["containers"]]
    of = next((c for c in everyone if c["name"] == named), None) if named else container
    if of is None:
        raise ConfigError(f"container {named} not found")
    side, _dot, name = reference["resource"].partition(".")
    resources = of.get("resources") or {}
    value = (resources.get(side) or {}).get(name)
    if value is None and name in ("cpu", "memory", "ephemeral-storage"):
        value = facts.allocatable.get(name) if side == "limits" else (resources.get("limits") or {}).get(name)
    divisor = reference.get("divisor") or "1"
    return str(quantity.units(value or 0, "1" if str(divisor) == "0" else divisor))


def service_variables(services: list[Json], namespace: str, *, links: bool) -> dict[str, str]:
    """``NAME_SERVICE_HOST`` and its kin of the namespace's Services; of ``default/kubernetes`` always."""
    known: dict[str, str] = {}
    for service in services:
        metadata, address = service["metadata"], service["spec"].get("clusterIP") or "None"
        api = (metadata["namespace"], metadata["name"]) == ("default", "kubernetes")
        if address != "None" and (api or (links and metadata["namespace"] == namespace)):
            known |= _variables(metadata["name"], address, service["spec"].get("ports") or [])
    return known


def _variables(service: str, address: str, ports: list[Json]) -> dict[str, str]:
    prefix = _variable(service)
    known = {f"{prefix}_SERVICE_HOST": address}
    host = f"[{address}]" if ":" in address else address
    for index, port in enumerate(ports):
        number, protocol = str(port["port"]), port.get("protocol") or "TCP"
        url = f"{protocol.lower()}://{host}:{number}"
        if index == 0:
            known |= {f"{prefix}_SERVICE_PORT": number, f"{prefix}_PORT": url}
        if port.get("name"):
            known[f"{prefix}_SERVICE_PORT_{_variable(port['name'])}"] = number
        link = f"{prefix}_PORT_{number}_{protocol}"
        known |= {link: url, f"{link}_PROTO": protocol.lower(), f"{link}_PORT": number, f"{link}_ADDR": address}
    return known


def _variable(name: str) -> str:
    return name.replace("-", "_").upper()
