# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One timed request, with the words and clock of ``vllm bench serve``.

TTFT: from just before sending to the first chunk that has ``choices``, even with empty text. End: the last such chunk, so that neither
the usage chunk nor ``[DONE]`` count. ITL: every gap between such chunks. TPOT: (latency - TTFT) / (tokens - 1). Tokens: the server's ``usage``.
"""

from __future__ import annotations

import array
import dataclasses
import http.client
import json
import time
import typing as t

from . import _answers
from ._bodies import PATHS, body
from ._errors import ProbeError, shown
from ._http import CAP_BYTES, HttpAnswer, HttpSession
from ._sse import Parser

# A chunk of vLLM is about 250 bytes; the rest is for reasoning and tool calls.
BYTES_PER_TOKEN = 2048
# vLLM sends a piece for each token at most; others cut text into characters.
PIECES, PIECES_PER_TOKEN = 64, 16
DONE = b"[DONE]"


def _no_gaps() -> array.array[float]:
    """Eight bytes each: a run has as many as it has tokens."""
    return array.array("d")


@dataclasses.dataclass(frozen=True)
class Ask:
    """What every request of one run sends."""

    kind: str
    model: str
    prompt: str
    max_tokens: int
    seconds: float
    names: frozenset[str] = frozenset()
    exact: bool = False

    @property
    def path(self) -> str:
        return PATHS[self.kind]

    @property
    def what(self) -> str:
        return f"POST {self.path}"


@dataclasses.dataclass
class Sample:
    """One request's times in seconds. ``error`` is empty when it succeeded; ``start`` is the schedule's where there is one."""

    start: float
    sent: float = 0.0
    end: float = 0.0
    ttft: float | None = None
    latency: float | None = None
    gaps: array.array[float] = dataclasses.field(default_factory=_no_gaps)
    tokens: int = 0
    error: str = ""
    message: str = ""

    @property
    def tpot(self) -> float | None:
        if self.latency is None or self.ttft is None or self.tokens < 2:
            return None
        return (self.latency - self.ttft) / (self.tokens - 1)


@dataclasses.dataclass
class _Reply:
    """What the chunks of one stream add up to so far."""

    what: str
    names: frozenset[str]
    clean: t.Callable[[bytes], bytes] = bytes
    first: float = 0.0
    last: float = 0.0
    most: int = 0
    gaps: array.array[float] = dataclasses.field(default_factory=_no_gaps)
    finish: t.Any = None
    usage: t.Any = None
    done: bool = False

    def take(self, event: bytes, now: float) -> None:
        if event == DONE:
            self.done = True
            return
        try:
            chunk = json.loads(event)
        except (ValueError, RecursionError) as error:
            quoted = shown(self.clean(event)[:120].decode("utf-8", "replace"))
            raise ProbeError("stream", f"{self.what} streamed an event that is not valid JSON: {quoted!r}") from error
        if not isinstance(chunk, dict):
            raise ProbeError("stream", f"{self.what} streamed an event that is not a JSON object")
        if chunk.get("error"):
            _kind, message = _answers.error_words(chunk)
            quoted = shown(self.clean(str(message or chunk["error"]).encode()).decode("utf-8", "replace"))
            raise ProbeError("stream", f"{self.what} answered 200 and then an error inside the stream: {quoted}")
        self._count(chunk, now)

    def _count(self, chunk: dict[str, t.Any], now: float) -> None:
        choices = chunk.get("choices")
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return
        if not self.first:
            _answers.require_model(chunk, self.what, self.names)
            self.first = now
        else:
            self.gaps.append(now - self.last)
            if len(self.gaps) > self.most:
                raise ProbeError("too_large", f"{self.what} streamed more than {self.most} pieces, far more than the tokens that were asked for")
        self.last = now
        self.finish = choices[0].get("finish_reason") or self.finish


def stream(session: HttpSession, ask: Ask, sample: Sample) -> None:
    """Fills ``sample`` from one streamed generation read to ``[DONE]``; raises ProbeError."""
    sample.sent = time.perf_counter()
    until = sample.sent + ask.seconds
    cap = CAP_BYTES + BYTES_PER_TOKEN * ask.max_tokens
    asked = body(ask.kind, ask.model, ask.prompt, ask.max_tokens, stream=True, exact=ask.exact)
    response = session.send("POST", ask.path, asked, until=until, cap=cap)
    reply = _Reply(ask.what, ask.names, session.without_key, most=PIECES + PIECES_PER_TOKEN * ask.max_tokens)
    try:
        if response.status != 200:
            _answers.require_ok(_whole(session, response, sample.sent), ask.what)
        _read(response, reply)
    except ProbeError:
        session.close()
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise session.failed(error, ask.what, ask.seconds) from error
    session.finish(response, ask.what)
    _fill(sample, reply)


def _read(response: http.client.HTTPResponse, reply: _Reply) -> None:
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith("text/event-stream"):
        raise ProbeError("stream", f"{reply.what} was asked for a stream and answered with {shown(kind, 60) or 'no content type'}")
    parser = Parser()
    while piece := response.read1(65536):
        now = time.perf_counter()
        for event in parser.feed(piece):
            if reply.done:
                raise ProbeError("stream", f"{reply.what} continued after [DONE]")
            reply.take(event, now)
    if not reply.done:
        raise ProbeError("truncated", f"{reply.what}: the stream ended without [DONE]: the server died or a proxy cut it off")
    if not reply.first:
        raise ProbeError("stream", f"{reply.what} streamed no token before [DONE]")


def _whole(session: HttpSession, response: http.client.HTTPResponse, start: float) -> HttpAnswer:
    pieces = []
    while piece := response.read1(65536):
        pieces.append(piece)
    whole = session.without_key(b"".join(pieces))
    session.transport.vet(response.status, whole)
    return HttpAnswer(response.status, response.headers, whole, start, time.perf_counter())


def _fill(sample: Sample, reply: _Reply) -> None:
    _answers.require_finished(reply.finish, reply.what)
    sample.tokens = _answers.require_tokens(reply.usage, reply.what)
    sample.ttft = reply.first - sample.sent
    sample.latency = reply.last - sample.sent
    sample.gaps = reply.gaps
    sample.end = reply.last


def plain(session: HttpSession, ask: Ask, sample: Sample) -> int:
    """Fills ``sample`` from one request that is not streamed: tokens of a generation, or the size of an embedding, are returned."""
    asked = body(ask.kind, ask.model, ask.prompt, ask.max_tokens, exact=ask.exact)
    sample.sent = time.perf_counter()
    answer = session.ask("POST", ask.path, asked, seconds=ask.seconds)
    sample.end = answer.end
    sample.latency = answer.end - answer.start
    reply = _answers.require_ok(answer, ask.what)
    if ask.kind == "embedding":
        return _answers.embedding_size(reply, ask.what, ask.names)
    sample.tokens = _answers.completion_tokens(reply, ask.what, ask.names)
    return sample.tokens
