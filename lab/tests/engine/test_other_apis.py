# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dialects beside OpenAI's chat: responses and messages."""

from __future__ import annotations

from ._api import HELLO, Api


def test_a_response_has_an_output_message(api: Api) -> None:
    body = api.post("/v1/responses", {"model": api.model, "input": "hello", "max_output_tokens": 3}).json
    assert body["object"] == "response"
    assert body["id"].startswith("resp_")
    assert body["status"] in ("completed", "incomplete")
    assert body["usage"]["output_tokens"] >= 1


def test_a_response_stream_has_named_events_and_no_done(api: Api) -> None:
    text = api.post("/v1/responses", {"model": api.model, "input": "hello", "max_output_tokens": 3, "stream": True}).text
    names = [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event: ")]
    assert (names[:2], names[-1]) == (["response.created", "response.in_progress"], "response.completed")
    assert "[DONE]" not in text


def test_an_unknown_response_is_404(api: Api) -> None:
    reply = api.get("/v1/responses/resp_x")
    expected = {"message": "Response with id 'resp_x' not found.", "type": "invalid_request_error", "param": "response_id", "code": 404}
    assert (reply.status, reply.error) == (404, expected)


def test_an_unknown_response_cannot_be_cancelled(api: Api) -> None:
    assert api.post("/v1/responses/resp_x/cancel").status == 404


def test_a_response_needs_an_input(api: Api) -> None:
    assert api.post("/v1/responses", {"model": api.model}).error["param"] == "body.input"


def test_a_message_has_content_and_a_stop_reason(api: Api) -> None:
    body = api.post("/v1/messages", {"model": api.model, "messages": HELLO, "max_tokens": 3}).json
    assert (body["type"], body["role"]) == ("message", "assistant")
    assert body["content"][0]["type"] == "text"
    assert body["stop_reason"] in ("max_tokens", "end_turn")
    assert body["usage"]["output_tokens"] >= 1


def test_a_message_stream_has_anthropics_events(api: Api) -> None:
    text = api.post("/v1/messages", {"model": api.model, "messages": HELLO, "max_tokens": 3, "stream": True}).text
    names = [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event: ")]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert "[DONE]" not in text


def test_a_wrong_model_has_anthropics_error(api: Api) -> None:
    reply = api.post("/v1/messages", {"model": "nope", "messages": HELLO, "max_tokens": 3})
    message = f"The model `nope` does not exist. Valid aliases: {api.model}."
    assert (reply.status, reply.json) == (404, {"type": "error", "error": {"type": "NotFoundError", "message": message}})


def test_a_message_needs_max_tokens(api: Api) -> None:
    assert api.post("/v1/messages", {"model": api.model, "messages": HELLO}).error["param"] == "body.max_tokens"


def test_tokens_of_a_message_are_counted(api: Api) -> None:
    counted = api.post("/tokenize", {"model": api.model, "messages": HELLO}).json["count"]
    assert api.post("/v1/messages/count_tokens", {"model": api.model, "messages": HELLO}).json["input_tokens"] == counted
