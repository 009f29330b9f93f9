"""What is refused of a request before anything is asked of the cluster: all of it at once, each with its code."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._codes import CODES
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.apply import _module, _request
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, t.Any]

GOOD: Json = {
    "model": "llama-3-8b",
    "environment": "production",
    "chart_ref": "/chart",
    "model_options": {"source": "org/llama", "revision": "abc"},
    "image": {"repository": "vllm/vllm-openai", "tag": "v0.32.0"},
    "verify_samples": 60,
    "gates": {"p95_e2e_seconds": 5},
}


def read(**changed: t.Any) -> _request.ApplyRequest:
    return _request.read(_module.SPEC.complete({**GOOD, **changed}, {}))


def codes(**changed: t.Any) -> list[str]:
    """Of all that is refused, in order; empty when nothing is."""
    refused: InputError | None = None
    try:
        read(**changed)
    except InputError as error:
        refused = error
    if refused is None:
        return []
    problems = refused.result["problems"]
    assert refused.code == problems[0]["code"]
    assert all(problem["message"] in str(refused) for problem in problems)
    return [problem["code"] for problem in problems]


def test_what_is_right_is_not_refused() -> None:
    request = read()
    assert (request.release, request.namespace, request.replicas) == ("llama-3-8b-production", "production", 1)
    assert request.values["model"] == {"source": "org/llama", "revision": "abc", "servedName": "llama-3-8b"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"release": "vllm"}, "bad_release_name"),
        ({"release": "Upper"}, "bad_release_name"),
        ({"namespace": "No_Label"}, "bad_namespace"),
        ({"promotes_from": "staging"}, "promotion_only"),
        ({"model_options": {"revision": "abc"}}, "no_source"),
        ({"model_options": {"source": "org/llama"}}, "no_model_revision"),
        ({"image": {"repository": "r", "tag": "latest"}}, "tag_latest"),
        ({"replicas": -1}, "bad_replicas"),
        ({"lock_duration": 2}, "invalid_input"),
        ({"capacity_wait_timeout": -1.0}, "invalid_input"),
        ({"gates": {"p95_e2e_second": 5}}, "bad_gate"),
        ({"gates": {"p95_e2e_seconds": -5}}, "bad_gate"),
        ({"gates": {"p95_e2e_seconds": {"max": 5, "mode": 1}}}, "bad_gate"),
        ({"verify_samples": 58}, "too_few_samples"),
        ({"gates": {"error_rate": 0.01}, "verify_samples": 60}, "too_few_samples"),
        ({"gates": {"p99_e2e_seconds": 5}, "verify_samples": 60}, "too_few_samples"),
        ({"gates": {"p95_e2e_seconds": {"max": 5, "min_samples": 100}}}, "too_few_samples"),
        ({"gates": {"requests_per_second": {"min": 1, "min_samples": 100}}}, "too_few_samples"),
        ({"gates": {"requests_per_second": 1}, "verify_samples": 0}, "too_few_samples"),
        ({"gates": {"completion_seconds": {"max": 30, "min_samples": 2}}}, "too_few_samples"),
        ({"values": {"podAnnotations": {"since": datetime.date(2026, 1, 1)}}}, "invalid_input"),
        ({"state": "absent"}, "reason_missing"),
    ],
)
def test_each_refusal_has_its_code_and_comes_alone_when_all_else_is_right(changed: Json, code: str) -> None:
    assert codes(**changed) == [code]
    assert code in CODES


@pytest.mark.parametrize("part", ["model", "image", "engine", "apiKey"])
def test_a_map_of_the_chart_that_was_given_as_something_else_is_refused_and_no_traceback(part: str) -> None:
    assert codes(values={part: "text"}) == ["invalid_input"]


@pytest.mark.parametrize(
    "changed",
    [
        {"verify_samples": 59},
        {"gates": {"p95_e2e_seconds": {"max": 5, "min_samples": 10}}, "verify_samples": 10},
        {"gates": {}, "verify_samples": 0},
        {"gates": {"completion_seconds": 30}, "verify_samples": 1},
        {"gates": {"error_rate": 0}, "verify_samples": 1},
        {"replicas": 0},
        {"state": "absent", "reason": "it is old"},
        {"state": "absent", "environment": "staging"},
        {"state": "verified", "promotes_from": "staging"},
        {"promotes_from": "staging", "state": "absent", "reason": "it is old"},
        {"environment": "development", "image": {"repository": "r", "tag": "latest"}, "model_options": {"source": "s"}},
        {"model": "qwen2.5-7b"},
    ],
)
def test_what_can_be_right_is_not_refused(changed: Json) -> None:
    assert codes(**changed) == []


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = {
        "release": "vllm",
        "namespace": "A",
        "promotes_from": "staging",
        "model_options": {},
        "image": {"tag": "latest"},
        "replicas": -1,
        "lock_duration": 1,
    }
    assert codes(**wrong, verify_samples=1) == [
        "bad_release_name",
        "bad_namespace",
        "promotion_only",
        "no_source",
        "tag_latest",
        "no_model_revision",
        "bad_replicas",
        "invalid_input",
        "too_few_samples",
    ]


def test_several_gates_that_can_never_pass_are_told_each() -> None:
    assert codes(gates={"p95_e2e_seconds": 5, "p99_ttft_seconds": 1}, verify_samples=10) == ["too_few_samples"] * 2


def test_with_an_autoscaler_no_number_of_replicas_goes_to_the_chart() -> None:
    request = read(autoscaled=True, replicas=7)
    assert (request.replicas, request.values["replicas"]) == (None, None)


def test_a_digest_takes_the_tag_of_the_chart_away() -> None:
    assert read(image={"repository": "r", "digest": "sha256:0"}).values["image"] == {"repository": "r", "digest": "sha256:0", "tag": None}


def test_the_users_own_values_are_over_all_others() -> None:
    assert read(values={"replicas": 5, "image": {"tag": "mine"}}).values["image"] == {"repository": "vllm/vllm-openai", "tag": "mine"}


@given(st.text(max_size=60), st.sampled_from(["development", "staging", "production"]))
def test_whatever_the_model_is_called_its_release_is_never_what_is_refused(model: str, environment: str) -> None:
    assert codes(model=model, environment=environment) == []
