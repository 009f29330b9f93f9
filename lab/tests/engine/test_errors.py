# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused, with which status, type, parameter and words."""

from __future__ import annotations

import typing as t

import pytest

from ._api import HELLO, Api

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
# fields, parameter, message; LIMIT is the context's length
BAD_REQUESTS: list[tuple[dict[str, t.Any], str | None, str]] = [
    ({"max_tokens": 0}, "max_tokens", "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"),
    ({"max_tokens": -1}, "max_tokens", "max_tokens must be at least 1, got -1. (parameter=max_tokens, value=-1)"),
    (
        {"max_tokens": 100000},
        "max_tokens",
        "max_tokens=100000 cannot be greater than max_model_len=LIMIT. Please request fewer output tokens. (parameter=max_tokens, value=100000)",
    ),
    ({"temperature": 5}, "temperature", "temperature must be in [0, 2], got 5.0. (parameter=temperature, value=5.0)"),
    ({"temperature": -1}, "temperature", "temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0)"),
    ({"top_p": 2}, "top_p", "top_p must be in (0, 1], got 2.0. (parameter=top_p, value=2.0)"),
    ({"top_p": 0}, "top_p", "top_p must be in (0, 1], got 0.0. (parameter=top_p, value=0.0)"),
    ({"top_k": -5}, None, "top_k must be 0 (disable), or at least 1, got -5."),
    ({"min_p": 2}, None, "min_p must be in [0, 1], got 2.0."),
    ({"n": 0}, None, "n must be at least 1, got 0."),
    ({"n": -1}, None, "n must be at least 1, got -1."),
    ({"n": 2}, None, "n must be 1 when using greedy sampling, got 2."),
    ({"n": 2, "stream": True}, None, "n must be 1 when using greedy sampling, got 2."),
    ({"presence_penalty": 3}, None, "presence_penalty must be in [-2, 2], got 3.0."),
    ({"frequency_penalty": -3}, None, "frequency_penalty must be in [-2, 2], got -3.0."),
    ({"repetition_penalty": 0}, None, "repetition_penalty must be greater than zero, got 0.0."),
    ({"min_tokens": 9}, None, "min_tokens must be less than or equal to max_tokens=3, got 9."),
    ({"stop": [""]}, None, "stop cannot contain an empty string."),
    ({"messages": []}, None, "Cannot apply chat template to an empty conversation. Provide at least one message."),
    ({"top_logprobs": 2}, "top_logprobs", "when using `top_logprobs`, `logprobs` must be set to true. (parameter=top_logprobs)"),
    (
        {"logprobs": True, "top_logprobs": 100},
        "logprobs",
        "Requested sample logprobs of 100, which is greater than max allowed: 20 (parameter=logprobs, value=100)",
    ),
    (
        {"stream_options": {"include_usage": True}},
        "stream_options",
        "Stream options can only be defined when `stream=True`. (parameter=stream_options)",
    ),
    ({"tool_choice": "auto"}, "tool_choice", "When using `tool_choice`, `tools` must be set. (parameter=tool_choice)"),
    ({"tool_choice": "required"}, "tool_choice", "When using `tool_choice`, `tools` must be set. (parameter=tool_choice)"),
    (
        {"tools": TOOLS, "tool_choice": "auto"},
        None,
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    ),
    ({"tools": TOOLS, "tool_choice": "required"}, None, 'tool_choice="required" requires --tool-call-parser to be set'),
    (
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "f"}}},
        None,
        'tool_choice=function "f" requires --tool-call-parser to be set',
    ),
    ({"tools": TOOLS}, None, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
]
# fields, pydantic's type, field, words
WRONG_TYPES: list[tuple[dict[str, t.Any], str, str, str]] = [
    ({"max_tokens": "many"}, "int_parsing", "max_tokens", "Input should be a valid integer, unable to parse string as an integer"),
    ({"max_tokens": 1.5}, "int_from_float", "max_tokens", "Input should be a valid integer, got a number with a fractional part"),
    ({"max_tokens": []}, "int_type", "max_tokens", "Input should be a valid integer"),
    ({"temperature": "hot"}, "float_parsing", "temperature", "Input should be a valid number, unable to parse string as a number"),
    ({"temperature": {}}, "float_type", "temperature", "Input should be a valid number"),
    ({"stream": "maybe"}, "bool_parsing", "stream", "Input should be a valid boolean, unable to interpret input"),
    ({"messages": "hi"}, "list_type", "messages", "Input should be a valid list"),
    ({"model": 5}, "string_type", "model", "Input should be a valid string"),
    ({"logit_bias": 5}, "dict_type", "logit_bias", "Input should be a valid dictionary"),
]
BODIES = [
    (b"{", "json_invalid", "body.1"),
    (b"", "missing", "body"),
    (b"null", "missing", "body"),
    (b"[]", "model_attributes_type", "body"),
    (b'"x"', "model_attributes_type", "body"),
    (b"not json", "json_invalid", "body.0"),
]


@pytest.mark.parametrize(("fields", "param", "message"), BAD_REQUESTS, ids=lambda value: str(value)[:40])
def test_a_value_out_of_range_is_400_and_says_why(api: Api, fields: dict[str, t.Any], param: str | None, message: str) -> None:
    reply = api.chat(**fields)
    expected = {"message": message.replace("LIMIT", str(api.limit)), "type": "BadRequestError", "param": param, "code": 400}
    assert (reply.status, reply.error) == (400, expected)


@pytest.mark.parametrize(("fields", "kind", "field", "words"), WRONG_TYPES, ids=lambda value: str(value)[:40])
def test_a_wrong_type_is_400_in_pydantics_words(api: Api, fields: dict[str, t.Any], kind: str, field: str, words: str) -> None:
    error = api.chat(**fields).error
    assert (error["type"], error["code"], error["param"]) == ("Bad Request", 400, f"body.{field}")
    assert error["message"].startswith("1 validation error:\n")
    assert f"'type': '{kind}'" in error["message"]
    assert words in error["message"]


@pytest.mark.parametrize(("body", "kind", "param"), BODIES, ids=lambda value: str(value)[:20])
def test_a_body_that_is_no_object_is_400(api: Api, body: bytes, kind: str, param: str) -> None:
    reply = api.post("/v1/chat/completions", body)
    assert (reply.status, reply.error["type"], reply.error["param"]) == (400, "Bad Request", param)
    assert f"'type': '{kind}'" in reply.error["message"]


def test_messages_must_be_there(api: Api) -> None:
    error = api.post("/v1/chat/completions", {"model": api.model}).error
    assert (error["type"], error["param"]) == ("Bad Request", "body.messages")


@pytest.mark.parametrize("message", ["x", {"content": "x"}], ids=["no object", "no role"])
def test_a_message_must_be_an_object_with_a_role(api: Api, message: object) -> None:
    error = api.chat(messages=[message]).error
    assert (error["type"], error["code"]) == ("Bad Request", 400)
    assert error["param"].startswith("body.messages.0.ChatCompletionDeveloperMessageParam")


@pytest.mark.parametrize("body", [b'{"a": "\xff\xfe"}', b"[" * 100_000], ids=["not UTF-8", "too deep"])
def test_a_body_that_cannot_be_read_is_400_with_a_detail(api: Api, body: bytes) -> None:
    reply = api.post("/v1/chat/completions", body)
    assert (reply.status, reply.json) == (400, {"detail": "There was an error parsing the body"})


def test_another_content_type_is_400(api: Api) -> None:
    reply = api.post("/v1/chat/completions", api.chat_body(), headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.error["message"]) == (400, "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed")


@pytest.mark.parametrize(
    ("path", "field"), [("/v1/chat/completions", {"messages": HELLO}), ("/v1/completions", {"prompt": "x"}), ("/v1/responses", {"input": "x"})]
)
def test_a_wrong_model_is_404_and_names_the_right_one(api: Api, path: str, field: dict[str, t.Any]) -> None:
    reply = api.post(path, {"model": "nope", **field})
    message = f"The model `nope` does not exist. Valid aliases: {api.model}."
    assert (reply.status, reply.error) == (404, {"message": message, "type": "NotFoundError", "param": "model", "code": 404})


def test_the_model_is_looked_at_before_the_values(api: Api) -> None:
    assert api.chat(model="nope", temperature=9).status == 404


def test_a_prompt_with_too_many_tokens_is_counted(api: Api) -> None:
    reply = api.complete(prompt=[300] * (api.limit + 5))
    start = f"This model's maximum context length is {api.limit} tokens. However, your prompt contains {api.limit + 5} input tokens, which exceeds"
    assert (reply.status, reply.error["param"]) == (400, "input_tokens")
    assert reply.error["message"].startswith(start)


def test_a_prompt_that_fills_the_context_leaves_no_room_for_an_answer(api: Api) -> None:
    error = api.complete(prompt=[300] * api.limit).error
    assert error["message"] == "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"


def test_one_free_token_is_room_enough(api: Api) -> None:
    assert api.complete(prompt=[300] * (api.limit - 1)).json["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_a_far_too_long_text_is_refused_by_its_characters(api: Api, path: str) -> None:
    text = "x" * (api.limit * 40)
    error = api.post(path, {"model": api.model, "prompt": text, "messages": [{"role": "user", "content": text}]}).error
    assert (error["code"], error["param"]) == (400, "input_text")
    assert "characters (more than" in error["message"]


@pytest.mark.parametrize("prompt", [None, ""])
def test_a_completion_needs_a_prompt(api: Api, prompt: str | None) -> None:
    error = api.complete(prompt=prompt).error
    assert error["message"] == "Either prompt or prompt_embeds must be provided and non-empty. (parameter=prompt)"


def test_a_completion_needs_at_least_one_prompt(api: Api) -> None:
    assert api.complete(prompt=[]).error["message"] == "You must pass at least one prompt"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/score", "/rerank", "/pooling", "/classify"])
def test_a_text_model_has_no_pooling_routes(api: Api, path: str) -> None:
    reply = api.post(path, {"model": api.model, "input": "x"})
    assert (reply.status, reply.json) == (404, {"detail": "Not Found"})


def test_the_render_routes_are_shut(api: Api) -> None:
    assert api.post("/v1/chat/completions/render", api.chat_body()).error["type"] == "PermissionDeniedError"


def test_after_every_refusal_the_server_still_answers(api: Api) -> None:
    assert api.chat().status == 200
