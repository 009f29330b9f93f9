# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /v1/completions without streaming."""

from __future__ import annotations

from ._api import Api


def test_an_answer_has_text(api: Api) -> None:
    body = api.complete().json
    assert (body["object"], body["model"]) == ("text_completion", api.model)
    assert body["id"].startswith("cmpl-")
    assert isinstance(body["choices"][0]["text"], str)


def test_sixteen_tokens_are_the_default(api: Api) -> None:
    reply = api.post("/v1/completions", {"model": api.model, "prompt": "hello", "ignore_eos": True})
    assert reply.json["usage"]["completion_tokens"] == 16


def test_two_prompts_give_two_choices(api: Api) -> None:
    body = api.complete(prompt=["a", "b"], ignore_eos=True).json
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["usage"]["completion_tokens"] == 6


def test_a_prompt_may_be_tokens(api: Api) -> None:
    assert api.complete(prompt=[300, 301]).json["usage"]["prompt_tokens"] == 2


def test_prompts_may_be_lists_of_tokens(api: Api) -> None:
    assert api.complete(prompt=[[300, 301], [302]]).json["usage"]["prompt_tokens"] == 3


def test_echo_puts_the_prompt_first(api: Api) -> None:
    assert api.complete(echo=True).json["choices"][0]["text"].startswith("hello")


def test_log_probabilities_have_the_older_shape(api: Api) -> None:
    found = api.complete(logprobs=1, max_tokens=2, ignore_eos=True).json["choices"][0]["logprobs"]
    assert found.keys() == {"text_offset", "token_logprobs", "tokens", "top_logprobs"}
    assert len(found["tokens"]) == 2


def test_every_field_of_the_choice_is_there(api: Api) -> None:
    assert api.complete().json["choices"][0].keys() == {
        *("index", "text", "logprobs", "finish_reason", "stop_reason", "token_ids", "prompt_logprobs", "prompt_token_ids", "routed_experts"),
    }


def test_usage_has_its_fields(api: Api) -> None:
    found = api.complete().json["usage"]
    assert found.keys() == {"prompt_tokens", "total_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"}


def test_invocations_takes_a_prompt_too(api: Api) -> None:
    assert api.post("/invocations", {"model": api.model, "prompt": "x", "max_tokens": 1}).json["object"] == "text_completion"
