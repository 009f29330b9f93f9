# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer to "will N replicas of this pod fit, where, and if not, why", from a snapshot alone."""

from __future__ import annotations

import collections.abc as c
import dataclasses

from . import _holders, _quota, _requests, _rollout
from ._filters import Reason, Room
from ._holders import Holder
from ._objects import Pod
from ._packing import Packing
from ._rollout import Placing, Surge
from ._rules import Rules
from ._snapshot import Replacement, Snapshot
from ._wanted import Unknown, Wanted

YES, NO, UNKNOWN = "true", "false", "unknown"
#: Where to stop counting slots: everywhere without rules between pods, soon with them.
_MANY, _SOME = 1_000_000, 100


@dataclasses.dataclass(frozen=True)
class Answer:
    """Everything that is said about one pod at one moment; ``_report`` puts it into the module's result.

    ``packing`` is what the nodes have room for, ``granted`` what of it quotas and gates let through.
    """

    pod: Wanted
    replicas: int
    fits: str
    packing: Packing
    granted: Packing
    slots: int
    rooms: tuple[Room, ...]
    ruled_out: dict[str, Reason]
    excluded: dict[str, Reason]
    quota: tuple[_quota.Row, ...]
    surge: Surge
    strategy: str
    replaced: int
    holders: tuple[Holder, ...]
    evictable: tuple[Pod, ...]
    unknowns: tuple[Unknown, ...]
    snapshot: Snapshot


def answer(pod: Wanted, replicas: int, snapshot: Snapshot, how: Replacement | None = None) -> Answer:
    replacement = how or Replacement()
    placing = Placing(pod, snapshot)
    stay = snapshot.without(placing.gone())
    rules = placing.rules(stay)
    rooms = placing.rooms(stay)
    packing = placing.pack(stay, replicas)
    back = [usage for _pod, usage in snapshot.replaced]
    quota = placing.quota_rows(replicas, back)
    allowed = 0 if pod.kept_out() else _quota.allowed(quota, replicas)
    surge = _rollout.surge(placing, replicas, replacement)
    unknowns = (*pod.unknowns, *snapshot.blind, *_dra(placing, packing))
    fits = _fits(pod, packing, replicas, quota, unknowns)
    if replacement.strategy == _rollout.ROLLING and fits == YES and surge.fits != YES:
        fits = surge.fits
    return Answer(
        pod=pod,
        replicas=replicas,
        fits=fits,
        packing=packing,
        granted=packing if allowed >= packing.possible else placing.pack(stay, allowed),
        slots=_slots(placing, stay, back, most=_MANY if rules is None or not rules.dynamic() else _SOME),
        rooms=tuple(rooms),
        ruled_out=_ruled_out(rules, rooms),
        excluded=placing.excluded,
        quota=tuple(quota),
        surge=surge,
        strategy=_rollout.ROLLING if surge.fits == YES else _rollout.RECREATE,
        replaced=len(snapshot.replaced),
        holders=tuple(_holders.holders(placing, replicas, try_out=packing.certain < replicas)),
        evictable=tuple(_holders.room_by_evicting(placing, replicas)) if packing.certain < replicas else (),
        unknowns=unknowns,
        snapshot=snapshot,
    )


def _fits(pod: Wanted, packing: Packing, replicas: int, quota: c.Sequence[_quota.Row], unknowns: c.Sequence[Unknown]) -> str:
    if replicas == 0:
        return YES
    if pod.kept_out() or any(row.short or row.refused for row in quota):
        return NO
    if packing.possible < replicas:
        return UNKNOWN if any(unknown.opens for unknown in unknowns) else NO
    if unknowns or packing.certain < replicas or any(row.unknown for row in quota):
        return UNKNOWN
    return YES


def _slots(placing: Placing, stay: _rollout.PodsByNode, back: c.Sequence[_quota.Usage], *, most: int) -> int:
    allowed = 0 if placing.pod.kept_out() else _quota.allowed(placing.quota_rows(most, back), most)
    return placing.pack(stay, allowed).possible


def _dra(placing: Placing, packing: Packing) -> c.Iterator[Unknown]:
    """GPUs that are given out by ResourceClaims stand in no pod's requests, so numbers that look free may not be."""
    asked = [name for name, amount in placing.pod.requests.items() if amount and _requests.extended(name)]
    for name in asked:
        if name in placing.snapshot.dra_resources:
            yield Unknown(f"a DeviceClass also gives out {name} by DRA, which the nodes' allocatable numbers do not show", opens=True)
        for node in sorted(placing.snapshot.dra_nodes & set(packing.placements)):
            yield Unknown(f"node {node} publishes devices by DRA (ResourceSlices), so its free {name} cannot be told from requests")
            return


def _ruled_out(rules: Rules | None, rooms: c.Iterable[Room]) -> dict[str, Reason]:
    if rules is None:
        return {}
    return {room.node.name: reason for room in rooms if (reason := rules.forbids(room.node))}
