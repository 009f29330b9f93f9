"""What one pod asks for: containers, init containers, sidecars, overhead, the pod as a whole, and resizes in place."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _pod_resources
from hypothesis import given
from hypothesis import strategies as st

from .build import GPU, Json, limit_range, template, want


def container(name: str = "c", **more: t.Any) -> Json:
    requests = more.pop("requests", {})
    return {"name": name, "resources": {"requests": requests, **more.pop("resources", {})}, **more}


def spec(*containers: Json, init: t.Sequence[Json] = (), **more: t.Any) -> Json:
    return {"containers": list(containers), "initContainers": list(init), **more}


def side(**more: t.Any) -> Json:
    return container(restartPolicy="Always", **more)


def cpus(made: Json, status: Json | None = None) -> int:
    return _pod_resources.requests(made, status).get("cpu", 0)


def of(amount: str) -> Json:
    return {"requests": {"cpu": amount}}


@pytest.mark.parametrize(
    ("made", "thousandths"),
    [
        (spec(container(**of("1")), container(**of("2"))), 3000),
        (spec(container(**of("1")), init=[container(**of("5")), container(**of("2"))]), 5000),
        (spec(container(**of("1")), init=[side(**of("2"))]), 3000),
        # A sidecar runs beside the init containers after it, and not beside those before it.
        (spec(container(**of("1")), init=[side(**of("2")), container(**of("3"))]), 5000),
        (spec(container(**of("1")), init=[container(**of("4")), side(**of("2"))]), 4000),
        (spec(container(**of("1")), init=[side(**of("1")), container(**of("2")), side(**of("1")), container(**of("2"))]), 4000),
        (spec(container(**of("1")), overhead={"cpu": "250m"}), 1250),
        (spec(container(**of("4")), resources={"requests": {"cpu": "1"}}, overhead={"cpu": "1"}), 2000),
        (spec(container()), 0),
    ],
)
def test_the_sum_is_the_one_kubernetes_publishes(made: Json, thousandths: int) -> None:
    assert cpus(made) == thousandths


def test_pod_level_amounts_are_for_cpu_memory_and_huge_pages_only() -> None:
    found = _pod_resources.requests(spec(container(requests={GPU: 2}), resources={"requests": {"memory": "1Gi", GPU: 9}}))
    assert found == {GPU: 2000, "memory": 1073741824000}


def test_fractions_are_rounded_each_to_a_thousandth_and_their_sum_to_a_unit() -> None:
    halves = spec(container(requests={"memory": "1000.5"}), container(requests={"memory": "1000.5"}))
    assert _pod_resources.amounts(_pod_resources.requests(halves)) == {"memory": 2001}
    tiny = spec(container(**of("0.0001")), container(**of("0.0001")))
    assert _pod_resources.amounts(_pod_resources.requests(tiny)) == {"cpu": 2}


@pytest.mark.parametrize(
    ("reason", "thousandths"),
    [(None, 3000), ("Deferred", 3000), ("Infeasible", 2000)],
)
def test_a_resize_counts_at_its_larger_end_unless_it_is_infeasible(reason: str | None, thousandths: int) -> None:
    made = spec(container("c", **of("3")))
    status: Json = {"containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "1"}}]}
    if reason:
        status["conditions"] = [{"type": "PodResizePending", "reason": reason}]
    assert cpus(made, status) == thousandths


def test_a_shrink_that_has_not_happened_yet_counts_what_is_held() -> None:
    status = {"containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "4"}}, "allocatedResources": {"cpu": "5"}}]}
    assert cpus(spec(container("c", **of("1"))), status) == 5000


def test_a_status_without_resources_changes_nothing() -> None:
    assert cpus(spec(container("c", **of("1"))), {"containerStatuses": [{"name": "c"}]}) == 1000


def test_only_sidecars_among_init_containers_can_be_resized() -> None:
    status = {"initContainerStatuses": [{"name": "i", "resources": {"requests": {"cpu": "9"}}}]}
    assert cpus(spec(container(**of("1")), init=[container("i", **of("2"))]), status) == 2000
    assert cpus(spec(container(**of("1")), init=[side(name="i", **of("2"))]), status) == 10000


def test_requests_default_to_limits_in_a_template() -> None:
    made = {"spec": {"containers": [{"name": "c", "resources": {"limits": {GPU: 2, "cpu": "3"}, "requests": {"cpu": "1"}}}]}}
    assert want(made).requests == {GPU: 2, "cpu": 1000}


def test_a_namespace_default_counts_for_what_a_container_does_not_say() -> None:
    made = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "3"}}}, {"name": "d"}]}}
    defaults = {"default": {"cpu": "8", "memory": "2Gi"}, "defaultRequest": {"cpu": "1"}}
    assert want(made, limit_ranges=[limit_range(**defaults)]).requests == {"cpu": 4000, "memory": 4 << 30}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"cpu": "2"}}, {"cpu": 1000}),
        ({"limits": {"cpu": "2", "memory": "1Gi"}}, {"cpu": 1000, "memory": 1 << 30}),
        ({"requests": {"cpu": "3"}}, {"cpu": 3000}),
        ({"limits": {"memory": "1Gi"}, "requests": {"cpu": "3"}}, {"cpu": 3000, "memory": 1 << 30}),
    ],
)
def test_pod_level_requests_default_to_the_containers_and_then_to_the_limits(resources: Json, expected: Json) -> None:
    made = {"spec": {"containers": [container(**of("1"))], "resources": resources}}
    assert want(made).requests == expected


def test_a_runtime_class_adds_overhead_selector_and_tolerations() -> None:
    runtime = {"overhead": {"podFixed": {"cpu": "1"}}, "scheduling": {"nodeSelector": {"kata": "yes"}, "tolerations": [{"key": "k"}]}}
    found = want(template({"cpu": "1"}, nodeSelector={"a": "b"}), runtime_class=runtime)
    assert (found.requests, dict(found.node_selector), found.tolerations[0]) == ({"cpu": 2000}, {"a": "b", "kata": "yes"}, {"key": "k"})
    with pytest.raises(InputError, match="conflicts with its RuntimeClass"):
        want(template(nodeSelector={"kata": "no"}), runtime_class=runtime)


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("nvidia.com/gpu", 1500, True),
        ("nvidia.com/gpu", 1000, False),
        ("gpu", 1000, True),
        ("cpu", 2**63, True),
        ("memory", 2**63 * 1000, True),
        ("cpu", 1, False),
    ],
)
def test_what_the_api_server_would_refuse_is_refused(name: str, value: int, refused: bool) -> None:
    if refused:
        with pytest.raises(InputError):
            _pod_resources.check_names({name: value}, "pod")
    else:
        _pod_resources.check_names({name: value}, "pod")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=6), st.lists(st.integers(0, 50), min_size=1, max_size=3))
def test_the_sum_is_the_largest_moment_of_the_pods_life(init: list[tuple[bool, int]], containers: list[int]) -> None:
    running, moments = 0, []
    for sidecar, amount in init:
        moments.append(running + amount)
        running += amount if sidecar else 0
    moments.append(running + sum(containers))
    made = spec(
        *(container(f"c{n}", **of(str(amount))) for n, amount in enumerate(containers)),
        init=[(side if sidecar else container)(name=f"i{n}", **of(str(amount))) for n, (sidecar, amount) in enumerate(init)],
    )
    assert cpus(made) == max(moments) * 1000
