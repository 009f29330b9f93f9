# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Is this answer a real generation? Decided on ``usage``, since a correct answer may have empty text. Pure."""

from __future__ import annotations

import math
import typing as t

from ._errors import ProbeError, shown
from ._http import HttpAnswer

FINISHED = ("stop", "length", "tool_calls")


def require_ok(answer: HttpAnswer, what: str) -> t.Any:
    """The parsed body of a 200; anything else is a ProbeError with its meaning."""
    if answer.status != 200:
        raise ProbeError(f"http_{answer.status}", f"{what} answered HTTP {answer.status}{_reason(answer)}", status=answer.status)
    parsed = answer.json()
    if not isinstance(parsed, dict):
        raise ProbeError(
            "answer",
            f"{what} answered 200 with a body that is not a JSON object: {shown(answer.body[:120].decode('utf-8', 'replace'))!r}; is a proxy answering?",
        )
    return parsed


def completion_tokens(reply: t.Any, what: str, names: t.Collection[str]) -> int:
    """How many tokens a chat or text completion generated; raises ProbeError when it is not a finished one of ``names``."""
    require_model(reply, what, names)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ProbeError("answer", f"{what} answered without choices")
    require_finished(choices[0].get("finish_reason"), what)
    return require_tokens(reply.get("usage"), what)


def require_model(reply: t.Any, what: str, names: t.Collection[str]) -> None:
    model = reply.get("model")
    if model is not None and names and model not in names:
        raise ProbeError("wrong_model", f"{what} was answered by model {shown(model, 80)!r}: another server is behind this address")


def require_finished(reason: t.Any, what: str) -> None:
    if reason == "abort":
        raise ProbeError("aborted", f"{what} was aborted (finish_reason abort): the engine is shutting down or has died")
    if reason not in FINISHED:
        raise ProbeError("answer", f"{what} ended with finish_reason {shown(reason, 40)!r}")


def require_tokens(usage: t.Any, what: str) -> int:
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        raise ProbeError("no_tokens", f"{what} answered without usage.completion_tokens: nothing proves that a token was generated")
    if tokens < 1:
        raise ProbeError("no_tokens", f"{what} generated no token (usage.completion_tokens {tokens})")
    return tokens


def embedding_size(reply: t.Any, what: str, names: t.Collection[str]) -> int:
    """The length of the first vector; raises ProbeError when it is not a vector that can be compared with others."""
    require_model(reply, what, names)
    data = reply.get("data")
    vector = data[0].get("embedding") if isinstance(data, list) and data and isinstance(data[0], dict) else None
    if not isinstance(vector, list) or not vector:
        raise ProbeError("answer", f"{what} answered without data[0].embedding")
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in vector) or not any(vector):
        raise ProbeError("answer", f"{what} answered with a vector of {len(vector)} that is all zeros or not all finite numbers")
    return len(vector)


def error_words(body: t.Any) -> tuple[str, str]:
    """Type and message of an error as vLLM writes them: an object, a string (401) or ``detail`` (no such route)."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("type") or ""), str(error.get("message") or "")
    if isinstance(error, str):
        return "", error
    detail = body.get("detail")
    return ("detail", detail) if isinstance(detail, str) else ("", "")


def _reason(answer: HttpAnswer) -> str:
    """What the status means for the person who must act."""
    location = answer.headers.get("Location")
    if location is not None and 300 <= answer.status < 400:
        return f", a redirect to {shown(location)!r}; redirects are not followed: set url to that address if it is the right one"
    kind, message = error_words(answer.json())
    quoted = f": {shown(message)}" if message else ""
    if answer.status == 401:
        return f"{quoted}; the key is missing or wrong: check endpoint_api_key (VLLM_API_KEY)"
    if answer.status == 404 and kind == "detail":
        return f"{quoted}; the server has no such route: it serves another kind of model (kind: chat, completion, embedding) or is not vLLM"
    if answer.status == 404 and kind == "NotFoundError":
        return f"{quoted}; the server serves another name"
    return quoted
