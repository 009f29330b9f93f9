"""Gates: read strictly, and judged so that no data is never a pass."""

from __future__ import annotations

import math
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.gates import _gate, _judge
from ansible_collections.inference.vllm.plugins.module_utils.gates._judge import Measurements
from hypothesis import given
from hypothesis import strategies as st

INF = math.inf


def judged(gates: dict[str, t.Any], evidence: Measurements) -> dict[str, t.Any]:
    (gate,) = _gate.parse(gates)
    return _judge.judge(gate, evidence)


def latencies(*values: float, failed: int = 0) -> Measurements:
    return Measurements({"e2e": [*values, *[INF] * failed]}, len(values) + failed, failed)


P95 = {"p95_e2e_seconds": 3}


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (latencies(*[1.0] * 59), "pass"),
        (latencies(*[1.0] * 58), "inconclusive"),
        (latencies(*[1.0] * 5), "inconclusive"),
        (latencies(*[1.0] * 59, 4.0), "inconclusive"),
        (latencies(*[1.0] * 92, 4.0), "pass"),
        (latencies(*[1.0] * 92, failed=1), "pass"),
        (latencies(*[1.0] * 40, *[4.0] * 20), "fail"),
        (latencies(*[1.0] * 40, failed=20), "fail"),
        (latencies(1.0, 1.0, 1.0, 1.0, 4.0), "inconclusive"),
        (latencies(1.0, 1.0, 1.0, 4.0, 4.0), "fail"),
        (latencies(*[3.0] * 59), "pass"),
        (latencies(), "inconclusive"),
        (Measurements(), "inconclusive"),
        (Measurements({"e2e": [1.0] * 60}, 60, doubt="the prober was busy"), "inconclusive"),
        (Measurements({"e2e": [9.0] * 60}, 60, doubt="the prober was busy"), "inconclusive"),
    ],
)
def test_a_percentile_is_proven_refuted_or_neither(evidence: Measurements, verdict: str) -> None:
    assert judged(P95, evidence)["verdict"] == verdict


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (latencies(*[1.0] * 5), "pass"),
        (latencies(*[1.0] * 4), "inconclusive"),
        (latencies(1.0, 1.0, 1.0, 1.0, 4.0), "fail"),
        (latencies(*[1.0] * 4, failed=1), "fail"),
        (latencies(), "inconclusive"),
    ],
)
def test_with_min_samples_the_sample_itself_decides(evidence: Measurements, verdict: str) -> None:
    assert judged({"p95_e2e_seconds": {"max": 3, "min_samples": 5}}, evidence)["verdict"] == verdict


def test_a_quick_verdict_says_how_little_it_proves() -> None:
    entry = judged({"p95_e2e_seconds": {"max": 3, "min_samples": 5}}, latencies(*[1.0] * 5))
    assert entry["confidence"] == pytest.approx(1 - 0.95**5, abs=1e-4)
    assert entry["code"] == "met"
    assert "22.6 % confidence" in entry["message"]


@pytest.mark.parametrize(("share", "shown"), [(0.94999, "94.9 %"), (0.95, "95 %"), (0.9995, "99.9 %"), (0.29, "29 %"), (1.0, "100 %"), (0.0, "0 %")])
def test_a_confidence_is_never_rounded_up(share: float, shown: str) -> None:
    assert _judge.percent(share) == shown


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (latencies(*[1.0] * 60), "met"),
        (latencies(*[4.0] * 60), "exceeded"),
        (latencies(*[1.0] * 5), "too_few_samples"),
        (latencies(), "no_data"),
        (Measurements({"e2e": [1.0] * 60}, 60, doubt="the prober was busy"), "prober_busy"),
    ],
)
def test_each_verdict_of_a_gate_has_its_code(measured: Measurements, code: str) -> None:
    assert judged(P95, measured)["code"] == code


def test_too_few_samples_say_how_many_would_do() -> None:
    entry = judged(P95, latencies(*[1.0] * 5))
    assert (entry["samples"], entry["min_samples"]) == (5, 59)
    assert entry["code"] == "too_few_samples"


@pytest.mark.parametrize(
    ("limit", "failed", "requests", "verdict"),
    [
        (0.001, 0, 60, "inconclusive"),
        (0.001, 0, 2995, "pass"),
        (0.001, 2, 60, "fail"),
        ({"max": 0.001, "min_samples": 60}, 0, 60, "pass"),
        ({"max": 0.001, "min_samples": 60}, 1, 60, "fail"),
        ({"max": 0.001, "min_samples": 60}, 0, 59, "inconclusive"),
        (0, 0, 60, "pass"),
        (0, 1, 60, "fail"),
        ({"max": 0, "min_samples": 100}, 0, 60, "inconclusive"),
        (0.05, 0, 0, "inconclusive"),
    ],
)
def test_an_error_rate_is_judged_as_a_share(limit: t.Any, failed: int, requests: int, verdict: str) -> None:
    assert judged({"error_rate": limit}, Measurements(requests=requests, failed=failed))["verdict"] == verdict


def test_throughput_and_the_first_answer_are_single_figures() -> None:
    evidence = Measurements(requests=10, figures={"output_tokens_per_second": 120.0, "completion_seconds": 2.0, "requests_per_second": None})
    assert judged({"output_tokens_per_second": 100}, evidence)["verdict"] == "pass"
    assert judged({"output_tokens_per_second": {"min": 150}}, evidence)["verdict"] == "fail"
    assert judged({"output_tokens_per_second": {"min": 100, "min_samples": 20}}, evidence)["verdict"] == "inconclusive"
    assert judged({"completion_seconds": 3}, evidence)["verdict"] == "pass"
    assert judged({"completion_seconds": 1}, evidence)["verdict"] == "fail"
    assert judged({"requests_per_second": 1}, evidence)["verdict"] == "inconclusive"


@given(st.lists(st.floats(min_value=0.1, max_value=10) | st.just(INF), max_size=200), st.floats(min_value=0.5, max_value=8))
def test_a_pass_is_always_backed_by_enough_samples_and_failures_never_help(values: list[float], limit: float) -> None:
    entry = judged({"p95_e2e_seconds": limit}, Measurements({"e2e": values}, len(values)))
    worse = judged({"p95_e2e_seconds": limit}, Measurements({"e2e": [*values[1:], INF]}, len(values)))
    if entry["verdict"] == "pass":
        assert len(values) >= 59
        assert sum(value > limit for value in values) / len(values) <= 0.05
    order = ["fail", "inconclusive", "pass"]
    assert not values or order.index(worse["verdict"]) <= order.index(entry["verdict"])


@pytest.mark.parametrize(
    "gates",
    [
        {"p95": 3},
        {"p95_latency_seconds": 3},
        {"p00_e2e_seconds": 3},
        {"p95_e2e_seconds": "fast"},
        {"p95_e2e_seconds": True},
        {"p95_e2e_seconds": None},
        {"p95_e2e_seconds": 0},
        {"p95_e2e_seconds": -1},
        {"p95_e2e_seconds": float("nan")},
        {"p95_e2e_seconds": float("inf")},
        {"p95_e2e_seconds": {}},
        {"p95_e2e_seconds": {"min": 3}},
        {"p95_e2e_seconds": {"max": 3, "samples": 5}},
        {"p95_e2e_seconds": {"max": 3, "min_samples": 0}},
        {"p95_e2e_seconds": {"max": 3, "min_samples": 1.5}},
        {"p95_e2e_seconds": {"max": 3, "confidence": 95}},
        {"error_rate": 1},
        {"error_rate": 5},
        {"output_tokens_per_second": {"max": 5}},
    ],
)
def test_a_gate_that_cannot_be_right_is_refused_by_name(gates: dict[str, t.Any]) -> None:
    with pytest.raises(InputError, match=next(iter(gates))):
        _gate.parse(gates)


def test_numbers_may_come_as_text_and_percentiles_be_named_either_way() -> None:
    one, two = _gate.parse({"p95_ttft_seconds": "0.5", "ttft_p95_seconds": {"max": "0.5"}})
    assert (one.metric, one.percentile, one.limit) == (two.metric, two.percentile, two.limit) == ("ttft", 95, 0.5)
