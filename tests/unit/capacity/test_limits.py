"""LimitRanges: what they give, and what they do not let in."""

from __future__ import annotations

import pytest

from .build import GPU, Json, ask, limit_range, node, snapshot, template, want


def refused(made: Json, **entry: Json) -> str:
    return want(made, limit_ranges=[limit_range(**entry)]).refusal


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"min": {"cpu": "2"}}, "container vllm has less cpu than the minimum of 2"),
        ({"min": {"memory": "1"}}, "container vllm must request memory, at least 1"),
        ({"max": {"cpu": "500m"}}, "container vllm has more cpu than the maximum of 500m"),
        ({"max": {"memory": "1Gi"}}, "container vllm must have a limit of memory, at most 1Gi"),
        ({"maxLimitRequestRatio": {"cpu": "1.5"}}, "the limit of cpu of container vllm is more than 1.5 times its request"),
        ({"maxLimitRequestRatio": {"memory": "2"}}, "container vllm must have a request and a limit of memory"),
    ],
)
def test_each_bound_refuses_in_words(entry: Json, said: str) -> None:
    made = template()
    made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}, "limits": {"cpu": "2", GPU: 1}}
    assert refused(made, **entry) == f"the LimitRange sizes rejects it: {said}"


@pytest.mark.parametrize("entry", [{"min": {"cpu": "1"}}, {"max": {"cpu": "2"}}, {"maxLimitRequestRatio": {"cpu": "2"}}, {"default": {"memory": "1Gi"}}])
def test_what_stays_within_the_bounds_is_let_in(entry: Json) -> None:
    made = template()
    made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}
    assert refused(made, **entry) == ""


def test_a_pod_is_measured_as_a_whole_and_without_its_overhead() -> None:
    made = template({"cpu": "1"}, overhead={"cpu": "5"})
    made["spec"]["containers"].append({"name": "side", "resources": {"requests": {"cpu": "2"}}})
    pods = [limit_range("Pod", min={"cpu": "4"})]
    assert want(made, limit_ranges=pods).refusal == "the LimitRange sizes rejects it: the pod has less cpu than the minimum of 4"
    assert want(made, limit_ranges=[limit_range("Pod", min={"cpu": "3"})]).refusal == ""
    assert want(made, limit_ranges=[limit_range("PersistentVolumeClaim", min={"cpu": "9"})]).refusal == ""


def test_a_default_limit_below_the_request_refuses() -> None:
    assert refused(template({"cpu": "3"}), default={"cpu": "2"}) == (
        "container vllm requests more cpu than its limit, which is the namespace's default where none is set"
    )


def test_no_replica_of_a_refused_pod_fits_anywhere() -> None:
    found = ask(snapshot([node("a")]), template({"cpu": "1"}), limit_ranges=[limit_range(min={"cpu": "2"})])
    assert (found.verdict, found.granted.possible, found.granted.placements, found.slots) == ("fail", 0, {}, 0)


@pytest.mark.parametrize(
    ("container", "pod", "said"),
    [
        ({"requests": {"cpu": "2"}}, {"requests": {"cpu": "1"}}, "its containers request more cpu than the pod as a whole"),
        (
            {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
            {"limits": {"cpu": "1"}},
            "the limit of cpu of container vllm is above that of the pod as a whole",
        ),
        ({}, {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}, "the pod as a whole requests more cpu than its limit"),
        ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1"}}, ""),
    ],
)
def test_a_pod_that_contradicts_itself_is_refused(container: Json, pod: Json, said: str) -> None:
    made = template(resources=pod)
    made["spec"]["containers"][0]["resources"] = container
    found = want(made).refusal
    assert found.startswith(said) if said else not found


def test_the_pod_as_a_whole_has_its_defaults_before_the_namespace_gives_any() -> None:
    made = template(resources={"limits": {"cpu": "2"}})
    made["spec"]["containers"][0]["resources"] = {}
    assert want(made, limit_ranges=[limit_range(default={"cpu": "1"}, defaultRequest={"cpu": "1"})]).requests == {"cpu": 2000}
