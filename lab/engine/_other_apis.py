# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two other dialects for text: OpenAI's responses and Anthropic's messages, and SageMaker's /invocations."""

from __future__ import annotations

import time
import typing as t

from starlette.requests import Request
from starlette.responses import Response

from ._chat import chat, render
from ._completions import text_completion
from ._errors import ApiError
from ._generate import EventStream, Merged, complete, sequences
from ._json import answer, dump
from ._sampling import check_asked, check_length, sampling_from
from ._schema import Body, check, json_body
from ._sequence import Sequence
from ._server import Server, random_id, request_id, server_of

_FIELDS = {"model": "str", "stream": "bool", "temperature": "float", "top_p": "float", "max_tokens": "int", "max_output_tokens": "int"}


async def invocations(request: Request) -> Response:
    """Generates like /v1, and no API key guards it; SageMaker's layer takes the model's name out, so a wrong one is answered too."""
    server, body = server_of(request), await json_body(request) | {"model": None}
    return await (chat if "messages" in body else text_completion)(server, request, body)


def _planned(server: Server, name: str, messages: list[Body], read: Body) -> tuple[list[Sequence], int]:
    read = {**read, "max_tokens": read.get("max_output_tokens", read.get("max_tokens"))}
    if read["max_tokens"] is None:
        del read["max_tokens"]
    prompt, limit = render(messages), server.settings.max_model_len
    check_asked(read, limit)
    count = check_length(prompt, limit)
    return sequences(server, name, [(prompt, count)], sampling_from(read, read, limit - count, None, False)), count


# -- /v1/responses -------------------------------------------------------------------------------------------------


async def responses(request: Request) -> Response:
    server, body = server_of(request), await json_body(request)
    read = check(body, _FIELDS, required=("input",))
    model = server.model_name(read.get("model"))
    given = body["input"]
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    name = f"resp_{random_id()}"
    planned, count = _planned(server, name, messages, read)
    if read.get("stream"):
        return EventStream(server, planned, _response_events(server, name, model, planned[0], count))
    if not await complete(server, request, planned):
        return Response(status_code=499)
    return answer(_response(name, model, planned[0], count, done=True))


async def no_response(request: Request) -> Response:
    raise ApiError(404, f"Response with id '{request.path_params['response_id']}' not found.", "invalid_request_error", "response_id")


def _response(name: str, model: str, sequence: Sequence, count: int, done: bool) -> Body:
    cut = done and sequence.finish == "length"
    message: Body = {
        "id": f"msg_{random_id()}",
        "content": [{"annotations": [], "text": sequence.text, "type": "output_text", "logprobs": None}],
        "role": "assistant",
        "status": "completed",
        "type": "message",
        "phase": None,
    }
    usage = {"input_tokens": count, "output_tokens": sequence.made, "total_tokens": count + sequence.made}
    return {
        "id": name,
        "created_at": int(time.time()),
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": model,
        "object": "response",
        "output": [message] if done else [],
        "parallel_tool_calls": True,
        "tool_choice": "none",
        "tools": [],
        "max_output_tokens": sequence.max_tokens,
        "status": "incomplete" if cut else "completed" if done else "in_progress",
        "usage": usage if done else None,
    }


async def _response_events(server: Server, name: str, model: str, sequence: Sequence, count: int) -> t.AsyncGenerator[str, None]:
    """Named events and no [DONE]."""
    number = 0
    for kind in ("response.created", "response.in_progress"):
        yield _named(kind, {"response": _response(name, model, sequence, count, done=False), "sequence_number": number, "type": kind})
        number += 1
    try:
        async for _, text in Merged(server, [sequence]):
            if text is not None:
                kind = "response.output_text.delta"
                yield _named(kind, {"content_index": 0, "delta": text, "output_index": 0, "sequence_number": number, "type": kind})
                number += 1
        body = _response(name, model, sequence, count, done=True)
        yield _named("response.completed", {"response": body, "sequence_number": number, "type": "response.completed"})
    except ApiError as caught:
        yield _named("error", caught.body())


def _named(kind: str, body: Body) -> str:
    return f"event: {kind}\ndata: {dump(body)}\n\n"


# -- /v1/messages --------------------------------------------------------------------------------------------------

_STOP = {"length": "max_tokens", "stop": "end_turn", "abort": "end_turn"}


async def messages(request: Request) -> Response:
    server, body = server_of(request), await json_body(request)
    read = check(body, _FIELDS | {"messages": "list"}, required=("messages", "max_tokens"))
    try:
        model = server.model_name(read.get("model"))
    except ApiError as caught:
        return answer({"type": "error", "error": {"type": caught.kind, "message": caught.message}}, caught.status)
    name = request_id("chatcmpl", request)
    planned, count = _planned(server, name, read["messages"], read)
    if read.get("stream"):
        return EventStream(server, planned, _message_events(server, name, model, planned[0], count))
    if not await complete(server, request, planned):
        return Response(status_code=499)
    sequence = planned[0]
    content = [{"type": "text", "text": sequence.text}]
    usage = {"input_tokens": count, "output_tokens": sequence.made}
    whole = {"id": name, "type": "message", "role": "assistant", "content": content, "model": model}
    return answer(whole | {"stop_reason": _STOP[sequence.finish], "usage": usage})


async def count_tokens(request: Request) -> Response:
    server = server_of(request)
    read = check(await json_body(request), _FIELDS | {"messages": "list"}, required=("messages",))
    server.model_name(read.get("model"))
    count = server.tokenizer.count(render(read["messages"]))
    return answer({"input_tokens": count, "context_management": {"original_input_tokens": count}})


async def _message_events(server: Server, name: str, model: str, sequence: Sequence, count: int) -> t.AsyncGenerator[str, None]:
    opening: Body = {"id": name, "type": "message", "role": "assistant", "content": [], "model": model, "stop_reason": None, "stop_sequence": None}
    try:
        async for _, text in Merged(server, [sequence]):
            if sequence.made == 1 and text is not None:
                usage = {"input_tokens": count, "output_tokens": 0}
                yield _typed("message_start", {"message": opening | {"usage": usage}})
                yield _typed("content_block_start", {"content_block": {"type": "text", "text": ""}, "index": 0})
            if text is not None:
                yield _typed("content_block_delta", {"delta": {"type": "text_delta", "text": text}, "index": 0})
        yield _typed("content_block_stop", {"index": 0})
        ending = {"stop_reason": _STOP[sequence.finish], "stop_sequence": sequence.stop_reason}
        yield _typed("message_delta", {"delta": ending, "usage": {"input_tokens": count, "output_tokens": sequence.made}})
        yield _typed("message_stop", {})
    except ApiError as caught:
        yield _typed("error", {"error": {"type": caught.kind, "message": caught.message}})


def _typed(kind: str, body: Body) -> str:
    return _named(kind, {"type": kind} | body)
