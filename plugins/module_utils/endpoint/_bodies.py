# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is asked of a model, by its kind. Pure."""

from __future__ import annotations

import random
import typing as t

Json = dict[str, t.Any]
Kind = t.Literal["chat", "completion", "embedding"]

PATHS: dict[str, str] = {"chat": "/v1/chat/completions", "completion": "/v1/completions", "embedding": "/v1/embeddings"}


def body(kind: str, model: str, prompt: str, max_tokens: int, *, stream: bool = False, exact: bool = False) -> Json:
    """The body of one request; temperature 0, so that two servers of one model can be compared. ``exact``: no fewer tokens than ``max_tokens``."""
    if kind == "embedding":
        return {"model": model, "input": prompt}
    asked: Json = {"model": model, "max_tokens": max_tokens, "temperature": 0}
    asked |= {"messages": [{"role": "user", "content": prompt}]} if kind == "chat" else {"prompt": prompt}
    if exact:
        asked |= {"ignore_eos": True, "min_tokens": max_tokens}
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return asked


def words(count: int, seed: int) -> str:
    """A prompt of so many words that no other seed gives, so that no server answers it from its prefix cache."""
    chosen = random.Random(seed)
    return " ".join(chosen.choice(_WORDS) + str(chosen.randrange(100)) for _word in range(count))


_WORDS = ("river", "stone", "cloud", "paper", "green", "seven", "light", "round", "quick", "house", "north", "water")
