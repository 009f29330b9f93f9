# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, texts, labels and buckets of vLLM 0.32.0's metrics, as its own /metrics prints them."""

from __future__ import annotations

import typing as t

_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560)
_INTER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_ITERATION = tuple(2**power for power in (0, *range(3, 15)))
FINISH = ("stop", "length", "abort", "error", "repetition")
LABELS = ["model_name", "engine"]
COUNTERS = {
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
BY_LABEL = {
    "prompt_tokens_by_source": ("source", ("local_compute", "local_cache_hit", "external_kv_transfer"), "Number of prompt tokens by source."),
    "prompt_tokens_cached_by_source": (
        "source",
        ("device", "host", "p2p", "disk", "external_unspecified"),
        "Prefix-cache hit tokens by the cache tier that supplied them: device (local HBM), host (offloaded to DRAM), disk, p2p "
        "(transferred from another vLLM instance) or external_unspecified. Counted at admission; sums to vllm:prefix_cache_hits + "
        "vllm:external_prefix_cache_hits.",
    ),
    "request_success": ("finished_reason", FINISH, "Count of successfully processed requests."),
}
HISTOGRAMS: dict[str, tuple[t.Sequence[float] | None, str]] = {
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

WAITING_TEXT = (
    "Number of waiting requests by reason. Reason labels: 'capacity' = waiting for scheduling capacity; 'deferred' = deferred by transient "
    "constraints (LoRA budget, KV transfer, blocked status). Sum of all reasons equals vllm:num_requests_waiting."
)
SLEEP_TEXT = (
    "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 means sleep level 1; "
    "discard_all = 1 means sleep level 2."
)
REJECTIONS_TEXT = "Number of admission attempts rejected by a queue limit, by reason."
# Labels of vllm:cache_config_info that no setting of ours changes.
CACHE_CONFIG: dict[str, t.Any] = {
    "_block_size_resolved": True,
    "cache_hit_alignment_tokens": None,
    "enable_mamba_shared_prefix_checkpoint": False,
    "engine": 0,
    "hash_block_size": None,
    "is_attention_free": False,
    "kv_cache_dtype_skip_layers": [],
    "kv_cache_layout": None,
    "kv_offloading_backend": "native",
    "kv_offloading_size": None,
    "kv_sharing_fast_prefill": False,
    "mamba_block_size": None,
    "mamba_cache_dtype": "auto",
    "mamba_cache_mode": "none",
    "mamba_page_size_padded": None,
    "mamba_ssm_cache_dtype": "auto",
    "num_cpu_blocks": None,
    "num_gpu_blocks_override": None,
    "prefix_cache_retention_interval": 0,
    "prefix_caching_hash_algo": "sha256",
    "prefix_match_unit": None,
    "replayssm_buffer_len": 16,
    "skip_page_size_padded": None,
    "sliding_window": None,
    "swa_bounded_replay": True,
    "use_kda_recoverssm": False,
    "use_replayssm": False,
    "user_specified_block_size": False,
}
