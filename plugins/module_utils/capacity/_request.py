# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The module's options as one question: which pod, how many, where, and what it replaces."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._errors import InputError
from ._requests import Json
from ._snapshot import Replacement

_SHARE = re.compile(r"[0-9]+%?")
_FIELDS = {
    "node_selector": "nodeSelector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "topology_spread_constraints": "topologySpreadConstraints",
    "priority_class_name": "priorityClassName",
    "runtime_class_name": "runtimeClassName",
}


@dataclasses.dataclass(frozen=True)
class Request:
    """``template`` is None when the question is about the fleet and no pod."""

    namespace: str
    replicas: int
    template: Json | None
    replaced: str
    how: Replacement
    node_selector: Json


def request(params: Json) -> Request:
    """Of a module's parameters; raises InputError naming the option."""
    if params["replicas"] < 0:
        raise InputError(f"replicas is {params['replicas']}; give 0 or more")
    replaces = params.get("replaces") or {}
    return Request(
        namespace=params["namespace"],
        replicas=params["replicas"],
        template=_template(params),
        replaced=_selector(replaces),
        how=Replacement(
            strategy=replaces.get("strategy") or "auto",
            max_surge=_share(replaces.get("max_surge"), "max_surge", 1),
            max_unavailable=_share(replaces.get("max_unavailable"), "max_unavailable", 0),
        ),
        node_selector=params.get("node_selector") or {},
    )


def _template(params: Json) -> Json | None:
    template: Json | None = params.get("pod_template")
    if template is not None:
        # A whole Deployment, as kubernetes.core.k8s_info returns it, is as good as its template.
        return (template["spec"].get("template") or template) if isinstance(template.get("spec"), dict) else template
    if not params.get("resources"):
        return None
    spec: dict[str, t.Any] = {field: params[option] for option, field in _FIELDS.items() if params.get(option)}
    spec["containers"] = [{"name": "main", "resources": {"requests": params["resources"]}}]
    return {"metadata": {"labels": params.get("labels") or {}}, "spec": spec}


def _selector(replaces: Json) -> str:
    labels = dict(replaces.get("selector") or {})
    if replaces.get("release"):
        labels["app.kubernetes.io/instance"] = replaces["release"]
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _share(value: t.Any, name: str, default: int) -> int | str:
    if value is None:
        return default
    if not _SHARE.fullmatch(str(value)):
        raise InputError(f"replaces.{name} is {value!r}; give a number or a percentage such as 25%")
    return str(value)
