# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules for sampling parameters, in the order and words of vLLM's SamplingParams."""

from __future__ import annotations

import dataclasses
import typing as t

from ._errors import ApiError, parameter_error
from ._schema import Body
from ._tokens import MAX_CHARS, Tokenizer

FIELDS = {
    "model": "str",
    "frequency_penalty": "float",
    "presence_penalty": "float",
    "repetition_penalty": "float",
    "temperature": "float",
    "top_p": "float",
    "min_p": "float",
    "top_k": "int",
    "n": "int",
    "seed": "int",
    "max_tokens": "int",
    "min_tokens": "int",
    "stream": "bool",
    "stream_options": "dict",
    "ignore_eos": "bool",
    "echo": "bool",
    "return_token_ids": "bool",
    "logit_bias": "dict",
    "user": "str",
    "priority": "int",
    "request_id": "str",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Sampling:
    max_tokens: int
    n: int
    stream: bool
    usage: bool
    continuous_usage: bool
    greedy: bool
    seed: int | None
    to_the_end: bool
    stop: tuple[str, ...]


def check_stream_options(body: Body) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        raise parameter_error("Stream options can only be defined when `stream=True`.", "stream_options", with_value=False)


def sampling_from(read: Body, body: Body, room: int, default_max: int | None, force_usage: bool) -> Sampling:
    """``room`` is what the context leaves after the prompt; without max_tokens the answer may fill it."""
    asked = read.get("max_completion_tokens", read.get("max_tokens"))
    _check_ranges(read)
    max_tokens = min(room, asked if asked is not None else default_max or room)
    if max_tokens < 1:
        raise parameter_error(f"max_tokens must be at least 1, got {max_tokens}.", "max_tokens", max_tokens)
    _check_counts(read, max_tokens)
    stop = _stop(body.get("stop"))
    options = read.get("stream_options", {})
    usage = force_usage or bool(options.get("include_usage"))
    temperature = read.get("temperature", 1.0)
    return Sampling(
        max_tokens=max_tokens,
        n=read.get("n", 1),
        stream=read.get("stream", False),
        usage=usage,
        continuous_usage=force_usage or (usage and bool(options.get("continuous_usage_stats"))),
        greedy=temperature == 0,
        seed=read.get("seed"),
        to_the_end=read.get("ignore_eos", False) or read.get("min_tokens", 0) >= max_tokens,
        stop=stop,
    )


def _check_ranges(read: Body) -> None:
    _outside(read, "presence_penalty", -2, 2)
    _outside(read, "frequency_penalty", -2, 2)
    repetition = read.get("repetition_penalty")
    if repetition is not None and repetition <= 0:
        raise ApiError(400, f"repetition_penalty must be greater than zero, got {repetition}.")
    temperature = read.get("temperature")
    if temperature is not None and temperature < 0:
        raise parameter_error(f"temperature must be non-negative, got {temperature}.", "temperature", temperature)
    if temperature is not None and not temperature <= 2:
        raise parameter_error(f"temperature must be in [0, 2], got {temperature}.", "temperature", temperature)
    top_p = read.get("top_p")
    if top_p is not None and not 0 < top_p <= 1:
        raise parameter_error(f"top_p must be in (0, 1], got {top_p}.", "top_p", top_p)
    top_k = read.get("top_k")
    if top_k is not None and top_k < -1:
        raise ApiError(400, f"top_k must be 0 (disable), or at least 1, got {top_k}.")
    min_p = read.get("min_p")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ApiError(400, f"min_p must be in [0, 1], got {min_p}.")


def _outside(read: Body, name: str, low: float, high: float) -> None:
    value = read.get(name)
    if value is not None and not low <= value <= high:
        raise ApiError(400, f"{name} must be in [{low}, {high}], got {value}.")


def _check_counts(read: Body, max_tokens: int) -> None:
    n = read.get("n", 1)
    if n < 1:
        raise ApiError(400, f"n must be at least 1, got {n}.")
    if n > 1 and read.get("temperature", 1.0) == 0:
        raise ApiError(400, f"n must be 1 when using greedy sampling, got {n}.")
    least = read.get("min_tokens", 0)
    if least > max_tokens:
        raise ApiError(400, f"min_tokens must be less than or equal to max_tokens={max_tokens}, got {least}.")


def _stop(value: t.Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value or ())
    if "" in found:
        raise ApiError(400, "stop cannot contain an empty string.")
    return tuple(str(item) for item in found)


def check_length(text: str, limit: int) -> int:
    """Counts the prompt's tokens; a far too long one is refused by its characters, without tokenizing."""
    bound = limit * MAX_CHARS
    start = f"This model's maximum context length is {limit} tokens. However, your prompt contains "
    if len(text) > bound:
        raise parameter_error(
            f"{start}{len(text)} characters (more than {bound} characters, which is the upper bound for {limit} input tokens). "
            "Please reduce the length of the input prompt.",
            "input_text",
            len(text),
        )
    return check_tokens(Tokenizer.count(text), limit)


def check_tokens(count: int, limit: int) -> int:
    if count > limit:
        raise parameter_error(
            f"This model's maximum context length is {limit} tokens. However, your prompt contains {count} input tokens, "
            "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt.",
            "input_tokens",
            count,
        )
    return count


def check_asked(read: Body, limit: int) -> None:
    """What is asked for alone may not be longer than the context; prompt and answer together are cut instead."""
    name = "max_completion_tokens" if read.get("max_completion_tokens") is not None else "max_tokens"
    asked = read.get(name)
    if asked is not None and asked > limit:
        raise parameter_error(f"{name}={asked} cannot be greater than max_model_len={limit}. Please request fewer output tokens.", name, asked)
