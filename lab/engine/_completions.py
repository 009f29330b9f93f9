# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /v1/completions."""

from __future__ import annotations

import json
import time
import typing as t

from starlette.requests import Request
from starlette.responses import Response

from ._errors import ApiError, EngineDead, parameter_error
from ._generate import EventStream, Merged, complete, sequences
from ._json import answer, dump, event, usage_of
from ._sampling import FIELDS, Sampling, check_asked, check_length, check_stream_options, check_tokens, sampling_from
from ._schema import Body, check, json_body
from ._sequence import Sequence
from ._server import Server, request_id, server_of

_FIELDS = FIELDS | {"logprobs": "int", "suffix": "str", "best_of": "int"}
_DEFAULT_MAX_TOKENS = 16


async def completions(request: Request) -> Response:
    return await text_completion(server_of(request), request, await json_body(request))


async def text_completion(server: Server, request: Request, body: Body) -> Response:
    check_stream_options(body)
    if not body.get("prompt") and body.get("prompt") != [] and not body.get("prompt_embeds"):
        raise parameter_error("Either prompt or prompt_embeds must be provided and non-empty.", "prompt", with_value=False)
    read = check(body, _FIELDS)
    model = server.model_name(read.get("model"))
    limit = server.settings.max_model_len
    check_asked(read, limit)
    prompts = [_measured(server, prompt, limit) for prompt in _prompts(body["prompt"])]
    room = min(limit - count for _, count in prompts)
    sampling = sampling_from(read, body, room, _DEFAULT_MAX_TOKENS, bool(server.settings.args.enable_force_include_usage))
    name = request_id("cmpl", request)
    planned = sequences(server, name, prompts, sampling)
    echoed = [text for text, _ in prompts for _ in range(sampling.n)] if read.get("echo") else [""] * len(planned)
    total = sum(count for _, count in prompts)
    if sampling.stream:
        return EventStream(server, planned, _events(server, name, model, planned, sampling, total, echoed))
    if not await complete(server, request, planned):
        return Response(status_code=499)
    choices = [_choice(sequence, echo, read.get("logprobs")) for sequence, echo in zip(planned, echoed, strict=True)]
    return answer(_whole(server, name, model, choices, total, sum(sequence.made for sequence in planned)))


def _prompts(prompt: t.Any) -> list[str | list[int]]:
    """A text, a list of texts, a list of token numbers, or a list of those."""
    if isinstance(prompt, str):
        return [prompt]
    if not isinstance(prompt, list) or not prompt:
        raise ApiError(400, "You must pass at least one prompt")
    if all(isinstance(item, int) for item in prompt):
        return [prompt]
    if all(isinstance(item, str) or (isinstance(item, list) and all(isinstance(number, int) for number in item)) for item in prompt):
        return prompt
    raise ApiError(400, "prompt must be a string, array of strings, array of tokens, or array of token arrays")


def _measured(server: Server, prompt: str | list[int], limit: int) -> tuple[str, int]:
    if isinstance(prompt, str):
        return prompt, check_length(prompt, limit)
    return server.tokenizer.decode(prompt), check_tokens(len(prompt), limit)


def _choice(sequence: Sequence, echo: str, logprobs: int | None) -> Body:
    return {
        "index": sequence.index,
        "text": echo + sequence.text,
        "logprobs": None if logprobs is None else _logprobs(sequence, logprobs),
        "finish_reason": sequence.finish,
        "stop_reason": sequence.stop_reason,
        "token_ids": None,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "routed_experts": None,
    }


def _logprobs(sequence: Sequence, top: int) -> Body:
    pieces = sequence.words[: sequence.made]
    offsets = [sum(map(len, pieces[:at])) for at in range(len(pieces))]
    best = [{piece: -0.1} if top else {} for piece in pieces]
    return {"text_offset": offsets, "token_logprobs": [-0.1] * len(pieces), "tokens": pieces, "top_logprobs": best}


def _whole(server: Server, name: str, model: str, choices: list[Body], prompt: int, made: int) -> Body:
    return {
        "id": name,
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": choices,
        "service_tier": None,
        "system_fingerprint": server.settings.fingerprint,
        "usage": usage_of(prompt, made) | {"prompt_tokens_details": None, "completion_tokens_details": None},
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


async def _events(
    server: Server, name: str, model: str, planned: list[Sequence], sampling: Sampling, prompt: int, echoed: list[str]
) -> t.AsyncGenerator[str, None]:
    """A text stream has no chunk for the role: the first chunk carries the first token."""
    head = {"id": name, "object": "text_completion", "created": int(time.time()), "model": model}
    start = dump(head)[:-1]
    try:
        async for sequence, text in Merged(server, planned):
            if text is None and sequence.finish != "abort":
                continue
            last = text is None or (sequence.made == len(sequence.words) and not sequence.endless)
            shown = (echoed[sequence.index] if sequence.made == 1 else "") + (text or "")
            yield f"data: {start},{dump(_tail(server, sequence, shown, last, sampling, prompt))[1:]}\n\n"
            sequence.wrote(time.monotonic())
        if sampling.usage:
            total = usage_of(prompt, sum(sequence.made for sequence in planned))
            yield event(head | {"choices": [], "usage": total, "system_fingerprint": server.settings.fingerprint})
    except EngineDead as dead:
        yield f"data: {json.dumps(dead.body())}\n\n"
    yield "data: [DONE]\n\n"


def _tail(server: Server, sequence: Sequence, text: str, last: bool, sampling: Sampling, prompt: int) -> Body:
    choice = {
        "index": sequence.index,
        "text": text,
        "logprobs": None,
        "finish_reason": sequence.finish if last else None,
        "stop_reason": sequence.stop_reason if last else None,
        "prompt_token_ids": None,
        "token_ids": None,
    }
    tail: Body = {"choices": [choice]}
    if sampling.continuous_usage:
        tail["usage"] = usage_of(prompt, sequence.made)
    if last and not sampling.usage:
        tail["system_fingerprint"] = server.settings.fingerprint
    return tail
