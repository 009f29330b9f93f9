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
from .._spec import Options
from ._pod_resources import Json

REPLACES: Options = {
    "release": {"type": "str"},
    "selector": {"type": "dict"},
    "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
    "max_surge": {"type": "str", "default": "1"},
    "max_unavailable": {"type": "str", "default": "0"},
}
RESERVED: Options = {
    "namespace": {"type": "str"},
    "release": {"type": "str", "required": True},
    "replicas": {"type": "int", "default": 1},
    "pod_template": {"type": "dict", "required": True},
    "strategy": {"type": "str", "choices": ["auto", "RollingUpdate", "Recreate"], "default": "auto"},
    "max_surge": {"type": "str", "default": "1"},
}
OPTIONS: Options = {
    "namespace": {"type": "str", "default": "default"},
    "replicas": {"type": "int", "default": 1},
    "pod_template": {"type": "dict"},
    "resources": {"type": "dict"},
    "labels": {"type": "dict"},
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict"},
    "affinity": {"type": "dict"},
    "topology_spread_constraints": {"type": "list", "elements": "dict"},
    "priority_class_name": {"type": "str"},
    "runtime_class_name": {"type": "str"},
    "replaces": {"type": "dict", "options": REPLACES},
    "reserved": {"type": "list", "elements": "dict", "options": RESERVED, "default": []},
    "claims": {"type": "bool", "default": True},
    "fail_on": {"type": "list", "elements": "str", "choices": ["fail", "inconclusive"], "default": []},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 1800},
    "wait_sleep": {"type": "float", "default": 10},
    "timeout": {"type": "float", "default": 30},
}
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
class Replacement:
    """How the pods that are there give way to the new ones."""

    strategy: str = "auto"
    max_surge: int | str = 1
    max_unavailable: int | str = 0

    def surge(self, replicas: int) -> int:
        return _rounded(self.max_surge, replicas, up=True)

    def unavailable(self, replicas: int) -> int:
        return _rounded(self.max_unavailable, replicas, up=False)


@dataclasses.dataclass(frozen=True)
class Question:
    """``template`` is None when the question is about the fleet and no pod. ``release`` is whose pods they are, where that is known.

    ``reserved`` is placed first, and with ``claims`` also what other runs have claimed.
    """

    namespace: str
    replicas: int
    template: Json | None
    replaced: str
    how: Replacement
    node_selector: Json
    release: str = ""
    reserved: tuple[Question, ...] = ()
    claims: bool = False


def question(params: Json) -> Question:
    """Of a module's parameters; raises InputError naming the option."""
    replaces = params.get("replaces") or {}
    return Question(
        namespace=params["namespace"],
        replicas=_count(params["replicas"], "replicas"),
        template=_template(params),
        replaced=_selector(replaces),
        how=Replacement(
            strategy=replaces.get("strategy") or "auto",
            max_surge=_share(replaces.get("max_surge"), "replaces.max_surge", 1),
            max_unavailable=_share(replaces.get("max_unavailable"), "replaces.max_unavailable", 0),
        ),
        node_selector=params.get("node_selector") or {},
        release=replaces.get("release") or "",
        reserved=tuple(_reserved(each, params["namespace"]) for each in params.get("reserved") or ()),
        claims=params.get("claims", True),
    )


def _reserved(option: Json, namespace: str) -> Question:
    release, template = option["release"], option["pod_template"]
    return of_release(option.get("namespace") or namespace, release, option["replicas"], template, option["strategy"], option["max_surge"])


def of_release(namespace: str, release: str, replicas: int, template: Json, strategy: str | None, max_surge: t.Any) -> Question:
    """The question that another release's run asks about its own pods."""
    how = Replacement(strategy or "auto", _share(max_surge, "max_surge", 1))
    return Question(namespace, _count(replicas, "replicas"), _of_template(template), _selector({"release": release}), how, {}, release=release)


def _count(value: int, name: str) -> int:
    if value < 0:
        raise InputError(f"{name} is {value}; give 0 or more")
    return value


def _template(params: Json) -> Json | None:
    template: Json | None = params.get("pod_template")
    if template is not None:
        return _of_template(template)
    if not params.get("resources"):
        return None
    spec: dict[str, t.Any] = {field: params[option] for option, field in _FIELDS.items() if params.get(option)}
    spec["containers"] = [{"name": "main", "resources": {"requests": params["resources"]}}]
    return {"metadata": {"labels": params.get("labels") or {}}, "spec": spec}


def _of_template(template: Json) -> Json:
    """A whole Deployment, as kubernetes.core.k8s_info returns it, is as good as its template."""
    spec = template.get("spec")
    return (spec.get("template") or template) if isinstance(spec, dict) else template


def _selector(replaces: Json) -> str:
    labels = dict(replaces.get("selector") or {})
    if replaces.get("release"):
        labels["app.kubernetes.io/instance"] = replaces["release"]
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _share(value: t.Any, name: str, default: int) -> int | str:
    if value is None:
        return default
    if not _SHARE.fullmatch(str(value)):
        raise InputError(f"{name} is {value!r}; give a number or a percentage such as 25%")
    return str(value)


def _rounded(value: int | str, replicas: int, *, up: bool) -> int:
    """A number, or a percentage of the replicas: surge is rounded up and unavailable down, as Deployments do."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    share = int(text[:-1]) * replicas
    return -(-share // 100) if up else share // 100
