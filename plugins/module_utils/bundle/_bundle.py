# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The bundle: what is deployed, made canonical and hashed. Pure."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import typing as t

from .._errors import InputError

Values = dict[str, t.Any]

SCHEMA = 1

#: Chart values that belong to the environment: they may differ between staging and production of one bundle.
#: Whatever is not named here counts as behaviour, so that a new chart value can never slip past a promotion.
ENVIRONMENT_VALUES = frozenset(
    {
        "affinity",
        "apiKey",
        "cache",
        "drain",
        "environment",
        "fullnameOverride",
        "gpu",
        "hfToken",
        "nameOverride",
        "networkPolicy",
        "nodeSelector",
        "offline",
        "podAnnotations",
        "podDisruptionBudget",
        "podLabels",
        "priorityClassName",
        "probes",
        "prometheusRule",
        "release",
        "replicas",
        "resources",
        "rollout",
        "runtimeClassName",
        "securityContext",
        "service",
        "serviceAccount",
        "serviceMonitor",
        "shm",
        "tests",
        "tolerations",
        "topologySpreadConstraints",
    }
)


@dataclasses.dataclass(frozen=True)
class Chart:
    """What of a chart decides a manifest: ``digest`` is sha256 over the files that can change one."""

    name: str
    version: str
    digest: str
    defaults: Values


@dataclasses.dataclass(frozen=True)
class Bundle:
    """``digest`` is ``sha256:<64 hex>`` of the canonical JSON of ``content``."""

    digest: str
    content: Values

    @property
    def short(self) -> str:
        return self.digest.removeprefix("sha256:")[:12]


def merge(below: Values, above: Values) -> Values:
    """Maps merge key by key, everything else is replaced: as Helm lays values over values."""
    merged = copy.deepcopy(below)
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def image_reference(image: Values) -> str:
    """``repository@digest`` where a digest is given, else ``repository:tag``."""
    repository, tag, digest = (str(image.get(part) or "") for part in ("repository", "tag", "digest"))
    if not repository or not (tag or digest):
        raise InputError("image.repository and one of image.tag and image.digest are needed to name what is deployed")
    return f"{repository}@{digest}" if digest else f"{repository}:{tag}"


def make(chart: Chart, values: Values) -> Bundle:
    """The bundle of ``values`` (as given to Helm) over the chart's defaults."""
    effective = merge(chart.defaults, values)
    behaviour = {name: value for name, value in effective.items() if name not in ENVIRONMENT_VALUES}
    model, engine, image = (behaviour.pop(part, None) or {} for part in ("model", "engine", "image"))
    content = {
        "schema": SCHEMA,
        "chart": {"name": chart.name, "version": chart.version, "digest": chart.digest},
        "image": image_reference(image),
        "model": _without_nulls(model),
        "engine": _without_nulls(engine),
        "values": _without_nulls(behaviour),
    }
    return Bundle(digest(content), content)


def digest(content: Values) -> str:
    return "sha256:" + hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(content: t.Any) -> str:
    """One text for one meaning: sorted keys, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _without_nulls(value: t.Any) -> t.Any:
    """A null in values means "not set": it must not make another bundle than the absent key does."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
