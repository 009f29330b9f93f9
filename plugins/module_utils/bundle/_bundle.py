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

SCHEMA = 2

#: The maps that a bundle names apart; a null for one of them as a whole means that nothing of it is set.
_PARTS = ("image", "model", "engine")

#: Helm reads every number as a float of 64 bits.
_EXACT = 2**53

#: Chart values that belong to the environment: they may differ between staging and production of one bundle. A name with a dot is one
#: key of a map whose other keys are behavior. Whatever is not named here is behavior, so that a new chart value never slips past a promotion.
ENVIRONMENT_VALUES = frozenset(
    {
        "affinity",
        "apiKey",
        "cache",
        "drain",
        "environment",
        "gpu",
        "hfToken",
        "image.pullPolicy",
        "image.pullSecrets",
        "networkPolicy",
        "nodeSelector",
        "offline",
        "podAnnotations",
        "podDisruptionBudget",
        "podLabels",
        "priorityClassName",
        "probes",
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

#: The others of today's chart. A test holds the two lists against values.yaml: each key is in exactly one of them.
BEHAVIOR_VALUES = frozenset({"engine", "env", "image.digest", "image.repository", "image.tag", "model"})


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


def normal(values: t.Mapping[str, t.Any], path: str = "") -> Values:
    """``values`` as Helm reads and records them, so that two digests of one meaning are equal. Raises InputError for what JSON cannot say."""
    return {str(name): _normal(value, f"{path}.{name}" if path else str(name)) for name, value in values.items()}


def make(chart: Chart, values: Values) -> Bundle:
    """The bundle of ``values`` (as given to Helm) over the chart's defaults. Raises InputError when the image has no name."""
    defaults, given = normal(chart.defaults), normal(values)
    for part in _PARTS:
        if not isinstance(given.get(part) or {}, dict):
            raise InputError(f"{part} must be a map of values, not {given[part]!r}")
    effective = _behavior(merge(defaults, {name: value for name, value in given.items() if value is not None or name not in _PARTS}))
    behavior = _canonical_nulls(effective, _behavior(defaults))
    image, model, engine = (behavior.pop(part, None) or {} for part in _PARTS)
    image_reference(image)
    content = {
        "schema": SCHEMA,
        "chart": {"name": chart.name, "version": chart.version, "digest": chart.digest},
        "image": image,
        "model": model,
        "engine": engine,
        "values": behavior,
    }
    return Bundle(digest(content), content)


def read(document: t.Mapping[str, t.Any]) -> Bundle:
    """A bundle from its content, as the registry keeps it. Raises InputError when it is not one of this schema."""
    content = copy.deepcopy(dict(document))
    if content.get("schema") != SCHEMA or not all(isinstance(content.get(part), dict) for part in ("chart", "image", "model", "engine", "values")):
        raise InputError(f"this is not the content of a bundle with schema {SCHEMA}; deploy the model again to have one made")
    return Bundle(digest(content), content)


def values_of(bundle: Bundle) -> Values:
    """The inverse of ``make``: chart values that give this very bundle, whatever the environment adds to them."""
    content = copy.deepcopy(bundle.content)
    return {**content["values"], **{part: content[part] for part in _PARTS if content[part]}}


def digest(content: Values) -> str:
    return "sha256:" + hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(content: t.Any) -> str:
    """One text for one meaning: sorted keys, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _normal(value: t.Any, path: str) -> t.Any:
    if isinstance(value, t.Mapping):
        return normal(value, path)
    if isinstance(value, list | tuple):
        return [_normal(item, f"{path}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, bool | str | None):
        return value
    if not isinstance(value, int | float):
        raise InputError(f"{path} is a {type(value).__name__} ({value}); put it in quotes, so that it is text")
    if not abs(value) <= _EXACT:
        raise InputError(f"{path} is {value}, a number that Helm cannot keep exactly; put it in quotes where it is a name, or use a smaller one")
    # Helm writes 1.0 as 1 into its record.
    return int(value) if int(value) == value else value


def _behavior(values: Values) -> Values:
    """``values`` without what belongs to the environment."""
    kept: Values = {}
    for name, value in values.items():
        if name in ENVIRONMENT_VALUES:
            continue
        inner = {key for key in value if f"{name}.{key}" in ENVIRONMENT_VALUES} if isinstance(value, dict) else set()
        kept[name] = {key: part for key, part in value.items() if key not in inner} if inner else value
    return kept


def _canonical_nulls(value: Values, default: t.Any) -> Values:
    """A null where the chart has no value means the same as an absent key, and is dropped; a null over a value takes that value away, and stays."""
    kept: Values = {}
    for name, inner in value.items():
        below = default.get(name) if isinstance(default, dict) else None
        if inner is None:
            if below is not None:
                kept[name] = None
        elif isinstance(inner, dict):
            kept[name] = _canonical_nulls(inner, below)
        elif isinstance(inner, list):
            kept[name] = [_plain(item) for item in inner]
        else:
            kept[name] = inner
    return kept


def _plain(value: t.Any) -> t.Any:
    """An item of a list: lists are replaced as a whole, so no default lies below it."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
