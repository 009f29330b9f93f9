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
from ..change import _where
from ..release import _manifest

Json = dict[str, t.Any]
Objects = t.Mapping[tuple[str, str], Json]


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


def rendered(manifest: str, name: str, namespace: str, values: Json) -> Rendered:
    """A manifest that cannot be read renders nothing."""
    try:
        objects = _manifest.parse(manifest)
        endpoint = _endpoint(objects, name, namespace, str(_part(values, "service").get("clusterDomain") or _where.DEFAULT_DOMAIN))
        deployment = objects.get(("Deployment", name))
        if deployment is None:
            return Rendered(objects, endpoint)
        metadata, spec = deployment["metadata"], deployment["spec"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        return Rendered(
            objects,
            endpoint=endpoint,
            model=_where.served_name(deployment),
            environment=str((spec["template"].get("metadata") or {}).get("labels", {}).get("inference.vllm/environment") or ""),
            revision=str(labels.get("inference.vllm/revision") or ""),
            bundle=str(annotations.get("inference.vllm/bundle") or ""),
            kind=str(annotations.get("inference.vllm/kind") or ""),
            replicas=None if spec.get("replicas") is None else int(spec["replicas"]),
        )
    except (Error, KeyError, TypeError, ValueError, AttributeError):
        return Rendered({})


def _endpoint(objects: Objects, name: str, namespace: str, domain: str) -> str:
    """Empty when no Service of the release's name was rendered. ``domain`` is for a chart that does not write it on the Service."""
    service = objects.get(("Service", name))
    if service is None or not service.get("spec", {}).get("ports"):
        return ""
    annotations = {_where.CLUSTER_DOMAIN: domain, **(service["metadata"].get("annotations") or {})}
    told = {**service, "metadata": {**service["metadata"], "annotations": annotations}}
    return _where.endpoint({**objects, ("Service", name): told}, name, namespace)


def _part(values: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    part = values.get(name)
    return part if isinstance(part, dict) else {}
