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

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

RELEASE_NAME_MAX = 53  # Helm's own limit: it appends suffixes to the name within the 63 of a DNS label


class Permission(t.NamedTuple):
    """One rule that a deploy needs; ``namespaced`` is false for what is asked cluster-wide."""

    verb: str
    group: str
    resource: str
    namespaced: bool = True

    def words(self, namespace: str) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource} {f'in namespace {namespace}' if self.namespaced else 'cluster-wide'}"


PERMISSIONS = (
    Permission("create", "apps", "deployments"),
    Permission("patch", "apps", "deployments"),
    Permission("list", "apps", "replicasets"),
    Permission("create", "", "services"),
    Permission("patch", "", "services"),
    Permission("create", "", "serviceaccounts"),
    Permission("create", "", "secrets"),
    Permission("update", "", "secrets"),
    Permission("list", "", "secrets"),
    Permission("create", "networking.k8s.io", "networkpolicies"),
    Permission("list", "", "pods"),
    Permission("get", "", "pods/log"),
    Permission("create", "", "pods/portforward"),
    Permission("list", "", "events"),
    Permission("update", "coordination.k8s.io", "leases"),
    Permission("create", "coordination.k8s.io", "leases"),
    Permission("list", "", "nodes", namespaced=False),
    Permission("list", "", "pods", namespaced=False),
)


@dataclasses.dataclass(frozen=True)
class SecretReference:
    """A Secret and its key that the pods will read; ``option`` is the chart value that names it."""

    option: str
    name: str
    key: str


def check_names(release: str, namespace: str, revision: str) -> None:
    """Raises InputError on the first name that Kubernetes, Helm or vLLM cannot live with."""
    for what, name in (("release", release), ("namespace", namespace)):
        if not _LABEL.fullmatch(name):
            raise InputError(f"{what} {name!r} is not a DNS label: lower-case letters, digits and '-' only, starting and ending with a letter or digit")
    if len(release) > RELEASE_NAME_MAX:
        raise InputError(f"release {release} has {len(release)} characters, Helm takes {RELEASE_NAME_MAX}: shorten the model's name")
    if release == "vllm" or release.startswith("vllm-"):
        raise InputError(
            f"release {release} would make Kubernetes inject {release.upper().replace('-', '_')}_* variables into every pod of the namespace, "
            "which vLLM takes for its own settings and refuses to start: choose a model name that does not begin with vllm"
        )
    if revision and not _LABEL_VALUE.fullmatch(revision):
        raise InputError(f"revision {revision!r} is no label value: up to 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit")


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
