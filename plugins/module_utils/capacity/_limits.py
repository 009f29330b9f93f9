# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""LimitRange: what a namespace gives to containers that do not say, and which pods it does not let in."""

from __future__ import annotations

import collections.abc as c

from . import _pod_resources
from ._pod_resources import Json, Millis

#: Requests and limits of what a limit is about, by its name in the refusal.
_Measured = tuple[str, Millis, Millis]


def defaults(ranges: c.Iterable[Json]) -> dict[str, dict[str, str]]:
    """``default`` (limits) and ``defaultRequest`` for each container."""
    merged: dict[str, dict[str, str]] = {"default": {}, "defaultRequest": {}}
    for entry in _entries(ranges, "Container"):
        for section, values in merged.items():
            values.update(entry[1].get(section) or {})
    return merged


def refusal(ranges: c.Sequence[Json], spec: Json) -> str:
    """Why the API server refuses a pod that has its defaults already, or nothing."""
    containers = [_measured(entry, f"container {entry.get('name', '?')}") for entry in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))]
    # The pod as a whole is measured without its overhead.
    bare = {**spec, "overhead": None}
    whole = ("the pod", _pod_resources.requests(bare, None, "the pod template"), _pod_resources.limits(bare, "the pod template"))
    for broken in _contradictions(spec, containers):
        return broken
    for kind, measured in (("Container", containers), ("Pod", [whole])):
        for name, entry in _entries(ranges, kind):
            for what in measured:
                for broken in _broken(entry, what):
                    return f"the LimitRange {name} rejects it: {broken}"
    return ""


def _contradictions(spec: Json, containers: c.Sequence[_Measured]) -> c.Iterator[str]:
    """Where what is asked for contradicts itself, often only once the namespace's defaults are in it."""
    pod, asked, most = _measured(spec, "the pod as a whole")
    for what, requests, limits in (*containers, (pod, asked, most)):
        for name in requests:
            if requests[name] > limits.get(name, requests[name]):
                yield f"{what} requests more {name} than its limit, which is the namespace's default where none is set"
    aggregate = _pod_resources.requests({**spec, "resources": None, "overhead": None}, None, "the pod template")
    for name in asked:
        if _pod_resources.pod_level_name(name) and aggregate.get(name, 0) > asked[name]:
            yield f"its containers request more {name} than the pod as a whole"
    for what, _own, limits in containers:
        for name in limits:
            if limits[name] > most.get(name, limits[name]):
                yield f"the limit of {name} of {what} is above that of the pod as a whole"


def _entries(ranges: c.Iterable[Json], kind: str) -> c.Iterator[tuple[str, Json]]:
    for item in ranges:
        for entry in (item.get("spec") or {}).get("limits") or ():
            if entry.get("type") == kind:
                yield item["metadata"].get("name", "?"), entry


def _measured(part: Json, where: str) -> _Measured:
    resources = part.get("resources") or {}
    return where, _pod_resources.stored(resources.get("requests"), where), _pod_resources.stored(resources.get("limits"), where)


def _broken(entry: Json, measured: _Measured) -> c.Iterator[str]:
    what, requests, limits = measured
    for name, least in _pod_resources.stored(entry.get("min"), "LimitRange: min").items():
        if name not in requests:
            yield f"{what} must request {name}, at least {entry['min'][name]}"
        elif min(requests[name], limits.get(name, requests[name])) < least:
            yield f"{what} has less {name} than the minimum of {entry['min'][name]}"
    for name, most in _pod_resources.stored(entry.get("max"), "LimitRange: max").items():
        if name not in limits:
            yield f"{what} must have a limit of {name}, at most {entry['max'][name]}"
        elif max(limits[name], requests.get(name, 0)) > most:
            yield f"{what} has more {name} than the maximum of {entry['max'][name]}"
    for name, ratio in _pod_resources.stored(entry.get("maxLimitRequestRatio"), "LimitRange: maxLimitRequestRatio").items():
        if not requests.get(name) or not limits.get(name):
            yield f"{what} must have a request and a limit of {name}"
        elif limits[name] * 1000 > ratio * requests[name]:
            yield f"the limit of {name} of {what} is more than {entry['maxLimitRequestRatio'][name]} times its request"
