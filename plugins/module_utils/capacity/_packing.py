# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""N replicas of one pod, placed one by one as the scheduler may place them: what is certain, and what only possible."""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import itertools

from ._filters import NodeCapacity
from ._rules import Rules

#: States that are looked at before the search says that it cannot tell, and how many replicas deep it goes.
BUDGET = 4000
DEPTH = 200


@dataclasses.dataclass(frozen=True)
class Packing:
    """``certain`` replicas are placed in whatever order nodes are chosen, ``possible`` in the best one, as ``placements`` shows."""

    certain: int
    possible: int
    placements: dict[str, int]


class _Exhausted(Exception):
    """The search has used its budget."""


def pack(capacities: c.Sequence[NodeCapacity], rules: Rules | None, most: int) -> Packing:
    """At most ``most`` replicas into ``capacities``."""
    usable = [capacity for capacity in capacities if capacity.slots > 0]
    if rules is None:
        return _independent(usable, most)
    if rules.dynamic() == 0:
        return _independent([capacity for capacity in usable if rules.forbids(capacity.node) is None], most)
    run = _Run(usable, rules)
    if rules.dynamic() == 1:
        # One rule alone is monotonic: placing a replica elsewhere never takes a domain away, so every order ends the same.
        placements = run.greedy(most)
        return Packing(sum(placements.values()), sum(placements.values()), placements)
    try:
        certain, possible = run.explore(most)
    except _Exhausted:
        run.reset()
        return Packing(1 if run.choices() and most else 0, min(most, sum(capacity.slots for capacity in usable)), run.greedy(most))
    return Packing(certain, possible, run.best(most))


def _independent(usable: c.Sequence[NodeCapacity], most: int) -> Packing:
    """Without rules between pods the capacities simply add up; the replicas go to the emptiest node each time."""
    total = min(most, sum(capacity.slots for capacity in usable))
    left = {capacity.node.name: capacity.slots for capacity in usable}
    placements: dict[str, int] = {}
    level = max(left.values(), default=0)
    placed = 0
    while placed < total:
        for name in sorted(name for name, slots in left.items() if slots >= level):
            if placed < total:
                left[name] -= 1
                placements[name] = placements.get(name, 0) + 1
                placed += 1
        level -= 1
    return Packing(total, total, placements)


class _Run:
    """One packing under way; every step can be taken back."""

    def __init__(self, capacities: c.Sequence[NodeCapacity], rules: Rules) -> None:
        self._capacities = capacities
        self._rules = rules
        self._left = [capacity.slots for capacity in capacities]
        self._placed = [0] * len(capacities)
        self._known: dict[object, tuple[int, int]] = {}
        pairs = collections.Counter((key, capacity.node.labels[key]) for capacity in capacities for key in rules.topology_keys() if key in capacity.node.labels)
        shared = {pair for pair, nodes in pairs.items() if nodes > 1}
        numbers: dict[tuple[object, ...], int] = {}
        self._kinds = [numbers.setdefault(rules.signature(capacity.node, shared), len(numbers)) for capacity in capacities]

    def choices(self) -> list[int]:
        """One feasible node of each kind that can be told apart, the emptiest first."""
        found: dict[object, int] = {}
        for index, left in enumerate(self._left):
            if left:
                found.setdefault((self._kinds[index], left, self._placed[index]), index)
        order = sorted(found.values(), key=lambda index: (-self._left[index], self._capacities[index].node.name))
        return [index for index in order if self._rules.forbids(self._capacities[index].node) is None]

    def greedy(self, most: int) -> dict[str, int]:
        for _pod in range(most):
            index = next(iter(self.choices()), None)
            if index is None:
                break
            self._step(index, 1)
        return self._taken()

    def explore(self, most: int) -> tuple[int, int]:
        """The fewest and the most further replicas over all orders of choosing."""
        key = tuple(sorted(zip(self._kinds, self._left, self._placed, strict=True)))
        if most <= 0 or key in self._known:
            return self._known.get(key, (0, 0)) if most > 0 else (0, 0)
        if len(self._known) >= BUDGET or sum(self._placed) >= DEPTH:
            raise _Exhausted
        results = []
        for index in self.choices():
            self._step(index, 1)
            fewest, largest = self.explore(most - 1)
            self._step(index, -1)
            results.append((fewest + 1, largest + 1))
        answer = (min((each[0] for each in results), default=0), max((each[1] for each in results), default=0))
        self._known[key] = answer
        return answer

    def best(self, most: int) -> dict[str, int]:
        """Walks the explored states along the largest count."""
        for remaining in range(most, 0, -1):
            chosen, largest = None, -1
            for index in self.choices():
                self._step(index, 1)
                reached = self.explore(remaining - 1)[1]
                self._step(index, -1)
                if reached > largest:
                    chosen, largest = index, reached
            if chosen is None:
                break
            self._step(chosen, 1)
        return self._taken()

    def reset(self) -> None:
        for index, placed in enumerate(self._placed):
            for _pod in itertools.repeat(None, placed):
                self._step(index, -1)

    def _step(self, index: int, by: int) -> None:
        self._left[index] -= by
        self._placed[index] += by
        self._rules.place(self._capacities[index].node, by)

    def _taken(self) -> dict[str, int]:
        return {capacity.node.name: placed for capacity, placed in zip(self._capacities, self._placed, strict=True) if placed}
