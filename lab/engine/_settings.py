# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one server serves and how: the command line and the environment made into one checked value."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import typing as t

from . import VERSION
from ._cli import DATA

MODEL_LENGTH = 131072  # what a model's own config would say; LAB_ENGINE_MODEL_MAX_LEN changes it
BLOCK = 16
# Flags that change what the engine computes; replicas that differ in none of them share one fingerprint.
_FINGERPRINTED = [
    "model",
    "dtype",
    "quantization",
    "kv_cache_dtype",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "gpu_memory_utilization",
    "enable_prefix_caching",
    "enable_chunked_prefill",
    "enforce_eager",
    "revision",
    "seed",
    "runner",
    "convert",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Adapter:
    name: str
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    args: argparse.Namespace
    names: tuple[str, ...]
    max_model_len: int
    max_num_seqs: int
    kv_tokens: int
    keys: tuple[str, ...]
    adapters: tuple[Adapter, ...]
    fingerprint: str | None
    parallel: int
    dev_mode: bool
    runtime_lora: bool
    keep_alive: int
    keep_on_death: bool

    @property
    def model(self) -> str:
        return str(self.args.model)

    @property
    def pooling(self) -> bool:
        return bool(self.args.runner == "pooling" or self.args.convert in ("embed", "classify"))

    @property
    def shutdown_timeout(self) -> int:
        return self.args.shutdown_timeout or 0

    @property
    def blocks(self) -> int:
        return self.kv_tokens // BLOCK

    @property
    def quiet_paths(self) -> frozenset[str]:
        return frozenset(path.strip() for path in (self.args.disable_access_log_for_endpoints or "").split(",") if path.strip())


class ConfigError(Exception):
    """``kind: message`` as Python would end the traceback of the real server."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def settings_from(args: argparse.Namespace, environ: t.Mapping[str, str]) -> Settings:
    _check_arguments(args)
    length = _model_length(args, environ)
    return Settings(
        args=args,
        names=tuple(args.served_model_name or [args.model]),
        max_model_len=length,
        max_num_seqs=args.max_num_seqs or 256,
        kv_tokens=int(environ.get("LAB_ENGINE_KV_TOKENS") or 4 * length),
        keys=tuple(key for key in (args.api_key or [environ.get("VLLM_API_KEY", "")]) if key),
        adapters=_adapters(args),
        fingerprint=_fingerprint(args, length),
        parallel=(args.tensor_parallel_size or 1) * (args.pipeline_parallel_size or 1),
        dev_mode=environ.get("VLLM_SERVER_DEV_MODE") == "1",
        runtime_lora=environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "").lower() in ("1", "true"),
        keep_alive=int(environ.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE") or 5),
        keep_on_death=environ.get("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH") == "1",
    )


def _check_arguments(args: argparse.Namespace) -> None:
    known = json.loads((DATA / "parsers.json").read_text())
    if args.enable_auto_tool_choice and not args.tool_call_parser:
        raise ConfigError("TypeError", "Error: --enable-auto-tool-choice requires --tool-call-parser")
    if args.enable_log_outputs and not args.enable_log_requests:
        raise ConfigError("TypeError", "Error: --enable-log-outputs requires --enable-log-requests")
    if args.enable_auto_tool_choice and args.tool_call_parser not in known["tool"]:
        raise ConfigError("KeyError", repr(f"invalid tool call parser: {args.tool_call_parser} (chose from {{ {','.join(known['tool'])} }})"))
    if args.reasoning_parser and args.reasoning_parser not in known["reasoning"]:
        raise ConfigError("KeyError", repr(f"invalid reasoning parser: {args.reasoning_parser} (chose from {{ {','.join(known['reasoning'])} }})"))
    if args.max_num_seqs is not None and args.max_num_seqs < 1:
        raise _invalid(
            "SchedulerConfig", "max_num_seqs", f"Input should be greater than or equal to 1 [type=greater_than_equal, input_value={args.max_num_seqs}]"
        )
    share = args.gpu_memory_utilization
    if share is not None and not 0 < share <= 1:
        relation = "greater than 0" if share <= 0 else "less than or equal to 1"
        raise _invalid("CacheConfig", "gpu_memory_utilization", f"Input should be {relation} [input_value={share}]")


def _invalid(config: str, field: str, message: str) -> ConfigError:
    return ConfigError("pydantic_core._pydantic_core.ValidationError", f"1 validation error for {config}\n{field}\n  {message}")


def _model_length(args: argparse.Namespace, environ: t.Mapping[str, str]) -> int:
    own = int(environ.get("LAB_ENGINE_MODEL_MAX_LEN") or MODEL_LENGTH)
    asked: int | None = args.max_model_len
    if asked is None or asked == -1:
        return own
    if asked > own and environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN") != "1":
        raise ConfigError(
            "pydantic_core._pydantic_core.ValidationError",
            f"1 validation error for ModelConfig\n  Value error, User-specified max_model_len ({asked}) is greater than the derived max_model_len "
            f"(max_position_embeddings={float(own)} or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var "
            "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution. [type=value_error]",
        )
    return asked


def _adapters(args: argparse.Namespace) -> tuple[Adapter, ...]:
    found = []
    for item in args.lora_modules or []:
        if "=" in item and "," not in item:
            name, _, path = item.partition("=")
        else:
            module = json.loads(item)
            name, path = module["name"], module["path"]
        found.append(Adapter(name, path))
    return tuple(found)


def _fingerprint(args: argparse.Namespace, length: int) -> str | None:
    mode = args.fingerprint_mode or "full"
    if mode in ("none", "custom"):
        return args.fingerprint_value if mode == "custom" else None
    values = {name: getattr(args, name) for name in _FINGERPRINTED} | {"max_model_len": length}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:8]
    sizes = (("tp", args.tensor_parallel_size), ("pp", args.pipeline_parallel_size), ("dp", args.data_parallel_size))
    parts = [f"{name}{size}" for name, size in sizes if mode == "full" and size and size > 1]
    return "-".join([f"vllm-{VERSION}", *parts, digest])
