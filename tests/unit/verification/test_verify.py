"""The whole verification against a server that behaves, and against each way of not serving."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.endpoint._checks_api import NOBODY

from tests.unit.endpoint.servers import Behaviour, event, vllm
from tests.unit.verification.verifying import ENGINE_DEAD, KEY, broken_generation, codes, reply, verdicts, verified


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


QUEUE_FULL = {"error": {"message": "The engine is currently busy", "type": "x"}}
NO_TEMPLATE = {"error": {"message": "no chat template", "type": "BadRequestError"}}
#: What the server does, what it is asked with, the check that fails, its code, and the words of the server's own that the sentence must quote.
FAULTS: dict[str, tuple[Behaviour, dict[str, t.Any], str, str, str]] = {
    "health 503": (Behaviour(health=503), {}, "health", "http_status", "503"),
    "health 404": (Behaviour(health=404), {}, "health", "http_status", "404"),
    "another model": (Behaviour(model="mistral-7b"), {}, "models", "wrong_model", "mistral-7b"),
    "key missing": (Behaviour(key=KEY), {}, "models", "key_refused", "VLLM_API_KEY"),
    "key missing where only that is asked": (Behaviour(key=KEY), {"checks": ["authentication"]}, "authentication", "key_missing", "VLLM_API_KEY"),
    "key wrong": (Behaviour(key=KEY), {"endpoint_api_key": "other"}, "models", "key_refused", "VLLM_API_KEY"),
    "key wrong where only that is asked": (
        Behaviour(key=KEY),
        {"endpoint_api_key": "other", "checks": ["authentication"]},
        "authentication",
        "key_refused",
        "VLLM_API_KEY",
    ),
    "key required but none": (Behaviour(), {"endpoint_api_key": KEY, "key_required": True}, "authentication", "open_without_key", "key_required"),
    "key not expected": (Behaviour(key=KEY), {"endpoint_api_key": KEY, "key_required": False}, "authentication", "key_unexpected", "key_required"),
    "every generation fails": (broken_generation(500, ENGINE_DEAD), {}, "chat", "http_status", "EngineCore encountered an issue."),
    "queue full": (broken_generation(503, QUEUE_FULL), {}, "chat", "http_status", "The engine is currently busy"),
    "no chat template": (broken_generation(400, NO_TEMPLATE), {}, "chat", "http_status", "no chat template"),
    "another kind of server": (broken_generation(404, {"detail": "Not Found"}), {}, "chat", "http_status", "kind: chat, completion, embedding"),
    "no tokens": (broken_generation(200, reply(usage={"completion_tokens": 0})), {}, "chat", "empty_answer", "usage.completion_tokens 0"),
    "no usage": (broken_generation(200, reply(usage=None)), {}, "chat", "empty_answer", "usage.completion_tokens"),
    "tokens that are true": (broken_generation(200, reply(usage={"completion_tokens": True})), {}, "chat", "empty_answer", "usage.completion_tokens"),
    "no choices": (broken_generation(200, reply(choices=[])), {}, "chat", "bad_answer", "choices"),
    "cut off": (broken_generation(200, reply(choices=[{"finish_reason": "abort"}])), {}, "chat", "aborted", "finish_reason abort"),
    "not finished": (broken_generation(200, reply(choices=[{"finish_reason": None}])), {}, "chat", "bad_answer", "finish_reason"),
    "another name in the answer": (broken_generation(200, reply(model="mistral-7b")), {}, "chat", "wrong_model", "mistral-7b"),
    "stream with an error": (
        Behaviour(chunks=lambda _asked: iter([event(ENGINE_DEAD), b"data: [DONE]\n\n"])),
        {},
        "stream",
        "bad_stream",
        "EngineCore encountered an issue.",
    ),
    "stream without an end": (Behaviour(chunks=lambda _asked: iter([event(reply())])), {}, "stream", "truncated", "[DONE]"),
    "a gateway that answers for any model": (Behaviour(model=NOBODY), {"model": NOBODY, "checks": ["wrong_model"]}, "wrong_model", "catch_all", "200"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_way_of_not_serving_fails_its_check_with_its_code(fault: str) -> None:
    behaviour, given, check, code, quoted = FAULTS[fault]
    with vllm(behaviour) as (url, _it):
        result = verified(url, **given)
    assert result["verdict"] == "fail"
    assert verdicts(result)[check] == "fail"
    assert (codes(result)[check], result["code"]) == (code, code), result["message"]
    assert quoted in result["message"], result["message"]
    assert "\n" not in result["message"]
    assert KEY not in json.dumps(result)


def test_what_passes_has_the_code_ok_and_what_follows_a_failure_is_not_tried() -> None:
    with vllm(Behaviour(health=503)) as (url, it):
        result = verified(url)
        it.health = 200
        right = verified(url, checks=["ready", "version", "chat"])
    assert codes(result) == {"health": "http_status", **dict.fromkeys(("models", "authentication", "chat", "stream", "latency"), "not_tried")}
    assert result["checks"][0]["observed"] == 503
    assert codes(right) == {"ready": "not_offered", "version": "ok", "chat": "ok"}
    assert right["code"] == "verified"


def test_a_result_is_evidence_of_the_model_at_that_url_and_no_more() -> None:
    with vllm() as (url, _it):
        assert verified(f"{url}/v1", checks=["health"])["subject"] == {"model": "llama-3-8b", "url": url}


def test_a_run_in_which_every_check_was_skipped_proves_nothing() -> None:
    with vllm() as (url, _it):
        result = verified(url, checks=["ready"])
    assert (result["verdict"], result["code"]) == ("inconclusive", "nothing_checked")


def test_empty_text_with_tokens_is_a_generation() -> None:
    with vllm(broken_generation(200, reply(choices=[{"finish_reason": "stop", "message": {"content": ""}}]))) as (url, _it):
        assert verified(url, checks=["chat"])["verdict"] == "pass"


def test_a_redirect_is_reported_with_its_location() -> None:
    with vllm() as (url, it):
        it.routes["/v1/models"] = (307, {"Location": "http://elsewhere.example.com/\x07"}, b"")
        result = verified(url, checks=["models"])
    assert result["verdict"] == "fail"
    assert result["code"] == "redirect" or result["code"] == "http_status"
    assert "http://elsewhere.example.com/" in result["message"]


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
    assert (result["code"], result["gates"][0]["code"]) == ("no_data", "no_data")


def test_too_few_samples_are_inconclusive_never_a_pass() -> None:
    with vllm() as (url, _it):
        result = verified(url, gates={"p95_e2e_seconds": 3})
    assert result["verdict"] == "inconclusive"
    assert (result["code"], result["gates"][0]["code"], result["gates"][0]["min_samples"]) == ("too_few_samples", "too_few_samples", 59)


def test_the_total_deadline_ends_it_and_what_was_not_reached_is_inconclusive() -> None:
    with vllm(Behaviour(ttft=0.2)) as (url, _it):
        result = verified(url, samples=50, timeout=1.5, checks=["health", "latency"], gates={"p95_e2e_seconds": 3})
    assert result["duration"] < 2.5
    assert result["verdict"] == "inconclusive"
    assert result["code"] == "too_few_samples"


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
        {"via": "port_forward"},
        {"via": "port_forward", "namespace": "staging"},
        {"via": "port_forward", "namespace": "staging", "pod": "x", "pods": "new"},
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(given: dict[str, t.Any]) -> None:
    with vllm() as (url, it), pytest.raises(InputError):
        verified(url, **given)
    assert it.seen == []
