# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is deployed where: read once, from what was rendered. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from ._document import Json, Reader

Objects = t.Mapping[tuple[str, str], Json]

#: The chart writes it on its Service; a Service itself does not know the cluster's domain.
CLUSTER_DOMAIN = "inference.vllm/cluster-domain"
DEFAULT_DOMAIN = "cluster.local"


@dataclasses.dataclass(frozen=True)
class Where:
    """``model`` is the served name that clients send; ``endpoint`` is ``host:port`` of the rendered Service."""

    model: str
    environment: str
    namespace: str
    release: str
    endpoint: str
    kind: str = "chat"

    def document(self) -> Json:
        return dataclasses.asdict(self)


def read(document: t.Any, what: str = "where") -> Where:
    """The inverse of ``document``, which errors call ``what``; raises InputError."""
    given = Reader(document, what)
    return Where(**{name: given.text(name) for name in ("model", "environment", "namespace", "release", "endpoint", "kind")})


def rendered(objects: Objects, release: str, namespace: str, *, kind: str) -> Where:
    """From the rendered Service and Deployment of a release; raises InputError when the chart renders none."""
    deployment = deployment_of(objects, release)
    labels = (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return Where(
        model=served_name(deployment),
        environment=str(labels.get("inference.vllm/environment") or ""),
        namespace=str(deployment["metadata"].get("namespace") or namespace),
        release=release,
        endpoint=endpoint(objects, release, namespace),
        kind=kind,
    )


def deployment_of(objects: Objects, release: str) -> Json:
    found = objects.get(("Deployment", release))
    if found is None:
        raise InputError(f"the chart renders no Deployment {release}; its objects must carry the release's name", code="chart_mismatch")
    return found


def served_name(deployment: Json) -> str:
    """The first name of ``--served-model-name``, as clients send it; empty when the engine is not told one."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        words = [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
        for place, word in enumerate(words):
            if word.startswith("--served-model-name="):
                return word.partition("=")[2]
            if word == "--served-model-name" and place + 1 < len(words):
                return words[place + 1]
    return ""


def endpoint(objects: Objects, release: str, namespace: str) -> str:
    """``host:port`` of the release's Service inside the cluster."""
    service = objects.get(("Service", release))
    if service is None:
        raise InputError(f"the chart renders no Service {release}; its objects must carry the release's name", code="chart_mismatch")
    metadata, ports = service["metadata"], (service.get("spec") or {}).get("ports") or []
    if not ports:
        raise InputError(f"the chart renders Service {release} without a port", code="chart_mismatch")
    domain = (metadata.get("annotations") or {}).get(CLUSTER_DOMAIN) or DEFAULT_DOMAIN
    return f"{metadata['name']}.{metadata.get('namespace') or namespace}.svc.{domain}:{int(ports[0]['port'])}"
