# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a checked request to finished sequences: all at once, or token by token as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import typing as t
import zlib

from starlette.requests import Request
from starlette.responses import Response

from ._core import Engine
from ._errors import Aborted, EngineDead
from ._sampling import Sampling
from ._sequence import Sequence
from ._server import Receive, Scope, Send, Server


def sequences(server: Server, request_id: str, prompts: list[tuple[str, int]], sampling: Sampling) -> list[Sequence]:
    """One for each prompt and each of its n answers; temperature 0 and a seed make the same words again."""
    planned: list[Sequence] = []
    for text, tokens in prompts:
        seed = sampling.seed if sampling.seed is not None else 0 if sampling.greedy else None
        for _ in range(sampling.n):
            fixed = None if seed is None else zlib.crc32(text.encode("utf-8", "surrogatepass"), seed & 0xFFFFFFFF)
            sequence = server.engine.plan(request_id, tokens, sampling.max_tokens, fixed, sampling.to_the_end)
            sequence.params_n = sampling.n
            sequence.index = len(planned)
            _apply_stop(sequence, sampling.stop)
            planned.append(sequence)
    return planned


def _apply_stop(sequence: Sequence, stops: tuple[str, ...]) -> None:
    """The text ends before the first stop string; the tokens that spelt it count."""
    text = "".join(sequence.words)
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    if not found:
        return
    at, stop = min(found)
    kept: list[str] = []
    length = 0
    for word in sequence.words:
        kept.append(word[: max(0, at - length)])
        length += len(word)
        if length >= at + len(stop):
            break
    sequence.words, sequence.finish, sequence.stop_reason = kept, "stop", stop


async def complete(server: Server, request: Request, planned: list[Sequence]) -> bool:
    """Runs every sequence to its end; False when the client left before."""
    engine = server.engine
    engine.admit(len(planned))
    watcher = asyncio.create_task(_cancel_when_gone(request.receive, t.cast("asyncio.Task[t.Any]", asyncio.current_task())))
    try:
        if len(planned) == 1:
            await _run(engine, planned[0])
        else:
            await _run_all(engine, planned)
    except asyncio.CancelledError:
        return False
    finally:
        watcher.cancel()
        engine.release(len(planned))
    return True


async def _run_all(engine: Engine, planned: list[Sequence]) -> None:
    tasks = [asyncio.create_task(_run(engine, sequence)) for sequence in planned]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(engine: Engine, sequence: Sequence) -> None:
    try:
        async with _running(engine, sequence, stream=False):
            await engine.run_out(sequence)
    except Aborted:
        sequence.finish = "abort"


@contextlib.asynccontextmanager
async def _running(engine: Engine, sequence: Sequence, stream: bool) -> t.AsyncIterator[None]:
    """Starts a sequence and books how it ended, whatever happens to it."""
    try:
        await engine.start(sequence)
    except BaseException as caught:
        engine.note(sequence, _outcome(caught), stream)
        raise
    try:
        yield
    except BaseException as caught:
        engine.finish(sequence, _outcome(caught), stream)
        raise
    engine.finish(sequence, sequence.finish, stream)


def _outcome(caught: BaseException) -> str:
    if isinstance(caught, Aborted):
        return "abort"
    return "dead" if isinstance(caught, EngineDead) else "disconnected"


async def _cancel_when_gone(receive: Receive, task: asyncio.Task[t.Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()


class StreamCut(Exception):
    """The connection is to end without a last chunk."""


async def tokens(server: Server, sequence: Sequence) -> t.AsyncIterator[str]:
    """Each token's text when it comes; ends as the fault asked for makes it end."""
    engine, faults = server.engine, server.faults
    try:
        async with _running(engine, sequence, stream=True):
            yield sequence.words[0]
            while sequence.endless or sequence.made < len(sequence.words):
                if faults.stream_fault == "cut" and sequence.made >= faults.stream_after:
                    raise StreamCut
                await engine.step(sequence)
                yield sequence.words[sequence.made - 1]
    except Aborted:
        sequence.finish = "abort"


class Merged:
    """Several sequences of one request, in the order in which their tokens come."""

    def __init__(self, server: Server, planned: list[Sequence]) -> None:
        self._server = server
        self._planned = planned

    async def __aiter__(self) -> t.AsyncIterator[tuple[Sequence, str | None]]:
        """``None`` ends one sequence."""
        if len(self._planned) == 1:
            async with contextlib.aclosing(t.cast("t.AsyncGenerator[str, None]", tokens(self._server, self._planned[0]))) as source:
                async for text in source:
                    yield self._planned[0], text
            yield self._planned[0], None
            return
        ready: asyncio.Queue[tuple[Sequence, str | None] | BaseException] = asyncio.Queue()
        tasks = [asyncio.create_task(self._feed(sequence, ready)) for sequence in self._planned]
        try:
            left = len(tasks)
            while left:
                item = await ready.get()
                if isinstance(item, BaseException):
                    raise item
                left -= item[1] is None
                yield item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, sequence: Sequence, ready: asyncio.Queue[t.Any]) -> None:
        try:
            async for text in tokens(self._server, sequence):
                ready.put_nowait((sequence, text))
            ready.put_nowait((sequence, None))
        except (EngineDead, StreamCut) as caught:
            ready.put_nowait(caught)


class EventStream(Response):
    """Server-sent events; the answer has begun with 200 before the first token is there."""

    media_type = "text/event-stream"

    def __init__(self, server: Server, planned: list[Sequence], events: t.AsyncGenerator[str, None]) -> None:
        self._server = server
        self._planned = planned
        self._events = events
        server.engine.admit(len(planned))
        self.status_code = 200
        self.background = None
        self.raw_headers = [(b"content-type", b"text/event-stream; charset=utf-8")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = t.cast("asyncio.Task[t.Any]", asyncio.current_task())
        watcher = asyncio.create_task(_cancel_when_gone(receive, task))
        if self._server.engine.truth.wanted:
            for sequence in self._planned:
                sequence.received = scope.get("received")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with contextlib.aclosing(self._events) as events:
                async for event in events:
                    await self._write(send, event.encode())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (StreamCut, asyncio.CancelledError):
            return
        finally:
            watcher.cancel()
            self._server.engine.release(len(self._planned))

    async def _write(self, send: Send, data: bytes) -> None:
        if self._server.faults.stream_fault != "drip":
            await send({"type": "http.response.body", "body": data, "more_body": True})
            return
        for at in range(len(data)):
            await send({"type": "http.response.body", "body": data[at : at + 1], "more_body": True})
            await asyncio.sleep(self._server.faults.drip_seconds)
