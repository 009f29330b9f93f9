# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Gives the number of replicas to an autoscaler without a pod going away.

Where a release had ``replicas`` and its new manifest has none, Helm 3 sends an explicit null and Helm 4 gives up the field: both times the API server
sets it to 1. So Helm's own record is told before that the field was never there (as the plugin mapkubeapis edits records), and the live number
gets another owner by server-side apply.
"""

from __future__ import annotations

import re

from ..change._plan import Plan
from ..cluster._client import Client
from . import _history

MANAGER = "inference.vllm-autoscaled"
_REPLICAS = re.compile(r"^  replicas: [0-9]+\n", re.MULTILINE)


def needed(plan: Plan, deployed: _history.Revision | None) -> bool:
    """Whether this change takes ``replicas`` out of a manifest that had it."""
    return (
        plan.workload.replicas is None
        and plan.workload.live_replicas is not None
        and deployed is not None
        and without_replicas(deployed.manifest) != deployed.manifest
    )


def hand_over(client: Client, plan: Plan, deployed: _history.Revision) -> None:
    """Two writes, neither of which changes what runs."""
    name, namespace = plan.where.release, plan.where.namespace
    path = f"/api/v1/namespaces/{namespace}/secrets/{_history.RECORD.format(name=name, number=deployed.number)}"
    secret = client.get(path)
    record = _history.unpack(secret)
    client.replace(path, _history.packed(secret, {**record, "manifest": without_replicas(record["manifest"])}))
    claim = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": plan.workload.live_replicas}}
    client.apply(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", claim, {"fieldManager": MANAGER, "force": True})


def without_replicas(manifest: str) -> str:
    """The manifest whose Deployments say nothing of replicas; every other line stays as it is."""
    documents = re.split(r"(?m)^(?=---)", manifest)
    return "".join(_REPLICAS.sub("", document, count=1) if re.search(r"(?m)^kind: Deployment$", document) else document for document in documents)
