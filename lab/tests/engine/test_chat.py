# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /v1/chat/completions without streaming."""

from __future__ import annotations

import pytest

from ._api import HELLO, Api


def test_an_answer_has_the_shape_of_openais(api: Api) -> None:
    body = api.chat().json
    assert (body["object"], body["model"]) == ("chat.completion", api.model)
    assert body["id"].startswith("chatcmpl-")
    choice = body["choices"][0]
    assert choice["index"] == 0
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")


def test_every_field_of_the_message_is_there(api: Api) -> None:
    message = api.chat().json["choices"][0]["message"]
    assert message.keys() == {"role", "content", "refusal", "annotations", "audio", "function_call", "reasoning"}


def test_every_field_of_the_answer_is_there(api: Api) -> None:
    assert api.chat().json.keys() == {
        *("id", "object", "created", "model", "choices", "service_tier", "system_fingerprint", "usage", "prompt_logprobs"),
        *("prompt_token_ids", "prompt_text", "kv_transfer_params", "ec_transfer_params", "metrics"),
    }


def test_usage_adds_up(api: Api) -> None:
    usage = api.chat(ignore_eos=True).json["usage"]
    assert usage["completion_tokens"] == 3
    assert usage["total_tokens"] == usage["prompt_tokens"] + 3
    assert usage["prompt_tokens"] > 2


def test_usage_counts_what_tokenize_counts(api: Api) -> None:
    counted = api.post("/tokenize", {"model": api.model, "messages": HELLO}).json["count"]
    assert api.chat().json["usage"]["prompt_tokens"] == counted


def test_temperature_zero_gives_the_same_answer_again(api: Api) -> None:
    answers = {api.chat(max_tokens=8).json["choices"][0]["message"]["content"] for _ in range(3)}
    assert len(answers) == 1


def test_ignore_eos_runs_to_max_tokens(api: Api) -> None:
    body = api.chat(max_tokens=7, ignore_eos=True).json
    assert (body["usage"]["completion_tokens"], body["choices"][0]["finish_reason"]) == (7, "length")


def test_max_completion_tokens_goes_before_max_tokens(api: Api) -> None:
    assert api.chat(max_tokens=9, max_completion_tokens=2, ignore_eos=True).json["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(("given", "meant"), [("3", 3), (3.0, 3), (True, 1)])
def test_numbers_are_read_as_pydantic_reads_them(api: Api, given: object, meant: int) -> None:
    assert api.chat(max_tokens=given, ignore_eos=True).json["usage"]["completion_tokens"] == meant


@pytest.mark.parametrize("given", [None, ""])
def test_without_a_model_the_served_one_answers(api: Api, given: str | None) -> None:
    assert api.chat(model=given).json["model"] == api.model


def test_the_model_may_be_absent(api: Api) -> None:
    assert api.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 1}).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"foo": 1},
        {"user": "someone"},
        {"stop": "zzzz"},
        {"stop": ["zzzz", "yyyy"]},
        {"seed": 7},
        {"priority": 0},
        {"tool_choice": "none"},
        {"temperature": None, "top_p": 0.5, "top_k": 5, "min_p": 0.1},
        {"presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 1.1},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}]},
    ],
    ids=str,
)
def test_what_is_harmless_is_accepted(api: Api, fields: dict[str, object]) -> None:
    assert api.chat(**fields).status == 200


def test_several_answers_have_their_numbers(api: Api) -> None:
    body = api.chat(n=3, temperature=1, ignore_eos=True).json
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert body["usage"]["completion_tokens"] == 9


def test_the_request_id_becomes_the_answers_id(api: Api) -> None:
    reply = api.post("/v1/chat/completions", api.chat_body(), headers={"X-Request-Id": "abc"})
    assert reply.json["id"] == "chatcmpl-abc"
    assert "x-request-id" not in reply.headers


def test_the_fingerprint_names_version_and_configuration(api: Api) -> None:
    found = {api.chat().json["system_fingerprint"] for _ in range(2)}
    assert len(found) == 1
    prefix, version, digest = found.pop().split("-")
    assert (prefix, version, len(digest)) == ("vllm", api.get("/version").json["version"].split("+")[0], 8)


def test_log_probabilities_come_when_asked_for(api: Api) -> None:
    choice = api.chat(max_tokens=1, logprobs=True, top_logprobs=1).json["choices"][0]
    token = choice["logprobs"]["content"][0]
    assert {"token", "logprob", "bytes", "top_logprobs"} <= token.keys()


def test_a_prompt_and_max_tokens_that_fill_more_than_the_context_are_accepted_and_cut(api: Api) -> None:
    body = api.chat(messages=[{"role": "user", "content": "a b " * (api.limit // 5)}], max_tokens=api.limit, ignore_eos=True).json
    assert body["usage"]["total_tokens"] == api.limit


def test_a_stop_string_ends_the_answer_before_it(api: Api) -> None:
    text = api.chat(max_tokens=40, ignore_eos=True).json["choices"][0]["message"]["content"]
    stop = text[len(text) // 2]
    choice = api.chat(max_tokens=40, ignore_eos=True, stop=stop).json["choices"][0]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop)
    assert choice["message"]["content"] == text[: text.index(stop)]


def test_invocations_generates_like_v1(api: Api) -> None:
    assert api.post("/invocations", api.chat_body()).json["object"] == "chat.completion"


def test_invocations_overlooks_a_wrong_model(api: Api) -> None:
    assert api.post("/invocations", api.chat_body(model="nope")).json["model"] == api.model
