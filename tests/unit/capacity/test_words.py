"""Each cause has its code, and its sentence names the objects that an operator would look at."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _fleet, _packing, _words
from ansible_collections.inference.vllm.plugins.module_utils.capacity._placing import Snapshot
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import Replacement
from ansible_collections.inference.vllm.plugins.module_utils.capacity._wanted import Unknown

from .build import GPU, ask, limit_range, node, pod, quota, snapshot, template

TWO = [node("gpu-0"), node("gpu-1")]
OWN = {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}
OTHER = {"matchLabels": {"app.kubernetes.io/instance": "other"}}


def told(cluster: Snapshot, made: t.Any = None, replicas: int = 1, how: Replacement | None = None, **more: t.Any) -> _words.Explanation:
    return _words.explain(ask(cluster, made, replicas, how, **more))


def test_pods_that_fit_have_no_code_and_the_sentence_says_where_and_how_many_more() -> None:
    found = told(snapshot(TWO), replicas=2)
    assert found == ("", "2 replicas of 1 GPU fit: 1 on gpu-0 and 1 on gpu-1; there is capacity for 14 more.")
    assert told(snapshot([node("gpu-0", 1)])).message.endswith("there is no capacity for any more.")


def test_no_replicas_need_no_capacity() -> None:
    assert told(snapshot([]), replicas=0).code == ""


def test_a_pod_that_is_larger_than_every_node_has_its_own_code() -> None:
    assert told(snapshot(TWO), template({GPU: 16})) == (
        "pod_too_large",
        "needs 16 GPUs on one node; the best node gpu-0 has 8 of 8 GPUs free, and no node has 16 GPUs in all.",
    )


def test_a_full_cluster_names_who_could_free_enough() -> None:
    pods = [pod("mistral-7b-development-x", "gpu-0", {GPU: 7}), pod("llama-staging-x", "gpu-1", {GPU: 8}, namespace="staging")]
    assert told(snapshot(TWO, pods), template({GPU: 2})) == (
        "no_capacity",
        "needs 2 GPUs on one node; the best node gpu-0 has 1 of 8 GPUs free; "
        "scaling `mistral-7b-development` in development to 0 would free 7 GPUs (7 on gpu-0).",
    )


def test_when_only_some_fit_it_says_how_many_and_which_node_is_closest() -> None:
    found = told(snapshot([node("gpu-0", 2), node("gpu-1", 1)]), template({GPU: 2}), replicas=2)
    assert (found.code, "only 1 of 2 fit" in found.message, "node gpu-1" in found.message) == ("no_capacity", True, True)


@pytest.mark.parametrize(
    ("nodes", "code", "named"),
    [
        ([], "no_matching_node", ()),
        ([node("a", unschedulable=True)], "no_matching_node", ("a is cordoned",)),
        ([node("a", ready=False), node("b", ready=False)], "no_matching_node", ("2 nodes", "a is NotReady", "1 more")),
        ([node("a", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])], "no_matching_node", ("a has the taint k=v:NoSchedule",)),
        ([node("a", 0, allocatable={GPU: "0"})], "no_matching_node", (GPU,)),
        ([node("a", allocatable={"pods": "0"})], "no_capacity", ("0 pod slots",)),
        ([node("cpu-0", allocatable={GPU: "0"}), node("gpu-0", unschedulable=True)], "no_matching_node", (f"1 node with {GPU}", "gpu-0 is cordoned")),
    ],
)
def test_it_says_why_nodes_are_out(nodes: list[t.Any], code: str, named: tuple[str, ...]) -> None:
    found = told(snapshot(nodes))
    assert (found.code, [part for part in named if part not in found.message]) == (code, [])


def test_a_selector_that_matches_nothing_is_named() -> None:
    for nodes in ([], [node("a")]):
        found = told(snapshot(nodes), template(nodeSelector={"node-type": "h100"}))
        assert (found.code, "node-type=h100" in found.message) == ("no_matching_node", True)


def test_a_quota_that_is_too_small_is_named_with_what_is_short() -> None:
    found = told(snapshot(TWO, quotas=[quota({"requests.nvidia.com/gpu": "4"}, {"requests.nvidia.com/gpu": "3"})]), replicas=2)
    assert found == (
        "quota_exceeded",
        "needs 2 replicas of 1 GPU; the quota gpus in development allows 4 requests.nvidia.com/gpu and 3 are used, 1 short; "
        "scale something down there or raise the quota.",
    )


def test_where_the_nodes_are_too_small_they_are_named_before_the_quota() -> None:
    found = told(snapshot(TWO, quotas=[quota({"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "0"})]), template({GPU: 16}))
    assert (found.code, "gpu-0" in found.message, "the quota gpus in development" in found.message) == ("pod_too_large", True, True)


def test_a_quota_that_wants_every_container_to_set_its_cpu_refuses_the_pod() -> None:
    found = told(snapshot(TWO, quotas=[quota({"requests.cpu": "4"}, {"requests.cpu": "0"})]))
    assert (found.code, "requests.cpu" in found.message) == ("pod_refused", True)


def test_a_quota_that_is_not_counted_yet_leaves_it_open() -> None:
    found = told(snapshot(TWO, quotas=[quota({"pods": "4"}, {})]))
    assert (found.code, "quota gpus, pods" in found.message) == ("capacity_unknown", True)


def test_what_could_not_be_read_is_named() -> None:
    found = told(snapshot(TWO, blind=(Unknown("pods cannot be listed: ask for a ClusterRole"),)))
    assert (found.code, "pods cannot be listed: ask for a ClusterRole" in found.message) == ("capacity_unknown", True)


def test_a_scheduling_gate_is_named() -> None:
    found = told(snapshot(TWO), template(schedulingGates=[{"name": "wait/for-me"}]))
    assert (found.code, "wait/for-me" in found.message) == ("scheduling_gated", True)


def test_a_limit_range_that_refuses_the_pod_is_named() -> None:
    found = told(snapshot(TWO), template({"cpu": "1"}), limit_ranges=[limit_range(min={"cpu": "2"})])
    assert (found.code, "LimitRange sizes" in found.message) == ("pod_refused", True)


def test_eviction_is_reported_and_not_assumed() -> None:
    found = told(snapshot([node("gpu-0", 1)], [pod("batch-x", "gpu-0", priority=-5)]))
    assert (found.code, "`batch`" in found.message) == ("no_capacity", True)


def _one_of(gpus: int) -> Snapshot:
    return snapshot([node("gpu-0", gpus)], [pod("m-development-x", "gpu-0")], replaced="m-development")


def test_downtime_is_told_for_each_strategy() -> None:
    assert _words.downtime(ask(snapshot(TWO))).startswith("none: ")
    assert _words.downtime(ask(_one_of(2))) == "none: each new pod starts beside the old ones"
    said = _words.downtime(ask(_one_of(1)))
    assert said == "from the stop of the old pod until the first new one is ready: no node has capacity for a surge pod beside the old pods"


def test_a_rolling_update_that_cannot_finish_has_its_own_code() -> None:
    assert told(_one_of(1), how=Replacement("RollingUpdate")).code == "no_surge_capacity"
    assert "once the old pod stopped" in told(_one_of(1)).message


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
        ({"schedulerName": "volcano"}, "schedulerName is volcano"),
        ({"nodeName": "gpu-0"}, "nodeName is gpu-0"),
        ({"schedulingGroup": {"podGroupName": "g"}}, "schedulingGroup"),
        ({"workloadRef": {"name": "w"}}, "workloadRef"),
        ({"hostNetwork": True, "hostUsers": False}, "hostNetwork with hostUsers false"),
        ({"initContainers": [{"name": "i", "restartPolicyRules": [{"action": "RestartAllContainers"}]}]}, "RestartAllContainers"),
        ({"tolerations": [{"key": "load", "operator": "Lt", "value": "5"}]}, "toleration of load uses the operator Lt"),
        ({"volumes": [{"name": "data", "csi": {}}]}, "volume data is of kind csi"),
    ],
)
def test_each_rule_that_is_not_modeled_is_named(spec: t.Any, said: str) -> None:
    found = ask(snapshot(TWO), template(**spec))
    assert (found.verdict, _words.explain(found).code, [said in each.text for each in found.unknowns]) == ("inconclusive", "capacity_unknown", [True])
    assert found.unknowns[0].text in _words.explain(found).message


def test_volumes_that_any_node_can_mount_leave_nothing_open() -> None:
    kinds = ("configMap", "downwardAPI", "emptyDir", "hostPath", "image", "nfs", "projected", "secret")
    assert ask(snapshot(TWO), template(volumes=[{"name": kind, kind: {}} for kind in kinds])).verdict == "pass"


def _two_rules() -> t.Any:
    rules = [{"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN} for key in ("kubernetes.io/hostname", "node-type")]
    return template(topologySpreadConstraints=rules)


def test_an_order_that_decides_is_told_with_what_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    found = told(snapshot(TWO), _two_rules(), 2)
    assert (found.code, "at least 1 and at most 2" in found.message) == ("capacity_unknown", True)


def test_a_rolling_update_that_depends_on_the_order_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    found = told(snapshot(TWO), _two_rules(), 1, Replacement("RollingUpdate"))
    assert (found.code, "rolling update" in found.message) == ("capacity_unknown", True)


def test_a_rolling_update_over_old_pods_that_depends_on_the_order_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    old = [pod(f"m-development-{number}", f"gpu-{number}") for number in range(2)]
    found = ask(snapshot(TWO, old, replaced="m-development"), _two_rules(), 2, Replacement(max_surge=2))
    assert (found.surge.verdict, "order" in found.surge.why) == ("inconclusive", True)


@pytest.mark.parametrize(
    ("made", "kind"),
    [({"nodeSelector": {"node-type": "h100"}}, "selector"), ({"affinity": "pool"}, "affinity")],
)
def test_a_node_that_is_not_meant_is_out_for_that_reason(made: t.Any, kind: str) -> None:
    if made.get("affinity"):
        term = {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}
        made = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}}
    found = ask(snapshot([node("a")]), template(**made))
    assert (found.excluded["a"].kind, _words.explain(found).code) == (kind, "no_matching_node")


def _zoned(name: str, **labels: str) -> t.Any:
    return node(name, labels={"zone": "z", **labels})


def _between(kind: str, selector: t.Any, key: str = "zone") -> t.Any:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, "labelSelector": selector}]}}


@pytest.mark.parametrize(
    ("spec", "others", "kind"),
    [
        ({"spread": "rack"}, {}, "topology_spread"),
        ({"spread": "zone"}, {}, "topology_spread"),
        ({"affinity": _between("podAffinity", {"matchLabels": {"app": "none"}})}, {}, "pod_affinity"),
        ({"affinity": _between("podAntiAffinity", OTHER)}, {}, "pod_anti_affinity"),
        ({}, {"affinity": _between("podAntiAffinity", OWN)}, "pod_anti_affinity"),
        ({"affinity": _between("podAntiAffinity", OTHER)}, {"nominated": True}, "pod_anti_affinity"),
    ],
)
def test_each_rule_between_pods_rules_a_node_out_for_its_reason(spec: t.Any, others: t.Any, kind: str) -> None:
    rule = {"topologyKey": spec.pop("spread", None), "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN, "minDomains": 2}
    made = template(**spec, **({"topologySpreadConstraints": [rule]} if rule["topologyKey"] else {}))
    waits = others.pop("nominated", False)
    other = pod("other-0", "gpu-0", {}, **others)
    mine = pod("m-development-0", "gpu-0", {})
    if waits:
        del other["spec"]["nodeName"]
        other["status"] = {"phase": "Pending", "nominatedNodeName": "gpu-0"}
    found = ask(snapshot([_zoned("gpu-0")], [other, mine]), made)
    explanation = _words.explain(found)
    assert (found.ruled_out["gpu-0"].kind, explanation.code) == (kind, "pod_rules")
    assert found.ruled_out["gpu-0"].text in explanation.message


def test_a_port_that_is_in_use_is_named() -> None:
    made, running = template(), pod("other-0", "gpu-0", {})
    for each in (made, running):
        each["spec"]["containers"][0]["ports"] = [{"hostPort": 8000}]
    found = told(snapshot([node("gpu-0")], [running]), made)
    assert (found.code, "8000/TCP" in found.message) == ("no_capacity", True)


def test_a_pod_that_requests_nothing_needs_a_slot() -> None:
    assert told(snapshot(TWO), template({})).message.startswith("1 replica of a pod slot fits: 1 on gpu-0")


def test_the_fleet_without_any_gpu_has_its_sentence() -> None:
    assert _fleet.message([]) == "No node has a GPU or another extended resource."
