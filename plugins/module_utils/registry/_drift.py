# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What somebody changed by hand: the live Deployments and Services of a release beside its recorded manifest. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ._rendered import Json, Objects

KINDS = ("Deployment", "Service")


@dataclasses.dataclass(frozen=True)
class LiveObjects:
    """The Deployments and Services of a namespace, and the names of the Deployments whose replicas an autoscaler sets.
    ``unread`` is why the objects could not be read; ``scaled`` is None when it is not known who is scaled."""

    objects: Objects = dataclasses.field(default_factory=dict)
    scaled: frozenset[str] | None = frozenset()
    unread: str = ""


@dataclasses.dataclass(frozen=True)
class Drift:
    """One field of one object; ``recorded`` and ``live`` are what the release's manifest and the cluster say."""

    object: str
    field: str
    recorded: t.Any
    live: t.Any

    def words(self) -> str:
        if not self.field:
            return f"{self.object} is missing"
        return f"{self.object} {self.field} is {_short(self.live)}, recorded is {_short(self.recorded)}"


def drifts(recorded: Objects, live: LiveObjects, *, zero_is_meant: bool = False) -> list[Drift]:
    """Only what is compared here counts: defaults that the cluster fills in, and fields that controllers own, are no drift.

    ``zero_is_meant``: somebody has taken the model out of the routing, so that a scale to nothing belongs to it.
    """
    found: list[Drift] = []
    for (kind, name), wanted in sorted(recorded.items()):
        if kind not in KINDS:
            continue
        there = live.objects.get((kind, name))
        if there is None:
            found.append(Drift(f"{kind} {name}", "", "present", "missing"))
        elif kind == "Service":
            found += _service(f"Service {name}", wanted["spec"], there["spec"])
        else:
            found += _deployment(f"Deployment {name}", wanted["spec"], there["spec"])
            found += _replicas(name, wanted["spec"], there["spec"], live, zero_is_meant)
    return found


def _service(name: str, wanted: Json, there: Json) -> list[Drift]:
    fields: dict[str, t.Callable[[Json], t.Any]] = {
        "selector": lambda spec: spec.get("selector") or {},
        "ports": lambda spec: [{"port": port["port"], "targetPort": port.get("targetPort", port["port"])} for port in spec.get("ports") or []],
    }
    return [Drift(name, field, of(wanted), of(there)) for field, of in fields.items() if of(wanted) != of(there)]


def _deployment(name: str, wanted: Json, there: Json) -> list[Drift]:
    found = []
    running = {container["name"]: container for container in there["template"]["spec"]["containers"]}
    for container in wanted["template"]["spec"]["containers"]:
        now = running.get(container["name"])
        if now is None:
            found.append(Drift(name, f"container {container['name']}", "present", "missing"))
            continue
        for field in ("image", "command", "args"):
            if (container.get(field) or []) != (now.get(field) or []):
                found.append(Drift(name, f"{field} of container {container['name']}", container.get(field), now.get(field)))
    return found


def _replicas(name: str, wanted: Json, there: Json, live: LiveObjects, zero_is_meant: bool) -> list[Drift]:
    """Where nobody knows whether an autoscaler sets them, they are not compared."""
    before, now = wanted.get("replicas"), there.get("replicas")
    if before is None or before == now or live.scaled is None or name in live.scaled or (zero_is_meant and now == 0):
        return []
    return [Drift(f"Deployment {name}", "replicas", before, now)]


def _short(value: t.Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
