# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What one pod asks for, by the formula that Kubernetes itself publishes (KEP-753, KEP-1287, KEP-2837)."""

from __future__ import annotations

import collections.abc as c
import contextlib
import functools
import typing as t

from .. import _quantity
from .._errors import InputError

Json = c.Mapping[str, t.Any]
#: Resource name to thousandths, as stored by the API server.
Millis = dict[str, int]
#: Resource name to the scheduler's units: thousandths for cpu, whole units for the rest.
Amounts = dict[str, int]


def stored(resources: Json | None, where: str) -> Millis:
    if not resources:
        return {}
    # API servers send strings, and pods of a kind the same ones: nearly all are known without reading them.
    if all(isinstance(value, str) for value in resources.values()):
        with contextlib.suppress(InputError):
            return dict(_known(tuple(resources.items())))
    return {name: _quantity.read(value, f"{where}.{name}") for name, value in resources.items()}


@functools.lru_cache(maxsize=4096)
def _known(resources: tuple[tuple[str, str], ...]) -> Millis:
    return {name: _quantity.read(value, name) for name, value in resources}


def amounts(millis: Millis) -> Amounts:
    """A pod's or node's totals, each rounded up once to the scheduler's units. ``pods`` is counted apart."""
    return {name: _quantity.units(name, value) for name, value in millis.items()}


def requests(spec: Json, status: Json | None = None, where: str = "pod") -> Millis:
    """Of a pod as the API server stores it: defaults are applied (see ``defaulted``) and rounding is done."""
    state = status or {}
    infeasible = _resize_infeasible(state)
    statuses = {entry["name"]: entry for entry in (*(state.get("containerStatuses") or ()), *(state.get("initContainerStatuses") or ()))}
    total: Millis = {}
    for container in spec.get("containers") or ():
        _add(total, _of_container(container, statuses, infeasible, where))
    restartable: Millis = {}
    largest: Millis = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            own = _of_container(container, statuses, infeasible, where)
            _add(total, own)
            _add(restartable, own)
            _raise(largest, restartable)
        else:
            own = _of_container(container, {}, infeasible, where)
            _add(own, restartable)
            _raise(largest, own)
    _raise(total, largest)
    if spec.get("resources"):
        total.update(_of_pod_level(spec, state, infeasible, where))
    if spec.get("overhead"):
        _add(total, stored(spec["overhead"], f"{where}: overhead"))
    return total


def settled(spec: Json, status: Json) -> bool:
    """Whether nothing is being resized: what each container has is what its spec says, so that the status changes no sum."""
    if spec.get("resources") and status.get("resources") is not None:
        return False
    asked = None
    for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        actual = entry.get("resources")
        if actual is None:
            continue
        if asked is None:
            containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
            asked = {container.get("name"): (container.get("resources") or {}).get("requests") for container in containers}
        own = asked.get(entry.get("name"))
        if actual.get("requests") != own or entry.get("allocatedResources", own) != own:
            return False
    return True


def limits(spec: Json, where: str = "pod") -> Millis:
    """The same sum over limits; a ResourceQuota counts them."""
    total: Millis = {}
    for container in spec.get("containers") or ():
        _add(total, _section(container, "limits", where))
    restartable: Millis = {}
    largest: Millis = {}
    for container in spec.get("initContainers") or ():
        own = _section(container, "limits", where)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(restartable, own)
            own = dict(restartable)
        else:
            _add(own, restartable)
        _raise(largest, own)
    _raise(total, largest)
    pod_level = stored((spec.get("resources") or {}).get("limits"), f"{where}: resources.limits")
    total.update({name: value for name, value in pod_level.items() if pod_level_name(name)})
    for name, value in stored(spec.get("overhead"), f"{where}: overhead").items():
        if total.get(name):
            total[name] += value
    return total


def pod_level_name(name: str) -> bool:
    """The resources that a pod as a whole may ask for since Kubernetes 1.34."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def extended(name: str) -> bool:
    """GPUs and the like: counted in whole units, never overcommitted."""
    return "/" in name and "kubernetes.io/" not in name


def check_names(millis: Millis, where: str) -> None:
    """Refuses what the API server would refuse, or what overflows the scheduler's 64-bit sums and so would "fit"."""
    for name, value in millis.items():
        known = name in ("cpu", "memory", "ephemeral-storage") or name.startswith("hugepages-") or "/" in name
        if not known:
            raise InputError(
                f"{where}: {name} is not a resource; write cpu, memory, ephemeral-storage, hugepages-SIZE or a name with a vendor such as nvidia.com/gpu"
            )
        if extended(name) and value % 1000:
            raise InputError(f"{where}: {name} is given in whole units, not {value / 1000:g}")
        if _quantity.units(name, value) > _quantity.LARGEST:
            raise InputError(f"{where}: {name} is larger than any machine can count; check its unit")


def _of_container(container: Json, statuses: c.Mapping[str, Json], infeasible: bool, where: str) -> Millis:
    spec = _section(container, "requests", where)
    status = statuses.get(container.get("name", ""))
    if not status or status.get("resources") is None:
        return spec
    actual = stored(status["resources"].get("requests"), f"{where}: status of container {container.get('name')}")
    allocated = stored(status.get("allocatedResources"), f"{where}: status of container {container.get('name')}")
    # A resize in place counts at its larger end, unless the kubelet has said that it never will happen.
    result = {} if infeasible else spec
    _raise(result, actual)
    _raise(result, allocated)
    return result


def _of_pod_level(spec: Json, status: Json, infeasible: bool, where: str) -> Millis:
    asked = {
        name: value for name, value in stored((spec.get("resources") or {}).get("requests"), f"{where}: resources.requests").items() if pod_level_name(name)
    }
    if not asked or status.get("resources") is None:
        return asked
    effective = {} if infeasible else dict(stored((spec.get("resources") or {}).get("requests"), where))
    _raise(effective, stored(status["resources"].get("requests"), f"{where}: status.resources"))
    _raise(effective, stored(status.get("allocatedResources"), f"{where}: status.allocatedResources"))
    return {name: effective.get(name, 0) for name in asked}


def _section(container: Json, section: str, where: str) -> Millis:
    resources = container.get("resources")
    if not resources or not resources.get(section):
        return {}
    return stored(resources[section], f"{where}: container {container.get('name', '?')}: {section}")


def _resize_infeasible(status: Json) -> bool:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodResizePending":
            return bool(condition.get("reason") == "Infeasible")
    return False


def _add(total: Millis, more: Millis) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Millis, other: Millis) -> None:
    for name, value in other.items():
        if name not in total or value > total[name]:
            total[name] = value
