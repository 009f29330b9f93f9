"""The whole verification against a server that behaves, and against each way of not serving."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError

from tests.unit.endpoint.servers import Behaviour, event, vllm
from tests.unit.endpoint.verifying import KEY, broken_generation, reply, verdicts, verified


def test_a_model_that_serves_passes_every_check_in_the_order_asked() -> None:
    names = ["version", "health", "ready", "models", "authentication", "chat", "completion", "stream", "wrong_model", "latency"]
    with vllm(Behaviour(key=KEY)) as (url, _it):
        result = verified(
            url, checks=names, endpoint_api_key=KEY, key_required=True, gates={"p95_e2e_seconds": {"max": 2, "min_samples": 5}, "completion_seconds": 3}
        )
    assert list(verdicts(result)) == names
    assert set(verdicts(result).values()) == {"pass", "skipped"}
    assert verdicts(result)["ready"] == "skipped"
    assert result["verdict"] == "pass", result["message"]
    assert result["message"] == f"llama-3-8b serves at {url}: 9 checks and 2 gates passed"
    assert result["latency"]["requests"] == 5
    assert KEY not in json.dumps(result)


def test_an_embedding_model_is_verified_by_its_vectors() -> None:
    with vllm() as (url, _it):
        result = verified(url, kind="embedding", gates={"p95_e2e_seconds": {"max": 2, "min_samples": 5}})
    assert verdicts(result) == {"health": "pass", "models": "pass", "authentication": "pass", "embedding": "pass", "latency": "pass"}
    assert result["verdict"] == "pass"


ENGINE_DEAD = {"error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}}
FAULTS: dict[str, tuple[Behaviour, dict[str, t.Any], str, str]] = {
    "health 503": (Behaviour(health=503), {}, "health", "the engine is dead or not up yet"),
    "health 404": (Behaviour(health=404), {}, "health", "not a vLLM server"),
    "another model": (Behaviour(model="mistral-7b"), {}, "models", "it serves mistral-7b, not llama-3-8b: check --served-model-name"),
    "key missing": (Behaviour(key=KEY), {}, "models", "the key is missing or wrong: check endpoint_api_key (VLLM_API_KEY)"),
    "key wrong": (Behaviour(key=KEY), {"endpoint_api_key": "other"}, "models", "the key is missing or wrong"),
    "key required but none": (Behaviour(), {"endpoint_api_key": KEY, "key_required": True}, "authentication", "answers without a key although one is required"),
    "key not expected": (Behaviour(key=KEY), {"endpoint_api_key": KEY, "key_required": False}, "authentication", "wants a key although none is expected"),
    "every generation fails": (broken_generation(500, ENGINE_DEAD), {}, "chat", "HTTP 500: EngineCore encountered an issue."),
    "queue full": (
        broken_generation(503, {"error": {"message": "The engine is currently busy", "type": "x"}}),
        {},
        "chat",
        "503: The engine is currently busy",
    ),
    "no chat template": (
        broken_generation(400, {"error": {"message": "no chat template", "type": "BadRequestError"}}),
        {},
        "chat",
        "HTTP 400: no chat template",
    ),
    "another kind of server": (broken_generation(404, {"detail": "Not Found"}), {}, "chat", "serves another kind of model"),
    "no tokens": (broken_generation(200, reply(usage={"completion_tokens": 0})), {}, "chat", "generated no token"),
    "no usage": (broken_generation(200, reply(usage=None)), {}, "chat", "without usage.completion_tokens"),
    "tokens that are true": (broken_generation(200, reply(usage={"completion_tokens": True})), {}, "chat", "without usage.completion_tokens"),
    "no choices": (broken_generation(200, reply(choices=[])), {}, "chat", "without choices"),
    "cut off": (broken_generation(200, reply(choices=[{"finish_reason": "abort"}])), {}, "chat", "cut off"),
    "not finished": (broken_generation(200, reply(choices=[{"finish_reason": None}])), {}, "chat", "finish_reason"),
    "stream with an error": (
        Behaviour(chunks=lambda _asked: iter([event(ENGINE_DEAD), b"data: [DONE]\n\n"])),
        {},
        "stream",
        "200 and then an error inside the stream: EngineCore encountered an issue.",
    ),
    "stream without an end": (Behaviour(chunks=lambda _asked: iter([event(reply())])), {}, "stream", "ended without [DONE]"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_way_of_not_serving_fails_its_check_and_says_so(fault: str) -> None:
    behaviour, given, check, words = FAULTS[fault]
    with vllm(behaviour) as (url, _it):
        result = verified(url, **given)
    assert result["verdict"] == "fail"
    assert verdicts(result)[check] == "fail"
    assert words in result["message"], result["message"]
    assert "\n" not in result["message"]
    assert KEY not in json.dumps(result)


def test_empty_text_with_tokens_is_a_generation() -> None:
    with vllm(broken_generation(200, reply(choices=[{"finish_reason": "stop", "message": {"content": ""}}]))) as (url, _it):
        assert verified(url, checks=["chat"])["verdict"] == "pass"


def test_a_redirect_is_reported_with_its_location() -> None:
    with vllm() as (url, it):
        it.routes["/v1/models"] = (307, {"Location": "http://elsewhere.example.com/\x07"}, b"")
        result = verified(url, checks=["models"])
    assert result["verdict"] == "fail"
    assert "a redirect to 'http://elsewhere.example.com/', which is never followed" in result["message"]


def test_a_models_name_full_of_control_characters_stays_in_one_line() -> None:
    with vllm(Behaviour(model="\x1b[31m\r\nllama\x00" * 50)) as (url, _it):
        result = verified(url, checks=["models"])
    assert result["verdict"] == "fail"
    assert result["message"].isprintable()
    assert all(name.isprintable() for name in result["checks"][0]["observed"])


def test_failed_requests_are_counted_by_kind_and_reach_the_percentile() -> None:
    with vllm(Behaviour(fail_every=2)) as (url, _it):
        result = verified(
            url,
            checks=["latency"],
            samples=10,
            warmup=0,
            gates={"p95_e2e_seconds": {"max": 2, "min_samples": 5}, "error_rate": {"max": 0.001, "min_samples": 5}},
        )
    assert result["latency"]["errors"] == {"http_500": 5}
    assert result["latency"]["e2e"]["count"] == 5
    assert [(gate["verdict"], gate["observed"]) for gate in result["gates"]] == [("fail", "inf"), ("fail", 0.5)]


def test_warm_up_requests_are_sent_and_do_not_count() -> None:
    with vllm() as (url, it):
        result = verified(url, checks=["latency"], samples=8, concurrency=4)
    assert it.generations == 8 + 4
    assert result["latency"]["requests"] == 8


def test_a_gate_without_data_is_inconclusive_and_so_is_the_whole() -> None:
    with vllm() as (url, _it):
        result = verified(url, samples=0, gates={"p95_e2e_seconds": 3})
    assert result["verdict"] == "inconclusive"
    assert result["message"] == "llama-3-8b: cannot tell, gate p95_e2e_seconds: nothing was measured for it"


def test_too_few_samples_are_inconclusive_never_a_pass() -> None:
    with vllm() as (url, _it):
        result = verified(url, gates={"p95_e2e_seconds": 3})
    assert result["verdict"] == "inconclusive"
    assert "59 samples" in result["message"]


def test_the_total_deadline_ends_it_and_what_was_not_reached_is_inconclusive() -> None:
    with vllm(Behaviour(ttft=0.2)) as (url, _it):
        result = verified(url, samples=50, timeout=1.5, checks=["health", "latency"], gates={"p95_e2e_seconds": 3})
    assert result["duration"] < 2.5
    assert result["verdict"] == "inconclusive"
    assert "before the time was used up" in result["message"]


@pytest.mark.parametrize(
    "given",
    [
        {"model": ""},
        {"model": "a\nb"},
        {"model": "m" * 257},
        {"samples": -1},
        {"concurrency": 0},
        {"concurrency": 1000},
        {"max_tokens": 0},
        {"max_tokens": 1_000_000},
        {"timeout": 0},
        {"request_timeout": -1},
        {"rate": -1},
        {"checks": []},
        {"prompt": ""},
        {"endpoint_api_key": "key\n"},
        {"url": None},
        {"url": "http://user:pw@host"},
        {"allowed_networks": ["loopback"]},
        {"way": "port_forward"},
        {"way": "port_forward", "namespace": "staging"},
        {"way": "port_forward", "namespace": "staging", "pod": "x", "pods": "new"},
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(given: dict[str, t.Any]) -> None:
    with vllm() as (url, it), pytest.raises(InputError):
        verified(url, **given)
    assert it.seen == []
