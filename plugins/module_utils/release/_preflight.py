# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Asks the API server what a deploy must know before it changes anything."""

from __future__ import annotations

import typing as t

from .._errors import Error
from ..cluster._client import ApiError, Client, Json, NotFound
from ._guard import PERMISSIONS, Permission, SecretReference, denied_sentence

ARGO_CD_OWNER = "argocd.argoproj.io/tracking-id"


class PreflightError(Error):
    """Something outside the values stands in the way; nothing was changed."""


def kube_version(client: Client) -> str:
    """The API server's version, as Helm takes it: ``v1.36.3``."""
    return str(client.get("/version")["gitVersion"])


def check(client: Client, namespace: str, name: str, secrets: t.Sequence[SecretReference]) -> None:
    """Raises PreflightError with everything that is missing, in one go: three runs for three mistakes would be unkind."""
    problems = [*_permissions(client, namespace), *_namespace(client, namespace)]
    if not problems:
        problems = [problem for secret in secrets for problem in _secret(client, namespace, secret)]
        problems += _owner(client, namespace, name)
    if problems:
        raise PreflightError("; ".join(problems))


def _permissions(client: Client, namespace: str) -> list[str]:
    denied = [permission for permission in PERMISSIONS if not _allowed(client, namespace, permission)]
    return [denied_sentence(denied, namespace)] if denied else []


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


def _namespace(client: Client, namespace: str) -> list[str]:
    try:
        found = client.get(f"/api/v1/namespaces/{namespace}")
    except NotFound:
        return [f"namespace {namespace} does not exist: create it with its quota and Secrets first"]
    except ApiError:
        return []  # not everybody may read namespaces; a missing one then shows in the first write
    phase = found.get("status", {}).get("phase")
    return [] if phase in (None, "Active") else [f"namespace {namespace} is {phase}: wait until it is gone, or choose another"]


def _secret(client: Client, namespace: str, wanted: SecretReference) -> list[str]:
    try:
        found = client.get(f"/api/v1/namespaces/{namespace}/secrets/{wanted.name}")
    except NotFound:
        return [f"Secret {namespace}/{wanted.name} ({wanted.option}) does not exist: create it before deploying"]
    if wanted.key and wanted.key not in (found.get("data") or {}):
        keys = ", ".join(sorted(found.get("data") or {})) or "none"
        return [f"Secret {namespace}/{wanted.name} ({wanted.option}) has no key {wanted.key} (it has: {keys})"]
    return []


def _owner(client: Client, namespace: str, name: str) -> list[str]:
    """Argo CD and Helm on one object revert each other within minutes."""
    try:
        live = client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    except NotFound:
        return []
    owner = (live["metadata"].get("annotations") or {}).get(ARGO_CD_OWNER)
    if not owner:
        return []
    return [f"Deployment {namespace}/{name} belongs to Argo CD ({owner}): remove it from the Application first, one environment has one owner"]
