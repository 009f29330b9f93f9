# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules between pods: topology spread, pod affinity and anti-affinity, as counts per topology domain.

Counts change with every replica that is placed, so they can be added to and taken from again while a packing is searched.
A nominated pod counts on its own node alone, and only for pods of lower or equal priority.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses

from . import _filters, _labels
from ._filters import Reason
from ._objects import NodeFacts, PodFacts, Term
from ._wanted import Spread, Wanted

Namespaces = c.Mapping[str, c.Mapping[str, str]]
_Pair = tuple[str, str]


@dataclasses.dataclass
class _Domains:
    """One spread constraint: how many matching pods each domain has. ``own`` is whether the wanted pod matches too."""

    rule: Spread
    counts: dict[str, int]
    own: int
    adds: int

    def allows(self, value: str, nominated: int = 0) -> bool:
        """``nominated`` pods that match are to come to the domain: it must hold with them and without."""
        return self._holds(value, self.counts) and (not nominated or self._holds(value, {**self.counts, value: self.counts.get(value, 0) + nominated}))

    def _holds(self, value: str, counts: c.Mapping[str, int]) -> bool:
        least = min(counts.values(), default=0) if len(counts) >= self.rule.min_domains else 0
        return counts.get(value, 0) + self.own - least <= self.rule.max_skew


class Rules:
    """All rules between the wanted pod and the pods that are there, and between the wanted pod's own replicas."""

    def __init__(self, pod: Wanted, nodes: c.Sequence[NodeFacts], pods: c.Mapping[str, c.Sequence[PodFacts]], namespaces: Namespaces) -> None:
        self._pod = pod
        self._namespaces = namespaces
        self._spread = [self._domains(rule, nodes, pods) for rule in pod.spread]
        self._anti: collections.Counter[_Pair] = collections.Counter()
        self._affine: collections.Counter[_Pair] = collections.Counter()
        self._blocked: set[_Pair] = set()
        self._nominated: dict[str, list[PodFacts]] = {}
        for node in nodes:
            for other in pods.get(node.name, ()):
                self._count(node, other)
        self._own_anti = [term for term in pod.anti_terms if self._meets(term, pod.namespace, pod.labels)]
        self._own_affine = bool(pod.affinity_terms) and all(self._meets(term, pod.namespace, pod.labels) for term in pod.affinity_terms)

    def forbids(self, node: NodeFacts) -> Reason | None:
        for domains in self._spread:
            key = domains.rule.topology_key
            if key not in node.labels:
                return Reason("topology_spread", f"lacks the label {key} that the pod's topologySpreadConstraint uses")
            if not domains.allows(node.labels[key], self._coming(domains.rule, node)):
                return Reason("topology_spread", f"would exceed maxSkew {domains.rule.max_skew} of the pod's topologySpreadConstraint over {key}")
        if not self._near(node):
            return Reason("pod_affinity", "does not meet the pod's required pod affinity")
        for term in self._pod.anti_terms:
            if self._anti[(term.topology_key, node.labels.get(term.topology_key, ""))] and term.topology_key in node.labels:
                return Reason("pod_anti_affinity", f"shares its {term.topology_key} with a pod that the required pod anti-affinity excludes")
        if self._blocked and any(pair in self._blocked for pair in node.labels.items()):
            return Reason("pod_anti_affinity", "shares a topology domain with a pod whose own anti-affinity excludes this one")
        if any(self._apart(node, other) for other in self._nominated.get(node.name, ())):
            return Reason("pod_anti_affinity", "is nominated for a pod that a required pod anti-affinity keeps apart from this one")
        return None

    def place(self, node: NodeFacts, step: int = 1) -> None:
        """Counts one replica on the node; ``step`` -1 takes it away again."""
        for domains in self._spread:
            key = domains.rule.topology_key
            if domains.adds and key in node.labels:
                domains.counts[node.labels[key]] = domains.counts.get(node.labels[key], 0) + step
        for term in self._own_anti:
            if term.topology_key in node.labels:
                self._anti[(term.topology_key, node.labels[term.topology_key])] += step
        if self._own_affine:
            for term in self._pod.affinity_terms:
                if term.topology_key in node.labels:
                    self._step_affine((term.topology_key, node.labels[term.topology_key]), step)

    def dynamic(self) -> int:
        """How many rules change as replicas are placed; with at most one (and no affinity) the order cannot matter."""
        if (self._own_affine and not self._affine) or (self._nominated and self._spread):
            return 2
        return sum(bool(domains.adds) for domains in self._spread) + len({term.topology_key for term in self._own_anti})

    def signature(self, node: NodeFacts, shared: c.Container[_Pair]) -> tuple[object, ...]:
        """Equal for nodes that the rules cannot tell apart; a domain of one node is known by its counts, not its name."""
        parts: list[object] = []
        for domains in self._spread:
            key = domains.rule.topology_key
            value = node.labels.get(key)
            parts.append(value if value is None or (key, value) in shared else ("", domains.counts.get(value, 0)))
        for term in (*self._pod.anti_terms, *self._pod.affinity_terms):
            key = term.topology_key
            value = node.labels.get(key)
            parts.append(value if value is None or (key, value) in shared else ("", self._anti[(key, value)] > 0, (key, value) in self._affine))
        return (*parts, self._blocked_here(node), node.name if node.name in self._nominated else "")

    def topology_keys(self) -> set[str]:
        return {rule.rule.topology_key for rule in self._spread} | {term.topology_key for term in (*self._pod.anti_terms, *self._pod.affinity_terms)}

    def _coming(self, rule: Spread, node: NodeFacts) -> int:
        """Pods that are nominated for the node and that the constraint counts once they are there."""
        pods = self._nominated.get(node.name, ())
        return sum(other.namespace == self._pod.namespace and _labels.matches(rule.selector, other.labels) for other in pods)

    def _apart(self, node: NodeFacts, other: PodFacts) -> bool:
        theirs = any(term.topology_key in node.labels and self._meets(term, self._pod.namespace, self._pod.labels) for term in other.anti_terms)
        return theirs or any(term.topology_key in node.labels and self._meets(term, other.namespace, other.labels) for term in self._pod.anti_terms)

    def _blocked_here(self, node: NodeFacts) -> bool:
        return bool(self._blocked) and any(pair in self._blocked for pair in node.labels.items())

    def _step_affine(self, pair: _Pair, step: int) -> None:
        self._affine[pair] += step
        if not self._affine[pair]:
            del self._affine[pair]

    def _near(self, node: NodeFacts) -> bool:
        terms = self._pod.affinity_terms
        if any(term.topology_key not in node.labels for term in terms):
            return False
        if all((term.topology_key, node.labels[term.topology_key]) in self._affine for term in terms):
            return True
        # The first pod of a series that wants to be near its own kind may go anywhere.
        return not self._affine and self._own_affine

    def _domains(self, rule: Spread, nodes: c.Sequence[NodeFacts], pods: c.Mapping[str, c.Sequence[PodFacts]]) -> _Domains:
        own = int(_labels.matches(rule.selector, self._pod.labels))
        # An empty selector counts no pod at all, though the pod itself is one that it selects.
        none = _labels.empty(rule.selector)
        domains = _Domains(rule, {}, own, 0 if none else own)
        for node in nodes:
            if all(each.topology_key in node.labels for each in self._pod.spread) and self._included(rule, node):
                value = node.labels[rule.topology_key]
                found = 0 if none else sum(self._spread_counts(rule, other) for other in pods.get(node.name, ()))
                domains.counts[value] = domains.counts.get(value, 0) + found
        return domains

    def _included(self, rule: Spread, node: NodeFacts) -> bool:
        if rule.honor_affinity and not _filters.selected(self._pod, node):
            return False
        return not (rule.honor_taints and _filters.untolerated(node.taints, self._pod.tolerations))

    def _spread_counts(self, rule: Spread, other: PodFacts) -> bool:
        here = not other.terminating and not other.nominated and other.namespace == self._pod.namespace
        return here and _labels.matches(rule.selector, other.labels)

    def _count(self, node: NodeFacts, other: PodFacts) -> None:
        if other.nominated:
            if other.priority >= self._pod.priority:
                self._nominated.setdefault(node.name, []).append(other)
            return
        for term in other.anti_terms:
            if term.topology_key in node.labels and self._meets(term, self._pod.namespace, self._pod.labels):
                self._blocked.add((term.topology_key, node.labels[term.topology_key]))
        for term in self._pod.anti_terms:
            if term.topology_key in node.labels and self._meets(term, other.namespace, other.labels):
                self._anti[(term.topology_key, node.labels[term.topology_key])] += 1
        terms = self._pod.affinity_terms
        if terms and all(self._meets(term, other.namespace, other.labels) for term in terms):
            for term in terms:
                if term.topology_key in node.labels:
                    self._affine[(term.topology_key, node.labels[term.topology_key])] += 1

    def _meets(self, term: Term, namespace: str, labels: c.Mapping[str, str]) -> bool:
        named = namespace in term.namespaces
        if not named and term.namespace_selector is not None:
            named = _labels.matches(term.namespace_selector, self._namespaces.get(namespace, {}))
        return named and _labels.matches(term.selector, labels)
