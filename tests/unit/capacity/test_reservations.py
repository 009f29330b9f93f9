"""What is reserved for other releases is placed first, and what they hold already is counted once."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _words
from ansible_collections.inference.vllm.plugins.module_utils.capacity._answer import CapacityAnswer, answer
from ansible_collections.inference.vllm.plugins.module_utils.capacity._placing import Snapshot
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import of_release
from ansible_collections.inference.vllm.plugins.module_utils.capacity._reservations import Reservation
from ansible_collections.inference.vllm.plugins.module_utils.capacity._wanted import wanted

from .api import cluster, look
from .build import GPU, Json, node, pod, quota, snapshot, template, want


def reservation(
    release: str = "a", gpus: int = 1, replicas: int = 1, strategy: str = "auto", *, namespace: str = "development", created: int = 0, **spec: t.Any
) -> Reservation:
    made = template({GPU: gpus}, labels={"app.kubernetes.io/instance": release}, **spec)
    return Reservation(of_release(namespace, release, replicas, made, strategy, 1), wanted(made, namespace), created)


def ask(where: Snapshot, *reservations: Reservation, replicas: int = 1, made: Json | None = None) -> CapacityAnswer:
    return answer(want(made), replicas, where, None, reservations)


def test_reserved_pods_are_placed_before_the_question_in_their_order() -> None:
    nodes = [node("n0", 4), node("n1", 2)]
    found = ask(snapshot(nodes), reservation("a", 4), reservation("b", 1), replicas=1)
    assert ([dict(each.placements) for each in found.reserved], found.packing.placements) == ([{"n0": 1}, {"n1": 1}], {"n1": 1})
    found = ask(snapshot(nodes), reservation("a", 4), reservation("b", 1), replicas=2)
    assert (found.verdict, found.crowded_out, _words.explain(found).code) == ("fail", True, "reserved_by_others")
    assert "`a` in development" in _words.explain(found).message


def test_what_does_not_fit_anyway_is_not_blamed_on_others() -> None:
    found = ask(snapshot([node("n0", 4)]), reservation("a", 1), made=template({GPU: 16}))
    assert (found.crowded_out, _words.explain(found).code) == (False, "pod_too_large")


def test_a_reservation_that_does_not_fit_as_a_whole_still_takes_what_it_can() -> None:
    """Its run may be waiting for the rest; if it were skipped, both could be told pass a moment later."""
    assert ask(snapshot([node("n0", 4)]), reservation("a", 1, 8)).verdict == "fail"


@pytest.mark.parametrize(
    ("strategy", "old", "each", "now", "replicas", "left"),
    [
        # Nothing runs yet: what is asked for.
        ("auto", 0, 1, 1, 2, 6),
        # Pods of the same size hold the places of the new ones; a rolling update needs one more.
        ("auto", 2, 1, 1, 2, 5),
        ("RollingUpdate", 2, 1, 1, 2, 5),
        ("Recreate", 2, 1, 1, 2, 6),
        # Growing, and shrinking: what runs is there until it is gone.
        ("Recreate", 1, 1, 1, 3, 5),
        ("Recreate", 3, 1, 1, 1, 5),
        # Larger pods: beside the old ones where there is capacity, in their places where there is not.
        ("Recreate", 1, 1, 2, 1, 5),
        ("Recreate", 2, 2, 4, 1, 0),
        ("Recreate", 2, 4, 8, 1, 0),
    ],
)
def test_what_a_change_of_a_running_release_takes(strategy: str, old: int, each: int, now: int, replicas: int, left: int) -> None:
    pods = [pod(f"a-{number}", "n0", {GPU: each}) for number in range(old)]
    found = ask(snapshot([node("n0", 8)], pods), reservation("a", now, replicas, strategy))
    assert found.slots == left


def test_pods_on_nodes_that_the_new_ones_cannot_use_hold_no_place_for_them() -> None:
    nodes = [node("n0", 2, labels={"pool": "x"}), node("n1", 2, labels={"pool": "y"})]
    pods = [pod("a-0", "n0", {GPU: 2})]
    moving = reservation("a", 2, 1, "Recreate", nodeSelector={"pool": "y"})
    assert ask(snapshot(nodes, pods), moving).verdict == "fail"


def test_jobs_of_the_release_are_none_of_its_replicas() -> None:
    job = pod("a-prefetch", "n0", {GPU: 1})
    job["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "a-prefetch", "controller": True}]
    assert ask(snapshot([node("n0", 4)], [job]), reservation("a", 1, 2)).slots == 1


def test_reserved_pods_are_no_holders_and_nobody_can_preempt_them() -> None:
    found = ask(snapshot([node("n0", 2)]), reservation("a", 2))
    assert (found.verdict, found.holders, found.evictable) == ("fail", (), ())


def test_a_pod_that_the_namespace_refuses_reserves_nothing() -> None:
    assert ask(snapshot([node("n0", 1)]), reservation("a", 1, schedulingGates=[{"name": "x"}])).verdict == "pass"


@pytest.mark.parametrize(("namespace", "created", "verdict"), [("development", 0, "fail"), ("development", 2, "pass"), ("staging", 0, "pass")])
def test_a_reservation_counts_in_the_quota_of_its_own_namespace_until_its_pods_are_made(namespace: str, created: int, verdict: str) -> None:
    quotas = [quota({"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "6"})]
    asked = reservation("a", 1, 2, "Recreate", namespace=namespace, created=created)
    found = ask(snapshot([node("n0", 8)], quotas=quotas), asked)
    assert found.verdict == verdict
    assert found.crowded_out == (verdict == "fail")


def test_a_quota_of_another_scope_is_not_charged() -> None:
    quotas = [quota({"pods": "1"}, {"pods": "0"}, scopes=["Terminating"]), quota({"pods": "2"}, {"pods": "1"})]
    assert ask(snapshot([node("n0", 8)], quotas=quotas), reservation("a", activeDeadlineSeconds=5)).verdict == "fail"
    assert ask(snapshot([node("n0", 8)], quotas=quotas[:1]), reservation("a", activeDeadlineSeconds=5)).verdict == "pass"


def test_the_option_reserves_in_the_order_given() -> None:
    reserved = [{"release": release, "replicas": 1, "pod_template": template({GPU: 2}), "strategy": "auto", "max_surge": "1"} for release in ("a", "b")]
    with cluster(1) as api:
        assert look(api, reserved=reserved[:1], replicas=2)["verdict"] == "pass"
        found = look(api, reserved=reserved, replicas=2)
        assert (found["code"], [each["release"] for each in found["reserved"]]) == ("reserved_by_others", ["a", "b"])
        assert all(each["namespace"] == "development" and not each["holder"] for each in found["reserved"])
