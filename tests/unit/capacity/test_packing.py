"""Replicas placed one by one under rules between pods, against a search of every order."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _packing
from ansible_collections.inference.vllm.plugins.module_utils.capacity._objects import NodeFacts
from ansible_collections.inference.vllm.plugins.module_utils.capacity._placing import Placing, Snapshot
from ansible_collections.inference.vllm.plugins.module_utils.capacity._rules import Rules
from hypothesis import given, settings
from hypothesis import strategies as st

from .build import GPU, Json, ask, node, pod, snapshot, template, want

ZONE, HOST = "zone", "kubernetes.io/hostname"
OWN = {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}
OTHERS = {"matchLabels": {"app.kubernetes.io/instance": "other"}}


def spread(key: str = ZONE, skew: int = 1, **more: t.Any) -> Json:
    return {"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN, **more}


def apart(*keys: str, selector: Json = OWN, kind: str = "podAntiAffinity", **more: t.Any) -> Json:
    terms = [{"topologyKey": key, "labelSelector": selector, **more} for key in keys]
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def zoned(*zones: str, gpus: int = 2) -> list[Json]:
    return [node(f"n{index}", gpus, labels={ZONE: zone} if zone else {}) for index, zone in enumerate(zones)]


def possible(cluster: Snapshot, made: Json, replicas: int = 50) -> int:
    return ask(cluster, made, replicas).packing.possible


def test_without_rules_every_slot_counts_and_the_emptiest_node_comes_first() -> None:
    found = ask(snapshot([node("a", 4), node("b", 2)]), replicas=3).packing
    assert (found.certain, found.possible, found.placements) == (3, 3, {"a": 3})
    assert ask(snapshot([node("a", 4), node("b", 4)]), replicas=50).packing.placements == {"a": 4, "b": 4}


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (spread(), 5),
        (spread(skew=2), 6),
        (spread(minDomains=4), 3),
        (spread(minDomains=3), 5),
        (spread(labelSelector=OTHERS), 7),
        (spread(labelSelector={}), 7),
        (spread(whenUnsatisfiable="ScheduleAnyway"), 7),
        (spread("none"), 0),
        (spread(HOST), 7),
    ],
)
def test_topology_spread(rule: Json, fits: int) -> None:
    # Zones with slots for 4, 2 and 1: in the last one somebody else holds a GPU.
    cluster = snapshot(zoned("x", "x", "y", "z"), [pod("p-x", "n3")])
    assert possible(cluster, template(topologySpreadConstraints=[rule])) == fits


def test_pods_that_match_already_count_and_terminating_ones_do_not() -> None:
    mine = pod("m-development-0", "n0", {GPU: 1})
    cluster = snapshot(zoned("x", "y"), [mine])
    assert ask(cluster, template(topologySpreadConstraints=[spread()])).packing.placements == {"n1": 1}
    mine["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert possible(snapshot(zoned("x", "y"), [mine]), template(topologySpreadConstraints=[spread()])) == 3


def test_a_domain_that_the_pod_cannot_use_counts_only_where_the_policy_says_so() -> None:
    nodes = zoned("x", "y")
    nodes[1]["spec"]["taints"] = [{"key": "k", "effect": "NoSchedule"}]
    assert possible(snapshot(nodes), template(topologySpreadConstraints=[spread()])) == 1
    assert possible(snapshot(nodes), template(topologySpreadConstraints=[spread(nodeTaintsPolicy="Honor")])) == 2
    nodes[1]["metadata"]["labels"]["node-type"] = "cpu"
    chosen = template(topologySpreadConstraints=[spread()], nodeSelector={"node-type": "gpu"})
    assert possible(snapshot(nodes), chosen) == 2
    chosen["spec"]["topologySpreadConstraints"] = [spread(nodeAffinityPolicy="Ignore")]
    assert possible(snapshot(nodes), chosen) == 1


def test_the_new_revision_is_spread_by_itself_where_the_hash_is_a_match_label_key() -> None:
    old = pod("m-development-0", "n0", labels={"app.kubernetes.io/instance": "m-development"})
    rule = spread(matchLabelKeys=["pod-template-hash"])
    assert possible(snapshot(zoned("x", "y", gpus=1), [old]), template(topologySpreadConstraints=[rule])) == 1
    assert ask(snapshot(zoned("x", "y"), [old]), template(topologySpreadConstraints=[rule]), 1).packing.possible == 1


@pytest.mark.parametrize(("keys", "fits"), [((HOST,), 4), ((ZONE,), 3), ((HOST, ZONE), 3), (("none",), 8)])
def test_anti_affinity_to_its_own_kind_is_one_per_domain(keys: tuple[str, ...], fits: int) -> None:
    assert possible(snapshot(zoned("x", "x", "y", "z")), template(affinity=apart(*keys))) == fits


def test_anti_affinity_looks_into_other_namespaces_when_told_to() -> None:
    other = pod("other-0", "n0", {}, namespace="staging")
    for more, fits in (({}, 4), ({"namespaces": ["staging"]}, 2), ({"namespaceSelector": {}}, 2), ({"namespaceSelector": {"matchLabels": {"a": "b"}}}, 2)):
        cluster = snapshot(zoned("x", "y"), [other], namespaces={"staging": {"a": "b"}, "development": {}})
        assert possible(cluster, template(affinity=apart(HOST, selector=OTHERS, **more))) == fits


def test_a_pod_that_is_there_can_forbid_ours_by_its_own_rule() -> None:
    shy = pod("other-0", "n0", {}, affinity=apart(ZONE))
    assert possible(snapshot(zoned("x", "x", "y"), [shy]), template()) == 2


def nominated(name: str, where: str, **more: t.Any) -> Json:
    made = pod(name, "", {}, **more)
    del made["spec"]["nodeName"]
    made["status"] = {"phase": "Pending", "nominatedNodeName": where}
    return made


def test_a_pod_that_was_promised_a_node_keeps_apart_there_and_only_there() -> None:
    for waits in (nominated("other-0", "n0", priority=5), nominated("other-0", "n0", priority=5, affinity=apart(ZONE))):
        rule = {} if waits["spec"].get("affinity") else apart(ZONE, selector=OTHERS)
        cluster = snapshot(zoned("x", "x", "y"), [waits])
        assert sorted(ask(cluster, template(affinity=rule), 9, priority=5).packing.placements) == ["n1", "n2"]
        assert possible(cluster, template(affinity=rule)) == 4
        assert ask(cluster, template(affinity=rule), 9, priority=6).packing.possible == 6


def test_a_pod_that_was_promised_a_node_is_spread_over_whether_it_comes_or_not() -> None:
    waits = nominated("m-development-9", "n0", labels={"app.kubernetes.io/instance": "m-development"})
    cluster = snapshot(zoned("x", "y"), [waits])
    found = ask(cluster, template(topologySpreadConstraints=[spread()]), 1)
    assert found.packing.placements == {"n1": 1}
    assert ask(cluster, template(topologySpreadConstraints=[spread()]), 1, priority=1).packing.possible == 1


def test_affinity_needs_its_pods_near() -> None:
    near = template(affinity=apart(ZONE, selector=OTHERS, kind="podAffinity"))
    assert possible(snapshot(zoned("x", "y")), near) == 0
    assert possible(snapshot(zoned("x", "y"), [pod("other-0", "n1", {})]), near) == 2


def test_affinity_to_its_own_kind_may_begin_anywhere_so_the_order_matters() -> None:
    near = template(affinity=apart(ZONE, kind="podAffinity"))
    found = ask(snapshot(zoned("x", "x", "y")), near, 4)
    assert (found.packing.certain, found.packing.possible, found.verdict) == (2, 4, "inconclusive")
    assert found.packing.placements == {"n0": 2, "n1": 2}
    assert ask(snapshot(zoned("x", "x", "y")), near, 2).verdict == "pass"
    assert ask(snapshot(zoned("x", "x", "y")), near, 5).verdict == "fail"
    assert ask(snapshot(zoned("", "")), near, 1).verdict == "fail"


def test_a_search_that_takes_too_long_says_so_instead_of_guessing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 3)
    found = ask(snapshot(zoned("x", "x", "y", "z")), template(topologySpreadConstraints=[spread(), spread(HOST)]), 4)
    assert (found.packing.certain, found.packing.possible >= 4, found.verdict) == (1, True, "inconclusive")


def test_many_equal_nodes_are_searched_as_one() -> None:
    nodes = [node(f"n{index}", 8, labels={ZONE: f"z{index % 3}"}) for index in range(150)]
    found = ask(snapshot(nodes), template(topologySpreadConstraints=[spread(), spread(HOST)]), 6)
    assert found.verdict == "pass"


def _every_order(cluster: Snapshot, made: Json, most: int) -> tuple[int, int]:
    """Fewest and most, by trying every node at every step: no memory, no symmetry."""
    placing = Placing(want(made), cluster)
    capacities = placing.capacities(cluster.pods)
    left = {capacity.node.name: capacity.slots for capacity in capacities}
    rules = Rules(placing.pod, cluster.nodes, cluster.pods, cluster.namespaces)

    def walk(placed: int) -> tuple[int, int]:
        results = [(placed, placed)] if placed == most else []
        for capacity in capacities if placed < most else []:
            if left[capacity.node.name] and rules.forbids(capacity.node) is None:
                results.append(step(capacity.node, placed))
        return (min(low for low, _ in results), max(high for _, high in results)) if results else (placed, placed)

    def step(node: NodeFacts, placed: int) -> tuple[int, int]:
        left[node.name] -= 1
        rules.place(node)
        found = walk(placed + 1)
        rules.place(node, -1)
        left[node.name] += 1
        return found

    return walk(0)


ZONES = st.lists(st.sampled_from(["x", "y", "z", ""]), min_size=1, max_size=4)
KEYS = st.sampled_from([ZONE, HOST])


@settings(max_examples=150, deadline=None)
@given(
    ZONES,
    st.lists(st.tuples(KEYS, st.integers(1, 2), st.sampled_from([1, 2, 3])), max_size=2, unique_by=lambda rule: rule[0]),
    st.lists(KEYS, max_size=1),
    st.lists(KEYS, max_size=1),
    st.integers(1, 2),
    st.integers(1, 5),
)
def test_the_search_finds_what_trying_every_order_finds(
    zones: list[str], spreads: list[tuple[str, int, int]], anti: list[str], near: list[str], gpus: int, replicas: int
) -> None:
    affinity = {**(apart(*anti) if anti else {}), **(apart(*near, kind="podAffinity") if near else {})}
    rules = [spread(key, skew, minDomains=least) for key, skew, least in spreads]
    made = template(topologySpreadConstraints=rules, affinity=affinity)
    cluster = snapshot(zoned(*zones, gpus=gpus))
    found = ask(cluster, made, replicas).packing
    assert (found.certain, found.possible) == _every_order(cluster, made, replicas)
    assert sum(found.placements.values()) == found.possible
