# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From what a container left behind to the cause and the value to change. Pure.

The texts are vLLM 0.32.0's own, as measured; a message that nobody knows is quoted, never guessed at.
"""

from __future__ import annotations

import re
import typing as t


class Cause(t.NamedTuple):
    """``code`` is one of the table of codes. ``permanent``: another start with the same values ends the same way, so waiting for it is no use."""

    what: str
    next_step: str
    permanent: bool
    code: str


class Rule(t.NamedTuple):
    pattern: re.Pattern[str]
    what: str
    next_step: str
    permanent: bool
    code: str


def _rule(pattern: str, what: str, next_step: str, *, code: str, permanent: bool = True) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), what, next_step, permanent, code)


RULES = (
    _rule(
        r"error: unrecognized arguments?: (?P<detail>[^\n]+)",
        "vLLM does not know the argument {detail}",
        "remove it from engine.extraArgs, or take an image whose vLLM has it",
        code="unknown_argument",
    ),
    _rule(
        r"error: (?P<detail>(?:argument |ambiguous option|the following arguments)[^\n]+)",
        "vLLM refuses its arguments: {detail}",
        "correct the engine values (engine.extraArgs)",
        code="bad_arguments",
    ),
    _rule(
        r"Insufficient space in /dev/shm[^\n]*",
        "shared memory (/dev/shm) is too small",
        "raise shm.sizeLimit (1Gi or more; larger with tensor parallelism)",
        code="shared_memory",
    ),
    _rule(
        r"max seq len \(\d+\)[^\n]*KV cache[^\n]*|larger than the (?:maximum number of tokens that can be stored in|available) KV cache[^\n]*",
        "the context does not fit into the KV cache",
        "lower engine.maxModelLen, raise engine.gpuMemoryUtilization, or use more or larger GPUs",
        code="kv_cache",
    ),
    _rule(
        r"(?:CUDA out of memory|torch\.OutOfMemoryError|Free memory on device[^\n]*less than desired)[^\n]*",
        "the GPU's memory is too small, or another process still holds it",
        "use more GPUs (engine.tensorParallelSize), a quantized model, or lower engine.gpuMemoryUtilization",
        code="gpu_memory",
    ),
    _rule(
        r"(?:401 Client Error|GatedRepoError|Cannot access gated repo|Access to model [^\n]* is restricted)[^\n]*",
        "the model hub refuses access to the model (HTTP 401)",
        "accept the model's license with the account of the token in hfToken.existingSecret, or give another token",
        code="hub_access",
    ),
    _rule(
        r"(?:RepositoryNotFoundError|404 Client Error|is not a local folder and is not a valid model identifier)[^\n]*",
        "the model or its revision does not exist at the hub",
        "check model.source and model.revision",
        code="hub_not_found",
    ),
    _rule(
        r"(?:LocalEntryNotFoundError|couldn't connect to|Failed to resolve|Name or service not known|Max retries exceeded|offline mode is enabled)[^\n]*",
        "the model hub cannot be reached and the model is not in the cache",
        "let the pods out to the hub (networkPolicy), set a proxy, or fill the cache before",
        permanent=False,
        code="hub_unreachable",
    ),
    _rule(
        r"VLLM_PORT '?[^\n]*appears to be a URI[^\n]*",
        "a Service named vllm in the namespace injects VLLM_PORT into the pod",
        "rename that Service, or keep enableServiceLinks: false",
        code="service_links",
    ),
    _rule(
        r"PermissionError: [^\n]*?(?P<detail>'/[^'\n]*')",
        "the engine is not allowed to write to {detail}",
        "give HOME, HF_HOME and VLLM_CACHE_ROOT a writable volume",
        code="not_writable",
    ),
    _rule(
        r"max_model_len[^\n]*is greater than the derived max_model_len[^\n]*",
        "engine.maxModelLen is above the model's own context length",
        "lower engine.maxModelLen",
        code="max_model_len",
    ),
    _rule(
        r"No module named 'vllm|vllm: not found",
        "the image holds no vLLM",
        "check image.repository",
        code="no_vllm",
    ),
)

# When the engine's own process fails, the API process says only "See root cause above": the cause stands in these lines.
_ROOT_CAUSE = re.compile(r"^\((?:EngineCore|Worker)[^)]*\)[^\n]*?\b(?P<cause>[A-Z]\w*(?:Error|Exception): [^\n]+)$", re.MULTILINE)
_LAST_ERROR = re.compile(r"^.*(?:Error|Exception|error)\b.*$", re.MULTILINE)


def from_log(log: str) -> Cause | None:
    """The first rule that the log matches; None when none does."""
    for rule in RULES:
        found = rule.pattern.search(log)
        if found:
            detail = (found.groupdict().get("detail") or "").strip()
            return Cause(rule.what.format(detail=detail), rule.next_step, rule.permanent, rule.code)
    return None


def from_exit(reason: str, exit_code: int | None, message: str, log: str) -> Cause:
    """Why a container ended. ``reason`` and ``message`` are Kubernetes' (OOMKilled, Error, Completed)."""
    if reason == "OOMKilled" or exit_code == 137:
        killed = reason == "OOMKilled"
        what = "it was killed for using more memory than its limit (OOMKilled)" if killed else "it was killed from outside (exit code 137)"
        return Cause(
            what,
            "raise resources.limits.memory: shared memory and about 1.2 x the weights of a rank must fit",
            killed,
            code="oom_killed" if killed else "killed",
        )
    known = from_log(log)
    if known:
        return known
    last = last_error(log) or message.strip()
    if exit_code == 0:
        return Cause(
            f"the engine died and its process ended with exit code 0{f': {last}' if last else ''}",
            "read the log before it: kubectl logs --previous",
            False,
            code="engine_died",
        )
    return Cause(f"it ended with exit code {exit_code}{f': {last}' if last else ''}", "read its log: kubectl logs --previous", exit_code == 2, code="exited")


def root_cause(log: str) -> str:
    """What the engine's own process failed with, at most 300 characters; empty when it does not say so."""
    lines = _ROOT_CAUSE.findall(log)
    return str(lines[-1]).strip()[-300:] if lines else ""


def last_error(log: str) -> str:
    """The root cause, else the last line that looks like an error, at most 300 characters; else the last line."""
    known = root_cause(log)
    if known:
        return known
    lines = _LAST_ERROR.findall(log) or log.strip().splitlines()[-1:]
    return lines[-1].strip()[-300:] if lines else ""
