# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /v1/chat/completions."""

from __future__ import annotations

import json
import time
import typing as t

from starlette.requests import Request
from starlette.responses import Response

from ._errors import ApiError, EngineDead, parameter_error
from ._generate import EventStream, Merged, complete, sequences
from ._instance import instance
from ._json import answer, dump, event, usage_of
from ._sampling import FIELDS, Sampling, check_asked, check_length, check_stream_options, sampling_from
from ._schema import Body, check, invalid, json_body, missing, problem
from ._sequence import Sequence
from ._server import Server, random_id, request_id, server_of

_FIELDS = FIELDS | {
    "messages": "list",
    "max_completion_tokens": "int",
    "logprobs": "bool",
    "top_logprobs": "int",
    "tools": "list",
    "add_generation_prompt": "bool",
}
_KINDS = (
    *(f"ChatCompletion{kind}MessageParam" for kind in ("Developer", "System", "User", "Assistant", "Tool", "Function")),
    "CustomChatCompletionMessageParam",
)
_WITHOUT_ROLE = (
    *(f"{kind}.role" for kind in _KINDS[:5]),
    "ChatCompletionToolMessageParam.tool_call_id",
    "ChatCompletionFunctionMessageParam.name",
    "ChatCompletionFunctionMessageParam.role",
    "CustomChatCompletionMessageParam.role",
    "Message.author",
    "Message.role",
)
_EMPTY = {"refusal": None, "annotations": None, "audio": None, "function_call": None}


async def chat_completions(request: Request) -> Response:
    return await chat(server_of(request), request, await json_body(request))


async def chat(server: Server, request: Request, body: Body) -> Response:
    check_request(body)
    read = check(body, _FIELDS, required=("messages",))
    _check_messages(read["messages"])
    model = server.model_name(read.get("model"))
    _check_tools(server, read, body)
    prompt = render(read["messages"], read.get("add_generation_prompt", True))
    limit = server.settings.max_model_len
    check_asked(read, limit)
    count = check_length(prompt, limit)
    _check_logprobs(read)
    sampling = sampling_from(read, body, limit - count, None, bool(server.settings.args.enable_force_include_usage))
    name = request_id("chatcmpl", request)
    planned = sequences(server, name, [(prompt, count)], sampling)
    forced = _forced_tool(read, body)
    read["schema"] = _asked_schema(body)
    if sampling.stream:
        return EventStream(server, planned, _events(server, name, model, planned, sampling, count))
    if not await complete(server, request, planned):
        return Response(status_code=499)
    return answer(_whole(server, name, model, planned, count, forced, read))


def check_request(body: Body) -> None:
    """Rules that vLLM checks before the types of the fields."""
    check_stream_options(body)
    if body.get("top_logprobs") and not body.get("logprobs"):
        raise parameter_error("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs", with_value=False)
    choice = body.get("tool_choice")
    if choice not in (None, "none") and not body.get("tools"):
        raise parameter_error("When using `tool_choice`, `tools` must be set.", "tool_choice", with_value=False)


def _check_messages(messages: list[t.Any]) -> None:
    """A message must be an object with a role; pydantic reports each member of its union of message types."""
    for index, message in enumerate(messages):
        where = f"body.messages.{index}"
        if not isinstance(message, dict):
            found = [problem("dict_type", f"{where}.{kind}", "Input should be a valid dictionary", message) for kind in _KINDS]
            text = "Input should be a valid dictionary or object to extract fields from"
            raise invalid([*found, problem("model_attributes_type", f"{where}.Message", text, message)])
        if not isinstance(message.get("role"), str):
            raise invalid([missing(f"{where}.{field}", message) for field in _WITHOUT_ROLE])


def _check_tools(server: Server, read: Body, body: Body) -> None:
    choice = body.get("tool_choice", "auto") if read.get("tools") else "none"
    args = server.settings.args
    if choice not in ("auto", "none") and not args.tool_call_parser:
        asked = f'function "{choice.get("function", {}).get("name")}"' if isinstance(choice, dict) else f'"{choice}"'
        raise ApiError(400, f"tool_choice={asked} requires --tool-call-parser to be set")
    if choice == "auto" and not args.enable_auto_tool_choice:
        raise ApiError(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')


def _check_logprobs(read: Body) -> None:
    asked = read.get("top_logprobs", 0)
    if read.get("logprobs") and asked > 20:
        raise parameter_error(f"Requested sample logprobs of {asked}, which is greater than max allowed: 20", "logprobs", asked)


def _forced_tool(read: Body, body: Body) -> tuple[Body, str] | None:
    """The call that must be made, and the finish_reason of such an answer."""
    choice, tools = body.get("tool_choice"), [tool.get("function") or {} for tool in read.get("tools") or ()]
    if isinstance(choice, dict):
        name = str(choice.get("function", {}).get("name", ""))
        return _call(next((tool for tool in tools if tool.get("name") == name), {"name": name})), "stop"
    return (_call(tools[0]), "tool_calls") if choice == "required" and tools else None


def _call(function: Body) -> Body:
    return {"name": str(function.get("name", "")), "arguments": json.dumps(instance(function.get("parameters")))}


def _asked_schema(body: Body) -> Body | None:
    """The schema that the answer must keep, where one was asked for."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    return t.cast(Body, (wanted.get("json_schema") or {}).get("schema") or {})


def render(messages: list[Body], generation_prompt: bool = True) -> str:
    """A plain chat template: one line for each message, then the opening of the answer."""
    if not messages:
        raise ApiError(400, "Cannot apply chat template to an empty conversation. Provide at least one message.")
    lines = "".join(f"{message['role']}: {_content(message.get('content'))}\n" for message in messages)
    return lines + "assistant: " if generation_prompt else lines


def _content(content: t.Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else str(content)


def _whole(server: Server, name: str, model: str, planned: list[Sequence], count: int, forced: tuple[Body, str] | None, read: Body) -> Body:
    return {
        "id": name,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [_choice(server, sequence, forced, read) for sequence in planned],
        "service_tier": None,
        "system_fingerprint": server.settings.fingerprint,
        "usage": usage_of(count, sum(sequence.made for sequence in planned)) | {"prompt_tokens_details": None, "completion_tokens_details": None},
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def _choice(server: Server, sequence: Sequence, forced: tuple[Body, str] | None, read: Body) -> Body:
    schema, finish = read["schema"], sequence.finish
    text = sequence.text if schema is None else json.dumps(instance(schema))
    message: Body = {"role": "assistant", "content": text, **_EMPTY, "reasoning": None}
    if server.settings.args.reasoning_parser:
        message |= {"content": None, "reasoning": text}
    if forced is not None:
        call = {"id": f"chatcmpl-tool-{random_id()}", "type": "function", "function": forced[0]}
        message |= {"content": "", "tool_calls": [call]}
        finish = forced[1]
    return {
        "index": sequence.index,
        "message": message,
        "logprobs": _logprobs(sequence, read) if read.get("logprobs") else None,
        "finish_reason": finish,
        "stop_reason": sequence.stop_reason,
        "token_ids": server.tokenizer.encode(sequence.text) if read.get("return_token_ids") else None,
        "routed_experts": None,
    }


def _logprobs(sequence: Sequence, read: Body) -> Body:
    top = read.get("top_logprobs", 0)
    content = []
    for word in sequence.words[: sequence.made]:
        token = {"token": word, "logprob": -0.1, "bytes": list(word.encode())}
        content.append(token | {"top_logprobs": [token] * min(top, 1)})
    return {"content": content}


async def _events(server: Server, name: str, model: str, planned: list[Sequence], sampling: Sampling, count: int) -> t.AsyncGenerator[str, None]:
    head = {"id": name, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
    start = dump(head)[:-1]
    role = {"role": "assistant", "content": ""}
    field = "reasoning" if server.settings.args.reasoning_parser else "content"
    greeted = False
    try:
        async for sequence, text in Merged(server, planned):
            if not greeted:
                greeted = True
                for each in planned:
                    yield _chunk(start, {"index": each.index, "delta": role, "logprobs": None, "finish_reason": None}, sampling, count, 0, _PROMPT)
                    each.wrote(time.monotonic())
            last = text is None or (sequence.made == len(sequence.words) and not sequence.endless)
            if text is None and sequence.finish != "abort":
                continue
            choice: Body = {"index": sequence.index, "delta": {field: text or ""}, "logprobs": None, "finish_reason": sequence.finish if last else None}
            if last:
                choice["stop_reason"] = sequence.stop_reason
            choice["token_ids"] = None
            mark = {"system_fingerprint": server.settings.fingerprint} if last and not sampling.usage else {}
            yield _chunk(start, choice, sampling, count, sequence.made, mark)
            sequence.wrote(time.monotonic())
        if sampling.usage:
            total = usage_of(count, sum(sequence.made for sequence in planned))
            yield event(head | {"choices": [], "usage": total, "system_fingerprint": server.settings.fingerprint})
    except EngineDead as dead:
        yield f"data: {json.dumps(dead.body())}\n\n"
    yield "data: [DONE]\n\n"


_PROMPT: Body = {"prompt_token_ids": None, "prompt_text": None}


def _chunk(start: str, choice: Body, sampling: Sampling, count: int, made: int, more: Body) -> str:
    tail: Body = {"choices": [choice]}
    if sampling.continuous_usage:
        tail["usage"] = usage_of(count, made) | {"completion_tokens_details": None}
    return f"data: {start},{dump(tail | more)[1:]}\n\n"
