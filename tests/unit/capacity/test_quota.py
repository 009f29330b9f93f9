"""ResourceQuotas as the admission counts them."""

from __future__ import annotations

import typing as t

import pytest

from .build import GPU, Json, ask, node, pod, quota, snapshot, template

REQUESTS = f"requests.{GPU}"


def fits(made: Json, replicas: int = 1, hard: Json | None = None, used: Json | None = None, **spec: t.Any) -> str:
    limits = hard or {REQUESTS: "2"}
    taken = dict.fromkeys(limits, "0") if used is None else used
    return ask(snapshot([node("a")], quotas=[quota(limits, taken, **spec)]), made, replicas).fits


@pytest.mark.parametrize(
    ("hard", "made", "replicas", "answer"),
    [
        ({REQUESTS: "2"}, template({GPU: 1}), 2, "true"),
        ({REQUESTS: "2"}, template({GPU: 1}), 3, "false"),
        ({GPU: "1"}, template({GPU: 2}), 1, "true"),  # the bare name of an extended resource counts nothing
        ({"pods": "1"}, template({GPU: 1}), 2, "false"),
        ({"count/pods": "1"}, template({GPU: 1}), 2, "false"),
        ({"cpu": "1"}, template({"cpu": "500m"}), 2, "true"),
        ({"requests.cpu": "1"}, template({"cpu": "501m"}), 2, "false"),
        ({"requests.memory": "1Gi"}, template({"memory": "1Gi"}), 1, "true"),
        ({"limits.cpu": "1"}, template({"cpu": "1"}), 1, "false"),
        ({"hugepages-2Mi": "2Mi"}, template({"hugepages-2Mi": "4Mi"}), 1, "false"),
        ({"services": "0", "requests.storage": "0", "count/jobs.batch": "0"}, template({GPU: 1}), 2, "true"),
    ],
)
def test_each_line_counts_what_it_is_about(hard: Json, made: Json, replicas: int, answer: str) -> None:
    assert fits(made, replicas, hard) == answer


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
    assert (fits(template({GPU: 3}, **spec), scopes=scopes) == "false") == counted


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [("In", ["high"], True), ("In", ["low"], False), ("NotIn", ["high"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_a_quota_can_be_for_some_priority_classes(operator: str, values: list[str], counted: bool) -> None:
    chosen = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    assert (fits(template({GPU: 3}, priorityClassName="high"), scopeSelector=chosen) == "false") == counted


def test_pods_that_look_into_other_namespaces_are_counted_by_their_own_quota() -> None:
    term = {"topologyKey": "z", "labelSelector": {}, "namespaces": ["b"]}
    preferred = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}
    assert fits(template({GPU: 3}, affinity=preferred), scopes=["CrossNamespacePodAffinity"]) == "false"


def test_what_the_old_pods_give_back_counts() -> None:
    full = [quota({REQUESTS: "2"}, {REQUESTS: "2"})]
    old = [pod("m-development-0", "a", {GPU: 2})]
    assert ask(snapshot([node("a")], old, quotas=full), template({GPU: 2})).fits == "false"
    found = ask(snapshot([node("a")], old, quotas=full, replaced="m-development"), template({GPU: 2}))
    assert (found.fits, found.surge.fits, found.strategy) == ("true", "false", "Recreate")
    assert found.surge.why == "the quota gpus leaves no room for an extra pod (requests.nvidia.com/gpu)"


def test_a_quota_on_cpu_makes_every_container_say_its_cpu() -> None:
    made = template({GPU: 1, "cpu": "1"}, initContainers=[{"name": "fetch"}])
    assert fits(made, hard={"requests.cpu": "9"}) == "false"
    made["spec"]["resources"] = {"requests": {"cpu": "1"}}
    assert fits(made, hard={"requests.cpu": "9"}) == "true"


def test_a_line_whose_use_is_not_counted_yet_leaves_it_open() -> None:
    assert fits(template(), hard={"pods": "9"}, used={}) == "unknown"


def test_replicas_that_the_quota_refuses_are_not_counted_as_placed() -> None:
    found = ask(snapshot([node("a")], quotas=[quota({REQUESTS: "5", "pods": "9"}, {REQUESTS: "1", "pods": "1"})]), template({GPU: 2}), 3)
    assert (found.fits, found.granted.certain, found.granted.possible, found.granted.placements, found.slots) == ("false", 2, 2, {"a": 2}, 2)
    assert found.packing.possible == 3


def test_a_line_that_is_overdrawn_by_others_is_none_of_this_pods() -> None:
    assert fits(template({GPU: 1}), hard={"requests.memory": "1Gi"}, used={"requests.memory": "9Gi"}, scopes=["NotTerminating"]) == "false"
    made = template({GPU: 1})
    made["spec"]["resources"] = {"requests": {"cpu": "1"}}
    assert fits(made, hard={"requests.memory": "1Gi"}, used={"requests.memory": "9Gi"}) == "true"
