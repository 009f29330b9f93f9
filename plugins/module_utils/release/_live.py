# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is live of a release beside what a server-side dry run of the plan would make of it: the objects all at once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import typing as t

from .._errors import Error
from ..change._plan import Change
from ..cluster._client import ApiError, Client, Conflict, Forbidden, NotFound, Query
from . import _drift
from ._manifest import Object, Objects

AT_ONCE = 8
ATTEMPTS = 5
_DRY_RUN: Query = {"dryRun": "All"}

#: Kinds that charts render, to their resource; what is not here is asked of the API server's discovery.
_RESOURCES = {
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs",
    "Deployment": "deployments",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Ingress": "ingresses",
    "Job": "jobs",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "PodMonitor": "podmonitors",
    "PrometheusRule": "prometheusrules",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ScaledObject": "scaledobjects",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ServiceMonitor": "servicemonitors",
}


class RejectedError(Error):
    """The API server refuses what the chart renders; it was asked by a dry run, so nothing was changed."""

    code = "rejected"


@dataclasses.dataclass(frozen=True)
class Live:
    """``objects`` as they are (those that are not there are left out), ``planned`` as the dry run would leave them, ``notes`` what could not be compared."""

    objects: Objects
    planned: Objects
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        found = (_drift.change(*key, self.objects.get(key), planned) for key, planned in sorted(self.planned.items()))
        return tuple(change for change in found if change is not None)

    def replaces_pods(self, release: str) -> bool:
        """Also where it could not be asked: what is not known may replace them."""
        key = ("Deployment", release)
        if key not in self.planned:
            return key in self.objects
        return _drift.replaces_pods(self.objects.get(key), self.planned[key])


class _Compared(t.NamedTuple):
    """One object: as it is, as it would be, and why the one or the other is not known."""

    live: Object | None
    planned: Object | None
    refused: str = ""
    unknown: str = ""


def look(client: Client, rendered: Objects, namespace: str, recorded: Objects) -> Live:
    """``recorded`` is what Helm deployed before. Raises RejectedError with all that the API server says of the objects when it would refuse one."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {key: pool.submit(_compare, client, obj, recorded.get(key), namespace) for key, obj in rendered.items()}
        found = {key: one.result() for key, one in asked.items()}
    refused = [f"{kind} {name}: {one.refused}" for (kind, name), one in found.items() if one.refused]
    if refused:
        raise RejectedError(f"the API server refuses what the chart renders: {'; '.join(refused)}; correct the values")
    return Live(
        objects={key: one.live for key, one in found.items() if one.live is not None},
        planned={key: one.planned for key, one in found.items() if one.planned is not None},
        notes=tuple(f"{kind} {name} was not compared with what is live: {one.unknown}" for (kind, name), one in found.items() if one.unknown),
    )


def restore(client: Client, manifest: Objects, namespace: str) -> list[Change]:
    """Makes live what the manifest says where Helm leaves something as it finds it. Returns what it changed."""
    found = look(client, manifest, namespace, manifest).changes
    for change in found:
        key = (change.kind, change.name)
        _write(client, manifest[key], manifest[key], namespace, {})
    return list(found)


def _compare(client: Client, obj: Object, recorded: Object | None, namespace: str) -> _Compared:
    live: Object | None = None
    try:
        live = _get(client, obj, namespace)
        return _Compared(live, _write(client, obj, recorded, namespace, _DRY_RUN, live))
    except Forbidden as error:
        # Admission refuses with the same status as RBAC, which is the only one that only could not be asked.
        asked = " cannot " in str(error) and "admission webhook" not in str(error) and "exceeded quota" not in str(error)
        return _Compared(live, None, unknown=str(error)) if asked else _Compared(live, None, refused=str(error))
    except ApiError as error:
        if error.status == 400 and "dry run" in str(error):
            return _Compared(live, None, unknown=str(error))  # an admission webhook that cannot be asked without doing
        return _Compared(live, None, refused=str(error))
    except RejectedError as error:
        return _Compared(live, None, refused=str(error))


def _write(client: Client, obj: Object, recorded: Object | None, namespace: str, query: Query, live: Object | None = None) -> Object:
    """The object as it is after the write, or would be. Its status changes all the time, so a conflict is met by reading it again."""
    for attempt in range(ATTEMPTS):
        there = live if live is not None and attempt == 0 else _get(client, obj, namespace)
        try:
            if there is None:
                return client.create(path(client, obj, namespace).rpartition("/")[0], obj, query)
            return client.replace(path(client, obj, namespace), _drift.desired(there, recorded, obj), query)
        except Conflict as conflict:
            last = conflict
    raise last


def deployment(client: Client, namespace: str, name: str) -> Object | None:
    """The Deployment of a release; None when there is none."""
    try:
        return client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    except NotFound:
        return None


def path(client: Client, obj: Object, namespace: str) -> str:
    """The object's path at the API server; raises RejectedError for a kind that it does not know."""
    version, kind = obj["apiVersion"], obj["kind"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    resource, namespaced = (_RESOURCES[kind], True) if kind in _RESOURCES else _discovered(client, root, kind)
    place = f"/namespaces/{obj['metadata'].get('namespace') or namespace}" if namespaced else ""
    return f"{root}{place}/{resource}/{obj['metadata']['name']}"


def group_and_resource(client: Client, obj: Object) -> tuple[str, str]:
    """As RBAC names them: ``("apps", "deployments")``."""
    group = obj["apiVersion"].rpartition("/")[0]
    root = f"/apis/{obj['apiVersion']}" if group else f"/api/{obj['apiVersion']}"
    return group, _RESOURCES.get(obj["kind"]) or _discovered(client, root, obj["kind"])[0]


def _discovered(client: Client, root: str, kind: str) -> tuple[str, bool]:
    try:
        resources = client.get(root)["resources"]
    except NotFound:
        resources = []
    for resource in resources:
        if resource["kind"] == kind and "/" not in resource["name"]:
            return str(resource["name"]), bool(resource["namespaced"])
    raise RejectedError(f"the cluster has no {kind} in {root.removeprefix('/apis/')}: install its CustomResourceDefinition, or switch it off in the values")


def _get(client: Client, obj: Object, namespace: str) -> Object | None:
    try:
        return client.get(path(client, obj, namespace))
    except NotFound:
        return None
