# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server-sent events."""

from __future__ import annotations

import pytest

from ._api import Api


def test_a_chat_stream_begins_with_a_role_and_ends_with_done(api: Api) -> None:
    reply = api.chat(stream=True)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert reply.events[-1] == "[DONE]"
    assert reply.chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_each_token_is_a_chunk(api: Api) -> None:
    assert len(api.chat(stream=True, ignore_eos=True, max_tokens=4).chunks) == 5


def test_only_the_last_chunk_has_a_finish_reason(api: Api) -> None:
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in api.chat(stream=True).chunks]
    assert set(reasons[:-1]) <= {None}
    assert reasons[-1] in ("stop", "length")


def test_only_the_last_chunk_has_the_fingerprint(api: Api) -> None:
    chunks = api.chat(stream=True).chunks
    assert ["system_fingerprint" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_without_being_asked_a_stream_has_no_usage(api: Api) -> None:
    assert not any(chunk.get("usage") for chunk in api.chat(stream=True).chunks)


def test_the_usage_chunk_has_no_choices(api: Api) -> None:
    last = api.chat(stream=True, stream_options={"include_usage": True}, ignore_eos=True).chunks[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3
    assert last["usage"].keys() == {"prompt_tokens", "total_tokens", "completion_tokens"}
    assert last["system_fingerprint"]


def test_continuous_usage_counts_up(api: Api) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    chunks = api.chat(stream=True, stream_options=options, ignore_eos=True).chunks
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 3]


def test_every_chunk_has_the_same_id_and_object(api: Api) -> None:
    chunks = api.chat(stream=True).chunks
    assert len({(chunk["id"], chunk["object"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["object"] == "chat.completion.chunk"


def test_the_stream_says_what_the_plain_answer_says(api: Api) -> None:
    whole = api.chat(max_tokens=8).json["choices"][0]["message"]["content"]
    parts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in api.chat(stream=True, max_tokens=8).chunks]
    assert "".join(parts) == whole


def test_a_text_stream_has_no_role_chunk(api: Api) -> None:
    chunks = api.complete(stream=True, ignore_eos=True).chunks
    assert len(chunks) == 3
    assert "text" in chunks[0]["choices"][0]
    assert chunks[0]["object"] == "text_completion"


def test_a_text_stream_ends_with_usage_and_done(api: Api) -> None:
    reply = api.complete(stream=True, stream_options={"include_usage": True})
    assert reply.chunks[-1]["choices"] == []
    assert reply.events[-1] == "[DONE]"


def test_two_answers_share_a_stream(api: Api) -> None:
    chunks = api.chat(stream=True, n=2, temperature=1, ignore_eos=True).chunks
    assert {chunk["choices"][0]["index"] for chunk in chunks} == {0, 1}
    assert sum(chunk["choices"][0]["finish_reason"] is not None for chunk in chunks) == 2


@pytest.mark.parametrize("given", ["yes", 1, "true"])
def test_stream_is_read_as_pydantic_reads_it(api: Api, given: object) -> None:
    assert api.chat(stream=given).events[-1] == "[DONE]"


def test_chunks_are_written_without_spaces(api: Api) -> None:
    assert '": ' not in api.chat(stream=True).events[0]


def test_a_refusal_before_the_stream_is_an_ordinary_answer(api: Api) -> None:
    reply = api.chat(stream=True, model="nope")
    assert (reply.status, reply.headers["content-type"]) == (404, "application/json")


def test_a_stream_is_chunked(api: Api) -> None:
    reply = api.chat(stream=True)
    assert reply.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in reply.headers
