# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer as one or two sentences that an operator can act on."""

from __future__ import annotations

import collections
import collections.abc as c

from . import _labels, _quantity, _requests, _rollout
from ._answer import UNKNOWN, YES, Answer
from ._filters import Room
from ._objects import Node
from ._quota import Row

_FEW = 3


def message(answer: Answer) -> str:
    if answer.fits == YES:
        return _fits(answer)
    if answer.fits == UNKNOWN:
        return _unknown(answer)
    return _does_not_fit(answer)


def downtime(answer: Answer) -> str:
    """What users of the model notice when the recommended strategy is followed."""
    if not answer.replaced:
        return "none: nothing runs yet that would be replaced"
    if answer.strategy == _rollout.ROLLING:
        return "none: each new pod starts beside the old ones"
    old = _count(answer.replaced, "old pod")
    return f"from the stop of the {old} until the first new one is ready: {answer.surge.why or 'no room for an extra pod'}"


def need(answer: Answer) -> str:
    """``2 GPUs, 8 cpu and 24Gi memory``: what one pod asks for, the scarce first."""
    asked = [(name, amount) for name, amount in answer.pod.requests.items() if amount]
    asked.sort(key=lambda each: (not _requests.extended(each[0]), each[0]))
    return _list([_amount(name, amount) for name, amount in asked]) or "a pod slot"


def _fits(answer: Answer) -> str:
    if not answer.replicas:
        return "No replica is asked for, so there is nothing to place."
    where = _list([f"{count} on {node}" for node, count in _most(answer.packing.placements)], len(answer.packing.placements))
    more = answer.slots - answer.replicas
    after = (
        f" once the {_count(answer.replaced, 'old pod')} {'is' if answer.replaced == 1 else 'are'} gone"
        if answer.replaced and answer.strategy == _rollout.RECREATE
        else ""
    )
    return f"{_replicas(answer)} of {need(answer)} fit{'s' if answer.replicas == 1 else ''}{after}: {where}; room for {more if more else 'no'} more."


def _unknown(answer: Answer) -> str:
    if answer.unknowns:
        return f"Whether {_replicas(answer)} of {need(answer)} fit cannot be told: {'; '.join(each.text for each in answer.unknowns[:_FEW])}."
    row = next((row for row in answer.quota if row.unknown), None)
    if row:
        return f"Whether {_replicas(answer)} of {need(answer)} fit cannot be told: quota {row.quota}, {row.resource}: {row.unknown}; try again in a moment."
    if answer.packing.certain >= answer.replicas:
        return f"Whether a rolling update of {_replicas(answer)} of {need(answer)} comes to its end cannot be told: {answer.surge.why}."
    return (
        f"Whether {_replicas(answer)} of {need(answer)} fit depends on which nodes the scheduler takes first: "
        f"{answer.packing.certain} surely do, {answer.packing.possible} at best."
    )


def _does_not_fit(answer: Answer) -> str:
    if answer.pod.refusal:
        return f"No replica can be made: {answer.pod.refusal}; change the model's resources, or the LimitRange."
    if answer.pod.gates:
        return f"The scheduling gate {answer.pod.gates[0]} keeps the pod out until it is removed."
    refused = next((row for row in answer.quota if row.refused), None)
    if refused:
        return f"The quota {refused.quota} refuses the pod: {refused.refused}; set it in the model's resources."
    short = next((row for row in answer.quota if row.short), None)
    if answer.packing.certain < answer.replicas:
        several = "" if answer.replicas == 1 else f"{answer.replicas} replicas, each "
        placed = f"only {answer.packing.possible} of {answer.replicas} fit: " if answer.packing.possible else ""
        return f"needs {several}{need(answer)} on one node; {placed}{_best(answer)}{_help(answer)}{f'; {_quota(answer, short)} too' if short else ''}."
    if short:
        return f"needs {_replicas(answer)} of {need(answer)}; {_quota(answer, short)}; scale something there down or ask for a larger quota."
    alone = f"{_replicas(answer)} of {need(answer)} would fit without the old pods"
    return f"{alone}, but a RollingUpdate cannot: {answer.surge.why}; use Recreate, or free a node."


def _quota(answer: Answer, row: Row) -> str:
    name = row.resource.removeprefix("requests.").removeprefix("limits.")
    hard, used, short = (_quantity.in_words(name, _quantity.units(name, value)) for value in (row.hard, row.used, row.short))
    return f"the quota {row.quota} in {answer.pod.namespace} allows {hard} {row.resource} and {used} are used: {short} short"


def _best(answer: Answer) -> str:
    """The node that comes closest, or why none is open at all."""
    nodes = len(answer.snapshot.nodes)
    if not nodes:
        return f"there is no node{_with_labels(answer)}" if answer.pod.node_selector else "the cluster has no node"
    rooms = [room for room in answer.rooms if _capable(answer, room.node)]
    if not rooms:
        return _none_open(answer)
    full = answer.packing.placements
    closest = min((room for room in rooms if room.node.name not in full), key=distance, default=min(rooms, key=distance))
    ruled = answer.ruled_out.get(closest.node.name)
    if closest.reasons:
        return f"the best node {'left ' if full else ''}{closest.node.name} {_list([reason.text for reason in closest.reasons[:_FEW]])}{_too_large(answer)}"
    return f"{closest.node.name} {ruled.text}" if ruled else f"{closest.node.name} takes {closest.fits} of them"


def _none_open(answer: Answer) -> str:
    """No open node has such a resource: why are those that have it not open?"""
    capable = {node.name for node in answer.snapshot.nodes if _capable(answer, node)}
    names = _list([name for name, amount in sorted(answer.pod.requests.items()) if amount and _requests.extended(name)])
    if not capable:
        return f"no node{_with_labels(answer)} has {names}"
    kinds = collections.Counter(reason.text for name, reason in answer.excluded.items() if name in capable)
    first, count = kinds.most_common(1)[0]
    who = min(name for name, reason in answer.excluded.items() if reason.text == first and name in capable)
    with_it = f" with {names}" if names else ""
    return f"none of {_count(len(capable), 'node')}{with_it} is open to it: {who} {first}" + (f" (the same on {count - 1} more)" if count > 1 else "")


def _with_labels(answer: Answer) -> str:
    return f" with the labels {_labels.in_words(answer.pod.node_selector)}" if answer.pod.node_selector else ""


def _capable(answer: Answer, node: Node) -> bool:
    return all(node.allocatable.get(name) for name, amount in answer.pod.requests.items() if amount and _requests.extended(name))


def _too_large(answer: Answer) -> str:
    for name, amount in answer.pod.requests.items():
        if amount > max((node.allocatable.get(name, 0) for node in answer.snapshot.nodes), default=0):
            return f", and no node has {_amount(name, amount)} in all"
    return ""


def distance(room: Room) -> tuple[int, float, str]:
    """Fewest things short, then the largest share of what is short."""
    shares = [min(1.0, max(0, room.free(reason.resource)) / (max(0, room.free(reason.resource)) + reason.short)) for reason in room.reasons if reason.short]
    return len(room.reasons), -sum(shares), room.node.name


def _help(answer: Answer) -> str:
    if answer.evictable:
        names = sorted({f"`{pod.release}`" for pod in answer.evictable})
        return f"; it fits only by evicting pods of lower priority ({_list(names[:_FEW], len(names))})"
    helper = next((holder for holder in answer.holders if holder.makes_room), None)
    if helper is None:
        return ""
    frees = _list([f"{amount} on {node}" for node, amount in _most(helper.nodes())], len(helper.nodes()))
    return f"; scaling `{helper.release}` in {helper.namespace} to 0 would free {_amount(helper.resource, helper.amount)} ({frees})"


def _replicas(answer: Answer) -> str:
    return _count(answer.replicas, "replica")


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
