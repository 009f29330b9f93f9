# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The start of a server: what it logs, how long it takes, and how it fails when it fails."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import time
import typing as t

from . import VERSION
from ._cli import parse, version_or_command
from ._environment import port_error, unknown_names, warn_of_unknown
from ._faults import Faults, faults_from
from ._log import error, info, traceback_of
from ._model_source import source_error
from ._settings import ConfigError, Settings, settings_from

_LOGO = "\n       █     █     █▄   ▄█\n ▄▄ ▄█ █     █     █ ▀▄▀ █  version {}\n  █▄█▀ █     █     █     █  model   {}\n   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀\n"
_CORE_FAILED = "Engine core initialization failed. See root cause above. Failed core proc(s): "
_GIB = 1024**3
ANY_ADDRESS = ".".join("0000")  # what vLLM prints when it listens on every address
_BYTES_PER_TOKEN = 131072  # of an 8B model with grouped attention in 16 bit


def main(argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        faults = faults_from(os.environ)
    except ValueError as caught:
        sys.stderr.write(f"lab.engine: {caught}\n")
        return 2
    try:
        args = parse(version_or_command(argv))
        settings = settings_from(args, os.environ)
        if faults.wrong_name:
            info("lab", f"the simulated engine serves the wrong name {faults.wrong_name}, as LAB_ENGINE_WRONG_NAME asks")
        return start(settings, faults)
    except ConfigError as caught:
        return _fail(caught.kind, str(caught))
    except (ValueError, OSError) as caught:
        return _fail(type(caught).__name__, str(caught))


def _fail(kind: str, message: str) -> int:
    traceback_of(kind, message)
    return 1


def start(settings: Settings, faults: Faults) -> int:
    """Loads for the time drawn; the port is bound at once but refuses connections until the engine is ready."""
    budget = faults.load_seconds.sample(random.Random(faults.seed or None))
    info("api_utils.py:347", _LOGO.format(VERSION, settings.model))
    info("api_utils.py:286", f"non-default args: {non_default(settings)}")
    unknown = unknown_names(os.environ)
    if unknown and settings.args.fail_on_environ_validation:
        raise ValueError(f"Unknown vLLM environment variable detected: {unknown[0]}")
    warn_of_unknown(os.environ)
    listener = _bind(settings)
    time.sleep(0.2 * budget)
    _resolve(settings, faults)
    time.sleep(0.2 * budget)
    failure = _engine_failure(settings, faults)
    if failure:
        return _worker_failed(*failure) if settings.parallel > 1 or port_error(os.environ) else _core_failed(*failure)
    _load(settings, faults, 0.4 * budget)
    failure = _cache_failure(settings, faults)
    if failure:
        return _core_failed(*failure)
    time.sleep(0.2 * budget)
    _ready(settings, budget)
    from ._life import serve

    return serve(settings, faults, listener)


def non_default(settings: Settings) -> dict[str, t.Any]:
    """As vLLM prints it: given flags only, secrets masked."""
    given = {name: value for name, value in vars(settings.args).items() if value not in (None, False)}
    return {name: "***" if name in ("api_key", "hf_token") else value for name, value in given.items()}


def _bind(settings: Settings) -> socket.socket:
    """The protocol is named because asyncio sets TCP_NODELAY only on sockets that name it; without it an answer costs 40 ms."""
    family = socket.AF_INET6 if ":" in (settings.args.host or "") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.args.host or "", settings.args.port if settings.args.port is not None else 8000))
    return listener


def _resolve(settings: Settings, faults: Faults) -> None:
    failure = source_error(settings, faults, os.environ)
    if failure:
        raise ConfigError("OSError" if not failure.startswith("Cannot find") else "huggingface_hub.errors.LocalEntryNotFoundError", failure)
    info("model.py:733", "Resolved architecture: LlamaForCausalLM")
    info("model.py:2152", f"Using max model len {settings.max_model_len}")


def _engine_failure(settings: Settings, faults: Faults) -> tuple[str, str] | None:
    info("core.py:133", f"Initializing a V1 LLM engine (v{VERSION}) with config: model='{settings.model}', max_seq_len={settings.max_model_len}", "EngineCore")
    service_link = port_error(os.environ)
    if service_link:
        return "ValueError", service_link
    if faults.start_fault == "shm":
        return "RuntimeError", "Insufficient space in /dev/shm for shared-memory allocation: 160 MiB required, 64 MiB free."
    if faults.start_fault == "gpu_memory":
        share = settings.args.gpu_memory_utilization or 0.92
        return (
            "ValueError",
            f"Free memory on device cuda:0 (3.51/47.38 GiB) on startup is less than desired GPU memory utilization ({share}, {47.38 * share:.2f} GiB). "
            "Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        )
    return None


def _load(settings: Settings, faults: Faults, seconds: float) -> None:
    info("gpu_model_runner.py:4100", f"Starting to load model {settings.model}...", "Worker")
    if faults.start_fault == "crash":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    while faults.start_fault == "never_ready":
        time.sleep(3600)
    time.sleep(seconds)
    info("default_loader.py:501", f"Loading weights took {seconds:.2f} seconds", "Worker")


def _cache_failure(settings: Settings, faults: Faults) -> tuple[str, str] | None:
    """The same sum as vLLM's: one request of the longest length must fit."""
    held = settings.max_model_len // 2 if faults.start_fault == "kv_cache" else settings.kv_tokens
    info("gpu_worker.py:442", f"Available KV cache memory: {held * _BYTES_PER_TOKEN / _GIB:.2f} GiB", "Worker")
    if held >= settings.max_model_len:
        concurrency = held / settings.max_model_len
        text = f"GPU KV cache size: {held:,} tokens, Maximum concurrency for {settings.max_model_len:,} tokens per request: {concurrency:.2f}x"
        info("kv_cache_utils.py:2327", text, "EngineCore")
        return None
    needed, free = (tokens * _BYTES_PER_TOKEN / _GIB for tokens in (settings.max_model_len, held))
    return (
        "ValueError",
        f"To serve at least one request with the model's max seq len ({settings.max_model_len}), ({needed:.2f} GiB KV cache is needed, which is larger than "
        f"the available KV cache memory ({free:.2f} GiB). Based on the available memory, the estimated maximum model length is {held}. Try increasing "
        "`gpu_memory_utilization` (which also controls CPU memory on the CPU backend) or decreasing `max_model_len` when initializing the engine. "
        "See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details.",
    )


def _core_failed(kind: str, message: str) -> int:
    """The cause stands in EngineCore's lines; the API server's own traceback, which ends the log, does not name it."""
    error("core.py:1510", f"EngineCore failed to start.\nTraceback (most recent call last):\n{kind}: {message}", "EngineCore")
    return _fail("RuntimeError", f"{_CORE_FAILED}{{'EngineCore': 1}}")


def _worker_failed(kind: str, message: str) -> int:
    """With several workers, and for what a worker finds first, the cause stands in the lines of the worker."""
    error("multiproc_executor.py:953", f"WorkerProc failed to start.\nTraceback (most recent call last):\n{kind}: {message}", "Worker")
    return _fail("RuntimeError", f"{_CORE_FAILED}{{}}")


def _ready(settings: Settings, seconds: float) -> None:
    info("core.py:402", f"init engine (profile, create kv cache, warmup model) took {seconds:.2f} s", "EngineCore")
    info("entry.py:136", f"Supported tasks: {['embed'] if settings.pooling else ['generate']}")
    host, port = settings.args.host or ANY_ADDRESS, settings.args.port if settings.args.port is not None else 8000
    info("entry.py:140", f"Starting vLLM server on http://{host}:{port}")
