"""RollingUpdate or Recreate, decided from the capacity there is."""

from __future__ import annotations

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity._answer import CapacityAnswer
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import Replacement

from .build import GPU, ask, node, pod, snapshot, template


def rollout(gpus: list[int], old: list[str], replicas: int, how: Replacement | None = None, each: int = 1, now: int | None = None) -> CapacityAnswer:
    """Old pods by the node they are on, each with one GPU (or ``each``); the new ones take ``now``."""
    pods = [pod(f"m-development-{number}", where, {GPU: each}) for number, where in enumerate(old)]
    cluster = snapshot([node(f"n{index}", amount) for index, amount in enumerate(gpus)], pods, replaced="m-development")
    return ask(cluster, template({GPU: now or each}), replicas, how)


@pytest.mark.parametrize(
    ("gpus", "old", "replicas", "strategy"),
    [
        ([2], ["n0"], 1, "RollingUpdate"),
        ([1], ["n0"], 1, "Recreate"),
        ([1, 1], ["n0"], 1, "RollingUpdate"),
        ([2, 2], ["n0", "n0", "n1"], 3, "RollingUpdate"),
        ([2, 2], ["n0", "n0", "n1", "n1"], 4, "Recreate"),
        ([4], [], 3, "RollingUpdate"),
        ([3], [], 3, "Recreate"),
        ([8], ["n0"], 0, "RollingUpdate"),
    ],
)
def test_a_rolling_update_needs_capacity_for_one_more(gpus: list[int], old: list[str], replicas: int, strategy: str) -> None:
    found = rollout(gpus, old, replicas)
    assert (found.verdict, found.strategy) == ("pass", strategy)


def test_the_first_install_recommends_what_the_second_run_will() -> None:
    for gpus in ([1], [2], [1, 1], [3]):
        assert rollout(gpus, [], 1).strategy == rollout(gpus, ["n0"], 1).strategy


def test_a_rolling_update_that_would_stop_half_way_is_not_recommended() -> None:
    # The extra pod fits on n1; but one old pod that leaves n0 frees too little for a new one of two GPUs, and both may not leave yet.
    found = rollout([2, 2], ["n0", "n0"], 2, now=2)
    assert (found.verdict, found.surge.verdict, "at 1 of 2 replicas" in found.surge.why) == ("pass", "fail", True)


def test_nobody_promises_which_old_pod_goes_first_so_the_worst_is_assumed() -> None:
    assert rollout([2, 2, 1], ["n1", "n2"], 2, now=2).surge.verdict == "fail"
    assert rollout([2, 2, 2], ["n1", "n2"], 2, now=2).surge.verdict == "pass"


def test_pods_that_may_be_missing_free_capacity_without_an_extra_one() -> None:
    assert rollout([2], ["n0", "n0"], 2).strategy == "Recreate"
    found = rollout([2], ["n0", "n0"], 2, Replacement(max_surge="0", max_unavailable="1"))
    assert (found.strategy, found.surge.verdict) == ("RollingUpdate", "pass")


@pytest.mark.parametrize(("surge", "extra"), [("1", 1), ("25%", 2), ("100%", 5), (3, 3)])
def test_shares_of_surge_are_rounded_up(surge: int | str, extra: int) -> None:
    assert Replacement(max_surge=surge).surge(5) == extra


@pytest.mark.parametrize(("unavailable", "missing"), [("1", 1), ("25%", 1), ("10%", 0)])
def test_shares_of_missing_pods_are_rounded_down(unavailable: str, missing: int) -> None:
    assert Replacement(max_unavailable=unavailable).unavailable(5) == missing


def test_an_insisted_rolling_update_that_cannot_run_does_not_fit() -> None:
    assert rollout([1], ["n0"], 1, Replacement("RollingUpdate")).verdict == "fail"
    assert rollout([1], ["n0"], 1, Replacement("Recreate")).verdict == "pass"


def test_a_rule_between_pods_stands_in_the_way_of_an_extra_pod_too() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "m-development"}}}
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    pods = [pod(f"m-development-{number}", f"n{number}") for number in range(2)]
    found = ask(snapshot([node("n0"), node("n1")], pods, replaced="m-development"), template(affinity=anti), 2)
    assert (found.verdict, found.strategy) == ("pass", "Recreate")


def test_growing_while_replacing_needs_capacity_for_the_growth_first() -> None:
    assert rollout([4], ["n0"], 3).strategy == "RollingUpdate"
    assert rollout([3], ["n0"], 3).strategy == "Recreate"


def test_the_replaced_release_is_no_holder_and_others_are_tried_lowest_priority_first() -> None:
    others = [
        pod("big-0", "n0", {GPU: 2}, namespace="staging", priority=10),
        pod("low-0", "n1", {GPU: 2}, namespace="staging", priority=-1),
        pod("small-0", "n1", {GPU: 1}, namespace="production", priority=10),
    ]
    mine = pod("m-development-0", "n0", {GPU: 1})
    found = ask(snapshot([node("n0", 3), node("n1", 3)], [*others, mine], replaced="m-development"), template({GPU: 3}), priority=-5)
    told = [(holder.release, holder.amount, holder.frees_enough) for holder in found.holders]
    assert told == [("low", 2, False), ("big", 2, True), ("small", 1, False)]
