# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer as a stable code and one or two sentences that an operator can act on."""

from __future__ import annotations

import collections
import collections.abc as c
import typing as t

from .. import _quantity
from . import _labels, _pod_resources, _rollout
from ._answer import CapacityAnswer
from ._filters import NodeCapacity
from ._objects import NodeFacts
from ._quota import Row
from ._reservations import Reservation
from ._wanted import Wanted

_FEW = 3


class Explanation(t.NamedTuple):
    """Why the answer is what it is; ``code`` is one of ``_codes.CODES``, or empty where the pods fit."""

    code: str
    message: str


def explain(answer: CapacityAnswer) -> Explanation:
    if answer.verdict == "pass":
        return Explanation("", _fits(answer))
    if answer.crowded_out:
        return Explanation(code="reserved_by_others", message=_crowded_out(answer))
    if answer.verdict == "inconclusive":
        return Explanation(code="capacity_unknown", message=_undecided(answer))
    return _does_not_fit(answer)


def downtime(answer: CapacityAnswer) -> str:
    """What users of the model notice when the recommended strategy is followed."""
    if not answer.replaced:
        return "none: no running pod is replaced"
    if answer.strategy == _rollout.ROLLING:
        return "none: each new pod starts beside the old ones"
    return f"from the stop of the {_old_pods(answer.replaced)} until the first new one is ready: {answer.surge.why or 'there is no capacity for a surge pod'}"


def _old_pods(number: int) -> str:
    return "old pod" if number == 1 else f"{number} old pods"


def need(pod: Wanted) -> str:
    """``2 GPUs, 8 cpu and 24Gi memory``: what one pod requests, the scarce first."""
    asked = [(name, amount) for name, amount in pod.requests.items() if amount]
    asked.sort(key=lambda each: (not _pod_resources.extended(each[0]), each[0]))
    return _list([_amount(name, amount) for name, amount in asked]) or "a pod slot"


def _fits(answer: CapacityAnswer) -> str:
    if not answer.replicas:
        return "No replicas are requested, so nothing has to fit."
    where = _list([f"{count} on {node}" for node, count in _most(answer.packing.placements)], len(answer.packing.placements))
    after = f" once the {_old_pods(answer.replaced)} stopped" if answer.replaced and answer.strategy == _rollout.RECREATE else ""
    more = answer.slots - answer.replicas
    left = f"there is {f'capacity for {more}' if more else 'no capacity for any'} more"
    return f"{_replicas(answer)} of {need(answer.pod)} {_fit(answer)}{after}: {where}; {left}."


def _crowded_out(answer: CapacityAnswer) -> str:
    coming = [each for each in answer.reserved if each.coming]
    others = [f"{_count(each.coming, 'pod')} of {need(each.reservation.pod)} of {_whose(each.reservation)}" for each in coming[:_FEW]]
    return (
        f"{_replicas(answer)} of {need(answer.pod)} would fit now, but the capacity is reserved for {_list(others, len(coming))}; "
        "wait for that rollout to finish, or free more."
    )


def _whose(reservation: Reservation) -> str:
    name = f"`{reservation.question.release}` in {reservation.question.namespace}"
    return f"{name} (claimed by {reservation.holder})" if reservation.holder else name


def _undecided(answer: CapacityAnswer) -> str:
    start = f"Cannot decide whether {_replicas(answer)} of {need(answer.pod)} {_fit(answer)}"
    if answer.unknowns:
        return f"{start}: {'; '.join(each.text for each in answer.unknowns[:_FEW])}."
    row = next((row for row in answer.quota if row.unknown), None)
    if row:
        return f"{start}: {row.unknown} (quota {row.quota}, {row.resource}); try again in a moment."
    if answer.packing.certain >= answer.replicas:
        return f"Cannot decide whether a rolling update of {_replicas(answer)} of {need(answer.pod)} can finish: {answer.surge.why}."
    return (
        f"{start}: it depends on the order in which the scheduler picks nodes "
        f"(at least {answer.packing.certain} and at most {answer.packing.possible} get one)."
    )


def _does_not_fit(answer: CapacityAnswer) -> Explanation:
    if answer.pod.refusal:
        message = f"The API server would reject the pod: {answer.pod.refusal}; change the model's resources or the LimitRange."
        return Explanation(code="pod_refused", message=message)
    if answer.pod.gates:
        return Explanation(code="scheduling_gated", message=f"The scheduling gate {answer.pod.gates[0]} holds the pod back until it is removed.")
    refused = next((row for row in answer.quota if row.refused), None)
    if refused:
        return Explanation(code="pod_refused", message=f"The quota {refused.quota} rejects the pod: {refused.refused}; set it in the model's resources.")
    short = next((row for row in answer.quota if row.short), None)
    if answer.packing.certain < answer.replicas:
        return _no_capacity(answer, short)
    if short:
        message = f"needs {_replicas(answer)} of {need(answer.pod)}; {_quota(answer, short)}; scale something down there or raise the quota."
        return Explanation(code="quota_exceeded", message=message)
    alone = f"{_replicas(answer)} of {need(answer.pod)} would fit without the old pods"
    message = f"{alone}, but a RollingUpdate cannot finish: {answer.surge.why}; use Recreate, or free a node."
    return Explanation(code="no_surge_capacity", message=message)


def _no_capacity(answer: CapacityAnswer, short: Row | None) -> Explanation:
    several = "" if answer.replicas == 1 else f"{answer.replicas} replicas, each "
    placed = f"only {answer.packing.possible} of {answer.replicas} fit: " if answer.packing.possible else ""
    code, best = _best(answer)
    also = f"; {_quota(answer, short)} too" if short else ""
    return Explanation(code, f"needs {several}{need(answer.pod)} on one node; {placed}{best}{_help(answer)}{also}.")


def _quota(answer: CapacityAnswer, row: Row) -> str:
    name = row.resource.removeprefix("requests.").removeprefix("limits.")
    hard, used, short = (_quantity.in_words(name, _quantity.units(name, value)) for value in (row.hard, row.used, row.short))
    return f"the quota {row.quota} in {answer.pod.namespace} allows {hard} {row.resource} and {used} are used, {short} short"


def _best(answer: CapacityAnswer) -> Explanation:
    """The node that comes closest, or why no node accepts the pod at all."""
    if not answer.snapshot.nodes:
        message = f"there is no node{_with_labels(answer)}" if answer.pod.node_selector else "the cluster has no nodes"
        return Explanation(code="no_matching_node", message=message)
    capable = [capacity for capacity in answer.capacities if _capable(answer, capacity.node)]
    if not capable:
        return Explanation(code="no_matching_node", message=_none_accepts(answer))
    full = answer.packing.placements
    closest = min((capacity for capacity in capable if capacity.node.name not in full), key=distance, default=min(capable, key=distance))
    name, ruled = closest.node.name, answer.ruled_out.get(closest.node.name)
    if closest.reasons:
        text = f"the best {'remaining ' if full else ''}node {name} {_list([reason.text for reason in closest.reasons[:_FEW]])}"
        large = _too_large(answer)
        return Explanation(code="pod_too_large", message=f"{text}, and {large}") if large else Explanation(code="no_capacity", message=text)
    if ruled:
        return Explanation(code="pod_rules", message=f"{name} {ruled.text}")
    return Explanation(code="no_capacity", message=f"{name} has capacity for {closest.slots} of them")


def _none_accepts(answer: CapacityAnswer) -> str:
    """No node that accepts the pod has such a resource: why do those that have it not accept it?"""
    capable = {node.name for node in answer.snapshot.nodes if _capable(answer, node)}
    names = _list([name for name, amount in sorted(answer.pod.requests.items()) if amount and _pod_resources.extended(name)])
    if not capable:
        return f"no node{_with_labels(answer)} has {names}"
    kinds = collections.Counter(reason.text for name, reason in answer.excluded.items() if name in capable)
    first, count = kinds.most_common(1)[0]
    who = min(name for name, reason in answer.excluded.items() if reason.text == first and name in capable)
    with_it = f" with {names}" if names else ""
    return f"none of {_count(len(capable), 'node')}{with_it} accepts the pod: {who} {first}" + (f" (so do {count - 1} more)" if count > 1 else "")


def _with_labels(answer: CapacityAnswer) -> str:
    return f" with the labels {_labels.in_words(answer.pod.node_selector)}" if answer.pod.node_selector else ""


def _capable(answer: CapacityAnswer, node: NodeFacts) -> bool:
    return all(node.allocatable.get(name) for name, amount in answer.pod.requests.items() if amount and _pod_resources.extended(name))


def _too_large(answer: CapacityAnswer) -> str:
    for name, amount in answer.pod.requests.items():
        if amount > max((node.allocatable.get(name, 0) for node in answer.snapshot.nodes), default=0):
            return f"no node has {_amount(name, amount)} in all"
    return ""


def distance(capacity: NodeCapacity) -> tuple[int, float, str]:
    """Fewest things short, then the largest share of what is short."""
    short = [(max(0, capacity.free(reason.resource)), reason.short) for reason in capacity.reasons if reason.short]
    shares = [min(1.0, free / (free + missing)) for free, missing in short]
    return len(capacity.reasons), -sum(shares), capacity.node.name


def _help(answer: CapacityAnswer) -> str:
    if answer.evictable:
        names = sorted({f"`{pod.release}`" for pod in answer.evictable})
        return f"; it would fit only by preempting pods of lower priority ({_list(names[:_FEW], len(names))})"
    helper = next((holder for holder in answer.holders if holder.frees_enough), None)
    if helper is None:
        return ""
    frees = _list([f"{amount} on {node}" for node, amount in _most(helper.nodes())], len(helper.nodes()))
    return f"; scaling `{helper.release}` in {helper.namespace} to 0 would free {_amount(helper.resource, helper.amount)} ({frees})"


def _replicas(answer: CapacityAnswer) -> str:
    return _count(answer.replicas, "replica")


def _fit(answer: CapacityAnswer) -> str:
    return "fits" if answer.replicas == 1 else "fit"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _amount(name: str, amount: int) -> str:
    if name.endswith("/gpu"):
        return _count(amount, "GPU")
    return f"{_quantity.in_words(name, amount)} {name}"


def _most(amounts: c.Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(amounts.items(), key=lambda each: (-each[1], each[0]))[:_FEW]


def _list(parts: c.Sequence[str], total: int | None = None) -> str:
    left = (total or len(parts)) - len(parts)
    if left > 0:
        return f"{', '.join(parts)} and {left} more"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
