"""Which nodes a pod may use, and how many such pods fit there."""

from __future__ import annotations

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _filters, _labels
from ansible_collections.inference.vllm.plugins.module_utils.capacity._objects import NodeFacts, PodFacts, counts
from hypothesis import given
from hypothesis import strategies as st

from .build import GPU, Json, ask, node, pod, snapshot, template, want

LIVES = [("Running", False, True), ("Running", True, True), ("Succeeded", False, False), ("Failed", False, False)]
TAINT = {"key": "gpu-workload", "value": "true", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "gpu-workload", "value": "true", "effect": "NoSchedule"}, True),
        ({"key": "gpu-workload", "operator": "Equal", "value": "true"}, True),
        ({"key": "gpu-workload", "value": "fail"}, False),
        ({"key": "gpu-workload"}, False),
        ({"key": "gpu-workload", "operator": "Exists"}, True),
        ({"key": "gpu-workload", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "gpu-workload", "operator": "Gt", "value": "0"}, False),
    ],
)
def test_every_form_of_toleration(toleration: Json, tolerated: bool) -> None:
    assert _filters.tolerated(TAINT, [toleration]) == tolerated


@pytest.mark.parametrize(("effect", "out"), [("NoSchedule", True), ("NoExecute", True), ("PreferNoSchedule", False)])
def test_only_taints_that_forbid_keep_a_pod_away(effect: str, out: bool) -> None:
    reason = _filters.excluded(want(), NodeFacts.parse(node("a", taints=[{**TAINT, "effect": effect}])))
    assert (reason is not None and reason.kind == "taint") == out


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"unschedulable": True}, "cordoned"),
        ({"ready": False}, "not_ready"),
        ({"taints": [TAINT]}, "taint"),
    ],
)
def test_each_reason_has_its_kind(more: Json, kind: str) -> None:
    reason = _filters.excluded(want(), NodeFacts.parse(node("a", **more)))
    assert reason is not None
    assert reason.kind == kind


def test_a_pod_that_tolerates_the_cordon_may_go_there() -> None:
    made = template(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
    assert _filters.excluded(want(made), NodeFacts.parse(node("a", unschedulable=True))) is None


def test_admission_adds_the_tolerations_of_every_pod_unless_it_has_its_own() -> None:
    sick = NodeFacts.parse(node("a", taints=[{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]))
    assert _filters.excluded(want(), sick) is None
    own = template(tolerations=[{"key": "node.kubernetes.io/not-ready", "value": "x", "effect": "NoExecute"}])
    assert _filters.excluded(want(own), sick) is not None


@pytest.mark.parametrize(
    ("operator", "values", "labels", "matches"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("Exists", [], {"k": ""}, True),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"k": ""}, False),
        ("Gt", ["5"], {"k": "6"}, True),
        ("Gt", ["5"], {"k": "5"}, False),
        ("Gt", ["5"], {"k": "x"}, False),
        ("Gt", ["5"], {}, False),
        ("Lt", ["5"], {"k": "-6"}, True),
        ("Lt", ["5", "6"], {"k": "1"}, False),
        ("Near", ["5"], {"k": "5"}, False),
    ],
)
def test_every_operator(operator: str, values: list[str], labels: Json, matches: bool) -> None:
    assert _labels.requirement({"key": "k", "operator": operator, "values": values}, labels) == matches


@pytest.mark.parametrize(
    ("terms", "matches"),
    [
        ([], False),
        ([{}], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gpu-0"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["gpu-0"]}]}], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gpu-1", "gpu-0"]}]}], False),
        ([{}, {"matchExpressions": [{"key": "node-type", "operator": "Exists"}]}], True),
        ([{"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "node-type", "operator": "Exists"}]}], False),
    ],
)
def test_required_node_affinity_is_a_choice_of_terms(terms: list[Json], matches: bool) -> None:
    assert _labels.node_matches(terms, {"node-type": "gpu"}, "gpu-0") == matches


def test_selectors_of_pods() -> None:
    assert not _labels.matches(None, {"a": "b"})
    assert _labels.matches({}, {"a": "b"})
    assert _labels.matches({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}, {"a": "b"})
    assert not _labels.matches({"matchLabels": {"a": "c"}}, {"a": "b"})


def test_eight_free_on_eight_nodes_are_not_room_for_eight_on_one() -> None:
    cluster = snapshot([node(f"gpu-{each}") for each in range(8)], [pod(f"p{each}-x", f"gpu-{each}", {GPU: 7}) for each in range(8)])
    assert ask(cluster, template({GPU: 8})).verdict == "fail"
    assert ask(cluster, template({GPU: 1}), 8).verdict == "pass"


def test_two_resources_that_suffice_on_different_nodes_do_not_add_up() -> None:
    cluster = snapshot([node("a", 8, allocatable={"cpu": "1"}), node("b", 0)])
    assert ask(cluster, template({GPU: 1, "cpu": "2"})).verdict == "fail"


@pytest.mark.parametrize(("phase", "deleted", "holds"), LIVES)
def test_terminal_pods_hold_nothing_and_terminating_ones_all(phase: str, deleted: bool, holds: bool) -> None:
    manifest = pod("p-x", "a", {GPU: 8})
    manifest["status"]["phase"] = phase
    if deleted:
        manifest["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert counts(manifest) == holds


def test_a_nominated_pod_counts_for_its_equals_and_betters_only() -> None:
    manifest = pod("p-x", "", {GPU: 8}, priority=5)
    del manifest["spec"]["nodeName"]
    manifest["status"]["nominatedNodeName"] = "a"
    cluster = snapshot([node("a")], [manifest])
    assert [ask(cluster, priority=priority).verdict for priority in (4, 5, 6)] == ["fail", "fail", "pass"]


@pytest.mark.parametrize(
    ("mine", "theirs", "clash"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 81}, False),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, True),
        ({"containerPort": 80}, {"hostPort": 80}, False),
    ],
)
def test_host_ports_clash_by_protocol_address_and_number(mine: Json, theirs: Json, clash: bool) -> None:
    made, running = template(), pod("p-x", "a")
    made["spec"]["containers"][0]["ports"] = [mine]
    running["spec"]["containers"][0]["ports"] = [theirs]
    assert (ask(snapshot([node("a")], [running]), made).verdict == "fail") == clash


def test_on_the_hosts_network_every_port_is_a_host_port_so_one_pod_fits_per_node() -> None:
    made = template(hostNetwork=True)
    made["spec"]["containers"][0]["ports"] = [{"containerPort": 8000}]
    assert ask(snapshot([node("a"), node("b")]), made, 3).packing.possible == 2


def test_mig_slices_and_other_vendors_are_counted_by_their_names() -> None:
    for name in ("nvidia.com/mig-1g.10gb", "amd.com/gpu", "gpu.intel.com/i915", "nvidia.com/gpumem"):
        cluster = snapshot([node("a", allocatable={name: "3"})], [pod("p-x", "a", {name: 1})])
        assert ask(cluster, template({name: 1}), 2).slots == 2
        assert ask(cluster, template({name: 3})).verdict == "fail"


@given(st.integers(0, 16), st.lists(st.integers(0, 6), max_size=6), st.integers(1, 5), st.integers(1, 6))
def test_the_slots_of_a_node_are_what_is_left_divided_by_what_one_takes(gpus: int, held: list[int], each: int, slots: int) -> None:
    running = [PodFacts.parse(pod(f"p{n}-x", "a", {GPU: amount})) for n, amount in enumerate(held)]
    found = _filters.node_capacity(want(template({GPU: each})), NodeFacts.parse(node("a", gpus, allocatable={"pods": str(slots)})), running)
    assert found.slots == max(0, min((gpus - sum(held)) // each, slots - len(held)))
    assert bool(found.reasons) == (found.slots == 0)
