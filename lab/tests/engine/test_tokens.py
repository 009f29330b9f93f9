# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST /tokenize and /detokenize."""

from __future__ import annotations

from ._api import HELLO, Api


def test_tokenize_counts_and_tells_the_limit(api: Api) -> None:
    body = api.post("/tokenize", {"model": api.model, "prompt": "hello world"}).json
    assert (body["count"], body["max_model_len"], body["token_strs"]) == (len(body["tokens"]), api.limit, None)
    assert body["count"] >= 1


def test_tokenize_renders_messages(api: Api) -> None:
    plain = api.post("/tokenize", {"model": api.model, "prompt": "hello world"}).json["count"]
    assert api.post("/tokenize", {"model": api.model, "messages": HELLO}).json["count"] > plain


def test_detokenize_gives_the_text_back(api: Api) -> None:
    numbers = api.post("/tokenize", {"model": api.model, "prompt": "the dog, 42 times!"}).json["tokens"]
    assert api.post("/detokenize", {"model": api.model, "tokens": numbers}).json == {"prompt": "the dog, 42 times!"}


def test_tokenize_wants_the_right_model(api: Api) -> None:
    assert api.post("/tokenize", {"model": "nope", "prompt": "x"}).error["type"] == "NotFoundError"
