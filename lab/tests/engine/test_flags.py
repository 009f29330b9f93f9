# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags that change what a running server does."""

from __future__ import annotations

import concurrent.futures
import pathlib
import typing as t

import pytest

from ._api import Api, Running, until

pytestmark = pytest.mark.startup
Start = t.Callable[..., Running]


def test_aliases_answer_with_the_first_name(start: Start) -> None:
    api = start("--served-model-name", "tiny", "also").ready()
    cards = api.get("/v1/models").json["data"]
    assert [card["id"] for card in cards] == ["tiny", "also"]
    assert len({card["root"] for card in cards}) == 1
    assert api.chat(model="also").json["model"] == "tiny"
    assert api.chat(model="nope").error["message"].endswith("Valid aliases: tiny, also.")
    assert {labels["model_name"] for labels in api.metrics().labels("vllm:num_requests_running")} == {"tiny"}


def test_without_a_served_name_the_model_itself_is_the_name(start: Start) -> None:
    api = start().ready()
    card = api.get("/v1/models").json["data"][0]
    assert card["id"] == card["root"]


def test_docs_can_be_switched_off(start: Start) -> None:
    api = start("--disable-fastapi-docs").ready()
    assert (api.get("/docs").status, api.get("/openapi.json").status) == (404, 404)


def test_without_statistics_no_engine_metric_is_left(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--disable-log-stats").ready()
    assert api.chat().status == 200
    found = api.metrics()
    assert not [name for name in found.types if name.startswith("vllm:")]
    assert found.value("http_requests_total", handler="/v1/chat/completions") == 1


def test_created_series_can_be_switched_off(start: Start) -> None:
    api = start("--served-model-name", "tiny", environ={"PROMETHEUS_DISABLE_CREATED_SERIES": "True"}).ready()
    assert "_created" not in api.metrics().text


def test_request_ids_come_back_when_asked_for(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--enable-request-id-headers").ready()
    assert api.get("/version", headers={"X-Request-Id": "abc"}).headers["x-request-id"] == "abc"
    assert len(api.get("/version").headers["x-request-id"]) == 32


def test_usage_can_be_forced_into_every_stream(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--enable-force-include-usage").ready()
    assert api.chat(stream=True).chunks[-1]["choices"] == []


def test_probes_can_be_kept_out_of_the_access_log(start: Start) -> None:
    running = start("--served-model-name", "tiny", "--disable-access-log-for-endpoints", "/health,/metrics,/ping")
    api = running.ready()
    api.get("/metrics")
    api.get("/version")
    running.until("GET /version")
    assert '"GET /version HTTP/1.1" 200 OK' in running.output
    assert "GET /health" not in running.output
    assert "GET /metrics" not in running.output


def test_the_fingerprint_differs_for_another_length_and_not_for_another_shutdown(start: Start) -> None:
    first, same, other = (
        start("--served-model-name", "tiny", *more).ready().chat().json["system_fingerprint"]
        for more in ((), ("--shutdown-timeout", "7"), ("--max-model-len", "1024"))
    )
    assert first == same
    assert first != other


def _long(api: Api, tokens: int, **more: t.Any) -> int:
    return api.chat(max_tokens=tokens, ignore_eos=True, **more).status


def test_the_queue_limit_counts_what_runs_too(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--max-num-queued-reqs", "1").ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(_long, api, 600)
        until(lambda: api.metrics().value("vllm:num_requests_running") == 1)
        refused = api.chat()
        assert (refused.status, refused.error["type"]) == (503, "Service Unavailable")
        assert refused.error["message"].startswith("The engine is currently busy")
        assert "retry-after" not in refused.headers
        assert first.result() == 200
    assert api.metrics().value("vllm:admission_rejections_total", reason="max_num_queued_reqs") == 1
    assert api.chat().status == 200


def test_the_queue_limit_counts_each_of_n(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--max-num-queued-reqs", "2").ready()
    assert api.chat(n=3, temperature=1).status == 503
    assert api.chat(n=2, temperature=1).status == 200


def test_requests_beyond_the_slots_wait(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--max-num-seqs", "1").ready()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(_long, api, 400) for _ in range(3)]
        until(lambda: api.metrics().value("vllm:num_requests_waiting") == 2)
        seen = api.metrics()
        assert seen.value("vllm:num_requests_running") == 1
        assert seen.value("vllm:num_requests_waiting_by_reason", reason="capacity") == 2
        assert [one.result() for one in waiting] == [200, 200, 200]
    assert (api.metrics().value("vllm:request_queue_time_seconds_sum") or 0) > 0.3


def test_load_counts_when_tracking_is_on(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--enable-server-load-tracking").ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(_long, api, 400)
        until(lambda: api.get("/load").json != {"server_load": 0})
        assert api.get("/load").json == {"server_load": 1}
        first.result()
    # Counted off by a task that runs after the answer.
    until(lambda: api.get("/load").json == {"server_load": 0})


@pytest.mark.simulated
def test_an_adapter_is_a_model_with_a_parent(start: Start) -> None:
    running = start("--served-model-name", "tiny", "--enable-lora", "--lora-modules", "sql=/adapters/sql", '{"name": "fr", "path": "/adapters/fr"}')
    api = running.ready()
    cards = {card["id"]: card for card in api.get("/v1/models").json["data"]}
    assert (cards["sql"]["parent"], cards["sql"]["root"], cards["sql"]["max_model_len"]) == ("tiny", "/adapters/sql", None)
    assert api.chat(model="fr").json["model"] == "fr"
    assert api.metrics().labels("vllm:lora_requests_info")[0].keys() == {"max_lora", "running_lora_adapters", "waiting_lora_adapters"}


@pytest.mark.simulated
def test_adapters_come_and_go_when_that_is_allowed(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--enable-lora", environ={"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}).ready()
    assert api.post("/v1/load_lora_adapter", {"lora_name": "a", "lora_path": "/a"}).status == 200
    assert api.chat(model="a").status == 200
    assert api.post("/v1/load_lora_adapter", {"lora_name": "a", "lora_path": "/a"}).status == 400
    assert api.post("/v1/unload_lora_adapter", {"lora_name": "a"}).status == 200
    assert api.chat(model="a").status == 404


def test_a_pooling_server_embeds_and_does_not_chat(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--runner", "pooling", "--convert", "embed").ready()
    body = api.post("/v1/embeddings", {"model": "tiny", "input": ["a", "b"]}).json
    assert (body["object"], [item["index"] for item in body["data"]]) == ("list", [0, 1])
    assert all(isinstance(value, float) for value in body["data"][0]["embedding"])
    assert body["usage"]["completion_tokens"] == 0
    assert api.chat().json == {"detail": "Not Found"}
    assert api.post("/v1/embeddings", {"model": "nope", "input": "a"}).error["type"] == "NotFoundError"
    assert isinstance(api.post("/v1/embeddings", {"input": "a", "encoding_format": "base64"}).json["data"][0]["embedding"], str)


def test_a_tool_parser_lets_auto_through(start: Start, tmp_path: pathlib.Path) -> None:
    api = start("--served-model-name", "tiny", "--enable-auto-tool-choice", "--tool-call-parser", "hermes").ready()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    assert api.chat(tools=tools, tool_choice="auto").status == 200
    assert "version 0.32.0" in (tmp_path / f"server-{api.port}.log").read_text()


@pytest.mark.simulated
def test_a_forced_tool_is_called(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--enable-auto-tool-choice", "--tool-call-parser", "hermes").ready()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    choice = api.chat(tools=tools, tool_choice="required").json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


@pytest.mark.simulated
def test_a_reasoning_model_may_leave_the_content_empty(start: Start) -> None:
    api = start("--served-model-name", "tiny", "--reasoning-parser", "qwen3").ready()
    message = api.chat().json["choices"][0]["message"]
    assert message["content"] is None
    assert message["reasoning"]
