# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks the API server what a change must know before anything is written: all at once, and all that is missing in one answer."""

from __future__ import annotations

import concurrent.futures
import typing as t

from .._errors import Error
from ..cluster._client import ApiError, Client, Json, NotFound
from . import _guard, _live
from ._guard import Permission, SecretReference
from ._manifest import Objects

ARGO_CD_OWNER = "argocd.argoproj.io/tracking-id"
AT_ONCE = 6


class PreflightError(Error):
    """Something outside the values stands in the way; nothing was changed. ``result['problems']`` has a code for each."""

    code = "preflight"


class Problem(t.NamedTuple):
    """One thing that stands in the way."""

    code: str
    message: str


def before_plan(client: Client, namespace: str, name: str, secrets: t.Sequence[SecretReference]) -> None:
    """What is known without anything rendered. The missing namespace comes first: without it everything else is missing too."""
    missing = _namespace(client, namespace)
    if missing:
        raise refused(missing)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(_permissions, client, namespace, _guard.PERMISSIONS), pool.submit(_owner, client, namespace, name)]
        asked += [pool.submit(_secret, client, namespace, secret) for secret in secrets]
        problems = [problem for one in asked for problem in one.result()]
    if problems:
        raise refused(problems)


def of_rendered(client: Client, namespace: str, rendered: Objects) -> None:
    """The permissions for the very objects that will be written."""
    resources = {_live.group_and_resource(client, obj) for obj in rendered.values()}
    problems = _permissions(client, namespace, _guard.of_objects(resources))
    if problems:
        raise refused(problems)


def of_deleted(client: Client, namespace: str, objects: Objects) -> None:
    """The permissions to remove these objects."""
    resources = sorted({_live.group_and_resource(client, obj) for obj in objects.values()})
    problems = _permissions(client, namespace, [Permission("delete", group, resource) for group, resource in resources])
    if problems:
        raise refused(problems)


def refused(problems: t.Sequence[Problem]) -> PreflightError:
    found = [{"code": problem.code, "message": problem.message} for problem in problems]
    return PreflightError("; ".join(problem.message for problem in problems), code=problems[0].code, result={"problems": found})


def _permissions(client: Client, namespace: str, needed: t.Iterable[Permission]) -> list[Problem]:
    """One review of all rules; only what it does not show is asked one by one (a webhook authorizer need not list its rules)."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    status = client.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body).get("status") or {}
    open_ones = _guard.denied(needed, status.get("resourceRules") or [])
    denied = [permission for permission in open_ones if not _allowed(client, namespace, permission)]
    return [Problem("forbidden", _guard.denied_sentence(denied, namespace))] if denied else []


def _allowed(client: Client, namespace: str, permission: Permission) -> bool:
    resource, _slash, subresource = permission.resource.partition("/")
    attributes: Json = {"verb": permission.verb, "group": permission.group, "resource": resource, "subresource": subresource}
    if permission.namespaced:
        attributes["namespace"] = namespace
    review = client.create(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}},
    )
    return bool(review["status"].get("allowed"))


def _namespace(client: Client, namespace: str) -> list[Problem]:
    try:
        found = client.get(f"/api/v1/namespaces/{namespace}")
    except NotFound:
        return [Problem("namespace_missing", f"namespace {namespace} does not exist: create it with its quota and Secrets first, or set vllm_namespace")]
    except ApiError:
        return []  # not everybody may read namespaces; a missing one then shows in the first write
    phase = found.get("status", {}).get("phase")
    if phase in (None, "Active"):
        return []
    return [Problem("namespace_missing", f"namespace {namespace} is {phase}: wait until it is gone, or set vllm_namespace to another")]


def _secret(client: Client, namespace: str, wanted: SecretReference) -> list[Problem]:
    try:
        found = client.get(f"/api/v1/namespaces/{namespace}/secrets/{wanted.name}")
    except NotFound:
        return [Problem("secret_missing", f"Secret {namespace}/{wanted.name} ({wanted.option}) does not exist: create it before deploying")]
    if wanted.key and wanted.key not in (found.get("data") or {}):
        keys = ", ".join(sorted(found.get("data") or {})) or "none"
        return [Problem("secret_missing", f"Secret {namespace}/{wanted.name} ({wanted.option}) has no key {wanted.key} (it has: {keys})")]
    return []


def _owner(client: Client, namespace: str, name: str) -> list[Problem]:
    """Argo CD and Helm on one object revert each other within minutes."""
    try:
        live = _live.deployment(client, namespace, name)
    except ApiError:
        return []
    owner = ((live or {}).get("metadata", {}).get("annotations") or {}).get(ARGO_CD_OWNER)
    if not owner:
        return []
    text = f"Deployment {namespace}/{name} belongs to Argo CD ({owner}): remove it from the Application first, since a release has only one owner"
    return [Problem("argocd_owner", text)]
