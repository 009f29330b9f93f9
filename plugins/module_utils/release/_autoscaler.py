# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who owns the number of replicas: an HPA or a ScaledObject that targets the Deployment. Reads only."""

from __future__ import annotations

from ..cluster._client import Client, Forbidden, Json, NotFound

_LISTS = (
    ("HorizontalPodAutoscaler", "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"),
    ("ScaledObject", "/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"),
)


def find(client: Client, namespace: str, name: str) -> str:
    """``Kind name`` of the autoscaler of Deployment ``name``; empty when there is none.

    Raises ApiError when it cannot be known: a number that an autoscaler owns must not be set by accident.
    """
    for kind, path in _LISTS:
        try:
            found = client.items(path.format(namespace=namespace))
        except NotFound:
            continue  # this cluster has no such kind
        except Forbidden:
            if kind == "HorizontalPodAutoscaler":
                raise
            continue  # KEDA makes an HPA for each of its own, which was found above
        for item in found:
            if targets(item, name):
                return f"{kind} {item['metadata']['name']}"
    return ""


def targets(autoscaler: Json, name: str) -> bool:
    """A ScaledObject may leave the kind out, and means a Deployment then."""
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return target.get("name") == name and target.get("kind", "Deployment") == "Deployment"
