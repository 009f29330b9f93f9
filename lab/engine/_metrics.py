# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``vllm:`` metrics of 0.32.0: names, labels, buckets and what moves them. The library is the one vLLM uses."""

from __future__ import annotations

import typing as t

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ._metric_specs import BY_LABEL, CACHE_CONFIG, COUNTERS, HISTOGRAMS, LABELS, REJECTIONS_TEXT, SLEEP_TEXT, WAITING_TEXT
from ._sequence import Sequence
from ._settings import BLOCK, Settings


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
        reasons = Gauge("vllm:num_requests_waiting_by_reason", WAITING_TEXT, [*LABELS, "reason"], registry=self._registry)
        self._capacity = reasons.labels(*self._values, "capacity")
        reasons.labels(*self._values, "deferred")
        sleep = Gauge("vllm:engine_sleep_state", SLEEP_TEXT, [*LABELS, "sleep_state"], registry=self._registry)
        for state in ("awake", "weights_offloaded", "discard_all"):
            sleep.labels(*self._values, state).set(state == "awake")
        self._counters = {name: Counter(f"vllm:{name}", text, LABELS, registry=self._registry).labels(*self._values) for name, text in COUNTERS.items()}
        self._by_label = {name: self._labelled(name, *spec) for name, spec in BY_LABEL.items()}
        self._rejections = Counter("vllm:admission_rejections", REJECTIONS_TEXT, ["model_name", "reason"], registry=self._registry)
        for reason in ("max_num_queued_reqs", "max_num_queued_tokens"):
            self._rejections.labels(self._values[0], reason)
        sizes = size_buckets(settings.max_model_len)
        self._histograms = {
            name: Histogram(f"vllm:{name}", text, LABELS, buckets=buckets or sizes, registry=self._registry).labels(*self._values)
            for name, (buckets, text) in HISTOGRAMS.items()
        }
        self._lora(settings)
        self._cache_config(settings)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vllm:{name}", text, LABELS, registry=self._registry).labels(*self._values)

    def _labelled(self, name: str, label: str, choices: tuple[str, ...], text: str) -> dict[str, Counter]:
        family = Counter(f"vllm:{name}", text, [*LABELS, label], registry=self._registry)
        return {choice: family.labels(*self._values, choice) for choice in choices}

    def _lora(self, settings: Settings) -> None:
        if settings.args.enable_lora:
            names = ["max_lora", "waiting_lora_adapters", "running_lora_adapters"]
            family = Gauge("vllm:lora_requests_info", "Running stats on lora requests.", names, registry=self._registry)
            family.labels(str(settings.args.max_loras or 1), "", "").set_to_current_time()

    def _cache_config(self, settings: Settings) -> None:
        labels = CACHE_CONFIG | {
            "block_size": BLOCK,
            "cache_dtype": settings.args.kv_cache_dtype or "auto",
            "effective_attention_block_size": BLOCK,
            "enable_prefix_caching": settings.args.enable_prefix_caching is not False,
            "gpu_memory_utilization": settings.args.gpu_memory_utilization or 0.92,
            "kv_cache_max_concurrency": settings.kv_tokens / settings.max_model_len,
            "kv_cache_memory_bytes": settings.args.kv_cache_memory_bytes,
            "kv_cache_size_tokens": settings.kv_tokens,
            "num_gpu_blocks": settings.blocks,
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
