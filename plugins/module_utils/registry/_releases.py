# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The deployed Helm releases of our chart in some namespaces, from Helm's own records, and what is live of them."""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import Error
from ..cluster._client import Client, NotFound
from ..release import _history
from ._differences import Release
from ._drift import LiveObjects
from ._rendered import rendered

Places = dict[tuple[str, str], Release]


@dataclasses.dataclass(frozen=True)
class Found:
    """Releases by namespace and name, what is live by namespace, and the namespaces whose releases could not be read, with why."""

    releases: Places
    live: dict[str, LiveObjects]
    unseen: dict[str, str]


def read(client: Client, namespaces: t.Collection[str], environment: str, charts: t.Collection[str]) -> Found:
    found = Found({}, {}, {})
    for namespace in sorted(namespaces):
        try:
            records = _records(client, namespace)
        except Error as error:
            found.unseen[namespace] = str(error)
            continue
        for record in records:
            if record.chart.rpartition("-")[0] in charts:
                release = _release(record)
                known = found.releases.get((namespace, release.name))
                if release.environment == environment and (known is None or known.number < release.number):
                    found.releases[namespace, release.name] = release
        if any(place == namespace for place, _name in found.releases):
            found.live[namespace] = _live(client, namespace)
    return found


def moving(client: Client, release: Release) -> str:
    """Why the live objects need not be what the record says at this moment; empty when the release stands still."""
    try:
        newest = _history.latest(_history.read(client, release.namespace, release.name))
    except Error as error:
        return f"whether it is being deployed could not be read: {error}"
    if newest is None or newest.number == release.number:
        return ""
    return f"Helm revision {newest.number} is {newest.status}" if newest.status in (*_history.PENDING, "deployed") else ""


def _records(client: Client, namespace: str) -> list[_history.Revision]:
    secrets = client.items(f"/api/v1/namespaces/{namespace}/secrets", {"labelSelector": "owner=helm,status=deployed"}, limit=50)
    return [_history.decode(secret) for secret in secrets]


def _release(record: _history.Revision) -> Release:
    """What was rendered, where it says it; a release made by hand may have neither revision nor bundle."""
    manifest = rendered(record.manifest, record.name, record.namespace, record.values)
    return Release(
        name=record.name,
        namespace=record.namespace,
        model=manifest.model or record.name,
        environment=manifest.environment or str(record.values.get("environment") or "development"),
        revision=manifest.revision,
        bundle=manifest.bundle,
        endpoint=manifest.endpoint,
        kind=manifest.kind,
        replicas=manifest.replicas,
        number=record.number,
        objects=manifest.objects,
    )


def _live(client: Client, namespace: str) -> LiveObjects:
    try:
        objects = {
            (kind, item["metadata"]["name"]): item
            for kind, path in (("Deployment", f"/apis/apps/v1/namespaces/{namespace}/deployments"), ("Service", f"/api/v1/namespaces/{namespace}/services"))
            for item in client.items(path, limit=100)
        }
    except Error as error:
        return LiveObjects(unread=str(error))
    return LiveObjects(objects, _scaled(client, namespace))


def _scaled(client: Client, namespace: str) -> frozenset[str] | None:
    """Deployments that an HPA or a ScaledObject targets; None when that cannot be read."""
    names: set[str] = set()
    for path in (f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"):
        try:
            targets = [item["spec"].get("scaleTargetRef") or {} for item in client.items(path, limit=100)]
        except NotFound:
            continue  # no such kind in this cluster
        except Error:
            return None
        names.update(str(target.get("name")) for target in targets if target.get("kind", "Deployment") == "Deployment")
    return frozenset(names)
