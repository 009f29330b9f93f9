# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a release is, read from the manifest that Helm recorded for it: endpoint, served name, environment, revision, replicas. Pure, but for YAML."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import Error
from ..release import _manifest

Json = dict[str, t.Any]
Objects = t.Mapping[tuple[str, str], Json]

#: A Service does not know the cluster's domain; whoever renders it may write it there.
CLUSTER_DOMAIN = "inference.vllm/cluster-domain"
DEFAULT_DOMAIN = "cluster.local"


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where the release's Service answers inside the cluster."""

    host: str
    port: int
    domain: str

    def __str__(self) -> str:
        return f"{self.host}.svc.{self.domain}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Rendered:
    """Texts are empty where the manifest does not say; ``replicas`` is None where it leaves them to an autoscaler."""

    objects: Objects
    endpoint: str = ""
    model: str = ""
    environment: str = ""
    revision: str = ""
    bundle: str = ""
    kind: str = ""
    replicas: int | None = 0


def endpoint_of(manifest: str | Objects, name: str, namespace: str, *, domain: str = DEFAULT_DOMAIN) -> Endpoint | None:
    """None when no Service of the release's name was rendered. ``domain`` is for one that does not say its own."""
    objects = _manifest.parse(manifest) if isinstance(manifest, str) else manifest
    service = objects.get(("Service", name))
    ports = (service or {}).get("spec", {}).get("ports")
    if service is None or not ports:
        return None
    metadata = service["metadata"]
    said = (metadata.get("annotations") or {}).get(CLUSTER_DOMAIN)
    return Endpoint(f"{name}.{metadata.get('namespace') or namespace}", int(ports[0]["port"]), str(said or domain))


def rendered(manifest: str, name: str, namespace: str, values: Json) -> Rendered:
    """A manifest that cannot be read renders nothing."""
    try:
        objects = _manifest.parse(manifest)
        endpoint = endpoint_of(objects, name, namespace, domain=str(_part(values, "service").get("clusterDomain") or DEFAULT_DOMAIN))
        deployment = objects.get(("Deployment", name))
        if deployment is None:
            return Rendered(objects, str(endpoint or ""))
        metadata, spec = deployment["metadata"], deployment["spec"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return Rendered(
            objects,
            endpoint=str(endpoint or ""),
            model=_served_name(spec["template"]["spec"]["containers"]),
            environment=str((spec["template"].get("metadata") or {}).get("labels", {}).get("inference.vllm/environment") or ""),
            revision=str(labels.get("inference.vllm/revision") or ""),
            bundle=str(annotations.get("inference.vllm/bundle") or ""),
            kind=str(annotations.get("inference.vllm/kind") or ""),
            replicas=None if spec.get("replicas") is None else int(spec["replicas"]),
        )
    except (Error, KeyError, TypeError, ValueError, AttributeError):
        return Rendered({})


def _served_name(containers: t.Sequence[Json]) -> str:
    """The first name that the engine serves, which is the one that clients send."""
    words = [str(word) for container in containers for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    for place, word in enumerate(words):
        if word.startswith("--served-model-name="):
            return word.partition("=")[2]
        if word == "--served-model-name" and place + 1 < len(words):
            return words[place + 1]
    return ""


def _part(values: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    part = values.get(name)
    return part if isinstance(part, dict) else {}
