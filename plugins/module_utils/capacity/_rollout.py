# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether the capacity is enough for a rolling update to finish, or whether the old pods have to stop first."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

from . import _filters
from ._objects import PodFacts
from ._packing import Packing
from ._placing import Placing, as_placed
from ._question import Replacement

Verdict = t.Literal["pass", "fail", "inconclusive"]

ROLLING, RECREATE = "RollingUpdate", "Recreate"
_ORDER = "whether the surge pod fits depends on the order in which the scheduler picks nodes"


@dataclasses.dataclass(frozen=True)
class Surge:
    """The extra pods of a rolling update. ``why`` says what stands in the way, or is empty."""

    pods: int
    verdict: Verdict
    why: str


def surge(placing: Placing, replicas: int, how: Replacement) -> Surge:
    """Follows the steps of the Deployment controller: as many new pods as allowed, then old ones out, until done or stuck."""
    extra, unavailable = how.surge(replicas), how.unavailable(replicas)
    if replicas == 0:
        return Surge(extra, "pass", "")
    old = [pod for pod, _usage in placing.snapshot.replaced if not pod.terminating]
    if not old:
        return _for_later(placing, replicas, extra)
    first = max(0, replicas + extra - len(old))
    row = next((row for row in placing.quota_rows(first, ()) if row.short), None)
    if row and unavailable == 0:
        return Surge(extra, "fail", f"the quota {row.quota} does not allow a surge pod ({row.resource})")
    return _simulated(placing, replicas, extra, unavailable, old)


def _for_later(placing: Placing, replicas: int, extra: int) -> Surge:
    """Nothing runs yet: will the surge pods of the next change fit beside these replicas?"""
    packing = placing.pack(placing.snapshot.pods, replicas + extra)
    row = next((row for row in placing.quota_rows(replicas + extra, ()) if row.short), None)
    if row:
        return Surge(extra, "fail", f"the quota {row.quota} does not allow a surge pod ({row.resource})")
    if packing.certain >= replicas + extra:
        return Surge(extra, "pass", "")
    if packing.possible < replicas + extra:
        return Surge(extra, "fail", "no node has capacity for a surge pod beside these replicas")
    return Surge(extra, "inconclusive", _ORDER)


def _simulated(placing: Placing, replicas: int, extra: int, unavailable: int, old: list[PodFacts]) -> Surge:
    staying = _least_helpful_first(placing, old)
    placed: dict[str, int] = {}
    verdict: Verdict = "pass"
    while sum(placed.values()) < replicas:
        new = sum(placed.values())
        keep = max(0, replicas - unavailable - new)
        removed = len(staying) - keep
        if removed > 0:
            del staying[:removed]
        allowed = min(replicas - new, replicas + extra - new - len(staying))
        packing = _with_placed(placing, staying, placed, max(0, allowed))
        if packing.certain < packing.possible:
            verdict = "inconclusive"
        if not packing.placements and removed <= 0:
            return Surge(extra, "fail" if verdict == "pass" else "inconclusive", _stuck(new, replicas))
        for node, count in packing.placements.items():
            placed[node] = placed.get(node, 0) + count
    return Surge(extra, verdict, "" if verdict == "pass" else _ORDER)


def _with_placed(placing: Placing, staying: c.Sequence[PodFacts], placed: c.Mapping[str, int], most: int) -> Packing:
    keep = {(pod.namespace, pod.name) for pod in staying}
    pods = placing.snapshot.without(placing.gone() - keep)
    for node, count in placed.items():
        pods[node] = [*pods.get(node, ()), *[as_placed(placing.pod, node)] * count]
    return placing.pack(pods, most)


def _least_helpful_first(placing: Placing, old: c.Sequence[PodFacts]) -> list[PodFacts]:
    """Nobody promises which old pod goes first, so the order is the one that helps least."""
    before = {capacity.node.name: capacity.slots for capacity in placing.capacities(placing.snapshot.pods)}

    def helps(pod: PodFacts) -> int:
        after = placing.snapshot.without({(pod.namespace, pod.name)})
        node = next((node for node in placing.open if node.name == pod.node), None)
        return _filters.node_capacity(placing.pod, node, after.get(node.name, ())).slots - before[node.name] if node else 0

    return sorted(old, key=lambda pod: (helps(pod), pod.name))


def _stuck(new: int, replicas: int) -> str:
    if new == 0:
        return "no node has capacity for a surge pod beside the old pods"
    return f"it would stall at {new} of {replicas} replicas: no node has capacity for the next one beside the old pods"
