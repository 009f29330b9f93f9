"""Every sentence the module can say."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _fleet, _packing, _words
from ansible_collections.inference.vllm.plugins.module_utils.capacity._snapshot import Replacement, Snapshot
from ansible_collections.inference.vllm.plugins.module_utils.capacity._wanted import Unknown

from .build import GPU, ask, limit_range, node, pod, quota, snapshot, template

TWO = [node("gpu-0"), node("gpu-1")]


def test_it_fits_and_says_where_and_how_much_is_left() -> None:
    assert _words.message(ask(snapshot(TWO), replicas=2)) == "2 replicas of 1 GPU fit: 1 on gpu-0 and 1 on gpu-1; room for 14 more."


def test_no_replicas_need_no_room() -> None:
    assert _words.message(ask(snapshot([]), replicas=0)) == "No replica is asked for, so there is nothing to place."


def test_an_impossible_count_names_the_need_and_the_best_node() -> None:
    said = _words.message(ask(snapshot(TWO), template({GPU: 16})))
    assert said == "needs 16 GPUs on one node; the best node gpu-0 has 8 of 8 GPUs free, and no node has 16 GPUs in all."


def test_a_full_cluster_names_who_could_make_room() -> None:
    pods = [pod("mistral-7b-development-x", "gpu-0", {GPU: 7}), pod("llama-staging-x", "gpu-1", {GPU: 8}, namespace="staging")]
    said = _words.message(ask(snapshot(TWO, pods), template({GPU: 2})))
    assert said == (
        "needs 2 GPUs on one node; the best node gpu-0 has 1 of 8 GPUs free; "
        "scaling `mistral-7b-development` in development to 0 would free 7 GPUs (7 on gpu-0)."
    )


def test_when_only_some_fit_it_says_how_many_and_which_node_is_closest() -> None:
    said = _words.message(ask(snapshot([node("gpu-0", 2), node("gpu-1", 1)]), template({GPU: 2}), replicas=2))
    assert said == "needs 2 replicas, each 2 GPUs on one node; only 1 of 2 fit: the best node left gpu-1 has 1 of 1 GPUs free."


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([], "the cluster has no node"),
        ([node("a", unschedulable=True)], "none of 1 node with nvidia.com/gpu is open to it: a is cordoned"),
        ([node("a", ready=False), node("b", ready=False)], "none of 2 nodes with nvidia.com/gpu is open to it: a is NotReady (the same on 1 more)"),
        ([node("a", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])], "a has the taint k=v:NoSchedule, which is not tolerated"),
        ([node("a", 0, allocatable={GPU: "0"})], "no node has nvidia.com/gpu"),
        ([node("a", allocatable={"pods": "0"})], "the best node a has all of its 0 pod slots taken"),
    ],
)
def test_it_says_why_nodes_are_out(nodes: list[t.Any], said: str) -> None:
    assert said in _words.message(ask(snapshot(nodes)))


def test_nodes_that_have_the_resource_are_told_of_before_those_that_lack_it() -> None:
    nodes = [node("cpu-0", allocatable={GPU: "0"}), node("gpu-0", unschedulable=True)]
    assert "none of 1 node with nvidia.com/gpu is open to it: gpu-0 is cordoned" in _words.message(ask(snapshot(nodes)))


def test_a_selector_that_matches_nothing_is_named() -> None:
    assert "there is no node with the labels node-type=h100" in _words.message(ask(snapshot([]), template(nodeSelector={"node-type": "h100"})))
    assert "a lacks the label node-type=h100" in _words.message(ask(snapshot([node("a")]), template(nodeSelector={"node-type": "h100"})))


def test_a_quota_that_is_too_small_is_named_with_what_is_short() -> None:
    said = _words.message(ask(snapshot(TWO, quotas=[quota({"requests.nvidia.com/gpu": "4"}, {"requests.nvidia.com/gpu": "3"})]), replicas=2))
    assert said == (
        "needs 2 replicas of 1 GPU; the quota gpus in development allows 4 requests.nvidia.com/gpu and 3 are used: 1 short; "
        "scale something there down or ask for a larger quota."
    )


def test_where_the_nodes_are_too_small_they_are_named_before_the_quota() -> None:
    said = _words.message(ask(snapshot(TWO, quotas=[quota({"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "0"})]), template({GPU: 16})))
    assert said == (
        "needs 16 GPUs on one node; the best node gpu-0 has 8 of 8 GPUs free, and no node has 16 GPUs in all; "
        "the quota gpus in development allows 8 requests.nvidia.com/gpu and 0 are used: 8 short too."
    )


def test_a_quota_that_wants_every_container_to_say_its_cpu_is_named() -> None:
    said = _words.message(ask(snapshot(TWO, quotas=[quota({"requests.cpu": "4"}, {"requests.cpu": "0"})])))
    assert said == "The quota gpus refuses the pod: it makes every container state requests.cpu, and vllm does not; set it in the model's resources."


def test_a_quota_that_is_not_counted_yet_leaves_it_open() -> None:
    said = _words.message(ask(snapshot(TWO, quotas=[quota({"pods": "4"}, {})])))
    assert said.startswith("Whether 1 replica of 1 GPU fit cannot be told: quota gpus, pods: its use is not known yet")


def test_a_rule_that_is_not_modelled_is_named() -> None:
    said = _words.message(ask(snapshot(TWO), template(schedulerName="volcano")))
    assert said == "Whether 1 replica of 1 GPU fit cannot be told: its schedulerName is volcano, whose rules are its own."


def test_what_could_not_be_read_is_named() -> None:
    cluster = snapshot(TWO, blind=(Unknown("pods cannot be listed: ask for a ClusterRole"),))
    assert "pods cannot be listed: ask for a ClusterRole" in _words.message(ask(cluster))


def test_a_scheduling_gate_is_named() -> None:
    said = _words.message(ask(snapshot(TWO), template(schedulingGates=[{"name": "wait/for-me"}])))
    assert said == "The scheduling gate wait/for-me keeps the pod out until it is removed."


def test_a_limit_range_that_refuses_the_pod_is_named() -> None:
    said = _words.message(ask(snapshot(TWO), template({"cpu": "1"}), limit_ranges=[limit_range(min={"cpu": "2"})]))
    assert (
        said
        == "No replica can be made: the LimitRange sizes refuses it: container vllm takes less cpu than 2; change the model's resources, or the LimitRange."
    )


def test_eviction_is_reported_and_not_assumed() -> None:
    full = snapshot([node("gpu-0", 1)], [pod("batch-x", "gpu-0", priority=-5)])
    found = ask(full)
    assert found.fits == "false"
    assert "it fits only by evicting pods of lower priority (`batch`)" in _words.message(found)


def _one_of(gpus: int) -> Snapshot:
    return snapshot([node("gpu-0", gpus)], [pod("m-development-x", "gpu-0")], replaced="m-development")


def test_downtime_is_told_for_each_strategy() -> None:
    assert _words.downtime(ask(snapshot(TWO))) == "none: nothing runs yet that would be replaced"
    assert _words.downtime(ask(_one_of(2))) == "none: each new pod starts beside the old ones"
    said = _words.downtime(ask(_one_of(1)))
    assert said == "from the stop of the 1 old pod until the first new one is ready: no node has room for an extra pod beside the old ones"


def test_a_rolling_update_that_cannot_run_says_so() -> None:
    said = _words.message(ask(_one_of(1), how=Replacement("RollingUpdate")))
    assert said == (
        "1 replica of 1 GPU would fit without the old pods, but a RollingUpdate cannot: "
        "no node has room for an extra pod beside the old ones; use Recreate, or free a node."
    )
    assert "once the 1 old pod is gone" in _words.message(ask(_one_of(1)))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"resourceClaims": [{"name": "gpu"}]},
            "its GPUs are asked for by resourceClaims (DRA), which are given out outside the node's allocatable numbers",
        ),
        ({"schedulerName": "volcano"}, "its schedulerName is volcano, whose rules are its own"),
        ({"nodeName": "gpu-0"}, "its nodeName is gpu-0, which bypasses the scheduler"),
        ({"schedulingGroup": {"podGroupName": "g"}}, "its schedulingGroup makes it one of a group that is scheduled together"),
        ({"workloadRef": {"name": "w"}}, "its workloadRef makes it one of a group that is scheduled together"),
        ({"hostNetwork": True, "hostUsers": False}, "it has hostNetwork with hostUsers false, which only nodes that declare that feature take"),
        (
            {"initContainers": [{"name": "i", "restartPolicyRules": [{"action": "RestartAllContainers"}]}]},
            "it has restartPolicyRules with RestartAllContainers, which only nodes that declare that feature take",
        ),
        ({"tolerations": [{"key": "load", "operator": "Lt", "value": "5"}]}, "its toleration of load uses the operator Lt"),
        ({"volumes": [{"name": "data", "csi": {}}]}, "its volume data is of kind csi, which may tie it to some nodes"),
    ],
)
def test_each_rule_that_is_not_modelled_has_its_sentence(spec: t.Any, said: str) -> None:
    found = ask(snapshot(TWO), template(**spec))
    assert (found.fits, _words.message(found)) == ("unknown", f"Whether 1 replica of 1 GPU fit cannot be told: {said}.")


def test_volumes_that_any_node_can_mount_leave_nothing_open() -> None:
    kinds = ("configMap", "downwardAPI", "emptyDir", "hostPath", "image", "nfs", "projected", "secret")
    assert ask(snapshot(TWO), template(volumes=[{"name": kind, kind: {}} for kind in kinds])).fits == "true"


def _two_rules() -> t.Any:
    own = {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}
    rules = [{"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": own} for key in ("kubernetes.io/hostname", "node-type")]
    return template(topologySpreadConstraints=rules)


def test_an_order_that_decides_is_told_with_what_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    said = _words.message(ask(snapshot(TWO), _two_rules(), 2))
    assert said == "Whether 2 replicas of 1 GPU fit depends on which nodes the scheduler takes first: 1 surely do, 2 at best."


def test_a_rolling_update_that_cannot_be_told_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    said = _words.message(ask(snapshot(TWO), _two_rules(), 1, Replacement("RollingUpdate")))
    assert said == (
        "Whether a rolling update of 1 replica of 1 GPU comes to its end cannot be told: "
        "whether the extra pod fits depends on which nodes the scheduler takes first."
    )


def test_a_rolling_update_over_old_pods_that_cannot_be_told_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packing, "BUDGET", 0)
    old = [pod(f"m-development-{number}", f"gpu-{number}") for number in range(2)]
    found = ask(snapshot(TWO, old, replaced="m-development"), _two_rules(), 2, Replacement(max_surge=2))
    assert (found.surge.fits, found.surge.why) == ("unknown", "whether the extra pod fits depends on which nodes the scheduler takes first")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"nodeSelector": {"node-type": "h100"}}, "lacks the label node-type=h100"),
        ({"affinity": "pool"}, "is not matched by the pod's required node affinity"),
    ],
)
def test_a_node_that_is_not_meant_has_its_sentence(made: t.Any, why: str) -> None:
    if made.get("affinity"):
        term = {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}
        made = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}}
    assert _words.message(ask(snapshot([node("a")]), template(**made))) == (
        f"needs 1 GPU on one node; none of 1 node with nvidia.com/gpu is open to it: a {why}."
    )


def _zoned(name: str, **labels: str) -> t.Any:
    return node(name, labels={"zone": "z", **labels})


OWN = {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}
OTHER = {"matchLabels": {"app.kubernetes.io/instance": "other"}}


def _between(kind: str, selector: t.Any, key: str = "zone") -> t.Any:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, "labelSelector": selector}]}}


@pytest.mark.parametrize(
    ("spec", "others", "why"),
    [
        ({"spread": "rack"}, {}, "lacks the label rack that the pod's topologySpreadConstraint counts by"),
        ({"spread": "zone"}, {}, "would break the topologySpreadConstraint over zone with one more (maxSkew 1)"),
        ({"affinity": _between("podAffinity", {"matchLabels": {"app": "none"}})}, {}, "does not meet the pod's required pod affinity"),
        ({"affinity": _between("podAntiAffinity", OTHER)}, {}, "shares its zone with a pod that the required pod anti-affinity forbids"),
        ({}, {"affinity": _between("podAntiAffinity", OWN)}, "shares a topology domain with a pod whose own anti-affinity forbids this one"),
        (
            {"affinity": _between("podAntiAffinity", OTHER)},
            {"nominated": True},
            "is nominated for a pod that a required pod anti-affinity keeps apart from this one",
        ),
    ],
)
def test_each_rule_between_pods_has_its_sentence(spec: t.Any, others: t.Any, why: str) -> None:
    rule = {"topologyKey": spec.pop("spread", None), "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": OWN, "minDomains": 2}
    made = template(**spec, **({"topologySpreadConstraints": [rule]} if rule["topologyKey"] else {}))
    waits = others.pop("nominated", False)
    other = pod("other-0", "gpu-0", {}, **others)
    mine = pod("m-development-0", "gpu-0", {})
    if waits:
        del other["spec"]["nodeName"]
        other["status"] = {"phase": "Pending", "nominatedNodeName": "gpu-0"}
    assert _words.message(ask(snapshot([_zoned("gpu-0")], [other, mine]), made)) == f"needs 1 GPU on one node; gpu-0 {why}."


def test_a_port_that_is_taken_has_its_sentence() -> None:
    made, running = template(), pod("other-0", "gpu-0", {})
    for each in (made, running):
        each["spec"]["containers"][0]["ports"] = [{"hostPort": 8000}]
    assert _words.message(ask(snapshot([node("gpu-0")], [running]), made)) == "needs 1 GPU on one node; the best node gpu-0 has its port 8000/TCP taken."


def test_a_pod_that_asks_for_nothing_needs_a_slot() -> None:
    assert _words.message(ask(snapshot(TWO), template({}))).startswith("1 replica of a pod slot fits: 1 on gpu-0")


def test_the_fleet_without_any_gpu_has_its_sentence() -> None:
    assert _fleet.message([]) == "No node has a GPU or another extended resource."
