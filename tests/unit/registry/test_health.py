"""What a health check makes of entries, over several runs."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils.registry._health_policy import HealthPolicy, HealthStep, Probed, decide
from ansible_collections.inference.vllm.plugins.module_utils.registry._row import WHOLE, Row
from hypothesis import given
from hypothesis import strategies as st

PASS, FAIL, UNKNOWN = Probed("pass", "answers"), Probed("fail", "HTTP 500", 1), Probed("inconclusive", "no way there")


def entry(revision: str = "a", status: str = "ready", failures: int = 0, weight: int = WHOLE, **more: t.Any) -> Row:
    return {
        "deployment_id": revision,
        "model_name": "m",
        "deployment_environment": "staging",
        "organization_id": None,
        "deployment_revision": revision,
        "deployment_status": status,
        "deployment_weight": weight,
        "deployment_reason": None,
        "deployment_degraded_by": None,
        "deployment_health_failures": failures,
        **more,
    }


def one(row: Row, probed: Probed, policy: HealthPolicy | None = None, *others: tuple[Row, Probed]) -> HealthStep:
    return t.cast(HealthStep, decide([(row, probed), *others], policy or HealthPolicy())[0])


def test_what_answers_is_noted_and_left_alone() -> None:
    assert one(entry(failures=2), PASS) == HealthStep(entry(failures=2), PASS, 0)


def test_what_cannot_be_found_out_is_not_even_noted() -> None:
    step = one(entry(failures=2), UNKNOWN)
    assert (step.failures, step.becomes) == (None, "")


@pytest.mark.parametrize(("failures", "becomes"), [(0, ""), (1, ""), (2, "degraded"), (9, "degraded")])
def test_the_third_failure_in_a_row_degrades(failures: int, becomes: str) -> None:
    step = one(entry(failures=failures), FAIL)
    assert (step.failures, step.becomes) == (failures + 1, becomes)
    assert step.reason == (f"health check: failed {failures + 1} times in a row: HTTP 500" if becomes else "")


def test_attempts_of_one_run_count_each() -> None:
    assert one(entry(), Probed("fail", "HTTP 500", 3)).becomes == "degraded"


@pytest.mark.parametrize(("degraded_by", "becomes"), [("health_check", "ready"), ("reconcile", "ready"), (None, "")])
def test_only_what_a_check_degraded_is_called_ready_again_whatever_the_reason_says(degraded_by: str | None, becomes: str) -> None:
    row = entry(status="degraded", failures=5, deployment_reason="health check: as a person may write too", deployment_degraded_by=degraded_by)
    assert one(row, PASS).becomes == becomes


def test_the_last_one_stays_in_the_routing_without_force() -> None:
    policy, row = HealthPolicy(3, 5), entry(status="degraded", failures=4)
    step = one(row, FAIL, policy)
    assert step.becomes == ""
    assert "stays routable although revision a failed 5 times" in step.note
    assert one(row, FAIL, HealthPolicy(3, 5, force=True)).becomes == "failed"
    assert one(entry(failures=4), FAIL, policy).becomes == "degraded"


@pytest.mark.parametrize(
    ("other", "probed", "becomes"),
    [
        (entry("b"), PASS, "failed"),
        (entry("b"), FAIL, ""),
        (entry("b"), UNKNOWN, ""),
        (entry("b", weight=0), PASS, ""),
        (entry("b", organization_id="north"), PASS, ""),
        (entry("b", deployment_environment="production"), PASS, ""),
    ],
)
def test_one_leaves_the_routing_only_beside_another_that_answers_and_has_traffic(other: Row, probed: Probed, becomes: str) -> None:
    assert one(entry(status="degraded", failures=4), FAIL, HealthPolicy(3, 5), (other, probed)).becomes == becomes


ENTRIES = st.builds(
    entry,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["ready", "degraded"]),
    st.integers(0, 10),
    st.sampled_from([0, 10, WHOLE]),
    model_name=st.sampled_from(["m", "n"]),
    deployment_degraded_by=st.none() | st.sampled_from(["health_check", "reconcile"]),
)


@given(st.lists(st.tuples(ENTRIES, st.sampled_from([PASS, FAIL, UNKNOWN, Probed("fail", "x\n" * 900, 4)])), max_size=6), st.integers(1, 4), st.integers(0, 8))
def test_whatever_is_seen_a_model_keeps_one_that_is_routable(probes: list[tuple[Row, Probed]], degrade_after: int, more: int) -> None:
    steps = decide(probes, HealthPolicy(degrade_after, degrade_after + more if more else 0))
    assert [step.entry for step in steps] == [row for row, _probed in probes]
    for model in {row["model_name"] for row, _probed in probes}:
        mine = [step for step in steps if step.entry["model_name"] == model]
        assert any(step.becomes != "failed" for step in mine)
    for step in steps:
        assert len(step.reason) <= 500
        assert step.reason.isprintable()
        assert step.becomes != step.entry["deployment_status"]
