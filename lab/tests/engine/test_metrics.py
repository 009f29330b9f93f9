# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GET /metrics: names, types, labels, buckets, and what a request moves."""

from __future__ import annotations

import pytest

from ._api import Api, Metrics

TYPES = {
    "vllm:num_requests_running": "gauge",
    "vllm:num_requests_waiting": "gauge",
    "vllm:num_requests_waiting_by_reason": "gauge",
    "vllm:engine_sleep_state": "gauge",
    "vllm:kv_cache_usage_perc": "gauge",
    "vllm:cache_config_info": "gauge",
    "vllm:prefix_cache_queries_total": "counter",
    "vllm:prefix_cache_hits_total": "counter",
    "vllm:external_prefix_cache_queries_total": "counter",
    "vllm:mm_cache_queries_total": "counter",
    "vllm:num_preemptions_total": "counter",
    "vllm:prompt_tokens_total": "counter",
    "vllm:prompt_tokens_by_source_total": "counter",
    "vllm:prompt_tokens_cached_total": "counter",
    "vllm:prompt_tokens_cached_by_source_total": "counter",
    "vllm:generation_tokens_total": "counter",
    "vllm:request_success_total": "counter",
    "vllm:admission_rejections_total": "counter",
    "vllm:estimated_flops_per_gpu_total": "counter",
    "vllm:request_prompt_tokens": "histogram",
    "vllm:request_generation_tokens": "histogram",
    "vllm:iteration_tokens_total": "histogram",
    "vllm:request_params_n": "histogram",
    "vllm:request_params_max_tokens": "histogram",
    "vllm:time_to_first_token_seconds": "histogram",
    "vllm:inter_token_latency_seconds": "histogram",
    "vllm:request_time_per_output_token_seconds": "histogram",
    "vllm:e2e_request_latency_seconds": "histogram",
    "vllm:request_queue_time_seconds": "histogram",
    "vllm:request_inference_time_seconds": "histogram",
    "vllm:request_prefill_time_seconds": "histogram",
    "vllm:request_decode_time_seconds": "histogram",
    "vllm:request_num_preemptions": "histogram",
    "http_requests_total": "counter",
    "http_request_size_bytes": "summary",
    "http_response_size_bytes": "summary",
    "http_request_duration_seconds": "histogram",
    "http_request_duration_highr_seconds": "histogram",
    "process_resident_memory_bytes": "gauge",
    "python_info": "gauge",
}
LATENCY = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680]
BOUNDS = {
    "vllm:e2e_request_latency_seconds": LATENCY,
    "vllm:request_queue_time_seconds": LATENCY,
    "vllm:time_to_first_token_seconds": [
        *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
    ],
    "vllm:inter_token_latency_seconds": [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80],
    "vllm:iteration_tokens_total": [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384],
    "vllm:request_params_n": [1, 2, 5, 10, 20],
    "http_request_duration_seconds": [0.1, 0.5, 1],
}


@pytest.fixture(scope="module")
def scrape(api: Api) -> Metrics:
    api.chat()
    return api.metrics()


@pytest.mark.parametrize(("name", "kind"), TYPES.items())
def test_a_metric_is_there_with_its_type(scrape: Metrics, name: str, kind: str) -> None:
    assert scrape.types.get(name) == kind


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
def test_a_histogram_has_vllms_buckets(scrape: Metrics, name: str, bounds: list[float]) -> None:
    assert scrape.bounds(name) == bounds


def test_sizes_go_in_steps_of_1_2_5_up_to_the_context(api: Api, scrape: Metrics) -> None:
    bounds = scrape.bounds("vllm:request_prompt_tokens")
    assert bounds[:6] == [1, 2, 5, 10, 20, 50]
    assert bounds[-1] <= api.limit < bounds[-1] * 2.5


@pytest.mark.parametrize("name", ["vllm_requests_total", "vllm_num_requests_running", "vllm:gpu_cache_usage_perc", "vllm:time_per_output_token_seconds"])
def test_names_of_old_guides_do_not_exist(scrape: Metrics, name: str) -> None:
    assert name not in scrape.types


def test_series_carry_model_and_engine(api: Api, scrape: Metrics) -> None:
    assert scrape.labels("vllm:num_requests_running") == [{"model_name": api.model, "engine": "0"}]


def test_every_way_to_finish_is_there_from_the_start(scrape: Metrics) -> None:
    reasons = {labels["finished_reason"] for labels in scrape.labels("vllm:request_success_total")}
    assert reasons == {"stop", "length", "abort", "error", "repetition"}


def test_both_reasons_to_refuse_are_there_from_the_start(scrape: Metrics) -> None:
    reasons = {labels["reason"] for labels in scrape.labels("vllm:admission_rejections_total")}
    assert reasons == {"max_num_queued_reqs", "max_num_queued_tokens"}


def test_both_reasons_to_wait_are_there(scrape: Metrics) -> None:
    assert {labels["reason"] for labels in scrape.labels("vllm:num_requests_waiting_by_reason")} == {"capacity", "deferred"}


def test_the_engine_says_that_it_is_awake(scrape: Metrics) -> None:
    assert scrape.value("vllm:engine_sleep_state", sleep_state="awake") == 1


def test_get_has_the_newer_content_type(api: Api) -> None:
    assert api.get("/metrics").headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_other_methods_have_the_older_content_type(api: Api, method: str) -> None:
    reply = api.send(method, "/metrics")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


def _grown(api: Api, name: str, before: Metrics, **labels: str) -> float:
    return (api.metrics().value(name, **labels) or 0) - (before.value(name, **labels) or 0)


def test_an_answer_counts_once_in_success_and_in_http(api: Api) -> None:
    before = api.metrics()
    api.chat(ignore_eos=True)
    assert _grown(api, "vllm:request_success_total", before, finished_reason="length") == 1
    assert _grown(api, "http_requests_total", before, handler="/v1/chat/completions", method="POST", status="2xx") == 1
    assert _grown(api, "vllm:e2e_request_latency_seconds_count", before) == 1
    assert _grown(api, "vllm:time_to_first_token_seconds_count", before) == 1


def test_tokens_in_and_out_are_counted(api: Api) -> None:
    before = api.metrics()
    usage = api.chat(ignore_eos=True, max_tokens=5).json["usage"]
    assert _grown(api, "vllm:generation_tokens_total", before) == usage["completion_tokens"]
    assert _grown(api, "vllm:prompt_tokens_total", before) == usage["prompt_tokens"]


def test_inter_token_latencies_are_tokens_less_requests(api: Api) -> None:
    before = api.metrics()
    api.chat(ignore_eos=True, max_tokens=5)
    assert _grown(api, "vllm:inter_token_latency_seconds_count", before) == 4


def test_two_answers_of_one_request_count_twice_in_success_and_once_in_http(api: Api) -> None:
    before = api.metrics()
    api.chat(n=2, temperature=1, ignore_eos=True)
    assert _grown(api, "vllm:request_success_total", before) == 2
    assert _grown(api, "http_requests_total", before, handler="/v1/chat/completions") == 1


def test_two_prompts_count_twice_in_success_and_once_in_http(api: Api) -> None:
    before = api.metrics()
    api.complete(prompt=["a", "b"], ignore_eos=True)
    assert _grown(api, "vllm:request_success_total", before) == 2
    assert _grown(api, "http_requests_total", before, handler="/v1/completions") == 1


def test_a_refused_request_touches_no_engine_metric(api: Api) -> None:
    before = api.metrics()
    api.chat(temperature=9)
    assert _grown(api, "http_requests_total", before, handler="/v1/chat/completions", status="4xx") == 1
    assert _grown(api, "vllm:e2e_request_latency_seconds_count", before) == 0
    assert _grown(api, "vllm:request_success_total", before) == 0


@pytest.mark.parametrize("path", ["/health", "/ping", "/metrics", "/version", "/load", "/healthz", "/v1/health", "/loadx"])
def test_paths_that_hold_an_excluded_word_are_not_counted(api: Api, path: str) -> None:
    before = api.metrics()
    api.get(path)
    assert _grown(api, "http_requests_total", before) == 0


@pytest.mark.parametrize(("method", "path"), [("GET", "/ready"), ("GET", "/v1/chat/completions")])
def test_unknown_paths_and_wrong_methods_count_as_none(api: Api, method: str, path: str) -> None:
    before = api.metrics()
    api.send(method, path)
    assert _grown(api, "http_requests_total", before, handler="none", method=method, status="4xx") == 1


def test_a_redirect_counts_under_the_path_as_asked(api: Api) -> None:
    before = api.metrics()
    api.get("/v1/models/")
    assert _grown(api, "http_requests_total", before, handler="/v1/models/", status="3xx") == 1


def test_a_path_with_a_parameter_counts_under_its_template(api: Api) -> None:
    before = api.metrics()
    api.get("/v1/responses/resp_x")
    assert _grown(api, "http_requests_total", before, handler="/v1/responses/{response_id}", status="4xx") == 1


def test_nothing_runs_when_nothing_is_asked(api: Api) -> None:
    scrape = api.metrics()
    assert (scrape.value("vllm:num_requests_running"), scrape.value("vllm:num_requests_waiting")) == (0, 0)
