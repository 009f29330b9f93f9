"""ResourceQuotas as the admission counts them."""

from __future__ import annotations

import typing as t

import pytest

from .build import GPU, Json, ask, node, pod, quota, snapshot, template

REQUESTS = f"requests.{GPU}"


def verdict(made: Json, replicas: int = 1, hard: Json | None = None, used: Json | None = None, **spec: t.Any) -> str:
    limits = hard or {REQUESTS: "2"}
    taken = dict.fromkeys(limits, "0") if used is None else used
    return ask(snapshot([node("a")], quotas=[quota(limits, taken, **spec)]), made, replicas).verdict


@pytest.mark.parametrize(
    ("hard", "made", "replicas", "answer"),
    [
        ({REQUESTS: "2"}, template({GPU: 1}), 2, "pass"),
        ({REQUESTS: "2"}, template({GPU: 1}), 3, "fail"),
        ({GPU: "1"}, template({GPU: 2}), 1, "pass"),  # the bare name of an extended resource counts nothing
        ({"pods": "1"}, template({GPU: 1}), 2, "fail"),
        ({"count/pods": "1"}, template({GPU: 1}), 2, "fail"),
        ({"cpu": "1"}, template({"cpu": "500m"}), 2, "pass"),
        ({"requests.cpu": "1"}, template({"cpu": "501m"}), 2, "fail"),
        ({"requests.memory": "1Gi"}, template({"memory": "1Gi"}), 1, "pass"),
        ({"limits.cpu": "1"}, template({"cpu": "1"}), 1, "fail"),
        ({"hugepages-2Mi": "2Mi"}, template({"hugepages-2Mi": "4Mi"}), 1, "fail"),
        ({"services": "0", "requests.storage": "0", "count/jobs.batch": "0"}, template({GPU: 1}), 2, "pass"),
    ],
)
def test_each_line_counts_what_it_is_about(hard: Json, made: Json, replicas: int, answer: str) -> None:
    assert verdict(made, replicas, hard) == answer


@pytest.mark.parametrize(
    ("scopes", "spec", "counted"),
    [
        (["Terminating"], {}, False),
        (["Terminating"], {"activeDeadlineSeconds": 60}, True),
        (["NotTerminating"], {}, True),
        (["BestEffort"], {}, True),
        (["NotBestEffort"], {}, False),
        (["PriorityClass"], {}, False),
        (["PriorityClass"], {"priorityClassName": "high"}, True),
        (["CrossNamespacePodAffinity"], {}, False),
        (["NotTerminating", "NotBestEffort"], {}, False),
    ],
)
def test_a_quota_counts_only_pods_in_its_scopes(scopes: list[str], spec: Json, counted: bool) -> None:
    assert (verdict(template({GPU: 3}, **spec), scopes=scopes) == "fail") == counted


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [("In", ["high"], True), ("In", ["low"], False), ("NotIn", ["high"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_a_quota_can_be_for_some_priority_classes(operator: str, values: list[str], counted: bool) -> None:
    chosen = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    assert (verdict(template({GPU: 3}, priorityClassName="high"), scopeSelector=chosen) == "fail") == counted


def test_pods_that_look_into_other_namespaces_are_counted_by_their_own_quota() -> None:
    term = {"topologyKey": "z", "labelSelector": {}, "namespaces": ["b"]}
    preferred = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}
    assert verdict(template({GPU: 3}, affinity=preferred), scopes=["CrossNamespacePodAffinity"]) == "fail"


def test_what_the_old_pods_give_back_counts() -> None:
    full = [quota({REQUESTS: "2"}, {REQUESTS: "2"})]
    old = [pod("m-development-0", "a", {GPU: 2})]
    assert ask(snapshot([node("a")], old, quotas=full), template({GPU: 2})).verdict == "fail"
    found = ask(snapshot([node("a")], old, quotas=full, replaced="m-development"), template({GPU: 2}))
    assert (found.verdict, found.surge.verdict, found.strategy) == ("pass", "fail", "Recreate")
    assert (found.surge.verdict, "the quota gpus" in found.surge.why) == ("fail", True)


def test_a_quota_on_cpu_makes_every_container_say_its_cpu() -> None:
    made = template({GPU: 1, "cpu": "1"}, initContainers=[{"name": "fetch"}])
    assert verdict(made, hard={"requests.cpu": "9"}) == "fail"
    made["spec"]["resources"] = {"requests": {"cpu": "1"}}
    assert verdict(made, hard={"requests.cpu": "9"}) == "pass"


def test_a_line_whose_use_is_not_counted_yet_leaves_it_open() -> None:
    assert verdict(template(), hard={"pods": "9"}, used={}) == "inconclusive"


def test_replicas_that_the_quota_refuses_are_not_counted_as_placed() -> None:
    found = ask(snapshot([node("a")], quotas=[quota({REQUESTS: "5", "pods": "9"}, {REQUESTS: "1", "pods": "1"})]), template({GPU: 2}), 3)
    assert (found.verdict, found.granted.certain, found.granted.possible, found.granted.placements, found.slots) == ("fail", 2, 2, {"a": 2}, 2)
    assert found.packing.possible == 3


def test_a_line_that_is_overdrawn_by_others_is_none_of_this_pods() -> None:
    assert verdict(template({GPU: 1}), hard={"requests.memory": "1Gi"}, used={"requests.memory": "9Gi"}, scopes=["NotTerminating"]) == "fail"
    made = template({GPU: 1})
    made["spec"]["resources"] = {"requests": {"cpu": "1"}}
    assert verdict(made, hard={"requests.memory": "1Gi"}, used={"requests.memory": "9Gi"}) == "pass"
