# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer as the module returns it: plain typed data, in the scheduler's own units."""

from __future__ import annotations

import typing as t

from .. import _quantity
from . import _words
from ._answer import CapacityAnswer, Holder
from ._filters import NodeCapacity
from ._quota import Row
from ._reservations import Placed

#: Rows of nodes and holders in one result; the counts are of all.
ROWS = 200


def report(answer: CapacityAnswer) -> dict[str, t.Any]:
    rows = _node_rows(answer)
    code, message = _words.explain(answer)
    return {
        "verdict": answer.verdict,
        "code": code,
        "message": message,
        "replicas": answer.replicas,
        "certain": answer.granted.certain,
        "possible": answer.granted.possible,
        "placements": answer.granted.placements,
        "slots": answer.slots,
        "requests": answer.pod.requests,
        "nodes": rows[:ROWS],
        "nodes_seen": len(rows),
        "quota": [_quota_row(row) for row in answer.quota],
        "surge": {"pods": answer.surge.pods, "verdict": answer.surge.verdict, "why": answer.surge.why},
        "strategy": answer.strategy,
        "downtime": _words.downtime(answer),
        "replaced": answer.replaced,
        "holders": [_holder_row(holder) for holder in answer.holders[:ROWS]],
        "evictable": sorted(f"{pod.namespace}/{pod.name}" for pod in answer.evictable)[:ROWS],
        "reserved": [_reserved_row(each) for each in answer.reserved if each.coming],
        "unknown": [each.text for each in answer.unknowns],
        "consistent_at": {"time": answer.snapshot.at, "resource_version": answer.snapshot.resource_version},
    }


def _node_rows(answer: CapacityAnswer) -> list[dict[str, t.Any]]:
    """Those with capacity first, then by how close they come, then those that do not accept the pod at all."""
    open_rows = sorted(answer.capacities, key=lambda capacity: (-capacity.slots, _words.distance(capacity)))
    rows = [_open_row(answer, capacity) for capacity in open_rows]
    nodes = {node.name: node for node in answer.snapshot.nodes}
    names = _resources(answer)
    for name, reason in sorted(answer.excluded.items()):
        allocatable = {resource: nodes[name].allocatable.get(resource, 0) for resource in names}
        rows.append({"name": name, "slots": 0, "open": False, "why": [reason.text], "short": {}, "allocatable": allocatable, "requested": {}, "free": {}})
    return rows


def _open_row(answer: CapacityAnswer, capacity: NodeCapacity) -> dict[str, t.Any]:
    names = _resources(answer)
    ruled = answer.ruled_out.get(capacity.node.name)
    return {
        "name": capacity.node.name,
        "slots": 0 if ruled else capacity.slots,
        "open": True,
        "why": [reason.text for reason in (*capacity.reasons, *([ruled] if ruled else []))],
        "short": {reason.resource: reason.short for reason in capacity.reasons if reason.resource},
        "allocatable": {name: capacity.node.allocatable.get(name, 0) for name in names},
        "requested": {name: capacity.pods if name == "pods" else capacity.requested.get(name, 0) for name in names},
        "free": {name: capacity.free(name) for name in names},
    }


def _resources(answer: CapacityAnswer) -> list[str]:
    return [*sorted(name for name, amount in answer.pod.requests.items() if amount), "pods"]


def _quota_row(row: Row) -> dict[str, t.Any]:
    name = row.resource.removeprefix("requests.").removeprefix("limits.")
    hard, used, need, short = (_quantity.units(name, value) for value in (row.hard, row.used, row.need, row.short))
    return {"name": row.quota, "resource": row.resource, "hard": hard, "used": used, "need": need, "short": short, "why": row.refused or row.unknown}


def _reserved_row(placed: Placed) -> dict[str, t.Any]:
    question = placed.reservation.question
    return {
        "release": question.release,
        "namespace": question.namespace,
        "pods": placed.coming,
        "placements": dict(placed.placements),
        "holder": placed.reservation.holder,
    }


def _holder_row(holder: Holder) -> dict[str, t.Any]:
    return {
        "release": holder.release,
        "namespace": holder.namespace,
        "resource": holder.resource,
        "amount": holder.amount,
        "pods": len(holder.pods),
        "nodes": holder.nodes(),
        "priority": holder.priority,
        "frees_enough": holder.frees_enough,
    }
