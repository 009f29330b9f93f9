# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``vllm:`` metrics of 0.32.0: names, labels, buckets and what moves them. The library is the one vLLM uses."""

from __future__ import annotations

import typing as t

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ._sequence import Sequence
from ._settings import BLOCK, Settings

_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560)
_INTER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_ITERATION = tuple(2**power for power in (0, *range(3, 15)))
_FINISH = ("stop", "length", "abort", "error", "repetition")
_LABELS = ["model_name", "engine"]
_COUNTERS = {
    "estimated_flops_per_gpu": "Estimated number of floating point operations per GPU (for Model Flops Utilization calculations).",
    "estimated_read_bytes_per_gpu": "Estimated number of bytes read from memory per GPU (for Model Flops Utilization calculations).",
    "estimated_write_bytes_per_gpu": "Estimated number of bytes written to memory per GPU (for Model Flops Utilization calculations).",
    "prefix_cache_queries": "Prefix cache queries, in terms of number of queried tokens.",
    "prefix_cache_hits": "Prefix cache hits, in terms of number of cached tokens.",
    "external_prefix_cache_queries": "External prefix cache queries from KV connector cross-instance cache sharing, in terms of number of queried tokens.",
    "external_prefix_cache_hits": "External prefix cache hits from KV connector cross-instance cache sharing, in terms of number of cached tokens.",
    "mm_cache_queries": "Multi-modal cache queries, in terms of number of queried items.",
    "mm_cache_hits": "Multi-modal cache hits, in terms of number of cached items.",
    "num_preemptions": "Cumulative number of preemption from the engine.",
    "prompt_tokens": "Number of prefill tokens processed.",
    "prompt_tokens_cached": "Number of cached prompt tokens (local + external).",
    "generation_tokens": "Number of generation tokens processed.",
}
_BY_LABEL = {
    "prompt_tokens_by_source": ("source", ("local_compute", "local_cache_hit", "external_kv_transfer"), "Number of prompt tokens by source."),
    "prompt_tokens_cached_by_source": (
        "source",
        ("device", "host", "p2p", "disk", "external_unspecified"),
        "Prefix-cache hit tokens by the cache tier that supplied them.",
    ),
    "request_success": ("finished_reason", _FINISH, "Count of successfully processed requests."),
}
_HISTOGRAMS: dict[str, tuple[t.Sequence[float] | None, str]] = {
    "request_prompt_tokens": (None, "Number of prefill tokens processed."),
    "request_generation_tokens": (None, "Number of generation tokens processed."),
    "iteration_tokens_total": (_ITERATION, "Histogram of number of tokens per engine_step."),
    "request_max_num_generation_tokens": (None, "Histogram of maximum number of requested generation tokens."),
    "request_params_n": ((1, 2, 5, 10, 20), "Histogram of the n request parameter."),
    "request_params_max_tokens": (None, "Histogram of the max_tokens request parameter."),
    "time_to_first_token_seconds": (_TTFT, "Histogram of time to first token in seconds."),
    "inter_token_latency_seconds": (_INTER_TOKEN, "Histogram of inter-token latency in seconds."),
    "request_time_per_output_token_seconds": (_INTER_TOKEN, "Histogram of time_per_output_token_seconds per request."),
    "e2e_request_latency_seconds": (_LATENCY, "Histogram of e2e request latency in seconds."),
    "request_queue_time_seconds": (_LATENCY, "Histogram of time spent in WAITING phase for request."),
    "request_inference_time_seconds": (_LATENCY, "Histogram of time spent in RUNNING phase for request."),
    "request_prefill_time_seconds": (_LATENCY, "Histogram of time spent in PREFILL phase for request."),
    "request_decode_time_seconds": (_LATENCY, "Histogram of time spent in DECODE phase for request."),
    "request_num_preemptions": ((1, 2, 3, 4, 5, 10, 20), "Histogram of the number of times a request was preempted."),
    "request_prefill_kv_computed_tokens": (None, "Histogram of new KV tokens computed during prefill (excluding cached tokens)."),
}


def size_buckets(limit: int) -> list[int]:
    """1, 2, 5, 10, 20, 50 ... up to the context length."""
    found: list[int] = []
    power = 1
    while True:
        for value in (power, 2 * power, 5 * power):
            if value > limit:
                return found
            found.append(value)
        power *= 10


Reader = t.Callable[[], float]


class EngineMetrics:
    """Does nothing at all when statistics are off (``--disable-log-stats`` removes every vllm: metric)."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._on = not settings.args.disable_log_stats
        self._values = (settings.names[0], "0")
        self._registry = registry
        if self._on:
            self._register(settings)

    def _register(self, settings: Settings) -> None:
        self._gauges = {
            "running": self._gauge("num_requests_running", "Number of requests in model execution batches."),
            "waiting": self._gauge("num_requests_waiting", "Number of requests waiting to be processed."),
            "kv": self._gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage."),
        }
        reasons = Gauge("vllm:num_requests_waiting_by_reason", "Number of waiting requests by reason.", [*_LABELS, "reason"], registry=self._registry)
        self._capacity = reasons.labels(*self._values, "capacity")
        reasons.labels(*self._values, "deferred")
        sleep = Gauge("vllm:engine_sleep_state", "Engine sleep state; awake = 0 means engine is sleeping.", [*_LABELS, "sleep_state"], registry=self._registry)
        for state in ("awake", "weights_offloaded", "discard_all"):
            sleep.labels(*self._values, state).set(state == "awake")
        self._counters = {name: Counter(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(*self._values) for name, text in _COUNTERS.items()}
        self._by_label = {name: self._labelled(name, *spec) for name, spec in _BY_LABEL.items()}
        self._rejections = Counter(
            "vllm:admission_rejections", "Requests rejected by the frontend admission limits.", ["model_name", "reason"], registry=self._registry
        )
        for reason in ("max_num_queued_reqs", "max_num_queued_tokens"):
            self._rejections.labels(self._values[0], reason)
        sizes = size_buckets(settings.max_model_len)
        self._histograms = {
            name: Histogram(f"vllm:{name}", text, _LABELS, buckets=buckets or sizes, registry=self._registry).labels(*self._values)
            for name, (buckets, text) in _HISTOGRAMS.items()
        }
        self._lora(settings)
        self._cache_config(settings)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vllm:{name}", text, _LABELS, registry=self._registry).labels(*self._values)

    def _labelled(self, name: str, label: str, choices: tuple[str, ...], text: str) -> dict[str, Counter]:
        family = Counter(f"vllm:{name}", text, [*_LABELS, label], registry=self._registry)
        return {choice: family.labels(*self._values, choice) for choice in choices}

    def _lora(self, settings: Settings) -> None:
        if settings.args.enable_lora:
            names = ["max_lora", "waiting_lora_adapters", "running_lora_adapters"]
            family = Gauge("vllm:lora_requests_info", "Running stats on lora requests.", names, registry=self._registry)
            family.labels(str(settings.args.max_loras or 1), "", "").set_to_current_time()

    def _cache_config(self, settings: Settings) -> None:
        labels = {
            "block_size": BLOCK,
            "cache_dtype": settings.args.kv_cache_dtype or "auto",
            "enable_prefix_caching": settings.args.enable_prefix_caching is not False,
            "engine": 0,
            "gpu_memory_utilization": settings.args.gpu_memory_utilization or 0.92,
            "kv_cache_max_concurrency": settings.kv_tokens / settings.max_model_len,
            "kv_cache_memory_bytes": settings.args.kv_cache_memory_bytes,
            "kv_cache_size_tokens": settings.kv_tokens,
            "num_gpu_blocks": settings.blocks,
            "prefix_caching_hash_algo": "sha256",
            "sliding_window": None,
        }
        family = Gauge("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", list(labels), registry=self._registry)
        family.labels(**{name: str(value) for name, value in labels.items()}).set(1)

    # -- what moves them -------------------------------------------------------------------------------------------

    def follow(self, running: Reader, waiting: Reader, kv_usage: Reader) -> None:
        """The gauges are read when they are scraped, not written at every step."""
        if self._on:
            self._gauges["running"].set_function(running)
            self._gauges["waiting"].set_function(waiting)
            self._capacity.set_function(waiting)
            self._gauges["kv"].set_function(kv_usage)

    def rejected(self, reason: str) -> None:
        if self._on:
            self._rejections.labels(self._values[0], reason).inc()

    def first_token(self, sequence: Sequence) -> None:
        if not self._on:
            return
        prompt = sequence.prompt_tokens
        self._counters["prompt_tokens"].inc(prompt)
        self._counters["prefix_cache_queries"].inc(prompt)
        self._by_label["prompt_tokens_by_source"]["local_compute"].inc(prompt)
        self._counters["generation_tokens"].inc()
        self._histograms["time_to_first_token_seconds"].observe((sequence.first or 0.0) - sequence.arrival)
        self._histograms["iteration_tokens_total"].observe(prompt)

    def token(self, seconds: float) -> None:
        if self._on:
            self._counters["generation_tokens"].inc()
            self._histograms["inter_token_latency_seconds"].observe(seconds)
            self._histograms["iteration_tokens_total"].observe(1)

    def finished(self, sequence: Sequence, reason: str) -> None:
        if not self._on:
            return
        self._by_label["request_success"][reason].inc()
        first, last, scheduled = sequence.first or 0.0, sequence.last or 0.0, sequence.scheduled or 0.0
        decode = last - first
        observed = {
            "request_prompt_tokens": sequence.prompt_tokens,
            "request_generation_tokens": sequence.made,
            "request_max_num_generation_tokens": sequence.made,
            "request_params_n": sequence.params_n,
            "request_params_max_tokens": sequence.max_tokens,
            "request_time_per_output_token_seconds": decode / max(1, sequence.made - 1),
            "e2e_request_latency_seconds": last - sequence.arrival,
            "request_queue_time_seconds": scheduled - sequence.arrival,
            "request_inference_time_seconds": last - scheduled,
            "request_prefill_time_seconds": first - scheduled,
            "request_decode_time_seconds": decode,
            "request_num_preemptions": 0,
            "request_prefill_kv_computed_tokens": sequence.prompt_tokens,
        }
        for name, value in observed.items():
            self._histograms[name].observe(value)
