"""Each fault that the simulated engine can have, found by the check that is there for it."""

from __future__ import annotations

import typing as t

import pytest

from tests.integration.endpoint.conftest import KEY, Engine, codes, engine, verdicts, verified

GATES = {"p95_e2e_seconds": {"max": 2, "min_samples": 5}, "error_rate": {"max": 0.001, "min_samples": 5}}


@pytest.fixture(scope="module")
def shared() -> t.Iterator[Engine]:
    with engine() as running:
        yield running


def test_every_check_passes_where_it_should(shared: Engine) -> None:
    names = ["health", "ready", "version", "models", "authentication", "chat", "completion", "stream", "wrong_model", "latency"]
    result = verified(url=shared.url, checks=names, gates=GATES)
    assert result["verdict"] == "pass", result["message"]
    assert [name for name, verdict in verdicts(result).items() if verdict != "pass"] == ["ready"]


#: Faults, options, the check that fails, and the codes that it may have.
FAULTS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], str, set[str]]] = {
    "another name": ({"wrong_name": "mistral-7b"}, {}, "models", {"wrong_model"}),
    "stalled": ({"stalled": True}, {"request_timeout": 0.5}, "health", {"no_answer"}),
    "every request fails": ({"error_rate": 1.0}, {}, "chat", {"http_status"}),
    "stream cut": ({"stream_fault": "cut"}, {}, "stream", {"truncated"}),
    "stream drips": ({"stream_fault": "drip", "drip_seconds": 0.2}, {"request_timeout": 1.0}, "stream", {"no_answer"}),
    "stream endless": ({"stream_fault": "endless", "itl_ms": 0.01}, {"request_timeout": 2.0}, "stream", {"no_answer", "too_large"}),
    "too slow for the request": ({"slow_factor": 400}, {"request_timeout": 1.0}, "chat", {"no_answer"}),
}
HEALTHY = {"wrong_name": "", "stalled": False, "error_rate": 0.0, "stream_fault": "none", "slow_factor": 1.0, "itl_ms": "2~0.1"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_with_the_right_code(shared: Engine, fault: str) -> None:
    faults, options, check, expected = FAULTS[fault]
    shared.set(**faults)
    try:
        result = verified(url=shared.url, **options)
    finally:
        shared.set(**HEALTHY)
    assert result["verdict"] == "fail"
    assert verdicts(result)[check] == "fail", result["message"]
    assert result["code"] in expected, result["message"]
    assert codes(result)[check] == result["code"]


def test_some_requests_that_fail_break_the_error_rate_and_not_the_latency_check(shared: Engine) -> None:
    shared.set(error_rate=0.4)
    try:
        result = verified(url=shared.url, checks=["latency"], samples=40, gates=GATES)
    finally:
        shared.set(**HEALTHY)
    assert verdicts(result) == {"latency": "pass"}
    assert [(gate["verdict"], gate["code"]) for gate in result["gates"]] == [("fail", "exceeded")] * 2
    assert set(result["latency"]["errors"]) == {"http_500"}


def test_a_model_that_is_too_slow_fails_its_gate_and_nothing_else(shared: Engine) -> None:
    shared.set(ttft_ms=400)
    try:
        result = verified(url=shared.url, gates={"p95_ttft_seconds": {"max": 0.2, "min_samples": 5}})
    finally:
        shared.set(ttft_ms="5~0.2")
    assert set(verdicts(result).values()) == {"pass"}
    assert result["verdict"] == "fail"
    assert (result["code"], result["gates"][0]["name"]) == ("exceeded", "p95_ttft_seconds")


def test_a_server_that_is_healthy_until_it_generates_fails() -> None:
    with engine(environ={"LAB_ENGINE_BROKEN_AFTER": "0"}) as broken:
        result = verified(url=broken.url)
    found = verdicts(result)
    assert (found["health"], found["models"], found["chat"]) == ("pass", "pass", "fail")
    assert "EngineCore encountered an issue" in result["message"]


def test_an_engine_that_dies_in_a_stream_is_found_inside_the_200() -> None:
    with engine(environ={"LAB_ENGINE_BROKEN_AFTER": "0"}) as broken:
        result = verified(url=broken.url, checks=["stream"])
    assert result["verdict"] == "fail"
    assert result["code"] == "bad_stream", result["message"]


def test_a_dead_engine_fails_its_health() -> None:
    with engine(environ={"LAB_ENGINE_WATCHDOG_SECONDS": "600"}) as dying:
        dying.set(dead=True)
        result = verified(url=dying.url)
    assert verdicts(result)["health"] == "fail"
    assert verdicts(result)["chat"] == "skipped"
    assert (result["code"], result["checks"][0]["observed"]) == ("http_status", 503)


def test_the_key_opens_and_only_the_key() -> None:
    with engine("--api-key", KEY) as closed:
        assert verified(url=closed.url, endpoint_api_key=KEY, key_required=True)["verdict"] == "pass"
        without, wrong = verified(url=closed.url), verified(url=closed.url, endpoint_api_key="wrong")
    assert without["code"] == wrong["code"] == "key_refused"
    assert without["verdict"] == wrong["verdict"] == "fail"


def test_an_open_server_fails_where_a_key_is_required(shared: Engine) -> None:
    result = verified(url=shared.url, endpoint_api_key=KEY, key_required=True)
    assert codes(result)["authentication"] == "open_without_key"


def test_a_pooling_server_is_verified_by_kind_embedding_and_only_so() -> None:
    with engine("--runner", "pooling", "--convert", "embed") as pooling:
        right, wrong = verified(url=pooling.url, kind="embedding", gates=GATES), verified(url=pooling.url)
    assert right["verdict"] == "pass", right["message"]
    assert wrong["verdict"] == "fail"
    assert (wrong["code"], codes(wrong)["chat"]) == ("http_status", "http_status")


def test_a_full_queue_is_said_so() -> None:
    with engine("--max-num-queued-reqs", "1", "--max-num-seqs", "1") as busy:
        busy.set(ttft_ms=300)
        result = verified(url=busy.url, checks=["latency"], samples=8, concurrency=4, warmup=0, gates={"error_rate": 0})
    assert result["verdict"] == "fail"
    assert set(result["latency"]["errors"]) == {"http_503"}
