# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is refused before anything is read or changed, and what the operator must be allowed. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._errors import InputError

_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class Permission(t.NamedTuple):
    """One rule that a deploy needs; ``namespaced`` is false for what is asked cluster-wide."""

    verb: str
    group: str
    resource: str
    namespaced: bool = True

    def words(self, namespace: str) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource} {f'in namespace {namespace}' if self.namespaced else 'cluster-wide'}"


#: Beside the rendered objects: Helm's records, the lock, the rollout, the verification and the capacity.
PERMISSIONS = (
    Permission("list", "", "secrets"),
    Permission("create", "", "secrets"),
    Permission("update", "", "secrets"),
    Permission("delete", "", "secrets"),
    Permission("get", "apps", "deployments"),
    Permission("list", "apps", "replicasets"),
    Permission("list", "", "pods"),
    Permission("get", "", "pods/log"),
    Permission("create", "", "pods/portforward"),
    Permission("list", "", "events"),
    Permission("list", "autoscaling", "horizontalpodautoscalers"),
    Permission("get", "coordination.k8s.io", "leases"),
    Permission("create", "coordination.k8s.io", "leases"),
    Permission("update", "coordination.k8s.io", "leases"),
    Permission("list", "", "nodes", namespaced=False),
    Permission("list", "", "pods", namespaced=False),
)

#: What helm does with an object of the chart.
_WRITES = ("get", "create", "update", "patch")


def of_objects(resources: t.Iterable[tuple[str, str]]) -> tuple[Permission, ...]:
    """``resources`` are (group, resource) of what will be rendered."""
    return tuple(Permission(verb, group, resource) for group, resource in sorted(set(resources)) for verb in _WRITES)


def denied(needed: t.Iterable[Permission], rules: t.Sequence[t.Mapping[str, t.Any]]) -> list[Permission]:
    """Those that no rule of a SelfSubjectRulesReview allows; only rules without resource names count."""
    return [permission for permission in needed if not (permission.namespaced and any(_allows(rule, permission) for rule in rules))]


def _allows(rule: t.Mapping[str, t.Any], permission: Permission) -> bool:
    def has(field: str, value: str) -> bool:
        return value in (rule.get(field) or ()) or "*" in (rule.get(field) or ())

    subresource = permission.resource.partition("/")[2]
    named = permission.resource in (rule.get("resources") or ()) or (bool(subresource) and f"*/{subresource}" in (rule.get("resources") or ()))
    everything = "*" in (rule.get("resources") or ())
    return not rule.get("resourceNames") and has("verbs", permission.verb) and has("apiGroups", permission.group) and (named or everything)


@dataclasses.dataclass(frozen=True)
class SecretReference:
    """A Secret and its key that the pods will read; ``option`` is the chart value that names it."""

    option: str
    name: str
    key: str


def check_revision(revision: str) -> None:
    """Raises InputError for a name that no label can carry."""
    if revision and not _LABEL_VALUE.fullmatch(revision):
        raise InputError(
            f"revision {revision!r} is not a label value: up to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit; "
            "set vllm_revision",
            code="bad_revision",
        )


def check_helm(helm: tuple[int, int, int]) -> None:
    """Raises InputError for a Helm that cannot do what is asked of it."""
    if helm[0] < 3:
        raise InputError(f"Helm {'.'.join(map(str, helm))} is too old: install Helm 3 or 4")


def secret_references(values: t.Mapping[str, t.Any]) -> list[SecretReference]:
    """The existing Secrets that the chart's values name."""
    found = []
    for option in ("apiKey", "hfToken"):
        reference = (values.get(option) or {}).get("existingSecret") or {}
        if reference.get("name"):
            found.append(SecretReference(f"{option}.existingSecret", str(reference["name"]), str(reference.get("key") or "")))
    return found


def denied_sentence(denied: t.Sequence[Permission], namespace: str) -> str:
    rules = ", ".join(permission.words(namespace) for permission in denied)
    return f"not permitted: {rules}; apply the operator role for namespace {namespace} (integrations/kubernetes/operator.yaml) or use another account"
